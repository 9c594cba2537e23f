"""The statistics of drift against slow and plain computations."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from activessl.errors import MeasureError
from activessl.measuring.drift import compare
from activessl.measuring.drift.looks import level_of_look
from activessl.measuring.drift.statistics import SCALES, classifier, kernel, nearest_groups, neighbours, steps
from activessl.measuring.drift.units import Pooled, pool_samples


def samples(groups: bool = False, n: int = 30, m: int = 22) -> Pooled:
    rng = np.random.default_rng(0)
    old, new = rng.normal(size=(n, 4)), rng.normal(size=(m, 4)) + 0.3
    given = None
    if groups:
        old, new = np.repeat(old, 2, axis=0), np.repeat(new, 2, axis=0)
        old, new = old + 0.01 * rng.normal(size=old.shape), new + 0.01 * rng.normal(size=new.shape)
        # the last new groups are groups of old items too
        given = np.arange(2 * n) // 2, np.arange(2 * m) // 2 + n - 2
    return pool_samples(old, new, np.random.default_rng(1), given)


def columns(pooled: Pooled) -> np.ndarray:
    truth = pooled.is_new.astype(np.float32)[:, None]
    return np.concatenate([truth, pooled.permuted(3, np.random.default_rng(2))], axis=1)


def test_each_unit_is_predicted_by_a_ridge_regression_that_was_taught_the_others() -> None:
    pooled = samples()
    x = pooled.unit_points().astype(float)
    penalty = np.linalg.eigvalsh((x - x.mean(0)).T @ (x - x.mean(0))).mean()
    new = columns(pooled)
    for column, found in zip(new.T, classifier(pooled)(new)[0], strict=True):
        out = np.array(
            [
                Ridge(alpha=penalty).fit(np.delete(x, i, 0), np.delete(column, i)).predict(x[i : i + 1])[0]
                for i in range(len(x))
            ]
        )
        assert found == pytest.approx((out[column == 1].mean() - out[column == 0].mean()) / out.std(), rel=2e-3)


def test_the_kernel_statistic_is_the_unbiased_discrepancy_of_three_kernels() -> None:
    pooled = samples()
    x = pooled.unit_points().astype(float)
    distance = ((x[:, None] - x[None]) ** 2).sum(axis=2)
    first, second = np.random.default_rng(3).integers(len(x), size=(2, 50_000))
    median = np.median(distance[first, second][first != second])
    gram = sum(np.exp(-distance / (2 * median) * 4**i) for i in range(3))
    new = columns(pooled)
    found = kernel(pooled, np.random.default_rng(3))(new)[0]
    for column, value in zip(new.T > 0, found, strict=True):
        inside, rest, across = (
            gram[np.ix_(a, b)] for a, b in ((column, column), (~column, ~column), (column, ~column))
        )
        m, k = column.sum(), (~column).sum()
        exact = (inside.sum() - np.trace(inside)) / (m * (m - 1)) + (rest.sum() - np.trace(rest)) / (k * (k - 1))
        assert value == pytest.approx(exact - 2 * across.mean(), abs=2e-5)


@pytest.mark.parametrize("groups", [False, True])
def test_the_nearest_groups_are_other_groups_each_by_its_nearest_item(groups: bool) -> None:
    pooled = samples(groups)
    near = nearest_groups(pooled, 12)
    distance = ((pooled.points[:, None] - pooled.points[None]) ** 2).sum(axis=2)
    of_group = np.stack([distance[:, pooled.group == g].min(axis=1) for g in range(len(pooled.seat))], axis=1)
    of_group[np.arange(len(near)), pooled.group] = np.inf
    expected = np.sort(of_group, axis=1)[:, :12]
    assert np.take_along_axis(of_group, near, 1) == pytest.approx(expected, abs=1e-5)
    assert not (near == pooled.group[:, None]).any() and near.shape == (len(pooled.points), 12)
    assert nearest_groups(pooled, 10_000).shape[1] == len(pooled.seat) - 1


def test_the_steps_of_the_scales_count_each_neighbour_once() -> None:
    near = np.array([[1, 2, 3], [0, 2, 3], [3, 1, 0], [2, 1, 0]])
    wide = np.array([[(i + j + 1) % 40 for j in range(35)] for i in range(40)])
    assert [k for k, _ in steps(near, 4)] == [3]  # of three neighbours there is one scale
    found = steps(wide, 40)
    assert [k for k, _ in found] == [10, 30, 35]
    counted = np.zeros((40, 40))
    for k, step in found:
        counted += step.toarray()
        expected = np.zeros((40, 40))
        np.put_along_axis(expected, wide[:, :k], 1, axis=1)
        assert counted.tolist() == expected.tolist()


@pytest.mark.parametrize("groups", [False, True])
def test_the_surplus_of_new_neighbours_counts_with_its_fifth_power(groups: bool) -> None:
    pooled = samples(groups)
    new, near = columns(pooled), nearest_groups(pooled, max(SCALES))
    found = neighbours(pooled)(new)
    for c in range(new.shape[1]):
        seats, centre = new[pooled.seat, c], new[pooled.unit, c] > 0
        share = seats.mean()
        for row, k in enumerate(sorted({min(scale, near.shape[1]) for scale in SCALES})):
            count = seats[near[:, :k]].sum(axis=1)
            surplus = np.maximum((count - k * share) / np.sqrt(k * share * (1 - share)), 0)
            assert found[row, c] == pytest.approx((surplus**5)[centre].mean(), rel=1e-3, abs=1e-4)


def test_units_are_parts_of_groups_and_their_points_are_the_means() -> None:
    pooled = samples(groups=True)
    assert len(pooled.is_new) == 30 + 22 and pooled.is_new.sum() == 22
    assert len(pooled.seat) == 30 + 22 - 2 and not pooled.single  # two groups are on both sides
    for unit, point in enumerate(pooled.unit_points()):
        assert point == pytest.approx(pooled.points[pooled.unit == unit].mean(axis=0), abs=1e-6)
        assert len(set(pooled.group[pooled.unit == unit].tolist())) == 1
        assert len(set(pooled.new_points[pooled.unit == unit].tolist())) == 1
    assert (pooled.group[[np.flatnonzero(pooled.unit == unit)[0] for unit in pooled.seat]] == np.arange(50)).all()
    assert np.bincount(pooled.new_points).tolist() == [60, 44]


def test_single_points_are_their_own_units_in_order() -> None:
    pooled = samples()
    assert pooled.single and (pooled.unit_points()[pooled.unit] == pooled.points).all()
    drawn = pooled.permuted(50, np.random.default_rng(0))
    assert (drawn.sum(axis=0) == 22).all() and drawn.std(axis=1).min() > 0
    assert np.linalg.norm(pooled.points, axis=1) == pytest.approx(np.ones(52), abs=1e-5)


def test_equal_vectors_are_one_group_and_many_of_them_make_the_samples_equally_large() -> None:
    rng = np.random.default_rng(0)
    old = rng.normal(size=(60, 3))
    few = pool_samples(old, np.concatenate([old[:1], rng.normal(size=(199, 3))]), np.random.default_rng(0))
    assert len(few.points) == 260 and len(few.seat) == 259  # one shared value of 259 is few
    shared = pool_samples(old, np.concatenate([old[:20], rng.normal(size=(80, 3))]), np.random.default_rng(0))
    assert np.bincount(shared.new_points).tolist() == [60, 60]
    zero = np.concatenate([np.zeros((1, 3)), rng.normal(size=(30, 3))])
    assert len(pool_samples(zero, np.concatenate([-zero[:1], zero[1:] + 1]), np.random.default_rng(0)).seat) == 61


def test_too_few_units_on_a_side_are_refused_by_name() -> None:
    x = np.random.default_rng(0).normal(size=(40, 3))
    assert len(pool_samples(x[:20], x[20:], np.random.default_rng(0)).points) == 40
    with pytest.raises(MeasureError, match="19 distinct old items or groups"):
        pool_samples(x[:19], x[20:], np.random.default_rng(0))
    with pytest.raises(MeasureError, match="1 distinct new item or groups"):
        pool_samples(x, np.ones((30, 3)), np.random.default_rng(0))
    for old, new, says in ((x[:, :2], x, "shapes"), (x, x[0], "shapes"), (np.where(x > 2, np.nan, x), x, "NaN")):
        with pytest.raises(MeasureError, match=says):
            pool_samples(old, new, np.random.default_rng(0))


def test_the_levels_of_the_looks_halve_from_span_to_span() -> None:
    assert level_of_look(1, 0.2) == level_of_look(50, 0.2) == 0.1 / 50
    assert level_of_look(51, 0.2) == level_of_look(150, 0.2) == 0.05 / 100
    assert level_of_look(151, 0.2) == level_of_look(350, 0.2) == 0.025 / 200
    assert level_of_look(351, 0.2) == 0.0125 / 400
    for look, level in ((0, 0.05), (1, 0.0), (1, 1.0)):
        with pytest.raises(MeasureError, match="look"):
            level_of_look(look, level)


def test_a_p_value_is_the_share_of_columns_that_are_at_least_as_large() -> None:
    row = np.array([3.0, 1.0, 5.0, 3.0])
    assert compare._rank(row).tolist() == [0.75, 1.0, 0.25, 0.75]
    assert compare._rank(np.zeros(3)).tolist() == [1, 1, 1]
    # the smallest p-values are 1/4, 2/4, 3/4 and 1/4; of the two smallest the first has the larger product
    ranks = np.array([[0.25, 0.5, 0.75, 1.0], [1.0, 0.75, 1.0, 0.25], [1.0, 0.75, 0.75, 0.5]])
    assert compare._joint(ranks) == 0.5
    assert compare._joint(ranks[:, [3, 1, 2, 0]]) == 0.25


def test_each_test_has_its_own_p_value_and_the_scales_of_neighbours_one_together() -> None:
    rng = np.random.default_rng(0)
    statistics = rng.normal(size=(5, 40))
    statistics[:, 0] = [9, -9, 0.3, 1.0, 0.5]
    share = (statistics >= statistics[:, :1]).mean(axis=1)
    found = compare._p_values(statistics)
    assert found[1:3] == (pytest.approx(share[0]), pytest.approx(share[1])) == (1 / 40, 1.0)
    ranks = np.array([compare._rank(row) for row in statistics])
    assert found[3] == compare._joint(ranks[2:]) and found[0] == compare._joint(ranks)
    assert compare._p_values(statistics[:3])[3] == pytest.approx(share[2])


def test_samples_are_made_equally_large_from_one_shared_value_in_a_hundred_on() -> None:
    rng = np.random.default_rng(0)
    old = rng.normal(size=(60, 3))
    for new, sizes in ((39, [40, 40]), (40, [60, 41])):  # 99 and 100 distinct values
        both = np.concatenate([old[:1], rng.normal(size=(new, 3))])
        assert np.bincount(pool_samples(old, both, np.random.default_rng(0)).new_points).tolist() == sizes
