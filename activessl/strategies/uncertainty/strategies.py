"""Strategies that rank items one by one: random, uncertainty, disagreement of the posterior, power sampling."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Float

from activessl.errors import QueryError
from activessl.strategies.base import TO_MEASURE, Query, State
from activessl.strategies.scene import MEASURES, Choice, Scene, answer
from activessl.strategies.uncertainty.power import power_sample
from activessl.strategies.uncertainty.scores import bald, disagreement, rank


@dataclass(frozen=True)
class Random:
    """Draw items alike, whatever is known: the yardstick, and what estimates may be built on.

    Every group of near-duplicates is drawn alike, and within it every copy; ``propensities`` holds the exact chance of
    each item. Copies of labeled items are not drawn, so this alone says nothing of them: the random share of a project
    draws every item alike (:class:`activessl.strategies.random_share.RandomShare`). Costs and class weights change
    nothing.
    """

    name: str = field(default="random", init=False)

    def query(self, state: State, query_size: int) -> Query:
        """Choose ``query_size`` candidates; see :class:`activessl.strategies.base.QueryStrategy`."""
        return answer(self, state, query_size)

    def left_to_chance(self, state: State) -> str:  # noqa: ARG002  # others look at it
        """Always: see :func:`activessl.strategies.base.left_to_chance`."""
        return TO_MEASURE

    def choose(self, scene: Scene) -> Choice:
        """Draw without replacement."""
        positions = scene.state.rng.choice(len(scene.rows), scene.size, replace=False)
        chance = scene.size / len(scene.rows) / scene.multiplicity[positions]
        return Choice(scene.draw_copies(positions), propensities=chance)


@dataclass(frozen=True)
class Uncertainty:
    """Ask what the head is least sure about.

    Multi-label heads are asked class by class and averaged. Alone it is worse than random while there are few labels
    (the head does not know what it does not know); REFINE, UHerding and `auto` use it where it helps.

    Args:
        measure: ``margin``, ``entropy`` or ``least_confidence``; also the strategy's name.
    """

    measure: Literal["margin", "entropy", "least_confidence"] = "margin"

    @property
    def name(self) -> str:
        """The name it is registered under."""
        return self.measure

    def query(self, state: State, query_size: int) -> Query:
        """Choose ``query_size`` candidates; see :class:`activessl.strategies.base.QueryStrategy`."""
        return answer(self, state, query_size, needs_probs=True)

    def choose(self, scene: Scene) -> Choice:
        """Take the highest scores; ties fall at random."""
        uncertainty = scene.uncertainty(self.measure)
        scores = scene.weigh(uncertainty)
        top = rank(scores, scene.size, scene.state.rng)
        return Choice(scene.rows[top], scores[top], {"uncertainty": uncertainty[top]})


@dataclass(frozen=True)
class Disagreement:
    """Ask what draws from the head's posterior (or members of a committee) disagree about.

    Args:
        kind: ``bald`` (mutual information) or ``committee`` (entropy of the members' votes); also the strategy's name.
    """

    kind: Literal["bald", "committee"] = "bald"
    needs_samples: ClassVar[bool] = True

    @property
    def name(self) -> str:
        """The name it is registered under."""
        return self.kind

    def query(self, state: State, query_size: int) -> Query:
        """Choose ``query_size`` candidates; see :class:`activessl.strategies.base.QueryStrategy`."""
        return answer(self, state, query_size)

    def choose(self, scene: Scene) -> Choice:
        """Take the highest scores; ties fall at random."""
        information = information_of(scene, self.kind)
        scores = scene.weigh(information)
        top = rank(scores, scene.size, scene.state.rng)
        return Choice(scene.rows[top], scores[top], {"information": information[top]})


@dataclass(frozen=True)
class Power:
    """Draw items with a chance that grows with their uncertainty, and record the chance.

    The batch is spread out by the randomness alone, and what was drawn can still estimate the accuracy on the pool,
    as every item has a known chance.

    Args:
        measure: ``margin``, ``entropy``, ``least_confidence`` or ``bald``.
        exponent: 0 draws all alike; larger is closer to taking the top.
    """

    measure: Literal["margin", "entropy", "least_confidence", "bald"] = "margin"
    exponent: float = 1.0
    name: str = field(default="power", init=False)

    @property
    def needs_samples(self) -> bool:
        """Only if it draws by BALD."""
        return self.measure == "bald"

    def query(self, state: State, query_size: int) -> Query:
        """Choose ``query_size`` candidates; see :class:`activessl.strategies.base.QueryStrategy`."""
        return answer(self, state, query_size, needs_probs=True)

    def choose(self, scene: Scene) -> Choice:
        """Draw without replacement by perturbed scores."""
        known = information_of(scene, "bald") if self.measure == "bald" else scene.uncertainty(self.measure)
        weights = np.maximum(scene.weigh(known), 1e-6) ** self.exponent  # what seems certain keeps a small chance
        positions, chance = power_sample(weights, scene.size, scene.state.rng)
        chance = chance / scene.multiplicity[positions]
        return Choice(scene.draw_copies(positions), parts={"uncertainty": known[positions]}, propensities=chance)


def information_of(scene: Scene, kind: Literal["bald", "committee"]) -> Float[np.ndarray, " r"]:
    """Disagreement of the posterior's draws about each row of a scene, multi-label or not.

    Raises:
        QueryError: The state has no draws, or of a wrong shape.
    """
    state = scene.state
    if state.samples is None:
        raise QueryError(
            f"{kind} needs draws from the head's posterior",
            hint="use a head with sample_proba, or the strategy 'margin'",
        )
    samples = np.asarray(state.samples)
    if samples.ndim != 3 or samples.shape[0] < 2 or samples.shape[1:] != (len(state), state.n_classes):
        raise QueryError(
            f"samples have shape {samples.shape}, not (s, {len(state)}, {state.n_classes})",
            hint="pass at least 2 draws per item",
        )
    samples = samples[:, scene.rows]
    score = bald if kind == "bald" else disagreement
    if not scene.independent:
        return score(samples)
    # each class on its own, as a choice of two
    return np.asarray(
        np.mean([score(np.stack([p, 1 - p], axis=2)) for p in np.moveaxis(samples, 2, 0)], axis=0).astype(np.float64)
    )


__all__ = ["MEASURES", "Disagreement", "Power", "Random", "Uncertainty", "information_of"]
