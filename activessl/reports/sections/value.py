"""Value and plan: money so far, labels to the target, accepted items and confirmed clusters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from activessl.measuring.planning.plan import Plan
from activessl.measuring.planning.roi import Roi
from activessl.proof.confirmed import confirmed_count
from activessl.proof.promise import promise_text
from activessl.reports.sections.base import Material
from activessl.reports.wording import percent, plan_lines, roi_lines

__all__ = ["Value"]


@dataclass(frozen=True)
class Value:
    """What the labels are worth, and what is still needed.

    Attributes:
        plan: Labels, hours and money to the target; None without a target, or with too few random labels.
        roi: Money so far; None without rates or a saving.
        machine: Number of accepted items.
        promise: The bound on the wrong accepted labels, and the result of the audit; empty without accepted items.
        clusters: Result of the clusters that people confirmed; empty without them.
    """

    name: ClassVar[str] = "value"

    plan: Plan | None = None
    roi: Roi | None = None
    machine: int = 0
    promise: str = ""
    clusters: str = ""

    @classmethod
    def gather(cls, material: Material) -> Self:
        """Forecast the labels to the target, and collect what was accepted and confirmed."""
        history, clusters = material.history, confirmed_count(material.history)
        return cls(
            plan=material.forecast.goal(),
            roi=material.forecast.roi(),
            machine=len(history.machine),
            promise=promise_text(history),
            clusters="" if clusters is None else clusters.to_text(),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the plan, the money and the accepted items."""
        return {
            "plan": None if self.plan is None else self.plan.to_dict(),
            "roi": None if self.roi is None else self.roi.to_dict(),
            "accepted": {"items": self.machine, "promise": self.promise},
            "clusters": self.clusters or None,
        }

    def to_text(self) -> list[str]:
        """Return a line each, and the plan below them."""
        lines = [f"{name:<13}{text}" for name, text in self.money()]
        lines += [f"accepted     {self.promise}"] if self.promise else []
        lines += [f"in clusters  {self.clusters}"] if self.clusters else []
        if self.plan is not None:
            lines += ["", f"to {percent(self.plan.target, 1)}:", *(f"- {name}: {t}" for name, t in self.steps())]
        return lines

    def money(self) -> list[tuple[str, str]]:
        """The lines about money so far: name and text."""
        return [] if self.roi is None else roi_lines(self.roi)

    def steps(self) -> list[tuple[str, str]]:
        """The lines of the plan: name and text."""
        return [] if self.plan is None else plan_lines(self.plan)
