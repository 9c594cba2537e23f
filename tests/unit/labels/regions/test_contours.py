"""Outlines of masks: exact along the sides of pixels, and with few corners where that is nearly the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from activessl.labels.regions.contours import ENOUGH, outline, polygon_of
from activessl.labels.regions.overlap import iou
from activessl.labels.regions.places import Mask, polygon


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.2, 0.8), st.integers(1, 9), st.integers(1, 9))
def test_an_outline_encloses_the_largest_part_with_its_holes_filled(seed: int, share: float, h: int, w: int) -> None:
    inside = np.random.default_rng(seed).random((h, w)) < share
    found = outline(inside)
    if not inside.any():
        assert found == []
        return
    filled = polygon(found, (h, w))
    # every part that touches another at a corner is of one outline
    named, count = ndimage.label(inside, np.ones((3, 3)))
    parts = [ndimage.binary_fill_holes(named == number) for number in range(1, count + 1)]
    most = max(part.sum() for part in parts)
    assert any(np.array_equal(filled, part) and part.sum() == most for part in parts)


@pytest.mark.parametrize("radius", [3, 10, 40])
def test_a_disc_becomes_a_polygon_that_people_can_move(radius: int) -> None:
    y, x = np.mgrid[:100, :120]
    mask = Mask.of((x - 60) ** 2 + (y - 50) ** 2 < radius**2)
    points = polygon_of(mask)
    assert len(points) <= 24 and iou(Mask.of(polygon(points, mask.size)), mask) >= ENOUGH


def test_a_rectangle_keeps_its_four_corners_and_an_empty_mask_has_none() -> None:
    inside = np.zeros((20, 30), bool)
    assert polygon_of(Mask.of(inside)) == []
    inside[4:19, 3:30] = True
    assert polygon_of(Mask.of(inside)) == [(3, 4), (30, 4), (30, 19), (3, 19)]
    # a hole is filled, and a smaller part is lost
    inside[8:10, 8:10] = False
    inside[0, 0] = True
    assert polygon_of(Mask.of(inside)) == [(3, 4), (30, 4), (30, 19), (3, 19)]
