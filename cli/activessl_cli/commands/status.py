"""``activessl status``: the state of a project."""

from __future__ import annotations

from typing import TYPE_CHECKING

from activessl_cli import render
from activessl_cli.options import HERE, JsonOption, ProjectOption

if TYPE_CHECKING:
    from activessl.ledger.history import History
    from activessl.project.folder import Project
    from activessl.proof.measured import Measured


def status(project: ProjectOption = HERE, as_json: JsonOption = False) -> None:
    """Print the project's data, encoder, rounds, labels and model, and what to run next."""
    from activessl.project.data_now import data_now
    from activessl.project.folder import Project
    from activessl.proof.found_slices import kept_found
    from activessl.reports.status import Status
    from activessl_cli.next_step import next_of

    opened = Project.open(project)
    history = opened.history()
    if opened.own.data.drawing is not None:
        _regions(opened, history, as_json)
        return
    measured, why = _measured(opened, history)
    found = Status(opened.config, history, measured, data_now(opened, history), kept_found(opened, history), why)
    step = "activessl encode" if why and found.data.there else next_of(opened, found.data)
    render.result({**found.to_dict(), "next": step}, found.to_text(), as_json=as_json)
    render.following(step)


def _regions(project: Project, history: History, as_json: bool) -> None:
    """Print the status of a project of regions."""
    from activessl.project.data_now import data_now
    from activessl.proof.regions.figures import RegionFigures
    from activessl.reports.regions.status import RegionStatus
    from activessl_cli.next_step import next_of

    found = RegionStatus(RegionFigures(project.config, history), data_now(project, history))
    encoded = history.encoded
    gone = encoded is not None and not (project.folder / "embeddings" / encoded.fingerprint / "parts.json").is_file()
    step = "activessl encode" if gone and found.data.there else next_of(project, found.data)
    render.result({**found.to_dict(), "next": step}, found.to_text(), as_json=as_json)
    render.following(step)


def _measured(project: Project, history: History) -> tuple[Measured, str]:
    """Return the quality of the model: the stored measures, which take no time, else new ones; and why there is none
    without vectors, such as after `forget` or `restore`."""
    from activessl.errors import ProjectError
    from activessl.proof.measured import Measured, kept_measures

    known = kept_measures(project, history)
    if known is not None:
        return known, ""
    from activessl.project.snapshot import Snapshot  # slow: it imports all that measuring needs
    from activessl.proof.estimates import Evidence

    with render.progress("status") as on_progress:
        snapshot = Snapshot(project, history, on_progress)
        try:
            if history.taught is not None:
                _ = snapshot.embeddings
        except ProjectError:
            return Measured(), "the vectors are missing, `activessl encode` makes them again"
        return Evidence(snapshot).measure(), ""
