"""What a round asks: new items, labels that are doubted, items that groups sent back, or groups to be confirmed."""

from __future__ import annotations

import time
from typing import Literal

import numpy as np

from activessl.annotators.base import item_of
from activessl.confirming import alone, confirm_next, drawable, look_again, propose, sent_back
from activessl.doubting import Doubts
from activessl.errors import QueryError
from activessl.ledger.asking import queried
from activessl.ledger.schema import Queried
from activessl.strategies.base import needs_samples
from activessl.strategies.registry import get_strategy
from activessl.strategies.share import RandomShare
from activessl.view import View


def next_round(
    view: View,
    query_size: int | None,
    *,
    strategy: str | None = None,
    again: float | Literal["auto"] | None = None,
    confirm: bool | None = None,
) -> Queried:
    """The next round of a project, as it goes into the ledger; arguments and errors are those of ``Session.query``."""
    if confirm or (confirm is None and strategy is None and confirm_next(view)):
        query = view.project.config.query
        try:
            return propose(view, _number(view), query_size or -(-query.size // 4), query.group_size)
        except QueryError:
            if confirm:
                raise  # else: single questions, as if it were not time for groups yet
    return _single(view, query_size, strategy, again)


def _single(view: View, query_size: int | None, strategy: str | None, again: float | Literal["auto"] | None) -> Queried:
    """A round of items that are looked at one by one."""
    start = time.monotonic()
    config, number = view.project.config, _number(view)
    wanted = config.query.size if query_size is None else query_size

    # what is asked about before anything new is, each part of what the one before it has left of the round
    back = sent_back(view, wanted // 2)
    doubted = Doubts(view).again(wanted - len(back), config.query.again if again is None else again)
    glanced = look_again(view, number, min(-(-wanted // 4), wanted - len(back) - len(doubted)))
    twice = {item_of(i.id) for i in glanced}
    first = (*back, *glanced, *(i for i in doubted if item_of(i.id) not in twice))

    also = np.union1d(view.accepted_rows, drawable(view))

    def shared(name: str) -> RandomShare:
        return RandomShare(get_strategy(name), config.query.random_share, also)

    chooser = shared(strategy or config.query.strategy)
    out = np.array([view.row[i.id] for i in back], dtype=np.int64) if back else None
    state = view.state(number, samples=needs_samples(chooser)).replace(pending=out)
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
        query = chooser.query(view.state(number).replace(pending=out), size)
    if query is not None:  # what is drawn, and was to be looked at again anyway, is asked about once: as the draw
        first = tuple(i for i in first if item_of(i.id) not in query.ids)
    seconds = time.monotonic() - start
    return alone(view, queried(query, chooser.name, first, number, config.seed, view.embeddings, seconds))


def _number(view: View) -> int:
    return len(view.history.rounds) + 1
