"""Tables with a row an item: spreadsheets, exports of activessl, of doccano and of other tools."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from activessl.arguments import listed
from activessl.errors import LabelError
from activessl.labels.files.cells import classes_in, classes_of, is_empty, judged, text_of
from activessl.labels.files.given import Contents, Given
from activessl.labels.files.label_studio import person, time_of
from activessl.labels.files.reading import base_name, columns_called
from activessl.labels.kinds import LabelKind

#: The names of columns with classes in files of other tools, the plainest first.
LABEL_NAMES = (
    "class",
    "label",
    "labels",
    "classes",
    "class_name",
    "label_name",
    "category",
    "categories",
    "target",
    "annotation",
    "tag",
    "tags",
)
_ANNOTATOR_NAMES = ("annotator", "annotated_by", "annotator_name", "labeled_by", "labeler", "rater", "worker")
_TIME_NAMES = ("updated_at", "annotated_at", "labeled_at", "created_at")

#: The columns of an export of activessl that say who a label is from, in a table and in a folder for Hugging Face.
_SOURCE_NAMES = ("source", "label_source")

#: The sources of a label in an export of activessl.
_SOURCES = frozenset({"person", "machine", "model"})

_Row = Mapping[str, Any]


def read_table(rows: Sequence[_Row], kind: LabelKind, known: Collection[str], column: str | None = None) -> Contents:
    """Read the answers of a table; rows may have different columns.

    An empty cell or an empty list is no answer: nobody labeled the item. Of an export of activessl, only the labels of
    people count, and an empty cell of a person means that the item has none of the classes.

    Args:
        rows: The rows.
        kind: How many classes an item may have.
        known: The classes of the project.
        column: The column with the classes; None to find it by its name, or by its values.

    Raises:
        LabelError: There is no such column, or two contradict each other.
    """
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = [column] if column is not None else _columns(rows, names, kind, known)
    source = next((name for name in _SOURCE_NAMES if name in names), "")
    ours = bool(source) and {text_of(row.get(source)) for row in rows} <= _SOURCES
    others = [name for name in names if name not in columns]
    who = next(iter(columns_called(others, _ANNOTATOR_NAMES)), None)
    when = next(iter(columns_called(others, _TIME_NAMES)), None)
    given, unlabeled = [], 0
    for number, row in enumerate(rows, start=1):
        if ours and row.get(source) != "person":
            continue
        where = f"row {number}"
        try:
            classes, why = _read(row, columns, where, kind, known), ""
        except TypeError as error:
            classes, why = (), str(error)
        if classes is None and not ours:
            unlabeled += 1
            continue
        what, reason = ("unread", why) if why else judged(classes or (), kind)
        given.append(
            Given(
                where=where,
                shown={
                    name: value
                    for name, value in row.items()
                    if name not in columns and base_name(name) not in LABEL_NAMES
                },
                kind=what,  # type: ignore[arg-type]
                classes=(classes or ()) if what == "label" else (),
                why=reason,
                annotator=person(row.get(who)) if who else "",
                at=time_of(row.get(when)) if when else None,
            )
        )
    form = "export of activessl" if ours else "table"
    return Contents(form, " or ".join(columns), tuple(given), unlabeled)


def _columns(rows: Sequence[_Row], names: Sequence[str], kind: LabelKind, known: Collection[str]) -> list[str]:
    """Find the columns with the classes: by their names; of several, those whose values are classes of the project;
    without such a name, by the values."""
    named = sorted(
        (name for name in names if base_name(name) in LABEL_NAMES), key=lambda name: LABEL_NAMES.index(base_name(name))
    )
    said = {name: classes_of(rows, name, kind, known) for name in named or names}
    fitting = [name for name, classes in said.items() if classes and classes <= set(known)]
    if named:
        return fitting or named[:1]
    if len(fitting) == 1:
        return fitting
    if fitting:
        raise LabelError(
            f"{len(fitting)} columns have classes of the project: {listed(fitting)}",
            hint=f"name the one with the labels, such as --label {fitting[0]}",
        )
    raise LabelError(
        f"no column has classes of the project, found: {listed(names) if names else 'no rows'}",
        hint="add a column `id` and a column `class`, or name the columns with --item and --label",
    )


def _read(
    row: _Row, columns: Sequence[str], where: str, kind: LabelKind, known: Collection[str]
) -> tuple[str, ...] | None:
    """The classes of a row, from the columns that it has.

    Raises:
        LabelError: Two columns differ.
    """
    there = [name for name in columns if name in row]
    said = {name: classes_in(row[name], kind, known) for name in there}
    if len({value and frozenset(value) for value in said.values()}) > 1:
        each = ", ".join(f"{value_text(row[name])} in {name!r}" for name in there)
        raise LabelError(f"{where} has {each}", hint=f"name the column with the labels, such as --label {there[0]!r}")
    return said[there[0]] if there else None


def value_text(value: Any) -> str:
    """A value of a cell in a message."""
    return "nothing" if is_empty(value) else repr(text_of(value)[:60])
