"""Large pools: a strategy chooses from a random part of the pool, the field, and sees vectors of no other items."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from activessl.geometry.blocks import thin
from activessl.strategies.base import Query, QueryStrategy, State, check_state, left_to_chance
from activessl.strategies.foreign import ask
from activessl.strategies.wrapping import Wrapping

#: Fewest candidates to choose from for each item that is chosen; where the field has fewer, others join it.
_EACH = 20


class Sight(NamedTuple):
    """What a strategy sees of some rows.

    Attributes:
        vectors: (m, d) their vectors.
        probs: (m, k) the head's probabilities; None without a head.
        samples: (s, m, k) probabilities under draws of the head's posterior; None where nobody asked for them.
    """

    vectors: Float[np.ndarray, "m d"]
    probs: Float[np.ndarray, "m k"] | None
    samples: Float[np.ndarray, "s m k"] | None = None


@dataclass(frozen=True)
class Field(Wrapping):
    """Wrap a strategy, and let it choose from a field of the pool's rows that was drawn at random.

    The strategy gets a state of the candidates in the field and of the labeled and pending rows, and counts what it
    covers as parts of the whole pool. Its random draws are draws of the field, so they keep no propensity.

    Args:
        strategy: The strategy that chooses.
        rows: (f,) the rows of the field, ascending.
        look: Returns what is seen of some rows.
    """

    strategy: QueryStrategy
    rows: Int[np.ndarray, " f"]
    look: Callable[[Int[np.ndarray, " m"]], Sight]

    def left_to_chance(self, state: State) -> str | None:
        """As the wrapped strategy, by the labels."""
        covering = np.unique(state.covering)
        return left_to_chance(self.strategy, self._narrowed(state, covering, 1.0)) if len(covering) else None

    def query(self, state: State, query_size: int) -> Query:
        """Let the strategy choose from the field; see :class:`activessl.strategies.base.QueryStrategy`."""
        candidates = check_state(state, query_size)
        inside = candidates[np.isin(candidates, self.rows, assume_unique=True)]
        wanted = min(_EACH * query_size, len(candidates))
        if len(inside) < wanted:
            others = np.setdiff1d(candidates, inside, assume_unique=True)
            inside = np.sort(np.concatenate([inside, thin(others, wanted - len(inside), state.rng)]))
        rows = np.union1d(inside, state.covering)
        found = ask(self.strategy, self._narrowed(state, rows, len(candidates) / len(inside)), query_size)
        return replace(
            found,
            indices=rows[found.indices],
            propensities=np.full(len(found), np.nan),
            neighbours=tuple(tuple(int(rows[at]) for at in near) for near in found.neighbours),
        )

    def _narrowed(self, state: State, rows: Int[np.ndarray, " m"], stands_for: float) -> State:
        """The state of these rows only: they hold all labeled and pending rows, and of the others only candidates."""
        seen = self.look(rows)
        return state.replace(
            vectors=seen.vectors,
            probs=seen.probs,
            samples=seen.samples,
            labeled=np.searchsorted(rows, np.asarray(state.labeled, dtype=np.int64)),
            pending=None if state.pending is None else np.searchsorted(rows, state.pending),
            excluded=None,  # of rows that are neither labeled nor pending, only candidates are here
            costs=None if state.costs is None else state.costs[rows],
            ids=tuple(state.id_of(int(row)) for row in rows),
            stands_for=state.stands_for * stands_for,
            checked=False,
        )
