"""The random share of a round of items with parts: on it, thresholds are chosen and the quality is measured."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from activessl.errors import QueryError
from activessl.strategies.base import Query
from activessl.strategies.parts.state import PartState, PartStrategy, check_parts
from activessl.strategies.parts.strategies import RANDOM
from activessl.strategies.random_share import merged


@dataclass(frozen=True)
class RandomItemShare:
    """Wrap a strategy and draw a part of each query at random, as ``RandomShare`` does for classes.

    Random items are drawn first and independently of the strategy, so that the propensity of each candidate is known:
    the expected number of draws / the number of candidates. The strategy sees them as pending.

    Args:
        strategy: Chooses the other items.
        share: Expected share of each query that is drawn at random, in [0, 1].

    Raises:
        QueryError: The share is outside [0, 1].
    """

    strategy: PartStrategy
    share: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise QueryError(f"random share {self.share} is outside [0, 1]", hint="use a share between 0 and 1")

    @property
    def name(self) -> str:
        """The name of the wrapped strategy."""
        return self.strategy.name

    def query(self, state: PartState, query_size: int) -> Query:
        """Draw the random share, then let the strategy choose the rest."""
        frame = check_parts(state, query_size)
        chance = self.strategy.name == RANDOM.name or state.probs is None
        expected = query_size * (1.0 if chance else self.share)
        size = min(int(np.floor(expected + state.rng.random())), query_size)
        if not size:
            return self.strategy.query(state, query_size)
        drawn = RANDOM.query(state, size)
        drawn = replace(drawn, propensities=np.full(size, expected / len(frame)), strategy=self.name)
        if size == query_size:
            return drawn
        pending = drawn.indices if state.pending is None else np.concatenate([state.pending, drawn.indices])
        return merged(self.strategy.query(state.replace(pending=pending), query_size - size), drawn)
