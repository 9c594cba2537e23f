"""Find the annotator of a project: by its name in the config, or by a connection."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from activessl.annotators.base import Annotator
from activessl.errors import AnnotatorUnreachable, ConfigError
from activessl.ledger.history import History
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
        try:
            return annotator_of(project, ANNOTATORS.get(project.config.annotator.kind)(project))
        except AnnotatorUnreachable as error:
            other = other_server(project, project.history())
            if other is None:
                raise
            # a second server would have no tasks and no answers of this project
            raise AnnotatorUnreachable(
                f"activessl.toml does not name the server of the last push, {other}",
                hint=f'set annotator.url = "{other}" in activessl.toml, or pass the server in Python: '
                "session.pull(LabelStudio(url, token))",
            ) from error
    if isinstance(people, Connection):
        return people.annotator(project)
    if not isinstance(people, Annotator):
        raise ConfigError(
            f"{type(people).__name__} is not an annotator",
            hint="pass an object with the methods push and pull, or LabelStudio(url, token)",
        )
    return people


def other_server(project: Project, history: History) -> str | None:
    """Return the address of the server of the last push if the config does not name that server; None if it does.

    Programs pass a server that the config need not name: ``session.push(LabelStudio(url, token))``.
    """
    pushed = next((r.pushed[-1] for r in reversed(history.rounds) if r.pushed), None)
    settings = project.config.annotator
    if pushed is None or settings.kind != "label-studio" or not pushed.where.startswith(("http://", "https://")):
        return None
    if settings.url is not None:
        named = pushed.where.startswith(settings.url.rstrip("/") + "/")
    else:
        # the server of `activessl studio start`: its port may change at each start
        named = pushed.where.startswith("http://127.0.0.1:") and (project.folder / "studio").is_dir()
    return None if named else pushed.where.partition("/projects/")[0]
