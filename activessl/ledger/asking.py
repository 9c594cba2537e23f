"""A strategy's query as the ledger holds it, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from activessl.encoders.embeddings import Embeddings
from activessl.labels.answers import item_of
from activessl.ledger.fold import RoundHistory
from activessl.ledger.schema import Asked, Queried
from activessl.strategies.base import Query


def queried(
    query: Query | None,
    strategy: str,
    doubted: tuple[Asked, ...],
    number: int,
    seed: int,
    embeddings: Embeddings,
    seconds: float,
) -> Queried:
    """A round as the ledger holds it: new items in the strategy's order, then labels to be looked at again."""
    new: tuple[Asked, ...] = ()
    if query is not None:
        near = query.neighbours or ((),) * len(query)
        new = tuple(
            Asked(
                id=query.ids[i],
                score=float(query.scores[i]),
                reason=query.reasons[i],
                propensity=None if np.isnan(query.propensities[i]) else float(query.propensities[i]),
                alike=bool(query.alike and query.alike[i]),
                parts={name: float(values[i]) for name, values in query.parts.items()},
                near=tuple(embeddings.ids[j] for j in near[i]),
            )
            for i in range(len(query))
        )
    return Queried(
        round=number,
        strategy=strategy if query is None else query.strategy,
        seed=(seed, number),
        fingerprint=embeddings.fingerprint,
        seconds=seconds,
        items=new + doubted,
    )


def query_of(current: RoundHistory, row: Callable[[str], int], ids: Iterable[str]) -> Query:
    """The part of a round's query that still waits, in the order in which it is to be shown."""
    asked = {item.id: item for item in current.queried.items}
    items = [asked[item_id] for item_id in ids]
    return Query(
        indices=np.array([row(item_of(item.id)) for item in items], dtype=np.int64),
        ids=tuple(item.id for item in items),
        scores=np.array([item.score for item in items], dtype=float),
        reasons=tuple(item.reason for item in items),
        propensities=np.array([np.nan if i.propensity is None else i.propensity for i in items], dtype=float),
        strategy=current.queried.strategy,
        seed=current.queried.seed,
        round=current.number,
    )
