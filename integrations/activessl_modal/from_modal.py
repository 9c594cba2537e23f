"""modAL's strategy functions among ours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.exceptions import NotFittedError

from activessl.errors import QueryError
from activessl.labels.kinds import kind_of
from activessl.strategies.base import Query, State, check_state


@dataclass(frozen=True)
class ModalStrategy:
    """A modAL strategy function, such as ``modAL.batch.uncertainty_batch_sampling``, as a query strategy.

    The function is given a learner that answers from the state: its ``predict_proba`` looks up the state's
    probabilities, its ``X_training`` are the labeled vectors.

    Args:
        function: Called with (learner, X_pool, n_instances, ...).
        name: Shown as the strategy's name; the function's by default.
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
            QueryError: The function answers something that is not a set of distinct candidates.
        """
        candidates = check_state(state, query_size)
        view = _LearnerView(state, candidates)
        pool = np.asarray(state.vectors[candidates])
        answer = self.function(view, pool, n_instances=query_size, **self.options)
        # 0.4.2 answers (indices, metrics), 0.4.1 bare indices
        chosen, metrics = answer if isinstance(answer, tuple) and len(answer) == 2 else (answer, None)
        rows = np.atleast_1d(np.asarray(chosen, dtype=np.int64))
        if len(rows) != query_size or len(np.unique(rows)) != query_size or rows.min() < 0 or rows.max() >= len(pool):
            raise QueryError(
                f"{self.name} chose {len(np.unique(rows))} distinct items where {query_size} were asked for",
                hint="check that the function takes n_instances and answers rows of X_pool",
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
    """modAL's metrics point either way; our scores fall. Metrics of another shape or order give way to the rank."""
    if len(metrics) == query_size and np.isfinite(metrics).all():
        for values in (metrics, -metrics):
            if np.all(np.diff(values) <= 0):
                return values.astype(float)
    return -np.arange(query_size, dtype=float)


class _LearnerView:
    """What a modAL function asks of a learner, answered from a state."""

    on_transformed = False

    def __init__(self, state: State, candidates: np.ndarray[Any, Any]) -> None:
        self._state = state
        self._candidates = candidates
        self.X_training = np.asarray(state.vectors[state.labeled]) if len(state.labeled) else None
        self.y_training = state.labels if len(state.labeled) else None
        self.classes_ = np.arange(state.n_classes)
        self.estimator = self

    def predict_proba(self, X: Any, **_: Any) -> np.ndarray[Any, Any]:
        """The state's probabilities, looked up for its candidates, asked of the head for other vectors."""
        if self._state.probs is None:
            raise NotFittedError("no head yet")
        if len(X) == len(self._candidates):
            known: np.ndarray[Any, Any] = self._state.probs[self._candidates]
            return known
        if self._state.predict is None:
            raise NotFittedError("the head cannot be asked about other vectors")
        answered: np.ndarray[Any, Any] = self._state.predict(np.asarray(X))
        return answered

    def predict(self, X: Any, **_: Any) -> np.ndarray[Any, Any]:
        """The most probable class; multi-label what is more probable than not."""
        found: np.ndarray[Any, Any] = kind_of(self._state.labels).decide(self.predict_proba(X))
        return found

    def transform_without_estimating(self, X: Any) -> Any:
        """Vectors are transformed already."""
        return X
