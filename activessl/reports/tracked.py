"""A project as an experiment tracker stores it: settings, and figures over rounds. Nothing here knows a tracker."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from activessl.project.snapshot import Snapshot
from activessl.reports.gather import project_report
from activessl.reports.report import Report
from activessl.reports.sections.rounds import Rounds

__all__ = ["Figure", "Tracked", "tracked"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One value of a figure.

    Attributes:
        name: Such as "accuracy".
        value: A finite number.
        step: The number of the round.
        at: When it was measured, by the ledger: repeating the export writes the same figure.
    """

    name: str
    value: float
    step: int
    at: datetime


@dataclass(frozen=True)
class Tracked:
    """All that is written into a tracker.

    Attributes:
        project: The identity of the project: it stays when the folder moves.
        title: Its title.
        settings: Names and values: data, classes, encoder, head, strategy, seed, versions.
        figures: In the order of the rounds. Those of a round: labels, accuracy_on_test_data, changed, seconds_of_people
            and seconds_of_machines. Those of the whole project at its newest round: accuracy with accuracy_low and
            accuracy_high, labels_saved with its interval (a share), hours, cost.
        report: The report itself.
    """

    project: str
    title: str
    settings: dict[str, str]
    figures: tuple[Figure, ...]
    report: Report


def tracked(snapshot: Snapshot) -> Tracked:
    """Gather a project for a tracker.

    Raises:
        ProjectError: The pool is not encoded yet.
    """
    report, history = project_report(snapshot), snapshot.history
    created = "" if history.started is None else history.started.isoformat()
    figures = tuple(
        one for one in (*_of_rounds(snapshot, report), *_of_now(snapshot, report)) if math.isfinite(one.value)
    )
    config = snapshot.project.config
    settings = {
        "modality": config.data.modality,
        "classes": ", ".join(config.data.classes),
        "items": str(report.items),
        "strategy": config.query.strategy,
        "query_size": str(config.query.size),
        "head": config.head.name,
        **{name.replace(" ", "_"): value for name, value in report.provenance.items()},
    }
    return Tracked(f"{created} seed {config.seed}", report.title, settings, figures, report)


def _of_rounds(snapshot: Snapshot, report: Report) -> Iterator[Figure]:
    for row, round_ in zip(report.section(Rounds).rows, snapshot.history.rounds, strict=True):
        values: dict[str, Any] = {
            "labels": row.labels,
            "accuracy_on_test_data": row.accuracy,
            "changed": row.change,
            "seconds_of_people": row.human_seconds,
            "seconds_of_machines": row.machine_seconds,
        }
        for name, value in values.items():
            if value is not None:
                yield Figure(name, float(value), row.number, round_.at)


def _of_now(snapshot: Snapshot, report: Report) -> Iterator[Figure]:
    rounds = snapshot.history.rounds
    if not rounds:
        return
    with snapshot.project.ledger() as ledger:
        at = max(recorded.at for recorded in ledger.read(after=ledger.last() - 1))
    values: dict[str, float | None] = {}
    if report.tested is not None:
        low, high = report.tested.interval
        values |= {"accuracy": report.tested.accuracy, "accuracy_low": low, "accuracy_high": high}
    elif report.accuracy is not None:
        audit = report.accuracy
        values |= {"accuracy": audit.accuracy, "accuracy_low": audit.low, "accuracy_high": audit.high}
    if report.live is not None:
        live = report.live
        values |= {"labels_saved": live.saved, "labels_saved_low": live.low, "labels_saved_high": live.high}
    if report.time is not None:
        values["hours"] = report.time.hours
        if report.per_hour is not None:
            values["cost"] = report.time.hours * report.per_hour
    for name, value in values.items():
        if value is not None:
            yield Figure(name, float(value), rounds[-1].number, at)
