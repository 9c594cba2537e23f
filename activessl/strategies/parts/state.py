"""What a strategy over items with parts may read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int

from activessl.arguments import whole
from activessl.errors import QueryError
from activessl.strategies.base import Query, free_rows, with_pending


@dataclass(frozen=True, eq=False)
class PartState:
    """All that is known when items with parts are chosen.

    Attributes:
        vectors: (t, d) the vectors of all parts, item after item; usually float16 and memory-mapped.
        offsets: (n + 1,) where the parts of each item begin.
        labeled: (m,) rows of items that have an answer.
        rng: The only source of randomness.
        probs: (t, k) probability of each class in each part; None before there is a head.
        pending: (p,) rows that are already asked about; None when there are none.
        excluded: (n,) True for items that must not be asked about.
        costs: (n,) expected seconds of human time per item, > 0; None when all items cost the same.
        regions: (n,) expected number of regions, for the reasons; None if it is not known.
        ids: The ids of the items; by default the row numbers as text.
        standard: (mean, scale) of (d,) each: vectors are compared after (vector - mean) * scale; None to compare them
        as
            they are.
    """

    vectors: np.ndarray[Any, np.dtype[Any]]
    offsets: Int[np.ndarray, " o"]
    labeled: Int[np.ndarray, " m"]
    rng: np.random.Generator
    probs: Float[np.ndarray, "t k"] | None = None
    pending: Int[np.ndarray, " p"] | None = None
    excluded: Bool[np.ndarray, " n"] | None = None
    costs: Float[np.ndarray, " n"] | None = None
    regions: Float[np.ndarray, " n"] | None = None
    ids: tuple[str, ...] | None = None
    standard: tuple[Float[np.ndarray, " d"], Float[np.ndarray, " d"]] | None = None

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def covering(self) -> Int[np.ndarray, " l"]:
        """Rows with an answer, and rows that are asked about."""
        return with_pending(self.labeled, self.pending)

    @property
    def candidates(self) -> Int[np.ndarray, " c"]:
        """Rows that are not labeled, pending or excluded, ascending."""
        return free_rows(len(self), self.covering, self.excluded)

    def id_of(self, row: int) -> str:
        """The id of an item."""
        return self.ids[row] if self.ids is not None else str(row)

    def replace(self, **changes: Any) -> PartState:
        """A copy with some attributes changed."""
        return replace(self, **changes)


@runtime_checkable
class PartStrategy(Protocol):
    """Ranks items that consist of parts; the same state and rng give the same query."""

    @property
    def name(self) -> str:
        """The name it is registered under."""
        ...

    def query(self, state: PartState, query_size: int) -> Query:
        """Choose items to ask about, the most informative first.

        Raises:
            QueryError: The state is invalid, or has fewer than ``query_size`` candidates.
        """
        ...


def check_parts(state: PartState, query_size: int, *, needs_probs: bool = False) -> Int[np.ndarray, " c"]:
    """Check the state, and return its candidates.

    Raises:
        QueryError: Arrays that do not fit each other, probabilities that are missing or not finite, or too few
            candidates.

    Example:
        >>> state = PartState(np.zeros((4, 2)), np.array([0, 2, 4]), np.array([0]), np.random.default_rng(0))
        >>> check_parts(state, 1).tolist()
        [1]
    """
    whole("query_size", query_size)
    offsets = np.asarray(state.offsets)
    if query_size < 1:
        raise QueryError(f"asked for {query_size} items", hint="ask for at least 1")
    if offsets[0] != 0 or offsets[-1] != len(state.vectors) or np.any(np.diff(offsets) < 1):
        raise QueryError(
            f"the offsets of {len(state):,} items end at {offsets[-1]:,}, and there are {len(state.vectors):,} parts",
            hint="give each item at least one part, and encode the pool again",
        )
    if needs_probs and state.probs is None:
        raise QueryError(
            "this strategy needs the head's probabilities", hint="label a few items first, or use 'random'"
        )
    if state.probs is not None and len(state.probs) != len(state.vectors):
        raise QueryError(
            f"{len(state.probs):,} probabilities for {len(state.vectors):,} parts", hint="teach the head again"
        )
    if state.probs is not None and not np.isfinite(np.sum(state.probs, dtype=np.float64)):
        raise QueryError("probabilities hold NaN or infinity", hint="teach the head again")
    if state.costs is not None and not (np.asarray(state.costs) > 0).all():
        raise QueryError("costs are not all above 0", hint="give the expected seconds of each item")
    candidates = state.candidates
    if query_size > len(candidates):
        raise QueryError(
            f"asked for {query_size:,} items, but only {len(candidates):,} of {len(state):,} items are available",
            hint=f"ask for at most {len(candidates):,}, or add items to the pool"
            if len(candidates)
            else "add items to the pool: all items are labeled, pushed or excluded",
        )
    return candidates


def expected_seconds(regions: Float[np.ndarray, " n"], *, a_region: float, looking: float) -> Float[np.ndarray, " n"]:
    """The expected time of labeling each item: looking at it, and drawing its expected regions.

    Args:
        regions: Expected number of regions of each item.
        a_region: Seconds for a region, > 0.
        looking: Seconds for an item without any, > 0.

    Example:
        >>> expected_seconds(np.array([0.0, 2.0]), a_region=8.0, looking=3.0).tolist()
        [3.0, 19.0]
    """
    if a_region <= 0 or looking <= 0:
        raise QueryError(f"{a_region:g} and {looking:g} seconds are not both above 0", hint="give seconds above 0")
    return np.asarray(looking + a_region * np.asarray(regions, dtype=np.float64))
