"""Which annotator a project means: by name out of its config, or by address."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from activessl.annotators.base import Annotator
from activessl.errors import ConfigError
from activessl.project.folder import Project
from activessl.registry import Registry

#: Name to a function that takes a :class:`Project` and returns its :class:`Annotator`. All are entry points, ours too:
#: the library itself speaks to no server.
ANNOTATORS = Registry("annotator", {}, ConfigError, "activessl.annotators")


@runtime_checkable
class Connection(Protocol):
    """An address of annotators, such as a server's: any project can ask there."""

    def annotator(self, project: Project) -> Annotator:
        """The annotator of a project there."""
        ...


def annotator_of(project: Project, people: Annotator | Connection | None = None) -> Annotator:
    """Those who answer the questions of a project.

    Args:
        project: The project.
        people: An annotator, or a connection to one; None for the one that ``annotator.kind`` of the config names.

    Raises:
        AnnotatorDenied: There is no token.
        AnnotatorUnreachable: There is no server.
        ConfigError: The config names no known annotator, or ``people`` is neither.
    """
    if people is None:
        return annotator_of(project, ANNOTATORS.get(project.config.annotator.kind)(project))
    if isinstance(people, Connection):
        return people.annotator(project)
    if not isinstance(people, Annotator):
        raise ConfigError(
            f"{type(people).__name__} is no annotator",
            hint="pass an object with push and pull, or LabelStudio(url, token)",
        )
    return people
