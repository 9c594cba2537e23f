"""Read a file of labels, and find the item of the pool that each answer is about.

An item is told by what the row shows: its text, its address, or its id. Running numbers of labeling tools are no ids.
Where two columns of a row tell two items, the file is refused: one of the columns would put labels on wrong items.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from activessl.arguments import listed
from activessl.errors import LabelError
from activessl.labels.files.cells import is_empty, text_of
from activessl.labels.files.given import Contents, Given
from activessl.labels.files.label_studio import has_rows_of, has_tasks_of, read_export, read_tasks
from activessl.labels.files.reading import base_name, columns_called
from activessl.labels.files.tables import read_table, value_text
from activessl.labels.kinds import LabelKind
from activessl.pool.matching import Matched, MediaIndex, plain_text
from activessl.pool.pool import Pool
from activessl.pool.texts import TEXT_NAMES

#: The names of columns with ids, the surest first.
_ID_NAMES = ("id", "item", "item_id", "itemid", "uid", "key", "name", "example_id")

#: The fields of tasks that activessl made: the item, where the question has another id, and the question.
_OURS = ("activessl_item", "activessl_id")


@dataclass(frozen=True)
class Found:
    """The items that the answers of a file are about.

    Attributes:
        items: For each answer its item; None if it is of no item of the pool.
        columns: The columns that told the items.
        unclear: Number of answers that may be about several items.
        by_name: Number of answers whose file has only its name in common with that of the item.
        example: One of the values by which an unclear or unknown item was sought.
    """

    items: tuple[str | None, ...]
    columns: tuple[str, ...]
    unclear: int = 0
    by_name: int = 0
    example: str = ""


def contents_of(
    rows: Sequence[Mapping[str, Any]], kind: LabelKind, known: Collection[str], label: str | None = None
) -> Contents:
    """Read the answers of a file by its form, which its marks tell.

    Args:
        rows: The rows of the file.
        kind: How many classes an item may have.
        known: The classes of the project.
        label: The column, or the control, with the classes; None to find it.

    Raises:
        LabelError: No column has classes, or several may have them.
    """
    if label is not None and not has_tasks_of(rows) and not any(label in row for row in rows):
        names = dict.fromkeys(name for row in rows for name in row)
        raise LabelError(f"the file has no column {label!r}, found: {listed(names)}", hint="correct --label")
    reader = read_tasks if has_tasks_of(rows) else read_export if has_rows_of(rows) else read_table
    return reader(rows, kind, known, label)


def find_items(contents: Contents, pool: Pool, column: str | None = None) -> Found:
    """Find the item of each answer.

    Args:
        contents: The answers.
        pool: The items.
        column: The column that tells the item; None to take all that do.

    Raises:
        LabelError: Two columns of a row tell two items, or no column tells any.
    """
    shown = [one.shown for one in contents.given]
    names = list(dict.fromkeys(name for row in shown for name in row))
    if column is not None:
        if shown and column not in names:
            raise LabelError(f"the file has no column {column!r}, found: {listed(names)}", hint="correct --item")
        names = [column]
    own = _own_ids(shown, pool) if column is None else {}
    ids = [column] if column is not None else columns_called([n for n in names if n not in contents.running], _ID_NAMES)
    by_id = {} if own else _ids(shown, ids, pool)
    index = MediaIndex(pool)
    by_media = {name: index.match({i: row.get(name) for i, row in enumerate(shown)}) for name in names}
    told = _telling(by_media, by_id, pool, contents, column)
    items: list[str | None] = []
    for i, given in enumerate(contents.given):
        said = {name: by_media[name].items[i] for name in told if i in by_media[name].items}
        said |= {name: at[i] for name, at in by_id.items() if i in at}
        if i in own:  # a file of an item that left the pool may have the name of another one
            said = {} if (item := own[i]) is None else {_OURS[-1]: item}
        if column is None:
            _check(given, said, told, {*by_id, *_OURS}, pool)
        items.append(next(iter(said.values()), None))
    used = list(_OURS[-1:]) if own else [name for name in (*by_id, *told) if by_id.get(name) or by_media[name].items]
    unknown = [i for i, item in enumerate(items) if item is None]
    unclear = [i for i in unknown if any(i in by_media[name].unclear for name in names)]
    by_name = {
        i for name in told for i in by_media[name].by_name if i not in own and not any(i in at for at in by_id.values())
    }
    looked = used or names
    example = next((text_of(shown[i].get(looked[0]))[:80] for i in (*unclear, *unknown) if looked), "")
    if not used and shown:
        raise LabelError(
            f"none of the {len(shown):,} answers is about an item of the pool; looked at: {listed(names)}",
            hint=f"name the column that tells the item with --item; an id of the pool is such as {pool.ids[0]!r}",
        )
    return Found(tuple(items), tuple(dict.fromkeys(used)), len(unclear), len(by_name), example)


def _own_ids(shown: Sequence[Mapping[str, Any]], pool: Pool) -> dict[int, str | None]:
    """Row to the item whose id activessl wrote into the data of its task; None for one that is not in the pool."""
    found = {i: text for i, row in enumerate(shown) for name in _OURS if (text := text_of(row.get(name)))}
    found |= {i: text for i, row in enumerate(shown) if (text := text_of(row.get(_OURS[0])))}
    return {i: text if text in pool else None for i, text in found.items()}


def _ids(shown: Sequence[Mapping[str, Any]], names: Sequence[str], pool: Pool) -> dict[str, dict[int, str]]:
    """For the first of the columns that has ids of the pool: row to item."""
    for name in names:
        at = {i: text for i, row in enumerate(shown) if (text := text_of(row.get(name))) in pool}
        if at:
            return {name: at}
    return {}


def _telling(
    by_media: Mapping[str, Matched[int]],
    by_id: Mapping[str, Mapping[int, str]],
    pool: Pool,
    contents: Contents,
    column: str | None,
) -> list[str]:
    """The columns whose values show items; in a pool of texts also a column of other texts, which contradicts."""
    return [
        name
        for name, matched in by_media.items()
        if name not in by_id
        and (column is not None or name not in contents.running)
        and (matched.items or (pool.form.shown == "text" and base_name(name) in TEXT_NAMES))
    ]


def _check(given: Given, said: Mapping[str, str], told: Sequence[str], ids: Collection[str], pool: Pool) -> None:
    """Refuse a row whose columns tell different items, or whose text is not that of the item with its id."""
    items = list(dict.fromkeys(said.values()))
    if len(items) > 1:
        each = ", ".join(f"{name} {value_text(given.shown.get(name))} is item {item!r}" for name, item in said.items())
        raise LabelError(
            f"the columns of {given.where} tell different items: {each}",
            hint=f"name the column to trust, such as --item {next(iter(said))}",
        )
    column = next((name for name in said if name in ids), None)
    if pool.form.shown != "text" or column is None:
        return
    text = plain_text(pool.read(pool.row(said[column])))
    for name in told:
        other = given.shown.get(name)
        if not is_empty(other) and plain_text(other) != text:
            raise LabelError(
                f"{given.where} has the {column} {said[column]!r}, but its {name} {value_text(other)} is not that "
                "of the item",
                hint=f"name the column to trust, such as --item {name}",
            )
