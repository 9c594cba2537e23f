"""Teach the head all labels, and measure it if the project has test data."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from activessl.heads.base import Head
from activessl.labels.kinds import Labels, kind_of, numbered_alike
from activessl.ledger.schema import Taught
from activessl.measuring.planning.stopping import kappa
from activessl.measuring.quality.classes import class_counts
from activessl.project.folder import Project
from activessl.project.snapshot import Snapshot, check_labels, head_folder, save_whole
from activessl.steps.choose_encoder import choose_encoder
from activessl.steps.close import close_answered
from activessl.steps.relabel import SUSPECT, Doubts


def teach(project: Project) -> Taught:
    """Teach a head all labels, and end the round if all its questions are answered.

    Raises:
        LabelError: There are no labels yet.
        ProjectError: The pool is not encoded yet.
    """
    with project.lock():
        snapshot = Snapshot.of(project)
        check_labels(snapshot.history, lambda: len(snapshot.training[0]))
        snapshot = choose_encoder(project, snapshot)
        history = snapshot.history
        number, digest, start = history.last_round, history.digest(), time.monotonic()
        before = snapshot.predicted_before(number)
        last, snapshot = snapshot, snapshot.for_next_head()
        head = snapshot.fitted(last.head if last.smooths == snapshot.smooths else None)
        after = snapshot.kind.decide(head.predict_proba(snapshot.field_points))
        save_whole(head, head_folder(project, number, digest))
        seconds = time.monotonic() - start
        accuracy, tested, per_class, test_open = _measured(snapshot, head)
        taught = Taught(
            round=number,
            head=project.config.head.name,
            fingerprint=snapshot.embeddings.fingerprint,
            labels=len(snapshot.training[0]),
            digest=digest,
            seconds=seconds,
            accuracy=accuracy,
            test_items=tested,
            per_class=per_class,
            test_open=test_open,
            kappa=None if before is None else _agreement(before, after),
            change=None if before is None else float(np.mean(~snapshot.kind.same(before, after))),
            suspects=int(np.sum(Doubts(snapshot).labels > SUSPECT)),
            turn=history.events,
            smoothed=snapshot.smooths,
            machines=snapshot.heeds,
        )
        if history.taught is None or _about(history.taught) != _about(taught):
            project.append(taught)
        close_answered(project)
    return taught


def teach_if_due(project: Project) -> None:
    """Teach the head after a change of the encoder, also after a crash between the change and the teaching."""
    history = project.history()
    if history.taught is not None and history.untaught:
        teach(project)


def _measured(
    snapshot: Snapshot, head: Head
) -> tuple[float | None, int | None, dict[str, tuple[int, int, int]] | None, int]:
    """Return accuracy on the test data, the number of test items, the counts of each class, and the number of test
    items whose class is open."""
    data = snapshot.project.config.data
    if data.test is None:
        return None, None, None, 0
    from activessl.proof.holdout import held_out  # needed with test data only

    test = held_out(snapshot.project, snapshot)
    if not len(test.truth):  # all of classes that were split
        return None, None, None, test.open
    predicted = snapshot.kind.decide(head.predict_proba(snapshot.points_of(test.vectors)))
    counts = class_counts(test.truth, predicted, len(data.classes)).tolist()
    per_class = {name: (has, put, both) for name, (has, put, both) in zip(data.classes, counts, strict=True)}
    return float(np.mean(snapshot.kind.same(predicted, test.truth))), len(test.truth), per_class, test.open


def _agreement(before: Labels, after: Labels) -> float | None:
    """Return kappa of two heads' predictions; None if neither predicts any class for any item."""
    if kind_of(after).independent and not before.any() and not after.any():
        return None
    return kappa(*numbered_alike(before, after))


def _about(taught: Taught) -> tuple[Any, ...]:
    """Return what distinguishes one taught head from another."""
    measured = (taught.accuracy, taught.test_items, taught.smoothed, taught.machines)
    return taught.round, taught.head, taught.fingerprint, taught.digest, *measured
