"""The pure functions behind the strategies, one at a time."""

from __future__ import annotations

import time
import tracemalloc

import numpy as np
import pytest

from activessl.errors import QueryError
from activessl.geometry.clusters import kmeans
from activessl.geometry.duplicates import collapse_duplicates, duplicate_tolerance
from activessl.geometry.neighbours import labeled_distance, neighbours, radius_graph
from activessl.geometry.units import unit_rows
from activessl.strategies.base import State
from activessl.strategies.coverage import balls
from activessl.strategies.coverage.balls import competence, dcom, prob_cover, pure_radius
from activessl.strategies.coverage.clusters import kmeans_centroids, typiclust
from activessl.strategies.coverage.herding import herd
from activessl.strategies.coverage.k_center import k_center
from activessl.strategies.informed.design import badge, bait_binary
from activessl.strategies.informed.hybrid import cluster_margin, drop_candidates, herding_width
from activessl.strategies.registry import get_strategy
from activessl.strategies.uncertainty.power import power_sample
from activessl.strategies.uncertainty.scores import disagreement, entropy, least_confidence, margin, multilabel, rank


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def blobs(sizes: list[int], d: int = 8, spread: float = 0.05, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    centres = np.linalg.qr(generator.normal(size=(d, d)))[0][: len(sizes)]
    owner = np.repeat(np.arange(len(sizes)), sizes)
    return (centres[owner] + spread * generator.normal(size=(len(owner), d))).astype(np.float32), owner


NONE = np.array([], dtype=np.int64)


# scores


def test_all_uncertainties_agree_on_two_classes() -> None:
    p = np.linspace(0.5, 1, 20)
    probs = np.stack([p, 1 - p], axis=1)
    for score in (margin, entropy, least_confidence):
        assert (np.diff(score(probs)) < 0).all()


def test_a_single_class_is_never_uncertain() -> None:
    probs = np.ones((3, 1))
    assert margin(probs).tolist() == [0, 0, 0]
    assert entropy(probs).tolist() == [0, 0, 0]


def test_a_zero_probability_does_not_break_entropy() -> None:
    assert np.isfinite(entropy(np.array([[1.0, 0.0, 0.0]]))).all()


def test_multilabel_takes_the_mean_of_the_classes() -> None:
    probs = np.array([[0.5, 1.0, 0.0, 1.0]])
    assert multilabel(margin, probs)[0] == pytest.approx(0.25)


def test_disagreement_is_zero_when_all_members_say_the_same() -> None:
    samples = np.repeat(np.array([[[0.5, 0.5], [0.9, 0.1]]]), 3, axis=0)
    assert disagreement(samples) == pytest.approx([0, 0])


def test_ties_fall_at_random_and_not_by_row() -> None:
    firsts = {int(rank(np.zeros(50), 1, np.random.default_rng(seed))[0]) for seed in range(20)}
    assert len(firsts) > 5


# index


@pytest.mark.parametrize("factor", [1e-30, 1e-3, 1e3, 1e30])
def test_unit_rows_do_not_depend_on_the_scale(factor: float) -> None:
    vectors = rng().normal(size=(20, 5))
    assert np.allclose(unit_rows(vectors * factor), unit_rows(vectors), atol=1e-6)


def test_unit_rows_never_write_to_the_vectors() -> None:
    vectors = rng().normal(size=(20, 5)).astype(np.float32)
    before = vectors.copy()
    unit_rows(vectors)[:] = 0
    assert (vectors == before).all()


def test_neighbours_through_the_inverted_file_are_almost_all_right(monkeypatch: pytest.MonkeyPatch) -> None:
    from activessl.geometry import neighbours as index

    points = unit_rows(blobs([1000] * 5, spread=0.2)[0])
    exact = neighbours(points, points[:200], 10)[1]
    monkeypatch.setattr(index, "_BRUTE_ROWS", 100)
    found = neighbours(points, points[:200], 10)[1]
    recall = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(exact.tolist(), found.tolist(), strict=True)])
    assert recall > 0.85


def test_k_means_finds_blobs_and_weights_pull_centres() -> None:
    points, owner = blobs([30, 30, 30])
    found = min((kmeans(points, 3, rng=np.random.default_rng(s)) for s in range(5)), key=lambda c: c.distances.sum())
    assert len({(int(a), int(b)) for a, b in zip(found.assignment, owner, strict=True)}) == 3
    line = np.array([[0.0], [1.0]], dtype=np.float32)
    assert kmeans(line, 1, rng=rng(), weights=np.array([3.0, 1.0])).centres[0, 0] == pytest.approx(0.25)


def test_the_labeled_distance_is_one_without_labels_and_shrinks_with_them() -> None:
    points, _ = blobs([50, 50, 50], spread=0.3)
    assert labeled_distance(points, NONE, rng=rng()) == 1.0
    few, many = (labeled_distance(points, np.arange(0, 150, step), rng=rng()) for step in (75, 5))
    assert many < few


def test_the_radius_graph_holds_each_pair_both_ways() -> None:
    points = unit_rows(blobs([20, 20], spread=0.2)[0])
    source, target = radius_graph(points, points, 0.4)
    pairs = set(zip(source.tolist(), target.tolist(), strict=True))
    assert all((b, a) in pairs for a, b in pairs)
    assert len(pairs) > 40


# duplicates


def test_near_duplicates_are_gathered_and_others_are_not() -> None:
    base = rng().normal(size=(200, 32)).astype(np.float32)
    close = base[:50] + 1e-4 * rng().normal(size=(50, 32)).astype(np.float32)
    vectors = np.concatenate([base, close])
    found = collapse_duplicates(vectors, duplicate_tolerance(vectors, rng=rng()))
    assert found.multiplicity.sum() == 250
    assert len(found.representatives) <= 201  # one in a hundred may be missed
    assert (np.sort(found.representatives)[:200] == np.arange(200)).all()


def test_an_encoder_whose_vectors_all_point_one_way_has_not_all_items_merged() -> None:
    vectors = (10 + 0.05 * rng().normal(size=(300, 16))).astype(np.float32)
    tolerance = duplicate_tolerance(vectors, rng=rng())
    assert len(collapse_duplicates(vectors, tolerance).representatives) == 300


def test_copies_of_one_vector_are_one_group() -> None:
    found = collapse_duplicates(np.ones((1000, 7), dtype=np.float16), 1e-3)
    assert found.multiplicity.tolist() == [1000]


def tight(spread: float, n: int = 2000) -> np.ndarray:
    """Ten clusters in 64 dimensions, whose items lie a few hundredths apart."""
    centres = unit_rows(rng().normal(size=(10, 64)))
    return unit_rows(centres[np.arange(n) % 10] + spread * rng().normal(size=(n, 64)) / 8)


@pytest.mark.parametrize("points", [*(rng().normal(size=(2000, d)) for d in (2, 3, 4, 64)), tight(0.05), tight(0.02)])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_exact_copies_are_always_found(points: np.ndarray, dtype: type) -> None:
    vectors = np.concatenate([points, points]).astype(dtype)
    vectors[2000:][vectors[2000:] == 0] *= -1  # minus zero is no other value
    found = collapse_duplicates(vectors, duplicate_tolerance(vectors, rng=rng()))
    assert np.array_equal(found.membership[:2000], found.membership[2000:])
    assert found.multiplicity.sum() == 4000


@pytest.mark.parametrize("spread", [0.05, 0.02])
def test_near_copies_are_found_in_a_crowd(spread: float) -> None:
    points = tight(spread)
    tolerance = duplicate_tolerance(points, rng=rng())
    away = np.random.default_rng(5).normal(size=points.shape)
    away *= 0.9 * tolerance / np.linalg.norm(away, axis=1, keepdims=True)
    found = collapse_duplicates(np.concatenate([points, points + away]), tolerance)
    assert np.mean(found.membership[:2000] == found.membership[2000:]) > 0.98
    first = found.representatives[found.membership]
    vectors = unit_rows(np.concatenate([points, points + away]))
    assert np.linalg.norm(vectors - vectors[first], axis=1).max() <= 4 * tolerance
    assert (np.diff(found.representatives) > 0).all() and (first <= np.arange(4000)).all()


@pytest.mark.slow
def test_gathering_stays_fast_where_all_rows_crowd_together() -> None:
    vectors = tight(0.02, 40_000)
    start = time.process_time()
    collapse_duplicates(vectors, 0.007)
    assert time.process_time() - start < 8  # 1 s as measured; all with all would take 400 MB a cluster


# coverage and clusters


def test_k_center_reaches_every_blob_before_any_twice() -> None:
    points, owner = blobs([100, 50, 20, 5, 1])
    assert len(set(owner[k_center(points, NONE, np.arange(176), 5, rng=rng()).picks])) == 5


def test_herding_goes_to_the_largest_blobs_first() -> None:
    points, owner = blobs([100, 50, 20])
    assert owner[herd(points, NONE, np.arange(170), 3, width=0.5, rng=rng()).picks].tolist() == [0, 1, 2]


def test_herding_gains_shrink_and_sum_to_the_objective() -> None:
    points, _ = blobs([100, 50, 20], spread=0.4)
    found = herd(points, NONE, np.arange(170), 30, width=0.8, rng=rng())
    assert (np.diff(found.gains) <= 1e-6).all()
    assert found.gains.sum() == pytest.approx(found.objective, abs=1e-4)


def test_herding_goes_where_the_weight_is() -> None:
    points, owner = blobs([100, 50])
    weights = np.where(owner == 1, 10.0, 0.1)
    assert owner[herd(points, NONE, np.arange(150), 1, width=0.5, weights=weights, rng=rng()).picks[0]] == 1


def test_appeal_steers_herding() -> None:
    points, owner = blobs([100, 80])
    appeal = np.where(owner == 1, 2.0, 1.0)
    assert owner[herd(points, NONE, np.arange(180), 1, width=0.5, appeal=appeal, rng=rng()).picks[0]] == 1


def test_a_large_pool_without_labels_is_herded_by_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    from activessl.strategies.coverage import herding

    points, owner = blobs([600, 300, 100], spread=0.2)
    monkeypatch.setattr(herding, "_PAIRS", 1000)
    monkeypatch.setattr(herding, "_DENSE", (100, 300))
    found = herd(points, NONE, np.arange(1000), 10, width=0.7, rng=rng())
    assert len(set(found.picks.tolist())) == 10
    assert set(owner[found.picks[:3]]) == {0, 1, 2}
    one_by_one = herding_objective(points, found.picks, 0.7)
    monkeypatch.undo()
    assert one_by_one > 0.98 * herding_objective(
        points, herd(points, NONE, np.arange(1000), 10, width=0.7, rng=rng()).picks, 0.7
    )


def herding_objective(points: np.ndarray, picks: np.ndarray, width: float) -> float:
    x = unit_rows(points)
    squared = 2 - 2 * (x @ x[picks].T)
    return float(np.exp(-squared / width**2).max(axis=1).mean())


def test_the_edges_of_a_pool_that_lies_class_by_class_are_counted_before_they_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    points = rng().normal(size=(3_000, 8))
    points[300:] = points[300] + 0.01 * rng().normal(size=(2_700, 8))  # the first ones are far from everything
    tracemalloc.start()
    monkeypatch.setattr(balls, "_EDGES", 1_000_000)
    found = prob_cover(points, NONE, np.arange(3_000), 2, radius=0.3, rng=rng())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 80e6 and found.objective > 0.9


def test_how_well_labels_cover_the_pool_is_not_told_by_the_labels_themselves() -> None:
    points = np.repeat(np.eye(3), (8, 1, 1), axis=0)  # most of the pool is labeled, or a copy of what is
    assert labeled_distance(points, np.arange(6), rng=rng()) == pytest.approx(2**0.5, abs=1e-3)


def test_power_may_draw_what_the_head_is_certain_of_and_knows_with_what_chance() -> None:
    probs = np.repeat([[0.6, 0.4], [1.0, 0.0]], (10, 30), axis=0)
    points = rng().normal(size=(40, 4))
    state = State(points, NONE, NONE, 2, rng(), probs=probs)
    query = get_strategy("power").query(state, 20)
    assert np.sum(query.indices >= 10) >= 10  # the uncertain ones alone are too few
    assert np.all((query.propensities > 0) & (query.propensities <= 1))


def test_prob_cover_draws_at_random_when_all_is_covered() -> None:
    points, _ = blobs([30])
    picks = [
        prob_cover(points, NONE, np.arange(30), 5, radius=1.9, rng=np.random.default_rng(s)).picks for s in range(5)
    ]
    assert len({tuple(p) for p in picks}) > 1
    assert all(len(set(p.tolist())) == 5 for p in picks)


def test_a_crowded_graph_is_counted_without_its_edges(monkeypatch: pytest.MonkeyPatch) -> None:
    points, _ = blobs([80, 40, 20], spread=0.2)
    kept = prob_cover(points, NONE, np.arange(140), 10, radius=0.6, rng=rng())
    monkeypatch.setattr(balls, "_EDGES", 10)
    counted = prob_cover(points, NONE, np.arange(140), 10, radius=0.6, rng=rng())
    assert kept.picks.tolist() == counted.picks.tolist()


def test_the_pure_radius_separates_blobs() -> None:
    points, owner = blobs([60, 60, 60], spread=0.05)
    radius = pure_radius(points, np.arange(180), 3, rng=np.random.default_rng(4))
    x = unit_rows(points)
    distance = np.sqrt(np.maximum(2 - 2 * x @ x.T, 0))
    assert radius <= distance[owner[:, None] != owner[None, :]].max()


def test_dcom_trusts_uncertainty_once_the_pool_is_covered() -> None:
    points, owner = blobs([60, 60])
    labeled = np.array([0, 60])
    candidates = np.setdiff1d(np.arange(120), labeled)
    doubt = np.zeros(118)
    doubt[77] = 1.0
    found = dcom(
        points, labeled, candidates, 1, labels=owner[labeled], predicted=owner, uncertainty=doubt, radius=0.5, rng=rng()
    )
    assert found.picks[0] == candidates[77]
    assert competence(1.0) == pytest.approx(1.0)


def test_typiclust_leaves_clusters_with_labels_for_last_even_if_they_are_the_largest() -> None:
    points, owner = blobs([80, 30, 20])
    labeled = np.arange(20)  # all in the largest blob, whatever it is cut into
    for seed in range(5):
        picks = typiclust(points, labeled, np.arange(20, 130), 2, rng=np.random.default_rng(seed), max_clusters=3).picks
        assert owner[picks[0]] != 0


def test_typiclust_goes_on_when_clusters_are_used_up() -> None:
    points, _ = blobs([12, 11])
    assert len(set(typiclust(points, NONE, np.arange(23), 23, rng=rng(), max_clusters=2).picks.tolist())) == 23


def test_centroids_follow_their_weights() -> None:
    points, owner = blobs([50, 50])
    weights = (owner == 1).astype(float)
    found = kmeans_centroids(points, np.arange(100), 1, rng=rng(), weights=weights)
    assert owner[found.picks[0]] == 1


# design and hybrids


def test_badge_never_takes_what_the_head_is_certain_of_while_others_remain() -> None:
    points, _ = blobs([20, 20], spread=0.3)
    probs = np.tile([1.0, 0.0], (40, 1))
    probs[5], probs[30] = [0.6, 0.4], [0.5, 0.5]
    assert {5, 30} <= set(badge(points, probs, np.arange(40), 3, rng=rng()).picks.tolist())


def test_bait_with_a_certain_head_still_fills_the_batch() -> None:
    points, _ = blobs([20, 20])
    found = bait_binary(points, np.ones(40), NONE, np.arange(40), 6, rng=rng())
    assert len(set(found.picks.tolist())) == 6


def test_bait_spreads_over_directions() -> None:
    points, owner = blobs([50, 50, 50])
    found = bait_binary(points, np.full(150, 0.5), NONE, np.arange(150), 3, ridge=1e-2, rng=rng())
    assert set(owner[found.picks]) == {0, 1, 2}


def test_drop_query_prefers_items_near_the_boundary() -> None:
    generator = rng()
    x = np.concatenate([generator.normal(size=(500, 16)), 3 * np.ones((500, 16)) + generator.normal(size=(500, 16))])

    def predict(v: np.ndarray) -> np.ndarray:
        p = 1 / (1 + np.exp(-v.sum(axis=1)))
        return np.stack([p, 1 - p], axis=1)

    positions, share = drop_candidates(x.astype(np.float32), np.arange(1000), predict, 4, rng=rng())
    assert (positions < 500).mean() > 0.9
    assert (share > 0.5).all()


def test_drop_query_lowers_its_bar_until_there_is_enough() -> None:
    points, _ = blobs([50, 50])
    positions, _ = drop_candidates(points, np.arange(100), lambda v: np.tile([0.9, 0.1], (len(v), 1)), 4, rng=rng())
    assert len(positions) == 100


def test_cluster_margin_takes_small_clusters_first_and_each_once() -> None:
    points, owner = blobs([60, 30, 10])
    found = cluster_margin(points, np.linspace(1, 0.9, 100), np.arange(100), 3, rng=rng(), per_item=100)
    assert owner[found.picks].tolist() == [2, 1, 0]


def test_one_pair_of_near_duplicates_ruins_the_published_width_only() -> None:
    points, _ = blobs([50, 50], spread=0.4)
    points[1] = points[0] * 1.001
    labeled = np.array([0, 1, 20, 60, 80])
    assert herding_width(points, labeled, "published", rng=rng()) < 0.01
    assert herding_width(points, labeled, "robust", rng=rng()) > 0.3


def test_an_unknown_width_is_refused() -> None:
    with pytest.raises(QueryError, match="unknown kernel width"):
        herding_width(np.eye(3), np.array([0]), "wide", rng=rng())  # type: ignore[arg-type]


# power


def test_power_sampling_takes_heavier_items_more_often() -> None:
    weights = np.array([1.0] * 50 + [5.0] * 50)
    counts = np.zeros(100)
    for seed in range(200):
        counts[power_sample(weights, 10, np.random.default_rng(seed))[0]] += 1
    assert counts[50:].sum() > 2.5 * counts[:50].sum()


def test_sums_over_the_sample_divided_by_propensity_are_unbiased() -> None:
    generator = np.random.default_rng(5)
    weights, y = generator.uniform(0.1, 3, size=60), generator.random(60)
    estimates = []
    for seed in range(3000):
        positions, chance = power_sample(weights, 12, np.random.default_rng(seed))
        estimates.append((y[positions] / chance).sum())
    assert np.mean(estimates) == pytest.approx(y.sum(), abs=4 * np.std(estimates) / np.sqrt(3000))


@pytest.mark.parametrize("told", [True, False])
def test_dcom_goes_where_no_label_is_on_its_way(told: bool) -> None:
    points, owner = blobs([60, 30, 10], spread=0.02)
    probs = np.full((100, 3), 0.1) + 0.7 * np.eye(3)[owner]
    state = State(points, np.array([99]), np.array([2]), 3, rng(), probs=probs if told else None)
    dcom = get_strategy("dcom", radius=0.5)
    alone = dcom.query(state, 1).indices[0]
    assert owner[alone] == 0  # most items
    assert owner[dcom.query(state.replace(rng=rng(), pending=np.arange(20)), 1).indices[0]] == 1
