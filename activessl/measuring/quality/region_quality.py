"""Recall, precision and F1 of regions with intervals that count items, not regions, as independent.

Regions of one item are found or missed together: an interval of single regions would be too narrow. Each figure is a
ratio of two sums over items.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from activessl.labels.regions.matching import ANY, Counts, counted, needed_overlap
from activessl.labels.regions.places import PlaceKind
from activessl.labels.regions.region import Regions
from activessl.measuring.intervals import share_interval

__all__ = ["ClassRegions", "Ratio", "RegionQuality", "ratio", "region_quality"]


@dataclass(frozen=True, slots=True)
class Ratio:
    """A share of regions.

    Attributes:
        value: In [0, 1].
        low: Lower end of its interval.
        high: Upper end.
        of: How many regions it is a share of; of F1, the true and the predicted ones.
        items: Items with such regions.
    """

    value: float
    low: float
    high: float
    of: int
    items: int


@dataclass(frozen=True, slots=True)
class ClassRegions:
    """The quality of one class; None where nothing can be divided."""

    recall: Ratio | None
    precision: Ratio | None
    f1: Ratio | None


@dataclass(frozen=True, slots=True)
class RegionQuality:
    """How well a model's regions match people's.

    Attributes:
        kind: What regions are.
        overlap: Intersection over union that a right region needs.
        level: Probability of the intervals.
        items: Items that were compared.
        all: Over all classes.
        any_overlap: The same with any overlap at all; None but for spans.
        classes: By class.
        rounds: The first and the last round whose random items were compared.
    """

    kind: PlaceKind
    overlap: float
    level: float
    items: int
    all: ClassRegions
    any_overlap: ClassRegions | None
    classes: dict[str, ClassRegions]
    rounds: tuple[int, int] = (0, 0)

    def to_dict(self) -> dict[str, Any]:
        """The same, ready for JSON."""
        return asdict(self)


def ratio(
    part: Float[np.ndarray, " n"], whole: Float[np.ndarray, " n"], *, level: float = 0.9
) -> tuple[float, float, float] | None:
    """Estimate the sum of ``part`` divided by that of ``whole``, with an interval; None if ``whole`` is 0 everywhere.

    Args:
        part: Of each item, what counts: between 0 and ``whole``.
        whole: Of each item, of how many.
        level: Probability of the interval, in (0, 1).

    Returns:
        The share and both ends, in [0, 1].

    The variance of the ratio over items gives the number of independent regions that would vary as much, at most the
    number of regions; the interval is the exact one of a share of these, widened by Student's t for few items. Where
    all regions are right, or all wrong, there is no variance to see: then items are counted.

    References:
        Korn & Graubard, Confidence Intervals for Proportions with Small Expected Number of Positive Counts Estimated
        from Survey Data, Survey Methodology 1998.

    Example:
        >>> four = ratio(np.array([5.0, 5, 0, 5]), np.array([5.0, 5, 5, 5]))  # 20 regions, of four items only
        >>> [round(value, 2) for value in four]
        [0.75, 0.06, 1.0]
    """
    from scipy.special import stdtrit  # quantiles of Student's t, without importing all of scipy.stats

    part, whole = np.asarray(part, dtype=np.float64), np.asarray(whole, dtype=np.float64)
    total, items = float(whole.sum()), int(np.count_nonzero(whole))
    if not items:
        return None
    share = float(part.sum() / total)
    if items == 1:
        return share, 0.0, 1.0
    if share in (0.0, 1.0):
        return share, *share_interval(share * items, items, level)
    variance = items / (items - 1) * float(((part - share * whole) ** 2).sum()) / total**2
    effective = min(total, share * (1 - share) / variance) if variance > 0 else float(total)
    tail = 0.5 + level / 2
    if total > 1.5:
        effective *= float(stdtrit(total - 1, tail) / stdtrit(items - 1, tail)) ** 2
    return share, *share_interval(share * effective, effective, level)


def region_quality(
    pairs: Sequence[tuple[Regions, Regions]], kind: PlaceKind, classes: Sequence[str], *, level: float = 0.9
) -> RegionQuality:
    """Compare regions by people with those of a model that had not seen them.

    Args:
        pairs: For each item, people's regions and the model's.
        kind: What regions are: spans must be exact, all others overlap by half.
        classes: Names of the classes.
        level: Probability of the intervals.

    Example:
        >>> from activessl.labels.regions.places import Span
        >>> from activessl.labels.regions.region import Region
        >>> true, off = Region(Span(0, 5), ("a",)), Region(Span(0, 4), ("a",))
        >>> found = region_quality([((true,), (true,)), ((true,), (off,))], "span", ["a"])
        >>> found.all.recall.value, found.any_overlap.recall.value, found.all.recall.items
        (0.5, 1.0, 2)
    """
    overlap = needed_overlap(kind)

    def of(name: str | None, needed: float) -> ClassRegions:
        counts = []
        for true, predicted in pairs:
            mine = tuple(
                tuple(one for one in some if name is None or name in one.classes) for some in (true, predicted)
            )
            counts.append(counted(mine[0], mine[1], overlap=needed))
        return _class_regions(counts, level)

    return RegionQuality(
        kind=kind,
        overlap=overlap,
        level=level,
        items=len(pairs),
        all=of(None, overlap),
        any_overlap=of(None, ANY) if kind == "span" else None,
        classes={name: of(name, overlap) for name in classes},
    )


def _class_regions(counts: Sequence[Counts], level: float) -> ClassRegions:
    right, predicted, true = (
        np.array([getattr(one, name) for one in counts], dtype=np.float64) for name in ("right", "predicted", "true")
    )
    return ClassRegions(
        recall=_ratio(right, true, level),
        precision=_ratio(right, predicted, level),
        f1=_ratio(2 * right, predicted + true, level),
    )


def _ratio(part: Float[np.ndarray, " n"], whole: Float[np.ndarray, " n"], level: float) -> Ratio | None:
    found = ratio(part, whole, level=level)
    return None if found is None else Ratio(*found, of=int(whole.sum()), items=int(np.count_nonzero(whole)))
