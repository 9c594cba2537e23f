"""Our picks against slow formulations written straight from the papers: dense matrices, one pick after the other."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from activessl.geometry.neighbours import labeled_distance, nearest_distances, neighbours
from activessl.geometry.units import unit_rows
from activessl.strategies.coverage import herding
from activessl.strategies.coverage.balls import prob_cover, pure_radius
from activessl.strategies.coverage.herding import herd
from activessl.strategies.coverage.k_center import k_center
from activessl.strategies.informed.design import badge, bait_binary, gradient_factor
from activessl.strategies.uncertainty.scores import bald


def blobs(n: int, d: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(6, d))
    return (centres[rng.integers(6, size=n)] + 0.7 * rng.normal(size=(n, d))).astype(np.float32)


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors.astype(np.float64) / np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)


def dense_herding(x: np.ndarray, labeled: np.ndarray, size: int, width: float, u: np.ndarray) -> list[int]:
    squared = cdist(x, x, "sqeuclidean")
    k = np.exp(-squared / width**2)
    covered = k[labeled].max(axis=0) if len(labeled) else np.zeros(len(x))
    u = u.copy()
    u[labeled] = 0
    picks: list[int] = []
    for _ in range(size):
        gain = np.maximum(k - covered, 0) @ u
        gain[labeled] = -1
        gain[picks] = -1
        best = int(np.argmax(gain))
        picks.append(best)
        covered = np.maximum(covered, k[best])
    return picks


@pytest.mark.parametrize("labels", [0, 1, 10, 60])
@pytest.mark.parametrize("width", [1.0, 0.5, 0.2])
def test_herding_takes_what_dense_greedy_takes(labels: int, width: float) -> None:
    vectors = blobs(300, 12, seed=labels)
    rng = np.random.default_rng(1)
    labeled = rng.permutation(300)[:labels]
    u = rng.random(300)
    candidates = np.setdiff1d(np.arange(300), labeled)
    found = herd(vectors, labeled, candidates, 25, width=width, weights=u, rng=np.random.default_rng(0))
    assert found.picks.tolist() == dense_herding(unit(vectors), labeled, 25, width, u)


@pytest.mark.parametrize("labels", [0, 40])
def test_sampled_herding_reaches_almost_what_dense_greedy_reaches(labels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(herding, "_PAIRS", 500_000)  # so that the way of large pools is taken
    vectors = blobs(2000, 16, seed=3)
    x = unit(vectors)
    labeled = np.random.default_rng(1).permutation(2000)[:labels]
    candidates = np.setdiff1d(np.arange(2000), labeled)
    monkeypatch.setattr(herding, "_FOLLOWED", 300)
    found = herd(vectors, labeled, candidates, 20, width=0.7, rng=np.random.default_rng(0))
    best = dense_herding(x, labeled, 20, 0.7, np.ones(2000))

    def objective(picks: list[int]) -> float:
        squared = cdist(x, x[np.concatenate([labeled, picks]).astype(int)], "sqeuclidean").min(axis=1)
        return float(np.exp(-squared / 0.49).mean())

    reached = objective(found.picks.tolist()) / objective(best)
    assert reached >= 0.99


@pytest.mark.parametrize("labels", [1, 30])
def test_k_center_is_farthest_first(labels: int) -> None:
    vectors = blobs(5000, 6, seed=labels)
    x = unit(vectors)
    labeled = np.random.default_rng(0).permutation(5000)[:labels]
    candidates = np.setdiff1d(np.arange(5000), labeled)
    found = k_center(vectors, labeled, candidates, 40, rng=np.random.default_rng(0))
    squared = cdist(x, x[labeled], "sqeuclidean").min(axis=1)
    for pick, gain in zip(found.picks, found.gains, strict=True):
        assert gain == pytest.approx(np.sqrt(squared.max()), abs=1e-3)
        assert squared[pick] >= squared.max() - 1e-4
        squared = np.minimum(squared, ((x - x[pick]) ** 2).sum(axis=1))


def test_prob_cover_takes_the_vertex_with_most_uncovered_neighbours() -> None:
    vectors = blobs(400, 8, seed=5)
    x = unit(vectors)
    labeled = np.array([3, 50])
    candidates = np.setdiff1d(np.arange(400), labeled)
    found = prob_cover(vectors, labeled, candidates, 15, radius=0.6, rng=np.random.default_rng(0))
    near = cdist(x[candidates], x[candidates]) < 0.6
    open_ = (cdist(x[candidates], x[labeled]) >= 0.6).all(axis=1)
    for pick in np.searchsorted(candidates, found.picks):
        count = (near & open_).sum(axis=1)
        assert count[pick] == count.max()
        open_ &= ~near[pick]
    assert found.objective == pytest.approx(1 - open_.mean())


def test_the_pure_radius_is_what_counting_finds() -> None:
    vectors = blobs(500, 8, seed=6)
    radius = pure_radius(vectors, np.arange(500), 6, rng=np.random.default_rng(0))
    from activessl.geometry.blocks import thin
    from activessl.geometry.clusters import kmeans

    rng = np.random.default_rng(0)
    points = unit_rows(vectors, thin(np.arange(500), 10_000, rng))
    cluster = kmeans(points, 6, rng=rng, iterations=10).assignment
    distance = cdist(points, points)
    other = cluster[:, None] != cluster[None, :]

    def pure(r: float) -> float:
        return float((~(other & (distance < r)).any(axis=1)).mean())

    assert pure(radius - 1e-4) >= 0.95 - 1 / 500
    assert pure(radius + 0.02) < 0.95


def dense_bait(
    x: np.ndarray, p: np.ndarray, labeled: np.ndarray, candidates: np.ndarray, size: int, ridge: float
) -> list[int]:
    """Fisher information as explicit two-row gradients of a Bernoulli likelihood, and matrix inverses."""

    def rows(i: int) -> np.ndarray:  # sqrt-probability weighted gradient of either outcome
        return np.stack([np.sqrt(p[i]) * (1 - p[i]) * x[i], -np.sqrt(1 - p[i]) * p[i] * x[i]])

    d, total = x.shape[1], len(labeled) + size
    everyone = np.concatenate([labeled, candidates])
    target = sum(rows(i).T @ rows(i) for i in everyone) / len(everyone)
    prior = ridge * np.eye(d) + sum((rows(i).T @ rows(i) for i in labeled), np.zeros((d, d))) / total
    share = size / total
    chosen: list[int] = []
    information = prior
    for _ in range(min(2 * size, len(candidates))):
        left = [i for i in candidates if i not in chosen]
        value = [np.trace(np.linalg.solve(information + share * rows(i).T @ rows(i), target)) for i in left]
        chosen.append(int(left[int(np.argmin(value))]))
        information = information + share * rows(chosen[-1]).T @ rows(chosen[-1])
    while len(chosen) > size:
        value = [np.trace(np.linalg.solve(information - share * rows(i).T @ rows(i), target)) for i in chosen]
        gone = chosen.pop(int(np.argmin(value)))
        information = information - share * rows(gone).T @ rows(gone)
    return chosen


@pytest.mark.parametrize(("labels", "ridge"), [(0, 1.0), (12, 1.0), (12, 1e-3), (30, 1e-2)])
def test_rank_one_bait_takes_what_the_fisher_formulation_takes(labels: int, ridge: float) -> None:
    vectors = blobs(70, 9, seed=labels)
    rng = np.random.default_rng(2)
    labeled = rng.permutation(70)[:labels]
    p = rng.uniform(0.4, 0.99, size=70)
    candidates = np.setdiff1d(np.arange(70), labeled)
    found = bait_binary(vectors, p, labeled, candidates, 8, ridge=ridge, rng=np.random.default_rng(0))
    assert found.picks.tolist() == dense_bait(unit(vectors), p, labeled, candidates, 8, ridge)


def test_bait_ahead_of_the_pool_takes_what_one_exact_pass_per_pick_takes() -> None:
    vectors = blobs(9000, 10, seed=2)
    x = unit(vectors)
    rng = np.random.default_rng(3)
    p = rng.uniform(0.3, 1, size=9000)
    found = bait_binary(
        vectors, p, np.array([], dtype=int), np.arange(9000), 60, ridge=1e-2, oversample=1, rng=np.random.default_rng(0)
    )
    w = p * (1 - p)
    target = (x * w[:, None]).T @ x / 9000
    inverse = np.eye(10) / 1e-2
    free = np.ones(9000, dtype=bool)
    for pick in found.picks:
        product = x @ inverse
        a, b = np.einsum("ij,ij->i", product, x), np.einsum("ij,ij->i", product @ target, product)
        score = np.where(free, w * b / (1 + w * a), -1)
        assert score[pick] >= score.max() * (1 - 1e-4)
        free[pick] = False
        inverse -= w[pick] / (1 + w[pick] * a[pick]) * np.outer(product[pick], product[pick])


def test_badge_measures_distances_between_full_gradients() -> None:
    vectors = blobs(200, 6, seed=8)
    rng = np.random.default_rng(0)
    probs = rng.dirichlet(np.ones(4), size=200)
    found = badge(vectors, probs, np.arange(200), 30, rng=np.random.default_rng(0))
    hot = np.eye(4)[probs.argmax(axis=1)]
    gradient = ((probs - hot)[:, :, None] * unit(vectors)[:, None, :]).reshape(200, -1)
    assert found.picks[0] == np.argmax(np.linalg.norm(gradient, axis=1))
    for step in range(1, 30):
        nearest = np.linalg.norm(gradient[found.picks[step]] - gradient[found.picks[:step]], axis=1).min()
        assert found.gains[step] == pytest.approx(nearest, abs=2e-3)
    assert np.allclose(gradient_factor(probs), probs - hot, atol=1e-6)


def test_badge_draws_with_the_chances_of_k_means_plus_plus() -> None:
    vectors = blobs(8, 4, seed=9)
    probs = np.random.default_rng(0).dirichlet(np.ones(3), size=8)
    hot = np.eye(3)[probs.argmax(axis=1)]
    g = ((probs - hot)[:, :, None] * unit(vectors)[:, None, :]).reshape(8, -1)
    squared = cdist(g, g, "sqeuclidean")
    first = int(np.argmax((g**2).sum(axis=1)))
    # chance of each ordered pair of second and third draw
    expected = np.zeros((8, 8))
    for second in range(8):
        rest = np.minimum(squared[first], squared[second])
        if squared[first, second] > 0:
            expected[second] = squared[first, second] / squared[first].sum() * rest / rest.sum()
    counts = np.zeros((8, 8))
    runs = 4000
    for seed in range(runs):
        picks = badge(vectors, probs, np.arange(8), 3, rng=np.random.default_rng(seed)).picks
        counts[picks[1], picks[2]] += 1
    spread = np.sqrt(expected * (1 - expected) / runs)
    assert (np.abs(counts / runs - expected) <= 4.5 * spread + 1e-9).all()


def test_bald_is_the_mutual_information_written_out() -> None:
    samples = np.random.default_rng(0).dirichlet(np.ones(5), size=(7, 40))

    def h(p: np.ndarray) -> np.ndarray:
        return -(p * np.log(p)).sum(axis=-1)

    assert np.allclose(bald(samples), h(samples.mean(axis=0)) - h(samples).mean(axis=0))


def test_distances_are_those_of_scipy() -> None:
    vectors = blobs(300, 20, seed=1)
    x = unit(vectors)
    labeled = np.array([5, 17, 200])
    dense = cdist(x, x[labeled])
    assert np.allclose(nearest_distances(vectors, None, labeled), dense.min(axis=1), atol=2e-3)
    distance, position = neighbours(unit_rows(vectors), unit_rows(vectors)[:40], 5)
    every = np.sort(cdist(x[:40], x), axis=1)[:, :5]
    assert np.allclose(distance, every, atol=2e-3)
    assert (position[:, 0] == np.arange(40)).all()
    rest = np.delete(dense.min(axis=1), labeled)
    width = labeled_distance(vectors, labeled, rng=np.random.default_rng(0))
    assert width == pytest.approx(np.median(rest), abs=2e-3)
