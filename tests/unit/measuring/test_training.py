"""Scores of people at items whose answers are known."""

from __future__ import annotations

import pytest

from activessl.measuring.intervals import difference, share_interval
from activessl.measuring.quality.training import change, score


def test_the_most_frequent_confusion_comes_first_and_equal_ones_by_name() -> None:
    known = [["dog"], ["cat"], ["cat"], ["ant"], ["ant"]]
    said = [["cat"], ["dog"], ["dog"], ["cat"], ["ant"]]
    assert score(known, said).mixed == (("cat", "dog", 2), ("ant", "cat", 1), ("dog", "cat", 1))


def test_a_skip_is_an_item_but_neither_right_nor_a_confusion() -> None:
    found = score([["a"], ["a"], ["b"], ["b"]], [["a"], None, None, ["b"]])
    assert (found.right, found.n, found.skipped, found.mixed) == (2, 4, 2, ())
    assert found.share == 0.5
    assert (found.low, found.high) == share_interval(2, 4, 0.9)


def test_several_classes_are_right_in_any_order_and_wrong_if_one_is_missing() -> None:
    found = score([["a", "b"], ["a", "b"], ["a"]], [["b", "a"], ["a"], ["a", "b"]])
    assert found.right == 1
    assert len(found.mixed) == 2


@pytest.mark.parametrize(
    ("seconds", "middle"), [((), None), ((None, None), None), ((None, 4.0), 4.0), ((1.0, 2.0, None, 9.0), 2.0)]
)
def test_the_time_is_the_median_of_what_was_recorded(seconds: tuple[float | None, ...], middle: float | None) -> None:
    assert score([["a"]], [["a"]], seconds).seconds == middle


def test_without_items_there_is_no_share() -> None:
    nothing = score([], [])
    assert nothing.share == 0.0 and nothing.to_dict()["share"] is None
    assert score([["a"]], [["b"]]).to_dict()["share"] == 0.0  # none right is a share


def test_a_change_is_the_later_share_minus_the_earlier_one() -> None:
    worse, better = score([["a"]] * 10, [["b"]] * 4 + [["a"]] * 6), score([["a"]] * 20, [["b"]] * 2 + [["a"]] * 18)
    up, down = change(worse, better), change(better, worse)
    assert up.points == pytest.approx(0.3) and down.points == pytest.approx(-0.3)
    assert (up.low, up.high) == difference(0.9, 20, 0.6, 10, 0.9)
    assert (down.low, down.high) == pytest.approx((-up.high, -up.low))
