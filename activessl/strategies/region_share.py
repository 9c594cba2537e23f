"""A share of each round for regions of the pool that are new."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Int

from activessl.errors import QueryError
from activessl.strategies.base import Query, QueryStrategy, State, check_state, left_to_chance
from activessl.strategies.foreign import ask
from activessl.strategies.wrapping import Wrapping, joined

#: First part of the reason of an item that was asked about because its region is new.
IN_NEW_REGION = "lies among added items that no earlier item resembles"


@dataclass(frozen=True)
class RegionShare(Wrapping):
    """Wrap a strategy and let it choose a part of each query among given rows.

    A strategy that covers the pool passes over a small region, and one that follows the head's doubt may find the head
    sure and wrong there. Which items of the region are asked about is left to the strategy.

    Args:
        strategy: The strategy that chooses both parts. Items that it draws by weights keep no propensity, because it
            could not draw from all items.
        rows: (r,) rows of the regions.
        share: Share of each query that is chosen among them, in [0, 1], rounded up; fewer if fewer are free.

    Raises:
        QueryError: The share is outside [0, 1].
    """

    strategy: QueryStrategy
    rows: Int[np.ndarray, " r"]
    share: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise QueryError(f"share {self.share} of new regions is outside [0, 1]", hint="use a share from 0 to 1")

    def left_to_chance(self, state: State) -> str | None:
        """As the wrapped strategy: where it draws all items, no region is favoured."""
        return left_to_chance(self.strategy, state)

    def query(self, state: State, query_size: int) -> Query:
        """Let the strategy choose the share among the rows, then the rest from all other items."""
        candidates = check_state(state, query_size)
        there = np.intersect1d(candidates, self.rows)
        size = min(int(np.ceil(self.share * query_size)), len(there))
        if not size:
            return ask(self.strategy, state, query_size)
        outside = np.ones(len(state), dtype=bool)
        outside[there] = False
        excluded = outside if state.excluded is None else outside | state.excluded
        first = ask(self.strategy, state.replace(excluded=excluded), size)
        reasons = tuple(f"{IN_NEW_REGION}; {reason}" if reason else IN_NEW_REGION for reason in first.reasons)
        first = _without_chances(replace(first, reasons=reasons))
        if size == query_size:
            return first
        pending = first.indices if state.pending is None else np.concatenate([state.pending, first.indices])
        rest = _without_chances(ask(self.strategy, state.replace(pending=pending), query_size - size))
        return _joined(first, rest)


def _without_chances(query: Query) -> Query:
    return replace(query, propensities=np.full(len(query), np.nan), alike=())


def _joined(first: Query, rest: Query) -> Query:
    """Both queries, the items of the regions first; their scores are raised to those of the rest where needed."""
    lift = max(0.0, float(rest.scores.max()) - float(first.scores.min()))
    raised = replace(first, scores=first.scores + lift, strategy=rest.strategy, seed=rest.seed)
    return joined([raised, rest], np.arange(len(first) + len(rest)))
