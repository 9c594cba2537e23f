"""modAL's strategy functions as our strategies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.exceptions import NotFittedError

from activessl.errors import QueryError
from activessl.labels.kinds import kind_of
from activessl.strategies.base import Query, State, check_state
from activessl.strategies.foreign import translated


@dataclass(frozen=True)
class ModalStrategy:
    """A modAL strategy function, such as ``modAL.batch.uncertainty_batch_sampling``, as a query strategy.

    The function gets a learner that reads from the state: ``predict_proba`` returns the state's probabilities,
    ``X_training`` are the labeled vectors.

    Args:
        function: Called with (learner, X_pool, n_instances, ...).
        name: The name of the strategy; by default that of the function.
        options: Further keyword arguments of the function.

    Example:
        >>> from modAL.uncertainty import margin_sampling
        >>> probs = np.array([[0.5, 0.5], [0.9, 0.1], [0.4, 0.6]])
        >>> state = State(np.eye(3), np.array([0]), np.array([0]), 2, np.random.default_rng(0), probs=probs)
        >>> ModalStrategy(margin_sampling).query(state, 2).indices.tolist()
        [2, 1]
    """

    function: Callable[..., Any]
    name: str = ""
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.name or f"modal_{getattr(self.function, '__name__', 'strategy')}")

    def query(self, state: State, query_size: int) -> Query:
        """Let the function choose among the candidates.

        Raises:
            QueryError: The function fails, or does not return the wanted number of distinct candidates.
        """
        candidates = check_state(state, query_size)
        view = _LearnerView(state, candidates)
        pool = np.asarray(state.vectors[candidates])
        with translated(self.name):
            answer = self.function(view, pool, n_instances=query_size, **self.options)
            # 0.4.2 returns (indices, metrics), 0.4.1 only indices
            chosen, metrics = answer if isinstance(answer, tuple) and len(answer) == 2 else (answer, None)
            rows = np.atleast_1d(np.asarray(chosen, dtype=np.int64))
            if (
                len(rows) != query_size
                or len(np.unique(rows)) != query_size
                or rows.min() < 0
                or rows.max() >= len(pool)
            ):
                raise QueryError(
                    f"{self.name} chose {len(np.unique(rows))} distinct items, not {query_size}",
                    hint="check that the function uses n_instances and returns rows of X_pool",
                )
            scores = -np.arange(query_size, dtype=float) if metrics is None else _falling(np.ravel(metrics), query_size)
        return Query(
            indices=candidates[rows],
            ids=tuple(state.id_of(int(i)) for i in candidates[rows]),
            scores=scores,
            reasons=(f"chosen by {self.name}",) * query_size,
            propensities=np.full(query_size, np.nan),
            strategy=self.name,
            neighbours=((),) * query_size,
        )


def _falling(metrics: np.ndarray[Any, Any], query_size: int) -> np.ndarray[Any, Any]:
    """Return falling scores. modAL's metrics rise or fall; if their shape or order is different, use the rank."""
    if len(metrics) == query_size and np.isfinite(metrics).all():
        for values in (metrics, -metrics):
            if np.all(np.diff(values) <= 0):
                return values.astype(float)
    return -np.arange(query_size, dtype=float)


class _LearnerView:
    """The methods and attributes of a learner that a modAL function uses, with the values of a state."""

    on_transformed = False

    def __init__(self, state: State, candidates: np.ndarray[Any, Any]) -> None:
        self._state = state
        self._candidates = candidates
        self.X_training = np.asarray(state.vectors[state.labeled]) if len(state.labeled) else None
        self.y_training = state.labels if len(state.labeled) else None
        self.classes_ = np.arange(state.n_classes)
        self.estimator = self

    def predict_proba(self, X: Any, **_: Any) -> np.ndarray[Any, Any]:
        """Return the state's probabilities for its candidates, and those of the head for other vectors."""
        if self._state.probs is None:
            raise NotFittedError("no head yet")
        if len(X) == len(self._candidates):
            known: np.ndarray[Any, Any] = self._state.probs[self._candidates]
            return known
        if self._state.predict is None:
            raise NotFittedError("the state has no head for other vectors")
        answered: np.ndarray[Any, Any] = self._state.predict(np.asarray(X))
        return answered

    def predict(self, X: Any, **_: Any) -> np.ndarray[Any, Any]:
        """Return the most probable class; for multi-label data all classes with a probability of more than a half."""
        found: np.ndarray[Any, Any] = kind_of(self._state.labels).decide(self.predict_proba(X))
        return found

    def transform_without_estimating(self, X: Any) -> Any:
        """Return the vectors, which are already transformed."""
        return X
