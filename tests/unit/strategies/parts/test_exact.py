"""Scores of parts and the choice of unlike items, against slow and plain computations."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from activessl.errors import QueryError
from activessl.strategies.parts import scores as core
from activessl.strategies.parts.random_share import RandomItemShare
from activessl.strategies.parts.registry import get_part_strategy
from activessl.strategies.parts.scores import part_entropy, part_margin, top_mean, top_parts, usual_top
from activessl.strategies.parts.state import PartState
from activessl.strategies.parts.strategies import _reason, farthest_items, per_cost


def test_scores_of_parts_are_those_of_the_least_certain_class(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core, "_BLOCK", 7)  # several blocks, the last one short
    probs = np.random.default_rng(0).random((40, 3))
    entropy = -probs * np.log2(probs) - (1 - probs) * np.log2(1 - probs)
    assert part_entropy(probs) == pytest.approx(entropy.max(axis=1), abs=1e-5)
    assert part_margin(probs) == pytest.approx((1 - np.abs(2 * probs - 1)).max(axis=1), abs=1e-5)
    assert part_entropy(np.array([[0.0, 1.0], [1e-9, 0.0]])).tolist() == [0, 0]


def test_the_mean_of_an_item_is_over_the_root_of_its_number_of_parts() -> None:
    values, offsets = np.random.default_rng(0).random(30), np.array([0, 1, 1, 10, 14, 30])
    expected = [
        np.sort(values[a:b])[::-1][: max(1, int((b - a) ** 0.5))].mean() if b > a else 0.0
        for a, b in pairwise(offsets.tolist())
    ]
    assert top_mean(values, offsets) == pytest.approx(expected)
    assert [usual_top(n) for n in (1, 3, 4, 8, 9)] == [1, 1, 2, 2, 3]


@pytest.mark.parametrize("n", [3, 8, 32, 33, 500])
def test_the_highest_parts_come_in_order_also_of_many(n: int) -> None:
    values = np.random.default_rng(n).permutation(n).astype(float)
    assert top_parts(values, 8).tolist() == np.argsort(-values)[:8].tolist()


def test_ties_among_few_parts_keep_their_order() -> None:
    assert top_parts(np.array([1.0, 2, 2, 1, 2]), 4).tolist() == [1, 2, 4, 0]


def test_the_next_item_is_the_one_farthest_from_all_that_is_covered() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(40, 4))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    weights, item, factor = rng.random(40), np.sort(rng.integers(12, size=40)), rng.random(12) + 0.5
    for covered in (points[:0], points[[3, 20]] * -1):
        picks, gains = farthest_items(points, weights, item, 12, 5, covered, factor)
        known, free = list(covered), set(range(12))
        for pick, gain in zip(picks.tolist(), gains, strict=True):
            away = [min([np.linalg.norm(p - q) for q in known], default=2.0) for p in points]
            worth = [factor[i] * (weights * away)[item == i].sum() for i in range(12)]
            assert pick == max(free, key=lambda i: worth[i]) and gain == pytest.approx(worth[pick], abs=1e-6)
            free.remove(pick)
            known += list(points[item == pick])


def state(**more: object) -> PartState:
    offsets = np.array([0, 2, 4, 6, 8])
    probs = np.array([0.5, 0.5, 0.4, 0.0, 0.5, 0.0, 0.1, 0.1])[:, None]
    return PartState(np.eye(8), offsets, np.array([0]), np.random.default_rng(0), probs=probs).replace(**more)


def test_scores_are_paid_per_second_in_units_of_the_mean_cost() -> None:
    told = state(costs=np.array([1.0, 2.0, 4.0, 1.0]))
    assert per_cost(np.ones(4), told).tolist() == [2, 1, 0.5, 2] and per_cost(np.ones(4), state()).tolist() == [1] * 4
    assert get_part_strategy("entropy").query(state(), 1).indices.tolist() == [2]
    dear = state(costs=np.array([1.0, 1.0, 9.0, 1.0]))
    assert get_part_strategy("entropy").query(dear, 1).indices.tolist() == [1]


def test_a_reason_counts_uncertain_parts_and_expected_regions() -> None:
    doubt = np.array([0.6, 0.5, 0.7, 0.9, 0, 0, 0, 0])
    assert _reason(state(), doubt, 0) == "1 of 2 parts are uncertain"
    told = state(regions=np.array([1.2, 0.4, 1.6, 0.0]))
    assert _reason(told, doubt, 1) == "2 of 2 parts are uncertain; about 0 regions expected"
    assert _reason(told, doubt, 0).endswith("about 1 region expected")
    assert _reason(told, doubt, 2).endswith("0 of 2 parts are uncertain; about 2 regions expected")


def test_the_share_of_random_items_is_checked_and_kept_on_average() -> None:
    for wrong in (-0.1, 1.1):
        with pytest.raises(QueryError, match="outside"):
            RandomItemShare(get_part_strategy("auto"), wrong)
    drawn = [
        RandomItemShare(get_part_strategy("entropy"), 0.25).query(state(rng=np.random.default_rng(seed)), 2)
        for seed in range(200)
    ]
    assert np.mean([np.isfinite(query.propensities).sum() for query in drawn]) == pytest.approx(0.5, abs=0.12)
    assert {float(p) for query in drawn for p in query.propensities if np.isfinite(p)} == {0.5 / 3}
    every = RandomItemShare(get_part_strategy("entropy"), 1.0).query(state(), 2)
    assert every.propensities.tolist() == [2 / 3] * 2 and every.strategy == "entropy"
    blind = RandomItemShare(get_part_strategy("auto"), 0.0).query(state(probs=None), 2)
    assert blind.propensities.tolist() == [2 / 3] * 2  # without a head there is only chance
