"""Machines: what each answered, costs and is worth, and what they saved together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from activessl.measuring.planning.cheaper import MachinesWorth
from activessl.proof.machines import MachineFigures, machine_figures
from activessl.reports.sections.base import Material
from activessl.reports.wording import amount, hours_text, percent, span_text

__all__ = ["Machines", "worth_lines"]


@dataclass(frozen=True)
class Machines:
    """What answers for less than a person.

    Attributes:
        figures: The figures of each machine in ``activessl.toml``.
        classes: The classes of the project, in order.
        worth: What the answers of all machines saved and cost; None if none was ever asked.
        currency: The currency of the prices; empty without one.
    """

    name: ClassVar[str] = "machines"

    figures: tuple[MachineFigures, ...] = ()
    classes: tuple[str, ...] = ()
    worth: MachinesWorth | None = None
    currency: str = ""

    @classmethod
    def gather(cls, material: Material) -> Self:
        """Measure the machines on the labels of people."""
        config = material.snapshot.project.config
        if not config.machines and not material.history.said:
            return cls()
        figures = machine_figures(material.snapshot, material.evidence)
        return cls(figures, config.data.classes, material.forecast.machines(), config.rates.currency or "")

    def to_dict(self) -> dict[str, Any]:
        """Return the figures of each machine, and what they saved."""
        return {
            "machines": {one.name: one.to_dict(self.classes) for one in self.figures},
            "machines_worth": None if self.worth is None else self.worth.to_dict(),
        }

    def to_text(self) -> list[str]:
        """Return a line for each machine, and what they saved."""
        lines = [f"machine      {one.name}: {self.told(one)}" for one in self.figures]
        return lines + [f"{name:<13}{text}" for name, text in self.money()]

    def money(self) -> list[tuple[str, str]]:
        """The lines about what machines cost and saved: name and text."""
        return [] if self.worth is None else worth_lines(self.worth)

    def told(self, one: MachineFigures) -> str:
        """The figures of a machine in one line."""
        heeded = "heeded by the head" if one.heeded else "not heeded by the head"
        return f"{one.answered:,} answers, {self.cost(one)}, right: {self.right(one)}, {heeded}; {one.verdict}"

    def cost(self, one: MachineFigures) -> str:
        """What the answers of a machine cost."""
        price = amount(one.spent.price, self.currency) if self.currency else "no price"
        return f"{price}, {one.spent.tokens:,} tokens" if one.spent.tokens else price

    def right(self, one: MachineFigures) -> str:
        """How often a machine is right, with the interval, or why it is not known."""
        found = one.reliability
        if found is None or found.share is None:
            return "not known, because no random item has both its answer and a person's"
        return (
            f"{percent(found.share)} ({percent(found.level)} interval {percent(found.low)} to {percent(found.high)}, "
            f"{found.asked:,} random items)"
        )

    def by_class(self, one: MachineFigures) -> list[tuple[str, str, str]]:
        """Of each class that a machine says: name, how often it is right, and the verdict."""
        if one.reliability is None:
            return []
        pairs = zip(self.classes, one.reliability.classes, strict=True)
        return [
            (name, f"{percent(c.share)} ({percent(c.low)} to {percent(c.high)}, {c.right:,} of {c.asked:,})", c.verdict)
            for name, c in pairs
            if c.asked
        ]

    def annotators(self, one: MachineFigures) -> str:
        """The result of the alternative annotator test."""
        found = one.alternative
        if found is None:
            return "not known, because fewer than 3 annotators share at least 30 items with it"
        passed = "passed" if found.passed else "failed"
        return (
            f"{passed}: it may replace {percent(found.winning_rate)} of {found.annotators} annotators (at least 50 % "
            "are needed)"
        )


def worth_lines(worth: MachinesWorth) -> list[tuple[str, str]]:
    """Word what machines cost and saved: name and text of each line."""
    currency = worth.currency

    def money(value: float) -> str:
        text = amount(abs(value), currency or "")
        return f"-{text}" if value < 0 else text

    tokens = f", {worth.tokens:,} tokens" if worth.tokens else ""
    price = money(worth.spent) if currency else "no price (rates.currency is not set)"
    lines = [("machines", f"{worth.answers:,} answers{tokens}: {price}")]
    if worth.labels is None:
        return [*lines, ("they saved", f"not known, because {worth.why}")]
    if worth.why:
        return [*lines, ("they saved", f"nothing: {worth.why}")]

    def said(span: Any, text: Any) -> str:
        return span_text(span, text, level=worth.level, never="not known")

    most = "; more cannot be shown with these labels" if worth.censored else ""
    names = ", ".join(worth.heeded)
    lines.append(("they saved", f"{said(worth.labels, lambda n: f'{n:,.0f} labels')}{most}; heeded: {names}"))
    if worth.hours is None:
        return [*lines, ("in hours", "not known, because no times of answers are recorded")]
    hours = said(worth.hours, lambda h: f"-{hours_text(-h)}" if h < 0 else hours_text(h))
    lines.append(("in hours", hours))
    if worth.net is None or not currency:
        return [*lines, ("in money", "not known, because rates.per_hour or rates.currency is not set")]
    return [*lines, ("in money", f"{said(worth.net, money)}, after the cost of the answers")]
