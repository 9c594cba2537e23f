"""The time of people in a simulation with regions: corrected suggestions against drawing from nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from activessl.labels.regions.corrections import Corrections
from activessl.measuring.planning.region_pace import RegionPace
from activessl.measuring.savings.curves import isotonic
from activessl.measuring.simulation.region_track import RegionTrack

__all__ = ["RegionHours", "first_at", "hours_text", "region_hours"]

#: Resamples of the seeds for an interval, and the seeds from which on there is one.
_DRAWS, _SEEDS = 400, 3


@dataclass(frozen=True, slots=True)
class RegionHours:
    """The time of a strategy with suggestions that people correct; the same answers teach the model in the end.

    Attributes:
        share: Seconds of a correction / seconds of a drawing.
        same_items: Time / that of drawing the regions of the same items from nothing.
        same_quality: Time / that of random items that are drawn from nothing, at the F1 that both reach; None if that
            is 0.
        low: Lower end of its 90 % interval over seeds; None with fewer than 3.
        high: Upper end.
        seconds: Time at each budget, the mean over seeds.
        nothing: The same without suggestions.
    """

    share: float
    same_items: float
    same_quality: float | None
    low: float | None
    high: float | None
    seconds: tuple[float, ...]
    nothing: tuple[float, ...]

    def to_dict(self) -> dict[str, Any]:
        """The same, ready for JSON."""
        return asdict(self)


def region_hours(
    ours: Sequence[RegionTrack],
    baseline: Sequence[RegionTrack],
    budgets: Sequence[int],
    pace: RegionPace,
    share: float,
    *,
    rng: np.random.Generator,
) -> RegionHours:
    """Compare the time of a strategy with suggestions with that of drawing from nothing.

    Args:
        ours: The strategy, a track for each seed.
        baseline: Random choice on the same seeds.
        budgets: Numbers of labeled items.
        pace: Seconds of an item and of a region.
        share: Seconds of a correction / seconds of a drawing.
        rng: Random numbers of the resampling.
    """
    items = np.array(budgets, dtype=np.float64)
    corrected = np.array(
        [
            [
                pace.correcting(n, Corrections(changed=changed, drawn=drawn), share)
                for n, drawn, changed in zip(items, track.drawn, track.corrected, strict=True)
            ]
            for track in ours
        ]
    )
    nothing, theirs = (
        np.array([pace.drawing(items, np.array(track.regions)) for track in some]) for some in (ours, baseline)
    )
    quality, reached = (np.array([track.quality for track in some]) for some in (ours, baseline))

    def ratio(rows: Any) -> float | None:
        mine, other = (isotonic(some[rows].mean(axis=0)) for some in (quality, reached))
        target = min(float(mine[-1]), float(other[-1]))
        if target <= 0:
            return None
        needs = (
            first_at(curve, seconds[rows].mean(axis=0), target)
            for curve, seconds in ((mine, corrected), (other, theirs))
        )
        return next(needs) / next(needs)

    low = high = None
    seeds = len(ours)
    if seeds >= _SEEDS:
        drawn = [ratio(rng.integers(0, seeds, seeds)) for _ in range(_DRAWS)]
        found = [value for value in drawn if value is not None]
        if len(found) > _DRAWS / 2:
            low, high = (float(np.quantile(found, at)) for at in (0.05, 0.95))
    return RegionHours(
        share=share,
        same_items=float(corrected[:, -1].sum() / nothing[:, -1].sum()),
        same_quality=ratio(np.arange(seeds)),
        low=low,
        high=high,
        seconds=tuple(corrected.mean(axis=0).tolist()),
        nothing=tuple(nothing.mean(axis=0).tolist()),
    )


def hours_text(found: Sequence[RegionHours], pace: RegionPace) -> list[str]:
    """The comparison in two lines.

    Example:
        >>> one = RegionHours(0.25, 0.62, 0.4, 0.3, 0.6, (1.0,), (1.0,))
        >>> print("\\n".join(hours_text([one], RegionPace(3.0, 8.0, 2.0))))
        0.62 of the time of drawing the same items from nothing, with suggestions (3.0 s an item, 8.0 s a region, 2.0 s
        a correction)
        0.40 (0.30 to 0.60) of the time of random items drawn from nothing, at the same F1
    """
    if len(found) == 1:
        times = pace.to_text()
    else:
        times = f"{pace.to_text()}; a correction of {', '.join(f'{one.share:g}' for one in found)} of a region"

    def quality(one: RegionHours) -> str:
        if one.same_quality is None:
            return "?"
        return f"{one.same_quality:.2f}" + ("" if one.low is None else f" ({one.low:.2f} to {one.high:.2f})")

    same = ", ".join(f"{one.same_items:.2f}" for one in found)
    return [
        f"{same} of the time of drawing the same items from nothing, with suggestions ({times})",
        f"{', '.join(map(quality, found))} of the time of random items drawn from nothing, at the same F1",
    ]


def first_at(smooth: Float[np.ndarray, " b"], spent: Float[np.ndarray, " b"], target: float) -> float:
    """What was spent, such as regions or seconds, where a curve first reaches a target that it reaches.

    Example:
        >>> first_at(np.array([0.2, 0.6]), np.array([10.0, 30.0]), 0.4)
        20.0
    """
    at = int((smooth >= target - 1e-12).argmax())
    if at == 0:
        return float(spent[0])
    rise = smooth[at] - smooth[at - 1]
    share = 1.0 if rise <= 0 else (target - smooth[at - 1]) / rise
    return float(spent[at - 1] + share * (spent[at] - spent[at - 1]))
