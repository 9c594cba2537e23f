"""The labels saved so far as a value: it can be read and said without what it takes to estimate it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class LiveSavings:
    """An estimate of the labels saved so far.

    Attributes:
        labels: Labels given.
        baseline_labels: What random choice is estimated to need for the same accuracy.
        saved: 1 - labels / baseline_labels, below 1 and possibly negative.
        low: Lower end of the interval of ``saved``.
        high: Upper end of it.
        level: Probability of the interval.
        random_labels: How many of the labels were drawn at random: all that the project itself says rests on these.
        own_low: Lower end of the interval by the project's own random labels alone.
        own_high: Upper end of it; None where these alone do not bound it.
        prior: Where the rest of the estimate comes from.
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

    def to_dict(self) -> dict[str, Any]:
        """The same, ready for JSON."""
        return asdict(self)

    def own_text(self) -> str:
        """The interval by the project's own random labels alone."""
        low = f"{100 * self.own_low:.0f} %"
        return f"{low} or more" if self.own_high is None else f"{low} to {100 * self.own_high:.0f} %"

    def to_text(self) -> str:
        """One sentence.

        Example:
            >>> LiveSavings(100, 200.0, 0.5, 0.1, 0.7, 0.9, 20, -1.0, None, "replays").to_text()
            'estimated: random choice would have needed about 200 labels instead of 100, 50 % saved (90 % interval 10 to
            70 %, by replays and 20 random labels, which alone say -100 % or more)'
        """
        said = f"{100 * self.saved:.0f} % saved" if self.saved >= 0 else "nothing saved"
        return (
            f"estimated: random choice would have needed about {self.baseline_labels:,.0f} labels instead of "
            f"{self.labels:,}, {said} ({100 * self.level:.0f} % interval {100 * self.low:.0f} to "
            f"{100 * self.high:.0f} %, by {self.prior} and {self.random_labels} random labels, which alone say "
            f"{self.own_text()})"
        )
