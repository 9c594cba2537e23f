"""The last line of a verb: what to do next, only if it can succeed here and now."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from activessl.project.data_now import DataNow
    from activessl.project.folder import Project


def next_of(project: Project, data: DataNow | None = None) -> str:
    """What to do next with a project.

    Args:
        project: As it is after the verb.
        data: Its data as they are now, where somebody looked.
    """
    from activessl.steps.next_step import next_step

    step = next_step(project.history(), data)
    if step.endswith(("push", "pull")):
        first = _first(project)
        return f"{first}, then {step}" if first else step
    return step


def _first(project: Project) -> str:
    """What is missing before Label Studio can be spoken to; empty where nothing is."""
    settings = project.config.annotator
    if settings.kind != "label-studio":
        return ""
    if settings.url is not None:
        return "" if os.environ.get(settings.token_env) else f"export {settings.token_env}=YOUR_TOKEN"
    from activessl_label_studio.process import find_pid, studio_folder

    return "" if find_pid(studio_folder(project.folder).absolute()) else "activessl studio start"
