"""Options that several verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from activessl_cli import render


def _named(context: typer.Context, project: Path) -> Path:
    # next-step lines repeat the project, unless the environment variable names it
    source = context.get_parameter_source("project")
    render.named(project if source is not None and source.name == "COMMANDLINE" else None)
    return project


ProjectOption = Annotated[
    Path,
    typer.Option(
        "--project",
        "-p",
        envvar="ACTIVESSL_PROJECT",
        help="The project folder.",
        show_default="the current folder",
        callback=_named,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON; stdout has nothing else.")]
DataArgument = Annotated[
    str,
    typer.Argument(
        help="A folder of images, WAV, CSV or text files, or of .tar archives; a .csv, .jsonl, .parquet or .npz file; "
        "or an address such as s3://bucket/folder."
    ),
]
HERE = Path()
