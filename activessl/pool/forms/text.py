"""Texts: each item is a str."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

import numpy as np

from activessl.pool.forms.base import Column, Files, Form, Long, Reading, last_is_short, length
from activessl.pool.texts import decode_text
from activessl.pool.traits.words import CONTENT

if TYPE_CHECKING:
    from activessl.pool.recordings.base import Recording


def _column(texts: Collection[str], _: Collection[str]) -> str | None:
    return "text" if "text" in texts else None


def vary(text: str, rng: np.random.Generator) -> str:
    """Vary a text: leave out 15 % of its words at random."""
    words = text.split()
    kept = rng.random(len(words)) > 0.15
    return " ".join(word for word, keep in zip(words, kept, strict=True) if keep) if kept.any() else text


def portable(content: bytes, _: Callable[[], object]) -> tuple[bytes, str, str]:
    """Return the stored text, as UTF-8."""
    return content, "txt", "text/plain"


def _decoded(found: Reading, rate: int | None) -> Recording:  # noqa: ARG001  a text has no rate
    from activessl.pool.recordings.texts import LongText  # only where texts are cut

    return LongText(str(found.media))


FORM = Form(
    name="text",
    plural="text files",
    shown="text",
    encoder=("tfidf", "TF-IDF of words and letters needs no download"),
    pretrained="sentence",
    files=Files(lambda: (".txt",), decode_text, stray=True, most_bytes=16_000_000),
    column=Column(_column, decode_text),
    is_tiny=last_is_short,
    size=length,
    portable=portable,
    vary=vary,
    layouts=frozenset({"folders", "huggingface"}),
    content=CONTENT,
    long=Long(_decoded),
)
