from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from activessl.errors import MeasureError
from activessl.measuring.planning.worth import Worth, next_hour
from activessl.measuring.savings.trend import SLOPE

NONE = (np.ones(1), np.empty((1, 0)))


def asked(doubt: float, outcomes: tuple[np.ndarray, np.ndarray] = NONE, **told: Any) -> Worth:
    given = {"labels": 100, "pool": 10_000, "seconds_per_label": 36.0, "per_hour": 30.0, "per_point": 10.0}
    return next_hour(doubt, *outcomes, **(given | told))


def test_a_point_of_accuracy_that_costs_more_than_it_is_worth_ends_the_work() -> None:
    assert asked(0.2).pays and not asked(0.2, per_hour=100.0).pays and not asked(0.02).pays
    assert not asked(0.2, labels=1000).pays


def test_where_it_ends_is_where_it_no_longer_pays() -> None:
    found = asked(0.2, per_point=40.0)
    assert found.until is not None and found.until > 200
    later = found.error * (100 / found.until) ** found.slope  # as the same curve goes on
    worth = 100 * later * found.slope / found.until * 100 * 40.0
    assert worth == pytest.approx(30.0, rel=0.01)
    assert asked(0.2, per_hour=0.0).until is None and asked(0.2, per_point=40.0, pool=200).until is None


def test_random_labels_correct_the_heads_own_doubt() -> None:
    sizes, wrong = np.array([25.0, 50.0, 100.0]), np.zeros((3, 200))
    right = np.ones((3, 200))
    assert asked(0.1, (sizes, wrong)).error > 0.7 and asked(0.4, (sizes, right)).error < 0.1
    assert asked(0.1).error == pytest.approx(0.1, abs=0.01)


def test_many_random_labels_say_how_steep_the_curve_is_and_few_do_not() -> None:
    sizes = np.array([25.0, 50.0, 100.0])

    def steep(m: int) -> Worth:
        errors = (np.array([0.4, 0.2, 0.1]) * m).astype(int)  # half with twice the labels: a slope of 1
        return asked(0.1, (sizes, np.arange(m) >= errors[:, None]))

    def flat(m: int) -> Worth:
        return asked(0.1, (sizes, np.arange(m) >= np.full((3, 1), m // 10)))

    assert steep(1000).slope > 0.8 and flat(1000).slope < 0.07
    assert 0.15 < flat(10).slope < 0.2 < steep(10).slope < 0.3


@pytest.mark.parametrize(
    "told", [{"labels": 0}, {"seconds_per_label": 0.0}, {"per_hour": -1.0}, {"per_point": float("nan")}]
)
def test_impossible_figures_are_refused(told: dict[str, float]) -> None:
    with pytest.raises(MeasureError):
        asked(0.2, **told)
    with pytest.raises(MeasureError, match="doubt"):
        asked(1.5)
    with pytest.raises(MeasureError, match="sizes"):
        asked(0.2, (np.ones(2), np.empty((1, 0))))


def test_an_hour_that_is_worth_exactly_its_price_pays() -> None:
    price = asked(0.2, per_point=1.0).points
    at = asked(0.2, per_point=1.0, per_hour=price)
    assert at.pays and at.until == 100 and not asked(0.2, per_point=1.0, per_hour=np.nextafter(price, 99)).pays


def test_two_sizes_are_enough_for_a_slope_and_one_is_not() -> None:
    right = np.arange(1000) >= np.array([400, 200])[:, None]
    assert asked(0.1, (np.array([50.0, 100.0]), right)).slope > 0.8
    assert asked(0.1, (np.array([100.0]), right[1:])).slope == SLOPE


def test_test_items_give_the_error_where_there_are_any() -> None:
    sizes, right = np.array([50.0, 100.0]), np.ones((2, 200))
    assert asked(0.2, (sizes, right), tested=(30, 100)).error == pytest.approx((30 + 50 * 0.2 + 0.5) / 151)
    assert asked(0.2, (sizes, right), tested=(0, 0)).error == pytest.approx((0 + 50 * 0.2 + 0.5) / 251)


def test_the_points_of_an_hour_are_the_derivative_of_the_curve_times_its_labels() -> None:
    found = asked(0.3, labels=200, seconds_per_label=18.0)

    def error(n: float) -> float:
        return 100 * found.error * (n / 200) ** -found.slope

    assert found.points == pytest.approx((error(199.99) - error(200.01)) / 0.02 * 3600 / 18, rel=1e-5)
