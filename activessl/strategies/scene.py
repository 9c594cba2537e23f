"""What every strategy does before and after choosing: one door in, one door out.

``open_scene`` checks the state and collapses near-duplicates; ``close_scene`` orders the picks, says why, and builds
the Query. Between them a strategy is one call of a pure function, ``choose(scene)``; ``answer`` puts the three
together.
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
    """A checked state, with duplicates set aside.

    Attributes:
        state: The state.
        query_size: How many items were asked for.
        rows: (r,) candidates to choose from, one of each group of near-duplicates, none a copy of a labeled item;
            ascending, never empty.
        multiplicity: (r,) how many candidates each stands for.
        groups: (c,) for each candidate of the state the position in ``rows`` of the one that stands for it; -1 for
            copies of labeled items, which are asked only when nothing else is left.
        appeal: (r,) factor on the gain of each row, > 0: how much its likely class is wanted, per expected second of
            human time; None when all rows are alike.
    """

    state: State
    query_size: int
    rows: Int[np.ndarray, " r"]
    multiplicity: Int[np.ndarray, " r"]
    groups: Int[np.ndarray, " c"]
    appeal: Float[np.ndarray, " r"] | None

    @property
    def size(self) -> int:
        """How many rows a strategy is to choose: fewer than asked when there are fewer distinct items."""
        return min(self.query_size, len(self.rows))

    @property
    def labeled(self) -> Rows:
        """The labeled rows."""
        return np.asarray(self.state.labeled, dtype=np.int64)

    @property
    def covering(self) -> Rows:
        """The labeled rows and those whose labels are on their way."""
        return self.state.covering

    def copies(self, position: int) -> Rows:
        """All candidates that ``rows[position]`` stands for, itself among them."""
        if self.multiplicity[position] == 1:
            return self.rows[position : position + 1]
        return np.asarray(self.state.candidates[self.groups == position])

    def draw_copies(self, positions: Int[np.ndarray, " q"]) -> Rows:
        """One of the copies that each of ``rows[positions]`` stands for, drawn alike."""
        return np.array([self.state.rng.choice(self.copies(int(at))) for at in positions], dtype=np.int64)

    def narrowed(self, positions: Int[np.ndarray, " p"], size: int) -> Scene:
        """The same scene with just these of its rows, asked for ``size`` of them."""
        appeal = None if self.appeal is None else self.appeal[positions]
        return replace(
            self, rows=self.rows[positions], multiplicity=self.multiplicity[positions], query_size=size, appeal=appeal
        )

    def weigh(self, gains: Float[np.ndarray, " r"]) -> Float[np.ndarray, " r"]:
        """Gains (>= 0) of the rows, times their appeal."""
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
        """Whether each class is a yes or a no of its own, so that an item may have several."""
        return kind_of(self.state.labels).independent

    def uncertainty(self, measure: str = "margin") -> Float[np.ndarray, " r"]:
        """Uncertainty of the rows in [0, 1], of one class an item or of several."""
        return uncertainty_of(self.probs(), measure, independent=self.independent)


def uncertainty_of(
    probs: Float[np.ndarray, "n k"], measure: str = "margin", *, independent: bool = False
) -> Float[np.ndarray, " n"]:
    """One of the scores by name, asked class by class where each is a yes or a no of its own.

    Raises:
        QueryError: An unknown measure.
    """
    score = MEASURES.get(measure)
    if score is None:
        raise QueryError(f"unknown uncertainty measure {measure!r}", hint=f"use one of {', '.join(sorted(MEASURES))}")
    return multilabel(score, probs) if independent else score(probs)


def open_scene(state: State, query_size: int, *, needs_probs: bool = False) -> Scene:
    """Check a state and set duplicates aside.

    Raises:
        QueryError: As :func:`activessl.strategies.base.check_state`; costs or class weights out of range.
    """
    candidates = check_state(state, query_size, needs_probs=needs_probs)
    labeled = state.covering  # what is out for labeling needs no copy of it beside it
    tolerance = duplicate_tolerance(state.vectors, rng=np.random.default_rng(0))
    every = np.concatenate([labeled, candidates])  # labeled rows first, so that they represent their copies
    found = collapse_duplicates(state.vectors, tolerance, rows=every)
    fresh = found.representatives_at >= len(labeled)  # groups without a labeled member
    if not fresh.any():  # every candidate copies a labeled item
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
            want = np.maximum(want, 1e-6)  # what nobody wants comes last, but may come
            appeal = want if appeal is None else appeal * want
    return appeal


@dataclass(frozen=True, eq=False)
class Choice:
    """What a strategy chose out of a scene.

    Attributes:
        picks: (q,) distinct rows out of ``scene.rows`` (or copies of them), q = ``scene.size``.
        scores: (q,) finite; None for strategies whose order is their only score (then 1, 1 - 1/q, ...).
        parts: Further figures per pick.
        leads: What to say first about each pick.
        propensities: (q,) if drawn with known probability.
    """

    picks: Int[np.ndarray, " q"]
    scores: Float[np.ndarray, " q"] | None = None
    parts: Mapping[str, Float[np.ndarray, " q"]] = field(default_factory=dict)
    leads: Sequence[str] | None = None
    propensities: Float[np.ndarray, " q"] | None = None


class Chooser(Protocol):
    """A strategy in the form all built-in ones have: one call between the doors."""

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
        QueryError: As :func:`open_scene`, or what the strategy itself refuses.
    """
    scene = open_scene(state, query_size, needs_probs=needs_probs)
    return close_scene(scene, strategy.choose(scene), strategy=strategy.name)


def close_scene(scene: Scene, choice: Choice, *, strategy: str) -> Query:
    """Build the Query: order by score, fill up with spare copies if need be, say why."""
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
        rng = np.random.default_rng(0)  # which copy fills up is of no matter, but must be the same each time
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
