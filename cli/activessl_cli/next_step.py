"""The last line of a verb: a next step that can succeed now."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from activessl.ledger.history import History
    from activessl.project.data_now import DataNow
    from activessl.project.folder import Project

#: The command that starts a server for those who have none.
_START = "activessl studio start"


def next_of(project: Project, data: DataNow | None = None, *, before: str = "") -> str:
    """Return what to do next with a project.

    Args:
        project: The project after the verb.
        data: The state of the data files; None if they were not examined.
        before: A step at Label Studio that comes before; empty without one.
    """
    from activessl.project.annotators import other_server
    from activessl.steps.next_step import next_step

    history = project.history()
    step = next_step(history, data)
    step = f"{before}; then {step}" if before else step
    if before or step.endswith(("push", "pull")):
        other = other_server(project, history)
        if other is not None:
            there = _there(history, other, project.config.annotator.url)
            return f"{before}; then {there}" if before else there
        first = _first(project)
        return f"{first}, then {step}" if first else step
    return step


def needs_server(project: Project) -> bool:
    """Whether a push needs `activessl studio start`: the config names no server, and none was used before."""
    from activessl.project.annotators import other_server

    return _first(project) == _START and other_server(project, project.history()) is None


def _there(history: History, server: str, url: str | None) -> str:
    """Return the next step of a project whose last round was pushed to a server that the config does not name."""
    current = history.open_round
    if current is not None and current.pushed:
        step = f"label the open round at {current.pushed[-1].where}, then pull from Python (session.pull)"
    else:
        step = f"push the open round to {server} from Python (session.push)"
    step += f', or set annotator.url = "{server}" in activessl.toml'
    # the config may name a new server on purpose
    return step if url is None else f"{step}; to ask at {url} instead: activessl push"


def _first(project: Project) -> str:
    """Return the command without which Label Studio cannot be reached; empty if none is needed."""
    settings = project.config.annotator
    if settings.kind != "label-studio":
        return ""
    if settings.url is not None:
        return "" if os.environ.get(settings.token_env) else f"export {settings.token_env}=YOUR_TOKEN"
    from activessl_label_studio.process import find_pid, studio_folder

    return "" if find_pid(studio_folder(project.folder).absolute()) else _START
