"""``activessl export``: write labels and predictions, or the model, to files."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from activessl_cli import render
from activessl_cli.files import check_ending, flat, write_rows
from activessl_cli.options import HERE, JsonOption, ProjectOption

if TYPE_CHECKING:
    from activessl.session import Session

OnnxOption = Annotated[
    bool | None,
    typer.Option("--onnx/--no-onnx", help="With `model`: whether to write an ONNX file; by default if it is possible."),
]
ReferenceOption = Annotated[
    bool,
    typer.Option(
        "--reference/--no-reference", help="With `model`: whether to write the sample that `activessl watch` needs."
    ),
]


def export(
    to: Annotated[
        Path,
        typer.Argument(
            help="A .csv, .json, .jsonl or .parquet file; a folder with --layout; or the word model, card or mlflow."
        ),
    ],
    folder: Annotated[
        Path | None, typer.Argument(help="With `model` or `card`: the folder to write.", show_default="that word")
    ] = None,
    what: Annotated[
        Literal["labels", "all"] | None,
        typer.Option(
            help="Labels only, or predictions too. Default: all in a file, labels with --layout.", show_default=False
        ),
    ] = None,
    layout: Annotated[
        Literal["folders", "huggingface", "coco", "yolo", "voc", "masks", "conll", "segments"] | None,
        typer.Option(help="Copy the items too, into a folder that training programs read."),
    ] = None,
    onnx: OnnxOption = None,
    reference: ReferenceOption = True,
    tracking: Annotated[
        str | None,
        typer.Option(help="With `mlflow`: the address of the server.", show_default="MLFLOW_TRACKING_URI"),
    ] = None,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Write one row per item (class, source, confidence), the items in folders, the model, its card, or a run of an
    MLflow server."""
    from activessl.errors import LabelError
    from activessl.project.regions.verbs import only_classes
    from activessl.session import Session

    session = Session.open(project)
    if session.draws and to.as_posix() in ("card", "mlflow"):
        only_classes(session.project, f"export {to}")
    if to.as_posix() == "model":
        _model(session, folder or Path("model"), onnx, reference=reference, as_json=as_json)
        return
    if to.as_posix() == "card":
        page, figures = session.card().save(folder or Path("card"))
        render.result({"page": page, "figures": figures}, f"the card is in {page} and {figures}", as_json=as_json)
        return
    if to.as_posix() == "mlflow":
        _mlflow(session, tracking, as_json=as_json)
        return
    if layout is None:
        check_ending(to)
        rows = session.table(predictions=what != "labels")
        if not rows:
            raise LabelError("nothing to export yet", hint="label some items, then run `activessl pull`")
        write_rows(to, flat(rows) if session.draws and to.suffix.lower() in (".csv", ".parquet") else rows)
    else:
        from activessl.pool.progress import Progress

        with render.progress("items") as on_progress:
            rows = session.export_items(
                to,
                cast("Any", layout),
                predictions=what == "all",
                on_item=lambda done, every: on_progress(Progress("items", done, every)),
            )
    people = sum(row["source"] == "person" for row in rows)
    machine = sum(row["source"] == "machine" for row in rows)
    accepted = f", {machine:,} accepted" if machine else ""
    render.result(
        {"file": to, "rows": len(rows), "people": people, "machine": machine, "model": len(rows) - people - machine},
        f"{len(rows):,} {'rows' if layout is None else 'items'} in {to}: {people:,} labeled by people{accepted}, "
        f"{len(rows) - people - machine:,} predicted",
        as_json=as_json,
    )


def _mlflow(session: Session, tracking: str | None, *, as_json: bool) -> None:
    from activessl.project.snapshot import Snapshot
    from activessl.reports.tracked import tracked
    from activessl_mlflow import send

    sent = send(tracked(Snapshot.of(session.project)), tracking)
    text = f"{sent.figures:,} new figures in run {sent.run} of experiment {sent.experiment!r} at {sent.where}"
    render.result(sent, text, as_json=as_json)


def _model(session: Session, folder: Path, onnx: bool | None, *, reference: bool, as_json: bool) -> None:
    with render.progress("export") as on_progress:
        made = session.export_model(folder, onnx=onnx, reference=reference, on_progress=on_progress)
    text = f"the model is in {made.folder}"
    if made.onnx is not None and made.checked is not None:
        text += (
            f"\n{made.onnx}: {made.onnx.stat().st_size / 1e6:.1f} MB; on {made.checked.items} items its probabilities "
            f"differ from those of the model by at most {made.checked.difference:.1g}"
        )
        if made.checked.left_out:
            text += f"; the ONNX file cannot read {made.checked.left_out} other items (too short, or values missing)"
    elif made.why_not is not None:
        text += f"\nno ONNX file: {made.why_not}"
    render.result(made, text, as_json=as_json)
    render.following(f"activessl predict DATA --model {shlex.quote(str(folder))}")
