"""Probabilities of places -> regions with scores: connected places that are likely enough, and enough of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy import ndimage

from activessl.heads.dense.boxes import BoxFit, joined
from activessl.heads.dense.grid import Grid
from activessl.labels.regions.places import Box, Mask, Place, PlaceKind, Segment, Span
from activessl.labels.regions.region import Region, Regions

Probs = Float[np.ndarray, "k r c"]
#: Larger pictures get masks that are computed at this side and enlarged, which saves time and no pixel of a part.
_LARGEST = 512


@dataclass(frozen=True)
class Cuts:
    """From which probability on a place belongs to a region, and from which size on a region counts.

    Attributes:
        thresholds: (k,) probability for each class, in (0, 1).
        least: Least size of a region in parts; of a box, in votes.
    """

    thresholds: tuple[float, ...]
    least: float = 1.0


@dataclass(frozen=True, eq=False)
class Found:
    """A region before the least size decides.

    Attributes:
        place: Where.
        label: Index of the class.
        score: Mean probability of its parts.
        size: In parts.
    """

    place: Place
    label: int
    score: float
    size: float


def candidates(
    kind: PlaceKind,
    probs: Probs,
    grid: Grid,
    thresholds: Sequence[float],
    votes: Sequence[Float[np.ndarray, "p 4"] | None] = (),
    gap: float = 0.0,
) -> list[Found]:
    """All regions of an item, of any size.

    Args:
        kind: What regions are.
        probs: Probability of each class in each place.
        grid: The places.
        thresholds: (k,).
        votes: For boxes: by class, the box that each place votes for.
        gap: For parts in a row: a gap between two regions of a class that is shorter is filled, in parts.

    Example:
        >>> grid = Grid((1, 4), (8,), np.array([[0, 2], [2, 4], [4, 6], [6, 8]]))
        >>> found = candidates("span", np.array([[[0.1, 0.8, 0.6, 0.2]]]), grid, [0.5])
        >>> [(one.place, round(one.score, 2), one.size) for one in found]
        [(Span(start=2, end=6), 0.7, 2.0)]
    """
    if kind == "mask":
        return _masks(probs, grid, thresholds)
    if kind == "box":
        return _boxes(probs, grid, thresholds, votes)
    return _rows(kind, probs[:, 0], grid, thresholds, gap)


def kept(found: Sequence[Found], least: float, classes: Sequence[str]) -> Regions:
    """The regions that are large enough."""
    return tuple(
        Region(one.place, (classes[one.label],), round(min(1.0, one.score), 6)) for one in found if one.size >= least
    )


def _masks(probs: Probs, grid: Grid, thresholds: Sequence[float]) -> list[Found]:
    height, width = grid.extent
    scale = min(1.0, _LARGEST / max(height, width))
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    part = size[0] * size[1] / (grid.shape[0] * grid.shape[1])  # pixels
    found = []
    for label, threshold in enumerate(thresholds):
        if probs[label].max() < threshold:
            continue
        fine = resized(probs[label], size)
        joined_parts: Any = ndimage.label(fine >= threshold, np.ones((3, 3)))  # its stubs do not know that it is two
        named, count = joined_parts
        for number, where in enumerate(ndimage.find_objects(named)[:count], start=1):
            inside = named[where] == number
            whole = np.zeros(size, dtype=bool)
            whole[where] = inside
            if size != (height, width):
                whole = _enlarged(whole, (height, width))
            if whole.any():
                score = float(fine[where][inside].mean())
                found.append(Found(Mask.of(whole), label, score, float(inside.sum()) / part))
    return found


def resized(values: Float[np.ndarray, "r c"], size: tuple[int, int]) -> Float[np.ndarray, "h w"]:
    """Linear interpolation between the centers of parts.

    Example:
        >>> resized(np.array([[0.0, 1.0]]), (1, 4)).tolist()
        [[0.0, 0.25, 0.75, 1.0]]
    """
    for axis, wanted in enumerate(size):
        n = values.shape[axis]
        at = np.clip((np.arange(wanted) + 0.5) * n / wanted - 0.5, 0, n - 1)
        low = np.floor(at).astype(int)
        high = np.minimum(low + 1, n - 1)
        share = (at - low).reshape((-1, 1) if axis == 0 else (1, -1))
        values = (1 - share) * values.take(low, axis) + share * values.take(high, axis)
    return values


def _enlarged(
    inside: np.ndarray[Any, np.dtype[np.bool_]], size: tuple[int, int]
) -> np.ndarray[Any, np.dtype[np.bool_]]:
    rows, columns = (np.arange(to) * by // to for to, by in zip(size, inside.shape, strict=True))
    return np.asarray(inside[rows][:, columns], dtype=bool)


def _boxes(
    probs: Probs, grid: Grid, thresholds: Sequence[float], votes: Sequence[Float[np.ndarray, "p 4"] | None]
) -> list[Found]:
    found = []
    for label, threshold in enumerate(thresholds):
        mine = votes[label] if label < len(votes) else None
        scores = probs[label].ravel()
        likely = np.flatnonzero(scores >= threshold)
        if mine is None or not len(likely):
            continue
        for box, score, count in joined(mine[likely], scores[likely], grid):
            found.append(Found(box, label, score, float(count)))
    return found


def _rows(
    kind: PlaceKind, probs: Float[np.ndarray, "k c"], grid: Grid, thresholds: Sequence[float], gap: float
) -> list[Found]:
    if grid.bounds is None:
        raise TypeError("spans and segments need parts with a start and an end")
    # one class a place: the one that exceeds its threshold most
    odds = probs / (1 - probs + 1e-9) / np.array([t / (1 - t) for t in thresholds])[:, None]
    best = odds.argmax(axis=0)
    label = np.where(odds.max(axis=0) >= 1, best, -1)
    if gap > 1:
        label = _filled(label, gap)
    edges = np.flatnonzero(np.diff(label, prepend=-2, append=-2))
    found = []
    for start, end in pairwise(edges.tolist()):
        if label[start] >= 0:
            first, last = int(grid.bounds[start, 0]), int(grid.bounds[end - 1, 1])
            place = Span(first, last) if kind == "span" else Segment(first, last)
            found.append(
                Found(place, int(label[start]), float(probs[label[start], start:end].mean()), float(end - start))
            )
    return found


def _filled(label: np.ndarray[Any, Any], gap: float) -> np.ndarray[Any, Any]:
    """Runs shorter than ``gap`` take the class of both neighbors where these are of one class, else that of the longer.

    Example:
        >>> _filled(np.array([1, 1, 0, 1, 1, 1, 2, 2, 2]), 2).tolist()
        [1, 1, 1, 1, 1, 1, 2, 2, 2]
    """
    label = label.copy()
    while True:
        edges = np.flatnonzero(np.diff(label, prepend=-2, append=-2))
        lengths = np.diff(edges)
        if len(lengths) < 2 or lengths.min() >= gap:
            return label
        at = int(lengths.argmin())
        before = lengths[at - 1] if at > 0 else -1
        after = lengths[at + 1] if at + 1 < len(lengths) else -1
        label[edges[at] : edges[at + 1]] = label[edges[at] - 1] if before >= after else label[edges[at + 1]]


def votes_of(fits: Sequence[BoxFit | None], vectors: Float[np.ndarray, "p d"], grid: Grid) -> list[Any]:
    """By class, the box (left, top, right, bottom) that each place votes for; None for a class without boxes."""
    return [None if fit is None else fit.boxes(vectors, grid.centers) for fit in fits]


def is_upright(place: Place) -> bool:
    """Whether a place is a box that is not turned."""
    return isinstance(place, Box) and place.upright
