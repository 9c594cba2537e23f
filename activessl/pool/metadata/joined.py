"""A table of metadata beside the data: its rows are joined to the items by their ids or paths."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from activessl.arguments import listed
from activessl.errors import PoolError
from activessl.pool.columns import TABLES, Columns, read_columns
from activessl.pool.listed_files import PATH_NAMES
from activessl.pool.metadata.cells import plain, unknown

#: Names of the column that says which item a row is about, the plainest first.
KEYS = ("item", "id", "item_id", *PATH_NAMES, "name", "key")

#: Columns with a meaning of their own.
OWN = frozenset({"label", "label_name", "labels", "split"})


class Joined(NamedTuple):
    """The columns of a table, by item.

    Attributes:
        columns: Name of a column to the cell of each item that has a row.
        remarks: What a reader would not expect, a sentence each.
    """

    columns: dict[str, dict[str, Any]]
    remarks: tuple[str, ...]


def join(table: Path, ids: Sequence[str]) -> Joined:
    """Read a table of metadata, and give each item its row.

    A row names its item in a column of ``KEYS``, by the id or by a path that ends with the id. A path with fewer
    folders than the id is enough if only one item ends with it.

    Args:
        table: A ``.csv``, ``.tsv``, ``.jsonl``, ``.xlsx`` or ``.parquet``.
        ids: The items.

    Raises:
        PoolError: The table cannot be read, has no such column, or names no item; two rows about one item differ; or a
            row names several items.
    """
    columns = _read(table)
    key, item_of = _key(table, columns, ids)
    names = [name for name in columns.names if name != key and name.lower() not in OWN]
    row_of: dict[str, int] = {}
    strangers: list[str] = []
    for row, cell in enumerate(columns.values[key]):
        item = item_of.get(_text(cell), "")
        if not item:
            strangers.append(plain(cell) or f"row {row + 1}")
            continue
        before = row_of.setdefault(item, row)
        odd = next((name for name in names if not _same(columns.values[name][before], columns.values[name][row])), None)
        if odd is not None:
            one, other = (plain(columns.values[odd][r]) for r in (before, row))
            raise PoolError(
                f"{table.name} has two rows for the item {item[:100]!r}, with the values {one[:60]!r} and "
                f"{other[:60]!r} in {odd!r}",
                hint="keep one row for each item",
            )
    remarks = []
    if strangers:
        are = "rows are" if len(strangers) > 1 else "row is"
        remarks.append(f"{len(strangers):,} {are} of no item of the pool in {table.name}, first: {strangers[0][:100]}")
    without = len(ids) - len(row_of)
    if without:
        first = next(item for item in ids if item not in row_of)
        remarks.append(f"{without:,} item{'s have' if without > 1 else ' has'} no row in {table.name}, first: {first}")
    values = {name: {item: columns.values[name][row] for item, row in row_of.items()} for name in names}
    return Joined(values, tuple(remarks))


def _read(table: Path) -> Columns:
    if not table.exists():
        raise PoolError(
            f"the table of metadata {table} does not exist",
            hint="restore it, or correct data.metadata in activessl.toml",
        )
    if table.suffix.lower() not in (*TABLES, ".parquet", ".pq"):
        raise PoolError(
            f"the table of metadata {table.name} has the unknown format {table.suffix!r}",
            hint="give a .csv, .tsv, .jsonl, .xlsx or .parquet file",
        )
    return read_columns(table)


def _key(table: Path, columns: Columns, ids: Sequence[str]) -> tuple[str, Mapping[str, str]]:
    """The column that names items, that which names most; and the item of each of its cells.

    Raises:
        PoolError: There is none, it names no item, or one of its cells fits several items.
    """
    known = {name.lower(): name for name in reversed(columns.names)}
    candidates = [known[name] for name in KEYS if name in known]
    if not candidates:
        raise PoolError(
            f"{table.name} has no column that names the items; it has {listed(columns.names)}",
            hint="give the column with the ids or paths of the items the name 'item'",
        )
    ends = _Ends(ids)
    found = {name: ends.match(columns.values[name]) for name in candidates}
    key = max(candidates, key=lambda name: len(found[name].items))  # the plainest of equal ones
    several = next((one for name in (key, *candidates) for one in found[name].several.items()), None)
    if several is not None and (found[key].several or not found[key].items):
        cell, items = several
        raise PoolError(
            f"{plain(cell)[:100]!r} in {table.name} fits {len(items):,} items: {listed(items, 3)}",
            hint="write the whole path of each item",
        )
    if not found[key].items:
        first = next((plain(cell) for cell in columns.values[key] if not unknown(cell)), "")
        raise PoolError(
            f"no row of {table.name} is about an item of the pool: its column {key!r} begins with {first[:60]!r}",
            hint=f"write the ids of the items, such as {plain(ids[0])[:60]!r}, into the column {key!r}",
        )
    return key, found[key].items


class _Matched(NamedTuple):
    """Text of a cell to its item, and to the items that it may name."""

    items: dict[str, str]
    several: dict[str, list[str]]


class _Ends:
    """The items by their ids, and by the ends of their paths."""

    def __init__(self, ids: Sequence[str]) -> None:
        self._exact = frozenset(ids)
        count = Counter(_path(item) for item in ids)
        self._ids = {path: item for item in ids if count[path := _path(item)] == 1}
        self._ends: dict[str, list[str]] = {}
        for item in ids:
            parts = PurePosixPath(item).parts
            for start in range(1, len(parts)):
                self._ends.setdefault("/".join(parts[start:]), []).append(item)

    def match(self, cells: Sequence[Any]) -> _Matched:
        """The item of each cell, without those that name none.

        Two cells that end alike cannot be one item: then neither names it by its end.
        """
        found = _Matched({}, {})
        claims: dict[str, list[str]] = {}
        for text in dict.fromkeys(_text(cell) for cell in cells if not unknown(cell)):
            if text in self._exact or _path(text) in self._ids:
                found.items[text] = text if text in self._exact else self._ids[_path(text)]
                continue
            items = self._by_end(_path(text))
            if len(items) == 1:
                claims.setdefault(items[0], []).append(text)
            elif items:
                found.several[text] = items
        taken = set(found.items.values())
        found.items.update({texts[0]: item for item, texts in claims.items() if len(texts) == 1 and item not in taken})
        return found

    def _by_end(self, path: str) -> list[str]:
        parts = [part for part in path.split("/") if part]
        for start in range(1, len(parts)):  # the longest id that the path ends with
            item = self._ids.get("/".join(parts[start:]))
            if item is not None:
                return [item]
        return self._ends.get("/".join(parts), [])


def _text(cell: Any) -> str:
    return cell if isinstance(cell, str) else plain(cell)


def _path(text: str) -> str:
    return plain(text).replace("\\", "/").removeprefix("./")


def _same(one: Any, other: Any) -> bool:
    return (unknown(one) and unknown(other)) or plain(one) == plain(other)
