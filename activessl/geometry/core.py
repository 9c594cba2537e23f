"""Large pools: a random core is smoothed as a pool of its own, and other items are placed over it when needed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from activessl.geometry.blocks import LARGE, Rows, sample_rows
from activessl.geometry.smoothing import Smoothed
from activessl.geometry.units import centred_rows
from activessl.sealed import beside, read_array

#: Items of the core. Measured in docs/decisions/0052-large-pools.md.
CORE = 200_000
#: Rows that are placed at once where all are needed: enough that the cells of the core are made rarely.
_BLOCK = 262_144
#: Most placed rows that are kept in memory: verbs ask for the labeled rows several times.
_KEPT = 100_000


def core_of(n: int) -> Rows:
    """The rows of the core of a pool of n items, ascending: all of them up to ``LARGE``, else always the same draw.

    Example:
        >>> core_of(3).tolist(), len(core_of(LARGE + 1)) == CORE
        ([0, 1, 2], True)
    """
    return np.arange(n) if n <= LARGE else sample_rows(n, CORE, np.random.default_rng(0))


@dataclass(frozen=True, eq=False)
class Cored:
    """A large pool of which a core is smoothed; it is read by rows, as :class:`Smoothed` is.

    Attributes:
        core: The smoothed core, with which other vectors are smoothed.
        rows: (c,) its rows of the pool, ascending.
        vectors: (n, d) the vectors of the pool; memory-mapped.
        mean: (d,) the mean to centre on.
        folder: Where the points of all rows are kept once somebody needed them; None to keep them nowhere.
        name: Name of their file there; it changes with the vectors.
    """

    core: Smoothed
    rows: Int[np.ndarray, " c"]
    vectors: Float[np.ndarray, "n d"]
    mean: Float[np.ndarray, " d"]
    folder: Path | None = None
    name: str = "placed"
    _placed: dict[int, Float[np.ndarray, " d"]] = field(default_factory=dict, init=False, repr=False)

    def at(self, rows: Int[np.ndarray, " m"]) -> Float[np.ndarray, "m d"]:
        """The points of some rows, as float32; those outside the core are placed over their neighbours in it."""
        asked = np.asarray(rows, dtype=np.int64)
        out = np.empty((len(asked), self.vectors.shape[1]), dtype=np.float32)
        seat = np.minimum(np.searchsorted(self.rows, asked), len(self.rows) - 1)
        inside = self.rows[seat] == asked
        out[inside] = self.core.points[seat[inside]]
        outside = np.flatnonzero(~inside)
        new = np.unique(asked[[i for i in outside if int(asked[i]) not in self._placed]])
        if len(self._placed) + len(new) > _KEPT:
            self._placed.clear()
            new = np.unique(asked[outside])
        if len(new):
            made = self.core.transform(centred_rows(self.vectors[new], self.mean))
            if len(new) > _KEPT:
                out[outside] = made[np.searchsorted(new, asked[outside])]
                return out
            self._placed.update(zip(new.tolist(), made, strict=True))
        for i in outside:
            out[i] = self._placed[int(asked[i])]
        return out

    @cached_property
    def points(self) -> Float[np.ndarray, "n d"]:
        """The points of all rows, float16 in a memory-mapped file: hours for ten million items, so it is asked for only
        where each item counts, as in an export.

        Raises:
            OSError: The file cannot be written.
        """
        if self.folder is None:
            return self._all(lambda shape: np.empty(shape, dtype=np.float16))
        kept, shape = self.folder / f"{self.name}.npy", self.vectors.shape
        if kept.is_file():
            with suppress(OSError, ValueError):
                found: Float[np.ndarray, "n d"] = read_array(kept, mmap_mode="r")
                if found.shape == shape:
                    return found
        part = beside(kept)
        try:
            self._all(lambda shape: _mapped(part, shape)).flush()  # type: ignore[attr-defined]
            part.replace(kept)
        finally:
            part.unlink(missing_ok=True)
        return read_array(kept, mmap_mode="r")

    def _all(self, make: Callable[[tuple[int, ...]], np.ndarray[Any, Any]]) -> Float[np.ndarray, "n d"]:
        n = len(self.vectors)
        out = make(self.vectors.shape)
        for first in range(0, n, _BLOCK):
            rows = np.arange(first, min(first + _BLOCK, n))
            out[first : first + _BLOCK] = self.core.transform(centred_rows(self.vectors[rows], self.mean))
        out[self.rows] = self.core.points
        return out

    @cached_property
    def plain(self) -> Cored:
        """The same pool without smoothing."""
        # the name changes with the vectors, too: the core may stay the same where other rows do not
        return Cored(self.core.plain, self.rows, self.vectors, self.mean, self.folder, f"plain-{self.name}")

    def transform(self, vectors: Float[np.ndarray, "m d"]) -> Float[np.ndarray, "m d"]:
        """Smooth other vectors over the core, as :meth:`Smoothed.transform`."""
        return self.core.transform(vectors)

    def usual_reach(self) -> Float[np.ndarray, " q"]:
        """As :meth:`Smoothed.usual_reach`, of the core."""
        return self.core.usual_reach()


def _mapped(path: Path, shape: tuple[int, ...]) -> np.memmap[Any, np.dtype[np.float16]]:
    return np.lib.format.open_memmap(path, mode="w+", dtype=np.float16, shape=shape)  # type: ignore[no-untyped-call, no-any-return]
