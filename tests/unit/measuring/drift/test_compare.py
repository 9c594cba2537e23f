"""The comparison of two samples: its level, its power, groups, copies, and samples that cannot be compared."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from activessl.errors import MeasureError
from activessl.measuring.drift import units
from activessl.measuring.drift.compare import compare_pooled, compare_samples
from activessl.measuring.drift.looks import level_of_look
from activessl.measuring.drift.regions import new_regions
from activessl.measuring.drift.statistics import classifier, kernel, nearest_groups, neighbours
from activessl.measuring.drift.units import FEWEST, MOST_NEW, MOST_OLD, pool_samples


def blobs(rng: np.random.Generator, n: int, centres: int = 6, d: int = 8) -> np.ndarray:
    middle = 4 * np.random.default_rng(9).normal(size=(centres, d))
    return middle[rng.integers(centres, size=n)] + rng.normal(size=(n, d))


def test_few_items_of_a_new_kind_are_found_by_the_neighbours() -> None:
    rng = np.random.default_rng(1)
    old, new = blobs(rng, 400), blobs(rng, 200)
    new[:10] = 3 * np.random.default_rng(5).normal(size=8) + 0.5 * rng.normal(size=(10, 8))
    found = compare_samples(old, new, rng=rng)
    assert found.drift and found.p_neighbours <= 0.01 and (found.old, found.new) == (400, 200)


@pytest.mark.slow
def test_without_a_difference_alarms_are_as_frequent_as_stated() -> None:
    alarms = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        alarms += compare_samples(blobs(rng, 60), blobs(rng, 40), rng=rng).drift
    assert alarms <= 8  # of 60, P(more than 8) = 0.3 % at a level of 5 %


def test_a_p_value_is_never_zero_and_a_small_level_gets_enough_permutations() -> None:
    rng = np.random.default_rng(0)
    found = compare_samples(rng.normal(size=(40, 4)), 9 + rng.normal(size=(30, 4)), rng=rng, level=1e-3)
    assert found.permutations == 1_999 and found.p == 1 / 2_000 and found.drift
    same = compare_samples(rng.normal(size=(40, 4)), rng.normal(size=(30, 4)), rng=rng, level=1e-3)
    assert same.permutations < 1_000 and not same.drift  # it ends once an alarm is out of reach


def test_the_statistics_are_those_of_their_definitions() -> None:
    rng = np.random.default_rng(0)
    old, new = rng.normal(size=(30, 3)), 0.5 + rng.normal(size=(25, 3))
    pooled = pool_samples(old, new, rng)
    labels = pooled.is_new[:, None].astype(np.float32)

    # each unit predicted by a ridge regression on the others, one by one
    points = pooled.unit_points().astype(float)
    points -= points.mean(axis=0)
    y = labels[:, 0] - labels.mean()
    ridge = np.linalg.eigvalsh(points.T @ points).mean()
    slow = []
    for i in range(len(y)):
        x = np.column_stack([points, np.ones(len(y))])
        keep = np.arange(len(y)) != i
        penalty = ridge * np.diag([1, 1, 1, 0])
        slow.append(x[i] @ np.linalg.solve(x[keep].T @ x[keep] + penalty, x[keep].T @ y[keep]))
    slow = np.array(slow)
    is_new = pooled.is_new
    apart = (slow[is_new].mean() - slow[~is_new].mean()) / slow.std()
    assert classifier(pooled)(labels)[0, 0] == pytest.approx(apart, rel=1e-3)

    # the unbiased maximum mean discrepancy, pair by pair
    square = np.sum((pooled.unit_points()[:, None] - pooled.unit_points()[None]) ** 2, axis=2)
    first, second = np.random.default_rng(3).integers(len(y), size=(2, 50_000))
    median = np.median(square[first, second][first != second])
    gram = sum(np.exp(-square * narrower / (2 * median)) for narrower in (1, 4, 16))
    np.fill_diagonal(gram, 0)
    m, k = is_new.sum(), (~is_new).sum()
    inside = gram[np.ix_(is_new, is_new)].sum() / (m * (m - 1)) + gram[np.ix_(~is_new, ~is_new)].sum() / (k * (k - 1))
    expected = inside - 2 * gram[np.ix_(is_new, ~is_new)].mean()
    assert kernel(pooled, np.random.default_rng(3))(labels)[0, 0] == pytest.approx(expected, rel=1e-3)

    # the fifth power of the surplus among ten neighbours
    near = np.argsort(square + 9 * np.eye(len(y)), axis=1)[:, :10]
    count, share = is_new[near].sum(axis=1), is_new.mean()
    surplus = np.maximum((count - 10 * share) / np.sqrt(10 * share * (1 - share)), 0) ** 5
    order = pooled.unit  # points in the order of the samples, units as well
    assert neighbours(pooled)(labels)[0, 0] == pytest.approx(surplus[order][is_new[order]].mean(), rel=1e-3)


@pytest.mark.slow
def test_whole_groups_are_permuted_so_that_alike_items_of_one_group_are_no_drift() -> None:
    alarms = {"groups": 0, "items": 0}
    for seed in range(12):
        rng = np.random.default_rng(seed)
        number = np.repeat(np.arange(60), 8)
        items = (rng.normal(size=(60, 6)))[number] + 0.2 * rng.normal(size=(480, 6))
        old, new = items[number < 35], items[number >= 35]
        groups = number[number < 35], number[number >= 35]
        alarms["groups"] += compare_samples(old, new, rng=rng, groups=groups).drift
        alarms["items"] += compare_samples(old, new, rng=rng).drift
    assert alarms["items"] >= 10 and alarms["groups"] <= 3


@pytest.mark.slow
def test_copies_are_no_drift_and_do_not_hide_it() -> None:
    false, true = 0, 0
    for seed in range(3):
        rng = np.random.default_rng(seed)
        # each item occurs several times, always in one sample, as the frames of a still video do
        old, new = np.repeat(blobs(rng, 60), 5, axis=0), np.repeat(blobs(rng, 40), 5, axis=0)
        false += compare_samples(old, new, rng=rng).drift
        new[:40] = 9 + rng.normal(size=(40, 8))
        true += compare_samples(old, new, rng=rng).drift
    assert false <= 1 and true == 3


@pytest.mark.slow
def test_frequent_values_in_both_samples_are_no_drift() -> None:
    alarms = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        values = blobs(np.random.default_rng(3), 150)  # the larger sample holds more copies of each
        often = values[rng.integers(150, size=300)], values[rng.integers(150, size=100)]
        old, new = (np.concatenate([some, 9 + blobs(rng, len(some) // 2)]) for some in often)
        alarms += compare_samples(old, new, rng=rng).drift
    assert alarms <= 3


def test_vectors_that_are_all_equal_are_too_few_different_ones() -> None:
    with pytest.raises(MeasureError, match="1 distinct old item or groups, and a comparison needs 20"):
        compare_samples(np.ones((50, 3)), np.ones((40, 3)), rng=np.random.default_rng(0))


def test_nearly_constant_vectors_give_a_p_value_and_no_warning() -> None:
    rng = np.random.default_rng(0)
    found = compare_samples(1 + 1e-5 * rng.normal(size=(50, 3)), 1 + 1e-5 * rng.normal(size=(40, 3)), rng=rng)
    assert 0 < found.p <= 1 and np.isfinite(found.statistic)


def test_samples_that_do_not_fit_are_refused() -> None:
    rng = np.random.default_rng(0)
    few = rng.normal(size=(FEWEST - 1, 4))
    for old, new in (
        (rng.normal(size=(50, 4)), few),
        (rng.normal(size=(50, 4)), rng.normal(size=(50, 5))),
        (rng.normal(size=(50, 4)), np.full((50, 4), np.nan)),
    ):
        with pytest.raises(MeasureError):
            compare_samples(old, new, rng=rng)
    with pytest.raises(MeasureError, match="a level of 0"):
        compare_samples(rng.normal(size=(50, 4)), rng.normal(size=(50, 4)), rng=rng, level=0)


def test_large_samples_are_thinned() -> None:
    rng = np.random.default_rng(0)
    pooled = pool_samples(rng.normal(size=(MOST_OLD + 500, 2)), rng.normal(size=(MOST_NEW + 300, 2)), rng)
    assert int(pooled.is_new.sum()) == MOST_NEW and len(pooled.points) == MOST_OLD + MOST_NEW


def test_a_group_on_both_sides_is_two_units_and_no_neighbour_of_itself() -> None:
    rng = np.random.default_rng(0)
    groups = np.arange(30), np.arange(25) + 10  # 20 groups have items in both samples
    pooled = pool_samples(rng.normal(size=(30, 3)), rng.normal(size=(25, 3)), rng, groups)
    assert len(pooled.is_new) == 55 and len(pooled.seat) == 35
    near = nearest_groups(pooled, 5)
    assert not (near == pooled.group[:, None]).any() and all(len(set(row)) == 5 for row in near.tolist())
    assert 0 < compare_pooled(pooled, rng=rng).p <= 1


def test_new_regions_hold_the_new_items_and_few_others() -> None:
    rng = np.random.default_rng(2)
    old, new = blobs(rng, 500), blobs(rng, 200)
    new[:25] = 12 + 0.4 * rng.normal(size=(25, 8))
    new[25:40] = -12 + 0.4 * rng.normal(size=(15, 8))
    first, second, *rest = new_regions(old, new, rng=rng)
    assert set(first.rows.tolist()) >= set(range(25)) and set(second.rows.tolist()) >= set(range(25, 40))
    assert len(first) + len(second) + sum(map(len, rest)) <= 50
    assert first.surplus > 0.9


def test_items_that_were_thinned_out_join_the_region_of_their_nearest_item(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(units, "MOST_NEW", 200)
    rng = np.random.default_rng(2)
    old, new = rng.normal(size=(200, 3)), rng.normal(size=(400, 3))
    new[:60] = 9 + 0.2 * rng.normal(size=(60, 3))
    regions = new_regions(old, new, rng=rng)
    assert len(set(range(60)) & set(regions[0].rows.tolist())) >= 58


def test_the_levels_of_all_looks_add_up_to_one_level() -> None:
    levels = [level_of_look(look) for look in range(1, 2_000)]
    assert sum(levels) < 0.05 and all(a >= b for a, b in itertools.pairwise(levels))
    with pytest.raises(MeasureError):
        level_of_look(0)
