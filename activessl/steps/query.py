"""Open the next round, after the answers of the last one are taught."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from activessl.errors import ProjectError
from activessl.ledger.history import RoundHistory
from activessl.project.folder import Project
from activessl.project.snapshot import Snapshot
from activessl.steps.close import close_answered
from activessl.steps.missing import notice_missing
from activessl.steps.select import next_round
from activessl.steps.teach import teach


def query(
    project: Project,
    query_size: int | None = None,
    *,
    strategy: str | None = None,
    again: float | Literal["auto"] | None = None,
    confirm: bool | None = None,
    balance: str | None = None,
    items: Sequence[str] | None = None,
) -> RoundHistory:
    """Return the open round, or open the next one; arguments and errors as of ``Session.query``."""
    # a round of items that cannot be shown would fail at the push only
    history = notice_missing(project, needed=True)
    if history.open_round is not None and history.waiting(history.open_round):
        return history.open_round
    catch_up(project)
    with project.lock():
        snapshot = Snapshot.of(project)
        if snapshot.history.open_round is not None:
            return snapshot.history.open_round  # another process opened it
        chosen = next_round(
            snapshot, query_size, strategy=strategy, again=again, confirm=confirm, balance=balance, items=items
        )
        project.append(chosen)
        opened = project.history().open_round
    if opened is None:
        raise ProjectError("the round was not written", hint="check that the disk is writable and has free space")
    return opened


def catch_up(project: Project) -> None:
    """Teach labels that were imported or pulled but not taught, such as after a crash, and end an answered round."""
    history = project.history()
    # labels of removed items are not taught
    if history.untaught and len(Snapshot(project, history).training[0]):
        teach(project)
    with project.lock():
        close_answered(project)
