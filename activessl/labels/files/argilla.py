"""Exports of Argilla 2: ``to_json``, and the flat rows of ``to_list(flatten=True)`` and ``to_datasets``.

The flat rows have the status of each answer: "submitted" is a label, "discarded" a skip, and a draft is no answer yet.
``to_json`` has no status: there, an answer counts if the record is completed, and is told as unread if it is pending,
because drafts and discarded answers look the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from activessl.errors import LabelError
from activessl.labels.files.cells import classes_in, is_empty, judged, text_of
from activessl.labels.files.given import Contents, Given
from activessl.labels.files.opened import Opened, Options

_NESTED = frozenset({"fields", "responses", "suggestions"})
_FLAT = ".responses"
_OWN = frozenset({"status", "_server_id", "score"})

_Row = Mapping[str, Any]


class _Response(NamedTuple):
    """One person's answer to one question about a record; an empty status is one that the file does not have."""

    question: str
    value: Any
    person: str
    status: str


def has(opened: Opened) -> bool:
    """Whether the rows are records of Argilla."""
    rows = opened.rows
    flat = [row for row in rows if any(name.endswith(f"{_FLAT}.users") for name in row)]
    # a record without answers has no such column in JSON lines, but has the number of the server
    return bool(rows) and (
        all(row.keys() >= _NESTED and isinstance(row["fields"], Mapping) for row in rows)
        or (bool(flat) and all("_server_id" in row for row in rows))
    )


def read(opened: Opened, options: Options) -> Contents:
    """Read the answers to one question.

    Raises:
        LabelError: Nobody answered any question, or several, or their values are no classes.
    """
    rows = opened.rows
    said = [list(_responses(row)) for row in rows]
    question = options.label or _question(said)
    given, unlabeled, unsure = [], 0, 0
    for number, (row, responses) in enumerate(zip(rows, said, strict=True), start=1):
        ours = [one for one in responses if one.question == question and one.status != "draft"]
        unlabeled += not ours
        unsure += len(ours) > 1 and not all(one.status for one in ours)
        given += [_answer(number, row, one, options) for one in ours]
    drafts = sum(one.question == question and one.status == "draft" for each in said for one in each)
    notes = []
    if drafts:
        notes.append(f"{drafts:,} draft{'s' * (drafts > 1)} left out: not submitted")
    if unsure:
        notes.append(
            f"{unsure:,} records have several answers, of which the file does not say whether they were submitted or "
            "discarded: `to_list(flatten=True)` does"
        )
    return Contents("export of Argilla", question, tuple(given), unlabeled, frozenset({"_server_id"}), tuple(notes))


def _responses(row: _Row) -> Iterator[_Response]:
    nested = row.get("responses")
    if isinstance(nested, Mapping):
        for question, answers in nested.items():
            for one in answers or ():
                if isinstance(one, Mapping):
                    yield _Response(question, one.get("value"), text_of(one.get("user_id")), text_of(one.get("status")))
        return
    for name, values in row.items():
        if not name.endswith(_FLAT) or values is None:
            continue
        people = row.get(f"{name}.users") or [None] * len(values)
        states = row.get(f"{name}.status") or [None] * len(values)
        for value, person, state in zip(values, people, states, strict=False):
            yield _Response(name.removesuffix(_FLAT), value, text_of(person), text_of(state))


def _question(said: Sequence[Sequence[_Response]]) -> str:
    count = Counter(one.question for each in said for one in each)
    if not count:
        raise LabelError(
            f"the export of Argilla has no answers: nobody labeled {len(said):,} records",
            hint="label some records, then export them again",
        )
    if len(count) > 1:
        each = ", ".join(f"{name} ({n:,})" for name, n in count.most_common())
        raise LabelError(
            f"{len(count)} questions were answered: {each}", hint=f"name one, such as --label {min(count)}"
        )
    return next(iter(count))


def _answer(number: int, row: _Row, response: _Response, options: Options) -> Given:
    classes: tuple[str, ...] = ()
    try:
        spans = isinstance(response.value, list) and any(isinstance(one, Mapping) for one in response.value)
        if spans or isinstance(response.value, Mapping):
            raise TypeError("has values that are no classes, such as spans or a ranking")
        classes = classes_in(response.value, options.kind, options.known) or ()
        what, why = judged(classes, options.kind)
    except TypeError as error:
        what, why = "unread", str(error)
    if response.status == "discarded":
        what, why = "skip", ""
    elif not response.status and row.get("status") not in (None, "completed"):
        what, why = "unread", "has an answer to a pending record, which may be a draft or discarded"
    elif is_empty(response.value) and not isinstance(response.value, list):
        what, why = "unread", "has an answer without a value"
    shown = row["fields"] | {"id": row.get("id")} | (row.get("metadata") or {}) if "fields" in row else row
    return Given(
        where=f"record {number}",
        shown={
            key: value
            for key, value in shown.items()
            if key not in _OWN and ".suggestion" not in key and _FLAT not in key
        },
        kind=what,
        classes=classes if what == "label" else (),
        why=why,
        annotator=response.person,
    )
