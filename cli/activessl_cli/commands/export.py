"""``activessl export``: labels and predictions for whoever uses them next."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from activessl_cli import render
from activessl_cli.options import HERE, JsonOption, ProjectOption


def export(
    to: Annotated[Path, typer.Argument(help="A .csv, .json or .parquet file.")],
    what: Annotated[Literal["labels", "all"], typer.Option(help="People's labels only, or with predictions.")] = "all",
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Write one row an item: its class, who says so (a person or the model), how sure, how many agreed."""
    from activessl.errors import ConfigError
    from activessl.project import write_atomic, writing
    from activessl.session import Session

    session = Session.open(project)
    rows = session.table(predictions=what == "all")
    makers = {".csv": _csv, ".json": _json, ".parquet": _parquet}
    if to.suffix.lower() not in makers:
        raise ConfigError(f"cannot write {to.suffix or 'a file without an ending'}", hint="use .csv, .json or .parquet")
    with writing(to.parent):
        to.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(to, makers[to.suffix.lower()](rows))
    people = sum(row["source"] == "person" for row in rows)
    render.result(
        {"file": to, "rows": len(rows), "people": people, "model": len(rows) - people},
        f"{len(rows):,} rows in {to}: {people:,} labeled by people, {len(rows) - people:,} predicted",
        as_json=as_json,
    )


def _csv(rows: list[dict[str, Any]]) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(rows[0]) if rows else ["id"])
    writer.writeheader()
    # a cell that starts like a formula would be run by a spreadsheet
    writer.writerows(
        {k: f"'{v}" if isinstance(v, str) and v[:1] in "=+-@\t\r" else v for k, v in r.items()} for r in rows
    )
    return out.getvalue().encode()


def _json(rows: list[dict[str, Any]]) -> bytes:
    return json.dumps(rows, ensure_ascii=False, indent=1, allow_nan=False).encode()


def _parquet(rows: list[dict[str, Any]]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), out)
    return out.getvalue()
