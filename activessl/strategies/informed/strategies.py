"""Strategies that use the head: herding, balls, gradients, optimal design."""

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
    """Choose the items that cover most of the uncertain part of the pool.

    The probabilities of the head are used unchanged: heads of this library are calibrated, which replaces the
    temperature of the paper. Without a head the choice is that of MaxHerding.

    Args:
        width: ``robust`` (median over the pool of the distance to the nearest label), ``published`` (smallest
            distance between two labels), or a number.
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
    """Choose among ``candidates`` by herding; coverage is that of all rows of the scene, weighted by uncertainty."""
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
    """Choose the items with the most uncovered items within a fixed radius. Very sensitive to the radius.

    Args:
        radius: Euclidean distance between unit vectors; by default computed from the purity of clusters.
        purity: Share of the items whose balls must be pure when the radius is computed.
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
    """ProbCover with one radius per label; uncertainty gets more weight as more of the pool is covered.

    For multi-label items, which have no single class, and before there is a head, the choice is that of ProbCover.

    Args:
        radius: Initial radius of the search; by default computed from the purity of clusters.
        centre: Coverage at which uncertainty and density have about the same weight.
        steepness: Steepness of the change from density to uncertainty.
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
    """Choose items with large and diverse gradients of the head: k-means++ on the gradients."""

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
    """Choose the items that most reduce the head's expected variance over the pool.

    Strong from about ten labels per class. For multi-label heads the information is the mean over the classes.

    Args:
        ridge: Prior information on unit vectors, > 0.
        oversample: Forward picks per item to choose, before the least useful picks are removed.
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
    """Probability of the best class; for multi-label the p whose p (1 - p) equals the mean over the classes."""
    if not independent:
        return np.asarray(np.clip(np.max(probs, axis=1), 0, 1))
    spread = (probs * (1 - probs)).mean(axis=1)
    return np.asarray(np.add(0.5, np.sqrt(np.maximum(0.25 - spread, 0))))


@dataclass(frozen=True)
class DropQuery:
    """Choose, one per cluster, items whose prediction changes when most features are set to zero.

    Before there is a head, choose the items nearest to k-means centres, as published.

    Args:
        passes: Number of forward passes with dropout.
        dropout: Share of the features that is set to zero.
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
    """Choose the items nearest to the centres of an uncertainty-weighted k-means.

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
    """Choose the least certain items, one of each cluster in turn, small clusters first.

    Args:
        per_item: Candidates considered per item to choose.
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
