"""The learning rate over a run, and the rule for ending a run early.

Both are functions of step numbers and of figures measured at fixed steps, so that a run that was killed and resumed
ends like an uninterrupted run.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

#: Number of checks of the label-free figures in a run.
_LOOKS = 20
#: Runs with fewer steps are not ended early: their figures are noisy, and little time would be saved.
_SHORTEST = 200
#: What counts as an improvement: a difference of the neighbor agreement, and a ratio of the effective rank.
_AGREEMENT, _RANK = 0.005, 1.01


@dataclass(frozen=True)
class Schedule:
    """The learning rate of each step, as a share of the largest.

    It rises over a tenth of the planned steps, then falls along a cosine. If a run ends early, the rate falls linearly
    from its present value to zero over a tenth of the planned steps: vectors become stable only as the rate falls.

    Attributes:
        planned: Steps of the whole run, >= 1.
        ending: The step after which the early end was decided; None without an early end.

    Example:
        >>> [round(Schedule(10).rate(step), 2) for step in (0, 1, 5, 9)]
        [1.0, 1.0, 0.65, 0.1]
        >>> short = Schedule(10).end_after(4)
        >>> short.total, short.rate(4) < Schedule(10).rate(3)
        (5, True)
    """

    planned: int
    ending: int | None = None

    @property
    def total(self) -> int:
        """Total number of steps."""
        return self.planned if self.ending is None else min(self.planned, self.ending + self._tenth)

    def rate(self, step: int) -> float:
        """The rate of a step, counted from 0, in (0, 1]."""
        if self.ending is not None and step >= self.ending:
            return self._planned_rate(self.ending) * (self.total - step) / (self.total - self.ending + 1)
        return self._planned_rate(step)

    def looks(self, step: int) -> bool:
        """Whether the label-free figures are checked after this step."""
        return self.ending is None and self.planned >= _SHORTEST and step % (self.planned // _LOOKS) == 0

    def end_after(self, step: int) -> Schedule:
        """Return the schedule with an early end; unchanged if hardly any steps would be saved."""
        return self if step + 2 * self._tenth > self.planned else replace(self, ending=step)

    @property
    def _tenth(self) -> int:
        return max(1, self.planned // 10)

    def _planned_rate(self, step: int) -> float:
        warm = self._tenth
        if step < warm:
            return (step + 1) / warm
        return 0.5 * (1 + math.cos(math.pi * (step - warm) / (self.planned - warm + 1)))


def improves_no_more(seen: Sequence[Mapping[str, float]], patience: int) -> bool:
    """Whether the last figures are no better than those before them.

    An improvement is a neighbor agreement that is higher by 0.005 or an effective rank that is higher by 1 %: the best
    of the last ``patience`` checks against the best of all earlier checks. Both figures are needed: a collapsed space
    has the highest agreement, and a space of noise the highest rank.

    Args:
        seen: Label-free figures of ``health``, oldest first.
        patience: Number of checks without improvement that end a run, >= 1; 0 for never.

    Example:
        >>> figures = [{"neighbour_agreement": a, "effective_rank": 9.0} for a in (0.3, 0.4, 0.402, 0.4)]
        >>> improves_no_more(figures, 2), improves_no_more(figures, 3)
        (True, False)
    """
    if patience < 1 or len(seen) <= patience:
        return False
    before, last = seen[:-patience], seen[-patience:]
    agreement, rank = (
        [max(figures[name] for figures in part) for part in (before, last)]
        for name in ("neighbour_agreement", "effective_rank")
    )
    return agreement[1] < agreement[0] + _AGREEMENT and rank[1] < rank[0] * _RANK
