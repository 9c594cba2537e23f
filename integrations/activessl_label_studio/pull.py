"""Reading what the annotators said since last time.

The watermark is a time of the server's own clock, the newest change seen, so no clock of ours can lose an answer. Each
pull looks back over a short overlap, because two answers that are stored at the same moment may become visible in the
wrong order; what it reads twice carries the same key. Where the server's clock was set back, everything is read again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from activessl.annotators.base import Answer
from activessl.errors import AnnotatorError
from activessl_label_studio.client import Client
from activessl_label_studio.labels import Control
from activessl_label_studio.mapping import Note, item_id_of, project_name, source_of, to_answer, to_time
from activessl_label_studio.project import list_tasks

__all__ = ["OVERLAP_S", "Pulled", "pull_answers"]

#: How far each pull looks back behind the newest change, in seconds.
OVERLAP_S = 30.0

_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"


@dataclass(frozen=True, slots=True)
class Pulled:
    """What one pull brought.

    Attributes:
        answers: Oldest first; repeats carry the keys they had.
        watermark: Where the next pull begins.
        notes: What a person should hear of.
        foreign: Changed tasks that are not ours.
    """

    answers: list[Answer]
    watermark: str
    notes: list[Note] = field(default_factory=list)
    foreign: int = 0


def pull_answers(
    client: Client,
    project: Mapping[str, Any],
    control: Control,
    since: str | None,
    *,
    known: Mapping[str, str],
    people: Mapping[int, str],
    overlap: float = OVERLAP_S,
) -> Pulled:
    """All answers after a watermark, with the withdrawals of known answers that are gone.

    Args:
        client: Who asks.
        project: As ``find_project`` gave it.
        control: Its control.
        since: The last pull's watermark; None for all.
        known: Source to item id of the answers that count so far: deletions are what is missing from the server.
        people: User numbers to names.
        overlap: Seconds to look back.

    Raises:
        AnnotatorError: The watermark is not one of ours.
    """
    number, name = int(project["id"]), project_name(project)
    # others are not ours to withdraw
    known = {source: item for source, item in known.items() if source.startswith(source_of(name, 0)[:-1])}
    before = _read(since, name)
    clock = client.clock()
    if _ahead(before["at"], clock):
        before = {"at": None, "count": None}  # its clock was set back: what is new looks old, so everything is read
    count = _count(client, number)
    read = _changes(client, project, control, before["at"], overlap, people)
    if before["count"] is not None and count > before["count"] + read.new(known):
        # answers are there that no change shows: they were given while the clock was set back
        before = {"at": None, "count": None}
        read = _changes(client, project, control, None, overlap, people)
    answers = sorted(read.answers, key=lambda answer: (answer.at, answer.source))
    count = _count(client, number)
    gone = _gone(client, project, known, read.current, answers, before["count"], count)
    newest = max((at for at in (read.newest, before["at"]) if at), default=None)
    at = newest or clock or datetime.now(UTC)
    answers += [
        Answer(f"{source} @ deleted", source, item_id, "delete", (), "unknown", None, at) for source, item_id in gone
    ]
    # never ahead of the server's own clock, or the answers of the time between would be passed over
    newest = clock if _ahead(newest, clock) else newest
    return Pulled(answers, _write(name, newest, count), read.notes, read.foreign)


def _ahead(at: datetime | None, clock: datetime | None) -> bool:
    """Whether a time is later than the server's clock, which it tells by whole seconds, allows."""
    return at is not None and clock is not None and at > clock + timedelta(seconds=2)


@dataclass
class _Read:
    """What one look at the changed tasks brought."""

    answers: list[Answer] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    current: dict[str, set[str]] = field(default_factory=dict)
    newest: datetime | None = None
    foreign: int = 0
    theirs: int = 0

    def new(self, known: Mapping[str, str]) -> int:
        """Annotations that may be new: those that were not known, and all of tasks that are not ours."""
        return len({answer.source for answer in self.answers} - known.keys()) + self.theirs


def _changes(
    client: Client,
    project: Mapping[str, Any],
    control: Control,
    since: datetime | None,
    overlap: float,
    people: Mapping[int, str],
) -> _Read:
    """The annotations of all tasks that changed after a time."""
    changed = _changed(since - timedelta(seconds=overlap) if since else None)
    filters = [
        {"filter": f"filter:tasks:{kind}", "operator": "greater", "type": "Number", "value": 0}
        | ({"child_filter": changed} if changed else {})
        for kind in ("total_annotations", "cancelled_annotations")
    ]
    read = _Read()
    number, name = int(project["id"]), project_name(project)
    for task in list_tasks(client, number, filters, conjunction="or", everything=True, page_size=200):
        at = to_time(str(task["updated_at"]))
        read.newest = max(read.newest, at) if read.newest else at
        item_id = item_id_of(task)
        if item_id is None:
            read.foreign += 1
            read.theirs += len(task["annotations"])
            continue
        for annotation in task["annotations"]:
            answer, note = to_answer(annotation, task, control, project=name, people=people)
            read.answers.append(answer)
            read.notes += [note] if note else []
            read.current.setdefault(item_id, set()).add(answer.source)
    return read


def _gone(
    client: Client,
    project: Mapping[str, Any],
    known: Mapping[str, str],
    current: Mapping[str, set[str]],
    answers: list[Answer],
    before: int | None,
    now: int,
) -> list[tuple[str, str]]:
    """Known answers that the server no longer has.

    Of the tasks that were just read it is plain. A deletion elsewhere shows in the project's count, which then is below
    what it was plus what is new; only then everything is read.
    """
    if before is None:  # everything was read
        there = {source for sources in current.values() for source in sources}
        return [(source, item) for source, item in known.items() if source not in there]
    here = [(source, item) for source, item in known.items() if item in current and source not in current[item]]
    new = len({answer.source for answer in answers} - known.keys())
    if not known or now >= before + new - len(here):
        return here
    filters = [
        {"filter": f"filter:tasks:{kind}", "operator": "greater", "type": "Number", "value": 0}
        for kind in ("total_annotations", "cancelled_annotations")
    ]
    there = {
        source_of(project_name(project), annotation["id"])
        for task in list_tasks(client, int(project["id"]), filters, conjunction="or", everything=True)
        for annotation in task["annotations"]
    }
    return [(source, item) for source, item in known.items() if source not in there]


def _count(client: Client, number: int) -> int:
    """How many annotations the project has, skips and ground truth included."""
    # of all fields, the others take Label Studio five times as long to count in a large project
    only = "id,total_annotations_number,skipped_annotations_number"
    project = client.get(f"/api/projects/{number}", include=only)
    return int(project.get("total_annotations_number") or 0) + int(project.get("skipped_annotations_number") or 0)


def _changed(after: datetime | None) -> dict[str, Any] | None:
    if after is None:
        return None
    value = after.astimezone(UTC).strftime(_FORMAT)
    return {"filter": "filter:tasks:updated_at", "operator": "greater", "type": "Datetime", "value": value}


def _read(since: str | None, name: str) -> dict[str, Any]:
    if since is None:
        return {"at": None, "count": None}
    try:
        kept = json.loads(since)
        if kept["project"] != name:
            return {"at": None, "count": None}  # another project took this one's place: everything is new
        return {"at": to_time(kept["at"]) if kept["at"] else None, "count": int(kept["count"])}
    except (ValueError, KeyError, TypeError):
        raise AnnotatorError(f"{since[:80]!r} is not a watermark of ours", hint="pull from the beginning") from None


def _write(name: str, newest: datetime | None, count: int) -> str:
    at = newest.astimezone(UTC).strftime(_FORMAT) if newest else None
    return json.dumps({"project": name, "at": at, "count": count})
