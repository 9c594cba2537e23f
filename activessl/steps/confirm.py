"""Clusters of alike items that people confirm at a glance: which are shown, what comes back, and how often it is wrong.

Labels that were given so are labels like any others to the head. To the measures they are not: they are never part of
the random share, they do not count for how fast or how reliable people are, and a share of them is asked about once
more, one by one and without the class, so that what is overlooked in a cluster is known.
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

#: With ``query.confirm`` on, so many rounds of single questions lie between two of clusters.
BETWEEN = 3


def propose(snapshot: Snapshot, number: int, count: int, size: int) -> Queried:
    """A round of clusters: items that nobody labeled, that look alike, and that the head is sure are of one class.

    Args:
        snapshot: The project at one moment.
        number: Of the round.
        count: How many clusters at most.
        size: How many items in each at most.

    Raises:
        LabelError: There is no head yet.
        QueryError: The head is not sure of enough items, or an item may have several classes.
    """
    if snapshot.kind.independent:
        raise QueryError(
            "clusters are confirmed as one class, and here an item may have several",
            hint="run `activessl query` without --confirm",
        )
    if snapshot.probs is None:
        raise LabelError("no model yet", hint="label some items one by one, then run `activessl teach`")
    ids, classes = snapshot.embeddings.ids, snapshot.project.config.data.classes
    tried = np.array([item in snapshot.history.apart for item in ids], dtype=bool)  # once is enough
    found = alike_clusters(snapshot.points, snapshot.probs, np.flatnonzero(snapshot.free & ~tried), count, size)
    if not found:
        sure = int(np.sum(snapshot.probs[snapshot.free & ~tried].max(axis=1, initial=0.0) >= SURE))
        raise QueryError(
            f"the model is sure (probability {SURE:g}) of {sure} items only, of no class of {FEWEST} or more",
            hint="run `activessl query` without --confirm, and label some more one by one",
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
                reason=f"the model is sure that all of these are {label}",
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
    """Whether the config wants the next round to be one of clusters: after some rounds of single questions."""
    if not snapshot.project.config.query.confirm or snapshot.probs is None:
        return False
    single = [not r.confirms for r in snapshot.history.rounds]
    return len(single) >= BETWEEN and all(single[-BETWEEN:])
