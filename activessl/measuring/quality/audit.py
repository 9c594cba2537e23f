"""Estimate the accuracy on the pool without test data, from labels drawn at random with known propensities."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from activessl.errors import MeasureError
from activessl.later import later
from activessl.measuring.intervals import deviations, wilson
from activessl.measuring.quality.control import Control, use_control
from activessl.measuring.quality.groups import design_effect

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Bool, Float, Int
else:
    np = later("numpy")  # `status` shows stored measurements and computes none

#: Least random labels: with fewer, the interval is too wide to be useful.
FEWEST = 10
#: Where a suggestion was selected, people are assumed to accept at most this share of the wrong ones: then the model is
#: wrong about 1 / (1 - 0.6) times as many of these items as their labels show.
ACCEPTED_WRONG = 0.6


@dataclass(frozen=True, slots=True)
class Audit:
    """An estimated accuracy.

    Attributes:
        accuracy: Accuracy of the head on the pool, in [0, 1]; items that people cannot label are left out.
        low: Lower end of the interval.
        high: Upper end of the interval.
        level: Probability of the interval.
        labels: Number of random labels.
        effective: Effective sample size: the number of draws with equal propensities that is as informative.
        least: The estimate that the lower end rests on, in [0, 1].
        most: The estimate that the upper end rests on, in [0, 1].
        unlabeled: Drawn items without a label: skipped, or left open. At the lower end of the interval they count as
            wrong, at the upper end as right.
        seen: Random labels that were given with a suggestion selected. At the lower end, more of them count as wrong.
        groups: Number of groups of the random labels; None if items are not in groups.
        machine: The machine whose answers about the pool narrow the interval; empty if none does.
    """

    accuracy: float
    low: float
    high: float
    level: float
    labels: int
    effective: float
    least: float
    most: float
    unlabeled: int = 0
    seen: int = 0
    groups: int | None = None
    machine: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The same, ready for JSON."""
        return asdict(self)

    def to_text(self) -> str:
        """One sentence.

        Example:
            >>> Audit(0.9, 0.84, 0.94, 0.9, 100, 95.0, 0.9, 0.9).to_text()
            'accuracy 90.0 % (90 % interval 84.0 to 94.0 %, from 100 random labels)'
            >>> print(Audit(0.9, 0.84, 0.97, 0.9, 100, 95.0, 0.87, 0.91, unlabeled=4).to_text())
            accuracy 90.0 % (90 % interval 84.0 to 97.0 %, from 100 random labels; 4 more drawn items have no label: the
            interval counts them as wrong at its lower end and as right at its upper end)
        """
        text = (
            f"accuracy {100 * self.accuracy:.1f} % ({100 * self.level:.0f} % interval {100 * self.low:.1f} to "
            f"{100 * self.high:.1f} %, from {self.labels:,} random labels"
        )
        if self.groups is not None:
            text += f" of {self.groups:,} group{'s' * (self.groups != 1)}"
        if self.unlabeled:
            text += (
                f"; {self.unlabeled:,} more drawn items have no label: the interval counts them as wrong at its lower "
                "end and as right at its upper end"
            )
        if self.seen:
            text += (
                f"; {self.seen:,} of these labels were given with a suggestion selected: the lower end assumes that "
                f"people accept {100 * ACCEPTED_WRONG:.0f} % of the wrong suggestions"
            )
        if self.machine:
            text += f"; what the machine {self.machine} says of the pool makes them worth {self.effective:,.0f}"
        return text + ")"


def audit_accuracy(
    correct: Bool[np.ndarray, " m"],
    propensities: Float[np.ndarray, " m"],
    *,
    rounds: Int[np.ndarray, " m"] | None = None,
    known: tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]] | None = None,
    aside: Float[np.ndarray, " m"] | None = None,
    unlabeled: Bool[np.ndarray, " m"] | None = None,
    seen: Bool[np.ndarray, " m"] | None = None,
    groups: Int[np.ndarray, " m"] | None = None,
    control: Control | None = None,
    level: float = 0.9,
) -> Audit:
    r"""Estimate accuracy from labels drawn with known propensities.

    The estimate weighs each label by one over its propensity (Hájek's ratio, which Kossen et al. recommend over
    the unbiased sum for its variance); the interval is Wilson's at the effective sample size
    :math:`(\sum w)^2 / \sum w^2`, so that it stays inside [0, 1] and does not collapse when all answers are right.

    The estimate is the accuracy on the whole pool. Later rounds draw from the unlabeled rest, which is easier where a
    strategy has asked the hard items first. With ``known``, a draw stands for the items that were unlabeled when it was
    made, and the earlier labels stand for themselves. ``known`` does not narrow the interval, because heads that had
    been taught fewer labels judged the earlier labels. Its coverage is in docs/results/savings.md.

    Items that people do not label are not left out of the interval: its lower end counts them as wrong, its upper end
    as right, both those that were drawn (``unlabeled``) and those that had left the pool before a draw (``aside``).

    The head must not have been taught these labels when it predicted them: predict each with cross-validation.

    Args:
        correct: Whether the head's prediction was right, for each drawn item; of no meaning where it has no label.
            A class that the project does not have is a label: no prediction is right.
        propensities: The probability with which each item was drawn, in (0, 1].
        rounds: The round in which each label was drawn. Within a round, labels weigh by one over their propensity; the
            estimates of the rounds are then weighted by their numbers of labels. With one over the propensity only, a
            round of two labels would weigh as much as a round of twenty.
        known: State of the pool when each label was drawn: the share of items already labeled, and the share of these
            labels that the head predicts correctly; both in [0, 1]. By default nothing was labeled.
        aside: The share of the pool that had no label at each draw and could not be drawn, in [0, 1]; by default 0.
        unlabeled: Whether each drawn item has no label; by default all have one.
        seen: Whether a suggestion was selected when the label was given; by default never.
        groups: The group of each item, as a number: items of one group tell less than as many of different groups (see
            :func:`activessl.measuring.quality.groups.design_effect`); by default each item is alone.
        control: What a machine thinks of each prediction, less the mean over the items that were drawn from: the labels
            show how much it knows, and the interval narrows as far as it does.
        level: Probability of the interval, in (0, 1).

    Raises:
        MeasureError: Fewer than 10 random labels, propensities outside (0, 1], or shares outside [0, 1].

    References:
        Farquhar, Gal & Rainforth, On Statistical Bias in Active Learning, ICLR 2021, arXiv 2101.11665.
        Kossen et al., Active Testing: Sample-Efficient Model Evaluation, ICML 2021, arXiv 2103.05331.
        Wilson, Probable Inference, the Law of Succession, and Statistical Inference, JASA 1927.

    Example:
        >>> found = audit_accuracy(np.arange(100) < 90, np.full(100, 0.1))
        >>> round(found.accuracy, 3), round(found.low, 3), round(found.high, 3)
        (0.9, 0.84, 0.939)
    """
    right = np.asarray(correct, dtype=bool)
    chance = np.asarray(propensities, dtype=np.float64)
    if right.ndim != 1 or right.shape != chance.shape:
        raise MeasureError(
            f"{right.shape} outcomes do not match {chance.shape} propensities",
            hint="pass one propensity for each outcome",
        )
    m = len(right)
    lost = np.zeros(m, dtype=bool) if unlabeled is None else np.asarray(unlabeled, dtype=bool)
    shown = np.zeros(m, dtype=bool) if seen is None else np.asarray(seen, dtype=bool)
    labels = m - int(lost.sum())
    if labels < FEWEST:
        raise MeasureError(
            f"{labels} random labels are too few to state an accuracy",
            hint=f"label at least {FEWEST} items of the random share",
        )
    if not np.all((chance > 0) & (chance <= 1)):
        raise MeasureError("a propensity is NaN or outside (0, 1]", hint="pass labels of known probability only")
    if not 0 < level < 1:
        raise MeasureError(f"an interval level of {level}", hint="give a level between 0 and 1")
    share, known_right = (np.zeros(m), np.zeros(m)) if known is None else map(np.asarray, known)
    left = np.zeros(m) if aside is None else np.asarray(aside)
    if not share.shape == known_right.shape == left.shape == lost.shape == shown.shape == right.shape:
        raise MeasureError(
            f"{share.shape} known shares do not match {right.shape} outcomes", hint="pass one share for each outcome"
        )
    if not np.all((share >= 0) & (left >= 0) & (share + left <= 1 + 1e-9) & (known_right >= 0) & (known_right <= 1)):
        raise MeasureError("a known share is NaN or outside [0, 1]", hint="pass shares of the pool and of its labels")
    weights = draw_weights(chance, rounds)
    weights = weights / weights.sum()
    rest = weights * (1 - share - left)  # what each draw stands for
    told = ~lost
    known_part, good = float(weights @ share), float(weights @ (share * known_right) + rest @ (right & told))
    effective, machine = float(1 / (weights @ weights)), ""
    if control is not None:
        weight, gain = use_control(control, right, told)
        if gain > 1:
            good = min(max(good - weight * float(rest @ control.values), 0.0), known_part + float(rest @ told))
            effective, machine = effective * gain, control.name
    accuracy = good / (known_part + float(rest @ told)) if known_part + rest @ told > 0 else 0.0
    most = min(1.0, good + float(weights @ left + rest @ lost))
    count = None
    if groups is not None:
        count = len(np.unique(np.asarray(groups)[told]))
        effective /= design_effect(right[told], np.asarray(groups)[told], weights[told])
    z = deviations(level)
    hidden = float(rest @ (shown & told & ~right)) * ACCEPTED_WRONG / (1 - ACCEPTED_WRONG)
    least = max(0.0, good - hidden)
    low, _ = wilson(least, effective, z)
    _, high = wilson(most, effective, z)
    return Audit(
        accuracy,
        low,
        high,
        level,
        labels,
        effective,
        least,
        most,
        m - labels,
        int((shown & told).sum()),
        count,
        machine,
    )


def draw_weights(
    propensities: Float[np.ndarray, " m"], rounds: Int[np.ndarray, " m"] | None
) -> Float[np.ndarray, " m"]:
    """Compute the weight of each random label: one over its propensity, scaled so that a round weighs by its labels.

    Example:
        >>> draw_weights(np.array([0.5, 0.5, 0.1]), np.array([1, 1, 2])).tolist()
        [1.0, 1.0, 1.0]
    """
    weights = 1 / np.asarray(propensities, dtype=np.float64)
    if rounds is not None:
        _, turn = np.unique(rounds, return_inverse=True)
        weights *= (np.bincount(turn) / np.bincount(turn, weights))[turn]
    return weights
