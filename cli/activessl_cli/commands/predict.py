"""``activessl predict``: predict items that were never in the pool."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from activessl_cli import render
from activessl_cli.files import as_csv, check_ending, flat, write_rows
from activessl_cli.options import HERE, DataArgument, JsonOption, ProjectOption

if TYPE_CHECKING:
    from activessl.session import Session

ToOption = Annotated[
    Path | None,
    typer.Option("--to", "-o", help="A .csv, .json, .jsonl or .parquet file; by default the rows are printed."),
]
ModelOption = Annotated[
    Path | None,
    typer.Option("--model", "-m", help="A folder that `export model` wrote; by default the project's model."),
]


def predict(
    data: DataArgument,
    to: ToOption = None,
    model: ModelOption = None,
    onnx: Annotated[bool, typer.Option("--onnx", help="Score with ONNX Runtime; needs --model.")] = False,
    coco: Annotated[
        bool, typer.Option("--coco", help="Of a project of boxes or masks: write a COCO document.")
    ] = False,
    every: Annotated[bool, typer.Option("--every-class", help="Add the probability of each class.")] = False,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Predict new items: class, probability, and novelty (1: unlike all items of the pool)."""
    from activessl.errors import ConfigError
    from activessl.pool.addresses import place
    from activessl.pool.remarks import remarks
    from activessl.pool.sources import load_pool
    from activessl.scoring.as_onnx import OnnxScorer
    from activessl.scoring.model import Model
    from activessl.scoring.model_folder import FILE, finds_regions
    from activessl.session import Session

    if to is not None:
        check_ending(to)
    if onnx and model is None:
        raise ConfigError("--onnx needs --model", hint="run `activessl export model`, then add --model model")
    session = Session.open(project) if model is None else None
    if (session is not None and session.draws) or (model is not None and finds_regions(model)):
        _regions(session, model, data, to, onnx=onnx, coco=coco, as_json=as_json)
        return
    if coco:
        raise ConfigError("--coco is of projects of boxes and masks", hint="leave out --coco")
    found = session.model() if session is not None else Model.load(cast("Path", model))
    scorer = OnnxScorer(found, model / FILE) if onnx and model is not None else found
    items = load_pool(place("data", data), found.modality, axes=found.axes if found.axes.count else None, cut=found.cut)
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


def _regions(
    session: Session | None, folder: Path | None, data: str, to: Path | None, *, onnx: bool, coco: bool, as_json: bool
) -> None:
    """Find the regions of new items, by the model of a project or of a folder."""
    import json

    from activessl.errors import ConfigError
    from activessl.pool.addresses import place
    from activessl.pool.remarks import remarks
    from activessl.pool.sources import load_pool
    from activessl.project.folder import writing
    from activessl.scoring.region_onnx import onnx_network
    from activessl.scoring.regions import RegionModel
    from activessl.sealed import write_atomic
    from activessl.steps.regions.predict import coco_results, region_model, result_rows

    if coco and (to is None or to.suffix.lower() != ".json"):
        raise ConfigError("--coco needs a .json file", hint="add --to regions.json")
    with render.progress("predict") as on_progress:
        model = (
            RegionModel.load(cast("Path", folder)) if session is None else region_model(session.project, on_progress)
        )
        network = onnx_network(model, folder) if onnx and folder is not None else None
        items = load_pool(place("data", data), model.modality, cut=model.cut)
        found = model.predict(items, network=network, on_progress=on_progress)
    for line in remarks(items):
        render.story(line)
    if lost := len(items.unreadable):
        first = items.unreadable[0]
        render.story(f"{lost:,} item{'s' * (lost > 1)} could not be read; {first.id}: {first.why}")
    rows, count = result_rows(items, found), sum(map(len, found))
    text = f"{count:,} regions in {sum(map(bool, found)):,} of {len(items):,} items"
    if to is None:
        lines = [f"{row['id']}: {row['count']} {', '.join(sorted(_named(row)))}".rstrip() for row in rows]
        render.result(rows, "\n".join([*lines, text]), as_json=as_json)
        return
    if coco:
        document = coco_results(items, found, model.classes)
        with writing(to.parent):
            to.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(to, json.dumps(document, ensure_ascii=False, allow_nan=False).encode())
    else:
        write_rows(to, flat(rows) if to.suffix.lower() in (".csv", ".parquet") else rows)
    render.result({"file": to, "rows": len(rows), "regions": count}, f"{text}, in {to}", as_json=as_json)


def _named(row: dict[str, Any]) -> set[str]:
    return {name for region in row["regions"] for name in region["classes"]}
