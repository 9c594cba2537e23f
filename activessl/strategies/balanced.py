"""Spread a round over the slices of the pool, such as its cameras: a strategy chooses within each slice."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Int

from activessl.strategies.base import Query, QueryStrategy, State, check_state
from activessl.strategies.foreign import ask
from activessl.strategies.wrapping import Wrapping, joined

__all__ = ["Balanced", "quotas"]


def quotas(
    items: Int[np.ndarray, " s"], labels: Int[np.ndarray, " s"], free: Int[np.ndarray, " s"], size: int
) -> Int[np.ndarray, " s"]:
    r"""How many items of a round each slice gets: its labels shall be a share by the square root of its items.

    The square root lies between the shares of the pool, which are best for the accuracy on the whole pool, and equal
    shares, which are best for the least accurate slice. Slices with most labels missing come first.

    Args:
        items: Items of each slice in the pool.
        labels: Items of each slice that have a label or are asked about.
        free: Items of each slice that can be asked about.
        size: Items of the round, at most the sum of ``free``.

    Example:
        >>> quotas(np.array([900, 100]), np.array([20, 0]), np.array([880, 100]), 20).tolist()
        [10, 10]
        >>> quotas(np.array([900, 100]), np.array([0, 0]), np.array([900, 2]), 20).tolist()
        [18, 2]
    """
    root = np.sqrt(np.asarray(items, dtype=np.float64))
    given = np.zeros(len(items), dtype=np.int64)
    for _ in range(size):
        # the next question goes where the labels are the smallest part of what they should be
        have = (labels + given + 0.5) / np.maximum(root, 1e-9)
        have[given >= free] = np.inf
        given[int(np.argmin(have))] += 1
    return given


@dataclass(frozen=True)
class Balanced(Wrapping):
    """Wrap a strategy, and spread what it chooses over slices.

    Nothing is known of the probability with which an item is chosen: what a strategy draws at random within a slice is
    no sample of the pool.

    Args:
        strategy: The strategy that chooses within each slice.
        column: The name of the column, for the reasons.
        of: (n,) the slice of each row of the pool.
        names: (s,) the names of the slices.
    """

    strategy: QueryStrategy
    column: str
    of: Int[np.ndarray, " n"]
    names: tuple[str, ...]

    def query(self, state: State, query_size: int) -> Query:
        """Choose items of each slice, those of different slices in turn.

        Args:
            state: The state of the project.
            query_size: Number of items.
        """
        candidates = check_state(state, query_size)
        count = len(self.names)
        items, known, free = (
            np.bincount(self.of[rows], minlength=count) for rows in (np.arange(len(state)), state.covering, candidates)
        )
        given = quotas(items, known, free, query_size)
        parts, places = [], []
        pending = state.pending
        for s in np.argsort(-given, kind="stable"):
            if not given[s]:
                continue
            excluded = self.of != s
            if state.excluded is not None:
                excluded = excluded | state.excluded
            found = ask(self.strategy, state.replace(excluded=excluded, pending=pending), int(given[s]))
            why = f"; {self.column} {self.names[s]}: {known[s]:,} of {items[s]:,} items labeled or asked about"
            parts.append((found, why))
            places.append((np.arange(len(found)) + 0.5) / len(found))
            pending = found.indices if pending is None else np.concatenate([pending, found.indices])
        return _in_turn(parts, np.concatenate(places))


def _in_turn(parts: list[tuple[Query, str]], place: np.ndarray) -> Query:
    """Join the choices of all slices, in the order of ``place``."""
    found = [replace(query, reasons=tuple(f"{reason}{why}" for reason in query.reasons)) for query, why in parts]
    size = len(place)
    return replace(
        joined(found, np.argsort(place, kind="stable")),
        scores=np.linspace(1, 1 / size, size),
        propensities=np.full(size, np.nan),
    )
