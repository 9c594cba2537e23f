"""Items that are missing from the data, or are back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from activessl.errors import PoolError
from activessl.ledger.history import History
from activessl.ledger.schema import Missing
from activessl.pool.pool import Pool
from activessl.project.folder import RESTORE, Project
from activessl.project.regions.snapshot import RegionSnapshot
from activessl.project.snapshot import Snapshot
from activessl.steps.encode import check_moved

if TYPE_CHECKING:
    from activessl.encoders.embeddings import Embeddings
    from activessl.encoders.parts.store import PartStore


def notice_missing(project: Project, *, needed: bool = False) -> History:
    """Write into the ledger which encoded items are missing from the data now; return the history.

    Raises:
        PoolError: Ids with answers belong to other items now, or the data are needed and cannot be read.
        ProjectError: The vectors are missing.
    """
    return noticed(project, needed=needed)[0]


def noticed(project: Project, *, needed: bool = False) -> tuple[History, Pool | None]:
    """As ``notice_missing``; return the pool, too, which takes seconds to read; None if it was not read.

    Args:
        project: The project.
        needed: Whether to refuse data that cannot be read; else they say nothing about their items.

    Raises:
        PoolError: Ids with answers belong to other items now, or the data are needed and cannot be read.
        ProjectError: The vectors are missing.
    """
    history = project.history()
    if history.encoded is None:
        return history, None
    try:
        pool = project.pool()
    except PoolError as error:  # with the disk unmounted, all items would look missing
        if needed:
            raise PoolError(error.message, hint=RESTORE) from None
        return history, None
    before: Embeddings | PartStore
    if project.own.data.drawing is None:
        before = Snapshot(project, history).embeddings
    else:
        before = RegionSnapshot(project, history).parts
    check_moved(dict(zip(before.ids, before.digests, strict=True)), history, pool)
    missing = frozenset(item for item in before.ids if item not in pool)
    if missing == history.missing:
        return history, pool
    with project.lock():
        project.append(Missing(items=tuple(sorted(missing)), turn=history.events))
    return project.history(), pool
