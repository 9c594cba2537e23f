"""Votes of parts for boxes, and which class learns from which box."""

from __future__ import annotations

import numpy as np
import pytest

from activessl.encoders.parts.base import ItemParts
from activessl.encoders.parts.store import PartStore
from activessl.heads.dense import box_fits
from activessl.heads.dense.boxes import BoxFit, fit_boxes, joined
from activessl.heads.dense.grid import Grid
from activessl.labels.regions.places import Box, Mask
from activessl.labels.regions.region import Region

GRID = Grid((4, 4), (40, 40))


def test_each_class_learns_from_its_own_boxes_and_one_without_boxes_has_no_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    small, large = Box(0, 0, 10, 10), Box(0, 0, 20, 40)
    mask = Mask.of(np.eye(40) > 0)
    regions = [(Region(small, ("a",)), Region(mask, ("c",))), (Region(large, ("b", "a", "elsewhere")),), ()]
    parts = PartStore.of([ItemParts((np.ones((4, 4, 2), np.float16),))] * 3, ["x", "y", "z"])
    monkeypatch.setattr(box_fits, "part_vectors", lambda network, parts, row: np.full((16, 2), float(row)))
    seen = []

    def fit(vectors, centers, boxes, pictures):
        seen.append((vectors, centers, boxes, pictures))
        return len(seen)

    monkeypatch.setattr(box_fits, "fit_boxes", fit)
    rows, grids, names = np.array([0, 1, 2]), [GRID] * 3, ("a", "b", "c")
    assert box_fits.fits_of_classes(None, parts, rows, regions, grids, names, seed=0) == [1, 2, None]
    (_, _, of_a, pictures_a), (vectors_b, centers_b, of_b, pictures_b) = seen
    assert {tuple(row) for row in of_a.tolist()} == {(0, 0, 10, 10), (0, 0, 20, 40)}
    assert {tuple(row) for row in of_b.tolist()} == {(0, 0, 20, 40)}
    assert set(pictures_a.tolist()) == {0, 1} and set(pictures_b.tolist()) == {1}
    assert (vectors_b == 1).all() and (centers_b < (20, 40)).all()


def test_a_vote_is_the_center_with_its_offset_and_the_typical_size_with_its_factor() -> None:
    weights = np.array([[0.5, 0.0, np.log(2), 0.0], [0.0, 0.0, 0.0, 0.0]])
    fit = BoxFit(weights, np.array([10.0, 20.0]), np.array([1.0]))
    assert fit.boxes(np.array([[1.0]]), np.array([[50.0, 60.0]])).tolist() == [[45.0, 50.0, 55.0, 70.0]]
    # one more: half a width to the right, and twice as wide
    assert fit.boxes(np.array([[2.0]]), np.array([[50.0, 60.0]]))[0] == pytest.approx([45.0, 50.0, 65.0, 70.0])
    huge = fit.boxes(np.array([[1e6]]), np.array([[0.0, 0.0]]))[0]
    assert huge[2] - huge[0] == pytest.approx(10 * np.exp(3))  # no vote is more than 20 times as large as usual


def test_boxes_of_one_picture_are_fitted_with_a_large_penalty_and_those_of_many_are_exact() -> None:
    rng = np.random.default_rng(0)
    vectors, centers = rng.normal(size=(60, 2)), rng.uniform(0, 90, (60, 2))
    middle = centers + 3 * vectors
    boxes = np.concatenate([middle - 4, middle + 4], axis=1)
    many = fit_boxes(vectors, centers, boxes, np.arange(60) // 6)
    one = fit_boxes(vectors, centers, boxes, np.zeros(60, int))
    assert many.typical == pytest.approx([8, 8]) and many.mean == pytest.approx(vectors.mean(axis=0))
    errors = [np.abs(fit.boxes(vectors, centers) - boxes).max() for fit in (many, one)]
    assert errors[0] < 0.01 < errors[1] < 5


def test_votes_are_joined_around_the_best_one_and_weighted_by_their_squared_scores() -> None:
    votes = np.array([[10.0, 10, 20, 20], [10, 10, 20, 22], [25, 25, 35, 35]])
    first, second = joined(votes, np.array([0.5, 1.0, 0.7]), GRID)
    assert first[1:] == (1.0, 2) and second[1:] == (0.7, 1)
    assert first[0].height == pytest.approx((0.25 * 10 + 12) / 1.25)
    assert (second[0].x, second[0].y, second[0].width, second[0].height) == (25, 25, 10, 10)


def test_boxes_end_at_the_edge_of_the_picture_and_those_outside_of_it_are_none() -> None:
    ((box, _, _),) = joined(np.array([[-5.0, 30, 15, 60]]), np.array([0.9]), GRID)
    assert (box.x, box.y, box.width, box.height) == (0, 30, 15, 10)
    assert joined(np.array([[-20.0, 0, 0.5, 30]]), np.array([0.9]), GRID) == []  # half a pixel is left
    assert len(joined(np.array([[-20.0, 0, 1.0, 30]]), np.array([0.9]), GRID)) == 1
    assert joined(np.array([[3.0, 39.5, 30, 60]]), np.array([0.9]), GRID) == []
    assert len(joined(np.array([[3.0, 39.0, 30, 60]]), np.array([0.9]), GRID)) == 1
