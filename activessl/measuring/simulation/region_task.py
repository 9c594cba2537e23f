"""Items whose regions are known, and what a strategy may know of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Int

from activessl.encoders.parts.store import PartStore
from activessl.heads.dense.head import DenseHead
from activessl.labels.regions.places import PlaceKind
from activessl.labels.regions.region import Regions
from activessl.strategies.parts.state import PartState

#: Parts of a picture on which choice works, at most: finer ones are many and alike.
_CHOICE_PARTS = 256

Rows = Int[np.ndarray, " m"]


@dataclass(frozen=True, eq=False)
class RegionTask:
    """Items whose regions are known.

    Attributes:
        parts: The vectors of their parts.
        extents: For each item, (height, width) in pixels, or (length,) in samples or code points.
        regions: For each item, its true regions.
        kind: What regions are.
        classes: Names of the classes.
        split: 0 for items of the pool, other values for test items; None to hold out a random fifth for each seed.
        most_test: Test items that are used at most.
    """

    parts: PartStore
    extents: Sequence[tuple[int, ...]]
    regions: Sequence[Regions]
    kind: PlaceKind
    classes: tuple[str, ...]
    split: Int[np.ndarray, " n"] | None = None
    most_test: int = 1_000

    def sides(self, seed: int, s: int) -> tuple[Rows, Rows]:
        """Rows of the pool and of the test items of a seed."""
        rng = np.random.default_rng([seed, s, 1])
        if self.split is None:
            order = rng.permutation(len(self.parts))
            cut = max(1, len(order) // 5)
            test, pool = order[:cut], order[cut:]
        else:
            pool, test = np.flatnonzero(self.split == 0), rng.permutation(np.flatnonzero(self.split != 0))
        return np.sort(pool), np.sort(test[: self.most_test])


def part_state(
    task: RegionTask, head: DenseHead | None, pool: Rows, labeled: Rows, rng: np.random.Generator
) -> PartState:
    """The state of the items of a pool: probabilities relative to the head's thresholds, on parts of one level.

    A part of a coarser level has the largest probability of the places in it: whether it holds something counts, and
    not how sure the head is of its edges. Without a head, nothing is known but the vectors.
    """
    parts = task.parts
    level = choice_level(parts)
    offsets = np.concatenate([[0], parts.shapes[pool, level].prod(axis=1).cumsum()]).astype(np.int64)
    probs = None if head is None else np.empty((int(offsets[-1]), len(task.classes)), dtype=np.float16)
    if head is not None and probs is not None:
        bounds = np.array(head.cuts.thresholds)[:, None, None]
        for at, one in enumerate(head.probabilities(parts, pool.tolist())):
            odds = one / (1 - one + 1e-9) * (1 - bounds) / bounds  # 1 where the head decides
            rows, columns = (int(n) for n in parts.shapes[pool[at], level])
            relative = torch.from_numpy(np.asarray(odds / (1 + odds), dtype=np.float32))[None]
            coarse = F.adaptive_max_pool2d(relative, (rows, columns))[0].numpy()
            probs[offsets[at] : offsets[at + 1]] = coarse.reshape(len(task.classes), -1).T
    network = None if head is None else head.network
    standard = None
    if network is not None:
        mean, scale = (getattr(network, f"{name}{level}").flatten().numpy() for name in ("mean", "scale"))
        standard = (mean, scale)
    return PartState(
        vectors=_Rows(parts, level, pool),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        offsets=offsets,
        labeled=np.searchsorted(pool, labeled),
        rng=rng,
        probs=probs,
        ids=tuple(parts.ids[row] for row in pool),
        standard=standard,
    )


def choice_level(parts: PartStore) -> int:
    """The finest level with at most 256 parts an item, for pictures; the first one for parts in a row.

    Example:
        >>> from activessl.encoders.parts.base import ItemParts
        >>> grids = tuple(np.zeros((side, side, 2), np.float16) for side in (56, 28, 14, 7))
        >>> choice_level(PartStore.of([ItemParts(grids)], ["a"]))
        2
    """
    if parts.flat:
        return 0
    counts = parts.shapes.prod(axis=2).mean(axis=0)
    fitting = np.flatnonzero(counts <= _CHOICE_PARTS)
    return int(fitting[0]) if len(fitting) else len(counts) - 1


class _Rows:
    """The vectors of some items of a store as one array of rows, read only where they are indexed."""

    def __init__(self, parts: PartStore, level: int, rows: Rows) -> None:
        starts = parts.offsets[rows, level]
        counts = parts.offsets[rows + 1, level] - starts
        self._values = parts.levels[level]
        self._offsets = np.concatenate([[0], counts.cumsum()])
        self._starts = starts
        self.shape = (int(self._offsets[-1]), self._values.shape[1])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, at: Int[np.ndarray, " q"]) -> np.ndarray[Any, Any]:
        item = np.searchsorted(self._offsets, at, side="right") - 1
        return np.asarray(self._values[self._starts[item] + at - self._offsets[item]])
