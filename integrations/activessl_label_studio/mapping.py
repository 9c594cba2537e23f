"""Convert questions, suggestions and answers to Label Studio's JSON and back. Pure functions.

question             -> task          data: {"activessl_id": ..., the media, "why": ...}
suggestion + rank    -> prediction    score = rank / count, as Label Studio shows the lowest score first; the class is a
                                      choice, the other probable classes are a text
annotation           -> answer        one per annotation and edit
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from activessl.annotators.base import Note, Suggestion
from activessl.arguments import listed
from activessl.errors import AnnotatorError
from activessl.labels.answers import PATH, Answer, AnswerKind, class_text
from activessl.labels.questions import Question
from activessl_label_studio.hints import to_hint
from activessl_label_studio.labels import Control

__all__ = [
    "ID_KEY",
    "ITEM_KEY",
    "ROUND_KEY",
    "annotation_of",
    "item_of",
    "marks_of",
    "named_in",
    "project_name",
    "question_of",
    "rank_score",
    "seconds_of",
    "shown_prediction",
    "source_of",
    "to_answer",
    "to_prediction",
    "to_result",
    "to_task",
    "to_time",
    "who",
]

#: The key of a task's data that holds the question's id, by which a second push finds the tasks of the first. The first
#: question about an item has the item's id.
ID_KEY = "activessl_id"

#: The key that holds the item's id, if the question has another id.
ITEM_KEY = "activessl_item"

#: The key that holds the number of the round that first asked about the item.
ROUND_KEY = "activessl_round"

#: The keys of ``data`` of a task besides its media.
TASK_KEYS = frozenset({ID_KEY, ITEM_KEY, ROUND_KEY, "why"})


def to_task(
    question: Question,
    media: Any,
    key: str,
    *,
    round: int = 0,
    meta: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the task of a question about one item.

    Args:
        question: Its reason is a column in the Data Manager.
        media: The value for the media's tag: an address, a text, or {"time": [...], "channel_0": [...]}.
        key: The key of ``data`` with the media.
        round: The number of the round, also a column; 0 if it is not known.
        meta: Stored and exported by Label Studio, not shown.
    """
    task: dict[str, Any] = {"data": {ID_KEY: question.id, key: media}}
    if question.item != question.id:
        task["data"][ITEM_KEY] = question.item
    if question.reason:
        task["data"]["why"] = question.reason
    if round:
        task["data"][ROUND_KEY] = str(round)
    if meta:
        task["meta"] = dict(meta)
    return task


def question_of(task: Mapping[str, Any]) -> str | None:
    """Return the id of the question of a task, or None if activessl did not make or adopt the task.

    Example:
        >>> question_of({"data": {"activessl_id": "a.png"}}), question_of({"data": {"image": "x"}})
        ('a.png', None)
    """
    data = task.get("data")
    found = data.get(ID_KEY) if isinstance(data, Mapping) else None
    return found if isinstance(found, str) and found else None


def item_of(task: Mapping[str, Any]) -> str | None:
    """Return the id of the item of a task's question, or None if activessl did not make or adopt the task.

    Example:
        >>> item_of({"data": {"activessl_id": "a.png"}}), item_of({"data": {"image": "x"}})
        ('a.png', None)
    """
    question = question_of(task)
    return None if question is None else str(task["data"].get(ITEM_KEY) or question)


def rank_score(rank: int, count: int, *, below: float = 1.0) -> float:
    """Return the score of a task in a queue, rising with the rank: Label Studio shows the lowest score first.

    Args:
        rank: 0 for the first.
        count: The number of tasks.
        below: All scores are less than this; they are greater than 0 if this is.

    Example:
        >>> rank_score(0, 4), rank_score(3, 4), rank_score(0, 4, below=0.1)
        (0.1, 0.7, 0.01)
    """
    part = (rank + 0.5) / (count + 1)
    return float(f"{part * below if below > 0 else below - 1 + part:.12g}")


def to_result(classes: Sequence[str], control: Control) -> list[dict[str, Any]]:
    """Return the result of a prediction or annotation with these classes; empty for none."""
    if not classes:
        return []
    names = [control.stored.get(name, name) for name in classes]
    said: list[Any] = [name.split(PATH) for name in names] if control.kind == "taxonomy" else names
    return [
        {"from_name": control.name, "to_name": control.to_name, "type": control.kind, "value": {control.kind: said}}
    ]


def to_prediction(suggestion: Suggestion | None, score: float, model: str, control: Control) -> dict[str, Any]:
    """Return the prediction of one task: the suggestion, and the score that orders the task in the queue.

    Without a suggestion, and for a blind question, the result is empty: the score orders the task, nothing is shown.

    Raises:
        AnnotatorError: The SDK's ``LabelInterface`` refuses the prediction for this label config.
    """
    # a class that people removed from the config cannot be shown: the next probable one is
    shown: tuple[str, ...] = ()
    if suggestion is not None and not suggestion.blind:
        shown = suggestion.selected(control.classes, control.label_kind)
    if not math.isfinite(score):
        raise AnnotatorError(f"the score {score} is not a number", hint="rank the items first")
    error = _misfit(control, shown)
    if error:
        raise AnnotatorError(
            f"a prediction does not fit the label config: {error}",
            hint="correct the label config, or data.classes in activessl.toml",
        )
    return {
        "model_version": model,
        "score": float(score),
        "result": [*to_result(shown, control), *to_hint(suggestion, control)],
    }


@lru_cache(maxsize=1024)
def _misfit(control: Control, classes: tuple[str, ...]) -> str:
    """Return the error of a result with these classes. Cached: a push has up to ten thousand tasks, but few classes."""
    prediction = {"model_version": "any", "score": 0.5, "result": to_result(classes, control)}
    errors = control.interface.validate_prediction(prediction, return_errors=True)
    return str(errors[0]) if errors else ""


def named_in(result: Any, control: Control) -> list[str]:
    """Return the classes that a result has for the control; what cannot be read, and other tags, are ignored."""
    return _read(result, control)[0]


def _read(result: Any, control: Control) -> tuple[list[str], str]:
    """Return the classes that a result has for the control and, if it says something else, why they cannot be read.

    Other tags of the label config are ignored: they ask for other things.
    """
    named: list[str] = []
    why = ""
    parts = [part for part in result if isinstance(part, Mapping)] if isinstance(result, list) else []
    ours = [part for part in parts if part.get("from_name") == control.name]
    for part in ours:
        value = part.get("value")
        said = value.get(control.kind) if isinstance(value, Mapping) else None
        # the server also takes one choice that is not in a list
        for one in said if isinstance(said, list) else [said]:
            if isinstance(one, str):
                named.append(one)
            elif isinstance(one, list) and one and all(isinstance(name, str) for name in one):
                named.append(PATH.join(one))
            else:
                why = f"the value of {control.name!r} is no list of {control.kind}"
    if not ours:
        tags = {str(tag.name) for tag in control.interface.controls}
        foreign = sorted({str(part.get("from_name")) for part in parts} - tags)
        if foreign:
            why = f"has no class in {control.name!r}, only in {listed(foreign)}, which the label config does not have"
    return list(dict.fromkeys(named)), why


def to_answer(
    annotation: Mapping[str, Any],
    task: Mapping[str, Any],
    control: Control,
    *,
    project: str,
    people: Mapping[int, str],
) -> tuple[Answer, Note | None]:
    """Return the answer of one annotation, and a note if something is unusual.

    A skip is a skip. An empty submit counts as a skip, with a note, because Label Studio does not offer the task again;
    if an item may have several classes, an empty submit says that it has none of them. What cannot be read, such as two
    choices if one is allowed, is kept as unread, with a note: the item is asked about again. A class that the config no
    longer has is kept, with a note: the fold of the ledger decides about it.

    Args:
        annotation: The annotation, as Label Studio lists it; it may be cancelled.
        task: The task of the annotation, with ``data`` and ``predictions``; it must have a question's id.
        control: The tag that classifies.
        project: The permanent name of the project, from ``project_name``.
        people: User numbers to names.

    Raises:
        AnnotatorError: The annotation has no number or no time.
    """
    question, source, updated = marks_of(annotation, task, project)
    (classes, why), note = _read(annotation.get("result"), control), None
    cancelled, reads = bool(annotation.get("was_cancelled")), control.label_kind.reads(classes)
    if reads == "too many":
        why = why or f"has {len(classes)} classes ({listed(classes)}), one is allowed"
    kind: AnswerKind = "skip" if cancelled else "unread" if why else "label" if reads == "label" else "skip"
    if kind != "label":
        classes = []
    if kind == "unread":
        note = Note(source, question, f"{why}: kept, and asked again")
    elif kind == "skip" and not cancelled:
        note = Note(source, question, "submitted without a class: counts as skipped")
    elif gone := [name for name in classes if not control.knows(name)]:
        note = Note(source, question, f"has {', '.join(gone)}, which the label config does not have")
    answer = Answer(
        key=f"{source} @ {updated}",
        source=source,
        item=item_of(task) or question,
        kind=kind,
        classes=tuple(classes),
        annotator=who(annotation.get("completed_by"), people),
        seconds=seconds_of(annotation.get("lead_time")),
        at=to_time(updated),
        suggested=_suggested(annotation, task, control),
        ground_truth=bool(annotation.get("ground_truth")),
        question=question,
        why=why if kind == "unread" else "",
    )
    return answer, note


def marks_of(
    annotation: Mapping[str, Any], task: Mapping[str, Any], project: str, *, about: str = "item"
) -> tuple[str, str, str]:
    """Return the question of an annotation, its permanent name, and the time of its last change.

    Args:
        annotation: The annotation, as Label Studio lists it.
        task: The task of the annotation.
        project: The permanent name of the project.
        about: What the question is about, in the error.

    Raises:
        AnnotatorError: The annotation has no number or no time, or its task no question.
    """
    question, updated = question_of(task), annotation.get("updated_at") or annotation.get("created_at")
    if question is None or not isinstance(annotation.get("id"), int) or not isinstance(updated, str):
        raise AnnotatorError(
            f"an annotation of task {task.get('id')} has no number, time or {about}",
            hint="check that the address is Label Studio's own, and try again",
        )
    return question, source_of(project, int(annotation["id"])), updated


def project_name(project: Mapping[str, Any]) -> str:
    """Return a permanent name of a project: on another or a new server, numbers begin again.

    Example:
        >>> project_name({"id": 17, "created_at": "2026-11-24T11:17:11.318097Z"})
        'project 17 of 2026-11-24T11:17:11.318097Z'
    """
    return f"project {project['id']} of {project.get('created_at')}"


def source_of(project: str, annotation: int) -> str:
    """Return a permanent name of an annotation."""
    return f"{project} annotation {annotation}"


def annotation_of(source: str) -> str:
    """Return the permanent name of a source's annotation: an annotation of a cluster is the source of many answers.

    Example:
        >>> annotation_of("project 17 of 2026-11-24 annotation 5 of a.png")
        'project 17 of 2026-11-24 annotation 5'
    """
    project, mark, rest = source.partition(" annotation ")
    return project + mark + rest.partition(" ")[0]


def to_time(text: str) -> datetime:
    """Convert a time of the server to a datetime with a time zone.

    Example:
        >>> to_time("2026-11-24T11:17:11.318097Z").isoformat()
        '2026-11-24T11:17:11.318097+00:00'
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise AnnotatorError(f"{text!r} is not a time", hint="check that the address is Label Studio's own") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def who(completed_by: Any, people: Mapping[int, str]) -> str:
    """Return the name of an annotator."""
    if isinstance(completed_by, Mapping):
        return str(completed_by.get("email") or f"user {completed_by.get('id')}")
    if isinstance(completed_by, int):
        return people.get(completed_by, f"user {completed_by}")
    return "unknown"


def seconds_of(lead_time: Any) -> float | None:
    """Return a time that the browser measured; None without one."""
    if isinstance(lead_time, bool) or not isinstance(lead_time, int | float):
        return None
    try:
        seconds = float(lead_time)
    except OverflowError:  # an integer of hundreds of digits
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def shown_prediction(annotation: Mapping[str, Any], task: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the prediction that the annotator saw: the annotation's, else the newest one then; None without any."""
    predictions = [p for p in task.get("predictions") or () if isinstance(p, Mapping)]
    parent = annotation.get("parent_prediction")
    shown = [p for p in predictions if parent is not None and p.get("id") == parent]
    if not shown:
        made = annotation.get("created_at")
        before = [p for p in predictions if not made or str(p.get("created_at") or "") <= str(made)]
        shown = sorted(before, key=lambda p: (str(p.get("created_at") or ""), p.get("id") or 0))[-1:]
    return shown[0] if shown else None


def _suggested(annotation: Mapping[str, Any], task: Mapping[str, Any], control: Control) -> str | None:
    """Return the suggestion that the annotator saw."""
    shown = shown_prediction(annotation, task)
    named = named_in(shown.get("result"), control) if shown is not None else []
    return class_text(named if control.label_kind.independent else named[:1]) if named else None
