"""Read and write rows as files; the ending of the name says the format."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[+-]\d+(\.\d+)?")  # a number with a sign is no formula

ENDINGS = (".csv", ".json", ".jsonl", ".parquet")


def check_ending(path: Path) -> None:
    """Check the ending of a file's name before anything is computed.

    Raises:
        ConfigError: The ending is not that of a known format.
    """
    from activessl.errors import ConfigError

    if path.suffix.lower() not in ENDINGS:
        raise ConfigError(
            f"cannot write {path.suffix or 'a file without an ending'}", hint=f"use one of {', '.join(ENDINGS)}"
        )


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write rows to a file: all of them, or none.

    Raises:
        ConfigError: The ending is not that of a known format.
        ProjectError: The file cannot be written.
    """
    from activessl.project.folder import write_atomic, writing

    check_ending(path)
    text = {".csv": as_csv, ".json": _as_json, ".jsonl": _as_jsonl}.get(path.suffix.lower())
    with writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, _as_parquet(rows) if text is None else text(rows).encode())


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Read the rows of a table that ``write_rows`` or a spreadsheet wrote.

    Raises:
        ConfigError: The file cannot be read, or its ending is not that of a known format.
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

            with pq.ParquetFile(path) as file:  # pq.read_table imports pandas
                return list(file.read().to_pylist())
        text = path.read_text(encoding="utf-8-sig")
        if ending == ".csv":
            return _of_csv(text)
        found = (
            json.loads(text) if ending == ".json" else [json.loads(line) for line in text.split("\n") if line.strip()]
        )
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror or error}", hint="check the path") from None
    except (ValueError, csv.Error) as error:  # pyarrow, json and UTF-8 raise ValueError
        raise ConfigError(f"cannot read {path}: {error}", hint="correct the file, or export it again") from None
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise ConfigError(f"{path} is not a list of rows", hint="write one object per item")
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
    """Remove the quotation mark that ``as_csv`` puts before a formula."""
    return cell[1:] if cell.startswith("'") and _harmless(cell[1:]) == cell else cell


def as_csv(rows: list[dict[str, Any]]) -> str:
    """Format rows as CSV with a header line."""
    out = io.StringIO()
    # a list of several classes is left out: the row also has it as text
    names = [name for name, value in rows[0].items() if not isinstance(value, list)] if rows else ["id"]
    writer = csv.DictWriter(out, fieldnames=names, extrasaction="ignore")
    writer.writeheader()
    # a spreadsheet would run a cell that starts like a formula
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
