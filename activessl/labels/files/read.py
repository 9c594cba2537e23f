"""Find the item of the pool that each answer of a file is about.

An item is told by the content of its file where that lies beside the labels, else by what the row shows: its text, its
address, or its id. Running numbers of labeling tools are no ids.
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
from activessl.labels.files.reading import base_name, columns_called
from activessl.labels.files.tables import value_text
from activessl.pool.matching import Matched, MediaIndex, grouped, plain_text
from activessl.pool.pool import Pool
from activessl.pool.texts import TEXT_NAMES

#: The names of columns with ids, the surest first.
_ID_NAMES = ("id", "item", "item_id", "itemid", "uid", "key", "name", "example_id")

#: The fields of tasks that activessl made: the item, where the question has another id, and the question.
_OURS = ("activessl_item", "activessl_id")

#: What told the item, where its file lies beside the labels.
_CONTENT = "content of the files"


@dataclass(frozen=True)
class Found:
    """The items that the answers of a file are about.

    Attributes:
        items: For each answer its item; None if it is of no item of the pool.
        columns: The columns that told the items.
        unclear: Number of answers that may be about several items.
        by_name: Number of answers whose file has only its name in common with that of the item.
        example: One of the values by which an unclear or unknown item was sought.
        changed: Number of answers whose file lies beside the labels with another content than that of the item.
    """

    items: tuple[str | None, ...]
    columns: tuple[str, ...]
    unclear: int = 0
    by_name: int = 0
    example: str = ""
    changed: int = 0


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
    index = MediaIndex(pool, stems=contents.stems)
    by_media = {name: index.match({i: row.get(name) for i, row in enumerate(shown)}) for name in names}
    told = _telling(by_media, by_id, pool, contents, column)
    by_content = {} if column is not None else _by_content(contents, pool, by_media)
    items: list[str | None] = []
    for i, given in enumerate(contents.given):
        if i in by_content:
            items.append(by_content[i])
            continue
        said = {name: by_media[name].items[i] for name in told if i in by_media[name].items}
        said |= {name: at[i] for name, at in by_id.items() if i in at}
        if i in own:  # a file of an item that left the pool may have the name of another one
            said = {} if (item := own[i]) is None else {_OURS[-1]: item}
        if column is None:
            _check(given, said, told, {*by_id, *_OURS}, pool)
        items.append(next(iter(said.values()), None))
    used = list(_OURS[-1:]) if own else [name for name in (*by_id, *told) if by_id.get(name) or by_media[name].items]
    if by_content:
        used = [_CONTENT, *(used if len(by_content) < len(items) else ())]
    unknown = [i for i, item in enumerate(items) if item is None]
    unclear = [i for i in unknown if any(i in by_media[name].unclear for name in names)]
    by_name = {
        i
        for name in told
        for i in by_media[name].by_name
        if i not in own and i not in by_content and not any(i in at for at in by_id.values())
    }
    # a file beside the labels that is no file of the pool was matched by its name: it is not the same file
    other = [i for i, given in enumerate(contents.given) if given.sha256 and i not in by_content and items[i]]
    looked = [name for name in used if name != _CONTENT] or names
    example = next((text_of(shown[i].get(looked[0]))[:80] for i in (*unclear, *unknown) if looked), "")
    if not used and shown:
        raise LabelError(
            f"none of the {len(shown):,} answers is about an item of the pool; looked at: {listed(names)}",
            hint=f"name the column that tells the item with --item; an id of the pool is such as {pool.ids[0]!r}",
        )
    return Found(tuple(items), tuple(dict.fromkeys(used)), len(unclear), len(by_name), example, len(other))


def _own_ids(shown: Sequence[Mapping[str, Any]], pool: Pool) -> dict[int, str | None]:
    """Row to the item whose id activessl wrote into the data of its task; None for one that is not in the pool."""
    found = {i: text for i, row in enumerate(shown) for name in _OURS if (text := text_of(row.get(name)))}
    found |= {i: text for i, row in enumerate(shown) if (text := text_of(row.get(_OURS[0])))}
    return {i: text if text in pool else None for i, text in found.items()}


def _by_content(contents: Contents, pool: Pool, by_media: Mapping[str, Matched[int]]) -> dict[int, str]:
    """Row to the item whose file has the content of that beside the labels; of copies, the one with the same name."""
    copies = grouped((item.sha256, item.id) for item in pool.items) if any(g.sha256 for g in contents.given) else {}
    found: dict[int, str] = {}
    for i, given in enumerate(contents.given):
        alike = copies.get(given.sha256, []) if given.sha256 else []
        named = [matched.items[i] for matched in by_media.values() if matched.items.get(i) in alike]
        if len(alike) == 1 or named:
            found[i] = named[0] if named else alike[0]
    return found


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
