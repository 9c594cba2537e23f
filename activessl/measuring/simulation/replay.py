"""Replay the loop of query, answers and teaching for one strategy and one seed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import pairwise
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from activessl.annotators.oracle import Habits
from activessl.errors import HeadError, MeasureError, QueryError
from activessl.geometry.smoothing import smooth
from activessl.geometry.units import centred_rows
from activessl.heads.base import Head
from activessl.heads.evidence import smoothing_pays
from activessl.heads.heeded import heed
from activessl.heads.registry import make_head
from activessl.heads.students import Student, shares_of, shares_of_scores, student_of
from activessl.labels.kinds import LabelKind, Labels, kind_of
from activessl.strategies.base import SAMPLES, QueryStrategy, State, needs_samples
from activessl.strategies.foreign import ask
from activessl.strategies.heeding import heeds_machine
from activessl.strategies.registry import get_strategy

#: Version of the replay, the strategies and the heads: raised when they change, so that older cached runs are not used.
VERSION = 3
#: Share of the items that is held out where no split is given.
TEST_SHARE = 0.2
#: How often skipped items are replaced by a new query, before a budget counts as unreachable.
MOST_REFILLS = 50


class View(NamedTuple):
    """The vectors of pool and test data, smoothed or plain."""

    pool: Float[np.ndarray, "p d"]
    test: Float[np.ndarray, "t d"]


@dataclass(frozen=True, eq=False)
class Views:
    """The vectors of one seed.

    Attributes:
        plain: Without smoothing.
        smoothed: Smoothed over the neighbourhoods of the pool; None to use the plain vectors always.
    """

    plain: View
    smoothed: View | None

    def chosen(self, rows: Int[np.ndarray, " m"], labels: Labels) -> View:
        """The vectors that these labels of the pool ask for."""
        if self.smoothed is None:
            return self.plain
        pays = smoothing_pays(self.smoothed.pool[rows], self.plain.pool[rows], labels)
        return self.smoothed if pays else self.plain


@dataclass(frozen=True, eq=False)
class Arena:
    """Checked data and settings, the same for all strategies and seeds.

    Attributes:
        vectors: (n, d) float32.
        labels: (n,) class indices, or (n, k) of 0 and 1.
        n_classes: k.
        split: (n,) 0 for the pool, other values for the test data; None for a new split for each seed.
        budgets: Label counts, ascending.
        head: Name of the head.
        seed: Root seed of all random numbers.
        habits: Error rate, skips and times of the simulated annotator.
        smoothing: Whether vectors are smoothed over the neighbourhoods of the pool where the labels ask for it, as in
            projects; otherwise never.
        answers: (n,) real answers of people about each item, -1 for a skip; None to draw them by ``habits``.
            Multi-label: one row per item, all -1 where it is skipped.
        times: (t,) seconds of real answers, drawn at random; None to draw them by ``habits``.
        machine: (n, k) share of each class in a machine's answer, NaN rows where it has none; None without a machine.
    """

    vectors: Float[np.ndarray, "n d"]
    labels: Labels
    n_classes: int
    split: Int[np.ndarray, " n"] | None
    budgets: tuple[int, ...]
    head: str
    seed: int
    habits: Habits
    smoothing: bool = True
    answers: Labels | None = None
    times: Float[np.ndarray, " t"] | None = None
    machine: Float[np.ndarray, "n k"] | None = None
    _views: dict[int, Views] = field(default_factory=dict, init=False, repr=False)
    _students: dict[tuple[int, bool], Student | None] = field(default_factory=dict, init=False, repr=False)

    def views(self, s: int) -> Views:
        """Compute the vectors of pool and test data for strategies and heads: without labels, the same for all arms."""
        key = 0 if self.split is not None else s
        if key not in self._views:
            self._views.clear()  # the arms of one seed run one after the other
            own, other = (self.vectors[rows] for rows in self.parts(s))
            mean = own.mean(axis=0, dtype=np.float64)
            plain = View(centred_rows(own, mean), centred_rows(other, mean))
            smoothed = None
            if self.smoothing:
                found = smooth(plain.pool)
                smoothed, plain = (View(each.points, each.transform(plain.test)) for each in (found, found.plain))
            self._views[key] = Views(plain, smoothed)
        return self._views[key]

    def student(self, s: int, view: View) -> Student | None:
        """What the machine says of any vector of this view; it has learned from the pool, without labels."""
        if self.machine is None:
            return None
        key = (0 if self.split is not None else s), view is self.views(s).smoothed
        if key not in self._students:
            for other in [k for k in self._students if k[0] != key[0]]:
                del self._students[other]
            self._students[key] = student_of(view.pool, self.machine[self.parts(s)[0]])
        return self._students[key]

    def parts(self, s: int) -> tuple[Int[np.ndarray, " p"], Int[np.ndarray, " t"]]:
        """Rows of the pool and of the test data, ascending, for a seed."""
        if self.split is not None:
            return np.flatnonzero(self.split == 0), np.flatnonzero(self.split != 0)
        rng = np.random.default_rng([self.seed, s, 0])
        test = np.zeros(len(self.labels), dtype=bool)
        if self.kind.independent:
            return self._even_parts(rng)
        for c in range(self.n_classes):
            own = rng.permutation(np.flatnonzero(self.labels == c))
            # at least one item for the test data and one for the pool
            test[own[: min(max(1, round(TEST_SHARE * len(own))), len(own) - 1)]] = True
        return np.flatnonzero(~test), np.flatnonzero(test)

    @property
    def kind(self) -> LabelKind:
        """How many classes an item has."""
        return kind_of(self.labels)

    def _even_parts(self, rng: np.random.Generator) -> tuple[Int[np.ndarray, " p"], Int[np.ndarray, " t"]]:
        """Split off a fifth of the items as test data; at least one item of each class stays in the pool."""
        order = rng.permutation(len(self.labels))
        left, test = self.labels.sum(axis=0), np.zeros(len(self.labels), dtype=bool)
        wanted = max(1, round(TEST_SHARE * len(order)))
        for row in order:
            if wanted and np.all((left - self.labels[row])[self.labels[row] > 0] > 0):
                test[row], left, wanted = True, left - self.labels[row], wanted - 1
        return np.flatnonzero(~test), np.flatnonzero(test)

    @property
    def digest(self) -> str:
        """Hash of data, settings and version, so that cached runs are only used for the same data and settings."""
        found = hashlib.sha256()
        arrays = (self.vectors, self.labels, self.split, self.habits.confusion, self.answers, self.times, self.machine)
        for array in arrays:
            if array is not None:
                found.update(str((array.shape, array.dtype)).encode())
                found.update(np.ascontiguousarray(array).data)
        h = self.habits
        told = (
            *(VERSION, version("activessl")),
            *(self.n_classes, self.budgets, self.head, self.seed, self.smoothing),
            *(h.mistakes, h.skips, h.seconds, h.spread),
        )
        found.update(repr(told).encode())
        return found.hexdigest()


@dataclass(frozen=True, slots=True)
class Track:
    """The result of one strategy on one seed, one value for each budget.

    Attributes:
        accuracy: Accuracy on the test items; multi-label: the share of items that are right in every class.
        seconds: Seconds of the queries.
        human_seconds: Seconds of labeling so far.
        cold_start: "itself", or the name of the strategy that chose the first batches instead.
    """

    accuracy: tuple[float, ...]
    seconds: tuple[float, ...]
    human_seconds: tuple[float, ...]
    cold_start: str


def arrange(
    vectors: Any,
    labels: Any,
    *,
    n_classes: int | None,
    split: Any,
    budgets: Sequence[int],
    head: str,
    seed: int,
    habits: Habits | None,
    smoothing: bool,
    answers: Any = None,
    times: Any = None,
    machine: Any = None,
) -> Arena:
    """Check the data and settings of a simulation once.

    Raises:
        MeasureError: Data or settings that cannot be used.
        HeadError: An unknown head.
    """
    x = np.asarray(vectors)
    y = np.asarray(labels)
    if x.ndim != 2 or y.ndim not in (1, 2) or len(x) != len(y) or not x.size:
        raise MeasureError(
            f"vectors of shape {x.shape} do not match labels of shape {y.shape}",
            hint="pass one row and one class for each item; multi-label: one row of 0 and 1",
        )
    if not np.issubdtype(x.dtype, np.number) or np.iscomplexobj(x):
        raise MeasureError(f"vectors of type {x.dtype}", hint="pass real numbers")
    x = x.astype(np.float32)
    bad = np.flatnonzero(~np.isfinite(x).all(axis=1))
    if len(bad):
        raise MeasureError(
            f"{len(bad)} of {len(x)} vectors hold NaN or infinity, first in row {bad[0]}",
            hint="drop those rows, or encode the items again",
        )
    y, k = _table(y, n_classes) if kind_of(y).independent else _indices(y, n_classes)
    parts = None
    if split is not None:
        parts = np.asarray(split)
        if parts.shape != (len(y),) or not np.any(parts == 0) or np.all(parts == 0):
            raise MeasureError(
                f"a split of shape {parts.shape} with {int(np.sum(parts == 0))} pool items for {len(y)} items",
                hint="pass 0 for pool items and another number for test items",
            )
        missing = np.flatnonzero(_bearers(y[parts == 0], k) < 1)
    else:
        missing = np.flatnonzero(_bearers(y, k) < 2)
    if len(missing):
        raise MeasureError(
            f"{len(missing)} of {k} classes have no item to learn from, first: class {missing[0]}",
            hint="drop those classes, or add items until each has at least 2",
        )
    counts = [int(b) for b in budgets]
    if not counts or counts[0] < 1 or any(b <= a for a, b in pairwise(counts)):
        raise MeasureError(f"budgets {counts} do not ascend from 1", hint="pass ascending counts such as 10,20,40")
    make_head(head, k, kind=kind_of(y))
    given, took = _real_answers(answers, times, y, k)
    said = None if machine is None else _said(machine, y, k)
    arena = Arena(x, y, k, parts, tuple(counts), head, int(seed), habits or Habits(), smoothing, given, took, said)
    size = len(arena.parts(0)[0])
    if counts[-1] > size:
        raise MeasureError(
            f"a budget of {counts[-1]:,} labels for a pool of {size:,} items", hint=f"use budgets of at most {size:,}"
        )
    return arena


def replay(arena: Arena, strategy: QueryStrategy, s: int) -> Track:
    """Replay one strategy on one seed.

    Raises:
        QueryError: The strategy cannot choose, or chose items that are not allowed.
        MeasureError: So many items are skipped that a budget cannot be reached.
    """
    import faiss  # noqa: F401  # imported here so that the import time does not count in the first query

    pool, test = arena.parts(s)
    views = arena.views(s)
    truth = arena.labels[pool]
    # an item has the same answer for all strategies: all answers are drawn beforehand
    rng = np.random.default_rng([arena.seed, s, 1])
    habits = arena.habits
    answers, spent = habits.answer(truth, arena.n_classes, rng)
    if arena.answers is not None:
        answers = arena.answers[pool]
    if arena.times is not None:
        spent = rng.choice(arena.times, len(pool))

    skipped = answers.reshape(len(answers), -1).min(axis=1) < 0
    head = make_head(arena.head, arena.n_classes, s, arena.kind)
    none = np.empty(0, dtype=np.int64)
    view = views.chosen(none, answers[:0])
    state = State(view.pool, none, answers[:0].astype(np.int64), arena.n_classes, _rng(arena, s, 0))
    asked = np.zeros(len(pool), dtype=bool)
    accuracy, seconds, human = [], [], []
    total, cold_start = 0.0, "itself"
    for r, budget in enumerate(arena.budgets):
        took = 0.0
        for refill in range(MOST_REFILLS):
            want = budget - len(state.labeled)
            if want == 0:
                break
            free = len(pool) - int(asked.sum())
            if free < want:
                break
            state = state.replace(rng=_rng(arena, s, r, refill), excluded=asked & skipped)
            before = perf_counter()
            try:
                query = ask(strategy, state, want)
            except QueryError:
                # until a first head is taught: also where skipped items of the first batch are replaced
                if state.probs is not None and not _waits(strategy, head, state):
                    raise
                cold_start = "random"
                query = get_strategy("random").query(state, want)
            took += perf_counter() - before

            rows = np.asarray(query.indices, dtype=np.int64)
            if len(rows) != want or len(np.unique(rows)) != want or asked[rows].any():
                raise QueryError(
                    f"{strategy.name} gave {len(rows)} items instead of {want} new and distinct ones",
                    hint="correct the strategy so that it returns as many new, distinct rows as asked for",
                )
            asked[rows] = True
            total += float(spent[rows].sum())
            got = rows[~skipped[rows]]
            state = state.replace(
                labeled=np.concatenate([state.labeled, got]), labels=np.concatenate([state.labels, answers[got]])
            )
        if len(state.labeled) < budget:
            raise MeasureError(
                f"only {len(state.labeled)} of {budget} labels can be given: the other items are skipped",
                hint="lower the budgets or the share of skips",
            )
        last, view = view, views.chosen(state.labeled, state.labels)
        if view is not last:  # the last weights belong to the other vectors
            head = make_head(arena.head, arena.n_classes, s, arena.kind)
        head.partial_fit(view.pool[state.labeled], state.labels)
        used = _heeding(arena, s, view, state, head) if heeds_machine(strategy) else head
        said = arena.kind.decide(used.predict_proba(view.test))
        accuracy.append(float(np.mean(arena.kind.same(said, arena.labels[test]))))
        seconds.append(took)
        human.append(total)
        if r + 1 < len(arena.budgets):
            state = _informed(state.replace(vectors=view.pool), used, head, strategy, _rng(arena, s, r, MOST_REFILLS))
    return Track(tuple(accuracy), tuple(seconds), tuple(human), cold_start)


def _heeding(arena: Arena, s: int, view: View, state: State, head: Head) -> Head:
    """The head that heeds the machine, if the labels speak for it; else the head on its own."""
    found = heed(view.pool[state.labeled], state.labels, arena.n_classes, [arena.student(s, view)])
    return head if found is None else found.head


def _said(machine: Any, y: Labels, k: int) -> Float[np.ndarray, "n k"]:
    """Check what a machine says, and return its shares.

    Raises:
        MeasureError: Answers that do not match the items or the classes, or items with several classes.
    """
    given = np.asarray(machine)
    if kind_of(y).independent:
        raise MeasureError("a machine with labels of several classes", hint="leave `machine` out of the file")
    if given.ndim == 2:
        if given.shape != (len(y), k) or not np.issubdtype(given.dtype, np.number) or np.iscomplexobj(given):
            raise MeasureError(
                f"machine scores of shape {given.shape} for {len(y)} items of {k} classes",
                hint="pass one row for each item and one column for each class",
            )
        return shares_of_scores(given)
    whole = given.shape == (len(y),) and given.dtype.kind in "iuf" and np.all(np.equal(np.mod(given, 1), 0))
    if not whole or given.min() < -1 or given.max() >= k:
        raise MeasureError(
            f"machine answers of shape {given.shape} for {len(y)} items of {k} classes",
            hint="pass one class index for each item, or -1 for none",
        )
    return shares_of(given.astype(np.int64), k)


def _real_answers(answers: Any, times: Any, y: Labels, k: int) -> tuple[Labels | None, Float[np.ndarray, " t"] | None]:
    """Check the real answers and times of people.

    Raises:
        MeasureError: Answers that do not match the items or the classes, or times that are not positive numbers.
    """
    given = None if answers is None else np.asarray(answers, dtype=np.int64)
    most = 2 if kind_of(y).independent else k
    if given is not None and (given.shape != y.shape or given.min() < -1 or given.max() >= most):
        raise MeasureError(
            f"answers of shape {given.shape} for {len(y)} items of {k} classes",
            hint="pass one class index for each item, or -1 for a skip",
        )
    took = None if times is None else np.asarray(times, dtype=np.float64)
    if took is not None and (took.ndim != 1 or not len(took) or not np.all(np.isfinite(took) & (took > 0))):
        raise MeasureError("times that are missing, NaN or not above 0", hint="pass the seconds of real answers")
    return given, took


def _bearers(y: Labels, k: int) -> Int[np.ndarray, " k"]:
    """Number of items of each class."""
    return np.asarray(y.sum(axis=0) if kind_of(y).independent else np.bincount(y, minlength=k))


def _table(y: Labels, n_classes: int | None) -> tuple[Labels, int]:
    k = y.shape[1]
    if y.dtype.kind not in "iubf" or not np.isin(y, (0, 1)).all() or k < 2 or n_classes not in (None, k):
        raise MeasureError(
            f"labels of shape {y.shape} for {n_classes or 'at least 2'} classes, or with other values than 0 and 1",
            hint="pass one row per item and one column per class: 1 where the item has the class",
        )
    return y.astype(np.int64), k


def _informed(state: State, used: Head, head: Head, strategy: QueryStrategy, rng: np.random.Generator) -> State:
    """The state after a round; draws are of the head on its own, because one that heeds machines has no posterior."""
    probs = used.predict_proba(state.vectors)
    samples = None
    draw = getattr(head, "sample_proba", None)
    if draw is not None and needs_samples(strategy):
        with suppress(HeadError):  # all labels so far are of one class
            samples = draw(state.vectors, SAMPLES, rng)
    return state.replace(probs=probs, predict=used.predict_proba, samples=samples)


def _waits(strategy: QueryStrategy, head: Head, state: State) -> bool:
    """Whether a strategy lacks only samples of the head, which exist once the labels have a second class."""
    return needs_samples(strategy) and state.samples is None and hasattr(head, "sample_proba")


def _rng(arena: Arena, s: int, *turn: int) -> np.random.Generator:
    return np.random.default_rng([arena.seed, s, 2, *turn])


def _indices(y: np.ndarray[Any, np.dtype[Any]], n_classes: int | None) -> tuple[Int[np.ndarray, " n"], int]:
    if np.issubdtype(y.dtype, np.floating) and not np.all(np.isfinite(y)):
        raise MeasureError("labels hold NaN or infinity", hint="drop the items without a class")
    if n_classes is None:
        names, found = np.unique(y, return_inverse=True)
        k = len(names)
    else:
        if not np.issubdtype(y.dtype, np.number) or np.any(y != y.astype(np.int64)):
            raise MeasureError(f"labels of type {y.dtype}", hint="number the classes from 0, or leave n_classes out")
        found, k = y.astype(np.int64), int(n_classes)
        if found.min() < 0 or found.max() >= k:
            raise MeasureError(
                f"labels from {found.min()} to {found.max()} with {k} classes", hint="number the classes from 0"
            )
    if k < 2:
        raise MeasureError(f"{k} class in the labels", hint="use data with at least 2 classes")
    return found.astype(np.int64), k
