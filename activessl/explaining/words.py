"""The places of a text: its words or, where a script writes without spaces, its characters."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float

#: Places of a long text: words are then joined into spans of equal numbers of words.
MOST = 96
#: Scripts without spaces between words, by the first and last code point of their blocks.
_UNSPACED = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x0F00, 0x0FFF),  # Tibetan
    (0x1000, 0x109F),  # Burmese
    (0x1780, 0x17FF),  # Khmer
    (0x3040, 0x30FF),  # Hiragana, Katakana
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),  # Chinese characters
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)
#: Vowels of Thai and Lao that Unicode counts as letters, and that are written after their consonant.
_VOWELS = "\u0e30\u0e32\u0e33\u0eb0\u0eb2\u0eb3"


@dataclass(frozen=True, eq=False)
class TextPlaces:
    """A text, divided into words, spans of words or characters.

    Attributes:
        text: The text.
        starts: Where each place begins, and the end of the text; what follows a word up to the next belongs to it.
    """

    text: str
    starts: tuple[int, ...]
    axes: tuple[str, ...] = ("word",)
    windows: tuple[tuple[int, ...], ...] = ((1,), (2,), (4,))

    @property
    def grid(self) -> tuple[int, ...]:
        """Number of places."""
        return (len(self.starts) - 1,)

    @property
    def parts(self) -> tuple[str, ...]:
        """The text of each place."""
        return tuple(self.text[a:b] for a, b in pairwise(self.starts))

    def hide(self, hidden: Float[np.ndarray, " n"]) -> str:
        """The text without the hidden places."""
        return "".join(part for part, gone in zip(self.parts, hidden, strict=True) if gone < 0.5).strip()


def word_places(text: str, sample_rate: int | None = None) -> TextPlaces:  # noqa: ARG001
    """Divide a text into places.

    Example:
        >>> word_places("Lid scratched, again.").parts, word_places("傷あり").parts, word_places("").grid
        (('Lid ', 'scratched, ', 'again.'), ('傷', 'あ', 'り'), (0,))
    """
    found = [at for word in re.finditer(r"\S+", text) for at in _within(word[0], word.start())]
    step = -(-len(found) // MOST) or 1
    starts = found[::step]
    if not starts:
        return TextPlaces(text, (0,))
    return TextPlaces(text, (0, *starts[1:], len(text)))


def _within(word: str, start: int) -> list[int]:
    """Where the places of a run without spaces begin: each character of an unspaced script, with its marks."""
    starts = [start]
    for i, (before, letter) in enumerate(pairwise(word), start=1):
        if (_unspaced(letter) or _unspaced(before)) and not _joins(letter):
            starts.append(start + i)
    return starts


def _unspaced(letter: str) -> bool:
    return any(first <= ord(letter) <= last for first, last in _UNSPACED)


def _joins(letter: str) -> bool:
    """Whether a character belongs to the one before: a combining mark, or punctuation."""
    return unicodedata.category(letter)[0] in "MP" or letter in _VOWELS
