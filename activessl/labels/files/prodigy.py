"""Exports of Prodigy (``db-out``): JSON lines with ``answer``, from its documentation.

``accept`` is a label, ``ignore`` a skip. ``reject`` says which class it is not, or that the annotator rejects the whole
choice: of an item that has one class, it does not tell which. Where items may have several, the answers of one person
about one input belong together: each may be about another class.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from activessl.errors import LabelError
from activessl.labels.files.cells import is_empty, judged, text_of
from activessl.labels.files.given import Contents, Given
from activessl.labels.files.opened import Opened, Options

_ANSWERS = frozenset({"accept", "reject", "ignore"})
_HASHES = ("_input_hash", "_task_hash")

_Row = Mapping[str, Any]


def has(opened: Opened) -> bool:
    """Whether the rows are tasks of Prodigy: each has an answer and hashes."""
    rows = opened.rows
    return bool(rows) and all(row.get("answer") in _ANSWERS and any(h in row for h in _HASHES) for row in rows)


def read(opened: Opened, options: Options) -> Contents:
    """Read an export of tasks that classify.

    Raises:
        LabelError: No task classifies its input.
    """
    rows = opened.rows
    if not any("label" in row or "options" in row or isinstance(row.get("accept"), list) for row in rows):
        parts = sum(bool(row.get("spans") or row.get("tokens") or row.get("relations")) for row in rows)
        raise LabelError(
            f"none of the {len(rows):,} tasks of Prodigy classifies its input"
            + (f", {parts:,} are about parts of it" if parts else ""),
            hint="export the answers of a recipe that classifies, such as textcat.manual",
        )
    together: dict[tuple[str, str], list[tuple[int, _Row]]] = {}
    for number, row in enumerate(rows, start=1):
        # one class an item: answers stay apart, so that a contradiction is found
        key = text_of(row.get("_input_hash")) if options.kind.independent else ""
        together.setdefault((key or f"row {number}", _person(row)), []).append((number, row))
    given = [_answer(group, options) for group in together.values()]
    partial = sum(
        one.kind == "label" for one, group in zip(given, together.values(), strict=True) if _partial(group, options)
    )
    notes = (
        (f"{partial:,} items were asked about only some of the classes: the others count as not theirs",)
        if partial
        else ()
    )
    return Contents("export of Prodigy", "label", tuple(given), 0, frozenset(_HASHES), notes)


def _answer(group: Sequence[tuple[int, _Row]], options: Options) -> Given:
    """One person's answers about one input."""
    first, row = group[0]
    yes: list[str] = []
    no: list[str] = []
    skipped = all(one["answer"] == "ignore" for _, one in group)
    for _, one in group:
        if one["answer"] == "ignore":
            continue
        chosen = _chosen(one, options)
        yes += chosen if one["answer"] == "accept" else []
        no += chosen if one["answer"] == "reject" else []
    classes, why = tuple(dict.fromkeys(yes)), ""
    if both := [name for name in classes if name in no]:
        why = f"accepts and rejects {both[0]!r}"
    elif not classes and any(one["answer"] == "reject" for _, one in group):
        all_judged = options.kind.independent and set(options.known) <= set(no)
        why = "" if all_judged else f"rejects {', '.join(map(repr, no)) or 'the task'}, which tells no class"
    what, reason = ("skip", "") if skipped else ("unread", why) if why else judged(classes, options.kind)
    at = max((t for _, one in group if (t := _time(one.get("_timestamp")))), default=None)
    return Given(
        where=f"row {first}",
        shown=_shown(row),
        kind=what,  # type: ignore[arg-type]
        classes=classes if what == "label" else (),
        why=reason,
        annotator=_person(row),
        at=at,
    )


def _partial(group: Sequence[tuple[int, _Row]], options: Options) -> bool:
    """Whether a task asked about only some classes, where items may have several."""
    offered = {name for _, row in group for name in (_ids(row) or _chosen(row, options))}
    return options.kind.independent and not set(options.known) <= offered


def _ids(row: _Row) -> list[str]:
    offered = row.get("options")
    return [text_of(one.get("id")) for one in offered if isinstance(one, Mapping)] if isinstance(offered, list) else []


def _chosen(row: _Row, options: Options) -> list[str]:
    """The classes that a row names: those chosen among its options, else its label."""
    if isinstance(row.get("options"), list) or isinstance(row.get("accept"), list):
        # an option has an id and a text, and either may be the name of the class
        texts = {
            text_of(one.get("id")): text_of(one.get("text"))
            for one in row.get("options") or ()
            if isinstance(one, Mapping)
        }
        picked = [text_of(one) for one in row.get("accept") or ()]
        return [name if name in options.known else _known(texts.get(name), options) or name for name in picked]
    return [] if is_empty(row.get("label")) else [text_of(row["label"])]


def _known(text: str | None, options: Options) -> str | None:
    return text if text in options.known else None


def _shown(row: _Row) -> dict[str, Any]:
    beside = {"answer", "label", "accept", "options", "spans", "tokens", "config", "score", "priority", "html"}
    shown = {key: value for key, value in row.items() if not key.startswith("_") and key not in beside}
    meta = shown.pop("meta", None)
    more = {key: value for key, value in meta.items() if key not in shown} if isinstance(meta, Mapping) else {}
    return shown | more


def _person(row: _Row) -> str:
    return text_of(row.get("_annotator_id") or row.get("_session_id"))


def _time(value: Any) -> datetime | None:
    """The time of a number of seconds since 1970."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (OverflowError, ValueError, OSError):
        return None
