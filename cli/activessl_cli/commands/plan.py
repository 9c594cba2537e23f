"""``activessl plan``: how many more labels, hours and how much money a target takes."""

from __future__ import annotations

from typing import Annotated

import typer

from activessl_cli import render
from activessl_cli.next_step import next_of
from activessl_cli.options import HERE, JsonOption, ProjectOption


def plan(
    target: Annotated[float, typer.Option(help="The accuracy to reach, such as 0.95.")],
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Estimate the labels, hours and money that an accuracy takes, and whether the next hour is worth its price."""
    from activessl.project.folder import Project
    from activessl.project.regions.verbs import only_classes
    from activessl.project.snapshot import Snapshot
    from activessl.proof.estimates import Evidence
    from activessl.proof.forecast import Forecast
    from activessl.reports.wording import plan_lines

    with render.progress("plan") as on_progress:
        opened = Project.open(project)
        only_classes(opened, "plan")
        evidence = Evidence(Snapshot.of(opened, on_progress))
        found = Forecast(evidence).plan(target)
    text = "\n".join(f"{name:<13}{told}" for name, told in plan_lines(found))
    if evidence.newer_text:
        text += f"\n{'note':<13}{evidence.newer_text}"
    render.result(found.to_dict(), text, as_json=as_json)
    render.following("activessl encode --compare" if found.hopeless else next_of(opened))
