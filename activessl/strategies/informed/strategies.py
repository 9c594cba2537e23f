"""Strategies that ask the head: herding, balls, gradients, designs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from jaxtyping import Float

from activessl.errors import QueryError
from activessl.geometry.blocks import Rows
from activessl.strategies.base import Query, State
from activessl.strategies.coverage.balls import dcom, prob_cover, pure_radius
from activessl.strategies.coverage.clusters import kmeans_centroids
from activessl.strategies.coverage.herding import herd
from activessl.strategies.coverage.strategies import KMeansCentroids
from activessl.strategies.informed.design import badge, bait_binary
from activessl.strategies.informed.hybrid import cluster_margin, drop_candidates, herding_width
from activessl.strategies.scene import Choice, Scene, answer


@dataclass(frozen=True)
class UHerding:
    """Ask what covers most of what the head is unsure about.

    The head's probabilities are taken as they are: heads of this library calibrate theirs, which stands for the
    paper's temperature. Without a head it is MaxHerding.

    Args:
        width: ``robust`` (median over the pool of the distance to the nearest label), ``published`` (least distance
            between labels), or a number.
        measure: ``margin``, ``entropy`` or ``least_confidence``.
    """

    width: Literal["robust", "published"] | float = "robust"
    measure: str = "margin"

    @property
    def name(self) -> str:
        """The name it is registered under."""
        return "uherding_published" if self.width == "published" else "uherding"

    def query(self, state: State, query_size: int) -> Query:
        """Choose ``query_size`` candidates; see :class:`activessl.strategies.base.QueryStrategy`."""
        return answer(self, state, query_size)

    def choose(self, scene: Scene) -> Choice:
        """Choose ``scene.size`` of the rows."""
        return herd_uncertain(scene, scene.rows, self.width, self.measure)


def herd_uncertain(
    scene: Scene, candidates: Rows, width: Literal["robust", "published"] | float, measure: str
) -> Choice:
    """Herd among some of a scene's rows; coverage is measured on all of them, weighted by uncertainty."""
    state = scene.state
    doubt = np.ones(len(scene.rows)) if state.probs is None else scene.uncertainty(measure)
    weights = np.zeros(len(state), dtype=np.float32)
    weights[scene.rows] = doubt * scene.multiplicity
    at = np.searchsorted(scene.rows, candidates)
    if isinstance(width, str):
        width = herding_width(state.vectors, scene.covering, width, rng=state.rng)
    found = herd(
        state.vectors,
        scene.covering,
        candidates,
        scene.size,
        width=width,
        weights=weights,
        appeal=None if scene.appeal is None else scene.appeal[at],
        evaluators=scene.rows,
        rng=state.rng,
    )
    own = doubt[np.searchsorted(scene.rows, found.picks)]
    return Choice(found.picks, parts={"gain": found.gains, "uncertainty": own})


@dataclass(frozen=True)
class ProbCover:
    """Ask what has most uncovered items within a fixed radius. Very sensitive to the radius.

    Args:
        radius: Euclidean between unit vectors; by default found from the purity of clusters.
        purity: Share of the items whose balls must be pure when the radius is found.
    """

    radius: float | None = None
    purity: float = 0.95
    name: str = field(default="prob_cover", init=False)

    def query(self, state: State, query_size: int) -> Query:
        """Choose ``query_size`` candidates; see :class:`activessl.strategies.base.QueryStrategy`."""
        return answer(self, state, query_size)

    def choose(self, scene: Scene) -> Choice:
        """Choose ``scene.size`` of the rows."""
        state = scene.state
        radius = _radius(scene, self.radius, self.purity)
        found = prob_cover(
            state.vectors,
            scene.covering,
            scene.rows,
            scene.size,
            radius=radius,
            rng=state.rng,
            appeal=scene.appeal,
        )
        return Choice(found.picks, parts={"gain": found.gains})


def _radius(scene: Scene, radius: float | None, purity: float) -> float:
    if radius is None:
        state = scene.state
        return pure_radius(state.vectors, scene.rows, state.n_classes, rng=state.rng, purity=purity)
    if not radius > 0:
        raise QueryError(f"radius is {radius}", hint="use a number > 0, or None")
    return radius


@dataclass(frozen=True)
class DCoM:
    """ProbCover with a radius that each label has earned, turning to uncertainty as the pool is covered.

    Multi-label items have no single class to agree with: there, and before there is a head, it is ProbCover.

    Args:
        radius: Where the search of the radii starts; by default found from the purity of clusters.
        centre: Coverage at which uncertainty takes over.
        steepness: How sharply.
    """

    radius: float | None = None
    centre: float = 0.8
    steepness: float = 50.0
    name: str = field(default="dcom", init=False)

    def query(self, state: State, query_size: int) -> Query:
        """Choose ``query_size`` candidates; see :class:`activessl.strategies.base.QueryStrategy`."""
        return answer(self, state, query_size)

    def choose(self, scene: Scene) -> Choice:
        """Choose ``scene.size`` of the rows."""
        state = scene.state
        informed = state.probs is not None and not scene.independent
        found = dcom(
            state.vectors,
            scene.labeled,
            scene.rows,
            scene.size,
            labels=np.asarray(state.labels),
            predicted=np.asarray(state.probs).argmax(axis=1) if informed else None,
            uncertainty=scene.uncertainty() if informed else None,
            radius=_radius(scene, self.radius, 0.95),
            rng=state.rng,
            pending=state.pending,
            appeal=scene.appeal,
            centre=self.centre,
            steepness=self.steepness,
        )
        return Choice(found.picks, parts={"gain": found.gains})


@dataclass(frozen=True)
class Badge:
    """Ask what would pull the head strongly and in different directions: k-means++ on its gradients."""

    name: str = field(default="badge", init=False)

    def query(self, state: State, query_size: int) -> Query:
        """Choose ``query_size`` candidates; see :class:`activessl.strategies.base.QueryStrategy`."""
        return answer(self, state, query_size, needs_probs=True)

    def choose(self, scene: Scene) -> Choice:
        """Choose ``scene.size`` of the rows."""
        state = scene.state
        found = badge(
            state.vectors,
            scene.probs(),
            scene.rows,
            scene.size,
            rng=state.rng,
            independent=scene.independent,
            appeal=scene.appeal,
        )
        return Choice(found.picks, parts={"distance": found.gains})


@dataclass(frozen=True)
class BaitBinary:
    """Ask what lowers the head's expected variance over the pool most. Strong from about ten labels a class.

    Multi-label heads count the mean information of their classes.

    Args:
        ridge: Prior information on unit vectors, > 0.
        oversample: Forward picks per item asked, before the least useful are taken away.
    """

    ridge: float = 1e-3
    oversample: float = 2.0
    name: str = field(default="bait_binary", init=False)

    def query(self, state: State, query_size: int) -> Query:
        """Choose ``query_size`` candidates; see :class:`activessl.strategies.base.QueryStrategy`."""
        if not self.ridge > 0 or not self.oversample >= 1:
            raise QueryError(
                f"ridge is {self.ridge} and oversample is {self.oversample}", hint="use ridge > 0 and oversample >= 1"
            )
        return answer(self, state, query_size, needs_probs=True)

    def choose(self, scene: Scene) -> Choice:
        """Choose ``scene.size`` of the rows."""
        state = scene.state
        found = bait_binary(
            state.vectors,
            _binary_confidence(np.asarray(state.probs), independent=scene.independent),
            scene.covering,
            scene.rows,
            scene.size,
            rng=state.rng,
            ridge=self.ridge,
            oversample=self.oversample,
            appeal=scene.appeal,
        )
        return Choice(found.picks, parts={"gain": found.gains})


def _binary_confidence(probs: Float[np.ndarray, "n k"], *, independent: bool) -> Float[np.ndarray, " n"]:
    """Probability of the best class; for multi-label the p whose p (1 - p) is the mean over classes."""
    if not independent:
        return np.asarray(np.clip(np.max(probs, axis=1), 0, 1))
    spread = (probs * (1 - probs)).mean(axis=1)
    return np.asarray(np.add(0.5, np.sqrt(np.maximum(0.25 - spread, 0))))


@dataclass(frozen=True)
class DropQuery:
    """Ask, one per cluster, what the head changes its mind about when most features are blanked.

    Before there is a head it asks the items nearest to k-means centres, as published.

    Args:
        passes: Forward passes with blanks.
        dropout: Share of the features that is blanked.
    """

    passes: int = 3
    dropout: float = 0.75
    name: str = field(default="drop_query", init=False)

    def query(self, state: State, query_size: int) -> Query:
        """Choose ``query_size`` candidates; see :class:`activessl.strategies.base.QueryStrategy`."""
        if self.passes < 1 or not 0 < self.dropout < 1:
            raise QueryError(
                f"passes is {self.passes} and dropout is {self.dropout}",
                hint="use passes >= 1 and dropout between 0 and 1",
            )
        return answer(self, state, query_size)

    def choose(self, scene: Scene) -> Choice:
        """Choose ``scene.size`` of the rows."""
        state = scene.state
        if state.probs is None and state.predict is None:
            return KMeansCentroids().choose(scene)
        if state.predict is None:
            raise QueryError("drop_query needs the head's predict function", hint="set state.predict")
        positions, share = drop_candidates(
            state.vectors,
            scene.rows,
            state.predict,
            scene.size,
            rng=state.rng,
            passes=self.passes,
            dropout=self.dropout,
            independent=scene.independent,
        )
        appeal = None if scene.appeal is None else scene.appeal[positions]
        found = kmeans_centroids(state.vectors, scene.rows[positions], scene.size, rng=state.rng, weights=appeal)
        changed = dict(zip(scene.rows[positions].tolist(), share.tolist(), strict=True))
        own = np.array([changed[int(row)] for row in found.picks])
        return Choice(found.picks, found.gains, {"share": found.gains, "changed": own})


@dataclass(frozen=True)
class Clue:
    """Ask the centres of clusters that are pulled to where the head is unsure.

    References:
        Prabhu et al., Active Domain Adaptation via Clustering Uncertainty-weighted Embeddings, ICCV 2021,
        arXiv 2010.08666.
    """

    name: str = field(default="clue", init=False)

    def query(self, state: State, query_size: int) -> Query:
        """Choose ``query_size`` candidates; see :class:`activessl.strategies.base.QueryStrategy`."""
        return answer(self, state, query_size, needs_probs=True)

    def choose(self, scene: Scene) -> Choice:
        """Choose ``scene.size`` of the rows."""
        state = scene.state
        doubt = scene.uncertainty("entropy")
        weights = scene.weigh(doubt * scene.multiplicity)
        found = kmeans_centroids(state.vectors, scene.rows, scene.size, rng=state.rng, weights=weights)
        own = doubt[np.searchsorted(scene.rows, found.picks)]
        return Choice(found.picks, found.gains, {"share": found.gains, "uncertainty": own})


@dataclass(frozen=True)
class ClusterMargin:
    """Ask the least certain items, one of each cluster in turn, small clusters first.

    Args:
        per_item: Candidates considered per item asked.
    """

    per_item: int = 10
    name: str = field(default="cluster_margin", init=False)

    def query(self, state: State, query_size: int) -> Query:
        """Choose ``query_size`` candidates; see :class:`activessl.strategies.base.QueryStrategy`."""
        return answer(self, state, query_size, needs_probs=True)

    def choose(self, scene: Scene) -> Choice:
        """Choose ``scene.size`` of the rows."""
        state = scene.state
        scores = scene.weigh(scene.uncertainty())
        found = cluster_margin(state.vectors, scores, scene.rows, scene.size, rng=state.rng, per_item=self.per_item)
        return Choice(found.picks, parts={"uncertainty": found.gains})
