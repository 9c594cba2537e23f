"""The last line of a verb: a next step that can succeed now."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from activessl.project.data_now import DataNow
    from activessl.project.folder import Project


def next_of(project: Project, data: DataNow | None = None) -> str:
    """Return what to do next with a project.

    Args:
        project: The project after the verb.
        data: The state of the data files; None if they were not examined.
    """
    from activessl.steps.next_step import next_step

    step = next_step(project.history(), data)
    if step.endswith(("push", "pull")):
        first = _first(project)
        return f"{first}, then {step}" if first else step
    return step


def _first(project: Project) -> str:
    """Return the command without which Label Studio cannot be reached; empty if none is needed."""
    settings = project.config.annotator
    if settings.kind != "label-studio":
        return ""
    if settings.url is not None:
        return "" if os.environ.get(settings.token_env) else f"export {settings.token_env}=YOUR_TOKEN"
    from activessl_label_studio.process import find_pid, studio_folder

    return "" if find_pid(studio_folder(project.folder).absolute()) else "activessl studio start"
