"""``activessl check``: what the data is worth, before anybody labels it."""

from __future__ import annotations

from activessl_cli import render
from activessl_cli.options import HERE, JsonOption, ProjectOption


def check(project: ProjectOption = HERE, as_json: JsonOption = False) -> None:
    """Look at the data before anybody labels it: unreadable, duplicate, blank and odd items."""
    from activessl.pool.quality import assess

    from activessl.project import Project

    opened = Project.open(project)
    with render.progress("check") as on_progress:
        quality = assess(opened.pool(), on_progress=on_progress)
    render.result(quality, quality.to_text(), as_json=as_json)
    render.following("activessl encode")
