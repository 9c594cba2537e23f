"""Open the next round of a project of regions, after the answers of the last one are taught."""

from __future__ import annotations

from collections.abc import Sequence

from activessl.errors import ProjectError
from activessl.ledger.history import RoundHistory
from activessl.pool.progress import OnProgress
from activessl.project.folder import Project
from activessl.project.regions.snapshot import RegionSnapshot
from activessl.steps.close import close_answered
from activessl.steps.missing import notice_missing
from activessl.steps.regions.select import foreseen, next_round
from activessl.steps.regions.teach import teach
from activessl.strategies.parts.registry import get_part_strategy

__all__ = ["catch_up", "query"]


def query(
    project: Project,
    query_size: int | None = None,
    *,
    strategy: str | None = None,
    items: Sequence[str] | None = None,
    on_progress: OnProgress | None = None,
) -> RoundHistory:
    """Return the open round, or open the next one; arguments and errors as of ``Session.query``."""
    get_part_strategy(strategy or project.config.query.strategy)  # before minutes of teaching
    history = notice_missing(project, needed=True)
    if history.open_round is not None and history.waiting(history.open_round):
        return history.open_round
    catch_up(project, on_progress)
    with project.lock():
        snapshot = RegionSnapshot.of(project, on_progress)
        if snapshot.history.open_round is not None:
            return snapshot.history.open_round  # another process opened it
        chosen = next_round(snapshot, query_size, strategy=strategy, items=items)
        told = foreseen(snapshot, chosen)
        project.append(chosen, *([] if told is None else [told]))
        opened = project.history().open_round
    if opened is None:
        raise ProjectError("the round was not written", hint="check that the disk is writable and has free space")
    return opened


def catch_up(project: Project, on_progress: OnProgress | None = None) -> None:
    """Teach labels that were imported or pulled but not taught, such as after a crash, and end an answered round."""
    history = project.history()
    if history.untaught and any(RegionSnapshot(project, history).answers):
        teach(project, on_progress)
    with project.lock():
        close_answered(project)
