"""Pairs that show the same, by their prints."""

from __future__ import annotations

import numpy as np
import pytest

from activessl.geometry import alike
from activessl.pool.traits.base import Likeness, unit

PLAIN = Likeness(lambda prints: unit(prints.astype(np.float32)), usual=0.5, share=0.1, most=0.1)


@pytest.mark.parametrize("brute", [50_000, 500])
def test_copies_with_a_little_noise_are_found_also_by_the_inverted_file(
    brute: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alike, "_BRUTE", brute)
    rng = np.random.default_rng(0)
    prints = rng.normal(size=(2000, 16)).astype(np.float16)
    prints[1000:1100] = prints[:100] + rng.normal(0, 0.002, (100, 16)).astype(np.float16)
    found = alike.alike_pairs(prints, PLAIN).tolist()
    assert len(set(map(tuple, found)) & {(i, 1000 + i) for i in range(100)}) >= 99
    assert len(found) <= 102


def test_items_that_show_nothing_have_no_copies_and_few_items_no_usual_distance() -> None:
    prints = np.zeros((5, 4), dtype=np.float16)
    prints[1] = prints[3] = (1, 2, 3, 4)
    assert alike.alike_pairs(prints, PLAIN).tolist() == [[1, 3]]
    assert alike.alike_pairs(prints[:1], PLAIN).tolist() == []
    assert alike.alike_between(prints, prints[3:], PLAIN).tolist() == [[1, 0], [3, 0]]
    assert alike.alike_between(prints[:1], prints, PLAIN).tolist() == []
    assert alike.usual_distance(np.ones((10, 6))) is None


def test_the_limit_follows_the_usual_distance_up_to_the_largest_limit() -> None:
    assert PLAIN.limit(None) == pytest.approx(0.05)
    assert PLAIN.limit(0.2) == pytest.approx(0.02)
    assert PLAIN.limit(9.0) == 0.1
