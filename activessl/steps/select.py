"""What a round asks: new items, labels that are doubted, items that clusters sent back, or clusters to be confirmed."""

from __future__ import annotations

import time
from typing import Literal

import numpy as np

from activessl.errors import QueryError
from activessl.labels.questions import Question
from activessl.ledger.schema import Queried
from activessl.project.snapshot import Snapshot
from activessl.steps.confirm import alone, confirm_next, drawable, look_again, propose, sent_back
from activessl.steps.relabel import Doubts
from activessl.strategies.base import Query, needs_samples
from activessl.strategies.random_share import RandomShare
from activessl.strategies.registry import get_strategy


def next_round(
    snapshot: Snapshot,
    query_size: int | None,
    *,
    strategy: str | None = None,
    again: float | Literal["auto"] | None = None,
    confirm: bool | None = None,
) -> Queried:
    """The next round of a project, as it goes into the ledger; arguments and errors are those of ``Session.query``."""
    if confirm or (confirm is None and strategy is None and confirm_next(snapshot)):
        query = snapshot.project.config.query
        try:
            return propose(snapshot, _number(snapshot), query_size or -(-query.size // 4), query.cluster_size)
        except QueryError:
            if confirm:
                raise  # else: single questions, as if it were not time for clusters yet
    return _single(snapshot, query_size, strategy, again)


def _single(
    snapshot: Snapshot, query_size: int | None, strategy: str | None, again: float | Literal["auto"] | None
) -> Queried:
    """A round of items that are looked at one by one."""
    start = time.monotonic()
    config, number = snapshot.project.config, _number(snapshot)
    wanted = config.query.size if query_size is None else query_size

    # what is asked about before anything new is, each part of what the one before it has left of the round
    back = sent_back(snapshot, wanted // 2)
    doubted = Doubts(snapshot).again(wanted - len(back), config.query.again if again is None else again)
    audits = look_again(snapshot, number, min(-(-wanted // 4), wanted - len(back) - len(doubted)))
    twice = {question.item for question in audits}
    first = (*back, *audits, *(question for question in doubted if question.item not in twice))

    also = np.union1d(snapshot.accepted_rows, drawable(snapshot))

    def shared(name: str) -> RandomShare:
        return RandomShare(get_strategy(name), config.query.random_share, also)

    chooser = shared(strategy or config.query.strategy)
    out = np.array([snapshot.row[question.item] for question in back], dtype=np.int64) if back else None
    state = snapshot.state(number, samples=needs_samples(chooser)).replace(pending=out)
    free = len(state.candidates)
    if free == 0 and not first:
        raise QueryError("every item is labeled, skipped or accepted", hint="run `activessl report`, or add data")
    size = wanted - len(first)
    size = min(size, free) if query_size is None else size
    try:
        query = chooser.query(state, size) if size and free else None
    except QueryError:
        if len(state.labeled) or strategy is not None:
            raise
        # most strategies that ask a head cannot begin: `auto` can, from no label at all
        chooser = shared("auto")
        query = chooser.query(snapshot.state(number).replace(pending=out), size)
    if query is not None:  # what is drawn, and was to be looked at again anyway, is asked about once: as the draw
        first = tuple(question for question in first if question.item not in query.ids)
    return Queried(
        round=number,
        strategy=chooser.name if query is None else query.strategy,
        seed=(config.seed, number),
        fingerprint=snapshot.embeddings.fingerprint,
        questions=(*_new(snapshot, query, number), *first),
        seconds=time.monotonic() - start,
    )


def _new(snapshot: Snapshot, query: Query | None, number: int) -> tuple[Question, ...]:
    """What the strategy asks, a share of it blind. An item that was confirmed with its cluster, and is drawn, is asked
    about once more."""
    if query is None:
        return ()
    blind = snapshot.blind_rows(number)
    questions = query.questions(lambda row: snapshot.embeddings.ids[row])
    hidden = (
        question.model_copy(update={"blind": bool(blind[row])})
        for question, row in zip(questions, query.indices, strict=True)
    )
    return tuple(alone(snapshot, question) for question in hidden)


def _number(snapshot: Snapshot) -> int:
    return len(snapshot.history.rounds) + 1
