"""Measures of items, and how the prints of a form of data are compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Traits:
    """What is kept of one item after its content was seen.

    Attributes:
        figures: Measures by name; every item of a form has the same names.
        print: (d,) a small description of what is shown, of one length in a form; None if it shows nothing.
        words: What a text says, without case, spaces and punctuation, as a digest; empty for other forms.
    """

    figures: Mapping[str, float]
    print: Float[np.ndarray, " d"] | None = None
    words: bytes = b""


@dataclass(frozen=True, eq=False)
class Likeness:
    """How prints are compared: two items are alike if their distance is a small part of the usual distance.

    The usual distance is the median, over the pool, of the distance to the fifth neighbour: the same limit would be too
    large for pictures of one kind of part and too small for photographs of everything.

    Attributes:
        rows: Turns prints (n, d) into (n, e) unit rows whose Euclidean distances are compared.
        usual: The usual distance where a pool is too small to tell.
        share: The limit, as a share of the usual distance.
        most: The largest limit.
        confirm: Compares two sets of prints in detail, row by row, with the share of the usual distance that is left as
            limit; None where the distance decides.
    """

    rows: Callable[[Float[np.ndarray, "n d"]], Float[np.ndarray, "n e"]]
    usual: float
    share: float
    most: float
    confirm: Callable[[Float[np.ndarray, "m d"], Float[np.ndarray, "m d"], float], Bool[np.ndarray, " m"]] | None = None

    def limit(self, usual: float | None) -> float:
        """The largest distance of two items that are alike, in a pool with this usual distance."""
        return min(self.most, self.share * (self.usual if usual is None else usual))


@dataclass(frozen=True, eq=False)
class Content:
    """What a form of data measures of its items.

    Attributes:
        measure: Returns the traits of one item.
        likeness: How prints are compared; None if the form has no prints.
        stored: Returns figures of the stored bytes of an item, which count in place of those of the item itself; None
            where the bytes say nothing more. Some items are changed when they are read, such as resampled sounds.
    """

    measure: Callable[[Any], Traits]
    likeness: Likeness | None = None
    stored: Callable[[bytes], Mapping[str, float] | None] | None = None

    def traits(self, media: Any, read: Callable[[], bytes]) -> Traits:
        """Measure one item; ``read`` returns its stored bytes."""
        found = self.measure(media)
        figures = self.stored(read()) if self.stored else None
        return found if figures is None else replace(found, figures={**found.figures, **figures})


@dataclass(frozen=True, eq=False)
class Survey:
    """The traits of all items of a pool; its size does not depend on the size of the items.

    Attributes:
        figures: (n,) each measure, by name; empty where the form measures nothing.
        prints: (n, d) float16; rows of zeros for items without a print; None without prints.
        words: The digest of the words of each text; empty for other forms.
    """

    figures: Mapping[str, Float[np.ndarray, " n"]]
    prints: Float[np.ndarray, "n d"] | None = None
    words: Sequence[bytes] = ()


class Gathering:
    """Collects traits item by item."""

    def __init__(self, items: int) -> None:
        self._items = items
        self._figures: dict[str, Array] = {}
        self._prints: Array | None = None
        self._words: list[bytes] = []

    def add(self, row: int, traits: Traits) -> None:
        """Keep the traits of the item at a row."""
        for name, value in traits.figures.items():
            if name not in self._figures:
                self._figures[name] = np.zeros(self._items)
            self._figures[name][row] = value
        if traits.print is not None:
            if self._prints is None:
                self._prints = np.zeros((self._items, len(traits.print)), dtype=np.float16)
            self._prints[row] = traits.print
        if traits.words:
            self._words += [b""] * (row - len(self._words)) + [traits.words]

    def survey(self) -> Survey:
        """What was collected."""
        words = self._words + [b""] * (self._items - len(self._words)) if self._words else []
        return Survey(self._figures, self._prints, words)


def unit(rows: Array) -> Array:
    """Scale rows to length one; rows without any length stay zero.

    Example:
        >>> unit(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
        [[0.6, 0.8], [0.0, 0.0]]
    """
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(np.divide(rows, length, out=np.zeros_like(rows), where=length > 1e-9))
