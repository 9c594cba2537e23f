"""Items that are gone from the data, or are back."""

from __future__ import annotations

from activessl.errors import PoolError
from activessl.ledger.history import History
from activessl.ledger.schema import Missing
from activessl.project.folder import Project
from activessl.project.snapshot import Snapshot
from activessl.steps.encode import check_moved


def notice_missing(project: Project) -> History:
    """Write down which encoded items are gone from the data since it was last looked at, or are back.

    Raises:
        PoolError: Items that were asked about have the ids of others.
        ProjectError: The vectors are gone.
    """
    history = project.history()
    if history.encoded is None:
        return history
    try:
        pool = project.pool()
    except PoolError:  # a disk that is not there now says nothing about its items
        return history
    before = Snapshot(project, history).embeddings
    check_moved(before, history, pool)
    missing = frozenset(item for item in before.ids if item not in pool)
    if missing == history.missing:
        return history
    with project.lock():
        project.append(Missing(items=tuple(sorted(missing)), turn=history.events))
    return project.history()
