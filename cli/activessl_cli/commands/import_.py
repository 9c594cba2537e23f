"""``activessl import``: read labels that were given elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from activessl_cli import render
from activessl_cli.files import read_rows
from activessl_cli.next_step import next_of
from activessl_cli.options import HERE, JsonOption, ProjectOption


def import_(
    labels: Annotated[
        Path, typer.Argument(help="A .csv, .json, .jsonl or .parquet file with the columns `id` and `class`.")
    ],
    annotator: Annotated[str, typer.Option(help="Who gave the labels.", show_default="the file's name")] = "",
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Import labels that people gave elsewhere, such as an export of another project."""
    from activessl.session import Session
    from activessl.steps.import_labels import labels_of

    session = Session.open(project)
    done = session.import_labels(labels_of(read_rows(labels)), annotator=annotator or labels.name)
    text = f"{done.new:,} new labels"
    if done.known:
        text += f", {done.known:,} known before"
    if done.elsewhere:
        text += f"; {done.elsewhere:,} labels are of items that are not in the pool"
    render.result(done, text, as_json=as_json)
    render.following(next_of(session.project))
