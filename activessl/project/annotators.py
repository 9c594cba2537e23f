"""Find the annotator of a project: by its name in the config, or by a connection."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from activessl.annotators.base import Annotator
from activessl.errors import ConfigError
from activessl.project.folder import Project
from activessl.registry import Registry

#: Name to a function that takes a :class:`Project` and returns its :class:`Annotator`. All are entry points, also those
#: of activessl, because the library itself connects to no server.
ANNOTATORS = Registry("annotator", {}, ConfigError, "activessl.annotators")


@runtime_checkable
class Connection(Protocol):
    """A connection to a server of annotators, for any project."""

    def annotator(self, project: Project) -> Annotator:
        """Return the annotator of a project on this server."""
        ...


def annotator_of(project: Project, people: Annotator | Connection | None = None) -> Annotator:
    """Return the annotator of a project.

    Args:
        project: The project.
        people: An annotator, or a connection to one; None for the annotator in ``annotator.kind`` of the config.

    Raises:
        AnnotatorDenied: There is no token.
        AnnotatorUnreachable: There is no server.
        ConfigError: The annotator in the config is unknown, or ``people`` is neither an annotator nor a connection.
    """
    if people is None:
        return annotator_of(project, ANNOTATORS.get(project.config.annotator.kind)(project))
    if isinstance(people, Connection):
        return people.annotator(project)
    if not isinstance(people, Annotator):
        raise ConfigError(
            f"{type(people).__name__} is not an annotator",
            hint="pass an object with the methods push and pull, or LabelStudio(url, token)",
        )
    return people
