"""Import labels from a spreadsheet or from another project."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from activessl.errors import LabelError
from activessl.labels.answers import BETWEEN, Answer
from activessl.ledger.schema import Answered
from activessl.project.folder import Project


@dataclass(frozen=True, slots=True)
class Imported:
    """The result of an import.

    Attributes:
        new: Labels that were written.
        known: Labels that were imported before with the same classes.
        elsewhere: Labels of items that are not in the pool, left out.
    """

    new: int
    known: int
    elsewhere: int


def import_labels(project: Project, labels: Mapping[str, str], *, annotator: str) -> Imported:
    """Import labels that people gave elsewhere, all or none; repeating the import changes nothing.

    They teach the model like all labels. They do not count for the labeling time, and they are not random labels. A
    later import by the same annotator replaces the earlier label of an item.

    Args:
        project: The project.
        labels: Item id to class; with ``data.multi_label`` several joined by "|", and "(none)" or "" for no class.
        annotator: Name of the person who gave the labels.

    Raises:
        LabelError: A class that the project does not have, no label of an item of the pool, or no annotator.
        PoolError: The pool cannot be read.
    """
    if not annotator.strip():
        raise LabelError("the name of the annotator is empty", hint="name the person who gave the labels")
    data, ids = project.config.data, frozenset(project.pool().ids)
    wanted = {item: data.kind.parse(text) for item, text in labels.items() if item in ids}
    unknown = sorted({name for classes in wanted.values() for name in classes} - set(data.classes))
    if unknown:
        many = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        raise LabelError(
            f"the project has no class {unknown[0]!r}{many}", hint="correct the name, or add it to data.classes"
        )
    if not wanted:
        raise LabelError(
            f"none of the {len(labels):,} labels is of an item of the pool",
            hint=f"use the ids of the pool, such as {min(ids)!r}",
        )
    with project.lock():
        history, at = project.history(), datetime.now(UTC)
        new = []
        for item, classes in wanted.items():
            source = f"import by {annotator} of {item}"
            before = history.answers.get(source)
            if before is None or before.classes != classes:
                # returning to an earlier label is a new answer, so the key contains the length of the ledger
                key = f"{source}: {BETWEEN.join(classes)} @ {history.events}"
                new.append(Answer(key, source, item, "label", classes, annotator, None, at, ground_truth=True))
        project.append(*(Answered(answer=answer) for answer in new))
    return Imported(len(new), len(wanted) - len(new), len(labels) - len(wanted))


def _cell(value: object) -> str:
    return "" if value is None else str(value).strip()


def labels_of(rows: Sequence[Mapping[str, object]]) -> dict[str, str]:
    """Read item ids and classes from rows with ``id`` and ``class`` (or ``label``), such as those of an export.

    If rows have a ``source``, only those with the source "person" count: a prediction is no label. Rows without a class
    are left out, except those of a person.

    Raises:
        LabelError: No such columns, or two classes for one item.

    Example:
        >>> labels_of([{"id": "a", "class": "cat", "source": "person"}, {"id": "b", "class": "cat", "source": "model"}])
        {'a': 'cat'}
    """
    found: dict[str, str] = {}
    column = next((name for name in ("class", "label") if rows and name in rows[0]), None)
    if column is None or "id" not in rows[0]:
        names = ", ".join(map(str, rows[0])) if rows else "no rows"
        raise LabelError(
            f"the columns id and class are missing, found: {names}", hint="add a column `id` and a column `class`"
        )
    for row in rows:
        item, value = _cell(row.get("id")), row.get(column)
        person = "source" in row
        if person and row["source"] != "person":
            continue
        text = BETWEEN.join(map(str, value)) if isinstance(value, (list, tuple)) else _cell(value)
        if not item or (not text and not person and not isinstance(value, (list, tuple))):
            continue
        if found.setdefault(item, text) != text:
            raise LabelError(
                f"item {item!r} has two classes, {found[item]!r} and {text!r}", hint="keep one of the two rows"
            )
    return found
