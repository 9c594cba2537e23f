"""``activessl report``: write the report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from activessl_cli import render
from activessl_cli.options import HERE, JsonOption, ProjectOption

ToOption = Annotated[
    Path | None, typer.Option(help="The folder of the page; by default reports in the project's folder.")
]


def report(
    project: ProjectOption = HERE,
    to: ToOption = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the report as Markdown.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write the report as one HTML file, and print its text."""
    from activessl.errors import ConfigError, ProjectError
    from activessl.session import Session

    if markdown and as_json:
        raise ConfigError("--markdown excludes --json", hint="leave out one of them")
    with render.progress("report") as on_progress:
        session = Session.open(project)
        made = (
            session.region_report(on_progress=on_progress) if session.draws else session.report(on_progress=on_progress)
        )
        path, why = None, ""
        try:
            path = made.save(to or session.project.folder / "reports")
        except ProjectError as error:
            if to is not None:
                raise
            why = error.message
    render.result(made.to_dict(), made.to_markdown() if markdown else made.to_text(), as_json=as_json)
    if path is None:  # such as a project on read-only media: its figures are printed
        render.story(f"the page was not written: {why}; name another folder with --to")
    else:
        render.following(f"open {path}")
