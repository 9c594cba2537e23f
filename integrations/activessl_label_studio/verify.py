"""Compare what the ledger knows with what Label Studio has: missing, changed and doubled answers and tasks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from activessl.arguments import listed
from activessl.labels.answers import Answer
from activessl.labels.regions.rows import drawn_text, renamed
from activessl.ledger.history import History
from activessl.steps.verify import Finding
from activessl_label_studio.annotator import LabelStudioAnnotator
from activessl_label_studio.mapping import question_of
from activessl_label_studio.project import list_tasks

__all__ = ["verify_server"]

#: How many items a finding names.
_NAMED = 3


def verify_server(annotator: LabelStudioAnnotator, history: History) -> tuple[Finding, ...]:
    """Compare the answers and the tasks of the server with the ledger; nothing is changed, here or there.

    Args:
        annotator: The annotator of the project, which knows the answers of the ledger.
        history: The state of the project.

    Raises:
        AnnotatorError: The server cannot be reached, or has no project.
        ConfigError: The label config of its project cannot be used.
    """
    number = int(annotator.find(counts=False)[0]["id"])
    name = f"{annotator.config.url}/projects/{number}"
    answers, _ = annotator.pull(None)
    tasks: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for task in list_tasks(annotator.client, number):
        question = question_of(task)
        if question is not None:
            tasks[question].append(task)
    found = [*_answers(name, answers, history), *_tasks(name, tasks, history)]
    there = sum(answer.kind != "delete" for answer in answers)
    return tuple(found) or (Finding(name, said=f"{there:,} answers and {len(tasks):,} tasks, as in the ledger"),)


def _answers(name: str, answers: Sequence[Answer], history: History) -> Iterator[Finding]:
    known = history.answers
    there = [answer for answer in answers if answer.kind != "delete"]
    new = [answer for answer in there if answer.source not in known]
    later = [answer for answer in there if answer.source in known and answer.key != known[answer.source].key]
    other = [
        answer
        for answer in there
        if answer.source in known
        and answer.key == known[answer.source].key
        and (answer.kind, _said(answer, history)) != (known[answer.source].kind, _said(known[answer.source], history))
        and not _open(answer, known[answer.source], history)
    ]
    gone = [answer for answer in answers if answer.kind == "delete" and answer.source in known]
    if new:
        yield Finding(
            name,
            f"{_count(new, 'answer')} not in the ledger: {_items(new)}",
            "run `activessl pull`, which fetches them",
        )
    if later:
        yield Finding(
            name,
            f"{_count(later, 'answer')} newer than in the ledger, changed after the last pull: {_items(later)}",
            "run `activessl pull`, which takes the newest",
        )
    if other:
        yield Finding(
            name,
            f"{_count(other, 'answer')} not as in the ledger, with the same time: {_items(other)}",
            "look at these tasks in Label Studio and submit them again: somebody changed its database",
        )
    if gone:
        yield Finding(
            name,
            f"{_count(gone, 'answer')} in the ledger, and no longer there: {_items(gone)}",
            "run `activessl pull` if people deleted them; if an older copy of Label Studio's database was put back, "
            "put the newer one back first: a pull takes the labels back",
        )


def _tasks(name: str, tasks: Mapping[str, Sequence[Mapping[str, Any]]], history: History) -> Iterator[Finding]:
    current = history.open_round
    waiting = () if current is None or not current.pushed or current.confirms else history.waiting(current)
    missing = [question.id for question in waiting if question.id not in tasks]
    if missing:
        yield Finding(
            name,
            f"{len(missing):,} of {len(waiting):,} open questions of round {current.number if current else 0} have no "
            f"task: {listed(missing, _NAMED)}",
            "run `activessl push`, which sends what is missing",
        )
    twice = {question: rows for question, rows in tasks.items() if len(rows) > 1}
    if twice:
        spare = [int(row["id"]) for rows in twice.values() for row in _spare(rows)]
        yield Finding(
            name,
            f"{len(twice):,} question{'s have' if len(twice) > 1 else ' has'} several tasks: "
            f"{listed(list(twice), _NAMED)}",
            f"delete the tasks {listed(spare, 10)} in Label Studio, or leave them: one answer to each question counts",
        )


def _spare(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """All tasks of a question but one: the first that has an answer, else the first."""
    ordered = sorted(rows, key=lambda row: (not row.get("total_annotations"), int(row["id"])))
    return sorted(ordered[1:], key=lambda row: int(row["id"]))


def _said(answer: Answer, history: History) -> tuple[list[str], str | None]:
    """The classes of an answer, and the places of its regions, in the names of now: the ledger keeps the names of
    then."""
    classes = sorted({now for name in answer.classes for now in history.naming.read(name).names or (name,)})
    if answer.regions is None:
        return classes, None
    names = {str(name) for row in answer.regions for name in row["classes"]}
    now = {name: read.names[0] for name in names if len((read := history.naming.read(name)).names) == 1}
    return classes, drawn_text(renamed(answer.regions, now))


def _open(answer: Answer, known: Answer, history: History) -> bool:
    """Whether a class that was split, or a merge that was taken back, left the answer of the ledger open."""
    return bool(history.naming.steps) and (answer.kind, known.kind) == ("label", "unread")


def _items(answers: Sequence[Answer]) -> str:
    return listed(list(dict.fromkeys(answer.item for answer in answers)), _NAMED)


def _count(answers: Sequence[Answer], what: str) -> str:
    return f"1 {what} is" if len(answers) == 1 else f"{len(answers):,} {what}s are"
