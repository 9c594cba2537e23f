"""Teach the head of regions all answers."""

from __future__ import annotations

import time

from activessl.errors import LabelError
from activessl.ledger.schema import Taught
from activessl.pool.progress import OnProgress, say
from activessl.project.folder import Project
from activessl.project.regions.settings import DENSE
from activessl.project.regions.snapshot import RegionSnapshot
from activessl.project.snapshot import check_labels, head_folder, save_whole
from activessl.steps.close import close_answered

__all__ = ["teach"]


def teach(project: Project, on_progress: OnProgress | None = None) -> Taught:
    """Teach a head all answers, and end the round if all its questions are answered.

    Raises:
        LabelError: There are no answers yet, or none holds a region.
        ProjectError: The pool is not encoded yet.
    """
    with project.lock():
        snapshot = RegionSnapshot.of(project, on_progress)
        history = snapshot.history
        _check(project, snapshot)
        number, digest, start = history.last_round, history.digest(), time.monotonic()
        taught = Taught(
            round=number,
            head=DENSE,
            fingerprint=snapshot.fingerprint,
            labels=len(snapshot.labeled),
            digest=digest,
            seconds=0.0,
            turn=history.events,
            smoothed=False,
        )
        folder = head_folder(project, number, digest)
        if history.taught is not None and _about(history.taught) == _about(taught) and folder.is_dir():
            close_answered(project)
            return history.taught  # repeated: minutes of training would give the same head
        say(
            on_progress, "teach", f"on {len(snapshot.labeled):,} items; three networks, which takes minutes on pictures"
        )
        head = snapshot.fitted()
        save_whole(head, folder)
        taught = taught.model_copy(update={"seconds": time.monotonic() - start})
        if history.taught is None or _about(history.taught) != _about(taught):
            project.append(taught)
        close_answered(project)
    return taught


def _check(project: Project, snapshot: RegionSnapshot) -> None:
    check_labels(snapshot.history, lambda: len(snapshot.labeled))
    if not any(snapshot.answers):
        close_answered(project)  # so that the next query asks about other items
        raise LabelError(
            f"{len(snapshot.labeled):,} items have an answer, and none holds a region: there is nothing to learn",
            hint="run `activessl query`, which asks about further random items",
        )


def _about(taught: Taught) -> tuple[object, ...]:
    """What distinguishes one taught head from another."""
    return taught.round, taught.head, taught.fingerprint, taught.digest
