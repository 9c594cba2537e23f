"""Stopping rules: stable predictions, a target that the lower bound reaches, a spent budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from activessl.errors import MeasureError
from activessl.later import later

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Int
else:
    np = later("numpy")  # `status` does not need it

#: The rule that decided; ``none`` means continue.
Rule = Literal["none", "target", "stable", "worth", "labels", "hours", "rounds", "exhausted"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether to stop, and why.

    Attributes:
        stop: True to stop.
        rule: The rule that decided.
        why: One sentence.
    """

    stop: bool
    rule: Rule
    why: str


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a project; None switches a rule off.

    Args:
        accuracy: Stop when the lower bound of the accuracy, over all looks, is at least this, in (0, 1].
        kappa: Stop when successive heads agree this well over ``window`` rounds, in (0, 1].
        window: Number of these rounds, >= 1.
        labels: Highest number of labels.
        hours: Highest number of hours of labeling.
        rounds: Highest number of rounds.

    Raises:
        MeasureError: A figure outside its range.
    """

    accuracy: float | None = None
    kappa: float | None = 0.99
    window: int = 3
    labels: int | None = None
    hours: float | None = None
    rounds: int | None = None

    def __post_init__(self) -> None:
        for name in ("accuracy", "kappa"):
            value = getattr(self, name)
            if value is not None and not 0 < value <= 1:
                raise MeasureError(f"a limit of {value} for {name}", hint="give a value above 0 and at most 1")
        for name in ("labels", "hours", "rounds"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise MeasureError(f"a limit of {value} for {name}", hint="give a value above 0")
        if self.window < 1:
            raise MeasureError(f"a window of {self.window} rounds", hint="use at least 1 round; 3 is recommended")


def kappa(one: Int[np.ndarray, " n"], other: Int[np.ndarray, " n"]) -> float:
    """Cohen's kappa: agreement of two predictions beyond chance, in [-1, 1].

    Predictions that agree everywhere have kappa 1, also where a single class leaves the formula undefined.

    Raises:
        MeasureError: Different numbers of items, or none.

    References:
        Cohen, A Coefficient of Agreement for Nominal Scales, 1960.

    Example:
        >>> kappa(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]))
        0.5
    """
    one, other = np.asarray(one), np.asarray(other)
    if one.shape != other.shape or one.ndim != 1 or not len(one):
        raise MeasureError(
            f"predictions of shapes {one.shape} and {other.shape} do not match", hint="pass both for the same items"
        )
    _, codes = np.unique(np.concatenate([one, other]), return_inverse=True)
    k, n = int(codes.max()) + 1, len(one)
    agreed = float(np.mean(one == other))
    chance = float(np.bincount(codes[:n], minlength=k) @ np.bincount(codes[n:], minlength=k)) / n**2
    return 1.0 if chance >= 1 else (agreed - chance) / (1 - chance)


def apply_limits(
    limits: Limits,
    *,
    kappas: Sequence[float | None] = (),
    accuracy_low: float | None = None,
    labels: int = 0,
    hours: float | None = None,
    rounds: int = 0,
    left: int | None = None,
    pays: bool | None = None,
) -> Verdict:
    """Apply the limits in a fixed order: the verdict names the first rule that says stop, ``target`` before all others.

    Args:
        limits: The limits of the project.
        kappas: Agreement of each round's head with that of the round before, oldest first; None where there was none.
        accuracy_low: Lower bound of the accuracy; None where it was not measured.
        labels: Labels so far.
        hours: Hours of labeling so far; None where they were not recorded.
        rounds: Rounds so far.
        left: Items that can still be asked; None where this is not known.
        pays: Whether the next hour of labeling is worth its price; None where no value of accuracy is set, or where
            the labels do not suffice to decide.

    References:
        Bloodgood & Vijay-Shanker, A Method for Stopping Active Learning Based on Stabilizing Predictions and the Need
        for User-Adjustable Stopping, CoNLL 2009, arXiv 1409.5165: kappa 0.99, mean of three rounds.

    Example:
        >>> apply_limits(Limits(), kappas=(None, 0.9, 0.99, 0.995, 1.0)).rule
        'stable'
        >>> apply_limits(Limits(accuracy=0.9), accuracy_low=0.88).stop
        False
    """
    if limits.accuracy is not None and accuracy_low is not None and accuracy_low >= limits.accuracy:
        why = f"the accuracy is at least {100 * accuracy_low:.1f} %; the target is {100 * limits.accuracy:.1f} %"
        return Verdict(True, "target", why)
    recent = list(kappas)[-limits.window :]
    if limits.kappa is not None and len(recent) == limits.window:
        known = [value for value in recent if value is not None]
        if len(known) == limits.window and float(np.mean(known)) >= limits.kappa:
            why = f"predictions are stable: kappa {np.mean(known):.3f} over the last {limits.window} rounds"
            return Verdict(True, "stable", why)
    if pays is False:
        return Verdict(True, "worth", "the next hour of labeling costs more than the accuracy that it adds is worth")
    if left == 0:
        return Verdict(True, "exhausted", "every item is labeled or skipped")
    if limits.labels is not None and labels >= limits.labels:
        return Verdict(True, "labels", f"{labels:,} labels were given; the limit is {limits.labels:,}")
    if limits.hours is not None and hours is not None and hours >= limits.hours:
        return Verdict(True, "hours", f"{hours:.1f} hours were spent; the limit is {limits.hours:g}")
    if limits.rounds is not None and rounds >= limits.rounds:
        return Verdict(True, "rounds", f"{rounds} rounds were done; the limit is {limits.rounds}")
    return Verdict(False, "none", "no limit is reached")
