"""Our strategies in modAL's learners."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.exceptions import NotFittedError

from activessl.strategies.base import QueryStrategy, State
from activessl.strategies.registry import get_strategy

#: What modAL 0.4.2 calls: (learner, X_pool, n_instances, random_tie_break) -> (indices, metrics).
ModalCallable = Callable[..., tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]


def as_query_strategy(strategy: str | QueryStrategy = "auto", *, seed: int = 0) -> ModalCallable:
    """Return an activessl strategy as the ``query_strategy`` of a modAL learner.

    The labeled items are modAL's training set, which may be empty; the other items are the pool. It works with an
    ``ActiveLearner`` or a ``Committee``, and respects ``on_transformed``.

    Args:
        strategy: A name, or a strategy object.
        seed: The same seed and the same number of labels give the same query; modAL may call a strategy twice.

    Returns:
        A callable that returns ``(indices, metrics)``: rows of ``X_pool``, the most informative first, and their
        scores, higher = ask sooner. Always a tuple of two arrays: modAL loses an item of a single array of two.
    """
    chosen = get_strategy(strategy)

    def query_strategy(
        learner: Any, X_pool: Any, n_instances: int = 1, **_: Any
    ) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        state = _state(learner, X_pool, seed)
        query = chosen.query(state, n_instances)
        return query.indices - len(state.labeled), query.scores

    query_strategy.__name__ = f"activessl_{chosen.name}"
    return query_strategy


def _state(learner: Any, X_pool: Any, seed: int) -> State:
    X_training, y_training = _training(learner)
    pool = _dense(learner.transform_without_estimating(X_pool) if learner.on_transformed else X_pool)
    m = 0 if X_training is None else len(y_training)
    if m:
        known = _dense(learner.transform_without_estimating(X_training) if learner.on_transformed else X_training)
        vectors = np.concatenate([known, pool])
    else:
        vectors = pool

    classes = _classes(learner, y_training)
    probs = None
    try:
        probs = learner.predict_proba(X_pool)
        if m:
            probs = np.concatenate([learner.predict_proba(X_training), probs])
    except NotFittedError:
        pass  # before the first label: strategies that need no probabilities can choose
    if probs is not None and probs.shape[1] != len(classes):
        probs = None
    return State(
        vectors=vectors,
        labeled=np.arange(m),
        labels=np.searchsorted(classes, np.asarray(y_training).ravel()) if m else np.zeros(0, dtype=np.int64),
        n_classes=max(len(classes), 1),
        rng=np.random.default_rng([seed, m]),
        probs=probs,
        class_names=tuple(str(c) for c in classes),
    )


def _training(learner: Any) -> tuple[Any, Any]:
    """Return the training set; of a committee that of the first member, as all members have bootstraps of one set."""
    source = learner.learner_list[0] if hasattr(learner, "learner_list") else learner
    return source.X_training, source.y_training


def _classes(learner: Any, y_training: Any) -> np.ndarray[Any, Any]:
    found = getattr(learner, "classes_", None)
    if found is None:
        found = getattr(getattr(learner, "estimator", None), "classes_", None)
    if found is not None:
        return np.asarray(found)
    return np.unique(np.asarray(y_training)) if y_training is not None else np.zeros(0)


def _dense(X: Any) -> np.ndarray[Any, Any]:
    dense = X.toarray() if hasattr(X, "toarray") else np.asarray(X)
    return dense.reshape(len(dense), -1)
