"""Adapters for strategies of other libraries. No library is a dependency: only the methods of the objects are used.

    from skactiveml.pool import ProbCover
    strategy = ScikitActiveML(ProbCover())

    from small_text import BreakingTies
    strategy = SmallText(BreakingTies())

The strategies read the pool without near duplicates, the rng of the state and the probabilities of the head; their
picks get reasons as all others. For strategies of modAL see ``activessl_modal``.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float

from activessl.errors import QueryError
from activessl.geometry.blocks import Rows
from activessl.labels.kinds import kind_of
from activessl.strategies.base import Query, State
from activessl.strategies.foreign import translated
from activessl.strategies.scene import Choice, Scene, answer


@dataclass(frozen=True)
class ScikitActiveML:
    """A pool strategy of scikit-activeml.

    Args:
        strategy: An object with scikit-activeml's ``query(X, y, ..., candidates, batch_size, return_utilities)``. Each
            query uses a copy whose ``random_state`` is drawn from the rng of the state.
        arguments: Further arguments of ``query``: a mapping, or a function of the state such as
            ``lambda state: {"clf": ..., "fit_clf": True}``.
    """

    strategy: Any
    arguments: Mapping[str, Any] | Callable[[State], Mapping[str, Any]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The library and the class of the strategy."""
        return f"scikit-activeml:{type(self.strategy).__name__}"

    def query(self, state: State, query_size: int) -> Query:
        """Choose ``query_size`` candidates; see :class:`activessl.strategies.base.QueryStrategy`."""
        return answer(self, state, query_size)

    def choose(self, scene: Scene) -> Choice:
        """Choose ``scene.size`` of the rows."""
        state = scene.state
        if scene.independent:
            raise QueryError(
                f"{self.name} supports only one class per item", hint="use a strategy of activessl, such as 'auto'"
            )
        with translated(self.name):
            strategy = copy.deepcopy(self.strategy)
        if hasattr(strategy, "random_state"):
            strategy.random_state = int(state.rng.integers(2**31))
        y = np.full(len(state), np.nan)
        y[scene.labeled] = state.labels
        vectors = np.asarray(state.vectors, dtype=np.float32)
        with _seeded(state.rng), translated(self.name):
            more = self.arguments(state) if callable(self.arguments) else self.arguments
            picks, utilities = strategy.query(
                vectors, y, candidates=scene.rows, batch_size=scene.size, return_utilities=True, **more
            )
            picks = _checked(picks, scene, self.name)
            utilities = np.atleast_2d(np.asarray(utilities, dtype=np.float64))
            utility = utilities[np.minimum(np.arange(len(picks)), len(utilities) - 1), picks]
        return Choice(picks, parts={"utility": np.nan_to_num(utility)})


@dataclass(frozen=True)
class SmallText:
    """A query strategy of small-text that uses only probabilities or embeddings of its classifier.

    Args:
        strategy: An object with small-text's ``query(clf, dataset, indices_unlabeled, indices_labeled, y, n)``.
    """

    strategy: Any

    @property
    def name(self) -> str:
        """The library and the class of the strategy."""
        return f"small-text:{type(self.strategy).__name__}"

    def query(self, state: State, query_size: int) -> Query:
        """Choose ``query_size`` candidates; see :class:`activessl.strategies.base.QueryStrategy`."""
        return answer(self, state, query_size)

    def choose(self, scene: Scene) -> Choice:
        """Choose ``scene.size`` of the rows."""
        state = scene.state
        labels: Any = np.asarray(state.labels)
        if scene.independent:
            from scipy.sparse import csr_matrix

            labels = csr_matrix(labels)
        with _seeded(state.rng), translated(self.name):
            picks = copy.deepcopy(self.strategy).query(
                _Head(state), _Rows(state, np.arange(len(state))), scene.rows, scene.labeled, labels, n=scene.size
            )
            picks = _checked(picks, scene, self.name)
        return Choice(picks)


@dataclass(frozen=True, eq=False)
class _Rows:
    """Rows of the pool with the interface of a small-text dataset."""

    state: State
    rows: Rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, item: Any) -> _Rows:
        return _Rows(self.state, np.atleast_1d(self.rows[item]))

    @property
    def x(self) -> Float[np.ndarray, "m d"]:
        return np.asarray(self.state.vectors[self.rows], dtype=np.float32)


@dataclass(frozen=True, eq=False)
class _Head:
    """The head with the interface of a small-text classifier."""

    state: State

    def predict_proba(self, dataset: _Rows) -> Float[np.ndarray, "m k"]:
        if self.state.probs is None:
            raise QueryError(
                "this strategy needs the head's probabilities", hint="label a few items first, or use 'auto'"
            )
        return np.asarray(self.state.probs[dataset.rows])

    def predict(self, dataset: _Rows) -> Any:
        if kind_of(self.state.labels).independent:
            from scipy.sparse import csr_matrix

            return csr_matrix(self.predict_proba(dataset) >= 0.5, dtype=np.int64)
        return self.predict_proba(dataset).argmax(axis=1)

    def embed(self, dataset: _Rows, return_proba: bool = False, **_: Any) -> Any:
        return (dataset.x, self.predict_proba(dataset)) if return_proba else dataset.x


def _checked(picks: Any, scene: Scene, name: str) -> Rows:
    found = np.asarray(picks, dtype=np.int64).reshape(-1)
    if len(np.unique(found)) != scene.size or len(found) != scene.size or not np.isin(found, scene.rows).all():
        raise QueryError(
            f"{name} returned {len(np.unique(found))} distinct candidates instead of {scene.size}",
            hint="choose another strategy, or report the error to the developers of that library",
        )
    return found


@contextmanager
def _seeded(rng: np.random.Generator) -> Iterator[None]:
    """Seed NumPy's global generator, which these libraries use, and restore its state afterwards."""
    before = np.random.get_state()  # noqa: NPY002
    np.random.seed(int(rng.integers(2**32)))  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(before)  # noqa: NPY002
