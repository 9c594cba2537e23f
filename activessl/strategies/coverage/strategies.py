"""Strategies that need no head: k-center, herding, k-means centroids, TypiClust."""

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
    """Core-set: choose the items farthest from all labeled items. Chooses rare classes, but also outliers."""

    name: str = field(default="k_center", init=False)

    def query(self, state: State, query_size: int) -> Query:
        """Choose ``query_size`` candidates; see :class:`activessl.strategies.base.QueryStrategy`."""
        return answer(self, state, query_size)

    def choose(self, scene: Scene) -> Choice:
        """Choose ``scene.size`` of the rows."""
        state = scene.state
        found = k_center(state.vectors, scene.covering, scene.rows, scene.size, rng=state.rng, appeal=scene.appeal)
        leads = [f"distance {gain:.2f} from the nearest labeled or chosen item" for gain in found.gains]
        if not len(scene.covering):
            leads[0] = "near the mean of the pool"
        return Choice(found.picks, leads=leads, parts={"distance": found.gains})


@dataclass(frozen=True)
class MaxHerding:
    """Choose the items that cover most of the pool: the best or close to the best strategy while labels are few.

    Args:
        width: Kernel width in Euclidean distance between unit vectors; 1 in the paper.
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
    """Choose the item nearest to each centre of a k-means with ``query_size`` clusters."""

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
    """Choose the most typical item of each large cluster without labels: strong below about ten labels per class.

    Args:
        max_clusters: Largest number of clusters.
        n_neighbours: Number of neighbours from which typicality is computed.
        min_cluster: Clusters of at most this size are used only after all larger clusters.
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
