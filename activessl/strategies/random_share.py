"""The random share of each round: random labels measure the accuracy and limit the harm of a bad strategy."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Int

from activessl.errors import QueryError
from activessl.strategies.base import (
    TO_MEASURE,
    Query,
    QueryStrategy,
    State,
    check_state,
    left_to_chance,
)
from activessl.strategies.explain import gather_facts, reasons
from activessl.strategies.foreign import ask
from activessl.strategies.wrapping import Wrapping, joined


@dataclass(frozen=True)
class RandomShare(Wrapping):
    """Wrap a strategy and draw a part of each query at random.

    The random items are drawn first and independently of the strategy, so the propensity of each candidate is known:
    the expected number of draws / the number of candidates. Every item has the same propensity, duplicates of other
    and of labeled items included, so a bound for the whole pool can use the random labels. A fractional number of
    items is rounded up or down at random; this keeps the propensity exact and measures small rounds too. The strategy
    sees the drawn items as pending, so it does not choose items that they cover.

    Args:
        strategy: The strategy that chooses the other items. With ``random``, and in a round that ``auto`` draws at
            random, the random share is 1. Items that another strategy draws keep their propensity, except with
            ``also``: then the strategy cannot draw all items, and only the random share represents the whole pool.
        share: Expected share of each query that is drawn at random, in [0, 1].
        also: (a,) rows that may be drawn although the strategy may not choose them, such as accepted items and items
            that were labeled only as part of a cluster; none of them pending.

    Raises:
        QueryError: The share is outside [0, 1].
    """

    strategy: QueryStrategy
    share: float = 0.1
    also: Int[np.ndarray, " a"] | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise QueryError(f"random share {self.share} is outside [0, 1]", hint="use a share between 0 and 1")

    def query(self, state: State, query_size: int) -> Query:
        """Draw the random share, then let the strategy choose the rest from the other items.

        Args:
            state: The state of the project.
            query_size: Number of items.

        Returns:
            The items in the order of the strategy, with the drawn items at even distances, so that a partly labeled
            round holds both kinds. A drawn item has the score of the item before it.
        """
        check_state(state, query_size)
        why = left_to_chance(self.strategy, state)
        expected = self.share * query_size if why is None else float(query_size)
        size = min(int(np.floor(expected + state.rng.random())), query_size)
        if not size:
            return self._choose(state, query_size)
        drawn = self._draw(state, size, expected, why or TO_MEASURE)
        if size == query_size:
            return drawn
        new = np.setdiff1d(drawn.indices, state.labeled)
        pending = new if state.pending is None else np.concatenate([state.pending, new])
        return merged(self._choose(state.replace(pending=pending), query_size - size), drawn)

    def _choose(self, state: State, size: int) -> Query:
        """Let the strategy choose; remove its propensities if it could not choose from all items (``also``)."""
        chosen = ask(self.strategy, state, size)
        if self.also is None or not len(self.also):
            return chosen
        return replace(chosen, propensities=np.full(len(chosen), np.nan))

    def _draw(self, state: State, size: int, expected: float, why: str) -> Query:
        """Draw items uniformly from the candidates and ``also``; the propensity is ``expected`` / their number."""
        frame = state.candidates if self.also is None else np.union1d(state.candidates, self.also)
        picks = state.rng.choice(frame, size, replace=False)
        facts = gather_facts(state, picks, frame, rng=np.random.default_rng(0))
        return Query(
            indices=picks,
            ids=tuple(state.id_of(int(row)) for row in picks),
            scores=np.linspace(1, 1 / size, size),
            reasons=reasons(state, picks, facts, [why] * size),
            propensities=np.full(size, expected / len(frame)),
            strategy=self.name,
            parts={"covers": facts.covers.astype(np.float64)},
            neighbours=facts.neighbours,
            alike=(True,) * size,
        )


def merged(chosen: Query, drawn: Query) -> Query:
    """Merge both queries: the drawn items at even distances, scores not increasing."""
    both = len(chosen) + len(drawn)
    at = np.unique(np.floor((np.arange(len(drawn)) + 0.5) * both / len(drawn)).astype(int))
    is_drawn = np.zeros(both, dtype=bool)
    is_drawn[at] = True
    order = np.empty(both, dtype=int)  # position -> index in chosen followed by drawn
    order[~is_drawn] = np.arange(len(chosen))
    order[is_drawn] = len(chosen) + np.arange(len(drawn))
    before = np.maximum(np.cumsum(~is_drawn) - 1, 0)  # the chosen item at or before each position
    # a drawn item was not scored: of the figures of the chosen ones it has none
    figures = {name: drawn.parts.get(name, np.zeros(len(drawn))) for name in chosen.parts}
    found = joined([chosen, replace(drawn, parts=figures)], order)
    return replace(found, scores=chosen.scores[before], alike=tuple(bool(d) for d in is_drawn))
