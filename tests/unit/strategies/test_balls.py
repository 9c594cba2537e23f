"""Coverage by balls on points of which every ball can be listed."""

from __future__ import annotations

import numpy as np
import pytest

from activessl.strategies.coverage import balls
from activessl.strategies.coverage.balls import _earned_radii, _Graph, _stretched, competence, prob_cover

NONE = np.array([], dtype=np.int64)


def ring(degrees: list[float]) -> np.ndarray:
    angle = np.radians(degrees)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


#: A chord of 15 degrees is 0.261, one of 5 degrees 0.087.
POINTS = ring([0, 10, 20, 90, 100, 180, 181, 182, 183])
RADIUS = 0.2


def cover(size: int, labeled: np.ndarray = NONE, **told):
    return prob_cover(POINTS, labeled, np.arange(9), size, radius=RADIUS, rng=np.random.default_rng(0), **told)


@pytest.mark.parametrize("edges", [60_000_000, 0])
def test_the_fullest_ball_comes_first_and_a_covered_item_counts_once(
    monkeypatch: pytest.MonkeyPatch, edges: int
) -> None:
    monkeypatch.setattr(balls, "_EDGES", edges)  # without edges, neighbours are computed at each use
    found = cover(3)
    assert found.picks.tolist() == [5, 1, 3] and found.gains == pytest.approx([4 / 9, 3 / 9, 2 / 9])
    assert found.objective == 1.0
    rest = cover(5)
    assert len(set(rest.picks.tolist())) == 5 and rest.gains[3:].tolist() == [0, 0]


@pytest.mark.parametrize("edges", [60_000_000, 0])
def test_what_is_covered_by_labels_is_no_gain(monkeypatch: pytest.MonkeyPatch, edges: int) -> None:
    monkeypatch.setattr(balls, "_EDGES", edges)
    found = cover(2, np.array([6, 0]))
    assert found.picks.tolist() == [3, 1] and found.gains == pytest.approx([2 / 9, 1 / 9])
    appeal = np.ones(9)
    appeal[4] = 3.0
    assert cover(1, appeal=appeal).picks.tolist() == [4]


@pytest.mark.parametrize("edges", [60_000_000, 0])
def test_the_graph_counts_uncovered_neighbours_of_every_item(monkeypatch: pytest.MonkeyPatch, edges: int) -> None:
    monkeypatch.setattr(balls, "_EDGES", edges)
    graph = _Graph(POINTS, RADIUS, np.arange(9) == 0)
    near = np.linalg.norm(POINTS[:, None] - POINTS[None], axis=2) < RADIUS
    assert graph.dense == (edges == 0) and graph.degree.tolist() == near[:, 1:].sum(axis=1).tolist()
    assert sorted(graph.neighbours(1).tolist()) == [0, 1, 2]
    assert graph.take(1) == 2 and graph.covered.sum() == 3 and graph.degree[:3].tolist() == [0, 0, 0]
    assert graph.free.tolist() == [True, False] + [True] * 7


def test_the_radius_of_a_label_grows_while_enough_of_the_ball_agree() -> None:
    points = np.stack([np.array([0.02, 0.08, 0.12, 0.17, 0.18, 0.23]), np.zeros(6)], axis=1)
    predicted = np.array([1, 1, 0, 1, 0, 0])
    labeled = np.zeros((2, 2))
    found = _earned_radii(points, labeled, np.array([1, 0]), predicted, 0.125, least_purity=0.6)
    assert found == pytest.approx([0.2, 0.05])  # 3 of 5 within 0.2, 3 of 6 within 0.25; of class 0 at most 3 of 6
    strict = _earned_radii(points, labeled, np.array([1, 0]), predicted, 0.125, least_purity=0.61)
    assert strict == pytest.approx([0.15, 0.05])
    low = _earned_radii(points, labeled, np.array([1, 0]), predicted, 0.125, least_purity=0.5)
    assert low == pytest.approx([0.25, 0.25])


def test_trust_in_uncertainty_is_a_sigmoid_of_the_coverage() -> None:
    top = 1 + np.exp(-50 * 0.2)
    assert competence(0.8) == pytest.approx(top / 2) and competence(1.0) == pytest.approx(1)
    assert competence(0.5, centre=0.4, steepness=10) == pytest.approx((1 + np.exp(-6)) / (1 + np.exp(-1)))
    assert _stretched(np.array([2.0, 4, 3])).tolist() == [0, 1, 0.5] and _stretched(np.ones(2)).tolist() == [0, 0]
