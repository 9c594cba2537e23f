"""Which predicted region is which true one, and the recall, precision and F1 that follow.

A prediction is right if it has the class of a true region that no better prediction has taken, and overlaps it enough.
Predictions choose in the order of their scores, each the region that it overlaps most: the rule of COCO (Lin et al.,
Microsoft COCO, ECCV 2014, arXiv:1405.0312). For segments, an overlap of half is that of Lea et al., Temporal
Convolutional Networks for Action Segmentation, CVPR 2017 (arXiv:1611.05267); exact spans are those of CoNLL (Tjong Kim
Sang & De Meulder, 2003).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from activessl.labels.regions.overlap import iou
from activessl.labels.regions.places import PlaceKind
from activessl.labels.regions.region import Region

__all__ = ["ANY", "EXACT", "HALF", "Counts", "counted", "match", "needed_overlap"]

#: Intersection over union that a right prediction needs: half, all, or any.
HALF, EXACT, ANY = 0.5, 1.0, 1e-9


@dataclass(frozen=True)
class Counts:
    """Numbers of regions, which add up over items.

    Attributes:
        right: Predicted regions that match a true one.
        predicted: Predicted regions.
        true: True regions.

    Example:
        >>> both = Counts(1, 2, 1) + Counts(0, 0, 1)
        >>> both.precision, both.recall, both.f1, Counts(0, 0, 0).f1 is None
        (0.5, 0.5, 0.5, True)
    """

    right: int
    predicted: int
    true: int

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.right + other.right, self.predicted + other.predicted, self.true + other.true)

    @property
    def precision(self) -> float | None:
        """Share of the predicted regions that are right; None if none was predicted."""
        return self.right / self.predicted if self.predicted else None

    @property
    def recall(self) -> float | None:
        """Share of the true regions that were found; None if there is none."""
        return self.right / self.true if self.true else None

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall; None if there is neither a true nor a predicted region."""
        both = self.predicted + self.true
        return 2 * self.right / both if both else None


def needed_overlap(kind: PlaceKind) -> float:
    """The overlap by which a kind of places is measured: exact for spans, half for all others."""
    return EXACT if kind == "span" else HALF


def match(
    true: Sequence[Region], predicted: Sequence[Region], *, overlap: float = HALF
) -> tuple[tuple[int, int, float], ...]:
    """Match the predicted regions of an item to its true ones.

    Args:
        true: The true regions.
        predicted: The predicted regions; those without a score are asked last.
        overlap: Least intersection over union, in (0, 1].

    Returns:
        (index in ``true``, index in ``predicted``, intersection over union) of each match, the best scored first. Each
        region is in at most one.

    Example:
        >>> from activessl.labels.regions.places import Span
        >>> true = [Region(Span(0, 5), ("place",)), Region(Span(8, 12), ("person",))]
        >>> guess = [Region(Span(0, 4), ("place",), 0.4), Region(Span(0, 5), ("place",), 0.9)]
        >>> match(true, guess)
        ((0, 1, 1.0),)
    """
    order = sorted(range(len(predicted)), key=lambda at: -(predicted[at].score or 0.0))
    free = set(range(len(true)))
    found = []
    for at in order:
        same = [row for row in free if set(true[row].classes) == set(predicted[at].classes)]
        overlaps = {row: iou(true[row].place, predicted[at].place) for row in same}
        best = max(sorted(overlaps), key=overlaps.__getitem__, default=None)
        # a hair below: the overlap of equal boxes may be 1 - 1e-16
        if best is not None and overlaps[best] >= overlap - 1e-12 and overlaps[best] > 0:
            free.remove(best)
            found.append((best, at, overlaps[best]))
    return tuple(found)


def counted(true: Sequence[Region], predicted: Sequence[Region], *, overlap: float = HALF) -> Counts:
    """Count the right, predicted and true regions of an item.

    Example:
        >>> from activessl.labels.regions.places import Segment
        >>> counted([Region(Segment(0, 10), ("a",))], [Region(Segment(0, 6), ("a",)), Region(Segment(6, 9), ("b",))])
        Counts(right=1, predicted=2, true=1)
    """
    return Counts(len(match(true, predicted, overlap=overlap)), len(predicted), len(true))
