"""Mixtures of strategies: TCM switches after the first labels, REFINE filters the pool."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from activessl.errors import QueryError
from activessl.geometry.blocks import Rows
from activessl.strategies.base import Query, State
from activessl.strategies.coverage.strategies import MaxHerding, TypiClust
from activessl.strategies.informed.strategies import Badge, herd_uncertain
from activessl.strategies.scene import Choice, Scene, answer
from activessl.strategies.uncertainty.strategies import Uncertainty


@dataclass(frozen=True)
class TCM:
    """TypiClust while labels are few, margin afterwards: the simplest mixture that works well.

    Args:
        labels_per_class: Mean number of labels per class from which margin is used.

    References:
        Doucet et al., Bridging Diversity and Uncertainty in Active Learning with Self-Supervised Pre-Training, 2024,
        arXiv 2403.03728 (which counts rounds).
    """

    labels_per_class: float = 4.0
    name: str = field(default="tcm", init=False)

    def query(self, state: State, query_size: int) -> Query:
        """Choose ``query_size`` candidates; see :class:`activessl.strategies.base.QueryStrategy`."""
        return answer(self, state, query_size)

    def choose(self, scene: Scene) -> Choice:
        """Choose ``scene.size`` of the rows."""
        early = len(scene.labeled) < self.labels_per_class * scene.state.n_classes
        return (TypiClust() if early or scene.state.probs is None else Uncertainty("margin")).choose(scene)


@dataclass(frozen=True)
class Refine:
    """Filter the pool with simple strategies several times, then choose by herding among the rest.

    In each filter round several strategies choose batches from random parts of the remaining items; the union of the
    batches remains for the next round. Without a head only strategies that need no head are used.

    Args:
        rounds: Number of filter rounds.
        draws: Batches that each strategy chooses in a filter round.
        share: Share of the remaining items that each batch is chosen from; in the first round at most 5,000 items.

    References:
        Huseljic et al., REFINE, CVPR 2026, arXiv 2511.22344 (500 batches per round of nine strategies; in its
        ablation margin and TypiClust are enough).
    """

    rounds: int = 3
    draws: int = 4
    share: float = 0.4
    name: str = field(default="refine", init=False)

    def query(self, state: State, query_size: int) -> Query:
        """Choose ``query_size`` candidates; see :class:`activessl.strategies.base.QueryStrategy`."""
        if self.rounds < 1 or self.draws < 1 or not 0 < self.share <= 1:
            raise QueryError(
                f"refine has rounds {self.rounds}, draws {self.draws} and share {self.share}",
                hint="use rounds >= 1, draws >= 1 and a share in (0, 1]",
            )
        return answer(self, state, query_size)

    def choose(self, scene: Scene) -> Choice:
        """Choose ``scene.size`` of the rows."""
        rng = scene.state.rng
        blind = scene.state.probs is None
        members = (TypiClust(), MaxHerding()) if blind else (TypiClust(), Uncertainty("margin"), Badge())
        left = np.arange(len(scene.rows))
        for turn in range(self.rounds):
            part = max(round(self.share * len(left)), scene.size)
            if turn == 0:
                part = min(len(left), max(5_000, 2 * scene.size))
            chosen: list[Rows] = []
            for member in members:
                for _ in range(self.draws):
                    some = np.sort(rng.choice(left, part, replace=False))
                    chosen.append(member.choose(scene.narrowed(some, scene.size)).picks)
            left = np.searchsorted(scene.rows, np.unique(np.concatenate(chosen)))
            if len(left) <= 2 * scene.size:
                break
        return herd_uncertain(scene, scene.rows[left], "robust", "margin")
