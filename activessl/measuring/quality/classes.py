"""Recall and precision of each class: where classes are rare, accuracy hides their errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import fsum
from typing import TYPE_CHECKING, Any

from activessl.labels.kinds import kind_of
from activessl.later import later
from activessl.measuring.intervals import deviations, wilson
from activessl.measuring.quality.audit import ACCEPTED_WRONG, draw_weights
from activessl.measuring.quality.groups import design_effect

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Bool, Float, Int

    from activessl.labels.kinds import Labels
else:
    np = later("numpy")  # `status` shows stored measurements and computes none

LEVEL = 0.9


@dataclass(frozen=True, slots=True)
class Share:
    """A measured share.

    Attributes:
        share: In [0, 1].
        low: Lower end of its interval.
        high: Upper end of its interval.
        items: Number of items that it was measured on.
    """

    share: float
    low: float
    high: float
    items: int

    def to_text(self) -> str:
        """The share, its interval and the number of items.

        Example:
            >>> Share(0.41, 0.22, 0.63, 17).to_text()
            '41 % (22 to 63 %, from 17)'
        """
        return f"{100 * self.share:.0f} % ({100 * self.low:.0f} to {100 * self.high:.0f} %, from {self.items:,})"


@dataclass(frozen=True, slots=True)
class ClassQuality:
    """Recall and precision of the model for one class.

    Attributes:
        recall: Of the items of the class, the share that the model puts in the class; None where no labeled item has
            the class.
        precision: Of the items that the model puts in the class, the share that belongs there; None where the model
            puts no labeled item in the class.
    """

    recall: Share | None
    precision: Share | None

    def to_dict(self) -> dict[str, Any]:
        """The same, ready for JSON."""
        return asdict(self)

    @staticmethod
    def from_dict(stored: dict[str, Any]) -> ClassQuality:
        """Build it from what ``to_dict`` returned."""
        return ClassQuality(
            *(None if stored[name] is None else Share(**stored[name]) for name in ("recall", "precision")),
        )


def class_counts(truth: Labels, said: Labels, n_classes: int) -> Int[np.ndarray, "k 3"]:
    """Count for each class: items that have it, items predicted to have it, and items that have both.

    Args:
        truth: (n,) class indices, or (n, k) of 0 and 1; -1 where the class is unknown.
        said: Predictions of the model, in the same form.
        n_classes: k.

    Example:
        >>> class_counts(np.array([0, 0, 1]), np.array([0, 1, 1]), 3).tolist()
        [[2, 1, 1], [1, 2, 1], [0, 0, 0]]
    """
    has, put, known = kind_of(truth).tables(truth, said, n_classes)
    return np.stack([(has & known).sum(0), (put & known).sum(0), (has & put & known).sum(0)], axis=1)


def quality_of_counts(counts: Int[np.ndarray, "k 3"], *, level: float = LEVEL) -> tuple[ClassQuality, ...]:
    """Compute each class's quality on items drawn with equal probability, such as test data; Wilson intervals.

    Args:
        counts: As ``class_counts`` returns them.
        level: Probability of each interval, in (0, 1).

    Example:
        >>> [first, *_] = quality_of_counts(np.array([[20, 10, 10], [0, 3, 0]]))
        >>> first.recall.to_text(), first.precision.to_text()
        ('50 % (33 to 67 %, from 20)', '100 % (79 to 100 %, from 10)')
    """
    z = deviations(level)
    return tuple(
        ClassQuality(*(_share(both / n, n, int(n), z) if n else None for n in (has, put)))
        for has, put, both in np.asarray(counts).tolist()
    )


def audit_classes(
    truth: Labels,
    said: Labels,
    propensities: Float[np.ndarray, " m"],
    n_classes: int,
    *,
    rounds: Int[np.ndarray, " m"] | None = None,
    known: tuple[Float[np.ndarray, " m"], Float[np.ndarray, "m k 3"]] | None = None,
    aside: Float[np.ndarray, " m"] | None = None,
    unlabeled: Bool[np.ndarray, " m"] | None = None,
    unknown: Bool[np.ndarray, " m"] | None = None,
    shown: Bool[np.ndarray, " m"] | None = None,
    groups: Int[np.ndarray, " m"] | None = None,
    level: float = LEVEL,
) -> tuple[ClassQuality, ...]:
    """Estimate each class's quality on the pool from labels drawn with known propensities.

    Each recall and precision is a ratio of two estimates made like the accuracy of
    :func:`activessl.measuring.quality.audit.audit_accuracy`, so the recalls, weighted by the frequency of the classes,
    add up to that accuracy. Intervals are Wilson's at the effective number of random labels that have the class (for
    recall) or that are predicted to have it (for precision).

    Recall is measured on items that people give the class. Precision is measured on all items that are predicted to
    have it: the interval counts those without a label as wrong at its lower end and as right at its upper end. Those
    with a class that the project does not have are wrong.

    Args:
        truth: (m,) classes of the drawn items, or (m, k) of 0 and 1; of no meaning where ``unlabeled`` or ``unknown``.
        said: Predictions for them by heads that were not taught them.
        propensities: The probability with which each item was drawn, in (0, 1].
        n_classes: k.
        rounds: The round in which each label was drawn.
        known: State of the pool when each label was drawn: the share of items already labeled, and for each class the
            shares of these labels that have it, that are predicted to have it, and both. By default nothing was
            labeled.
        aside: The share of the pool that had no label at each draw and could not be drawn; by default 0.
        unlabeled: Whether each drawn item has no label; by default all have one.
        unknown: Whether people gave it a class that the project does not have; by default none.
        shown: Whether a suggestion was selected when the label was given: then the lower ends assume that people accept
            the share ``ACCEPTED_WRONG`` of the wrong suggestions, so that some items that seem right have the class of
            those that people corrected; by default never.
        groups: The group of each item, as a number; by default each item is alone.
        level: Probability of each interval, in (0, 1).

    Returns:
        One quality for each class; None for recall or precision where no random label measures it.

    Example:
        >>> truth = np.repeat([0, 1], [90, 10])
        >>> said = np.repeat([0, 1], [95, 5])
        >>> [str(q.recall and q.recall.to_text()) for q in audit_classes(truth, said, np.full(100, 0.1), 2)]
        ['100 % (97 to 100 %, from 90)', '50 % (27 to 73 %, from 10)']
    """
    weights = draw_weights(propensities, rounds)
    m = len(weights)
    lost = np.zeros(m, dtype=bool) if unlabeled is None else np.asarray(unlabeled, dtype=bool)
    strange = np.zeros(m, dtype=bool) if unknown is None else np.asarray(unknown, dtype=bool)
    has, put, _ = kind_of(truth).tables(truth, said, n_classes)
    has = has & ~(lost | strange)[:, None]
    share, before = (np.zeros(m), np.zeros((m, n_classes, 3))) if known is None else known
    rest = 1 - share - (np.zeros(m) if aside is None else np.asarray(aside))
    anchored = np.zeros((m, 1), dtype=bool) if shown is None else np.asarray(shown, dtype=bool)[:, None]
    anchored = anchored & ~(lost | strange)[:, None]
    missed, wrongly = anchored & has & ~put, anchored & put & ~has
    seen = np.stack([has, put & ~lost[:, None], has & put, put & lost[:, None], missed, wrongly], axis=2).astype(float)
    before = np.concatenate([before, np.zeros((m, n_classes, 3))], axis=2)
    whole = np.einsum("m,mkj->kj", weights, share[:, None, None] * before + rest[:, None, None] * seen)
    z = deviations(level)

    # for each wrong suggestion that people corrected, so many that they accepted: labels of a class that are false, and
    # items of a class whose labels hide it
    factor = ACCEPTED_WRONG / (1 - ACCEPTED_WRONG)
    hidden, false = factor * whole[:, 4], factor * whole[:, 5]

    def estimate(
        own: Bool[np.ndarray, " m"],
        hit: Bool[np.ndarray, " m"],
        whole_of: float,
        both: float,
        open_: float = 0.0,
        least: tuple[float, float] = (0.0, 0.0),
    ) -> Share | None:
        w = weights[own]
        if not len(w) or whole_of <= 0:
            return None
        n = float(w.sum() ** 2 / (w @ w))
        if groups is not None:
            n /= design_effect(hit[own], np.asarray(groups)[own], w)
        fewer, more = least  # of those that have both, and of all
        low, _ = wilson(float(np.clip((both - fewer) / max(whole_of + open_ + more, 1e-12), 0, 1)), n, z)
        _, high = wilson(min(1.0, (both + open_) / (whole_of + open_)), n, z)
        return Share(min(1.0, float(both / whole_of)), low, high, len(w))

    return tuple(
        ClassQuality(
            estimate(has[:, k], put[:, k], whole[k, 0], whole[k, 2], 0.0, (false[k], hidden[k] - false[k])),
            estimate(put[:, k], has[:, k], whole[k, 1], whole[k, 2], whole[k, 3], (false[k], 0.0)),
        )
        for k in range(n_classes)
    )


def weakest(qualities: Sequence[ClassQuality]) -> int | None:
    """Find the class whose recall interval has the lowest upper end; None where no class was measured.

    The upper end is compared, because the lowest of many estimates is mostly the one measured on the fewest items.

    Example:
        >>> surely, hardly = Share(0.4, 0.3, 0.5, 60), Share(0.3, 0.05, 0.8, 3)
        >>> weakest([ClassQuality(hardly, None), ClassQuality(surely, None), ClassQuality(None, None)])
        1
    """
    ends = [(q.recall.high, k) for k, q in enumerate(qualities) if q.recall is not None]
    return min(ends)[1] if ends else None


def mean_recall(qualities: Sequence[ClassQuality]) -> float | None:
    """The mean recall over the classes (balanced accuracy); None where a class was not measured."""
    recalls = [q.recall.share for q in qualities if q.recall is not None]
    return fsum(recalls) / len(recalls) if qualities and len(recalls) == len(qualities) else None


def _share(share: float, n: float, items: int, z: float) -> Share:
    low, high = wilson(share, n, z)
    return Share(float(share), low, high, items)
