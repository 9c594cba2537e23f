"""``activessl report``: write the report."""

from __future__ import annotations

from activessl_cli import render
from activessl_cli.options import HERE, JsonOption, ProjectOption


def report(project: ProjectOption = HERE, as_json: JsonOption = False) -> None:
    """Write the report as one HTML file, and print its text."""
    from activessl.session import Session

    with render.progress("report") as on_progress:
        session = Session.open(project)
        made = session.report(on_progress=on_progress)
        path = made.save(session.project.folder / "reports")
    render.result(made.to_dict(), made.to_text(), as_json=as_json)
    render.following(f"open {path}")
