"""Read a file of labels as rows: CSV, TSV, JSON, JSON lines or parquet."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from activessl.errors import ConfigError, PoolError
from activessl.pool.decoders.separated import delimiter_of, lines_of
from activessl.pool.plain import MOST_TABLE, read_plain, unusual

#: The endings of the names of the files that are read here.
READABLE = (".csv", ".tsv", ".json", ".jsonl", ".parquet")

#: The last four are what East Asian keyboards type for the first four.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_NUMBER = re.compile(r"[+-]\d+(\.\d+)?")  # a number with a sign is no formula


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Read the rows of a table. Rows of JSON may have different fields.

    A column of a CSV file that has the name of an earlier one is called "NAME (column 4)", so that none is lost.

    Raises:
        ConfigError: The file cannot be read, or its ending is not that of a known format.
    """
    return rows_in(path, parsed(path))


def rows_in(path: Path, found: Any) -> list[dict[str, Any]]:
    """Return what was parsed, if it is a list of rows.

    Raises:
        ConfigError: It is something else.
    """
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise ConfigError(f"{path} is not a list of rows", hint="write one object per item")
    return found


def parsed(path: Path) -> Any:
    """Parse a table to a list of rows, and a JSON file to what it has.

    Raises:
        ConfigError: The file cannot be read, or its ending is not that of a known format.
    """
    ending = path.suffix.lower()
    if ending not in READABLE:
        raise ConfigError(
            f"cannot read {ending or 'a file without an ending'}", hint=f"use one of {', '.join(READABLE)}"
        )
    try:
        if why := unusual(path.stat(), MOST_TABLE):
            raise ConfigError(f"{path} {why}", hint="give a file on the disk")
        if ending == ".parquet":
            return _of_parquet(path)
        text = read_plain(path, MOST_TABLE).decode("utf-8-sig")
        if ending in (".csv", ".tsv"):
            return _of_csv(text, "\t" if ending == ".tsv" else delimiter_of(text))
        if ending == ".json":
            return json.loads(text, object_pairs_hook=_once)
        # not splitlines, which also splits at line ends that JSON allows inside a text
        return [json.loads(line, object_pairs_hook=_once) for line in text.split("\n") if line.strip()]
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror or error}", hint="check the path") from None
    except PoolError as error:
        raise ConfigError(error.message, hint=error.hint) from None
    except RecursionError:
        raise ConfigError(f"cannot read {path}: it has thousands of levels", hint="export it again") from None
    except (ValueError, csv.Error) as error:  # pyarrow, json and UTF-8 raise ValueError
        raise ConfigError(f"cannot read {path}: {error}", hint="correct the file, or export it again") from None


def _of_parquet(path: Path) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:  # pq.read_table imports pandas
        twice = [name for name, count in Counter(file.schema_arrow.names).items() if count > 1]
        if twice:
            raise ValueError(f"{len(twice)} columns have the name of another one: {', '.join(twice)}")
        return list(file.read().to_pylist())


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse an object with a field twice: Python would keep the last value."""
    found = dict(pairs)
    if len(found) < len(pairs):
        (name, count), *_ = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"an object has {count} fields with the name {name!r}")
    return found


def _of_csv(text: str, delimiter: str) -> list[dict[str, Any]]:
    rows = lines_of(text, delimiter)
    names = numbered([_plain(name.strip()) for name in next(rows, (0, []))[1]])
    found = []
    for line, row in rows:
        if len(row) != len(names):
            raise ValueError(f"line {line} has {len(row)} fields, not {len(names)}")
        found.append({name: _plain(cell) for name, cell in zip(names, row, strict=True)})
    return found


def numbered(names: list[str]) -> list[str]:
    """Give a column with the name of an earlier one a name of its own.

    Example:
        >>> numbered(["id", "label", "label"])
        ['id', 'label', 'label (column 3)']
    """
    found: list[str] = []
    for column, name in enumerate(names, start=1):
        found.append(f"{name} (column {column})" if name in found else name)
    return found


def base_name(name: str) -> str:
    """The name of a column in the file, in small letters.

    Example:
        >>> base_name("Label (column 3)")
        'label'
    """
    return re.sub(r" \(column \d+\)$", "", name).strip().lower()


def columns_called(names: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """The columns of these names, in small letters, in the order of ``wanted``; of two with one name, the first.

    Example:
        >>> columns_called(["Time", "ID", "id (column 3)"], ["id", "time"])
        ['ID', 'Time']
    """
    there = {base_name(name): name for name in reversed(names)}
    return [there[name] for name in wanted if name in there]


def harmless(cell: str) -> str:
    """Put a quotation mark before a cell that a spreadsheet would run as a formula, or that looks as if it had one.

    Reading the file back with ``read_rows`` gives the same cell, whatever it is.

    Example:
        >>> harmless("=1+1"), harmless("-2.5"), harmless("cat"), harmless("'=1+1"), harmless("'tis")
        ("'=1+1", '-2.5', 'cat', "''=1+1", "'tis")
    """
    return f"'{cell}" if _runs(cell) else cell


def _plain(cell: str) -> str:
    """Remove the quotation mark that ``harmless`` puts before a cell."""
    return cell[1:] if cell.startswith("'") and _runs(cell[1:]) else cell


def _runs(cell: str) -> bool:
    """Whether a cell is a formula, with any number of quotation marks before it."""
    bare = cell.lstrip("'")
    return bare.startswith(_FORMULA) and not _NUMBER.fullmatch(bare)
