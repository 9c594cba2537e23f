"""The report as a value: every figure, its assumptions, and what is not measured."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from activessl.measuring.planning.hours import HoursSaved, HumanTime
from activessl.measuring.planning.stopping import Verdict
from activessl.measuring.quality.audit import Audit
from activessl.measuring.quality.tested import Tested
from activessl.measuring.savings.live import LiveSavings
from activessl.measuring.savings.savings import Savings
from activessl.project.folder import writing
from activessl.reports.sections.base import Section, fields_of
from activessl.reports.tiles import budget, tiles
from activessl.reports.wording import Headline, amount, headline, hours_text, percent
from activessl.sealed import write_atomic

__all__ = ["Report"]

_Kind = TypeVar("_Kind")


@dataclass(frozen=True, slots=True)
class Report:
    """All figures of a project, for managers and statisticians.

    Attributes:
        title: Of the project.
        made_at: Time of the report, with a time zone.
        items: Items in the pool.
        classes: Number of classes.
        labels: Labeled items.
        skipped: Items that were skipped.
        rounds: Number of rounds.
        savings: Labels saved against random choice; None without a comparison.
        method: How the saving was measured, in one or two sentences.
        live: Labels saved so far, estimated from the project's own labels; None with too few random labels.
        accuracy: Accuracy on the pool, from random labels; None with too few of them.
        tested: Accuracy on the test data; None without test data.
        time: Labeling time; None where no times are recorded.
        hours: Hours saved; None without a saving or a time.
        per_hour: Price of an hour of labeling; None where it is not known.
        currency: Currency of all amounts.
        verdict: Whether to stop; None where it was not asked.
        sections: The other parts, in the order of the page; see :mod:`activessl.reports.sections`.
        assumptions: Assumptions of the figures.
        not_measured: Figures that a reader may expect and that are not measured.
        next_step: The next command.
        provenance: Versions, fingerprints, seeds.
    """

    title: str
    made_at: datetime
    items: int
    classes: int
    labels: int
    skipped: int = 0
    rounds: int = 0
    savings: Savings | None = None
    method: str = ""
    live: LiveSavings | None = None
    accuracy: Audit | None = None
    tested: Tested | None = None
    time: HumanTime | None = None
    hours: HoursSaved | None = None
    per_hour: float | None = None
    currency: str | None = None
    verdict: Verdict | None = None
    sections: tuple[Section, ...] = ()
    assumptions: tuple[str, ...] = ()
    not_measured: tuple[str, ...] = ()
    next_step: str = ""
    provenance: Mapping[str, str] = field(default_factory=dict)

    @property
    def headline(self) -> Headline:
        """The headline, never better than the measurement."""
        return headline(self.savings, self.labels, self.live)

    def section(self, kind: type[_Kind]) -> _Kind:
        """Return the section of a kind.

        Raises:
            LookupError: The report does not have it.
        """
        for section in self.sections:
            if isinstance(section, kind):
                return section
        raise LookupError(f"the report has no section {kind.__name__}")

    def to_dict(self) -> dict[str, Any]:
        """Return all figures, ready for JSON, without the pictures; null where a figure does not exist."""
        told: dict[str, Any] = {
            "title": self.title,
            "made_at": self.made_at.isoformat(),
            "pool": {
                "items": self.items,
                "classes": self.classes,
                "labels": self.labels,
                "skipped": self.skipped,
            },
            "headline": {"text": self.headline.text, "detail": self.headline.detail, "proven": self.headline.proven},
            "savings": None if self.savings is None else self.savings.to_dict(),
            "method": self.method,
            "live": None if self.live is None else self.live.to_dict(),
            "accuracy": None if self.accuracy is None else self.accuracy.to_dict(),
            "test": None if self.tested is None else self.tested.to_dict(),
            "time": None if self.time is None else self.time.to_dict(),
            "hours": None if self.hours is None else self.hours.to_dict(),
            "rates": {"per_hour": self.per_hour, "currency": self.currency},
        }
        for section in self.sections:
            told |= section.to_dict()
        return told | {
            "stop": None if self.verdict is None else fields_of(self.verdict),
            "assumptions": list(self.assumptions),
            "not_measured": list(self.not_measured),
            "next_step": self.next_step,
            "provenance": dict(self.provenance),
        }

    def save(self, folder: Path) -> Path:
        """Write ``report.html`` and ``report.json`` into a folder, and return the path of the page.

        Raises:
            ProjectError: The folder cannot be written.
        """
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            self.to_html(folder / "report.html")
            write_atomic(folder / "report.json", self.to_json().encode())
        return folder / "report.html"

    def to_json(self) -> str:
        """Return the figures of ``to_dict`` as JSON text.

        Raises:
            ValueError: A figure is NaN or infinite.
        """
        return json.dumps(self.to_dict(), allow_nan=False, ensure_ascii=False)

    def to_html(self, path: Path | str | None = None) -> str:
        """Return one self-contained page, without scripts and network access, also for dark mode and print.

        Args:
            path: File to write the page to; None to return it only.

        Raises:
            ProjectError: The file cannot be written.
        """
        from activessl.reports.html import render  # jinja2 only where it is needed

        page = render(
            report=self,
            headline=self.headline,
            tiles=tiles(self.labels, self.items, self.accuracy, self.tested, self.time, self.hours),
            budget=budget(self.hours, self.savings, self.per_hour, self.currency),
        )
        if path is not None:
            with writing(Path(path).parent):
                write_atomic(Path(path), page.encode())
        return page

    def to_text(self) -> str:
        """Return the report for the terminal."""
        lines = [self.title, "=" * len(self.title), self.headline.text]
        if self.headline.detail:
            lines.append(self.headline.detail)
        lines += ["", *self._figures()]
        blocks: list[str] = []
        for section in self.sections:
            told = section.to_text()
            end = told.index("") if "" in told else len(told)
            lines += told[:end]
            blocks += told[end:]
        lines += blocks
        for head, entries in (("assumptions", self.assumptions), ("not measured", self.not_measured)):
            if entries:
                lines += ["", f"{head}:"] + [f"- {entry}" for entry in entries]
        if self.next_step:
            lines += ["", f"next: {self.next_step}"]
        return "\n".join(lines) + "\n"

    def _figures(self) -> Iterator[str]:
        """Yield the lines of the report's own figures."""
        skipped = f", {self.skipped:,} skipped" if self.skipped else ""
        yield f"labels       {self.labels:,} of {self.items:,} items, {self.classes} classes{skipped}"
        if self.tested is not None:
            yield f"accuracy     {self.tested.to_text()}"
        if self.accuracy is not None:
            name = "accuracy" if self.tested is None else "on the pool"
            yield f"{name:<13}{self.accuracy.to_text().removeprefix('accuracy ')}"
        elif self.tested is None:
            yield "accuracy     not measured"
        if self.time is not None:
            each = f"{self.time.per_label:.1f} s for each label ({self.time.low:.1f} to {self.time.high:.1f})"
            yield f"time         {hours_text(self.time.hours)} of labeling, {each}"
        else:
            yield "time         not recorded"
        if self.hours is not None and self.hours.saved is not None:
            less = "saved" if self.hours.saved >= 0 else "more than random choice"
            yield f"hours        {percent(abs(self.hours.saved))} {less}{_tax(self.hours)}"
            if self.hours.money is not None and self.hours.currency is not None:
                less = "saved" if self.hours.money >= 0 else "more than random choice"
                yield f"money        {amount(abs(self.hours.money), self.hours.currency)} {less}"


def _tax(hours: HoursSaved) -> str:
    how = "measured" if hours.tax_measured else "assumed"
    return f"; a chosen item takes {hours.tax:.2f} times as long as a random item ({how})"
