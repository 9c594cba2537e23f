"""Which share of each part a region covers."""

from __future__ import annotations

import numpy as np
import pytest

from activessl.heads.dense.grid import Grid, coverage
from activessl.heads.dense.training import _drawn
from activessl.labels.regions.places import Box, Mask, Segment, Span


def test_centers_go_row_by_row_from_left_to_right() -> None:
    assert Grid((2, 3), (20, 60)).centers.tolist() == [[10, 5], [30, 5], [50, 5], [10, 15], [30, 15], [50, 15]]


def test_a_mask_covers_the_share_of_the_pixels_of_a_part_also_where_edges_cut_pixels() -> None:
    inside = np.zeros((4, 6), dtype=bool)
    inside[:2, :3] = True
    inside[2, 0] = True
    assert coverage(Mask.of(inside), Grid((2, 2), (4, 6))) == pytest.approx(np.array([[1, 0], [1 / 6, 0]]))
    # three parts over four pixels: the second pixel is one third in the first part, and two thirds in the second
    row = np.array([[False, True, False, False]])
    assert coverage(Mask.of(row), Grid((1, 3), (1, 4))) == pytest.approx(np.array([[0.25, 0.5, 0.0]]))
    assert coverage(Mask.of(np.ones((5, 7), bool)), Grid((3, 2), (5, 7))) == pytest.approx(np.ones((3, 2)))


@pytest.mark.parametrize("place", [Span(3, 7), Segment(3, 7)])
def test_a_run_covers_what_it_shares_with_each_part(place: Span | Segment) -> None:
    bounds = np.array([[0, 2], [2, 4], [4, 8], [8, 8], [6, 10]])
    assert coverage(place, Grid((1, 5), (10,), bounds)).tolist() == [[0, 0.5, 0.75, 0, 0.25]]
    with pytest.raises(TypeError, match="start and an end"):
        coverage(place, Grid((1, 5), (10,)))


def test_the_middle_of_a_box_counts_its_edge_counts_as_nothing_and_the_rest_is_outside() -> None:
    found = coverage(Box(10, 10, 50, 50), Grid((7, 7), (70, 70)))
    expected = np.zeros((7, 7))
    expected[1:6, 1:6] = -1
    expected[2:5, 2:5] = 1
    assert found.tolist() == expected.tolist()
    wide = coverage(Box(0, 20, 70, 30), Grid((7, 7), (70, 70)))
    assert wide[3].tolist() == [-1, 1, 1, 1, 1, 1, -1] and wide[2].tolist() == [-1] * 7 and not wide[[0, 1, 5, 6]].any()


def test_a_box_smaller_than_a_part_is_the_part_that_it_lies_in() -> None:
    found = coverage(Box(31, 12, 2, 3), Grid((2, 4), (40, 80)))
    assert found.tolist() == [[0, 1, 0, 0], [0, 0, 0, 0]]


def test_a_batch_is_half_of_items_with_regions_without_repeats_where_there_are_enough() -> None:
    holds = np.arange(20) >= 12
    for seed in range(20):
        drawn = _drawn(holds, 15, np.random.default_rng(seed))
        assert holds[drawn].sum() == 8 and len(set(drawn)) == 15  # all eight, and seven of twelve
        more = _drawn(holds, 18, np.random.default_rng(seed))
        assert holds[more].sum() == 9 and len({row for row in more if not holds[row]}) == 9
        assert len(set(_drawn(np.ones(9, bool), 9, np.random.default_rng(seed)))) == 9
    assert len(_drawn(np.zeros(3, bool), 5, np.random.default_rng(0))) == 5
    assert len(_drawn(np.arange(4) > 2, 8, np.random.default_rng(0))) == 8
