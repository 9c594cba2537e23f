"""Clusters of alike items that people confirm at a glance: which are shown, what comes back, and how often it is wrong.

Labels that were given so are labels like any others to the head. To the measures they are not: they are never part of
the random share, they do not count for how fast or how reliable people are, and a share of them is asked about once
more, one by one and without the class, so that what is overlooked in a cluster is known.
"""

from __future__ import annotations

from hashlib import sha256

import numpy as np
from jaxtyping import Int

from activessl.errors import LabelError, QueryError
from activessl.labels.questions import Question
from activessl.ledger.history import History
from activessl.ledger.schema import CONFIRM, Queried
from activessl.project.snapshot import Snapshot
from activessl.strategies.confirmable import FEWEST, SURE, alike_clusters

__all__ = ["CONFIRMED", "alone", "confirm_next", "drawable", "look_again", "propose", "sent_back"]

#: Why an item is asked about alone that was confirmed with its cluster: nobody should know as what.
CONFIRMED = "confirmed with its cluster before: drawn at random to be looked at on its own"
#: Why an item comes first in a round.
SENT_BACK = "did not belong to the cluster that it was shown with"
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


def sent_back(snapshot: Snapshot, most: int) -> tuple[Question, ...]:
    """What to ask about first: items that stood out of their cluster, which the head was sure of, and wrong."""
    free = {snapshot.embeddings.ids[row] for row in np.flatnonzero(snapshot.free)} & snapshot.history.apart
    once = {item for r in snapshot.history.rounds if not r.confirms for item in r.items}
    asked = [item for r in snapshot.history.rounds if r.confirms for item in r.items if item in free - once]
    return tuple(Question.about(item, "new", reason=SENT_BACK) for item in asked[:most])


def look_again(snapshot: Snapshot, number: int, most: int) -> tuple[Question, ...]:
    """Which items that were confirmed with their cluster to ask about alone, drawn at random, as the config's share.

    Each drawn one is asked as a task of its own, and blind. What is drawn has no propensity: it is a sample of what
    was confirmed, not of the pool.
    """
    share = snapshot.project.config.query.confirm_audit
    history = snapshot.history
    confirmed = sorted(i for i in history.confirmed if i in history.labels and i in snapshot.row)
    seen = _asked_alone(history)
    owed = int(np.ceil(share * len(confirmed))) - len(seen.intersection(confirmed))
    left = [item for item in confirmed if item not in seen and item not in history.missing]
    count = min(owed, most, len(left))
    if count < 1:
        return ()
    drawn = np.random.default_rng([snapshot.project.config.seed, number, 10]).choice(len(left), count, replace=False)
    return tuple(_alone(history, Question.about(left[i], "audit")) for i in drawn)


def drawable(snapshot: Snapshot) -> Int[np.ndarray, " g"]:
    """Rows that were confirmed with their cluster and never asked about alone: the random share draws from these too.

    Else it would draw from what is left only, which is harder, since what the model is sure of is what was confirmed.
    """
    seen = _asked_alone(snapshot.history)
    only = snapshot.history.only_confirmed - seen - snapshot.history.missing
    return np.array(sorted(snapshot.row[i] for i in only if i in snapshot.row), dtype=np.int64)


def alone(snapshot: Snapshot, question: Question) -> Question:
    """The question about an item that was drawn: where it was confirmed with its cluster, it is asked once more."""
    history = snapshot.history
    return _alone(history, question) if question.item in history.only_confirmed else question


def _alone(history: History, question: Question) -> Question:
    return question.asked_as(history.next_asking(question.item), reason=CONFIRMED, blind=True, confirmed=True)


def _asked_alone(history: History) -> set[str]:
    """Items that were asked about again after they were confirmed with their cluster, whatever for."""
    return {q.item for r in history.rounds for q in r.questions if q.asking > 1} & history.confirmed.keys()
