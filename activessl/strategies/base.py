"""The interface of query strategies: the state that they read and the query that they return."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int

from activessl.arguments import array, instance, whole
from activessl.errors import QueryError
from activessl.labels.kinds import kind_of
from activessl.labels.questions import Question

#: Class probabilities of any vectors under the current head: (m, d) -> (m, k). For strategies that predict vectors
#: outside the pool, such as the perturbed vectors of DropQuery.
Predict = Callable[[Float[np.ndarray, "m d"]], Float[np.ndarray, "m k"]]


def with_pending(labeled: Int[np.ndarray, " m"], pending: Int[np.ndarray, " p"] | None) -> Int[np.ndarray, " l"]:
    """The rows that have a label, and those that are asked about."""
    rows = np.asarray(labeled, dtype=np.int64)
    return rows if pending is None else np.concatenate([rows, pending]).astype(np.int64)


def free_rows(
    n: int, covering: Int[np.ndarray, " l"], excluded: Bool[np.ndarray, " n"] | None
) -> Int[np.ndarray, " c"]:
    """The rows of n that are neither covered nor excluded, ascending."""
    free = np.ones(n, dtype=bool)
    free[covering] = False
    if excluded is not None:
        free &= ~excluded
    return np.flatnonzero(free)


@dataclass(frozen=True, eq=False)
class State:
    """Everything that a strategy may read: an immutable value.

    Attributes:
        vectors: (n, d) the pool's embeddings. May be memory-mapped; never written to.
        labeled: (m,) rows that have a label; each row once.
        labels: (m,) class index of each labeled row, or (m, k) 0/1 for multi-label.
        n_classes: k, the number of classes of the project, with or without labels.
        rng: The only source of randomness.
        probs: (n, k) the head's calibrated probabilities, rows summing to one (multi-label: each in [0, 1]); None
            before there is a head.
        samples: (s, n, k) probabilities under s draws from the head's posterior, for BALD; None if the head has none.
        predict: The head as a function, for strategies that predict perturbed vectors; None before there is a head.
        excluded: (n,) True for unlabeled items that must not be asked about: skipped, missing or unreadable.
        pending: (p,) rows that are already asked about and have no label yet. They are not asked about again, and
            strategies that cover the pool count their neighborhood as covered. None when there are none.
        costs: (n,) expected seconds of human time per item, > 0; None when all items cost the same.
        class_weights: (k,) priority of each class, >= 0; None when all classes have the same priority.
        ids: The ids of the pool; by default the row numbers as text.
        class_names: The names of the classes, for the reasons.
        stands_for: Number of items of the pool that each candidate stands for, above 1 where the state holds a random
            part of the pool.
        checked: Whether the vectors are known to be finite, so that nobody reads all of them to check it.
    """

    vectors: Float[np.ndarray, "n d"]
    labeled: Int[np.ndarray, " m"]
    labels: np.ndarray[Any, np.dtype[Any]]
    n_classes: int
    rng: np.random.Generator
    probs: Float[np.ndarray, "n k"] | None = None
    samples: Float[np.ndarray, "s n k"] | None = None
    predict: Predict | None = None
    excluded: Bool[np.ndarray, " n"] | None = None
    pending: Int[np.ndarray, " p"] | None = None
    costs: Float[np.ndarray, " n"] | None = None
    class_weights: Float[np.ndarray, " k"] | None = None
    ids: tuple[str, ...] | None = None
    class_names: tuple[str, ...] | None = None
    stands_for: float = 1.0
    checked: bool = False

    def __len__(self) -> int:
        return len(self.vectors)

    @property
    def candidates(self) -> Int[np.ndarray, " c"]:
        """Rows that are not labeled, pending or excluded, ascending."""
        return free_rows(len(self), self.covering, self.excluded)

    @property
    def covering(self) -> Int[np.ndarray, " l"]:
        """Labeled and pending rows: coverage starts from them."""
        return with_pending(self.labeled, self.pending)

    def id_of(self, index: int) -> str:
        """The id of a row."""
        return self.ids[index] if self.ids is not None else str(index)

    def class_name(self, index: int) -> str:
        """The name of a class."""
        return self.class_names[index] if self.class_names is not None else f"class {index}"

    def replace(self, **changes: Any) -> State:
        """A copy with some attributes changed."""
        return replace(self, **changes)


@dataclass(frozen=True, eq=False)
class Query:
    """The chosen items, their order and their reasons.

    Attributes:
        indices: (q,) distinct rows of the pool, the most informative first; none labeled or excluded.
        ids: (q,) the same as ids.
        scores: (q,) not increasing; higher = ask sooner, for every strategy. The unit depends on the strategy.
        reasons: (q,) one plain sentence per item.
        propensities: (q,) probability in (0, 1] with which the item was drawn in this round; NaN where the choice was
            deterministic. Items with a known propensity can estimate the accuracy on the pool.
        strategy: The name of the strategy.
        seed: The seed of the rng, as (seed, round); empty when unknown.
        parts: Further figures per item, such as {"gain": (q,), "uncertainty": (q,)}.
        neighbours: (q,) rows of the nearest labeled items of each item, nearest first; empty when there are none.
        alike: (q,) True for items that were drawn uniformly from all items; empty when no item was.
        round: The round of the project, from 1; 0 outside a project.
    """

    indices: Int[np.ndarray, " q"]
    ids: tuple[str, ...]
    scores: Float[np.ndarray, " q"]
    reasons: tuple[str, ...]
    propensities: Float[np.ndarray, " q"]
    strategy: str
    seed: tuple[int, ...] = ()
    parts: dict[str, Float[np.ndarray, " q"]] = field(default_factory=dict)
    neighbours: tuple[tuple[int, ...], ...] = ()
    alike: tuple[bool, ...] = ()
    round: int = 0

    def __len__(self) -> int:
        return len(self.indices)

    def questions(self, id_of: Callable[[int], str]) -> tuple[Question, ...]:
        """The query as questions about single items; ``id_of`` gives the ids of the rows in ``neighbours``."""
        near = self.neighbours or ((),) * len(self)
        return tuple(
            Question(
                kind="new" if np.isnan(self.propensities[i]) else "random",
                items=(self.ids[i],),
                score=float(self.scores[i]),
                reason=self.reasons[i],
                propensity=None if np.isnan(self.propensities[i]) else float(self.propensities[i]),
                uniform=bool(self.alike and self.alike[i]),
                parts={name: float(values[i]) for name, values in self.parts.items()},
                near=tuple(id_of(row) for row in near[i]),
            )
            for i in range(len(self))
        )


@runtime_checkable
class QueryStrategy(Protocol):
    """Ranks the items of a state.

    Implementations are frozen dataclasses; their fields are the parameters. The same state and the same rng give the
    same query.
    """

    @property
    def name(self) -> str:
        """The name it is registered under."""
        ...

    def query(self, state: State, query_size: int) -> Query:
        """Choose items to ask about.

        Args:
            state: What is known.
            query_size: How many items, >= 1.

        Returns:
            Exactly ``query_size`` distinct candidates, the most informative first.

        Raises:
            QueryError: The state is invalid, or has fewer than ``query_size`` candidates.
        """
        ...


#: Number of draws from the head's posterior, for strategies that need them.
SAMPLES = 20


def needs_samples(strategy: QueryStrategy) -> bool:
    """Whether a strategy needs ``State.samples``, which are costly; such a strategy has ``needs_samples = True``."""
    return bool(getattr(strategy, "needs_samples", False))


#: The reason of the items of the random share.
TO_MEASURE = "drawn at random to measure the accuracy on the whole pool"


def left_to_chance(strategy: QueryStrategy, state: State) -> str | None:
    """The reason why a strategy draws the whole round uniformly at random; None if it chooses or draws by weights.

    Strategies that may draw a whole round have a method ``left_to_chance(state)``.
    """
    why = getattr(strategy, "left_to_chance", None)
    return None if why is None else why(state)


def check_state(state: State, query_size: int, *, needs_probs: bool = False) -> Int[np.ndarray, " c"]:
    """Check the state that a strategy is called with, and return its candidates.

    Raises:
        ArgumentError: The state is no State, or an attribute has the wrong type.
        QueryError: Wrong shapes, NaN or infinite vectors, labels outside the classes, too few candidates, or missing
            probabilities.

    Example:
        >>> state = State(np.eye(3), np.array([0]), np.array([1]), 2, np.random.default_rng(0))
        >>> check_state(state, 2).tolist()
        [1, 2]
        >>> check_state(state, 3)
        Traceback (most recent call last):
        activessl.errors.QueryError: asked for 3 items, but only 2 of 3 items are available
         hint: ask for at most 2, or add items to the pool
    """
    _check_kinds(state, query_size)
    n = len(state.vectors)
    if state.vectors.ndim != 2 or n == 0 or state.vectors.shape[1] == 0:
        raise QueryError(f"vectors have shape {state.vectors.shape}", hint="pass a matrix with one row per item")
    if query_size < 1:
        raise QueryError(f"asked for {query_size} items", hint="ask for at least 1 item")
    if state.n_classes < 1:
        raise QueryError(f"state.n_classes is {state.n_classes}", hint="name at least one class")
    # a sum is finite only if all of its terms are; this takes 50 times less memory than isfinite over a memory map
    blocks = range(0, 0 if state.checked else n, 65536)
    bad = [i for i in blocks if not np.isfinite(np.sum(state.vectors[i : i + 65536], dtype=np.float64))]
    if bad:
        rows = np.flatnonzero(~np.isfinite(state.vectors[bad[0] : bad[0] + 65536]).all(axis=1)) + bad[0]
        if len(rows):
            raise QueryError(
                f"vectors hold NaN or infinity, first in row {rows[0]}",
                hint="encode the pool again, or remove these items",
            )
    _check_labels(state, n)
    if state.pending is not None and len(state.pending):
        out = np.asarray(state.pending)
        if out.min() < 0 or out.max() >= n or len(np.unique(state.covering)) != len(state.covering):
            raise QueryError(
                "pending rows are outside the pool, repeated or labeled",
                hint="pass unlabeled rows of the pool, each row once",
            )
    if needs_probs and state.probs is None:
        raise QueryError("this strategy needs the head's probabilities", hint="label a few items first, or use 'auto'")
    if state.probs is not None and state.probs.shape != (n, state.n_classes):
        raise QueryError(
            f"probabilities have shape {state.probs.shape}, not {(n, state.n_classes)}", hint="fit the head again"
        )
    if state.probs is not None and not np.isfinite(np.sum(state.probs, dtype=np.float64)):
        raise QueryError("probabilities hold NaN or infinity", hint="fit the head again")
    candidates = state.candidates
    if query_size > len(candidates):
        raise QueryError(
            f"asked for {query_size:,} items, but only {len(candidates):,} of {n:,} items are available",
            hint=f"ask for at most {len(candidates):,}, or add items to the pool"
            if len(candidates)
            else "add items to the pool: all items are labeled, pushed or excluded",
        )
    return candidates


def _check_kinds(state: State, query_size: int) -> None:
    instance("state", state, State)
    array("state.vectors", state.vectors, "fiu")
    array("state.labeled", state.labeled, "iu", 1)
    array("state.labels", state.labels, "biu", 1, 2)
    instance("state.rng", state.rng, np.random.Generator)
    whole("state.n_classes", state.n_classes)
    whole("query_size", query_size)
    n = len(state.vectors)
    if state.probs is not None:
        array("state.probs", state.probs, "fiu", 2)
    if state.pending is not None:
        array("state.pending", state.pending, "iu", 1)
    if state.excluded is not None and array("state.excluded", state.excluded, "b", 1).shape != (n,):
        raise QueryError(
            f"state.excluded has {len(state.excluded)} values for {n} items", hint="pass one value per item"
        )


def _outside(numbers: Int[np.ndarray, " m"], n: int) -> int:
    """The first number that is not in 0 to n - 1."""
    return int(numbers[(numbers < 0) | (numbers >= n)][0])


def _check_labels(state: State, n: int) -> None:
    labeled, labels = np.asarray(state.labeled), np.asarray(state.labels)
    if len(labeled) != len(labels):
        raise QueryError(f"{len(labeled)} labeled rows but {len(labels)} labels", hint="pass one label per row")
    if not len(labeled):
        return
    if labeled.min() < 0 or labeled.max() >= n:
        raise QueryError(
            f"labeled rows include {_outside(labeled, n)}, but the pool has {n} items", hint="pass rows of this pool"
        )
    if len(np.unique(labeled)) != len(labeled):
        raise QueryError("labeled rows are repeated", hint="pass each row once")
    several = kind_of(labels).independent
    if several and labels.shape[1] != state.n_classes:
        raise QueryError(
            f"labels have {labels.shape[1]} columns, but the state has {state.n_classes} classes",
            hint="pass one column per class",
        )
    if not several and (labels.min() < 0 or labels.max() >= state.n_classes):
        raise QueryError(
            f"labels include {_outside(labels, state.n_classes)}, but the state has {state.n_classes} classes",
            hint="number the classes from 0",
        )
