"""Pull the answers that are new since the last pull.

The watermark is the time of the newest change by the server's clock, so that the clock of this machine cannot lose an
answer. Each pull also reads a short overlap, because two answers of the same moment may become visible in the wrong
order; answers that are read twice have the same key. If the server's clock was set back, all answers are read again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from activessl.annotators.base import Note
from activessl.labels.answers import Answer
from activessl_label_studio.client import Client
from activessl_label_studio.labels import Control
from activessl_label_studio.mapping import annotation_of, project_name, question_of, source_of, to_answer, to_time
from activessl_label_studio.project import list_tasks
from activessl_label_studio.shape import count_in

__all__ = ["OVERLAP_S", "Pulled", "Reader", "class_reader", "join_marks", "pull_answers", "split_mark"]

#: Reads an annotation of a task: one answer, or one for each item of a cluster, and notes on what is unusual.
Reader = Callable[[Mapping[str, Any], Mapping[str, Any]], tuple[list[Answer], list[Note]]]

#: The overlap of two pulls: how far a pull looks back before the newest change, in seconds.
OVERLAP_S = 30.0

_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"


@dataclass(frozen=True, slots=True)
class Pulled:
    """The result of one pull.

    Attributes:
        answers: Oldest first; repeated answers have the same keys.
        watermark: The start of the next pull.
        notes: Notes on unusual annotations, for people.
        foreign: Number of changed tasks that are not questions of activessl.
    """

    answers: list[Answer]
    watermark: str
    notes: list[Note] = field(default_factory=list)
    foreign: int = 0


def class_reader(control: Control, *, project: str, people: Mapping[int, str]) -> Reader:
    """Return what reads an annotation of a project of classes.

    Args:
        control: The tag that classifies.
        project: The permanent name of the project.
        people: User numbers to names.
    """

    def read(annotation: Mapping[str, Any], task: Mapping[str, Any]) -> tuple[list[Answer], list[Note]]:
        answer, note = to_answer(annotation, task, control, project=project, people=people)
        return [answer], [note] if note else []

    return read


def pull_answers(
    client: Client,
    project: Mapping[str, Any],
    reader: Reader,
    since: str | None,
    *,
    known: Mapping[str, Answer],
    overlap: float = OVERLAP_S,
) -> Pulled:
    """Return all answers after a watermark, and a deletion for each known answer that no longer exists.

    Args:
        client: The connection.
        project: The project from ``find_project``.
        reader: Reads an annotation.
        since: The watermark of the last pull; None reads all, and so does a watermark of another annotator.
        known: The answers that count so far, by source: those that the server no longer has were deleted.
        overlap: Seconds to look back.
    """
    number, name = int(project["id"]), project_name(project)
    # answers of other projects are not deleted
    known = {source: answer for source, answer in known.items() if source.startswith(source_of(name, 0)[:-1])}
    before = _read(since, name)
    clock = client.clock()
    if _ahead(before["at"], clock):
        before = {"at": None, "count": None}  # the clock was set back: new answers look old, so all are read
    count = _count(client, number)
    read = _changes(client, number, reader, before["at"], overlap)
    if before["count"] is not None and count > before["count"] + read.new(known):
        # there are more answers than changes: they were given while the clock was set back
        before = {"at": None, "count": None}
        read = _changes(client, number, reader, None, overlap)
    answers = sorted(read.answers, key=lambda answer: (answer.at, answer.source))
    count = _count(client, number)
    gone = _gone(client, project, known, read.current, answers, before["count"], count)
    newest = max((at for at in (read.newest, before["at"]) if at), default=None)
    at = newest or clock or datetime.now(UTC)
    answers += [
        replace(
            known[source],
            key=f"{source} @ deleted",
            kind="delete",
            classes=(),
            seconds=None,
            at=at,
            suggested=None,
            regions=None,
        )
        for source in gone
    ]
    answers = [_not_before(answer, known.get(answer.source)) for answer in answers]
    # not later than the server's clock, or the next pull would miss answers
    newest = clock if _ahead(newest, clock) else newest
    return Pulled(answers, _write(name, newest, count), read.notes, read.foreign)


def _not_before(answer: Answer, known: Answer | None) -> Answer:
    """Return an answer with a time that is not before that of its known version, which it replaces.

    What the server has now is newer than what it had at an earlier pull, also if its clock was set back in between.
    """
    late = known is not None and answer.key != known.key and answer.at < known.at
    return replace(answer, at=known.at) if late and known is not None else answer


def _ahead(at: datetime | None, clock: datetime | None) -> bool:
    """Return whether a time is later than the server's clock; 2 s are allowed, because the clock has whole seconds."""
    return at is not None and clock is not None and at > clock + timedelta(seconds=2)


@dataclass
class _Read:
    """The answers of the changed tasks."""

    answers: list[Answer] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    current: dict[str, set[str]] = field(default_factory=dict)
    newest: datetime | None = None
    foreign: int = 0
    theirs: int = 0

    def new(self, known: Mapping[str, Answer]) -> int:
        """Count the annotations that may be new: unknown ones, and all of tasks that are not ours."""
        return len(_annotations(a.source for a in self.answers) - _annotations(known)) + self.theirs


def _changes(client: Client, number: int, reader: Reader, since: datetime | None, overlap: float) -> _Read:
    """Read the annotations of all tasks that changed after a time."""
    changed = _changed(since - timedelta(seconds=overlap) if since else None)
    filters = [
        {"filter": f"filter:tasks:{kind}", "operator": "greater", "type": "Number", "value": 0}
        | ({"child_filter": changed} if changed else {})
        for kind in ("total_annotations", "cancelled_annotations")
    ]
    read = _Read()
    for task in list_tasks(client, number, filters, conjunction="or", everything=True, page_size=200):
        at = to_time(str(task.get("updated_at")))
        read.newest = max(read.newest, at) if read.newest else at
        if question_of(task) is None:
            read.foreign += 1
            read.theirs += len(task["annotations"])
            continue
        for annotation in task["annotations"]:
            answers, notes = reader(annotation, task)
            read.answers += answers
            read.notes += notes
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
    """Return the sources of known answers that the server no longer has.

    In the tasks that were just read, missing answers were deleted. A deletion in another task makes the project's
    number of annotations smaller than the earlier number plus the new ones; only then all tasks are read.
    """
    if before is None:  # all tasks were read
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
    """Return the number of annotations of the project, with skips and ground truth."""
    # only these fields: with all others the request takes five times as long in a large project
    only = "id,total_annotations_number,skipped_annotations_number"
    project = client.get(f"/api/projects/{number}", include=only)
    return sum(count_in(project, f"{kind}_annotations_number", "a project") for kind in ("total", "skipped"))


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
            return {"at": None, "count": None}  # the watermark of another project: all answers are new
        return {"at": to_time(kept["at"]) if kept["at"] else None, "count": int(kept["count"])}
    except (ValueError, KeyError, TypeError):
        return {"at": None, "count": None}  # the watermark of another annotator, such as an oracle: all answers are new


def _write(name: str, newest: datetime | None, count: int) -> str:
    at = newest.astimezone(UTC).strftime(_FORMAT) if newest else None
    return json.dumps({"project": name, "at": at, "count": count})


def split_mark(since: str | None) -> tuple[str | None, str | None]:
    """Split the stored watermark into that of the project and that of the project with clusters.

    The key is "groups", the name of clusters when the first watermarks were stored."""
    try:
        kept = json.loads(since or "")
        groups = kept.pop("groups", None)
    except (ValueError, AttributeError):
        return since, None
    return json.dumps(kept), None if groups is None else json.dumps(groups)


def join_marks(mark: str, groups: str | None) -> str:
    """Join the watermarks of both projects.

    Example:
        >>> split_mark(join_marks('{"at": 1}', '{"at": 2}'))
        ('{"at": 1}', '{"at": 2}')
    """
    return mark if groups is None else json.dumps(json.loads(mark) | {"groups": json.loads(groups)})
