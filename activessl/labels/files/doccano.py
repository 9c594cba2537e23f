"""Exports of doccano for classification: JSON lines with ``label`` as a list, CSV with the labels joined by "#".

The ``id`` is the running number of the example, or the field of that name in its data: nothing says which. An example
without a label is one that nobody labeled: doccano has no skips. Labels of spans (begin, end, name) are of parts of a
text, and are refused. Where the data have a field ``label``, the CSV has two such columns, and doccano's is the last.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from activessl.errors import LabelError
from activessl.labels.files.cells import classes_in, is_empty, judged
from activessl.labels.files.given import Contents, Given
from activessl.labels.files.opened import Opened, Options
from activessl.labels.files.reading import base_name

#: doccano writes this key for each example, whatever the task; no other tool does.
_MARK = "Comments"


def has(opened: Opened) -> bool:
    """Whether the rows are examples of doccano."""
    return bool(opened.rows) and all(_MARK in row and "id" in row for row in opened.rows)


def read(opened: Opened, options: Options) -> Contents:
    """Read an export for classification.

    Raises:
        LabelError: It has labels of spans, or no labels at all.
    """
    rows = opened.rows
    alike = [name for name in dict.fromkeys(name for row in rows for name in row) if base_name(name) == "label"]
    name = options.label or (alike or ["label"])[-1]
    if not any(name in row for row in rows):
        parts = any("entities" in row or "relations" in row for row in rows)
        raise LabelError(
            f"the export of doccano has no column {name!r}" + (", but entities and relations" if parts else ""),
            hint="export a project of text or image classification, or name the column with --label",
        )
    spans = sum(any(_is_span(one) for one in row.get(name) or () if isinstance(row.get(name), list)) for row in rows)
    if spans:
        raise LabelError(
            f"{spans:,} of {len(rows):,} rows have labels of parts of a text", hint="export a project of classification"
        )
    given, unlabeled = [], 0
    for number, row in enumerate(rows, start=1):
        if is_empty(row.get(name)):
            unlabeled += 1
            continue
        given.append(_answer(number, row, name, options))
    notes = (f"{len(alike)} columns are called label: the last one is doccano's",) if len(alike) > 1 else ()
    return Contents("export of doccano", name, tuple(given), unlabeled, frozenset({"id"}), notes)


def _is_span(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and any(isinstance(part, (int, float)) for part in value)


def _answer(number: int, row: Mapping[str, Any], name: str, options: Options) -> Given:
    classes: tuple[str, ...] = ()
    try:
        classes = _classes(row[name], options)
        what, why = judged(classes, options.kind)
    except TypeError as error:
        what, why = "unread", str(error)
    return Given(
        where=f"row {number}",
        shown={key: value for key, value in row.items() if key not in (name, _MARK) and base_name(key) != "label"},
        kind=what,
        classes=classes if what == "label" else (),
        why=why,
    )


def _classes(value: Any, options: Options) -> tuple[str, ...]:
    parts = value.split("#") if isinstance(value, str) and value not in options.known else []
    if len(parts) > 1 and set(parts) <= set(options.known):  # a name may have a "#" itself
        return tuple(parts)
    return classes_in(value, options.kind, options.known) or ()
