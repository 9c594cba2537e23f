"""Rows as files, by the ending of their name."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[+-]\d+(\.\d+)?")  # no formula, whatever it starts with

ENDINGS = (".csv", ".json", ".jsonl", ".parquet")


def check_ending(path: Path) -> None:
    """Refuse a file that could not be written, before anything is computed.

    Raises:
        ConfigError: Its ending says no format that is known.
    """
    from activessl.errors import ConfigError

    if path.suffix.lower() not in ENDINGS:
        raise ConfigError(
            f"cannot write {path.suffix or 'a file without an ending'}", hint=f"use one of {', '.join(ENDINGS)}"
        )


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write rows, whole or not at all.

    Raises:
        ConfigError: The ending says no format that is known.
        ProjectError: The file cannot be written.
    """
    from activessl.project.folder import write_atomic, writing

    check_ending(path)
    text = {".csv": as_csv, ".json": _as_json, ".jsonl": _as_jsonl}.get(path.suffix.lower())
    with writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, _as_parquet(rows) if text is None else text(rows).encode())


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a table, as ``write_rows`` writes them and as spreadsheets do.

    Raises:
        ConfigError: The file cannot be read, or its ending says no format that is known.
    """
    from activessl.errors import ConfigError

    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise ConfigError(
            f"cannot read {ending or 'a file without an ending'}", hint=f"use one of {', '.join(ENDINGS)}"
        )
    try:
        if ending == ".parquet":
            import pyarrow.parquet as pq

            with pq.ParquetFile(path) as file:  # pq.read_table brings pandas
                return list(file.read().to_pylist())
        text = path.read_text(encoding="utf-8-sig")
        if ending == ".csv":
            return _of_csv(text)
        found = (
            json.loads(text) if ending == ".json" else [json.loads(line) for line in text.split("\n") if line.strip()]
        )
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror or error}", hint="check the path") from None
    except (ValueError, csv.Error) as error:  # of pyarrow, json and UTF-8, too
        raise ConfigError(f"cannot read {path}: {error}", hint="write it again") from None
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise ConfigError(f"{path} holds no rows", hint="store one object an item")
    return found


def _of_csv(text: str) -> list[dict[str, Any]]:
    from activessl.pool.separated import delimiter_of, lines_of

    rows = lines_of(text, delimiter_of(text))
    names = [name.strip() for name in next(rows, (0, []))[1]]
    found = []
    for line, row in rows:
        if len(row) != len(names):
            raise ValueError(f"line {line} has {len(row)} fields, not {len(names)}")
        found.append({name: _plain(cell) for name, cell in zip(names, row, strict=True)})
    return found


def _plain(cell: str) -> str:
    """A cell without the mark that kept a spreadsheet from running it."""
    return cell[1:] if cell.startswith("'") and _harmless(cell[1:]) == cell else cell


def as_csv(rows: list[dict[str, Any]]) -> str:
    """Rows as CSV with a heading."""
    out = io.StringIO()
    # a list, of several classes, is in the row as one word, too
    names = [name for name, value in rows[0].items() if not isinstance(value, list)] if rows else ["id"]
    writer = csv.DictWriter(out, fieldnames=names, extrasaction="ignore")
    writer.writeheader()
    # a cell that starts like a formula would be run by a spreadsheet
    writer.writerows({k: _harmless(v) if isinstance(v, str) else v for k, v in r.items()} for r in rows)
    return out.getvalue()


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) and not _NUMBER.fullmatch(cell) else cell


def _as_json(rows: list[dict[str, Any]]) -> str:
    return json.dumps(rows, ensure_ascii=False, indent=1, allow_nan=False)


def _as_jsonl(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows)


def _as_parquet(rows: list[dict[str, Any]]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), out)
    return out.getvalue()
