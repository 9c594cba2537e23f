"""The diary: what happened when, a line for each round."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, Self

from activessl.ledger.history import History, RoundHistory
from activessl.ledger.schema import (
    Accepted,
    Compared,
    Decided,
    Encoded,
    Forgotten,
    MachineWithdrawn,
    Promoted,
    Reclassed,
    Recorded,
    Restored,
    Tuned,
)
from activessl.proof.added import drift_text
from activessl.reports.sections.base import Material
from activessl.reports.wording import percent

__all__ = ["Diary", "Entry"]

#: The kinds of events that have a line of their own.
_TOLD = (
    "encoded", "compared", "tuned", "reclassed", "restored", "accepted", "promoted", "machine_withdrawn", "decided",
    "forgotten",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """One line.

    Attributes:
        at: The time, in UTC.
        text: What happened.
    """

    at: datetime
    text: str


@dataclass(frozen=True)
class Diary:
    """What happened in the project.

    Attributes:
        entries: Oldest first.
    """

    name: ClassVar[str] = "diary"

    entries: tuple[Entry, ...] = ()

    @classmethod
    def gather(cls, material: Material) -> Self:
        """Read the events that are not of a round from the ledger, and one line for each round."""
        history, found = material.history, []
        if history.started is not None:
            found.append(Entry(history.started, "the project was created"))
        with material.snapshot.project.ledger() as ledger:
            for kind in _TOLD:
                found += [Entry(r.at, text) for r in ledger.read(kind=kind) if (text := _text(r, history))]
        found += [Entry(r.at, text) for r, text in _rounds(history)]
        entries = (Entry(e.at.astimezone(UTC), e.text) for e in found)
        return cls(tuple(sorted(entries, key=lambda entry: entry.at)))

    def to_dict(self) -> dict[str, Any]:
        """Return all lines."""
        return {"diary": [{"at": entry.at.isoformat(), "text": entry.text} for entry in self.entries]}

    def to_text(self) -> list[str]:
        """Return nothing: the rounds have a table."""
        return []


def _text(record: Recorded, history: History) -> str:
    event = record.event
    if isinstance(event, Reclassed):
        return event.change.to_text()
    if isinstance(event, Restored):
        undone = next((one for one in history.naming.steps if one.undo and one.number == event.of), None)
        return "" if undone is None else undone.to_text()
    if isinstance(event, Compared):
        return drift_text(event)
    if isinstance(event, Promoted):
        return f"model {event.model} of round {event.round}: {event.outcome} ({event.why})"
    if isinstance(event, MachineWithdrawn):
        return f"the answers of the machine {event.machine} were withdrawn"
    if isinstance(event, Forgotten):
        return f"an {event.what} was forgotten on request"
    if isinstance(event, Encoded):
        return f"{event.items:,} items encoded by {event.encoder}"
    if isinstance(event, Tuned):
        change = f"{percent(event.before, 1)} before, {percent(event.after, 1)} after"
        return f"fine-tuning of the encoder: {event.outcome} ({change})"
    if isinstance(event, Accepted):
        return f"{len(event.items):,} predictions accepted, at most {percent(event.error, 1)} of them wrong"
    if isinstance(event, Decided):
        return f"gate {event.stage!r}: {event.decision}"
    return ""


def _rounds(history: History) -> Iterator[tuple[RoundHistory, str]]:
    for r in history.rounds:
        waiting = sum(len(question.items) for question in history.waiting(r)) if r.closed is None else 0
        told = [f"round {r.number}: {len(r.items):,} items asked about by {r.queried.strategy}"]
        skipped = sum(item in history.skipped for item in r.items)
        told += [f"{skipped:,} skipped"] if skipped else []
        told += [f"{waiting:,} wait for an answer"] if waiting else []
        if r.taught:
            told.append(f"{r.taught[-1].labels:,} labels taught")
            if r.taught[-1].accuracy is not None:
                told.append(f"accuracy {percent(r.taught[-1].accuracy, 1)} on test data")
        yield r, ", ".join(told)
