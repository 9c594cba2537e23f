"""Large files with many series: only the places of the rows are kept, and a row is parsed when it is read.

A small file is parsed as a whole, and refused if a value in it is wrong. Of a large one, a row with a wrong value is
unreadable, and the others are used.
"""

from __future__ import annotations

import csv
import io
from array import array
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from activessl.errors import PoolError
from activessl.pool.clock import TIMES
from activessl.pool.columns import Columns, whole_numbers
from activessl.pool.decoders.separated import delimiter_of
from activessl.pool.series_files.base import Array, SeriesRows, number
from activessl.pool.series_files.lines import Later, Line, Places, lines_of_file
from activessl.pool.series_files.tables import IDS, OWN, carried_columns, channel_column, read_table_of_series
from activessl.pool.series_files.ts import header_of, label_of, series_of

#: Files above this size are read row by row.
LARGE = 64_000_000
#: Rows by which a table is known, and their bytes; two rows at least.
_HEAD, _HEAD_BYTES = 100, 500_000


def is_large(path: Path) -> bool:
    """Whether a file is read row by row."""
    try:
        return path.is_file() and path.stat().st_size > LARGE
    except OSError:
        return False


def read_large(path: Path) -> SeriesRows:
    """Find the rows of a large ``.ts``, UCR ``.tsv``, or table.

    Raises:
        PoolError: The header does not fit, or a label is missing.
    """
    if path.suffix.lower() == ".ts":
        return _ts(path)
    head = read_head(path)
    return _ucr(path) if head is None else _table(path, head)


def read_head(path: Path) -> Columns | None:
    """The first rows of a CSV or TSV; None if the first line is numbers between tabs, as UCR files have them."""
    from activessl.pool.series_files.ucr import is_ucr

    first = next(lines_of_file(path), None)
    if first is None:
        raise PoolError("file has no lines", hint="export the file again")
    if path.suffix.lower() == ".tsv" and is_ucr(first.text):
        return None
    delimiter = "\t" if path.suffix.lower() == ".tsv" else delimiter_of(first.text)
    rows, size = [], 0
    for line in islice(lines_of_file(path), 1 + _HEAD):
        rows.append(_cells(line, delimiter))
        size += len(line.content)
        if size > _HEAD_BYTES and len(rows) > 2:
            break
    names = [name.strip() for name in rows[0]]
    if len(set(names)) < len(names):
        raise PoolError("two columns have one name", hint="give each column its own name")
    return Columns(names, {name: [row[i] for row in rows[1:] if len(row) > i] for i, name in enumerate(names)})


def _cells(line: Line, delimiter: str, width: int | None = None) -> list[str]:
    csv.field_size_limit(max(csv.field_size_limit(), len(line.content) + 1))
    plain = b'"' not in line.content  # then there is nothing but separators, which is three times as fast
    try:
        cells = (
            line.text.rstrip("\r\n").split(delimiter)
            if plain
            else next(csv.reader(io.StringIO(line.text, newline=""), delimiter=delimiter, strict=True), [])
        )
    except csv.Error:
        raise PoolError(
            f"line {line.number} has a quotation mark without another: a cell with line breaks",
            hint="remove line breaks from cells: a file as large as this is read line by line",
        ) from None
    if width is not None and len(cells) != width:
        raise PoolError(
            f"line {line.number} has {len(cells):,} fields, not {width:,}", hint="give each row the same columns"
        )
    return cells


def _numbers(cells: Sequence[str], where: str) -> Array:
    try:
        return np.array(cells, dtype=np.float64)  # fast, and knows no missing values but nan
    except ValueError:
        return np.array([number(cell, where) for cell in cells])


def _ts(path: Path) -> SeriesRows:
    header: list[tuple[int, str]] = []
    places, labels, about = Places(path), [], None
    for line in lines_of_file(path):
        if line.content.lstrip().startswith((b"#", b"%")):
            continue
        if about is not None:
            places.add(line)
            if about.named:
                labels.append(label_of(line.content.rpartition(b":")[2].decode("utf-8"), about, line.number))
            continue
        header.append((line.number, line.text))
        if line.text.split()[0].lower() == "@data":
            about = header_of(header)
    about = about if about is not None else header_of(header)
    if not len(places):
        raise PoolError("file has no series after @data", hint="export the file again")

    def parse(row: int) -> Array:
        line = places.line(row)
        parts = line.text.strip().split(":")
        return series_of(parts[:-1] if about.named else parts, f"line {line.number}", _numbers)

    classes = about.classes if about.named else ()
    return SeriesRows(Later(len(places), parse), labels=list(labels) if about.named else None, class_names=classes)


def _ucr(path: Path) -> SeriesRows:
    from activessl.pool.series_files.ucr import class_of

    places, labels, width = Places(path), [], 0
    for line in lines_of_file(path):
        label, _, _ = line.content.partition(b"\t")
        labels.append(class_of(label.decode("ascii", "replace"), line.number))
        width = width or line.content.rstrip(b"\r\n").count(b"\t")
        places.add(line)

    def parse(row: int) -> Array:
        line = places.line(row)
        cells = line.text.rstrip("\r\n").split("\t")[1:]
        if len(cells) != width:
            raise PoolError(f"line {line.number} has {len(cells)} values, not {width}", hint="export the file again")
        return _numbers(cells, f"line {line.number}")[None]

    return SeriesRows(Later(len(places), parse), labels=list(labels))


def _table(path: Path, head: Columns) -> SeriesRows:
    plain = {name.lower(): name for name in reversed(head.names)}
    time = next((plain[name] for name in TIMES if name and name != "index" and name in plain), None)
    key = next((plain[name] for name in IDS if name in plain), None)
    delimiter = "\t" if path.suffix.lower() == ".tsv" else delimiter_of(next(lines_of_file(path)).text)
    read_table_of_series(head)  # refuses what no table of series is, such as texts
    if time is not None and key is not None:
        return _long(path, head, delimiter, key)
    return _wide(path, head, delimiter)


def _wide(path: Path, head: Columns, delimiter: str) -> SeriesRows:
    names, width = head.names, len(head.names)
    beside = [name for name in names if name.lower() in OWN]
    beside += sorted(carried_columns(head, [n for n in names if n not in beside]) if "id" in head.values else ())
    at = {name: names.index(name) for name in beside}
    own = set(at.values())
    kept: dict[str, list[Any]] = {name: [] for name in beside}
    places = Places(path)
    for line in islice(lines_of_file(path), 1, None):
        places.add(line)
        if at:
            cells = _cells(line, delimiter, width)
            for name, i in at.items():
                kept[name].append(cells[i])

    def parse(row: int) -> Array:
        line = places.line(row)
        cells = _cells(line, delimiter, width)
        return _numbers([cell for i, cell in enumerate(cells) if i not in own], f"line {line.number}")[None]

    numbered = {name: whole_numbers(kept[name]) for name in ("label", "split") if name in kept}
    return SeriesRows(
        Later(len(places), parse),
        [one.strip() for one in kept["id"]] if "id" in kept else None,
        labels=numbered.get("label"),
        split=numbered.get("split"),
        columns={name: kept[name] for name in beside if name.lower() == "group" or name.lower() not in OWN},
    )


def _series_in(line: Line, between: bytes, column: int) -> str:
    cells = line.content.split(between, column + 1)
    if len(cells) <= column:
        raise PoolError(f"line {line.number} has {len(cells):,} fields only", hint="give each row the same columns")
    return cells[column].decode("utf-8", "replace").strip()


def _long(path: Path, head: Columns, delimiter: str, key: str) -> SeriesRows:
    names, width = head.names, len(head.names)
    here = names.index(key)
    by = channel_column(head)
    channels: dict[str, None] = {}
    beside = [name for name in names if name.lower() in OWN and name != key]
    beside += sorted(carried_columns(head, [n for n in names if n not in {key, by, *beside}]))
    kept: dict[str, dict[str, Any]] = {name: {} for name in beside}
    # series to the pieces of the file with its rows: one where the rows are sorted
    pieces: dict[str, array[int]] = {}
    between, cells = delimiter.encode(), []
    for line in islice(lines_of_file(path), 1, None):
        if by is None and b'"' not in line.content:  # most rows: only their series is looked at
            item = _series_in(line, between, here)
        else:
            cells = _cells(line, delimiter, width)
            item = cells[here].strip()
        if not item:
            raise PoolError(f"line {line.number} has no {key}", hint="give each row the id of its series")
        if by is not None:
            channels.setdefault(cells[names.index(by)].strip())
        mine, stop = pieces.get(item), line.at + len(line.content)
        if mine is None:
            mine = pieces[item] = array("q")
            cells = _cells(line, delimiter, width)
            for name in beside:  # that all rows of a series have one value is checked when it is read
                kept[name][item] = cells[names.index(name)]
        if mine and mine[-1] == line.at:
            mine[-1] = stop
        else:
            mine.extend((line.at, stop))
    ids = list(pieces)

    def parse(row: int) -> SeriesRows:
        found: list[list[str]] = []
        with path.open("rb") as file:
            mine = pieces[ids[row]]
            for start, stop in zip(mine[::2], mine[1::2], strict=True):
                file.seek(start)
                text = io.StringIO(file.read(stop - start).decode("utf-8"), newline="")
                found += [cells for cells in csv.reader(text, delimiter=delimiter) if cells]
        odd = next((len(cells) for cells in found if len(cells) != width), width)
        if odd != width:
            raise PoolError(f"a row has {odd:,} fields, not {width:,}", hint="give each row the same columns")
        values = {name: [cells[i] for cells in found] for i, name in enumerate(names)}
        return read_table_of_series(Columns(names, values))

    last: dict[int, SeriesRows] = {}

    def one(row: int) -> SeriesRows:
        found = last.get(row)
        if found is None:
            found = parse(row)
            last.clear()
            last[row] = found
        return found

    first = one(0)
    melted = bool(channels) and set(first.channels) <= set(channels)
    order = tuple(channels) if melted else first.channels

    def series(row: int) -> Array:
        found = one(row)
        if found.channels == order:
            return found.series[0]
        out = np.full((len(order), found.series[0].shape[1]), np.nan)
        for name, channel in zip(found.channels, found.series[0], strict=True):
            out[order.index(name)] = channel
        return out

    count = len(ids)
    numbered = {name: whole_numbers(list(kept[name].values())) for name in ("label", "split") if name in kept}
    return SeriesRows(
        Later(count, series),
        ids,
        order,
        Later(count, lambda row: one(row).steps[0]),
        Later(count, lambda row: one(row).remarks[0]),
        numbered.get("label"),
        numbered.get("split"),
        columns={name: list(kept[name].values()) for name in first.columns},
    )
