"""``activessl roi``: the money that the labels cost, and what the choice of items and the machines saved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from activessl_cli import render
from activessl_cli.next_step import next_of
from activessl_cli.options import HERE, JsonOption, ProjectOption

if TYPE_CHECKING:
    from activessl.proof.estimates import Evidence


def roi(project: ProjectOption = HERE, as_json: JsonOption = False) -> None:
    """Show the money so far: what labels cost, and what the choice of items and the machines saved, with intervals."""
    from activessl.project.folder import Project
    from activessl.project.regions.verbs import only_classes
    from activessl.project.snapshot import Snapshot
    from activessl.proof.estimates import Evidence
    from activessl.proof.forecast import Forecast
    from activessl.reports.sections.machines import worth_lines
    from activessl.reports.wording import roi_lines

    opened = Project.open(project)
    only_classes(opened, "roi")
    if opened.history().encoded is None:
        found, worth, evidence = None, None, None
    else:
        with render.progress("roi") as on_progress:
            evidence = Evidence(Snapshot.of(opened, on_progress))
            forecast = Forecast(evidence)
            found, worth = forecast.roi(), forecast.machines()
            evidence.keep()
    lines = [("money", f"not known, because {_why(opened.config.rates.per_hour, evidence)}")]
    if found is not None:
        lines = roi_lines(found)
    lines += [] if worth is None else worth_lines(worth)
    told = {
        "roi": None if found is None else found.to_dict(),
        "machines": None if worth is None else worth.to_dict(),
    }
    render.result(told, "\n".join(f"{name:<13}{text}" for name, text in lines), as_json=as_json)
    render.following(next_of(opened))


def _why(per_hour: float | None, evidence: Evidence | None) -> str:
    if per_hour is None:
        return "rates.per_hour is not set in activessl.toml"
    if evidence is None:
        return "the pool is not encoded yet"
    if evidence.live is None:
        return f"the labels saved are not estimated: {evidence.unsaid}"
    return "no times of answers are recorded"
