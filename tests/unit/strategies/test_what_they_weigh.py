"""What each strategy of several parts must weigh, in pools where leaving it out gives another answer."""

from __future__ import annotations

import numpy as np
import pytest

from activessl.errors import QueryError
from activessl.geometry.clusters import Clusters
from activessl.strategies import mixtures
from activessl.strategies.base import State
from activessl.strategies.confirmable import alike_clusters
from activessl.strategies.coverage import clusters
from activessl.strategies.coverage.k_center import k_center
from activessl.strategies.informed.hybrid import cluster_margin
from activessl.strategies.registry import get_strategy
from activessl.strategies.uncertainty.power import power_sample

NONE = np.array([], dtype=np.int64)


def around(counts: tuple[int, ...], spread: float = 0.2, d: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Groups of so many items around orthogonal directions, and the group of each item."""
    owner = np.repeat(np.arange(len(counts)), counts)
    noise = np.random.default_rng(0).normal(size=(len(owner), d))
    return (np.eye(d)[owner] + spread * noise).astype(np.float32), owner


def state(vectors: np.ndarray, doubt: np.ndarray, seed: int = 0) -> State:
    """A pool of two classes without labels; ``doubt`` is one minus the margin of each item."""
    probs = np.stack([1 - doubt / 2, doubt / 2], axis=1)
    return State(vectors, NONE, NONE, 2, np.random.default_rng(seed), probs=probs)


def test_clue_goes_to_the_few_that_are_uncertain() -> None:
    vectors, owner = around((40, 10))
    doubt = np.where(owner == 1, 0.9, 1e-6)
    assert owner[get_strategy("clue").query(state(vectors, doubt), 1).indices[0]] == 1


def test_clue_counts_the_copies_of_an_item() -> None:
    vectors, owner = around((30, 12))
    vectors[owner == 0] = vectors[0]  # one vector, thirty times
    query = get_strategy("clue").query(state(vectors, np.full(42, 0.5)), 1)
    assert owner[query.indices[0]] == 0


def test_cluster_margin_asks_about_the_least_certain_item_of_each_group() -> None:
    vectors, owner = around((60, 60, 60), spread=0.05)
    doubt = np.random.default_rng(1).permutation(np.linspace(0.05, 0.95, 180))
    found = cluster_margin(vectors, doubt, np.arange(180), 3, rng=np.random.default_rng(0), per_item=20)
    assert set(owner[found.picks]) == {0, 1, 2}
    for pick in found.picks:
        assert doubt[pick] == doubt[owner == owner[pick]].max()
    assert found.gains.tolist() == doubt[found.picks].tolist() and found.objective == pytest.approx(found.gains.mean())
    by_name = get_strategy("cluster_margin").query(state(vectors, doubt), 3)
    assert doubt[by_name.indices].min() > 0.8


def test_refine_chooses_from_what_its_filters_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, _ = around((150, 150))
    doubt = np.random.default_rng(2).random(300)
    left = {}

    def watched(scene, candidates, *how):
        left[rounds] = candidates
        return herd(scene, candidates, *how)

    herd = mixtures.herd_uncertain
    monkeypatch.setattr(mixtures, "herd_uncertain", watched)
    for rounds in (1, 3):
        query = get_strategy("refine", rounds=rounds, draws=2).query(state(vectors, doubt), 5)
        assert set(query.indices.tolist()) <= set(left[rounds].tolist())
    assert 5 < len(left[3]) < len(left[1]) <= 2 * 3 * 5  # at most one batch for each draw of each filter
    assert set(left[1].tolist()) < set(range(300))
    assert doubt[left[1]].mean() > 0.6  # margin is one of the filters


def test_power_knows_with_what_chance_a_copy_was_drawn() -> None:
    vectors, owner = around((20, 30))
    vectors[owner == 0] = vectors[0]
    doubt = np.where(owner == 0, 0.8, 0.4)
    power, told = get_strategy("power"), []
    for seed in range(400):
        query = power.query(state(vectors, doubt, seed), 12)
        told.append(((owner[query.indices] == 0) / query.propensities).sum())
    assert np.mean(told) == pytest.approx(20, abs=4 * np.std(told) / 20)  # the sum over 20 copies, from one of them


def test_k_center_picks_no_item_twice_where_all_lie_on_one_spot() -> None:
    picks = k_center(np.ones((12, 3)), NONE, np.arange(12), 9, rng=np.random.default_rng(0)).picks
    assert len(set(picks.tolist())) == 9


def test_centres_that_coincide_leave_the_items_farthest_from_them(monkeypatch: pytest.MonkeyPatch) -> None:
    points = np.eye(8)[:6]
    distances = np.array([0.1, 0.5, 0.2, 0.9, 0.3, 0.7], dtype=np.float32)
    found = Clusters(points[:4], np.array([0, 0, 2, 0, 2, 2]), distances)  # the second and the fourth are empty
    monkeypatch.setattr(clusters, "kmeans", lambda *args, **kwargs: found)
    weights = np.array([1.0, 1.0, 4.0, 1.0, 1.0, 1.0])
    chosen = clusters.kmeans_centroids(points, np.arange(6), 4, rng=np.random.default_rng(0), weights=weights)
    assert chosen.picks.tolist() == [2, 0, 3, 5]  # the heavier cluster first, then by distance
    assert chosen.gains.tolist() == pytest.approx([6 / 9, 3 / 9, 0, 0])
    assert chosen.objective == pytest.approx(distances.mean())
    alone = Clusters(points[:2], np.zeros(6, dtype=np.int64), distances)
    monkeypatch.setattr(clusters, "kmeans", lambda *args, **kwargs: alone)
    assert clusters.kmeans_centroids(points, np.arange(6), 2, rng=np.random.default_rng(0)).picks.tolist() == [0, 3]


def test_a_draw_keeps_its_chance_below_one() -> None:
    positions, chance = power_sample(np.array([1e9, 1.0, 1e-9]), 2, np.random.default_rng(0))
    assert positions[0] == 0 and chance[0] == 1.0 and 0 < chance[1] <= 1


def test_without_candidates_there_is_no_cluster_to_confirm() -> None:
    assert alike_clusters(np.eye(4), np.eye(4), NONE, 3, 5) == []


def test_refine_filters_no_further_once_two_batches_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    class First:
        def choose(self, scene):
            seen.append(len(scene.rows))
            return type("Found", (), {"picks": scene.rows[: scene.size]})()

    monkeypatch.setattr(mixtures, "TypiClust", First)
    monkeypatch.setattr(mixtures, "MaxHerding", First)
    blind = State(around((150, 150))[0], NONE, NONE, 2, np.random.default_rng(0))
    get_strategy("refine", rounds=5, draws=1).query(blind, 5)
    assert seen == [300, 300]  # both filters kept the same five


@pytest.mark.parametrize("wrong", [{"rounds": 0}, {"draws": 0}, {"share": 0.0}, {"share": 1.1}])
def test_each_setting_of_refine_is_checked(wrong: dict[str, float]) -> None:
    vectors, _ = around((20, 20))
    with pytest.raises(QueryError, match="refine has rounds"):
        get_strategy("refine", **wrong).query(state(vectors, np.full(40, 0.5)), 2)
