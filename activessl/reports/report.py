"""The report as a value: every figure, its assumptions, and what is not measured."""

from __future__ import annotations

import json
from collections import Counter
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
from activessl.measuring.quality.tested import Tested
from activessl.measuring.savings.live import LiveSavings
from activessl.measuring.savings.savings import Savings
from activessl.project.folder import writing
from activessl.reports.calibration_chart import draw_calibration
from activessl.reports.chart import Line, draw
from activessl.reports.strips import Reconstructed
from activessl.reports.tiles import budget, tiles
from activessl.reports.wording import (
    Headline,
    amount,
    earlier_text,
    gate_line,
    headline,
    hours_text,
    percent,
    plan_lines,
    reliability_text,
    roi_lines,
    weakest_text,
)
from activessl.sealed import write_atomic

__all__ = ["ClassRow", "ItemRow", "Line", "Reconstructed", "Report", "RoundRow", "Sight", "suspects_text"]


@dataclass(frozen=True, slots=True)
class RoundRow:
    """One round.

    Attributes:
        number: From 1.
        strategy: The strategy that chose the items.
        asked: Items asked about.
        labels: Labels after the round; None before the head was taught.
        accuracy: Accuracy after the round; None where it was not measured.
        change: Share of the pool whose predicted class changed; None for the first.
        human_seconds: Recorded labeling time of the round; None where none was recorded.
        machine_seconds: Time for choosing and teaching.
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
    """Figures of one class.

    Attributes:
        name: The class.
        labels: Number of its labels.
        predicted: Number of unlabeled items that the head predicts as this class.
        confidence: Mean probability of the predicted class over these items; None without such items.
        confused_with: The class most often second; None without one.
        quality: Recall and precision; None where they were not measured.
    """

    name: str
    labels: int
    predicted: int
    confidence: float | None = None
    confused_with: str | None = None
    quality: ClassQuality | None = None


@dataclass(frozen=True, slots=True)
class ItemRow:
    """One item of a round, with the reason why it was asked about.

    Attributes:
        id: The item.
        reason: Why it was asked about.
        round: Number of the round.
        label: The label; None while there is none.
        suggestion: The suggestion; None for a blind item.
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
    """An item with the items that are nearest to it in the embedding.

    Attributes:
        id: The item.
        text: Its text; empty for items that are not texts.
        thumbnail: A ``data:`` URI of a small picture; None for items that are not pictures.
        label: The label; None while there is none.
        alike: The items with the nearest embeddings, nearest first; empty for these items themselves.
    """

    id: str
    text: str = ""
    thumbnail: str | None = None
    label: str | None = None
    alike: tuple[Sight, ...] = ()


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
        lines: Learning curves, with that of random choice where there is one.
        savings: Labels saved against random choice; None without a comparison.
        method: How the saving was measured, in one or two sentences.
        live: Labels saved so far, estimated from the project's own labels; None with too few random labels.
        accuracy: Accuracy on the pool, from random labels; None with too few of them.
        calibration: Calibration on random labels; None with too few of them.
        tested: Accuracy on the test data; None without test data.
        time: Labeling time; None where no times are recorded.
        hours: Hours saved; None without a saving or a time.
        per_hour: Price of an hour of labeling; None where it is not known.
        currency: Currency of all amounts.
        rounds: One row for each round.
        class_rows: One row for each class, the weakest first.
        classes_from: Sample on which recall and precision are measured; empty where they are not.
        item_rows: Items of the newest rounds, with reasons.
        sights: Some items drawn at random, with the items nearest to them in the embedding.
        reconstructed: Reconstructions of some items drawn at random; empty for encoders that cannot reconstruct.
        suspects: Suspect labels, the most doubtful first.
        people: Reliability of each annotator whose answers could be compared with others', by name.
        plan: Labels, hours and money to the target; None without a target, or with too few random labels.
        roi: Money so far; None without rates or a saving.
        machine: Number of accepted items.
        promise: The bound on the wrong accepted labels, and the result of the audit; empty without accepted items.
        clusters: Result of the clusters that people confirmed; empty without them.
        anchoring: Anchoring of people on the suggestions; None with too few blind items.
        decisions: Decisions of the gates, oldest first.
        verdict: Whether to stop; None where it was not asked.
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
    lines: tuple[Line, ...] = ()
    savings: Savings | None = None
    method: str = ""
    live: LiveSavings | None = None
    accuracy: Audit | None = None
    calibration: Calibration | None = None
    tested: Tested | None = None
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
        """The headline, never better than the measurement."""
        return headline(self.savings, self.labels, self.live)

    @property
    def gates(self) -> list[tuple[Decided, int]]:
        """The newest decision of each stage, and the number of earlier decisions about it."""
        newest = {decision.stage: decision for decision in self.decisions}
        count = Counter(decision.stage for decision in self.decisions)
        return [(decision, count[stage] - 1) for stage, decision in newest.items()]

    @property
    def rounds_tested(self) -> bool:
        """Whether a round was measured on test data."""
        return any(row.accuracy is not None for row in self.rounds)

    def to_dict(self) -> dict[str, Any]:
        """Return all figures, ready for JSON, without the pictures; null where a figure does not exist."""
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
            "test": None if self.tested is None else self.tested.to_dict(),
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
            chart=draw(self.lines, self.savings),
            calibration=draw_calibration(self.calibration),
            tiles=tiles(self.labels, self.items, self.accuracy, self.tested, self.time, self.hours),
            budget=budget(self.hours, self.savings, self.per_hour, self.currency),
            money=[] if self.roi is None else roi_lines(self.roi),
            plan=[] if self.plan is None else plan_lines(self.plan),
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
        lines.append("")
        lines.append(f"labels       {self.labels:,} of {self.items:,} items, {self.classes} classes")
        if self.skipped:
            lines[-1] += f", {self.skipped:,} skipped"
        if self.tested is not None:
            lines.append(f"accuracy     {self.tested.to_text()}")
        if self.accuracy is not None:
            name = "accuracy" if self.tested is None else "on the pool"
            lines.append(f"{name:<13}{self.accuracy.to_text().removeprefix('accuracy ')}")
        elif self.tested is None:
            lines.append("accuracy     not measured")
        if weak := weakest_text([(row.name, row.quality) for row in self.class_rows]):
            lines.append(f"by class     {weak} {self.classes_from}")
        if self.calibration is not None:
            lines.append(f"calibration  {self.calibration.to_text()}")
        if self.suspects:
            lines.append(f"suspect      {suspects_text(self.suspects)}")
        if self.people:
            known = (f"{name} {reliability_text(p)}" for name, p in sorted(self.people.items()))
            lines.append(f"reliability  {', '.join(known)}")
        if self.time is not None:
            each = f"{self.time.per_label:.1f} s for each label ({self.time.low:.1f} to {self.time.high:.1f})"
            lines.append(f"time         {hours_text(self.time.hours)} of labeling, {each}")
        else:
            lines.append("time         not recorded")
        if self.hours is not None and self.hours.saved is not None:
            less = "saved" if self.hours.saved >= 0 else "more than random choice"
            lines.append(f"hours        {percent(abs(self.hours.saved))} {less}{_tax(self.hours)}")
            if self.hours.money is not None and self.hours.currency is not None:
                less = "saved" if self.hours.money >= 0 else "more than random choice"
                lines.append(f"money        {amount(abs(self.hours.money), self.hours.currency)} {less}")
        if self.roi is not None:
            lines += [f"{name:<13}{text}" for name, text in roi_lines(self.roi)]
        if self.promise:
            lines.append(f"accepted     {self.promise}")
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
        for decision, earlier in self.gates:
            before = f"; {earlier_text(earlier)}" if earlier else ""
            lines.append(f"gate         {gate_line(decision).removeprefix('gate ')}{before}")
        if self.rounds:
            on_test = f"{'accuracy on test data':>21}  " if self.rounds_tested else ""
            lines += ["", f"{'round':>5}  {'labels':>6}  {on_test}{'changed':>7}  strategy"]
            for row in self.rounds:
                accuracy = "-" if row.accuracy is None else percent(row.accuracy, 1)
                accuracy = f"{accuracy:>21}  " if self.rounds_tested else ""
                change = "-" if row.change is None else percent(row.change, 1)
                labels = "-" if row.labels is None else str(row.labels)
                lines.append(f"{row.number:>5}  {labels:>6}  {accuracy}{change:>7}  {row.strategy}")
        for head, entries in (("assumptions", self.assumptions), ("not measured", self.not_measured)):
            if entries:
                lines += ["", f"{head}:"] + [f"- {entry}" for entry in entries]
        if self.next_step:
            lines += ["", f"next: {self.next_step}"]
        return "\n".join(lines) + "\n"


def suspects_text(suspects: Sequence[Suspect], shown: int = 3) -> str:
    """Word the number of suspect labels, and name the most doubtful.

    Example:
        >>> suspects_text([Suspect("a.png", "cat", "dog", 0.9, 1)])
        '1 label is probably wrong: a.png (labeled cat, suggested dog)'
    """
    worst = [f"{s.item} (labeled {s.given}, suggested {s.instead})" for s in suspects[:shown]]
    more = f", and {len(suspects) - shown:,} more" if len(suspects) > shown else ""
    many = "label is" if len(suspects) == 1 else "labels are"
    return f"{len(suspects):,} {many} probably wrong: {', '.join(worst)}{more}"


def _tax(hours: HoursSaved) -> str:
    how = "measured" if hours.tax_measured else "assumed"
    return f"; a chosen item takes {hours.tax:.2f} times as long as a random item ({how})"


def _fields(row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__slots__}
