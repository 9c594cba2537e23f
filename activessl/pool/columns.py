"""Read a table file into columns: CSV, TSV, JSON lines, spreadsheets and parquet."""

from __future__ import annotations

import csv
import json
from collections import Counter
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, NamedTuple

from activessl.arguments import listed
from activessl.errors import PoolError
from activessl.pool.addresses import Place
from activessl.pool.decoders.readers import installed, needed
from activessl.pool.decoders.separated import delimiter_of, lines_of
from activessl.pool.origins import read_place
from activessl.pool.plain import MOST_TABLE

#: Suffixes of the files that are read here; parquet files have readers of their own where they hold the items.
TABLES = (".csv", ".tsv", ".jsonl", ".xlsx")

#: Columns whose cells are class numbers, or names: whole numbers where all are.
_NUMBERED = ("label", "split")


class Columns(NamedTuple):
    """A table, column by column.

    Attributes:
        names: The names, in the order of the file.
        values: By name, a value for each row; None for an empty cell of a spreadsheet, or a missing key in JSON.
    """

    names: list[str]
    values: dict[str, list[Any]]

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(next(iter(self.values.values()), ()))


def read_columns(location: Place) -> Columns:
    """Read a whole table.

    Args:
        location: A ``.csv``, ``.tsv`` or ``.jsonl`` in UTF-8, an ``.xlsx`` with one sheet that is not empty, or a
            ``.parquet``; at an address, one of the first three.

    Raises:
        PoolError: The file cannot be read, two columns have one name, or a row does not fit.
    """
    suffix = location.suffix.lower()
    if isinstance(location, Path) and suffix == ".xlsx":
        return _of_workbook(location)
    if isinstance(location, Path) and suffix in (".parquet", ".pq"):
        return _of_parquet(location)
    try:
        content = read_place(location, MOST_TABLE).decode("utf-8-sig")  # Windows editors write a byte order mark
    except UnicodeDecodeError as error:
        raise PoolError(
            f"{location} is not UTF-8: byte {error.start:,} is invalid",
            hint='save it again as "CSV UTF-8"',
        ) from None
    return _of_lines(location, content) if suffix == ".jsonl" else _of_csv(location, content)


def is_number(value: Any) -> bool:
    """Whether a cell is a number, or empty."""
    try:
        float(value or 0)
    except (TypeError, ValueError):
        return False
    return True


def _of_csv(location: Place, content: str) -> Columns:
    tabs = location.suffix.lower() == ".tsv"
    rows = lines_of(content, "\t" if tabs else delimiter_of(content))
    try:
        names = [name.strip() for name in next(rows, (0, []))[1]]
        columns: list[list[Any]] = [[] for _ in names]
        for line, row in rows:
            if len(row) != len(names):
                raise PoolError(
                    f"line {line} of {location} has {len(row)} fields, not {len(names)}",
                    hint="put texts with separators or line breaks in quotation marks",
                )
            for column, value in zip(columns, row, strict=True):
                column.append(value)
    except csv.Error as error:
        raise PoolError(f"{location} cannot be read, {error}", hint="save it again as CSV") from None
    found = _named(location, names, columns)
    for name in _NUMBERED:
        if name in found.values:
            found.values[name] = whole_numbers(found.values[name])
    return found


def _named(location: Place, names: list[str], columns: list[list[Any]]) -> Columns:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise PoolError(
            f"{location} has two columns with the same name, {twice[0]!r}", hint="give each column its own name"
        )
    return Columns(names, dict(zip(names, columns, strict=True)))


def whole_numbers(values: list[str]) -> list[Any]:
    """The cells of a column of labels or splits.

    Whole numbers if all are whole numbers, else the text of each cell; None for an empty one.
    """
    found = [value.strip() or None for value in values]
    plain = all(v is None or (v.isascii() and v.isdigit() and str(int(v)) == v) for v in found)
    return [None if v is None else int(v) for v in found] if plain else found


def _of_lines(location: Place, content: str) -> Columns:
    rows: list[dict[str, Any]] = []
    # not splitlines, which also splits at line ends that JSON allows inside a text
    for number, line in enumerate(content.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict):
            raise PoolError(f"line {number} of {location} is not a JSON object", hint="write one JSON object per line")
        rows.append(row)
    names = list(dict.fromkeys(name for row in rows for name in row))
    return Columns(names, {name: [row.get(name) for row in rows] for name in names})


def _of_workbook(location: Path) -> Columns:
    """The only sheet of a workbook that is not empty; a formula has the value that was last computed."""
    if "openpyxl" not in installed():
        raise needed("openpyxl")
    from openpyxl import load_workbook

    try:
        book = load_workbook(location, read_only=True, data_only=True)
        sheets = {sheet.title: [list(row) for row in sheet.iter_rows(values_only=True)] for sheet in book.worksheets}
        book.close()
    except Exception as error:  # noqa: BLE001  a damaged file may raise anything
        why = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise PoolError(f"{location} is not a workbook that can be read: {why[:200]}", hint="save it again") from None
    filled = {title: [row for row in rows if any(cell is not None for cell in row)] for title, rows in sheets.items()}
    filled = {title: rows for title, rows in filled.items() if rows}
    if len(filled) != 1:
        raise PoolError(
            f"{location} has {len(filled)} sheets with values" + (f": {listed(filled)}" if filled else ""),
            hint="keep one sheet, or save it as CSV",
        )
    first, *rows = next(iter(filled.values()))
    width = max(i for i, name in enumerate(first) if name is not None) + 1
    names = ["" if name is None else str(name).strip() for name in first[:width]]
    beyond = [row for row in rows if any(cell is not None for cell in row[width:])]
    if "" in names or beyond:
        column = names.index("") + 1 if "" in names else width + 1
        raise PoolError(f"column {column} of {location} has no name in the first row", hint="name each column")
    return _named(location, names, [[_plain(row[i]) for row in rows] for i in range(width)])


def _plain(cell: Any) -> Any:
    """A cell as JSON has it: dates as ISO text; a whole number without a fraction, which spreadsheets do not have."""
    if isinstance(cell, (datetime, date, time)):
        return cell.isoformat()
    return int(cell) if isinstance(cell, float) and cell.is_integer() else cell


def _of_parquet(location: Path) -> Columns:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(location) as file:
            table = file.read()
        names, columns = list(table.schema.names), [column.to_pylist() for column in table.columns]
    except (OSError, pa.ArrowException, UnicodeDecodeError):  # the last: texts that are none, of a damaged page
        raise PoolError(f"{location} is not a parquet file", hint="check the path, or write the file again") from None
    return _named(location, names, columns)
