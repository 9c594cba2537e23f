"""``activessl add``: copy new items into the data, encode them, and compare them with those before."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from activessl_cli import render
from activessl_cli.next_step import next_of
from activessl_cli.options import HERE, JsonOption, ProjectOption


def add(
    path: Annotated[Path, typer.Argument(help="A folder with new items, or one file.")],
    into: Annotated[
        str, typer.Option(help="The subfolder of the data to copy into; `.` for the data folder itself.")
    ] = "added",
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Copy new items into the data folder, encode them, and compare them with the items before them."""
    from activessl.proof.added import drift_text, waiting_text
    from activessl.session import Session

    session = Session.open(project)
    with render.progress("add") as on_progress:
        added = session.add(path, into=into, on_progress=on_progress)
    before = len(session.project.history().comparisons)
    with render.progress("encode") as on_progress:
        session.encode(on_progress=on_progress)
    history = session.project.history()
    compared = history.comparisons[before:]
    # a project of regions has vectors of parts, which are not compared
    waiting = "" if session.draws else waiting_text(history)
    lines = [drift_text(one) for one in compared] or [line for line in (waiting,) if line]
    render.result(
        {
            "folder": added.folder,
            "copied": added.copied,
            "there": added.there,
            "unreadable": added.unreadable,
            "compared": compared[-1].model_dump(exclude={"format", "kind", "turn"}) if compared else None,
            "not_compared": None if session.draws else len(history.uncompared),
        },
        "\n".join([added.to_text(), *lines]),
        as_json=as_json,
    )
    render.following(next_of(session.project))
