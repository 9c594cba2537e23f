"""Choose the questions of a round of a project of regions."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from activessl.errors import QueryError
from activessl.labels.questions import REOPENED, Question
from activessl.labels.regions.stored import stored
from activessl.ledger.schema import Foreseen, Predicted, Queried
from activessl.project.regions.snapshot import RegionSnapshot
from activessl.steps.listed import listed_round
from activessl.steps.relabel import MOST_ASKINGS
from activessl.steps.select import UNREAD, asked_since, free_id, of_several
from activessl.strategies.parts.random_share import RandomItemShare
from activessl.strategies.parts.registry import get_part_strategy

__all__ = ["foreseen", "next_round"]


def next_round(
    snapshot: RegionSnapshot,
    query_size: int | None,
    *,
    strategy: str | None = None,
    items: Sequence[str] | None = None,
) -> Queried:
    """Choose the next round, for the ledger; arguments and errors as of ``Session.query``."""
    start, config, number = time.monotonic(), snapshot.project.config, snapshot.history.next_round
    if items is not None:
        chosen = listed_round(snapshot, items)
        listed = tuple(_once_more(snapshot, question) for question in chosen.questions)
        return chosen.model_copy(update={"questions": of_several(config, listed, number)})

    wanted = config.query.size if query_size is None else query_size
    back = _unread(snapshot, -(-wanted // 2))
    out = np.array([snapshot.row[question.item] for question in back], dtype=np.int64)
    state = snapshot.state(number).replace(pending=out if len(out) else None)
    free = len(state.candidates)
    if not free and not back:
        raise QueryError("every item is labeled or skipped", hint="run `activessl report`, or add items to the data")
    size = wanted - len(back)
    size = min(size, free) if query_size is None else size
    # those of the first rounds, before there was a model, measure nothing
    drawn = sum(len(r.foreseen) for r in snapshot.history.rounds)
    chooser = RandomItemShare(get_part_strategy(strategy or config.query.strategy), config.query.share_after(drawn))
    new: tuple[Question, ...] = ()
    if size and free:
        query = chooser.query(state, size)
        blind = snapshot.blind_rows(number)
        new = tuple(
            # an answer that measures the model must not be given with the model's regions shown
            question.model_copy(
                update={
                    "blind": bool(blind[row]) or (config.annotator.blind_random and question.propensity is not None)
                }
            )
            for question, row in zip(query.questions(state.id_of), query.indices, strict=True)
        )
    questions = tuple(free_id(snapshot.history, question) for question in (*new, *back))
    return Queried(
        round=number,
        strategy=chooser.name,
        seed=(config.seed, number),
        fingerprint=snapshot.fingerprint,
        questions=of_several(config, questions, number),
        seconds=time.monotonic() - start,
    )


def foreseen(snapshot: RegionSnapshot, chosen: Queried) -> Predicted | None:
    """Return what the model finds in the random items of a round: people's answers will measure it. None before the
    first head, or without random items.

    It is stored now, so that nothing that is taught later can change it.
    """
    items = [question.item for question in chosen.questions if question.kind == "random"]
    if not items or snapshot.head is None:
        return None
    found = zip(items, snapshot.predicted(items), strict=True)
    told = tuple(Foreseen(item=item, regions=tuple(stored(regions))) for item, (regions, _) in found)
    return Predicted(round=chosen.round, model=snapshot.history.model, items=told)


def _unread(snapshot: RegionSnapshot, most: int) -> tuple[Question, ...]:
    """Return questions about items whose answers cannot be read, or have a region of a class that was split."""
    history = snapshot.history
    free = {snapshot.ids[row] for row in np.flatnonzero(snapshot.free)}
    once = [item for item in history.unread if item in free and asked_since(history, item) < MOST_ASKINGS]
    always, asked = snapshot.project.config.annotator.blind_random, []
    for item in once[:most]:
        blind, reason = always and item in history.drawn, UNREAD
        if item in history.reopened:
            reason = REOPENED
        question = _once_more(snapshot, Question(kind="new", items=(item,)))
        asked.append(question.model_copy(update={"reason": reason, "blind": blind}))
    return tuple(asked)


def _once_more(snapshot: RegionSnapshot, question: Question) -> Question:
    """Return a question; an item whose task is done without an answer that can be read gets a new task."""
    history = snapshot.history
    question = question.asked_as(history.next_asking(question.item)) if question.item in history.unread else question
    return free_id(history, question)
