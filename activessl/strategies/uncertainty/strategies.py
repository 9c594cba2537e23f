"""Strategies that rank single items: random, uncertainty, disagreement of the posterior, power sampling."""

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
    """Draw items uniformly at random: the baseline, and a sample that estimates can use.

    All sets of near duplicates have the same probability, and so have all items of one set; ``propensities`` holds the
    exact probability of each item. Near duplicates of labeled items are never drawn and so are not represented; the
    random share of a project draws from all items (:class:`activessl.strategies.random_share.RandomShare`). Costs and
    class weights have no effect.
    """

    name: str = field(default="random", init=False)

    def query(self, state: State, query_size: int) -> Query:
        """Choose ``query_size`` candidates; see :class:`activessl.strategies.base.QueryStrategy`."""
        return answer(self, state, query_size)

    def left_to_chance(self, state: State) -> str:  # noqa: ARG002  # other strategies read it
        """Always a reason; see :func:`activessl.strategies.base.left_to_chance`."""
        return TO_MEASURE

    def choose(self, scene: Scene) -> Choice:
        """Draw without replacement."""
        positions = scene.state.rng.choice(len(scene.rows), scene.size, replace=False)
        chance = scene.size / len(scene.rows) / scene.multiplicity[positions]
        return Choice(scene.draw_copies(positions), propensities=chance)


@dataclass(frozen=True)
class Uncertainty:
    """Choose the items that the head is least certain about.

    For multi-label heads the score is the mean over the classes. While labels are few, this strategy is worse than
    random, because the confidence of the head is not reliable yet; REFINE, UHerding and `auto` use uncertainty where it
    helps.

    Args:
        measure: ``margin``, ``entropy`` or ``least_confidence``; also the name of the strategy.
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
        """Choose the rows with the highest scores; random order among ties."""
        uncertainty = scene.uncertainty(self.measure)
        scores = scene.weigh(uncertainty)
        top = rank(scores, scene.size, scene.state.rng)
        return Choice(scene.rows[top], scores[top], {"uncertainty": uncertainty[top]})


@dataclass(frozen=True)
class Disagreement:
    """Choose the items on which draws from the head's posterior (or members of a committee) disagree.

    Args:
        kind: ``bald`` (mutual information) or ``committee`` (entropy of the members' votes); also the name of the
            strategy.
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
        """Choose the rows with the highest scores; random order among ties."""
        information = information_of(scene, self.kind)
        scores = scene.weigh(information)
        top = rank(scores, scene.size, scene.state.rng)
        return Choice(scene.rows[top], scores[top], {"information": information[top]})


@dataclass(frozen=True)
class Power:
    """Draw items with a probability that increases with their uncertainty, and record the propensity.

    Random sampling makes the batch diverse. The drawn items can estimate the accuracy on the pool, because the
    propensity of every item is known.

    Args:
        measure: ``margin``, ``entropy``, ``least_confidence`` or ``bald``.
        exponent: 0 draws uniformly; a larger value is closer to choosing the highest scores.
    """

    measure: Literal["margin", "entropy", "least_confidence", "bald"] = "margin"
    exponent: float = 1.0
    name: str = field(default="power", init=False)

    @property
    def needs_samples(self) -> bool:
        """Whether the measure is BALD."""
        return self.measure == "bald"

    def query(self, state: State, query_size: int) -> Query:
        """Choose ``query_size`` candidates; see :class:`activessl.strategies.base.QueryStrategy`."""
        return answer(self, state, query_size, needs_probs=True)

    def choose(self, scene: Scene) -> Choice:
        """Draw without replacement by perturbed scores."""
        known = information_of(scene, "bald") if self.measure == "bald" else scene.uncertainty(self.measure)
        weights = np.maximum(scene.weigh(known), 1e-6) ** self.exponent  # certain items keep a small probability
        positions, chance = power_sample(weights, scene.size, scene.state.rng)
        chance = chance / scene.multiplicity[positions]
        return Choice(scene.draw_copies(positions), parts={"uncertainty": known[positions]}, propensities=chance)


def information_of(scene: Scene, kind: Literal["bald", "committee"]) -> Float[np.ndarray, " r"]:
    """Disagreement of the draws from the posterior on each row of a scene, single-label or multi-label.

    Raises:
        QueryError: The state has no draws, or their shape is wrong.
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
    # each class is a two-class problem
    return np.asarray(
        np.mean([score(np.stack([p, 1 - p], axis=2)) for p in np.moveaxis(samples, 2, 0)], axis=0).astype(np.float64)
    )


__all__ = ["MEASURES", "Disagreement", "Power", "Random", "Uncertainty", "information_of"]
