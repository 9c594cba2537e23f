"""Predictions beside the truth, item by item: of the test data, or of labels that the head was not taught."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from activessl.errors import ActiveSSLError
from activessl.heads.folds import FOLDS
from activessl.labels.kinds import Labels
from activessl.pool.pool import Pool
from activessl.project.snapshot import Snapshot
from activessl.proof.estimates import Evidence

if TYPE_CHECKING:
    from activessl.proof.holdout import HeldOut

__all__ = ["Judged", "judged_of"]


@dataclass(frozen=True)
class Judged:
    """Items with their class and the prediction of a head that was not taught it.

    Attributes:
        ids: The items.
        truth: Their classes, as numbers.
        said: The predictions, as numbers.
        sample: What the items are, in words.
        measures: Whether they are the sample that measures the accuracy; False for all labels, which strategies chose.
        pool: Where the items are read from; None if they cannot be read.
    """

    ids: tuple[str, ...]
    truth: Labels
    said: Labels
    sample: str
    measures: bool
    pool: Pool | None


def judged_of(snapshot: Snapshot, evidence: Evidence, pool: Pool | None) -> Judged | None:
    """Judge the sample that gives the accuracy, or else all labels; None with too few labels."""
    history = snapshot.history
    if history.encoded is None or snapshot.head is None:
        return None
    if history.taught is not None and history.taught.accuracy is not None:
        test = _test(snapshot)
        if test is not None and len(test.ids):
            said = snapshot.kind.decide(snapshot.head.predict_proba(snapshot.points_of(test.vectors)))
            return Judged(test.ids, test.truth, said, f"{len(test.ids):,} test items", True, test.pool)
    rows, y = snapshot.training
    ids = tuple(snapshot.embeddings.ids[row] for row in rows)
    if evidence.audit is not None:
        at = evidence.random.at
        sample = f"{len(at):,} random labels, each left out"
        return Judged(tuple(ids[i] for i in at), y[at], evidence.said_at_random, sample, True, pool)
    if len(rows) < 2 * FOLDS:
        return None
    return Judged(ids, y, snapshot.held_out_predictions(), f"all {len(rows):,} labels, each left out", False, pool)


def _test(snapshot: Snapshot) -> HeldOut | None:
    """Return the test data; None if they have changed since they measured the head, or cannot be read."""
    from activessl.proof.holdout import held_out  # needed with test data only

    try:
        return held_out(snapshot.project, snapshot)
    except ActiveSSLError:
        return None
