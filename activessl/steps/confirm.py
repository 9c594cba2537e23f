"""Rounds of clusters: alike items that people confirm together.

The head learns from these labels as from all others. The figures treat them differently: they are never random labels,
they do not count for labeling time and reliability, and a share of them is audited one by one and blind, to measure how
often they are wrong.
"""

from __future__ import annotations

from hashlib import sha256

import numpy as np

from activessl.errors import LabelError, QueryError
from activessl.labels.questions import Question
from activessl.ledger.schema import CONFIRM, Queried
from activessl.project.snapshot import Snapshot
from activessl.strategies.confirmable import FEWEST, SURE, alike_clusters

__all__ = ["confirm_next", "propose"]

#: With ``query.confirm`` on, the number of rounds of single questions between two rounds of clusters.
BETWEEN = 3


def propose(snapshot: Snapshot, number: int, count: int, size: int) -> Queried:
    """Choose a round of clusters: unlabeled, alike items that the head predicts as one class with high confidence.

    Args:
        snapshot: The project at one moment.
        number: Number of the round.
        count: Most clusters.
        size: Most items in each cluster.

    Raises:
        LabelError: There is no head yet.
        QueryError: Too few items of high confidence, or an item may have several classes.
    """
    if snapshot.kind.independent:
        raise QueryError(
            "clusters need items of one class each, here an item may have several",
            hint="run `activessl query` without --confirm",
        )
    if snapshot.probs is None:
        raise LabelError("no model yet", hint="label single items, then run `activessl teach`")
    ids, classes = snapshot.embeddings.ids, snapshot.project.config.data.classes
    tried = np.array([item in snapshot.history.apart for item in ids], dtype=bool)  # shown in one cluster only
    found = alike_clusters(snapshot.points, snapshot.probs, np.flatnonzero(snapshot.free & ~tried), count, size)
    if not found:
        sure = int(np.sum(snapshot.probs[snapshot.free & ~tried].max(axis=1, initial=0.0) >= SURE))
        raise QueryError(
            f"{sure} unlabeled items have a confidence of at least {SURE:g}, too few for a cluster of {FEWEST} items",
            hint="run `activessl query` without --confirm, and label more single items",
        )
    questions = []
    for i, one in enumerate(found, start=1):
        items, label = tuple(ids[row] for row in one.rows), classes[one.class_index]
        told = sha256("\n".join((label, *items)).encode()).hexdigest()[:8]
        questions.append(
            Question(
                id=f"cluster-{number}-{i}-{told}",
                kind="confirm",
                items=items,
                score=float(snapshot.probs[one.rows, one.class_index].min()),
                reason=f"the model predicts {label} for all of these items, with high confidence",
                proposed=label,
            )
        )
    return Queried(
        round=number,
        strategy=CONFIRM,
        seed=(snapshot.project.config.seed, number),
        fingerprint=snapshot.embeddings.fingerprint,
        questions=tuple(questions),
        seconds=0.0,
    )


def confirm_next(snapshot: Snapshot) -> bool:
    """Whether the next round is one of clusters by the config: after some rounds of single questions."""
    if not snapshot.project.config.query.confirm or snapshot.probs is None:
        return False
    single = [not r.confirms for r in snapshot.history.rounds]
    return len(single) >= BETWEEN and all(single[-BETWEEN:])
