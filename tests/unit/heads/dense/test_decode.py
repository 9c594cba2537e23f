"""Probabilities of places into regions: small exact examples."""

from __future__ import annotations

import numpy as np
import pytest

from activessl.heads.dense import cuts
from activessl.heads.dense.decode import _enlarged, _filled, candidates, kept, resized
from activessl.heads.dense.grid import Grid
from activessl.labels.regions.places import Mask, Segment, Span
from activessl.labels.regions.region import Region

ROW = Grid((1, 6), (12,), np.stack([np.arange(6) * 2, np.arange(6) * 2 + 2], axis=1))


@pytest.mark.parametrize(
    ("label", "gap", "expected"),
    [
        ([1, 1, 0, 2, 2, 2], 2, [1, 1, 2, 2, 2, 2]),  # the longer neighbor
        ([1, 1, 1, 0, 2, 2], 2, [1, 1, 1, 1, 2, 2]),
        ([1, 1, 0, 2, 2], 2, [1, 1, 1, 2, 2]),  # equally long: the one before
        ([0, 1, 1, 1], 2, [1, 1, 1, 1]),  # at the start there is none before
        ([1, 1, 1, 0], 2, [1, 1, 1, 1]),  # at the end there is none after
        ([0, 1], 2, [1, 1]),
        ([0], 2, [0]),  # a single run stays
        ([1, 1, 0, 0, 1, 1], 2, [1, 1, 0, 0, 1, 1]),  # not shorter than the gap
        ([1, 1, 1, 0, 0, 1, 1, 1], 3, [1] * 8),
    ],
)
def test_short_runs_take_the_class_beside_them(label: list[int], gap: float, expected: list[int]) -> None:
    given = np.array(label)
    assert _filled(given, gap).tolist() == expected
    assert given.tolist() == label  # the caller's array is not changed


def test_a_place_has_the_class_that_exceeds_its_own_threshold_most() -> None:
    probs = np.array([[[0.5, 0.6, 0.6, 0.1, 0.1, 0.1]], [[0.3, 0.3, 0.1, 0.1, 0.3, 0.25]]])
    found = candidates("span", probs, ROW, [0.5, 0.2])
    assert [(one.label, one.place, one.size) for one in found] == [
        (1, Span(0, 4), 2.0),  # 0.3 is further above 0.2 than 0.6 is above 0.5
        (0, Span(4, 6), 1.0),
        (1, Span(8, 12), 2.0),
    ]
    assert [one.score for one in found] == pytest.approx([0.3, 0.6, 0.275])


def test_places_above_the_threshold_are_joined_and_segments_are_segments() -> None:
    probs = np.full((1, 1, 6), 0.2)
    probs[0, 0, 2:4] = 0.75
    (found,) = candidates("segment", probs, ROW, [0.75 - 1e-6])
    assert found.place == Segment(4, 8) and found.size == 2
    assert candidates("segment", probs, ROW, [0.76]) == []


def test_parts_in_a_row_need_bounds() -> None:
    with pytest.raises(TypeError, match="start and an end"):
        candidates("span", np.full((1, 1, 6), 0.9), Grid((1, 6), (12,), None), [0.5])


def test_a_mask_is_cut_where_the_probability_is_high_and_corners_join() -> None:
    probs = np.full((2, 4, 4), 0.1)
    probs[0, 0, 0] = probs[0, 1, 1] = probs[0, 3, 3] = 0.9
    found = candidates("mask", probs, Grid((4, 4), (4, 4), None), [0.5, 0.5])
    assert [(one.label, one.size) for one in found] == [(0, 2.0), (0, 1.0)]
    assert [one.score for one in found] == pytest.approx([0.9, 0.9])
    assert isinstance(found[0].place, Mask) and np.argwhere(found[0].place.array()).tolist() == [[0, 0], [1, 1]]


def test_only_regions_of_the_least_size_are_kept_with_a_score_of_at_most_1() -> None:
    probs = np.full((1, 1, 6), 0.01)
    probs[0, 0, 0:2], probs[0, 0, 4] = 1.0, 0.8
    found = candidates("span", probs, ROW, [0.5])
    assert [one.place for one in kept(found, 2, ("a",))] == [Span(0, 4)]
    assert [(one.place, one.classes, one.score) for one in kept(found, 1, ("a",))] == [
        (Span(0, 4), ("a",), 1.0),
        (Span(8, 10), ("a",), 0.8),
    ]


def test_resizing_puts_values_at_the_centers_of_parts() -> None:
    assert resized(np.array([[0.0], [4.0]]), (4, 1)).ravel().tolist() == [0.0, 1.0, 3.0, 4.0]
    assert resized(np.arange(8.0)[None], (1, 4)).ravel().tolist() == [0.5, 2.5, 4.5, 6.5]
    same = np.random.default_rng(0).random((3, 5))
    assert resized(same, (3, 5)) == pytest.approx(same)


def test_an_enlarged_mask_repeats_its_pixels() -> None:
    small = np.array([[True, False], [False, True]])
    assert _enlarged(small, (4, 4)).tolist() == np.kron(small, np.ones((2, 2))).astype(bool).tolist()
    assert _enlarged(small, (2, 4)).tolist() == np.repeat(small, 2, axis=1).tolist()


def test_the_best_threshold_is_smoothed_with_half_of_its_own_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    peak = dict(zip(cuts.THRESHOLDS, (0.0, 0.0, 0.6, 0.6, 0.5, 0.0, 0.0, 0.85, 0.0), strict=True))
    monkeypatch.setattr(cuts, "_quality", lambda kind, judged, classes, thresholds, least: peak[thresholds[0]])
    region = Region(Span(0, 2), ("a",))
    judged = [cuts.Judged(np.zeros((1, 1, 6)), ROW, (), (region,) * n) for n in (2, 2)]
    # (0.6 + 2 x 0.6 + 0.5) / 4 is more than (2 x 0.85) / 4; the middle of those that are about equally good
    assert cuts.choose_cuts("span", judged, ["a"]).thresholds == (0.4,)
    assert cuts.choose_cuts("span", judged[:1], ["a"]).thresholds == (0.5,)  # too few regions to choose by


def test_a_class_that_is_nowhere_does_not_hide_the_next_one() -> None:
    probs = np.full((2, 4, 4), 0.1)
    probs[1, 2, 2] = 0.9
    assert [one.label for one in candidates("mask", probs, Grid((4, 4), (4, 4), None), [0.5, 0.5])] == [1]
