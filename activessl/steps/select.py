"""Choose the questions of a round: new items, doubted labels, items that clusters sent back, or clusters."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Literal

import numpy as np
from jaxtyping import Int

from activessl.errors import QueryError
from activessl.labels.questions import REOPENED, Question
from activessl.ledger.history import History
from activessl.ledger.schema import Queried
from activessl.pool.metadata.slicing import Slicing, sliced
from activessl.project.config import Config
from activessl.project.snapshot import Snapshot
from activessl.proof.agreement import differing
from activessl.steps.confirm import next_clusters
from activessl.steps.listed import listed_round
from activessl.steps.relabel import MOST_ASKINGS, Doubts
from activessl.strategies.balanced import Balanced
from activessl.strategies.base import Query, needs_samples
from activessl.strategies.field import Field
from activessl.strategies.random_share import RandomShare
from activessl.strategies.region_share import RegionShare
from activessl.strategies.registry import get_strategy

#: The reason of an audit of an item that was confirmed with its cluster; it names no class.
CONFIRMED = "confirmed with its cluster before, now drawn at random for an audit"
#: Labels after which a new region is favoured no more.
REGION_LABELS = 10
#: The reason of an item that was sent back by its cluster.
SENT_BACK = "did not belong to the cluster that it was shown with"
#: The reason of an item on which annotators differ; it names no class and nobody.
DIFFER = "annotators differ about it, a further person decides"
#: The strategy of a round of such items.
REVIEW = "review of differing answers"
#: Most review questions about one item.
MOST_REVIEWS = 2
#: The reason of an item whose answer cannot be read.
UNREAD = "the answer cannot be read"


def next_round(
    snapshot: Snapshot,
    query_size: int | None,
    *,
    strategy: str | None = None,
    again: float | Literal["auto"] | None = None,
    confirm: bool | None = None,
    balance: str | None = None,
    items: Sequence[str] | None = None,
) -> Queried:
    """Choose the next round of a project, for the ledger; arguments and errors as of ``Session.query``."""
    if items is not None:
        chosen = listed_round(snapshot, items)
        anew = tuple(free_id(snapshot.history, _asked_anew(snapshot, q)) for q in chosen.questions)
        return chosen.model_copy(update={"questions": of_several(snapshot.project.config, anew, chosen.round)})
    if confirm or (confirm is None and strategy is None and balance is None):
        clusters = next_clusters(snapshot, query_size, required=bool(confirm))
        if clusters is not None:
            return clusters
    chosen = _single(snapshot, query_size, strategy, again, balance)
    return chosen.model_copy(update={"questions": tuple(free_id(snapshot.history, q) for q in chosen.questions)})


def free_id(history: History, question: Question) -> Question:
    """Return a question whose id is not that of a question about another item, which had this item's name before."""
    while question.id in history.questions and question.items != history.questions[question.id].items:
        question = question.asked_as(question.asking + 1)
    return question


def _single(
    snapshot: Snapshot,
    query_size: int | None,
    strategy: str | None,
    again: float | Literal["auto"] | None,
    balance: str | None,
) -> Queried:
    """Choose a round of single items."""
    start = time.monotonic()
    config, number = snapshot.project.config, snapshot.history.next_round
    wanted = config.query.size if query_size is None else query_size

    # questions before new items; each part takes what the part before it leaves of the round
    back = _unread(snapshot, -(-wanted // 2))
    back += _sent_back(snapshot, (wanted - len(back)) // 2)
    also = np.union1d(snapshot.accepted_rows, drawable(snapshot))
    doubted = Doubts(snapshot).again(wanted - len(back), config.query.again if again is None else again)
    most = min(-(-wanted // 4), wanted - len(back) - len(doubted))
    reviews = review_questions(snapshot, most) if config.annotator.several else ()
    audits = _audits(snapshot, number, most - len(reviews))
    twice = {question.item for question in (*reviews, *audits)}
    first = (*back, *reviews, *audits, *(question for question in doubted if question.item not in twice))

    spread = _slices(snapshot, config.query.balance if balance is None else balance)

    regions = new_rows(snapshot)

    def shared(name: str) -> RandomShare:
        inner = get_strategy(name)
        if snapshot.large:
            inner = Field(inner, snapshot.field, snapshot.sight(number, samples=needs_samples(inner)))
        inner = inner if spread is None else Balanced(inner, spread.column, spread.of, spread.names)
        inner = RegionShare(inner, regions, config.query.new_share) if len(regions) else inner
        return RandomShare(inner, config.query.share_after(len(snapshot.history.drawn)), also)

    chooser = shared(strategy or config.query.strategy)
    out = np.array([snapshot.row[question.item] for question in back], dtype=np.int64) if back else None
    state = snapshot.state(number, samples=needs_samples(chooser)).replace(pending=out)
    free = len(state.candidates)
    if free == 0 and not first:
        raise QueryError(
            "every item is labeled, skipped or accepted", hint="run `activessl report`, or add items to the data"
        )
    size = wanted - len(first)
    size = min(size, free) if query_size is None else size
    try:
        query = chooser.query(state, size) if size and free else None
    except QueryError:
        if len(state.labeled) or strategy is not None:
            raise
        # most strategies that need a head cannot start without labels, `auto` can
        chooser = shared("auto")
        query = chooser.query(snapshot.state(number).replace(pending=out), size)
    if query is not None:  # an item that is both drawn and doubted is asked about once, as the draw
        first = tuple(question for question in first if question.item not in query.ids)
    return Queried(
        round=number,
        strategy=chooser.name if query is None else query.strategy,
        seed=(config.seed, number),
        fingerprint=snapshot.embeddings.fingerprint,
        questions=of_several(snapshot.project.config, (*_new(snapshot, query, number), *first), number),
        seconds=time.monotonic() - start,
    )


def _slices(snapshot: Snapshot, column: str | None) -> Slicing | None:
    """Return the slices of a column over which a round is spread."""
    if column is None:
        return None
    (found,) = snapshot.metadata.chosen([column])
    return sliced(found)


def _new(snapshot: Snapshot, query: Query | None, number: int) -> tuple[Question, ...]:
    """Return the strategy's questions, a share of them blind; a drawn item that was confirmed with its cluster is asked
    about again."""
    if query is None:
        return ()
    blind, always = snapshot.blind_rows(number), snapshot.project.config.annotator.blind_random
    questions = query.questions(lambda row: snapshot.embeddings.ids[row])
    # a label that measures the model must not be given with the model's class selected
    hidden = (
        question.model_copy(update={"blind": bool(blind[row]) or (always and question.propensity is not None)})
        for question, row in zip(questions, query.indices, strict=True)
    )
    return tuple(_asked_anew(snapshot, question) for question in hidden)


def of_several(config: Config, questions: tuple[Question, ...], number: int) -> tuple[Question, ...]:
    """Set how many people answer each question: first questions about items, not second opinions.

    Those of ``annotator.overlap`` are drawn whatever the strategy thinks of them, and blind: two people who take over
    the same suggestion would agree.
    """
    settings = config.annotator
    if not settings.several:
        return questions
    drawn = np.random.default_rng([config.seed, number, 14]).random(len(questions)) < settings.overlap
    out = []
    for question, overlaps in zip(questions, drawn.tolist(), strict=True):
        if question.kind in ("new", "random"):
            people = max(settings.per_item, 2) if overlaps else settings.per_item
            question = question.model_copy(update={"people": people, "blind": question.blind or overlaps})
        out.append(question)
    return tuple(out)


def review_questions(snapshot: Snapshot, most: int) -> tuple[Question, ...]:
    """Return questions about items on which annotators differ; they say neither who said what, nor which classes."""
    history = snapshot.history
    left = [d for d in differing(history) if d.asked < MOST_REVIEWS and d.item in snapshot.row]
    asked = [d.item for d in left if d.item not in history.missing][: max(0, most)]
    return tuple(
        Question(kind="review", items=(item,), asking=history.next_asking(item), reason=DIFFER) for item in asked
    )


def next_review(snapshot: Snapshot, most: int | None = None) -> Queried:
    """Choose a round of review questions only.

    Raises:
        QueryError: Annotators differ about no item that could be asked about.
    """
    questions = review_questions(snapshot, len(snapshot.history.labels) if most is None else most)
    if not questions:
        raise QueryError(
            "annotators differ about no item that a reviewer was not asked about",
            hint="run `activessl query`; set annotator.overlap, such as 0.1, so that two people answer a share of them",
        )
    config, number = snapshot.project.config, snapshot.history.next_round
    return Queried(
        round=number,
        strategy=REVIEW,
        seed=(config.seed, number),
        fingerprint=snapshot.embeddings.fingerprint,
        questions=tuple(free_id(snapshot.history, q) for q in questions),
        seconds=0.0,
    )


def _unread(snapshot: Snapshot, most: int) -> tuple[Question, ...]:
    """Return questions about the items whose answers cannot be read, or whose class was split: their tasks are done, so
    each gets another one."""
    history = snapshot.history
    free = {snapshot.embeddings.ids[row] for row in np.flatnonzero(snapshot.free)}
    once = [i for i in history.unread if i in free and asked_since(history, i) < MOST_ASKINGS]
    always = snapshot.project.config.annotator.blind_random
    asked = []
    for item in once[:most]:
        blind, reason = always and item in history.drawn, UNREAD
        if item in history.reopened:  # a blind question must not tell the label of before
            reason = REOPENED if blind else history.unread[item].why
        question = _asked_anew(snapshot, Question(kind="new", items=(item,)))
        asked.append(question.model_copy(update={"reason": reason, "blind": blind}))
    return tuple(asked)


def asked_since(history: History, item: str) -> int:
    """How often an item was asked about; of one whose class was split, since then."""
    if item not in history.reopened:
        return history.askings[item]
    return sum(item in r.items for r in history.rounds if r.number > history.reopened[item])


def _sent_back(snapshot: Snapshot, most: int) -> tuple[Question, ...]:
    """Return the questions that come first: items that people sent back, because the head was wrong with high
    confidence."""
    free = {snapshot.embeddings.ids[row] for row in np.flatnonzero(snapshot.free)} & snapshot.history.apart
    once = {item for r in snapshot.history.rounds if not r.confirms for item in r.items}
    asked = [item for r in snapshot.history.rounds if r.confirms for item in r.items if item in free - once]
    return tuple(Question(kind="new", items=(item,), reason=SENT_BACK, sent_back=True) for item in asked[:most])


def _audits(snapshot: Snapshot, number: int, most: int) -> tuple[Question, ...]:
    """Draw items that were confirmed with their cluster for an audit, up to the share of the config.

    Each is asked about as a separate task, and blind. The questions have no propensity: they are a sample of the
    confirmed items, not of the pool.
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
    return tuple(_alone(history, Question(kind="audit", items=(left[i],))) for i in drawn)


def drawable(snapshot: Snapshot) -> Int[np.ndarray, " g"]:
    """Return rows that were confirmed with their cluster and not asked about as single items: the random share draws
    from these too.

    Without them it would draw from harder items only, because clusters take the items of high confidence.
    """
    seen = _asked_alone(snapshot.history)
    only = snapshot.history.only_confirmed - seen - snapshot.history.missing
    return np.array(sorted(snapshot.row[i] for i in only if i in snapshot.row), dtype=np.int64)


def new_rows(snapshot: Snapshot) -> Int[np.ndarray, " r"]:
    """Return the rows of the regions that a comparison found to be new and that have few labels yet, ascending.

    A region counts until ``REGION_LABELS`` of its items have a label, or half of them if it is small: then the head
    knows it, and strategies treat it as any other.
    """
    history, row = snapshot.history, snapshot.row
    done = history.labels.keys() | history.set_aside
    rows: list[int] = []
    for compared in history.comparisons:
        for region in compared.regions:
            there = [item for item in region if item in row]
            if sum(item in done for item in there) < min(REGION_LABELS, len(there) / 2):
                rows += [row[item] for item in there]
    return np.unique(np.array(rows, dtype=np.int64))


def _asked_anew(snapshot: Snapshot, question: Question) -> Question:
    """Return a question; an item whose task is done without a label of its own is asked about again, as a new task."""
    history = snapshot.history
    if question.item in history.only_confirmed:
        return _alone(history, question)
    return question.asked_as(history.next_asking(question.item)) if question.item in history.unread else question


def _alone(history: History, question: Question) -> Question:
    return question.asked_as(history.next_asking(question.item), reason=CONFIRMED, blind=True, confirmed=True)


def _asked_alone(history: History) -> set[str]:
    """Return items that were asked about again, for any reason, after they were confirmed with their cluster."""
    return {q.item for r in history.rounds for q in r.questions if q.asking > 1} & history.confirmed.keys()
