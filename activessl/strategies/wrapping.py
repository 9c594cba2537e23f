"""What strategies around another strategy share: its name and its needs, and how several queries become one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

from activessl.strategies.base import Query, QueryStrategy, needs_samples


class Wrapping:
    """A strategy around another one, which is its field ``strategy``: a setting of the round, not a strategy."""

    strategy: QueryStrategy

    @property
    def name(self) -> str:
        """The name of the wrapped strategy."""
        return self.strategy.name

    @property
    def needs_samples(self) -> bool:
        """Whether the wrapped strategy needs samples."""
        return needs_samples(self.strategy)


def joined(queries: Sequence[Query], order: Int[np.ndarray, " q"]) -> Query:
    """Put queries about different items together.

    The scores keep their values, so that the caller makes them comparable; of the parts, those that all queries have
    are kept. Strategy and seed are those of the first, and no item counts as drawn uniformly.

    Args:
        queries: At least one.
        order: For each position the item that stands there, counted through all queries.

    Example:
        >>> one, other = (Query(np.array(rows), tuple(map(str, rows)), np.ones(len(rows)), ("",) * len(rows),
        ...                     np.full(len(rows), np.nan), "auto") for rows in ([4, 5], [9]))
        >>> joined([one, other], np.array([2, 0, 1])).ids
        ('9', '4', '5')
    """
    ids = [one for query in queries for one in query.ids]
    reasons = [one for query in queries for one in query.reasons]
    near = [one for query in queries for one in query.neighbours or ((),) * len(query)]
    names = [name for name in queries[0].parts if all(name in query.parts for query in queries)]
    return Query(
        indices=np.concatenate([query.indices for query in queries])[order],
        ids=tuple(ids[i] for i in order),
        scores=np.concatenate([query.scores for query in queries])[order],
        reasons=tuple(reasons[i] for i in order),
        propensities=np.concatenate([query.propensities for query in queries])[order],
        strategy=queries[0].strategy,
        seed=queries[0].seed,
        parts={name: np.concatenate([query.parts[name] for query in queries])[order] for name in names},
        neighbours=tuple(near[i] for i in order),
    )
