"""Which later items lie where few earlier ones are, gathered into regions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from activessl.geometry.neighbours import neighbours as nearest
from activessl.geometry.units import centred_rows
from activessl.measuring.drift.statistics import SCALES, nearest_groups, steps
from activessl.measuring.drift.units import Pooled, pool_samples

#: Expected share of the named items that lie there by chance.
FALSE_SHARE = 0.1
#: Fewest items of a region.
FEWEST_ITEMS = 5
#: Permutations from which that share is estimated.
_PERMUTATIONS = 100
#: A named item belongs to the region of a named item among so many of its neighbours.
_LINKED = 10


@dataclass(frozen=True, eq=False)
class Region:
    """Later items that lie together, where few earlier items are.

    Attributes:
        rows: (r,) their rows among the later items, the most typical first: those nearest to the region's middle.
        surplus: How many of an item's neighbours are later ones, in the mean, in [0, 1].
    """

    rows: Int[np.ndarray, " r"]
    surplus: float

    def __len__(self) -> int:
        return len(self.rows)


def new_regions(
    old: Float[np.ndarray, "n d"],
    new: Float[np.ndarray, "m d"],
    *,
    rng: np.random.Generator,
    groups: tuple[Int[np.ndarray, " n"], Int[np.ndarray, " m"]] | None = None,
) -> tuple[Region, ...]:
    """Find the regions that are new; meant to be called after a comparison that found a difference.

    A later item is named if the surplus of later items among its neighbours, at the scale where it is largest, is so
    large that of all named items about a tenth would be named by chance, as permutations show. Named items that are
    neighbours form a region.

    Args:
        old: Vectors of the earlier items.
        new: Vectors of the later items.
        rng: Source of the thinning and of the permutations.
        groups: As for :func:`activessl.measuring.drift.compare.compare_samples`.

    Returns:
        The regions, the largest first. None if no set of items stands out.

    Raises:
        MeasureError: As :func:`activessl.measuring.drift.units.pool_samples`.

    References:
        The share of false ones from permutations: Tusher, Tibshirani & Chu, Significance Analysis of Microarrays,
        PNAS 2001.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> old, new = rng.normal(size=(300, 8)), rng.normal(size=(100, 8))
        >>> new[:20] = 4 + 0.3 * rng.normal(size=(20, 8))
        >>> [region] = new_regions(old, new, rng=rng)
        >>> set(range(20)) <= set(region.rows.tolist()), len(region) < 30
        (True, True)
    """
    pooled = pool_samples(old, new, rng, groups)
    near = nearest_groups(pooled, max(SCALES))
    is_new = pooled.new_points
    seats = pooled.is_new[pooled.seat].astype(np.float32)
    surplus = _largest(seats[:, None], near)[:, 0]
    drawn = pooled.permuted(_PERMUTATIONS, rng)
    by_chance = _largest(drawn[pooled.seat], near)
    named = _named(surplus[is_new], by_chance[drawn[pooled.unit] > 0], _PERMUTATIONS)
    if named is None:
        return ()
    at = np.flatnonzero(is_new & (surplus >= named))
    part = _linked(pooled, near, at)
    shares = seats[near[at][:, : SCALES[0]]].mean(axis=1)
    rows, part = _with_left_out(pooled, new, at, part)
    found = []
    points = centred_rows(np.asarray(new, dtype=np.float32), np.asarray(np.mean(new, axis=0, dtype=np.float64)))
    for number in np.unique(part):
        members = rows[part == number]
        if len(members) < FEWEST_ITEMS:
            continue
        middle = points[members].mean(axis=0)
        order = np.argsort(-(points[members] @ middle), kind="stable")
        mine = part[: len(at)] == number
        found.append(Region(members[order], float(shares[mine].mean())))
    return tuple(sorted(found, key=lambda region: (-len(region), int(region.rows.min()))))


def _largest(seats: Float[np.ndarray, "g c"], near: Int[np.ndarray, "n k"]) -> Float[np.ndarray, "n c"]:
    """For each point and column, the largest surplus of new neighbours over the scales, in standard deviations."""
    share = seats.mean(axis=0)
    spread = np.sqrt(np.maximum(share * (1 - share), 1e-12))
    count = np.zeros((len(near), seats.shape[1]), dtype=np.float32)
    largest = np.full_like(count, -np.inf)
    for k, step in steps(near, len(seats)):
        count += step @ np.ascontiguousarray(seats)
        np.maximum(largest, (count - k * share) / (np.sqrt(k) * spread), out=largest)
    return largest


def _named(surplus: Float[np.ndarray, " m"], by_chance: Float[np.ndarray, " c"], permutations: int) -> float | None:
    """The smallest surplus above which at most ``FALSE_SHARE`` of the items are named by chance; None without one."""
    levels = np.unique(surplus[surplus > 0])
    if not len(levels):
        return None
    count = len(surplus) - np.searchsorted(np.sort(surplus), levels)
    chance = (len(by_chance) - np.searchsorted(np.sort(by_chance), levels)) / permutations
    good = (chance <= FALSE_SHARE * count) & (count >= FEWEST_ITEMS)
    return float(levels[np.argmax(good)]) if good.any() else None


def _linked(pooled: Pooled, near: Int[np.ndarray, "n k"], at: Int[np.ndarray, " s"]) -> Int[np.ndarray, " s"]:
    """The region of each named point: points whose groups are neighbours, or the same, are in one region."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    groups = len(pooled.seat)
    is_named: Bool[np.ndarray, " g"] = np.zeros(groups, dtype=bool)
    is_named[pooled.group[at]] = True
    close = near[at][:, :_LINKED]
    here, column = np.nonzero(is_named[close])
    links = (pooled.group[at][here], close[here, column])
    graph = coo_array((np.ones(len(here), dtype=np.int8), links), shape=(groups, groups))
    part = connected_components(graph, directed=False)[1]
    found: Int[np.ndarray, " s"] = part[pooled.group[at]].astype(np.int64)
    return found


def _with_left_out(
    pooled: Pooled, new: Float[np.ndarray, "m d"], at: Int[np.ndarray, " s"], part: Int[np.ndarray, " s"]
) -> tuple[Int[np.ndarray, " r"], Int[np.ndarray, " r"]]:
    """The rows of the named items, and of those that were thinned out and whose nearest point is a named one."""
    rows = pooled.rows[at]
    left = np.setdiff1d(np.arange(len(new)), pooled.rows[pooled.new_points])
    if not len(left):
        return rows, part
    number = np.full(len(pooled.points), -1, dtype=np.int64)
    number[at] = part
    points = centred_rows(np.asarray(new[left], dtype=np.float32), pooled.mean)
    found = nearest(pooled.points, points, 1, exact=True)[1][:, 0]
    belongs = number[found] >= 0
    return np.concatenate([rows, left[belongs]]), np.concatenate([part, number[found][belongs]])
