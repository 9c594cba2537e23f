"""Seconds of an item, of a region that is drawn, and of one that is corrected: stated, or measured in a project."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from activessl.errors import MeasureError
from activessl.labels.answers import Answer
from activessl.labels.regions.corrections import Corrections, corrections
from activessl.measuring.planning.times import labeling_times

__all__ = ["BAND", "RegionPace", "drawing_pace", "region_pace"]

#: Seconds of a correction as shares of the seconds of a drawing, where they are not measured.
BAND = (0.2, 0.5, 1.0)
#: Answers without a suggestion, and corrected regions, from which on a pace is told.
_ITEMS, _CORRECTED = 10, 10


@dataclass(frozen=True, slots=True)
class RegionPace:
    """The seconds that regions take.

    Attributes:
        item: Seconds for an item, beside its regions, >= 0.
        region: Seconds for a region that is drawn from nothing, > 0.
        correction: Seconds for a suggested region that is moved, renamed or deleted, >= 0; None if not known.

    Raises:
        MeasureError: A figure is outside its range.

    Example:
        >>> pace = RegionPace(3.0, 8.0, 2.0)
        >>> pace.drawing(10, 20), pace.correcting(10, Corrections(kept=12, changed=4, deleted=2, drawn=4))
        (190.0, 74.0)
    """

    item: float = 3.0
    region: float = 8.0
    correction: float | None = None

    def __post_init__(self) -> None:
        values = (self.item, self.region, self.correction or 0.0)
        if not all(np.isfinite(value) and value >= 0 for value in values) or self.region <= 0:
            said = ", ".join(f"{value:g}" for value in (self.item, self.region, self.correction) if value is not None)
            raise MeasureError(
                f"seconds {said} are not an item >= 0, a region > 0 and a correction >= 0",
                hint="give seconds such as 3,8 or 3,8,2",
            )

    @property
    def shares(self) -> tuple[float, ...]:
        """A correction as a share of a drawing: the known one, or a band."""
        return BAND if self.correction is None else (self.correction / self.region,)

    def drawing(self, items: Any, regions: Any) -> Any:
        """Seconds for items whose regions are all drawn from nothing."""
        return self.item * items + self.region * regions

    def correcting(self, items: Any, done: Corrections, share: float | None = None) -> Any:
        """Seconds for items with suggestions.

        Args:
            items: How many.
            done: What is done with their regions.
            share: Seconds of a correction, as a share of those of a drawing; by default the known one.
        """
        one = self.region * (self.shares[len(self.shares) // 2] if share is None else share)
        return self.item * items + self.region * done.drawn + one * (done.changed + done.deleted)

    def to_dict(self) -> dict[str, Any]:
        """The same, ready for JSON."""
        return asdict(self)

    def to_text(self) -> str:
        """One sentence.

        Example:
            >>> RegionPace(3.0, 8.0, 2.0).to_text(), RegionPace().to_text()
            ('3.0 s an item, 8.0 s a region, 2.0 s a correction', '3.0 s an item, 8.0 s a region')
        """
        more = "" if self.correction is None else f", {self.correction:.1f} s a correction"
        return f"{self.item:.1f} s an item, {self.region:.1f} s a region{more}"


def region_pace(answers: Sequence[Answer]) -> RegionPace | None:
    """Measure the seconds of a project, by least squares: first of drawing, then of what correcting adds.

    Args:
        answers: Answers with regions to the first questions about their items, with what they were shown.

    Returns:
        None with fewer than 10 timed answers without a suggestion, or if the regions take no time. ``correction`` is
        None with fewer than 10 corrected regions.

    Example:
        >>> from datetime import UTC, datetime
        >>> def drew(i, count, seconds):
        ...     regions = tuple({"kind": "span", "start": k, "end": k + 1, "classes": ["a"]} for k in range(count))
        ...     now = datetime.now(UTC)
        ...     return Answer(f"k{i}", f"s{i}", f"i{i}", "label", ("a",), "ann", seconds, now, regions=regions)
        >>> region_pace([drew(i, i % 3, 3.0 + 8 * (i % 3)) for i in range(12)]).to_text()
        '3.0 s an item, 8.0 s a region'
    """
    timed = [one for one in labeling_times(answers) if one.how != "filled" and one.answer.regions is not None]
    plain = [(one.seconds, len(one.answer.regions or ())) for one in timed if one.answer.suggested is None]
    if len(plain) < _ITEMS:
        return None
    item, region = drawing_pace(*np.array(plain, dtype=np.float64).T)
    if region <= 0:
        return None
    shown = [
        (one.seconds, corrections(one.answer.regions or (), one.answer.suggested))
        for one in timed
        if one.answer.suggested is not None
    ]
    count = np.array([done.changed + done.deleted for _, done in shown], dtype=np.float64)
    if count.sum() < _CORRECTED:
        return RegionPace(item, region)
    left = np.array([seconds - item - region * done.drawn for seconds, done in shown])
    return RegionPace(item, region, max(0.0, float((left * count).sum() / (count**2).sum())))


def drawing_pace(seconds: Float[np.ndarray, " n"], regions: Float[np.ndarray, " n"]) -> tuple[float, float]:
    """Seconds of an item and of a region, neither below 0, by least squares on items that were drawn from nothing.

    Example:
        >>> drawing_pace(np.array([3.0, 11, 19]), np.array([0.0, 1, 2]))
        (3.0, 8.0)
    """
    spread = float(((regions - regions.mean()) ** 2).sum())
    region = float(((regions - regions.mean()) * (seconds - seconds.mean())).sum()) / spread if spread else 0.0
    if region <= 0:
        return float(seconds.mean()), 0.0
    item = float(seconds.mean() - region * regions.mean())
    if item < 0:  # then an item takes only the time of its regions
        return 0.0, float((regions * seconds).sum() / (regions**2).sum())
    return item, region
