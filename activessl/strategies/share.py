"""A share of every round drawn at random: the same labels also measure, and guard against a failing strategy."""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass, replace

import numpy as np
from jaxtyping import Int

from activessl.errors import QueryError
from activessl.strategies.base import Query, QueryStrategy, State, check_state


@dataclass(frozen=True)
class RandomShare:
    """Any strategy, with part of each query drawn uniformly from the candidates.

    The draws come first and do not depend on what the strategy would choose, so each candidate's propensity is known:
    ``share * query_size / candidates``. Where that expects a fraction of an item, it is rounded up or down at random,
    which keeps the propensity exact.

    Args:
        strategy: What chooses the rest.
        share: Expected part of each query that is drawn at random, in [0, 1].

    Raises:
        QueryError: The share is outside [0, 1].
    """

    strategy: QueryStrategy
    share: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise QueryError(f"a random share of {self.share}", hint="give a share between 0 and 1")

    @property
    def name(self) -> str:
        """The wrapped strategy's name: the random share is a setting of the round, not another strategy."""
        return self.strategy.name

    def query(self, state: State, query_size: int) -> Query:
        """Draw the random part, then let the strategy choose the rest among the others.

        Args:
            state: What is known.
            query_size: How many items.

        Returns:
            The strategy's order, with the drawn items spread evenly through it: whoever stops labeling early has
            labeled both kinds. A drawn item carries the score of the item before it.
        """
        if self.share == 0:
            return self.strategy.query(state, query_size)
        candidates = check_state(state, query_size)
        expected = self.share * query_size
        drawn_size = min(int(np.floor(expected + state.rng.random())), query_size)
        drawn = state.rng.choice(candidates, size=drawn_size, replace=False)
        propensity = expected / len(candidates)
        if drawn_size == query_size:
            return _drawn_query(self.name, state, drawn, propensity)
        if not drawn_size:
            return self.strategy.query(state, query_size)

        excluded = np.zeros(len(state), dtype=bool) if state.excluded is None else state.excluded.copy()
        excluded[drawn] = True
        chosen = self.strategy.query(state.replace(excluded=excluded), query_size - drawn_size)
        return _spread(chosen, _drawn_query(self.name, state, drawn, propensity))


def with_random_share(strategy: QueryStrategy, share: float) -> QueryStrategy:
    """The strategy with this random share: its own, where it has one and chooses the rest around it, else ours.

    Args:
        strategy: Any strategy.
        share: Expected part of each query that is drawn at random, in [0, 1].

    Example:
        >>> from activessl.strategies.registry import get_strategy
        >>> with_random_share(get_strategy("margin"), 0.2)
        RandomShare(strategy=..., share=0.2)
        >>> with_random_share(get_strategy("auto"), 0.2).random_share
        0.2
    """
    if is_dataclass(strategy) and any(f.name == "random_share" for f in fields(strategy)):
        return replace(strategy, random_share=share)
    return RandomShare(strategy, share)


def _drawn_query(name: str, state: State, drawn: Int[np.ndarray, " q"], propensity: float) -> Query:
    return Query(
        indices=drawn,
        ids=tuple(state.id_of(int(i)) for i in drawn),
        scores=np.zeros(len(drawn)),
        reasons=("drawn at random, to measure how good the model is on the whole pool",) * len(drawn),
        propensities=np.full(len(drawn), min(propensity, 1.0)),
        strategy=name,
        neighbours=((),) * len(drawn),
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
    neighbours = (chosen.neighbours or ((),) * len(chosen)) + drawn.neighbours
    return Query(
        indices=np.concatenate([chosen.indices, drawn.indices])[order],
        ids=tuple((chosen.ids + drawn.ids)[i] for i in order),
        scores=chosen.scores[before],
        reasons=tuple((chosen.reasons + drawn.reasons)[i] for i in order),
        propensities=np.concatenate([chosen.propensities, drawn.propensities])[order],
        strategy=chosen.strategy,
        seed=chosen.seed,
        parts={k: np.concatenate([v, np.zeros(len(drawn))])[order] for k, v in chosen.parts.items()},
        neighbours=tuple(neighbours[i] for i in order),
    )
