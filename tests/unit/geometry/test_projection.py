"""The projection of a pool to the plane."""

from __future__ import annotations

import numpy as np
import pytest

from activessl.geometry.neighbours import neighbours
from activessl.geometry.projection import FEW, _by_grid, _by_pairs, principal_components, project
from activessl.geometry.units import centred_rows


def clusters(n: int = 240, k: int = 6) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    which = np.arange(n) % k
    return centred_rows(rng.normal(size=(k, 24))[which] + 0.4 * rng.normal(size=(n, 24))), which


def test_what_is_alike_lies_together() -> None:
    points, which = clusters()
    places = project(points).places
    near = neighbours(places, places, 6)[1][:, 1:]
    assert np.mean(which[near] == which[:, None]) > 0.98
    assert places.min() >= 0 and places.max() <= 1 and max(np.ptp(places, axis=0)) == pytest.approx(1, abs=1e-5)
    np.testing.assert_array_equal(project(points).places, places)


def test_the_nearest_of_each_item_are_others_and_in_order() -> None:
    points, _ = clusters(60)
    near = project(points).near
    assert not (near == np.arange(60)[:, None]).any()
    low = principal_components(points, 24)
    away = np.linalg.norm(low[near] - low[:, None], axis=2)
    assert (np.diff(away, axis=1) >= -1e-5).all()


@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_few_items_have_a_map(n: int) -> None:
    found = project(np.eye(3, dtype=np.float32)[:n])
    assert found.places.shape == (n, 2) and found.near.shape == (n, n - 1) and np.isfinite(found.places).all()


@pytest.mark.parametrize("points", [np.tile(np.eye(4, dtype="f4")[:1], (50, 1)), np.zeros((50, 4), dtype="f4")])
def test_copies_lie_apart_so_that_each_can_be_pointed_at(points: np.ndarray) -> None:
    found = project(points)
    assert len(np.unique(found.places, axis=0)) == 50 and np.isfinite(found.places).all()
    assert not (found.near == np.arange(50)[:, None]).any()


def test_the_grid_gives_the_forces_of_all_pairs() -> None:
    places = np.random.default_rng(0).normal(scale=6, size=(200, 2)).astype(np.float32)
    apart = places[:, None] - places[None]
    q = 1 / (1 + (apart**2).sum(axis=2))
    exact = (apart * (q * q)[..., None]).sum(axis=1)
    for push, total in (_by_pairs(places), _by_grid(places, 256)):
        assert np.abs(push - exact).mean() < 0.1 * np.abs(exact).mean()
        assert total == pytest.approx(q.sum() - len(places), rel=0.01)
    np.testing.assert_allclose(_by_pairs(places)[0], exact, atol=1e-4)


def test_more_items_are_laid_out_on_the_grid() -> None:
    points, which = clusters(FEW + 60)
    places = project(points).places
    near = neighbours(places, places, 6)[1][:, 1:]
    assert np.mean(which[near] == which[:, None]) > 0.98
