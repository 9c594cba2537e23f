"""Terms of a text, and how much each family of terms counts: the pool tells, not a list of languages.

A word repeats in other texts where a script separates words. Where it does not (Japanese, Chinese, Thai), what stands
between two spaces is a clause that no other text has. A letter tells little in an alphabet (4 to 5 bits), and half a
word in Chinese, Japanese or Korean (7 to 8 bits). Both figures need no label and depend little on the size of the pool.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

#: How each family of terms is extracted from a text. The first two are those of encoders of form 1.
FAMILIES: dict[str, dict[str, Any]] = {
    "words": {"analyzer": "word", "ngram_range": (1, 2), "token_pattern": r"(?u)\b\w+\b"},
    "letters": {"analyzer": "char_wb", "ngram_range": (3, 5)},
    "characters": {"analyzer": "char", "ngram_range": (1, 2)},
}

#: Written into each encoder. Form 1 (no number in the file) had no characters, and neither folded texts nor weighed
#: families.
FORM = 2

#: So many texts are enough to tell the script.
_LOOKED_AT = 2_000


@dataclass(frozen=True)
class Script:
    """What a pool tells about its script.

    Attributes:
        bits: Entropy of a single letter, in bits.
        repeated: Of all letters, the share in words that another text has, too; in [0, 1].
    """

    bits: float
    repeated: float

    def weights(self) -> dict[str, float]:
        """How much the terms of each family count: the factor of their unit rows, in (0, 1].

        The corners were set on manuals in fourteen languages: alphabets with spaces have at most 5.1 bits and repeat
        more than half of their words, or a third in a pool of 150 texts; Chinese, Japanese and Thai repeat a fifth.

        Example:
            >>> english, chinese = Script(bits=4.2, repeated=0.8), Script(bits=8.3, repeated=0.1)
            >>> {family: round(weight, 2) for family, weight in english.weights().items()}
            {'words': 1.0, 'letters': 1.0, 'characters': 0.32}
            >>> {family: round(weight, 2) for family, weight in chinese.weights().items()}
            {'words': 0.2, 'letters': 0.48, 'characters': 1.0}
        """
        spaced = max(min(1.0, self.repeated / 0.5), 0.05)
        telling = min(1.0, max(0.0, (self.bits - 5.0) / 2.5))
        return {
            "words": spaced,
            # three letters of a large script are as rare as a phrase
            "letters": math.sqrt((1 - 0.7 * telling) * (0.7 + 0.3 * spaced)),
            # punctuation, emojis and endings count in every script; more than this costs a point on English news
            "characters": math.sqrt(0.1 + 0.9 * max(telling, 1 - spaced)),
        }


def fold(text: str) -> str:
    """One form for what reads alike: widths, ligatures and combining marks (NFKC), case and spaces.

    Example:
        >>> fold("ＡＢＣ  ｶﾞ Straße")
        'abc ガ strasse'
    """
    return " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).split())


def prepared(texts: Sequence[str], form: int = FORM) -> list[str]:
    """The texts as the extractors of a form read them."""
    return [fold(text) for text in texts] if form >= 2 else list(texts)


def script_of(texts: Sequence[str]) -> Script:
    """Measure the script of some folded texts; of many, 2,000 evenly spaced ones are enough.

    Example:
        >>> script_of(["aa b", "aa c"])  # two of three letters are in a word of both texts
        Script(bits=1.2516291673878228, repeated=0.6666666666666666)
    """
    looked_at = [texts[row] for row in range(0, len(texts), max(1, math.ceil(len(texts) / _LOOKED_AT)))]
    word = re.compile(_word())
    used: Counter[str] = Counter()
    in_texts: Counter[str] = Counter()
    for text in looked_at:
        words = word.findall(text)
        used.update(words)
        in_texts.update(set(words))
    letters: Counter[str] = Counter()
    for term, times in used.items():
        for letter in term:
            letters[letter] += times
    total = sum(letters.values())
    if not total:
        return Script(0.0, 0.0)  # signs only: their pairs are all there is
    shares = np.array(list(letters.values())) / total
    repeated = sum(len(term) * times for term, times in used.items() if in_texts[term] > 1)
    return Script(float(-(shares * np.log2(shares)).sum()), repeated / total)


def vectorizer(family: str, form: int = FORM, **more: Any) -> TfidfVectorizer:
    """The unfitted extractor of a family of terms, as encoders of a form have it; it reads texts of ``prepared``."""
    settings = dict(FAMILIES[family])
    if form >= 2:
        settings["lowercase"] = False  # by fold
        if family == "words":
            settings["token_pattern"] = _word()
    return TfidfVectorizer(sublinear_tf=True, dtype=np.float64, **settings, **more)


@cache
def _word() -> str:
    r"""A pattern of words that keeps combining marks in them: ``\w`` alone cuts Thai and Hindi at their vowels."""
    return rf"(?u)[\w{''.join(_ranges(code for code in range(0x300, 0x20000) if _is_mark(chr(code))))}]+"


def _is_mark(letter: str) -> bool:
    return unicodedata.category(letter) in ("Mn", "Mc")


def _ranges(codes: Iterable[int]) -> Iterator[str]:
    """Runs of code points as ``a-b``, as a set of a pattern has them."""
    first = last = None
    for code in codes:
        if last is not None and code == last + 1:
            last = code
            continue
        if first is not None and last is not None:
            yield f"{chr(first)}-{chr(last)}"
        first = last = code
    if first is not None and last is not None:
        yield f"{chr(first)}-{chr(last)}"
