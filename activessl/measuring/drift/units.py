"""Two samples in one set of points, and the units that a permutation exchanges as a whole."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from activessl.errors import MeasureError
from activessl.geometry.blocks import thin
from activessl.geometry.units import centred_rows

#: With fewer new units there is no test: of 20, one unit is 5 % of the mass already.
FEWEST = 20
#: Most rows of each sample that are compared; larger samples are thinned at random, and the test stays exact.
MOST_OLD, MOST_NEW = 4_000, 2_000
#: Above this share of units that occur in both samples, both are thinned to one size: of a frequent value, a larger
#: sample holds more copies, but not more units.
_SHARED = 0.01


@dataclass(frozen=True, eq=False)
class Pooled:
    """The rows of both samples together.

    Attributes:
        points: (n, d) float32 unit rows, centred on the mean of both samples: no step treats the samples differently.
        mean: (d,) that mean.
        rows: (n,) the row of each point in its own sample.
        unit: (n,) the unit of each point, from 0. A unit is the part of a group in one sample.
        group: (n,) the group of each point, from 0: given groups, joined where their items have equal vectors.
        is_new: (u,) whether each unit is of the new sample.
        seat: (g,) for each group the unit that stands for it among the neighbours of other groups.
    """

    points: Float[np.ndarray, "n d"]
    mean: Float[np.ndarray, " d"]
    rows: Int[np.ndarray, " n"]
    unit: Int[np.ndarray, " n"]
    group: Int[np.ndarray, " n"]
    is_new: Bool[np.ndarray, " u"]
    seat: Int[np.ndarray, " g"]

    @property
    def single(self) -> bool:
        """Whether each point is a unit and a group of its own."""
        return len(self.seat) == len(self.points)

    @property
    def new_points(self) -> Bool[np.ndarray, " n"]:
        """Whether each point is of the new sample."""
        found: Bool[np.ndarray, " n"] = self.is_new[self.unit]
        return found

    def unit_points(self) -> Float[np.ndarray, "u d"]:
        """The mean of the points of each unit."""
        if self.single:
            order = np.empty(len(self.unit), dtype=np.int64)
            order[self.unit] = np.arange(len(self.unit))
            return self.points[order]
        sums = np.zeros((len(self.is_new), self.points.shape[1]))
        np.add.at(sums, self.unit, self.points)
        return np.asarray(sums / np.bincount(self.unit)[:, None], dtype=np.float32)

    def permuted(self, count: int, rng: np.random.Generator) -> Float[np.ndarray, "u c"]:
        """``count`` columns that say at random which units are new: 1 for as many units as are new, else 0."""
        out = np.zeros((len(self.is_new), count), dtype=np.float32)
        for column in range(count):
            out[rng.permutation(len(self.is_new))[: int(self.is_new.sum())], column] = 1
        return out


def pool_samples(
    old: Float[np.ndarray, "n d"],
    new: Float[np.ndarray, "m d"],
    rng: np.random.Generator,
    groups: tuple[Int[np.ndarray, " n"], Int[np.ndarray, " m"]] | None = None,
) -> Pooled:
    """Put two samples together.

    A group on both sides gives two units. Its two parts are alike, which makes the samples look more alike than
    permuted ones: the test is then conservative. So are copies of an item on both sides.

    Args:
        old: Vectors of the earlier items.
        new: Vectors of the later items.
        rng: Source of the thinning.
        groups: Numbers of the groups of the old and of the new items; equal numbers are one group. By default each
            item is a group of its own.

    Raises:
        MeasureError: Vectors of different lengths, with NaN or infinity, or fewer than ``FEWEST`` units on a side.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> found = pool_samples(rng.normal(size=(40, 3)), np.repeat(rng.normal(size=(25, 3)), 2, axis=0), rng)
        >>> len(found.points), len(found.is_new), int(found.is_new.sum())
        (90, 65, 25)
    """
    if old.ndim != 2 or new.ndim != 2 or old.shape[1] != new.shape[1]:
        raise MeasureError(
            f"vectors of shapes {old.shape} and {new.shape}", hint="encode both samples with the same encoder"
        )
    out = thin(np.arange(len(old)), MOST_OLD, rng), thin(np.arange(len(new)), MOST_NEW, rng)
    sides = np.repeat([False, True], [len(out[0]), len(out[1])])
    rows = np.concatenate(out)
    vectors = np.concatenate([np.asarray(old[out[0]], dtype=np.float32), np.asarray(new[out[1]], dtype=np.float32)])
    if not np.isfinite(np.sum(vectors, dtype=np.float64)):
        raise MeasureError("vectors hold NaN or infinity", hint="encode the items again")
    given = rows + len(old) * sides if groups is None else np.concatenate([groups[0][out[0]], groups[1][out[1]]])
    group = _joined(vectors, given)
    if groups is None and _on_both(group, sides) > _SHARED * (group.max(initial=0) + 1):
        size = min(len(out[0]), len(out[1]))
        keep = np.concatenate([thin(np.flatnonzero(~sides), size, rng), thin(np.flatnonzero(sides), size, rng)])
        vectors, rows, sides, group = vectors[keep], rows[keep], sides[keep], group[keep]
    group = np.unique(group, return_inverse=True)[1].reshape(-1)
    _, first, unit = np.unique(2 * group + sides, return_index=True, return_inverse=True)
    is_new = sides[first]
    for count, name in ((int((~is_new).sum()), "old"), (int(is_new.sum()), "new")):
        if count < FEWEST:
            raise MeasureError(
                f"{count} distinct {name} item{'s' * (count != 1)} or groups, and a comparison needs {FEWEST}",
                hint="compare again when there are more items",
            )
    # of a group with parts in both samples, a part stands for it as often as the part is large
    order = rng.permutation(len(group))
    seat = np.empty(group.max() + 1, dtype=np.int64)
    seat[group[order]] = unit.reshape(-1)[order]
    mean = np.asarray(np.mean(vectors, axis=0, dtype=np.float64))
    return Pooled(centred_rows(vectors, mean), mean, rows, unit.reshape(-1), group, is_new, seat)


def _joined(vectors: Float[np.ndarray, "n d"], given: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
    """The groups, joined where their items have equal vectors."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    plain = np.ascontiguousarray(vectors + np.float32(0))  # so that -0.0 and 0.0 have the same bytes
    value = np.unique(plain.view(f"V{plain.itemsize * plain.shape[1]}").reshape(-1), return_inverse=True)[1]
    names = np.unique(given, return_inverse=True)[1].reshape(-1).astype(np.int64)
    if len(set(value.tolist())) == len(value):
        return np.asarray(names)
    size = names.max() + 1
    links = coo_array(
        (np.ones(len(names), dtype=np.int8), (names, size + value.reshape(-1))), shape=(2 * len(names),) * 2
    )
    part = connected_components(links, directed=False)[1]
    joined: Int[np.ndarray, " n"] = part[names].astype(np.int64)
    return joined


def _on_both(group: Int[np.ndarray, " n"], sides: Bool[np.ndarray, " n"]) -> int:
    return int(np.intersect1d(group[sides], group[~sides]).size)
