"""Strategies that rank items one by one: random, uncertainty, disagreement of the posterior."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from activessl.errors import QueryError
from activessl.strategies.base import Query, State
from activessl.strategies.scene import close_scene, open_scene
from activessl.strategies.scores import bald, disagreement, rank


@dataclass(frozen=True)
class Random:
    """Draw items alike, whatever is known: the yardstick, and what estimates may be built on.

    Every group of near-duplicates is drawn alike, and within it every copy; ``propensities`` holds the exact chance of
    each item (copies of labeled items are not drawn). Costs and class weights change nothing.
    """

    name: str = field(default="random", init=False)

    def query(self, state: State, query_size: int) -> Query:
        """Choose ``query_size`` candidates; see :class:`activessl.strategies.base.QueryStrategy`."""
        scene = open_scene(state, query_size)
        picks = state.rng.choice(len(scene.rows), scene.size, replace=False)
        rows = np.array([state.rng.choice(scene.copies(int(position))) for position in picks])
        chance = scene.size / len(scene.rows) / scene.multiplicity[picks]
        return close_scene(scene, rows, None, strategy=self.name, propensities=chance)


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
        scene = open_scene(state, query_size, needs_probs=True)
        uncertainty = scene.uncertainty(self.measure)
        scores = scene.weigh(uncertainty)
        top = rank(scores, scene.size, state.rng)
        return close_scene(
            scene, scene.rows[top], scores[top], strategy=self.name, parts={"uncertainty": uncertainty[top]}
        )


@dataclass(frozen=True)
class Disagreement:
    """Ask what draws from the head's posterior (or members of a committee) disagree about.

    Args:
        kind: ``bald`` (mutual information) or ``committee`` (entropy of the members' votes); also the strategy's name.
    """

    kind: Literal["bald", "committee"] = "bald"

    @property
    def name(self) -> str:
        """The name it is registered under."""
        return self.kind

    def query(self, state: State, query_size: int) -> Query:
        """Choose ``query_size`` candidates; see :class:`activessl.strategies.base.QueryStrategy`."""
        scene = open_scene(state, query_size)
        if state.samples is None:
            raise QueryError(
                f"{self.name} needs draws from the head's posterior", hint="use a head that samples, or 'margin'"
            )
        samples = np.asarray(state.samples)
        if samples.ndim != 3 or samples.shape[0] < 2 or samples.shape[1:] != (len(state), state.n_classes):
            raise QueryError(
                f"samples have shape {samples.shape}, not (s, {len(state)}, {state.n_classes})",
                hint="pass at least 2 draws for every item",
            )
        samples = samples[:, scene.rows]
        score = bald if self.kind == "bald" else disagreement
        if state.labels.ndim == 2:  # each class on its own, as a choice of two
            each = [score(np.stack([p, 1 - p], axis=2)) for p in np.moveaxis(samples, 2, 0)]
            information = np.mean(each, axis=0)
        else:
            information = score(samples)
        scores = scene.weigh(information)
        top = rank(scores, scene.size, state.rng)
        return close_scene(
            scene, scene.rows[top], scores[top], strategy=self.name, parts={"information": information[top]}
        )
