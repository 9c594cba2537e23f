"""Calibration: whether the model's confidence equals its accuracy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from activessl.measuring.quality.calibration import Calibration
from activessl.reports.calibration_chart import CalibrationChart, draw_calibration
from activessl.reports.sections.base import Material

__all__ = ["Calibrated"]


@dataclass(frozen=True)
class Calibrated:
    """The calibration of the model.

    Attributes:
        calibration: Calibration on random labels; None with too few of them.
    """

    name: ClassVar[str] = "calibrated"

    calibration: Calibration | None = None

    @classmethod
    def gather(cls, material: Material) -> Self:
        """Compare confidence and accuracy on random labels."""
        return cls(material.evidence.calibration)

    def to_dict(self) -> dict[str, Any]:
        """Return the calibration."""
        return {"calibration": None if self.calibration is None else self.calibration.to_dict()}

    def to_text(self) -> list[str]:
        """Return the line of the calibration."""
        return [] if self.calibration is None else [f"calibration  {self.calibration.to_text()}"]

    def chart(self) -> CalibrationChart | None:
        """Lay out the curve; None where there is none."""
        return draw_calibration(self.calibration)
