"""``activessl predict``: predict items that were never in the pool."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from activessl_cli import render
from activessl_cli.files import as_csv, check_ending, write_rows
from activessl_cli.options import HERE, JsonOption, ProjectOption

ToOption = Annotated[
    Path | None,
    typer.Option("--to", "-o", help="A .csv, .json, .jsonl or .parquet file; by default the rows are printed."),
]
ModelOption = Annotated[
    Path | None,
    typer.Option("--model", "-m", help="A folder that `export model` wrote; by default the project's model."),
]


def predict(
    data: Annotated[
        Path, typer.Argument(help="A folder of images, WAV, CSV or text files; a .csv, .jsonl, .parquet or .npz file.")
    ],
    to: ToOption = None,
    model: ModelOption = None,
    onnx: Annotated[bool, typer.Option("--onnx", help="Score with ONNX Runtime; needs --model.")] = False,
    every: Annotated[bool, typer.Option("--every-class", help="Add the probability of each class.")] = False,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Predict new items: class, probability, and novelty (1: unlike all items of the pool)."""
    from activessl.errors import ConfigError
    from activessl.pool.remarks import remarks
    from activessl.pool.sources import load_pool
    from activessl.scoring.as_onnx import FILE, OnnxScorer
    from activessl.scoring.model import Model
    from activessl.session import Session

    if to is not None:
        check_ending(to)
    if onnx and model is None:
        raise ConfigError("--onnx needs --model", hint="run `activessl export model`, then add --model model")
    found = Session.open(project).model() if model is None else Model.load(model)
    scorer = OnnxScorer(found, model / FILE) if onnx and model is not None else found
    items = load_pool(data, found.modality, axes=found.axes if found.axes.count else None)
    if found.axes.channels and not items.axes.channels:
        render.story(f"the series have no names of channels: read in the order {', '.join(found.axes.channels)}")
    with render.progress("predict") as on_progress:
        scores = scorer.score(items, on_progress=on_progress)
    rows = list(scores.rows(found.classes, every=every))
    for line in remarks(items):
        render.story(line)
    if lost := len(items.unreadable):
        first = items.unreadable[0]
        render.story(f"{lost:,} item{'s' * (lost > 1)} could not be read; {first.id}: {first.why}")
    if to is None:
        render.result(rows, as_csv(rows), as_json=as_json)
        return
    write_rows(to, rows)
    render.result({"file": to, "rows": len(rows)}, f"{len(rows):,} rows in {to}", as_json=as_json)
