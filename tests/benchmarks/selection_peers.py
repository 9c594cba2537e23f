"""Strategies of other packages as published, behind the protocol of activessl, for comparison only.

Needs scikit-activeml, small-text and modAL-python from PyPI. Each gets the same vectors and the same head.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from activessl.errors import QueryError
from activessl.strategies.base import Query, State

Choose = Callable[[State, int, int], Any]


@dataclass(frozen=True)
class Peer:
    """A strategy of another package: ``choose(state, size, seed)`` returns rows of the pool."""

    name: str
    choose: Choose
    needs_head: bool = False

    def query(self, state: State, query_size: int) -> Query:
        if self.needs_head and state.probs is None:
            raise QueryError(f"{self.name} needs the head", hint="label some items first")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            rows = np.asarray(self.choose(state, query_size, int(state.rng.integers(2**31))), dtype=np.int64)
        rows = np.asarray(list(dict.fromkeys(rows.tolist())))
        if len(rows) < query_size:  # some strategies return fewer items than asked for
            left = np.setdiff1d(state.candidates, rows)
            rows = np.concatenate([rows, state.rng.choice(left, query_size - len(rows), replace=False)])
        return Query(
            indices=rows,
            ids=tuple(map(str, rows)),
            scores=np.linspace(1, 0.5, query_size),
            reasons=("chosen by another package",) * query_size,
            propensities=np.full(query_size, np.nan),
            strategy=self.name,
        )


def _skactiveml(kind: str, *, head: bool = False, classes: bool = False, **params: Any) -> Choose:
    def choose(state: State, size: int, seed: int) -> Any:
        import skactiveml.pool as pool

        y = np.full(len(state), np.nan)
        y[state.labeled] = state.labels
        more = {"n_classes": state.n_classes} if classes else {}
        made = getattr(pool, kind)(random_state=seed, **params, **more)
        given = {"clf": _frozen(state), "fit_clf": False} if head else {}
        return made.query(np.asarray(state.vectors), y, batch_size=size, **given)

    return choose


def _frozen(state: State) -> Any:
    from skactiveml.base import SkactivemlClassifier

    class Frozen(SkactivemlClassifier):  # type: ignore[misc]
        """The fitted head of activessl in the protocol of scikit-activeml."""

        def __init__(self) -> None:
            super().__init__(classes=list(range(state.n_classes)), missing_label=np.nan)
            self.classes_ = np.arange(state.n_classes)
            self.n_features_in_ = state.vectors.shape[1]

        def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
            return self

        def predict_proba(self, X: Any) -> Any:
            return np.asarray(state.predict(np.asarray(X, dtype=np.float32)), dtype=np.float64)

        def predict(self, X: Any) -> Any:
            return self.predict_proba(X).argmax(axis=1)

        def __deepcopy__(self, memo: Any) -> Any:
            return self

        def __sklearn_clone__(self) -> Any:
            return self

    return Frozen()


def _modal_ranked(state: State, size: int, seed: int) -> Any:
    from modAL.batch import ranked_batch

    free = state.candidates
    doubt = 1 - np.asarray(state.probs)[free].max(axis=1)
    learner = SimpleNamespace(
        X_training=np.asarray(state.vectors)[state.labeled],
        on_transformed=False,
        transform_without_estimating=lambda x: x,
    )
    found = ranked_batch(learner, np.asarray(state.vectors)[free], doubt, size, "euclidean", None)
    return free[np.asarray(found[0] if isinstance(found, tuple) else found)]


def _small_text(kind: str) -> Choose:
    def choose(state: State, size: int, seed: int) -> Any:
        import small_text.query_strategies as strategies

        np.random.seed(seed)  # noqa: NPY002  # small-text draws from the global generator
        free = state.candidates
        x = np.asarray(state.vectors)
        head = SimpleNamespace(predict_proba=lambda part: np.asarray(state.predict(part)))
        made = getattr(strategies, kind)()
        more = {"embeddings": x} if kind == "GreedyCoreset" else {}
        return np.asarray(made.query(head, x, free, state.labeled, np.asarray(state.labels), size, **more))

    return choose


PEERS: dict[str, Peer] = {
    peer.name: peer
    for peer in (
        Peer("skactiveml max_herding", _skactiveml("MaxHerding", metric_dict={"gamma": 1.0})),
        Peer("skactiveml typiclust", _skactiveml("TypiClust")),
        Peer("skactiveml prob_cover", _skactiveml("ProbCover", classes=True)),
        Peer("skactiveml core_set", _skactiveml("CoreSet")),
        Peer("skactiveml badge", _skactiveml("Badge", head=True), needs_head=True),
        Peer("skactiveml drop_query", _skactiveml("DropQuery", head=True), needs_head=True),
        Peer("small-text breaking_ties", _small_text("BreakingTies"), needs_head=True),
        Peer("small-text greedy_coreset", _small_text("GreedyCoreset"), needs_head=True),
        Peer("modAL ranked_batch", _modal_ranked, needs_head=True),
    )
}
