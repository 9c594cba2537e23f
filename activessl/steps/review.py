"""Open a round about the items on which annotators differ."""

from __future__ import annotations

from activessl.errors import ProjectError, QueryError
from activessl.ledger.history import RoundHistory
from activessl.project.folder import Project
from activessl.project.snapshot import Snapshot
from activessl.steps.missing import notice_missing
from activessl.steps.query import catch_up
from activessl.steps.select import REVIEW, next_review


def open_review(project: Project, most: int | None = None) -> RoundHistory:
    """Open a round of review questions, or return the one that is open.

    Raises:
        QueryError: Another round is open, or annotators differ about no item.
    """
    notice_missing(project, needed=True)
    catch_up(project)
    with project.lock():
        snapshot = Snapshot.of(project)
        current = snapshot.history.open_round
        if current is not None and current.queried.strategy == REVIEW:
            return current
        if current is not None:
            raise QueryError(
                f"round {current.number} is open",
                hint="finish the round, or end it with `activessl query --close`",
            )
        project.append(next_review(snapshot, most))
        opened = project.history().open_round
    if opened is None:
        raise ProjectError("the round was not written", hint="check that the disk is writable and has free space")
    return opened
