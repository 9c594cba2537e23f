"""What is measured of texts: whether they are empty, and what they say."""

from __future__ import annotations

import unicodedata
from hashlib import blake2b

from activessl.pool.traits.base import Content, Traits


def plain_words(text: str) -> str:
    """The words of a text, without case, punctuation and the kind of spaces between them.

    Marks that are not punctuation stay: two texts of different emoji, or of different signs, differ.

    Example:
        >>> plain_words("Good  film!"), plain_words("good film")
        ('good film', 'good film')
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    kept = "".join(" " if unicodedata.category(sign)[0] in "PZC" else sign for sign in folded)
    return " ".join(kept.split())


def measure(text: str) -> Traits:
    """Measure a text: ``empty`` is 1 if it has no sign but spaces, and those that are not seen."""
    empty = all(unicodedata.category(sign)[0] in "ZC" for sign in text)
    words = plain_words(text) or text.strip()  # a text of punctuation alone is what it is
    return Traits({"empty": float(empty)}, words=b"" if empty else blake2b(words.encode(), digest_size=16).digest())


CONTENT = Content(measure)
