"""Reading what the annotators said since last time.

The watermark is a time of the server's own clock, the newest change seen, so no clock of ours can lose an answer. Each
pull looks back over a short overlap, because two answers that are stored at the same moment may become visible in the
wrong order; what it reads twice carries the same key. Where the server's clock was set back, everything is read again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from activessl.labels.answers import Answer
from activessl_label_studio.client import Client
from activessl_label_studio.mapping import Note, annotation_of, project_name, question_of, source_of, to_time
from activessl_label_studio.project import list_tasks

__all__ = ["OVERLAP_S", "Pulled", "Reader", "join_marks", "pull_answers", "split_mark"]

#: What an annotation of a task says, and what is odd about it: one answer, or one of each item of a cluster.
Reader = Callable[[Mapping[str, Any], Mapping[str, Any]], tuple[list[Answer], Note | None]]

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
    reader: Reader,
    since: str | None,
    *,
    known: Mapping[str, Answer],
    overlap: float = OVERLAP_S,
) -> Pulled:
    """All answers after a watermark, with the withdrawals of known answers that are gone.

    Args:
        client: Who asks.
        project: As ``find_project`` gave it.
        reader: Reads its annotations.
        since: The last pull's watermark; None for all, as is that of another annotator.
        known: The answers that count so far, by their source: deletions are what is missing from the server.
        overlap: Seconds to look back.
    """
    number, name = int(project["id"]), project_name(project)
    # others are not ours to withdraw
    known = {source: answer for source, answer in known.items() if source.startswith(source_of(name, 0)[:-1])}
    before = _read(since, name)
    clock = client.clock()
    if _ahead(before["at"], clock):
        before = {"at": None, "count": None}  # its clock was set back: what is new looks old, so everything is read
    count = _count(client, number)
    read = _changes(client, number, reader, before["at"], overlap)
    if before["count"] is not None and count > before["count"] + read.new(known):
        # answers are there that no change shows: they were given while the clock was set back
        before = {"at": None, "count": None}
        read = _changes(client, number, reader, None, overlap)
    answers = sorted(read.answers, key=lambda answer: (answer.at, answer.source))
    count = _count(client, number)
    gone = _gone(client, project, known, read.current, answers, before["count"], count)
    newest = max((at for at in (read.newest, before["at"]) if at), default=None)
    at = newest or clock or datetime.now(UTC)
    answers += [
        replace(
            known[source], key=f"{source} @ deleted", kind="delete", classes=(), seconds=None, at=at, suggested=None
        )
        for source in gone
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

    def new(self, known: Mapping[str, Answer]) -> int:
        """Annotations that may be new: those that were not known, and all of tasks that are not ours."""
        return len(_annotations(a.source for a in self.answers) - _annotations(known)) + self.theirs


def _changes(client: Client, number: int, reader: Reader, since: datetime | None, overlap: float) -> _Read:
    """The annotations of all tasks that changed after a time."""
    changed = _changed(since - timedelta(seconds=overlap) if since else None)
    filters = [
        {"filter": f"filter:tasks:{kind}", "operator": "greater", "type": "Number", "value": 0}
        | ({"child_filter": changed} if changed else {})
        for kind in ("total_annotations", "cancelled_annotations")
    ]
    read = _Read()
    for task in list_tasks(client, number, filters, conjunction="or", everything=True, page_size=200):
        at = to_time(str(task["updated_at"]))
        read.newest = max(read.newest, at) if read.newest else at
        if question_of(task) is None:
            read.foreign += 1
            read.theirs += len(task["annotations"])
            continue
        for annotation in task["annotations"]:
            answers, note = reader(annotation, task)
            read.answers += answers
            read.notes += [note] if note else []
            for answer in answers:
                read.current.setdefault(answer.question, set()).add(answer.source)
    return read


def _gone(
    client: Client,
    project: Mapping[str, Any],
    known: Mapping[str, Answer],
    current: Mapping[str, set[str]],
    answers: list[Answer],
    before: int | None,
    now: int,
) -> list[str]:
    """Sources of known answers that the server no longer has.

    Of the tasks that were just read it is plain. A deletion elsewhere shows in the project's count, which then is below
    what it was plus what is new; only then everything is read.
    """
    if before is None:  # everything was read
        there = {source for sources in current.values() for source in sources}
        return [source for source in known if source not in there]
    here = [source for source, a in known.items() if a.question in current and source not in current[a.question]]
    given = _annotations(answer.source for answer in answers)
    new, fewer = len(given - _annotations(known)), len(_annotations(here) - given)
    if not known or now >= before + new - fewer:
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
    return [source for source in known if annotation_of(source) not in there]


def _annotations(sources: Iterable[str]) -> set[str]:
    return {annotation_of(source) for source in sources}


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
        return {"at": None, "count": None}  # of another annotator, such as an oracle: here everything is new


def _write(name: str, newest: datetime | None, count: int) -> str:
    at = newest.astimezone(UTC).strftime(_FORMAT) if newest else None
    return json.dumps({"project": name, "at": at, "count": count})


def split_mark(since: str | None) -> tuple[str | None, str | None]:
    """The watermarks of the project and of the one with clusters, out of the one that is kept: "groups" there, as
    clusters were called when the first such marks were kept."""
    try:
        kept = json.loads(since or "")
        groups = kept.pop("groups", None)
    except (ValueError, AttributeError):
        return since, None
    return json.dumps(kept), None if groups is None else json.dumps(groups)


def join_marks(mark: str, groups: str | None) -> str:
    """One watermark of both.

    Example:
        >>> split_mark(join_marks('{"at": 1}', '{"at": 2}'))
        ('{"at": 1}', '{"at": 2}')
    """
    return mark if groups is None else json.dumps(json.loads(mark) | {"groups": json.loads(groups)})
