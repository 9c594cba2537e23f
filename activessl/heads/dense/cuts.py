"""Choose thresholds and least sizes on labels that the network has not learned from, drawn at random.

Labels that a strategy chose are not like the pool: a threshold that suits them is wrong for the rest. And a threshold
that was right for a network of few labels is wrong for one of many: it is chosen anew at each teaching.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from activessl.heads.dense.decode import Cuts, candidates, kept
from activessl.heads.dense.grid import Grid
from activessl.labels.regions.corrections import gains
from activessl.labels.regions.matching import Counts, counted, needed_overlap
from activessl.labels.regions.places import PlaceKind
from activessl.labels.regions.region import Regions

#: Probabilities that are tried, and sizes in parts.
THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
SIZES: dict[PlaceKind, tuple[float, ...]] = {
    "mask": (0.5, 2, 4, 8, 16, 32),
    "box": (1, 2, 4, 8),
    "span": (1,),
    "segment": (1, 2, 4, 8, 16, 32),
}
#: With fewer true regions, half is used: the best of several thresholds on three regions is chance. A class gets a
#: threshold of its own from ``_OWN`` on.
_FEW, _OWN = 4, 12
#: The time of a correction / that of a drawing, by which suggestions are worth it; and the regions that have to be
#: judged before any is held back.
_CORRECTION, _JUDGED = 0.5, 10
#: A looser overlap that counts half: with few regions, those at the wanted overlap alone are chance.
_LOOSE = 0.25


@dataclass(frozen=True, eq=False)
class Judged:
    """An item that the network has not learned from.

    Attributes:
        probs: Probability of each class in each place.
        grid: The places.
        votes: For boxes: by class, the box that each place votes for.
        true: Its regions.
    """

    probs: Float[np.ndarray, "k r c"]
    grid: Grid
    votes: Sequence[Any]
    true: Regions


def choose_cuts(kind: PlaceKind, judged: Sequence[Judged], classes: Sequence[str]) -> Cuts:
    """Choose the least size and the thresholds with the best F1, one threshold for all classes first.

    The F1 of a threshold is averaged with those of its neighbors: of several that are about equally good, the one in
    the middle is taken.

    Args:
        kind: What regions are.
        judged: Items drawn at random.
        classes: Names of the classes.
    """
    k = len(classes)
    if sum(len(one.true) for one in judged) < _FEW:
        return Cuts((0.5,) * k, SIZES[kind][0])
    best: tuple[float, float, float] = (-1.0, 0.5, SIZES[kind][0])
    for least in SIZES[kind]:
        values = np.array([_quality(kind, judged, classes, (t,) * k, least) for t in THRESHOLDS])
        smooth = np.convolve(np.pad(values, 1, mode="edge"), [0.25, 0.5, 0.25], mode="valid")
        at = int(smooth.argmax())
        if smooth[at] > best[0] + 1e-9:
            best = (float(smooth[at]), THRESHOLDS[at], least)
    _, common, least = best
    thresholds = [common] * k
    for label, name in enumerate(classes):
        if k > 1 and sum(name in region.classes for one in judged for region in one.true) >= _OWN:
            thresholds[label] = _own(kind, judged, classes, thresholds, label, least)
    return Cuts(tuple(thresholds), least)


def _own(
    kind: PlaceKind, judged: Sequence[Judged], classes: Sequence[str], thresholds: list[float], label: int, least: float
) -> float:
    """The threshold of one class, one step from the common one where that is clearly better."""
    now = thresholds[label]
    at = THRESHOLDS.index(now)
    tried = {now: _quality(kind, judged, classes, thresholds, least)}
    for other in THRESHOLDS[max(0, at - 1) : at + 2]:
        if other != now:
            changed = [*thresholds[:label], other, *thresholds[label + 1 :]]
            tried[other] = _quality(kind, judged, classes, changed, least)
    best = max(tried, key=tried.__getitem__)
    return best if tried[best] > tried[now] + 0.01 else now


def _quality(
    kind: PlaceKind, judged: Sequence[Judged], classes: Sequence[str], thresholds: Sequence[float], least: float
) -> float:
    strict, loose = Counts(0, 0, 0), Counts(0, 0, 0)
    for one in judged:
        gap = least if kind == "segment" else 0.0
        found = kept(candidates(kind, one.probs, one.grid, thresholds, one.votes, gap), least, classes)
        # many thousands of specks match nothing worth knowing
        found = tuple(sorted(found, key=lambda region: -(region.score or 0)))[:200]
        strict += counted(one.true, found, overlap=needed_overlap(kind))
        loose += counted(one.true, found, overlap=_LOOSE)
    return ((strict.f1 or 0.0) * 2 + (loose.f1 or 0.0)) / 3


def worth_showing(kind: PlaceKind, judged: Sequence[Judged], classes: Sequence[str], cuts: Cuts) -> float:
    """The score from which on a region saves people time as a suggestion.

    A region that is kept saves a drawing, one that is moved half of it, and one that is deleted costs half of it. Of
    the regions of items that the network has not learned from, those with the highest scores are shown that save most.

    Args:
        kind: What regions are.
        judged: Items drawn at random.
        classes: Names of the classes.
        cuts: The chosen thresholds and least size.

    Returns:
        0 with fewer than 10 regions to judge by; 2, which no score reaches, if none is worth it.
    """
    saved: list[tuple[float, float]] = []
    for one in judged:
        gap = cuts.least if kind == "segment" else 0.0
        found = kept(candidates(kind, one.probs, one.grid, cuts.thresholds, one.votes, gap), cuts.least, classes)
        gained = gains(one.true, found, _CORRECTION)
        saved += [(region.score or 0.0, gain) for region, gain in zip(found, gained, strict=True)]
    if len(saved) < _JUDGED:
        return 0.0
    scores, gain = np.array(sorted(saved, key=lambda pair: -pair[0])).T
    ends = np.flatnonzero(np.diff(scores, append=-1.0))  # regions of one score are shown together
    total = gain.cumsum()[ends]
    best = int(total.argmax())
    return float(scores[ends[best]]) if total[best] > 0 else 2.0
