"""What a round asks: new items, labels that are doubted, items that groups sent back, or groups to be confirmed."""

from __future__ import annotations

import time
from typing import Literal

import numpy as np

from activessl.errors import QueryError
from activessl.labels.answers import item_of
from activessl.ledger.asking import queried
from activessl.ledger.schema import Queried
from activessl.project.snapshot import Snapshot
from activessl.steps.confirm import alone, confirm_next, drawable, look_again, propose, sent_back
from activessl.steps.relabel import Doubts
from activessl.strategies.base import needs_samples
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
            return propose(snapshot, _number(snapshot), query_size or -(-query.size // 4), query.group_size)
        except QueryError:
            if confirm:
                raise  # else: single questions, as if it were not time for groups yet
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
    glanced = look_again(snapshot, number, min(-(-wanted // 4), wanted - len(back) - len(doubted)))
    twice = {item_of(i.id) for i in glanced}
    first = (*back, *glanced, *(i for i in doubted if item_of(i.id) not in twice))

    also = np.union1d(snapshot.accepted_rows, drawable(snapshot))

    def shared(name: str) -> RandomShare:
        return RandomShare(get_strategy(name), config.query.random_share, also)

    chooser = shared(strategy or config.query.strategy)
    out = np.array([snapshot.row[i.id] for i in back], dtype=np.int64) if back else None
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
        first = tuple(i for i in first if item_of(i.id) not in query.ids)
    seconds = time.monotonic() - start
    return alone(snapshot, queried(query, chooser.name, first, number, config.seed, snapshot.embeddings, seconds))


def _number(snapshot: Snapshot) -> int:
    return len(snapshot.history.rounds) + 1
