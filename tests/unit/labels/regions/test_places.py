from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from activessl.errors import LabelError
from activessl.labels.regions.checks import check_region
from activessl.labels.regions.matching import ANY, EXACT, Counts, counted, match
from activessl.labels.regions.overlap import box_ious, iou
from activessl.labels.regions.places import Box, Mask, Segment, Span, polygon
from activessl.labels.regions.region import Region

arrays = st.integers(0, 2**32 - 1).map(lambda seed: np.random.default_rng(seed))


@given(arrays, st.integers(1, 7), st.integers(1, 7))
def test_a_mask_returns_the_array_that_it_was_made_of(rng: np.random.Generator, height: int, width: int) -> None:
    inside = rng.random((height, width)) < rng.random()
    mask = Mask.of(inside)
    assert np.array_equal(mask.array(), inside)
    assert mask.extent == inside.sum()


@given(arrays, st.integers(1, 9), st.integers(1, 9))
def test_the_overlap_of_masks_is_that_of_their_pixels(rng: np.random.Generator, height: int, width: int) -> None:
    a, b = (rng.random((height, width)) < 0.5 for _ in range(2))
    union = (a | b).sum()
    assert iou(Mask.of(a), Mask.of(b)) == pytest.approx((a & b).sum() / union if union else 0.0)


@given(arrays)
def test_the_overlap_of_turned_boxes_is_that_of_their_pixels_and_does_not_depend_on_the_order(
    rng: np.random.Generator,
) -> None:
    boxes = [Box(*rng.uniform(20, 50, 2), *rng.uniform(20, 40, 2), rotation=float(rng.uniform(0, 360))) for _ in "ab"]
    fine = [polygon([tuple(2 * xy) for xy in box.corners + 60], (320, 320)) for box in boxes]
    expected = (fine[0] & fine[1]).sum() / (fine[0] | fine[1]).sum()
    assert iou(*boxes) == pytest.approx(expected, abs=0.02)
    assert iou(*boxes) == pytest.approx(iou(*boxes[::-1]), abs=1e-9)


def test_a_box_whose_corner_was_pulled_over_the_opposite_one_is_the_same_box() -> None:
    # Label Studio stores it with rotation 180 about the corner that was pulled
    assert iou(Box(14, 12, 4, 2, rotation=180), Box(10, 10, 4, 2)) == 1.0


def test_upright_boxes_overlap_alike_one_by_one_and_all_at_once() -> None:
    rng = np.random.default_rng(0)
    boxes = [Box(*rng.uniform(0, 5, 2), *rng.uniform(1, 5, 2)) for _ in range(12)]
    bounds = np.array([box.bounds for box in boxes])
    assert np.allclose(box_ious(bounds, bounds), [[iou(a, b) for b in boxes] for a in boxes])


@pytest.mark.parametrize("make", [lambda: Box(0, 0, 0, 3), lambda: Box(0, float("nan"), 1, 1), lambda: Span(4, 4),
                                  lambda: Span(-1, 4), lambda: Segment(3, 2), lambda: Mask((2, 2), (3,))])  # fmt: skip
def test_a_place_without_extent_is_refused(make: object) -> None:
    with pytest.raises(LabelError) as error:
        make()  # type: ignore[operator]
    assert error.value.hint


def test_a_region_outside_of_its_item_is_refused_by_name() -> None:
    with pytest.raises(LabelError, match=r"a\.png, box 3: the box from \(50, 10\) to \(90, 20\) is outside"):
        check_region(Region(Box(50, 10, 40, 10), ("a",)), (60, 60, 3), "a.png, box 3")
    with pytest.raises(LabelError, match="the mask has height 2"):
        check_region(Region(Mask.of(np.ones((2, 3), bool)), ("a",)), (3, 2, 1), "a.png")
    with pytest.raises(LabelError, match="ends after the item"):
        check_region(Region(Segment(0, 11), ("a",)), (1, 10), "a")
    cut = check_region(Region(Box(50, 10, 40, 10), ("a",)), (60, 60, 3), "a.png", cut=True)
    assert cut.place == Box(50, 10, 10, 10)


def test_each_region_is_matched_once_and_the_better_score_chooses_first() -> None:
    true = [Region(Box(0, 0, 10, 10), ("a",)), Region(Box(2, 0, 10, 10), ("a",))]
    guess = [Region(Box(1, 0, 10, 10), ("a",), 0.2), Region(Box(2, 0, 10, 10), ("a",), 0.9)]
    assert [(row, at) for row, at, _ in match(true, guess)] == [(1, 1), (0, 0)]
    assert counted(true, guess, overlap=EXACT) == Counts(1, 2, 2)


def test_another_class_is_no_match() -> None:
    assert counted([Region(Span(0, 4), ("a",))], [Region(Span(0, 4), ("b",))]).right == 0


def test_a_touching_span_is_right_if_any_overlap_counts() -> None:
    true, guess = [Region(Span(0, 4), ("a",))], [Region(Span(3, 9), ("a",))]
    assert counted(true, guess, overlap=ANY).right == 1
    assert counted(true, guess, overlap=EXACT).right == 0
    assert counted([Region(Span(0, 4), ("a",))], [Region(Span(4, 9), ("a",))], overlap=ANY).right == 0
