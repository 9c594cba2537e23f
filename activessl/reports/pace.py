"""How people answered: whether chosen items take longer than random ones, and whether suggestions are followed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from activessl.errors import MeasureError
from activessl.labels.answers import Answer
from activessl.ledger.history import History, RoundHistory
from activessl.measuring.planning.hours import Tax, difficulty_tax
from activessl.measuring.quality.anchoring import Anchoring, anchoring
from activessl.project.snapshot import Snapshot

__all__ = ["anchoring_of", "tax_of"]


def _single(history: History) -> list[RoundHistory]:
    """Return the rounds of single questions that a strategy chose."""
    return [r for r in history.rounds if not r.audits and not r.confirms]


def _first_looks(history: History) -> Iterator[Answer]:
    """Yield labels that people gave when such a round asked about the item for the first time."""
    asked = {q.item for r in _single(history) for q in r.questions if q.asking == 1}
    for answer in history.answers.values():
        if answer.kind == "label" and not answer.imported and answer.first_look and answer.item in asked:
            yield answer


def tax_of(snapshot: Snapshot) -> Tax | None:
    """Measure how much longer chosen items take than random ones; None with too few timed items."""
    drawn: list[Answer] = []
    chosen: list[Answer] = []
    # the last question about each item; items that were sent back by a cluster are neither chosen nor drawn
    asked = {q.item: q for r in _single(snapshot.history) for q in r.questions if q.asking == 1}
    for answer in _first_looks(snapshot.history):
        question = asked[answer.item]
        if question.propensity is not None:
            drawn.append(answer)
        elif not question.sent_back:
            chosen.append(answer)
    try:
        return difficulty_tax(chosen, drawn, rng=np.random.default_rng([snapshot.project.config.seed, 3]))
    except MeasureError:
        return None


def anchoring_of(snapshot: Snapshot) -> Anchoring | None:
    """Measure the anchoring of people on suggestions, against blind items; None with too few blind items."""
    shown: list[Answer] = []
    blind: list[Answer] = []
    unseen = {item: name for r in _single(snapshot.history) for push in r.pushed for item, name in push.unseen.items()}
    # random questions are all blind: both sides are compared on chosen items, which chance divides
    drawn = snapshot.history.drawn if snapshot.project.config.annotator.blind_random else frozenset()
    for answer in _first_looks(snapshot.history):
        if answer.item in drawn:
            continue
        if answer.suggested is not None:
            shown.append(answer)
        elif answer.item in unseen:
            blind.append(answer)
    rng = np.random.default_rng([snapshot.project.config.seed, 11])
    try:
        pace = difficulty_tax(shown, blind, rng=rng)
    except MeasureError:
        pace = None

    def agreed(answer: Answer, said: str) -> bool:
        return set(answer.classes) == set(snapshot.kind.parse(said))

    try:
        return anchoring(
            [agreed(a, str(a.suggested)) for a in shown], [agreed(a, unseen[a.item]) for a in blind], pace=pace
        )
    except MeasureError:
        return None
