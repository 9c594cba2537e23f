"""Accuracy on test items in words and numbers."""

from __future__ import annotations

import pytest

from activessl.measuring.quality import tested


def test_one_item_is_an_item_and_thousands_have_a_comma() -> None:
    assert tested.Tested(1, 1).to_text().endswith("on 1 test item")
    assert tested.Tested(1, 2).to_text().endswith("on 2 test items")
    assert tested.Tested(700, 1400).to_text().startswith("50.0 % (90 % interval 47.8 to 52.2) on 1,400 test items")


def test_the_interval_is_wilsons_and_lies_between_0_and_1() -> None:
    z, p, n = 1.6449, 0.8, 50
    middle, half = p + z * z / (2 * n), z * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5
    ends = [(middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)]
    assert tested.Tested(40, 50).interval == pytest.approx(ends, abs=1e-6)
    assert tested.Tested(0, 9).interval[0] == pytest.approx(0, abs=1e-12)
    assert tested.Tested(9, 9).interval[1] == pytest.approx(1, abs=1e-12)
    told = tested.Tested(40, 50).to_dict()
    assert (told["accuracy"], told["items"], told["level"]) == (0.8, 50, 0.9)
    assert (told["low"], told["high"]) == tested.Tested(40, 50).interval
