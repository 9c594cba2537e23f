"""Labels that were given elsewhere: from a spreadsheet, or from another project."""

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
    """What became of labels that were imported.

    Attributes:
        new: Labels that are written down now.
        known: Labels that were imported before, with the same classes.
        elsewhere: Labels of items that the pool does not have, left out.
    """

    new: int
    known: int
    elsewhere: int


def import_labels(project: Project, labels: Mapping[str, str], *, annotator: str) -> Imported:
    """Write labels into a project that people gave outside of it, all or none; who repeats it changes nothing.

    They teach the model like any label. They took no time here, are no sample of the pool, and count for neither. A
    later import by the same annotator replaces what an earlier one said of an item.

    Args:
        project: Where to.
        labels: Item id to class; with ``data.multi_label`` several joined by "|", or "(none)" or nothing for none.
        annotator: Who gave them.

    Raises:
        LabelError: A class that the project does not have, no label of an item of the pool, or no annotator.
        PoolError: The pool cannot be read.
    """
    if not annotator.strip():
        raise LabelError("no annotator", hint="say who gave the labels")
    data, ids = project.config.data, frozenset(project.pool().ids)
    wanted = {item: data.kind.parse(text) for item, text in labels.items() if item in ids}
    unknown = sorted({name for classes in wanted.values() for name in classes} - set(data.classes))
    if unknown:
        many = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        raise LabelError(f"the project has no class {unknown[0]!r}{many}", hint="correct it, or add it to data.classes")
    if not wanted:
        raise LabelError(
            f"none of {len(labels):,} labels is of an item of the pool",
            hint=f"name the items as the pool does, such as {min(ids)!r}",
        )
    with project.lock():
        history, at = project.history(), datetime.now(UTC)
        new = []
        for item, classes in wanted.items():
            source = f"import by {annotator} of {item}"
            before = history.answers.get(source)
            if before is None or before.classes != classes:
                # going back to what was said earlier is another answer, so the key has the ledger's length in it
                key = f"{source}: {BETWEEN.join(classes)} @ {history.events}"
                new.append(Answer(key, source, item, "label", classes, annotator, None, at, ground_truth=True))
        project.append(*(Answered(answer=answer) for answer in new))
    return Imported(len(new), len(wanted) - len(new), len(labels) - len(wanted))


def _cell(value: object) -> str:
    return "" if value is None else str(value).strip()


def labels_of(rows: Sequence[Mapping[str, object]]) -> dict[str, str]:
    """Item ids and classes out of rows with ``id`` and ``class`` (or ``label``), such as an export has.

    Where rows say their ``source``, only those that are a person's count: what a model said is no label. Rows without
    a class are left out unless they say so of a person.

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
        raise LabelError(f"labels with {names}", hint="give a column `id` and a column `class`")
    for row in rows:
        item, value = _cell(row.get("id")), row.get(column)
        person = "source" in row
        if person and row["source"] != "person":
            continue
        text = BETWEEN.join(map(str, value)) if isinstance(value, (list, tuple)) else _cell(value)
        if not item or (not text and not person and not isinstance(value, (list, tuple))):
            continue
        if found.setdefault(item, text) != text:
            raise LabelError(f"item {item!r} has two classes, {found[item]!r} and {text!r}", hint="keep one of them")
    return found
