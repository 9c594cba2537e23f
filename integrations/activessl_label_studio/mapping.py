"""Our nouns as Label Studio's JSON, and back. Pure: values in, values out, so that it can be tested to the last corner.

question             -> task          data: {"activessl_id": ..., the media, "why": ...}
suggestion + rank    -> prediction    score = rank / count: Label Studio asks for the lowest score first; the class as a
                                      choice, what else the model considers as a text
annotation           -> answer        one per annotation and edit
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from activessl.annotators.base import Suggestion
from activessl.errors import AnnotatorError
from activessl.labels.answers import Answer, class_text
from activessl.labels.questions import Question
from activessl_label_studio.hints import to_hint
from activessl_label_studio.labels import PATH, Control

__all__ = [
    "ID_KEY",
    "ITEM_KEY",
    "ROUND_KEY",
    "Note",
    "annotation_of",
    "named_in",
    "project_name",
    "question_of",
    "rank_score",
    "source_of",
    "to_answer",
    "to_prediction",
    "to_result",
    "to_task",
]

#: The key of a task's data that holds the question's id: what makes a second push find the first one's tasks. Of a
#: first question it is the item's.
ID_KEY = "activessl_id"

#: The key that holds the pool's id where the question has another.
ITEM_KEY = "activessl_item"

#: The key that holds the number of the round which first asked about the item.
ROUND_KEY = "activessl_round"


@dataclass(frozen=True, slots=True)
class Note:
    """Something about an annotation that a person should hear of: never silently dropped, never fatal."""

    source: str
    question: str
    what: str


def to_task(
    question: Question,
    media: Any,
    control: Control,
    *,
    round: int = 0,
    meta: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The task of a question about one item.

    Args:
        question: Its reason is shown as a column in the Data Manager.
        media: What the media's tag takes: an address, a text, or {"time": [...], "channel_0": [...]}.
        control: The tag that classifies it.
        round: The number of the round that asks about it, a column too; 0 where it is not known.
        meta: Kept and exported by Label Studio, not shown.
    """
    task: dict[str, Any] = {"data": {ID_KEY: question.id, control.key: media}}
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
    """The id of the question that a task asks, or None if the task is not ours.

    Example:
        >>> question_of({"data": {"activessl_id": "a.png"}}), question_of({"data": {"image": "x"}})
        ('a.png', None)
    """
    data = task.get("data")
    found = data.get(ID_KEY) if isinstance(data, Mapping) else None
    return found if isinstance(found, str) and found else None


def rank_score(rank: int, count: int, *, below: float = 1.0) -> float:
    """The score of a task in a queue: strictly rising with the rank. Label Studio shows the lowest first.

    Args:
        rank: 0 for the first.
        count: How many there are.
        below: All scores are below this, and above 0 if it is.

    Example:
        >>> rank_score(0, 4), rank_score(3, 4), rank_score(0, 4, below=0.1)
        (0.1, 0.7, 0.01)
    """
    part = (rank + 0.5) / (count + 1)
    return float(f"{part * below if below > 0 else below - 1 + part:.12g}")


def to_result(classes: Sequence[str], control: Control) -> list[dict[str, Any]]:
    """The result of a prediction or annotation that names these classes; empty for none."""
    if not classes:
        return []
    said: list[Any] = [name.split(PATH) for name in classes] if control.kind == "taxonomy" else list(classes)
    return [
        {"from_name": control.name, "to_name": control.to_name, "type": control.kind, "value": {control.kind: said}}
    ]


def to_prediction(suggestion: Suggestion | None, score: float, model: str, control: Control) -> dict[str, Any]:
    """The prediction of one task: the suggestion as a pre-selected answer, and the task's place in the queue.

    Without a suggestion, and for a blind one, the result is empty: the task has its place, but nothing is shown.

    Raises:
        AnnotatorError: The SDK's ``LabelInterface`` says that it does not fit the label config.
    """
    # a class that was taken out of the config cannot be shown; the next likely one can
    shown: tuple[str, ...] = ()
    if suggestion is not None and not suggestion.blind:
        shown = suggestion.selected(control.classes, control.label_kind)
    if not math.isfinite(score):
        raise AnnotatorError(f"the score {score} is not a number", hint="rank the items first")
    error = _misfit(control, shown)
    if error:
        raise AnnotatorError(
            f"a prediction does not fit the label config: {error}", hint="correct the label config, or the classes"
        )
    return {
        "model_version": model,
        "score": float(score),
        "result": [*to_result(shown, control), *to_hint(suggestion, control)],
    }


@lru_cache(maxsize=1024)
def _misfit(control: Control, classes: tuple[str, ...]) -> str:
    """What is wrong with an answer of these classes; asked once for each, not for each of ten thousand tasks."""
    prediction = {"model_version": "any", "score": 0.5, "result": to_result(classes, control)}
    errors = control.interface.validate_prediction(prediction, return_errors=True)
    return str(errors[0]) if errors else ""


def named_in(result: Any, control: Control) -> list[str]:
    """The classes that a result names through our tag; what other tags say is not ours."""
    named: list[str] = []
    for part in result if isinstance(result, list) else ():
        if isinstance(part, Mapping) and part.get("from_name") == control.name and part.get("type") == control.kind:
            value = part.get("value")
            said = value.get(control.kind) if isinstance(value, Mapping) else None
            for one in said if isinstance(said, list) else ():
                if isinstance(one, str):
                    named.append(one)
                elif isinstance(one, list) and all(isinstance(name, str) for name in one):
                    named.append(PATH.join(one))
    return list(dict.fromkeys(named))


def to_answer(
    annotation: Mapping[str, Any],
    task: Mapping[str, Any],
    control: Control,
    *,
    project: str,
    people: Mapping[int, str],
) -> tuple[Answer, Note | None]:
    """What one annotation says.

    A skip stays a skip. An empty submit, or two choices where one is allowed, is no label: it comes back as a skip too
    (Label Studio does not offer the task again), with a note; where an item may have several classes, an empty submit
    says that it has none of them. A class that the config no longer has is kept, with a
    note: whoever folds the answers decides.

    Args:
        annotation: As Label Studio lists it, cancelled ones included.
        task: Its task with ``data`` and ``predictions``; the task must be ours.
        control: The tag that classifies.
        project: The project's name for good, as ``project_name`` gives it.
        people: User numbers to names.

    Raises:
        AnnotatorError: The annotation lacks its number or its times.
    """
    question = question_of(task)
    updated = annotation.get("updated_at") or annotation.get("created_at")
    if question is None or not isinstance(annotation.get("id"), int) or not isinstance(updated, str):
        raise AnnotatorError(
            f"an annotation of task {task.get('id')} has no number, time or item",
            hint="check that the address is Label Studio's own, and try again",
        )
    source = source_of(project, int(annotation["id"]))
    classes, note = named_in(annotation.get("result"), control), None
    cancelled, reads = bool(annotation.get("was_cancelled")), control.label_kind.reads(classes)
    if cancelled:
        classes = []
    elif reads == "nothing":
        note = Note(source, question, "submitted without a class: counts as skipped")
    elif reads == "too many":
        note = Note(source, question, f"names {len(classes)} classes where one is asked: counts as skipped")
        classes = []
    elif any(name not in control.classes for name in classes):
        gone = [name for name in classes if name not in control.classes]
        note = Note(source, question, f"names {', '.join(gone)}, which the label config does not have")
    answer = Answer(
        key=f"{source} @ {updated}",
        source=source,
        item=str(task["data"].get(ITEM_KEY) or question),
        kind="label" if reads == "label" and not cancelled else "skip",
        classes=tuple(classes),
        annotator=who(annotation.get("completed_by"), people),
        seconds=seconds_of(annotation.get("lead_time")),
        at=to_time(updated),
        suggested=_suggested(annotation, task, control),
        ground_truth=bool(annotation.get("ground_truth")),
        question=question,
    )
    return answer, note


def project_name(project: Mapping[str, Any]) -> str:
    """What names a project for good: on another server, or on one that was set up anew, numbers begin again.

    Example:
        >>> project_name({"id": 17, "created_at": "2026-11-24T11:17:11.318097Z"})
        'project 17 of 2026-11-24T11:17:11.318097Z'
    """
    return f"project {project['id']} of {project.get('created_at')}"


def source_of(project: str, annotation: int) -> str:
    """What names an annotation for good."""
    return f"{project} annotation {annotation}"


def annotation_of(source: str) -> str:
    """What names the annotation that a source is of: an annotation of a group is the source of many answers.

    Example:
        >>> annotation_of("project 17 of 2026-11-24 annotation 5 of a.png")
        'project 17 of 2026-11-24 annotation 5'
    """
    project, mark, rest = source.partition(" annotation ")
    return project + mark + rest.partition(" ")[0]


def to_time(text: str) -> datetime:
    """A server's time as a datetime with a time zone.

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
    if isinstance(completed_by, Mapping):
        return str(completed_by.get("email") or f"user {completed_by.get('id')}")
    if isinstance(completed_by, int):
        return people.get(completed_by, f"user {completed_by}")
    return "unknown"


def seconds_of(lead_time: Any) -> float | None:
    if isinstance(lead_time, bool) or not isinstance(lead_time, int | float):
        return None
    seconds = float(lead_time)
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _suggested(annotation: Mapping[str, Any], task: Mapping[str, Any], control: Control) -> str | None:
    """What was pre-selected: of the prediction it came from, else of the newest one when it was made."""
    predictions = [p for p in task.get("predictions") or () if isinstance(p, Mapping)]
    parent = annotation.get("parent_prediction")
    shown = [p for p in predictions if parent is not None and p.get("id") == parent]
    if not shown:
        made = annotation.get("created_at")
        before = [p for p in predictions if not made or str(p.get("created_at") or "") <= str(made)]
        shown = sorted(before, key=lambda p: (str(p.get("created_at") or ""), p.get("id") or 0))[-1:]
    named = named_in(shown[0].get("result"), control) if shown else []
    return class_text(named if control.label_kind.independent else named[:1]) if named else None
