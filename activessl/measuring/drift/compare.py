"""Whether two samples of vectors come from one distribution: three statistics, one exact permutation test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from math import ceil
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from activessl.errors import MeasureError
from activessl.measuring.drift.statistics import classifier, kernel, neighbours
from activessl.measuring.drift.units import Pooled, pool_samples

#: Probability of an alarm where both samples are from one distribution.
LEVEL = 0.05
#: Permutations of a comparison at the usual level.
PERMUTATIONS = 999
#: Columns that are computed at once, to bound memory.
_COLUMNS = 250
#: A p-value this many times the level, after at least ``_LOOK`` permutations, ends a comparison: it cannot become an
#: alarm, so that ending early adds none.
_HOPELESS, _LOOK = 6, 249


@dataclass(frozen=True, slots=True)
class Comparison:
    """The result of comparing later with earlier items.

    Attributes:
        old: Number of earlier items that were compared.
        new: Number of later items that were compared.
        statistic: The classifier's statistic: how far apart its predictions of new and old items are, in standard
            deviations; near 0 without a difference.
        p_classifier: p-value of the classifier two-sample test.
        p_kernel: p-value of the maximum mean discrepancy.
        p_neighbours: p-value of the surplus of new neighbours.
        p: p-value of all three together, in (0, 1].
        level: Probability of an alarm where there is no difference.
        permutations: Number of permutations, the samples as they are not counted.
    """

    old: int
    new: int
    statistic: float
    p_classifier: float
    p_kernel: float
    p_neighbours: float
    p: float
    level: float
    permutations: int

    @property
    def drift(self) -> bool:
        """Whether the later items differ."""
        return self.p <= self.level

    def to_dict(self) -> dict[str, Any]:
        """The same, ready for JSON."""
        return asdict(self) | {"drift": self.drift}


def compare_samples(
    old: Float[np.ndarray, "n d"],
    new: Float[np.ndarray, "m d"],
    *,
    rng: np.random.Generator,
    groups: tuple[Int[np.ndarray, " n"], Int[np.ndarray, " m"]] | None = None,
    level: float = LEVEL,
    on_share: Callable[[float], None] = lambda _: None,
) -> Comparison:
    """Test whether later items come from the distribution of the earlier ones.

    The classifier sees a shift of all items, the maximum mean discrepancy a change of shape, the neighbours a region
    that only new items fill. All three are computed for the same permutations. For each permutation, and for the
    samples as they are, the smallest of the p-values is taken; the combined p-value is the rank of the smallest
    p-value of the samples among those of the permutations. It is exact where units are exchangeable, and needs no
    correction for the number of tests, because dependent tests lose less than Holm's correction takes.

    Args:
        old: Vectors of the earlier items.
        new: Vectors of the later items, from the same encoder. The encoder must treat both samples alike: fitted on
            both, on neither, or not at all. Vectors of items that it was fitted on differ from those of others.
        rng: Source of the permutations.
        groups: Numbers of the groups of the items, as in :func:`activessl.measuring.drift.units.pool_samples`: whole
            groups are permuted.
        level: Probability of an alarm without a difference, in (0, 1). A small level needs 2 / ``level`` permutations.
            Once an alarm is no longer likely, no more are made.
        on_share: Called with the finished share, in [0, 1].

    Raises:
        MeasureError: As ``pool_samples``, or the level is outside (0, 1).

    References:
        Westfall & Young, Resampling-Based Multiple Testing, Wiley 1993. Phipson & Smyth, Permutation P-values Should
        Never Be Zero, Statistical Applications in Genetics and Molecular Biology 2010, arXiv 1603.05766.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> old, same = rng.normal(size=(200, 8)), rng.normal(size=(100, 8))
        >>> other = np.where(np.arange(100)[:, None] < 20, 4 + 0.3 * rng.normal(size=(100, 8)), same)
        >>> compare_samples(old, same, rng=rng).drift, compare_samples(old, other, rng=rng).drift
        (False, True)
    """
    if not 0 < level < 1:
        raise MeasureError(f"a level of {level}", hint="give one between 0 and 1")
    return compare_pooled(pool_samples(old, new, rng, groups), rng=rng, level=level, on_share=on_share)


def compare_pooled(
    pooled: Pooled,
    *,
    rng: np.random.Generator,
    level: float = LEVEL,
    on_share: Callable[[float], None] = lambda _: None,
) -> Comparison:
    """As :func:`compare_samples`, for samples that are together already."""
    parts = (classifier(pooled), kernel(pooled, rng), neighbours(pooled))

    def columns(new: Float[np.ndarray, "u c"]) -> Float[np.ndarray, "s c"]:
        return np.concatenate([part(new) for part in parts])

    found = [columns(pooled.is_new[:, None].astype(np.float32))]
    wanted, done = max(PERMUTATIONS, ceil(2 / level) - 1), 0
    while done < wanted:
        if done >= _LOOK and _p_values(np.concatenate(found, axis=1))[0] > max(_HOPELESS * level, 5 / done):
            break
        size = min(_COLUMNS, wanted - done) if done else _LOOK
        found.append(columns(pooled.permuted(size, rng)))
        done += size
        on_share(done / wanted)
    every = np.concatenate(found, axis=1)
    p, *ps = _p_values(every)
    is_new = pooled.new_points
    return Comparison(
        old=int((~is_new).sum()),
        new=int(is_new.sum()),
        statistic=float(every[0, 0]),
        p_classifier=ps[0],
        p_kernel=ps[1],
        p_neighbours=ps[2],
        p=p,
        level=level,
        permutations=done,
    )


def _p_values(statistics: Float[np.ndarray, "s c"]) -> tuple[float, float, float, float]:
    """The p-values of the first column among all columns: of all statistics together, and of each test."""
    ranks = np.array([_rank(row) for row in statistics])
    near = ranks[-(len(ranks) - 2) :] if len(ranks) > 2 else ranks[-1:]
    return (
        _joint(ranks),
        float(ranks[0, 0]),
        float(ranks[1, 0]),
        _joint(near),
    )


def _rank(row: Float[np.ndarray, " c"]) -> Float[np.ndarray, " c"]:
    """The p-value of each column among all: the share of columns with at least its value; ties count as larger."""
    # rounding must not part equal values, such as those of vectors that are all equal
    row = np.round(row / max(float(np.abs(row).max()), 1e-12), 9)
    ordered = np.sort(row)
    return np.asarray((len(row) - np.searchsorted(ordered, row, side="left")) / len(row))


def _joint(ranks: Float[np.ndarray, "s c"]) -> float:
    """The p-value of the first column by its smallest p-value; among equal ones, by the product of all p-values."""
    smallest, product = ranks.min(axis=0), np.log(ranks).sum(axis=0)
    ahead = (smallest < smallest[0]) | ((smallest == smallest[0]) & (product <= product[0] + 1e-9))
    return float(ahead.mean())
