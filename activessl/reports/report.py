"""The report: a value that holds every figure, what it rests on, and what was not measured."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from activessl.labels.doubts import Suspect
from activessl.labels.kinds import Person
from activessl.ledger.schema import Decided
from activessl.measuring.planning.hours import HoursSaved, HumanTime
from activessl.measuring.planning.plan import Plan
from activessl.measuring.planning.roi import Roi
from activessl.measuring.planning.stopping import Verdict
from activessl.measuring.quality.anchoring import Anchoring
from activessl.measuring.quality.audit import Audit
from activessl.measuring.quality.calibration import Calibration
from activessl.measuring.quality.classes import ClassQuality
from activessl.measuring.savings.live import LiveSavings
from activessl.measuring.savings.savings import Savings
from activessl.project.folder import write_atomic, writing
from activessl.reports.calibration_chart import draw_calibration
from activessl.reports.chart import Line, draw
from activessl.reports.strips import Reconstructed
from activessl.reports.tiles import budget, tiles
from activessl.reports.wording import (
    Headline,
    amount,
    gate_line,
    headline,
    hours_text,
    percent,
    plan_lines,
    roi_lines,
    weakest_text,
)

__all__ = ["ClassRow", "ItemRow", "Line", "Reconstructed", "Report", "RoundRow", "Sight", "suspects_text"]


@dataclass(frozen=True, slots=True)
class RoundRow:
    """One round.

    Attributes:
        number: From 1.
        strategy: Who chose.
        asked: Items asked about.
        labels: Labels after the round; None before the head was taught.
        accuracy: Measured accuracy after it; None where it was not measured.
        change: Share of the pool whose predicted class changed; None for the first.
        human_seconds: Recorded labeling time of the round; None where none was recorded.
        machine_seconds: Choosing and teaching.
    """

    number: int
    strategy: str
    asked: int
    labels: int | None
    accuracy: float | None = None
    change: float | None = None
    human_seconds: float | None = None
    machine_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class ClassRow:
    """What the head makes of one class.

    Attributes:
        name: The class.
        labels: How many labels it has.
        predicted: How many unlabeled items the head puts there.
        confidence: Mean probability of the predicted class over these; None where there are none.
        confused_with: The class most often second; None where there is none.
        quality: How much of the class it finds, and how much of what it puts there is right; None where that was not
            measured.
    """

    name: str
    labels: int
    predicted: int
    confidence: float | None = None
    confused_with: str | None = None
    quality: ClassQuality | None = None


@dataclass(frozen=True, slots=True)
class ItemRow:
    """One item that was asked, and why.

    Attributes:
        id: The item.
        reason: Why it was asked.
        round: In which round.
        label: What people said; None while nobody has.
        suggestion: What the head had suggested; None where it had not.
        thumbnail: A ``data:`` URI of a small picture; None for items that are not pictures.
    """

    id: str
    reason: str
    round: int
    label: str | None = None
    suggestion: str | None = None
    thumbnail: str | None = None


@dataclass(frozen=True, slots=True)
class Sight:
    """An item as the encoder sees it.

    Attributes:
        id: The item.
        text: What it says; empty for items that are not texts.
        thumbnail: A ``data:`` URI of a small picture; None for items that are not pictures.
        label: What people said; None while nobody has.
        alike: The items with the nearest vectors, nearest first; these have none of their own.
    """

    id: str
    text: str = ""
    thumbnail: str | None = None
    label: str | None = None
    alike: tuple[Sight, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that a manager, and the statistician whom the manager asks, wants to know.

    Attributes:
        title: Of the project.
        made_at: When, with a time zone.
        items: In the pool.
        classes: How many.
        labels: Labeled items.
        skipped: Items that were skipped.
        lines: Learning curves; the random arm among them where there is one.
        savings: Labels saved; None where there is nothing to compare with.
        method: How the saving was measured, in a sentence or two.
        live: Labels saved so far, estimated from the project's own labels; None while these are too few.
        accuracy: Of the pool, from random labels; None where they are too few.
        calibration: What the model says of itself beside how often it is right; None where random labels are too few.
        test_accuracy: On the project's own test items; None where there are none.
        test_items: How many of them.
        time: What labeling took; None where no times were recorded.
        hours: What the saving is worth in hours; None where there is no saving or no time.
        per_hour: What an hour costs; None where it is not known.
        currency: Of it.
        rounds: One row a round.
        class_rows: What the model finds hard.
        classes_from: What the qualities of classes were measured on; empty where they were not.
        item_rows: A sample of what was asked, with reasons.
        sights: Some items drawn at random, and what the encoder takes for alike.
        reconstructed: Some items drawn at random, in part hidden, and what the encoder made of them; empty for
            encoders that cannot reconstruct.
        suspects: Labels that look wrong, the most doubtful first.
        people: How reliable each annotator is whose answers could be compared with others', by name.
        plan: What it takes to the target; None without one, or while too little is known.
        roi: Money so far; None without rates or a saving.
        machine: Items whose prediction stands as a label.
        promise: What was promised about these, and what people found who looked at some; empty without them.
        clusters: What became of clusters that people confirmed at a glance; empty without them.
        anchoring: How far people follow the model's answer; None where too few items were shown without it.
        decisions: What the gates of the project's stages said, oldest first.
        verdict: Whether to stop; None where it was not asked.
        assumptions: What the figures rest on.
        not_measured: What a reader might think was measured, and was not.
        next_step: What to do now.
        provenance: Versions, fingerprints, seeds.
    """

    title: str
    made_at: datetime
    items: int
    classes: int
    labels: int
    skipped: int = 0
    lines: tuple[Line, ...] = ()
    savings: Savings | None = None
    method: str = ""
    live: LiveSavings | None = None
    accuracy: Audit | None = None
    calibration: Calibration | None = None
    test_accuracy: float | None = None
    test_items: int | None = None
    time: HumanTime | None = None
    hours: HoursSaved | None = None
    per_hour: float | None = None
    currency: str | None = None
    rounds: tuple[RoundRow, ...] = ()
    class_rows: tuple[ClassRow, ...] = ()
    classes_from: str = ""
    item_rows: tuple[ItemRow, ...] = ()
    sights: tuple[Sight, ...] = ()
    reconstructed: tuple[Reconstructed, ...] = ()
    suspects: tuple[Suspect, ...] = ()
    people: Mapping[str, Person] = field(default_factory=dict)
    plan: Plan | None = None
    roi: Roi | None = None
    machine: int = 0
    promise: str = ""
    clusters: str = ""
    anchoring: Anchoring | None = None
    decisions: tuple[Decided, ...] = ()
    verdict: Verdict | None = None
    assumptions: tuple[str, ...] = ()
    not_measured: tuple[str, ...] = ()
    next_step: str = ""
    provenance: Mapping[str, str] = field(default_factory=dict)

    @property
    def headline(self) -> Headline:
        """The one thing to remember, never better than what was measured."""
        return headline(self.savings, self.labels, self.live)

    def to_dict(self) -> dict[str, Any]:
        """All figures, ready for JSON: null and a flag where a figure does not exist; without the pictures."""
        return {
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
            "calibration": None if self.calibration is None else self.calibration.to_dict(),
            "test": None if self.test_accuracy is None else {"accuracy": self.test_accuracy, "items": self.test_items},
            "time": None if self.time is None else self.time.to_dict(),
            "hours": None if self.hours is None else self.hours.to_dict(),
            "rates": {"per_hour": self.per_hour, "currency": self.currency},
            "curves": [_fields(line) for line in self.lines],
            "rounds": [_fields(row) for row in self.rounds],
            "classes": [
                _fields(row) | {"quality": None if row.quality is None else row.quality.to_dict()}
                for row in self.class_rows
            ],
            "classes_from": self.classes_from or None,
            "sample": [{k: v for k, v in _fields(row).items() if k != "thumbnail"} for row in self.item_rows],
            "suspects": [_fields(row) for row in self.suspects],
            "people": {name: _fields(person) for name, person in self.people.items()},
            "plan": None if self.plan is None else self.plan.to_dict(),
            "roi": None if self.roi is None else self.roi.to_dict(),
            "accepted": {"items": self.machine, "promise": self.promise},
            "clusters": self.clusters or None,
            "anchoring": None if self.anchoring is None else self.anchoring.to_dict(),
            "gates": [decision.model_dump(exclude={"kind"}) for decision in self.decisions],
            "stop": None if self.verdict is None else _fields(self.verdict),
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
        """The figures of ``to_dict`` as JSON text.

        Raises:
            ValueError: A figure is NaN or infinite: better no report than a wrong one.
        """
        return json.dumps(self.to_dict(), allow_nan=False, ensure_ascii=False)

    def to_html(self, path: Path | str | None = None) -> str:
        """One self-contained page: no script, nothing fetched, readable in the dark and on paper.

        Args:
            path: Where it is written as well, if anywhere.

        Raises:
            ProjectError: It cannot be written.
        """
        from activessl.reports.html import render  # jinja2 only where it is needed

        page = render(
            report=self,
            headline=self.headline,
            chart=draw(self.lines, self.savings),
            calibration=draw_calibration(self.calibration),
            tiles=tiles(
                self.labels, self.items, self.accuracy, self.test_accuracy, self.test_items, self.time, self.hours
            ),
            budget=budget(self.hours, self.savings, self.per_hour, self.currency),
            money=[] if self.roi is None else roi_lines(self.roi),
            plan=[] if self.plan is None else plan_lines(self.plan),
        )
        if path is not None:
            with writing(Path(path).parent):
                write_atomic(Path(path), page.encode())
        return page

    def to_text(self) -> str:
        """A page for the terminal."""
        lines = [self.title, "=" * len(self.title), self.headline.text]
        if self.headline.detail:
            lines.append(self.headline.detail)
        lines.append("")
        lines.append(f"labels       {self.labels:,} of {self.items:,} items, {self.classes} classes")
        if self.skipped:
            lines[-1] += f", {self.skipped:,} skipped"
        if self.accuracy is not None:
            lines.append(f"accuracy     {self.accuracy.to_text().removeprefix('accuracy ')}")
        elif self.test_accuracy is not None:
            lines.append(f"accuracy     {percent(self.test_accuracy, 1)} on {self.test_items:,} test items")
        else:
            lines.append("accuracy     not measured")
        if weak := weakest_text([(row.name, row.quality) for row in self.class_rows]):
            lines.append(f"by class     {weak} {self.classes_from}")
        if self.calibration is not None:
            lines.append(f"calibration  {self.calibration.to_text()}")
        if self.suspects:
            lines.append(f"doubted      {suspects_text(self.suspects)}")
        if self.people:
            known = (f"{name} {percent(p.reliability)} of {p.compared:,}" for name, p in sorted(self.people.items()))
            lines.append(f"reliability  {', '.join(known)} answers that can be compared")
        if self.time is not None:
            each = f"{self.time.per_label:.1f} s a label ({self.time.low:.1f} to {self.time.high:.1f})"
            lines.append(f"time         {hours_text(self.time.hours)} of labeling, {each}")
        else:
            lines.append("time         not recorded")
        if self.hours is not None and self.hours.saved is not None:
            less = "saved" if self.hours.saved >= 0 else "more, nothing saved"
            lines.append(f"hours        {percent(abs(self.hours.saved))} {less}{_tax(self.hours)}")
            if self.hours.money is not None and self.hours.currency is not None:
                less = "saved" if self.hours.money >= 0 else "more, nothing saved"
                lines.append(f"money        {amount(abs(self.hours.money), self.hours.currency)} {less}")
        if self.roi is not None:
            lines += [f"{name:<13}{text}" for name, text in roi_lines(self.roi)]
        if self.promise:
            lines.append(f"by machine   {self.promise}")
        if self.clusters:
            lines.append(f"in clusters  {self.clusters}")
        if self.anchoring is not None:
            lines.append(f"anchoring    {self.anchoring.to_text()}")
        if self.plan is not None:
            lines += [
                "",
                f"to {percent(self.plan.target, 1)}:",
                *(f"- {name}: {t}" for name, t in plan_lines(self.plan)),
            ]
        for decision in self.decisions[-3:]:
            lines.append(f"gate         {gate_line(decision)}")
        if self.rounds:
            lines += ["", f"{'round':>5}  {'labels':>6}  {'accuracy':>8}  {'changed':>7}  strategy"]
            for row in self.rounds:
                accuracy = "-" if row.accuracy is None else percent(row.accuracy, 1)
                change = "-" if row.change is None else percent(row.change, 1)
                labels = "-" if row.labels is None else str(row.labels)
                lines.append(f"{row.number:>5}  {labels:>6}  {accuracy:>8}  {change:>7}  {row.strategy}")
        for head, entries in (("rests on", self.assumptions), ("not measured", self.not_measured)):
            if entries:
                lines += ["", f"{head}:"] + [f"- {entry}" for entry in entries]
        if self.next_step:
            lines += ["", f"next: {self.next_step}"]
        return "\n".join(lines) + "\n"


def suspects_text(suspects: Sequence[Suspect], shown: int = 3) -> str:
    """How many labels look wrong, and the worst of them.

    Example:
        >>> suspects_text([Suspect("a.png", "cat", "dog", 0.9, 1)])
        '1 label more likely wrong than right: a.png (cat, rather dog)'
    """
    worst = [f"{s.item} ({s.given}, rather {s.instead})" for s in suspects[:shown]]
    more = f", and {len(suspects) - shown:,} more" if len(suspects) > shown else ""
    return f"{len(suspects):,} label{'s' * (len(suspects) > 1)} more likely wrong than right: {', '.join(worst)}{more}"


def _tax(hours: HoursSaved) -> str:
    return f", chosen items taking {hours.tax:.2f} times as long ({'measured' if hours.tax_measured else 'assumed'})"


def _fields(row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__slots__}
