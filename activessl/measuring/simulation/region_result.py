"""The result of a simulation on data with regions: curves over items and over drawn regions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float

from activessl.errors import MeasureError
from activessl.measuring.intervals import mean_interval
from activessl.measuring.planning.region_pace import RegionPace
from activessl.measuring.savings.curves import Curve, win_rate
from activessl.measuring.savings.savings import Savings, savings
from activessl.measuring.simulation.region_seconds import RegionHours, first_at, hours_text, region_hours
from activessl.measuring.simulation.region_track import RegionTrack

#: The strategy that the others are compared with.
BASELINE = "random"


@dataclass(frozen=True, eq=False)
class RegionSimulation:
    """Curves of several strategies on the same splits, with the same first batch.

    Attributes:
        tracks: By strategy, one for each seed; ``random`` is always among them.
        budgets: Numbers of labeled items.
        settings: What the data are, and how they were simulated.
        pace: Seconds of an item, a region and a correction.
    """

    tracks: Mapping[str, Sequence[RegionTrack]]
    budgets: tuple[int, ...]
    settings: Mapping[str, Any]
    pace: RegionPace = field(default_factory=RegionPace)

    def curve(self, name: str) -> Curve:
        """F1 over labeled items."""
        return Curve(np.array(self.budgets), self._quality(name))

    def savings(self, name: str) -> Savings | None:
        """The items that a strategy saves at the F1 of ``random`` with all items; None if that is 0.

        Raises:
            MeasureError: No such strategy.
        """
        if name not in self.tracks:
            raise MeasureError(f"no strategy {name!r}", hint=f"choose one of {', '.join(self.tracks)}")
        baseline = self.curve(BASELINE)
        if float(baseline.smooth[-1]) <= 0:
            return None
        return savings(self.curve(name), baseline, rng=np.random.default_rng([int(self.settings["seed"]), 7]))

    def regions_saved(self, name: str) -> float | None:
        """One minus the drawn regions that a strategy needs / those of ``random``, at the F1 that both reach.

        The curves are means over seeds, made non-decreasing; None if the F1 is 0.
        """
        ours, theirs = self.curve(name), self.curve(BASELINE)
        target = min(float(ours.smooth[-1]), float(theirs.smooth[-1]))
        if target <= 0:
            return None
        need = [first_at(curve.smooth, self._regions(one).mean(axis=0), target) for curve, one in
                ((ours, name), (theirs, BASELINE))]  # fmt: skip
        return None if need[1] <= 0 else 1 - need[0] / need[1]

    def hours(self, name: str) -> list[RegionHours]:
        """The time of a strategy with corrected suggestions, divided by that of drawing from nothing, for each time of
        a correction.
        """
        given = (self.tracks[name], self.tracks[BASELINE], self.budgets, self.pace)
        rng = np.random.default_rng([int(self.settings["seed"]), 8])
        return [region_hours(*given, share, rng=rng) for share in self.pace.shares]

    def to_dict(self) -> dict[str, Any]:
        """All figures, ready for JSON: null for a figure that does not exist."""
        curves: dict[str, Any] = {}
        for name, tracks in self.tracks.items():
            quality = self._quality(name)
            low, high = mean_interval(quality)
            curves[name] = {
                "labels": list(self.budgets),
                "quality": np.round(quality, 6).tolist(),
                "regions": self._regions(name).astype(int).tolist(),
                "items_with_regions": [list(track.holding) for track in tracks],
                "precision": [[_rounded(one.precision) for one in track.counts] for track in tracks],
                "recall": [[_rounded(one.recall) for one in track.counts] for track in tracks],
                "seconds": [list(track.seconds) for track in tracks],
                "drawn": [list(track.drawn) for track in tracks],
                "corrected": [list(track.corrected) for track in tracks],
                "mean": np.round(quality.mean(axis=0), 6).tolist(),
                "low": np.round(low, 6).tolist(),
                "high": np.round(high, 6).tolist(),
                "wins_against_random": round(win_rate(self.curve(name), self.curve(BASELINE)), 4),
            }
        saved = {}
        for name in self.tracks:
            if name != BASELINE:
                found = self.savings(name)
                saved[name] = {
                    "items": None if found is None else found.to_dict(),
                    "regions": _rounded(self.regions_saved(name)),
                    "hours": [one.to_dict() for one in self.hours(name)],
                }
        return {"curves": curves, "savings": saved, "settings": {**self.settings, "pace": self.pace.to_dict()}}

    def to_text(self) -> str:
        """A table of the mean F1, and a sentence for each strategy."""
        width = max(len(name) for name in self.tracks) + 2
        told = self.settings
        lines = [
            f"{100 * told['share_with_regions']:.0f} % of the items hold a region, these "
            f"{told['regions_per_item_with_regions']:.1f} on average; quality is the {told['quality']}, in percent",
            "items".ljust(width) + "".join(f"{budget:>8}" for budget in self.budgets),
        ]
        for name in self.tracks:
            lines.append(
                name.ljust(width) + "".join(f"{100 * value:>8.1f}" for value in self._quality(name).mean(axis=0))
            )
        for name in self.tracks:
            if name == BASELINE:
                continue
            found = self.savings(name)
            if found is None:
                lines.append(f"{name}: no saving measured: random choice reaches a quality of 0")
                continue
            lines.append(f"{name}: {found.to_text(quality='F1', unit='items')}")
            regions = self.regions_saved(name)
            if regions is not None:
                percent = f"{100 * regions:.0f} % fewer" if regions >= 0 else f"{-100 * regions:.0f} % more"
                lines.append(f"{name}: {percent} drawn regions at the same F1")
            lines += [f"{name}: {line}" for line in hours_text(self.hours(name), self.pace)]
        return "\n".join(lines)

    def _quality(self, name: str) -> Float[np.ndarray, "s b"]:
        return np.array([track.quality for track in self.tracks[name]])

    def _regions(self, name: str) -> Float[np.ndarray, "s b"]:
        return np.array([track.regions for track in self.tracks[name]], dtype=float)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(float(value), 6)


__all__ = ["BASELINE", "RegionSimulation"]
