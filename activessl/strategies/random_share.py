"""A share of every round drawn at random: the same labels also measure, and guard against a failing strategy."""

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
    needs_samples,
)
from activessl.strategies.explain import gather_facts, reasons


@dataclass(frozen=True)
class RandomShare:
    """Any strategy, with part of each query drawn at random.

    The draws come first and do not depend on what the strategy would choose, so each candidate's propensity is known:
    the expected number of draws over the number of candidates. Every item is drawn alike, copies of others and of
    labeled items too: a promise about all items may rest on the draws. A fraction of an item is rounded up or down at
    random, which keeps the propensity exact and small rounds measured. The strategy sees the draws as pending, so what
    they cover is not asked twice.

    Args:
        strategy: What chooses the rest. ``random`` is all share, and so is a round that ``auto`` leaves to chance.
            What another one draws by itself keeps its propensity, unless there are items that it cannot draw: with
            ``also``, only the share speaks for all.
        share: Expected part of each query that is drawn at random, in [0, 1].
        also: (a,) rows that may be drawn although the strategy may not choose them, such as those that a machine
            labeled, or whose label nobody gave looking at the item alone; none of them pending.

    Raises:
        QueryError: The share is outside [0, 1].
    """

    strategy: QueryStrategy
    share: float = 0.1
    also: Int[np.ndarray, " a"] | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise QueryError(f"random share {self.share} is outside [0, 1]", hint="use a share between 0 and 1")

    @property
    def name(self) -> str:
        """The wrapped strategy's name: the random share is a setting of the round, not another strategy."""
        return self.strategy.name

    @property
    def needs_samples(self) -> bool:
        """Whether the wrapped strategy does."""
        return needs_samples(self.strategy)

    def query(self, state: State, query_size: int) -> Query:
        """Draw the random part, then let the strategy choose the rest among the others.

        Args:
            state: What is known.
            query_size: How many items.

        Returns:
            The strategy's order, with the drawn items spread evenly through it: whoever stops labeling early has
            labeled both kinds. A drawn item carries the score of the item before it.
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
        return _spread(self._choose(state.replace(pending=pending), query_size - size), drawn)

    def _choose(self, state: State, size: int) -> Query:
        """What the strategy chooses, without propensities where they say nothing of a part of the items."""
        chosen = self.strategy.query(state, size)
        if self.also is None or not len(self.also):
            return chosen
        return replace(chosen, propensities=np.full(len(chosen), np.nan))

    def _draw(self, state: State, size: int, expected: float, why: str) -> Query:
        """Items drawn alike out of all that are not labeled, the expected number of them known."""
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


def _spread(chosen: Query, drawn: Query) -> Query:
    """One query of both, the drawn items at even distances, scores still not increasing."""
    both = len(chosen) + len(drawn)
    at = np.unique(np.floor((np.arange(len(drawn)) + 0.5) * both / len(drawn)).astype(int))
    is_drawn = np.zeros(both, dtype=bool)
    is_drawn[at] = True
    order = np.empty(both, dtype=int)  # position -> index in chosen followed by drawn
    order[~is_drawn] = np.arange(len(chosen))
    order[is_drawn] = len(chosen) + np.arange(len(drawn))
    before = np.maximum(np.cumsum(~is_drawn) - 1, 0)  # the chosen item at or before each position
    neighbours = [*_neighbours(chosen), *_neighbours(drawn)]
    return Query(
        indices=np.concatenate([chosen.indices, drawn.indices])[order],
        ids=tuple((chosen.ids + drawn.ids)[i] for i in order),
        scores=chosen.scores[before],
        reasons=tuple((chosen.reasons + drawn.reasons)[i] for i in order),
        propensities=np.concatenate([chosen.propensities, drawn.propensities])[order],
        strategy=chosen.strategy,
        seed=chosen.seed,
        parts={
            k: np.concatenate([v, drawn.parts.get(k, np.zeros(len(drawn)))])[order] for k, v in chosen.parts.items()
        },
        neighbours=tuple(neighbours[i] for i in order),
        alike=tuple(bool(d) for d in is_drawn),
    )


def _neighbours(query: Query) -> tuple[tuple[int, ...], ...]:
    """One entry an item, empty where nothing was labeled yet."""
    return query.neighbours or tuple(() for _ in range(len(query)))
