"""The steps that all strategies share before and after the choice.

``open_scene`` checks the state and collapses near duplicates; ``close_scene`` orders the picks, adds the reasons and
builds the Query. Between the two, a strategy is one call of ``choose(scene)``; ``answer`` runs all three steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from jaxtyping import Float, Int

from activessl.errors import QueryError
from activessl.geometry.blocks import Rows
from activessl.geometry.duplicates import collapse_duplicates, duplicate_tolerance
from activessl.labels.kinds import kind_of
from activessl.strategies.base import Query, State, check_state
from activessl.strategies.explain import gather_facts, reasons
from activessl.strategies.uncertainty.scores import entropy, least_confidence, margin, multilabel

MEASURES = {"margin": margin, "entropy": entropy, "least_confidence": least_confidence}


@dataclass(frozen=True, eq=False)
class Scene:
    """A checked state without near duplicates.

    Attributes:
        state: The state.
        query_size: Number of items to choose.
        rows: (r,) candidates to choose from, ascending, never empty: one of each set of near duplicates. Near
            duplicates of labeled items are left out.
        multiplicity: (r,) number of candidates that each row represents.
        groups: (c,) for each candidate of the state the position in ``rows`` of the row that represents it; -1 for
            near duplicates of labeled items, which are chosen only if no other item is left.
        appeal: (r,) factor on the gain of each row, > 0: the priority of its likely class per expected second of
            human time; None when all factors are equal.
    """

    state: State
    query_size: int
    rows: Int[np.ndarray, " r"]
    multiplicity: Int[np.ndarray, " r"]
    groups: Int[np.ndarray, " c"]
    appeal: Float[np.ndarray, " r"] | None

    @property
    def size(self) -> int:
        """Number of rows that a strategy must choose: ``query_size``, or fewer if there are fewer distinct items."""
        return min(self.query_size, len(self.rows))

    @property
    def labeled(self) -> Rows:
        """The labeled rows."""
        return np.asarray(self.state.labeled, dtype=np.int64)

    @property
    def covering(self) -> Rows:
        """The labeled and the pending rows."""
        return self.state.covering

    def copies(self, position: int) -> Rows:
        """All candidates that ``rows[position]`` represents, itself included."""
        if self.multiplicity[position] == 1:
            return self.rows[position : position + 1]
        return np.asarray(self.state.candidates[self.groups == position])

    def draw_copies(self, positions: Int[np.ndarray, " q"]) -> Rows:
        """For each of ``rows[positions]``, draw uniformly one of the candidates that the row represents."""
        return np.array([self.state.rng.choice(self.copies(int(at))) for at in positions], dtype=np.int64)

    def narrowed(self, positions: Int[np.ndarray, " p"], size: int) -> Scene:
        """The scene restricted to these positions, with ``size`` rows to choose."""
        appeal = None if self.appeal is None else self.appeal[positions]
        return replace(
            self, rows=self.rows[positions], multiplicity=self.multiplicity[positions], query_size=size, appeal=appeal
        )

    def weigh(self, gains: Float[np.ndarray, " r"]) -> Float[np.ndarray, " r"]:
        """Multiply the gains (>= 0) of the rows by their appeal."""
        return gains if self.appeal is None else np.multiply(gains, self.appeal)

    def probs(self) -> Float[np.ndarray, "r k"]:
        """The head's probabilities of the rows.

        Raises:
            QueryError: There is no head yet.
        """
        if self.state.probs is None:
            raise QueryError(
                "this strategy needs the head's probabilities", hint="label a few items first, or use 'auto'"
            )
        return np.asarray(self.state.probs[self.rows])

    @property
    def independent(self) -> bool:
        """Whether an item may have several classes (multi-label)."""
        return kind_of(self.state.labels).independent

    def uncertainty(self, measure: str = "margin") -> Float[np.ndarray, " r"]:
        """Uncertainty of the rows in [0, 1], single-label or multi-label."""
        return uncertainty_of(self.probs(), measure, independent=self.independent)


def uncertainty_of(
    probs: Float[np.ndarray, "n k"], measure: str = "margin", *, independent: bool = False
) -> Float[np.ndarray, " n"]:
    """Compute an uncertainty score by name; with ``independent`` (multi-label) as the mean over the classes.

    Raises:
        QueryError: An unknown measure.
    """
    score = MEASURES.get(measure)
    if score is None:
        raise QueryError(f"unknown uncertainty measure {measure!r}", hint=f"use one of {', '.join(sorted(MEASURES))}")
    return multilabel(score, probs) if independent else score(probs)


def open_scene(state: State, query_size: int, *, needs_probs: bool = False) -> Scene:
    """Check a state and collapse its near duplicates.

    Raises:
        QueryError: As :func:`activessl.strategies.base.check_state`; costs or class weights out of range.
    """
    candidates = check_state(state, query_size, needs_probs=needs_probs)
    labeled = state.covering  # near duplicates of pending items are left out too
    tolerance = duplicate_tolerance(state.vectors, rng=np.random.default_rng(0))
    every = np.concatenate([labeled, candidates])  # labeled rows first, so that they represent their near duplicates
    found = collapse_duplicates(state.vectors, tolerance, rows=every)
    fresh = found.representatives_at >= len(labeled)  # sets without a labeled member
    if not fresh.any():  # every candidate is a near duplicate of a labeled item
        groups = np.arange(len(candidates))
        return Scene(state, query_size, candidates, np.ones_like(groups), groups, _appeal(state, candidates))
    position = np.where(fresh, np.cumsum(fresh) - 1, -1)
    rows = found.representatives[fresh]
    groups = position[found.membership[len(labeled) :]]
    return Scene(state, query_size, rows, found.multiplicity[fresh], groups, _appeal(state, rows))


def _appeal(state: State, rows: Rows) -> Float[np.ndarray, " r"] | None:
    appeal = None
    if state.costs is not None:
        costs = np.asarray(state.costs, dtype=np.float64)
        if costs.shape != (len(state),) or not np.all(np.isfinite(costs)) or not np.all(costs > 0):
            raise QueryError("costs must be one positive number of seconds per item", hint="pass costs > 0, or None")
        appeal = np.median(costs[rows]) / costs[rows]
    if state.class_weights is not None:
        wanted = np.asarray(state.class_weights, dtype=np.float64)
        if (
            wanted.shape != (state.n_classes,)
            or not np.all(np.isfinite(wanted))
            or wanted.min() < 0
            or not wanted.any()
        ):
            raise QueryError(
                f"class weights must be {state.n_classes} numbers >= 0, at least one > 0",
                hint="pass one weight per class",
            )
        if state.probs is not None:
            probs = np.asarray(state.probs[rows], dtype=np.float64)
            mass = np.maximum(probs.sum(axis=1), 1e-12)
            want = (probs @ wanted) / mass / wanted.mean()
            want = np.maximum(want, 1e-6)  # rows of classes with weight 0 are chosen last, but can be chosen
            appeal = want if appeal is None else appeal * want
    return appeal


@dataclass(frozen=True, eq=False)
class Choice:
    """The choice of a strategy from a scene.

    Attributes:
        picks: (q,) distinct rows from ``scene.rows`` (or near duplicates of them), q = ``scene.size``.
        scores: (q,) finite; None if the strategy gives only an order (then 1, 1 - 1/q, ...).
        parts: Further figures per pick.
        leads: First part of the reason of each pick.
        propensities: (q,) probability of each pick, if drawn with known probability.
    """

    picks: Int[np.ndarray, " q"]
    scores: Float[np.ndarray, " q"] | None = None
    parts: Mapping[str, Float[np.ndarray, " q"]] = field(default_factory=dict)
    leads: Sequence[str] | None = None
    propensities: Float[np.ndarray, " q"] | None = None


class Chooser(Protocol):
    """The interface of the built-in strategies: one call between ``open_scene`` and ``close_scene``."""

    @property
    def name(self) -> str:
        """The name it is registered under."""
        ...

    def choose(self, scene: Scene) -> Choice:
        """Choose ``scene.size`` of ``scene.rows``."""
        ...


def answer(strategy: Chooser, state: State, query_size: int, *, needs_probs: bool = False) -> Query:
    """Open the scene, let the strategy choose, build the Query.

    Raises:
        QueryError: As :func:`open_scene`, or raised by the strategy.
    """
    scene = open_scene(state, query_size, needs_probs=needs_probs)
    return close_scene(scene, strategy.choose(scene), strategy=strategy.name)


def close_scene(scene: Scene, choice: Choice, *, strategy: str) -> Query:
    """Build the Query: order by score, fill up with near duplicates if too few items are distinct, add reasons."""
    picks = np.asarray(choice.picks, dtype=np.int64)
    count = len(picks)
    scores = np.asarray(np.linspace(1, 1 / count, count) if choice.scores is None else choice.scores, dtype=np.float64)
    order = np.argsort(-scores, kind="stable")
    picks, scores = picks[order], scores[order]
    chance: np.ndarray[Any, Any] = np.full(count, np.nan)
    if choice.propensities is not None:
        chance = np.asarray(choice.propensities, dtype=np.float64)[order]
    parts = {key: np.asarray(value, dtype=np.float64)[order] for key, value in choice.parts.items()}
    leads: list[str] = [""] * count if choice.leads is None else [str(choice.leads[i]) for i in order]
    short = scene.query_size - count
    if short > 0:
        rng = np.random.default_rng(0)  # any near duplicate will do, but the choice must be reproducible
        left = np.setdiff1d(scene.state.candidates, picks, assume_unique=True)
        picks = np.concatenate([picks, left[np.sort(rng.choice(len(left), short, replace=False))]])
        scores = np.append(scores, np.full(short, min(0.0, scores[-1])))
        chance = np.concatenate([chance, np.full(short, np.nan)])
        parts = {key: np.append(value, np.zeros(short)) for key, value in parts.items()}
        leads = leads + ["near duplicate of a labeled or chosen item; all distinct items are labeled or chosen"] * short
    facts = gather_facts(scene.state, picks, scene.state.candidates, rng=np.random.default_rng(0))
    return Query(
        indices=picks,
        ids=tuple(scene.state.id_of(int(row)) for row in picks),
        scores=scores,
        reasons=reasons(scene.state, picks, facts, leads),
        propensities=chance,
        strategy=strategy,
        parts={**parts, "covers": facts.covers.astype(np.float64)},
        neighbours=facts.neighbours,
    )
