"""One strategy on one seed of a simulation with regions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from activessl.labels.regions.matching import Counts


@dataclass(frozen=True)
class RegionTrack:
    """One strategy on one seed, a value for each budget.

    Attributes:
        counts: Right, predicted and true regions of the test items.
        regions: Regions of all labeled items: what people have drawn.
        holding: Labeled items that hold a region.
        seconds: Seconds of choosing and teaching.
        drawn: Regions that people draw from nothing where they see the model's regions in the chosen items, and none in
            the random ones.
        corrected: Regions of the model that they then move or delete.
    """

    counts: tuple[Counts, ...]
    regions: tuple[int, ...]
    holding: tuple[int, ...]
    seconds: tuple[float, ...]
    drawn: tuple[int, ...]
    corrected: tuple[int, ...]

    @classmethod
    def of_json(cls, told: Mapping[str, Any]) -> RegionTrack:
        """Read a track back.

        Raises:
            KeyError: A value is missing.
            TypeError: A value has another type.
        """
        counts = tuple(Counts(int(one["right"]), int(one["predicted"]), int(one["true"])) for one in told["counts"])
        regions, holding, drawn, corrected = (
            tuple(int(value) for value in told[name]) for name in ("regions", "holding", "drawn", "corrected")
        )
        return cls(counts, regions, holding, tuple(float(value) for value in told["seconds"]), drawn, corrected)

    @property
    def quality(self) -> list[float]:
        """F1 at each budget; 0 where nothing was predicted."""
        return [one.f1 or 0.0 for one in self.counts]
