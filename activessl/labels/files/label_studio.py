"""Exports of Label Studio: JSON with all annotations, and JSON-MIN, CSV and TSV with one row an annotation.

The exports with rows have no skips, and an annotation without a class is a row without one. Their ``id`` is the task's
running number, but in CSV and TSV the field ``id`` of the data, where the data have one: nothing says which of the two.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from activessl.arguments import listed
from activessl.errors import LabelError
from activessl.labels.files.cells import CLASSIFYING, classes_in, classes_of, is_empty, judged
from activessl.labels.files.given import Contents, Given
from activessl.labels.kinds import LabelKind

#: The columns of each export with rows.
MARKS = frozenset({"annotation_id", "annotator", "created_at", "updated_at", "lead_time"})

#: Further columns that are no data of the task.
_BESIDE = MARKS | {"agreement", "history"}

_Row = Mapping[str, Any]


def has_rows_of(rows: Sequence[_Row]) -> bool:
    """Whether rows are those of a JSON-MIN, CSV or TSV export."""
    return bool(rows) and all(row.keys() >= MARKS for row in rows)


def has_tasks_of(rows: Sequence[_Row]) -> bool:
    """Whether rows are the tasks of a JSON export."""
    return bool(rows) and all(
        isinstance(row.get("data"), dict) and isinstance(row.get("annotations", row.get("completions")), list)
        for row in rows
    )


def read_tasks(rows: Sequence[_Row], kind: LabelKind, known: Collection[str], control: str | None = None) -> Contents:
    """Read a JSON export.

    Args:
        rows: The tasks.
        kind: How many classes an item may have.
        known: The classes of the project.
        control: The name of the tag that classifies; needed only if several do.

    Raises:
        LabelError: No tag classifies whole tasks, or several do.
    """
    annotations = [(task, one) for task in rows for one in task.get("annotations", task.get("completions"))]
    name = control or _control([one for _, one in annotations])
    given: list[Given] = []
    for task, annotation in annotations:
        where = f"annotation {annotation.get('id')} of task {task.get('id')}"
        what, classes, why = _read_result(annotation.get("result"), name, kind, known)
        if annotation.get("was_cancelled") or annotation.get("skipped"):
            what, classes, why = "skip", (), ""
        given.append(
            Given(
                where=where,
                shown=task["data"],
                kind=what,  # type: ignore[arg-type]
                classes=classes,
                why=why,
                annotator=person(annotation.get("completed_by")),
                at=time_of(annotation.get("updated_at") or annotation.get("created_at")),
                seconds=seconds_of(annotation.get("lead_time")),
                ground_truth=bool(annotation.get("ground_truth")),
            )
        )
    labeled = {id(task) for task, _ in annotations}
    open_tasks = sum(id(task) not in labeled for task in rows)
    return Contents("JSON export of Label Studio", name, tuple(given), open_tasks)


def _control(annotations: Sequence[_Row]) -> str:
    names = Counter(
        str(part.get("from_name"))
        for one in annotations
        for part in _parts(one.get("result"))
        if part.get("type") in CLASSIFYING and not _of_a_region(part)
    )
    if not names:
        types = sorted({str(part.get("type")) for one in annotations for part in _parts(one.get("result"))})
        there = f"but results of type {listed(types)}" if types else f"in {len(annotations):,} annotations"
        raise LabelError(
            f"the export has no classes of whole items, {there}", hint="export a project that classifies its tasks"
        )
    if len(names) > 1:
        each = ", ".join(f"{name} ({count:,})" for name, count in names.most_common())
        raise LabelError(
            f"{len(names)} tags classify the tasks: {each}", hint=f"name one of them, such as --label {min(names)}"
        )
    return next(iter(names))


def _parts(result: Any) -> Iterator[_Row]:
    yield from (part for part in result if isinstance(part, Mapping)) if isinstance(result, list) else ()


def _of_a_region(part: _Row) -> bool:
    value = part.get("value")
    return isinstance(value, Mapping) and bool(value.keys() - {str(part.get("type"))})


def _read_result(result: Any, name: str, kind: LabelKind, known: Collection[str]) -> tuple[str, tuple[str, ...], str]:
    """The kind of answer, its classes and, if it cannot be read, the reason."""
    ours = [p for p in _parts(result) if p.get("from_name") == name and p.get("type") in CLASSIFYING]
    others = sorted({str(part.get("from_name")) for part in _parts(result)} - {name})
    if not ours and others:
        return "unread", (), f"has no class in {name!r}, only in {listed(others)}"
    found: list[str] = []
    for part in ours:
        try:
            if _of_a_region(part):
                raise TypeError("is about a region, not about the whole item")
            found += classes_in(part.get("value"), kind, known) or ()
        except TypeError as error:
            return "unread", (), str(error)
    what, why = judged(tuple(dict.fromkeys(found)), kind)
    return what, tuple(dict.fromkeys(found)) if what == "label" else (), why


def read_export(rows: Sequence[_Row], kind: LabelKind, known: Collection[str], column: str | None = None) -> Contents:
    """Read a JSON-MIN, CSV or TSV export; arguments and errors as of ``read_tasks``."""
    name = column or _column(rows, kind, known)
    given, unlabeled, named_alike = [], 0, 0
    for number, row in enumerate(rows, start=1):
        if is_empty(row["annotation_id"]):
            unlabeled += 1
            named_alike += not is_empty(row.get(name))
            continue
        try:
            # the export has no skips: a row without a class is an annotation that was submitted without one
            classes = classes_in(row.get(name), kind, known) or ()
            what, why = judged(classes, kind)
        except TypeError as error:
            classes, what, why = (), "unread", str(error)
        given.append(
            Given(
                where=f"row {number}",
                shown={key: value for key, value in row.items() if key not in _BESIDE and key != name},
                kind=what,
                classes=classes if what == "label" else (),
                why=why,
                annotator=person(row["annotator"]),
                at=time_of(row["updated_at"] or row["created_at"]),
                seconds=seconds_of(row["lead_time"]),
            )
        )
    notes = []
    if named_alike:
        notes.append(
            f"the data of the tasks also have a field {name!r}: an annotation without a class would look like one with "
            "it; a JSON export tells them apart"
        )
    none = sum(one.kind == "label" and not one.classes for one in given)
    if none:
        notes.append(
            f"{none:,} annotations without a class count as none of the classes; a JSON export also tells what "
            "cannot be read"
        )
    return Contents("export of Label Studio", name, tuple(given), unlabeled, frozenset({"id"}), tuple(notes))


def _column(rows: Sequence[_Row], kind: LabelKind, known: Collection[str]) -> str:
    """Find the column of the control: all its values in annotated rows are classes of the project."""
    answered = [row for row in rows if not is_empty(row["annotation_id"])]
    others = [row for row in rows if is_empty(row["annotation_id"])]
    names = [name for name in dict.fromkeys(name for row in rows for name in row) if name not in _BESIDE | {"id"}]
    said = {name: classes_of(answered, name, kind, known) for name in names}
    fits = [name for name in names if said[name] and said[name] <= set(known)]
    # a control has no values in rows without an annotation, a field of the data has
    controls = [name for name in fits if all(is_empty(row.get(name)) for row in others)] or fits
    controls = controls or [name for name in names if said[name] & set(known)]
    if len(controls) == 1:
        return controls[0]
    if not answered:
        raise LabelError(
            f"none of the {len(rows):,} rows is annotated", hint="label some tasks, then export them again"
        )
    if controls:
        raise LabelError(
            f"{len(controls)} columns have classes of the project: {listed(controls)}",
            hint=f"name the one with the labels, such as --label {controls[0]}",
        )
    raise LabelError(
        f"no column has a class of the project, found: {listed(names)}",
        hint="name the column of the labels with --label, or correct data.classes in activessl.toml",
    )


def person(value: Any) -> str:
    """The name of an annotator: an address, or the number of a user.

    Example:
        >>> person({"id": 3, "email": "ann@example.org"}), person("3"), person(3), person(None)
        ('ann@example.org', 'user 3', 'user 3', '')
    """
    if isinstance(value, Mapping):
        return str(value.get("email") or person(value.get("id")))
    if is_empty(value) or isinstance(value, bool):
        return ""
    if isinstance(value, (int, float)) and math.isfinite(value):
        return f"user {int(value)}"
    text = str(value).strip()
    return f"user {text}" if text.isdecimal() else text


def time_of(value: Any) -> datetime | None:
    """A time with a time zone, UTC if it has none; None if it is no time."""
    if isinstance(value, datetime):
        at = value
    else:
        try:
            at = datetime.fromisoformat(str(value))
        except ValueError:
            return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def seconds_of(value: Any) -> float | None:
    """A number of seconds, from a number or a cell; None if it is none."""
    if isinstance(value, bool) or is_empty(value):
        return None
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
