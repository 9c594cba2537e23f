"""Options that several verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ProjectOption = Annotated[
    Path,
    typer.Option("--project", "-p", envvar="ACTIVESSL_PROJECT", help="The project folder.", show_default="here"),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON, alone on stdout.")]
HERE = Path()
