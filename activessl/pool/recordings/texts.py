"""Long texts in windows of words or of characters, which begin and end with a whole word."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

from activessl.errors import PoolError
from activessl.pool.recordings.base import Part, inside, spans
from activessl.pool.recordings.cut import Cut, Place

_WORD = re.compile(r"\S+")


class LongText:
    """One text.

    Args:
        text: The text.
    """

    channels: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    step: float | None = None

    def __init__(self, text: str) -> None:
        self._text = text

    def parts(self, cut: Cut) -> Iterator[tuple[str, Part | str]]:
        """As of ``Recording``."""
        words = [match.span() for match in _WORD.finditer(self._text)]
        if cut.window is not None and cut.window.unit == "characters":
            places = self._of_characters(cut, words)
        else:
            places = ((words[a][0], words[b - 1][1]) for a, b, _ in spans(cut, len(words), None))
        for start, stop in dict.fromkeys(places):
            yield f"#char={start},{stop}", _of_text(self._text[start:stop])

    def part(self, place: Place) -> Part:
        """As of ``Recording``."""
        start, stop = inside(place, len(self._text), None)
        return _of_text(self._text[start:stop])

    def close(self) -> None:
        """Nothing is open."""

    def _of_characters(self, cut: Cut, words: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
        """The windows without the words that they cut; of a single long word, as they are."""
        starts, ends = [a for a, _ in words], [b for _, b in words]
        from bisect import bisect_left, bisect_right

        for start, stop, _ in spans(cut, len(self._text), None):
            first, last = bisect_left(starts, start), bisect_right(ends, stop) - 1
            if first <= last:
                yield starts[first], ends[last]
            elif self._text[start:stop].strip():
                yield start, stop


def _of_text(text: str) -> Part:
    content = text.encode("utf-8", errors="replace")
    if not text.strip():
        raise PoolError("text is empty", hint="remove it")
    return Part(text, lambda: content, hashlib.sha256(content).hexdigest())
