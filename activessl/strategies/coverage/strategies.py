"""Strategies that need no model: k-center, herding, k-means centroids, TypiClust."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from activessl.strategies.base import Query, State
from activessl.strategies.coverage.clusters import kmeans_centroids, typiclust
from activessl.strategies.coverage.herding import herd
from activessl.strategies.coverage.k_center import k_center
from activessl.strategies.scene import Choice, Scene, answer


@dataclass(frozen=True)
class KCenter:
    """Core-set: ask what is farthest from everything labeled. Finds rare classes, and outliers too."""

    name: str = field(default="k_center", init=False)

    def query(self, state: State, query_size: int) -> Query:
        """Choose ``query_size`` candidates; see :class:`activessl.strategies.base.QueryStrategy`."""
        return answer(self, state, query_size)

    def choose(self, scene: Scene) -> Choice:
        """Choose ``scene.size`` of the rows."""
        state = scene.state
        found = k_center(state.vectors, scene.covering, scene.rows, scene.size, rng=state.rng, appeal=scene.appeal)
        leads = [f"distance {gain:.2f} from the nearest labeled or chosen item" for gain in found.gains]
        return Choice(found.picks, leads=leads, parts={"distance": found.gains})


@dataclass(frozen=True)
class MaxHerding:
    """Ask what covers most of the pool: the best start, and never far from it while labels are few.

    Args:
        width: Kernel width in Euclidean distance between unit vectors; the paper's 1.
    """

    width: float = 1.0
    name: str = field(default="max_herding", init=False)

    def query(self, state: State, query_size: int) -> Query:
        """Choose ``query_size`` candidates; see :class:`activessl.strategies.base.QueryStrategy`."""
        return answer(self, state, query_size)

    def choose(self, scene: Scene) -> Choice:
        """Choose ``scene.size`` of the rows."""
        state = scene.state
        weights = np.zeros(len(state), dtype=np.float32)
        weights[scene.rows] = scene.multiplicity
        found = herd(
            state.vectors,
            scene.covering,
            scene.rows,
            scene.size,
            width=self.width,
            weights=weights,
            appeal=scene.appeal,
            rng=state.rng,
        )
        return Choice(found.picks, parts={"gain": found.gains})


@dataclass(frozen=True)
class KMeansCentroids:
    """Ask the item nearest to each centre of a k-means with as many clusters as items asked."""

    name: str = field(default="kmeans", init=False)

    def query(self, state: State, query_size: int) -> Query:
        """Choose ``query_size`` candidates; see :class:`activessl.strategies.base.QueryStrategy`."""
        return answer(self, state, query_size)

    def choose(self, scene: Scene) -> Choice:
        """Choose ``scene.size`` of the rows."""
        state = scene.state
        weights = scene.weigh(scene.multiplicity.astype(np.float64))
        found = kmeans_centroids(state.vectors, scene.rows, scene.size, rng=state.rng, weights=weights)
        return Choice(found.picks, found.gains, parts={"share": found.gains})


@dataclass(frozen=True)
class TypiClust:
    """Ask the most typical item of each large cluster without labels: strong below about ten labels a class.

    Args:
        max_clusters: Upper limit of the number of clusters.
        n_neighbours: Neighbours that typicality is measured on.
        min_cluster: Size up to which a cluster is passed over while others are left.
    """

    max_clusters: int = 500
    n_neighbours: int = 20
    min_cluster: int = 5
    name: str = field(default="typiclust", init=False)

    def query(self, state: State, query_size: int) -> Query:
        """Choose ``query_size`` candidates; see :class:`activessl.strategies.base.QueryStrategy`."""
        return answer(self, state, query_size)

    def choose(self, scene: Scene) -> Choice:
        """Choose ``scene.size`` of the rows."""
        state = scene.state
        found = typiclust(
            state.vectors,
            scene.covering,
            scene.rows,
            scene.size,
            rng=state.rng,
            appeal=scene.appeal,
            max_clusters=self.max_clusters,
            n_neighbours=self.n_neighbours,
            min_cluster=self.min_cluster,
        )
        return Choice(found.picks, parts={"typicality": found.gains})
