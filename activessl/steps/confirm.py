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

#: With ``query.confirm`` on, the number of rounds of single questions between two rounds of clusters.
BETWEEN = 3


def next_clusters(snapshot: Snapshot, query_size: int | None, *, required: bool = False) -> Queried | None:
    """Choose the next round as one of clusters; None where it is one of single questions.

    Args:
        snapshot: The project at one moment.
        query_size: Most clusters; by default a quarter of the config's size of a round.
        required: Whether the round must be one of clusters; else the config decides, and what the head is sure of.

    Raises:
        LabelError: Clusters are required, and there is no head yet.
        QueryError: Clusters are required, and too few items have a high confidence, or items may have several classes.
    """
    query = snapshot.project.config.query
    if not required and not _due(snapshot):
        return None
    try:
        return _propose(snapshot, query_size or -(-query.size // 4), query.cluster_size)
    except QueryError:
        if required:
            raise
        return None


def _propose(snapshot: Snapshot, count: int, size: int) -> Queried:
    """Choose a round of clusters: unlabeled, alike items that the head predicts as one class with high confidence.

    Args:
        snapshot: The project at one moment.
        count: Most clusters.
        size: Most items in each cluster.
    """
    if snapshot.kind.independent:
        raise QueryError(
            "clusters need items of one class each, here an item may have several",
            hint="run `activessl query` without --confirm",
        )
    if snapshot.field_probs is None:
        raise LabelError("no model yet", hint="label single items, then run `activessl teach`")
    number = snapshot.history.next_round
    ids, classes = snapshot.embeddings.ids, snapshot.project.config.data.classes
    tried = np.array([item in snapshot.history.apart for item in ids], dtype=bool)  # shown in one cluster only
    points, probs, field = snapshot.field_points, snapshot.field_probs, snapshot.field
    left = np.flatnonzero((snapshot.free & ~tried)[field])
    found = alike_clusters(points, probs, left, count, size)
    if not found:
        sure = int(np.sum(probs[left].max(axis=1, initial=0.0) >= SURE))
        raise QueryError(
            f"{sure} unlabeled items have a confidence of at least {SURE:g}, too few for a cluster of {FEWEST} items",
            hint="run `activessl query` without --confirm, and label more single items",
        )
    questions = []
    for i, one in enumerate(found, start=1):
        items, label = tuple(ids[row] for row in field[one.rows]), classes[one.class_index]
        told = sha256("\n".join((label, *items)).encode()).hexdigest()[:8]
        questions.append(
            Question(
                id=f"cluster-{number}-{i}-{told}",
                kind="confirm",
                items=items,
                score=float(probs[one.rows, one.class_index].min()),
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


def _due(snapshot: Snapshot) -> bool:
    """Whether the next round is one of clusters by the config: after some rounds of single questions."""
    if not snapshot.project.config.query.confirm or snapshot.head is None:
        return False
    single = [not r.confirms for r in snapshot.history.rounds]
    return len(single) >= BETWEEN and all(single[-BETWEEN:])
