"""The estimate of labels saved as a value: reading and printing it needs no numpy or scipy."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

#: A lower end below this says only that twice the labels of random choice, and more, cannot be excluded.
FURTHEST = -1.0


def lower_end(saved: float) -> str:
    """The lower end of an interval of labels saved, in words.

    Example:
        >>> lower_end(0.1), lower_end(-0.5), lower_end(-17.2)
        ('10 %', '-50 %', 'below -100 %')
    """
    return "below -100 %" if saved < FURTHEST else f"{100 * saved:.0f} %"


@dataclass(frozen=True, slots=True)
class LiveSavings:
    """An estimate of the labels saved so far.

    Attributes:
        labels: Labels given, also of items that have left the pool.
        baseline_labels: Estimated labels that random choice needs for the same accuracy.
        saved: 1 - labels / baseline_labels, below 1 and possibly negative.
        low: Lower end of the interval of ``saved``.
        high: Upper end of that interval.
        level: Probability of the interval.
        random_labels: Number of random labels: the evidence of the project itself.
        own_low: Lower end of the interval from the random labels of the project only.
        own_high: Upper end of that interval; None where the random labels do not bound it.
        prior: Source of the other evidence, in words.
        pool: Number of items, where the pool is what limits the saving: random choice needs no more labels; else None.
    """

    labels: int
    baseline_labels: float
    saved: float
    low: float
    high: float
    level: float
    random_labels: int
    own_low: float
    own_high: float | None
    prior: str
    pool: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """The same, ready for JSON."""
        return asdict(self)

    def own_text(self) -> str:
        """The interval from the random labels of the project only."""
        low = lower_end(self.own_low)
        if self.own_high is None:
            return "no limits" if self.own_low < FURTHEST else f"{low} or more"
        return f"{low} to {100 * self.own_high:.0f} %"

    def interval_text(self) -> str:
        """The interval, without its level."""
        return f"{lower_end(self.low)} to {100 * self.high:.0f} %"

    def to_text(self) -> str:
        """One sentence.

        Example:
            >>> LiveSavings(100, 200.0, 0.5, 0.1, 0.7, 0.9, 20, -1.0, None, "replays").to_text()
            'estimate: 100 labels instead of about 200 with random choice: 50 % saved (90 % interval 10 % to 70 %, from
            replays and 20 random labels; from the random labels only: -100 % or more)'
        """
        said = f"{100 * self.saved:.0f} % saved" if self.saved >= 0 else "nothing saved"
        return (
            f"estimate: {self.labels:,} labels instead of about {self.baseline_labels:,.0f} with random choice: "
            f"{said} ({100 * self.level:.0f} % interval {self.interval_text()}, from "
            f"{self.prior} and {self.random_labels} random labels; from the random labels only: {self.own_text()})"
            + (f"; the pool of {self.pool:,} items limits the saving" if self.pool is not None else "")
        )
