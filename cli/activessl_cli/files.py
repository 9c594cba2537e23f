"""Write rows as files; the ending of the name says the format."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

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
    from activessl.project.folder import writing
    from activessl.sealed import write_atomic

    check_ending(path)
    text = {".csv": as_csv, ".json": _as_json, ".jsonl": _as_jsonl}.get(path.suffix.lower())
    with writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, _as_parquet(rows) if text is None else text(rows).encode())


def flat(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows whose lists are JSON in one cell, for files that hold no lists of objects.

    Example:
        >>> flat([{"id": "a", "regions": [{"kind": "span"}]}])
        [{'id': 'a', 'regions': '[{"kind": "span"}]'}]
    """
    return [
        {
            name: json.dumps(value, ensure_ascii=False) if isinstance(value, list) else value
            for name, value in row.items()
        }
        for row in rows
    ]


def as_csv(rows: list[dict[str, Any]]) -> str:
    """Format rows as CSV with a header line."""
    from activessl.labels.files.reading import harmless

    out = io.StringIO()
    # a list of several classes is left out: the row also has it as text
    names = [name for name, value in rows[0].items() if not isinstance(value, list)] if rows else ["id"]
    writer = csv.DictWriter(out, fieldnames=names, extrasaction="ignore")
    # a spreadsheet would run a cell that starts like a formula; a column may have the name of a class
    writer.writerow({name: harmless(name) for name in names})
    writer.writerows({k: harmless(v) if isinstance(v, str) else v for k, v in r.items()} for r in rows)
    return out.getvalue()


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
