"""Random draws: one noun for what all measures of a project rest on."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Literal

from activessl.labels.answers import Answer
from activessl.ledger.history import History, RoundHistory

#: How a draw ended: with a class of the project, a class that the project does not have, a skip, or not (yet).
Ended = Literal["class", "unknown", "skip", "open"]


@dataclass(frozen=True, slots=True)
class Draw:
    """One item that was drawn at random with a known probability. All that is measured rests on these.

    Attributes:
        item: Its id.
        round: The round that drew it. What had a label then is in ``History.labeled_in``.
        propensity: Probability in (0, 1] with which it was drawn.
        uniform: Whether every item that could be asked had this probability.
        alone: True if its label is from a cluster, and it was drawn to be labeled alone.
        ended: How it ended. A question of a closed round that has no answer is "open" for good.
        waits: Whether its round is open, so that it may still be answered.
        seen: Whether a suggestion was selected when its label was given.
    """

    item: str
    round: int
    propensity: float
    uniform: bool
    alone: bool
    ended: Ended
    waits: bool
    seen: bool

    @property
    def pending(self) -> bool:
        """Whether it has not ended, and may still be answered."""
        return self.waits and self.ended == "open"


def draws_of(history: History) -> tuple[Draw, ...]:
    """The draws of all rounds, in order.

    A round that was closed before anybody answered one of its questions has no draws: that a round is dropped does not
    depend on its items. Whether a single question of a round is left open may depend on the item, so it counts.
    """
    by_item: dict[str, list[tuple[int, Answer]]] = {}
    for source, answer in history.answers.items():
        by_item.setdefault(answer.item, []).append((history.arrived.get(source, 0), answer))
    asked: dict[str, list[int]] = {}
    for r in history.rounds:
        for item in r.items:
            asked.setdefault(item, []).append(r.number)
    unknown = {a.source for a in history.quarantined}

    def answered(r: RoundHistory) -> bool:
        """Whether an answer to one of its questions came before its item was asked again."""
        for item in r.items:
            until = min((n for n in asked[item] if n > r.number), default=history.next_round)
            if any(r.number <= number < until and not a.imported for number, a in by_item.get(item, ())):
                return True
        return False

    found = []
    for r in history.rounds:
        drawn = [q for q in r.questions if q.propensity is not None]
        waits = r.closed is None and r.number == history.next_round - 1
        if not drawn or (not waits and not answered(r)):
            continue
        for question in drawn:
            given = [a for _, a in by_item.get(question.item, ()) if not a.cluster]
            # a later question about an item has its own answers, the first one those of any round that asked it first;
            # if these cannot be read, or their class was split, the answers of later rounds count
            own = [a for a in given if (a.question == question.id if question.asking > 1 else a.asking == 1)]
            unread = bool(own) and all(a.kind == "unread" for a in own)
            given = [a for a in given if a.asking >= question.asking] if unread else own
            if waits:  # which of its items somebody imports says something about them
                given = [a for a in given if not a.imported]
            found.append(
                Draw(
                    item=question.item,
                    round=r.number,
                    propensity=float(question.propensity or 0.0),
                    uniform=question.uniform,
                    alone=question.asking > 1 and question.confirmed,
                    ended=_ended(given, unknown),
                    waits=waits,
                    seen=any(a.suggested is not None for a in given),
                )
            )
    return tuple(found)


def _ended(given: Sequence[Answer], unknown: Set[str]) -> Ended:
    """How a draw ended, by the answers to it: a class outranks an unknown one, and both outrank a skip."""
    if any(a.kind == "label" and a.source not in unknown for a in given):
        return "class"
    if any(a.source in unknown for a in given):
        return "unknown"
    return "skip" if any(a.kind == "skip" for a in given) else "open"
