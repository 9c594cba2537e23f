"""Trends, plans and returns: curves and amounts that can be computed by hand."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from activessl.errors import MeasureError
from activessl.measuring.planning.hours import HumanTime
from activessl.measuring.planning.plan import HOPE, Price, Span, _span, check_target, make_plan
from activessl.measuring.planning.roi import Roi, return_on_investment
from activessl.measuring.planning.worth import Worth
from activessl.measuring.savings.trend import LEAST_SLOPE, SLOPE, SLOPE_SPREAD, Trend, fit_trend, log_errors


def roi(saved: float = 0.5, low: float | None = 0.2, high: float | None = 0.75, **told: Any) -> Roi:
    given: dict[str, Any] = {"hours": [1.0, 2.0, 3.0], "spent_hours": 3.5, "per_hour": 20.0, "currency": "EUR"} | told
    return return_on_investment(saved, low, high, **given)


def test_what_is_saved_is_the_cost_of_the_labels_that_random_choice_needs_in_addition() -> None:
    found = roi(overhead=30.0, machine_hours=[1.0, 2.0, 4.0], compute_per_hour=2.5)
    assert (found.labeling, found.fixed) == (70.0, 40.0)
    saved = (60.0, 60 * (1 / 0.8 - 1), 60 * 3.0)
    assert (found.saved.middle, found.saved.low, found.saved.high) == pytest.approx(saved)
    assert (found.net.middle, found.net.low, found.net.high) == pytest.approx([value - 40 for value in saved])
    # 32.5, 35, 40 are spent after each round; 20, 40, 60 or 60, 120, 180 are saved
    assert (found.break_even.middle, found.break_even.low, found.break_even.high) == (2.0, 1.0, None)
    assert (found.currency, found.level) == ("EUR", 0.9)


def test_a_break_even_counts_from_the_round_at_which_both_are_equal_and_not_if_it_is_lost_again() -> None:
    assert roi(overhead=20.0).break_even.middle == 1.0
    assert roi(overhead=20.01).break_even.middle == 2.0
    assert roi(overhead=60.0).break_even.middle == 3.0 and roi(overhead=60.01).break_even.middle is None
    lost = roi(machine_hours=[0.0, 0.0, 100.0], compute_per_hour=1.0)
    assert lost.break_even.middle is None and lost.net.middle == -40.0


def test_a_side_without_a_bound_stays_without_one_and_a_loss_is_negative() -> None:
    found = roi(-0.25, None, None)
    assert found.saved.middle == pytest.approx(60 * (1 / 1.25 - 1)) and found.saved.low is None
    assert found.net.high is None and found.break_even == Span(None, None, None)
    assert roi(1.0).saved.middle == pytest.approx(60 * 999)  # all labels saved: no infinite amount


@pytest.mark.parametrize(
    "wrong",
    [
        {"hours": []}, {"hours": [0.0]}, {"hours": [1.0, 4.0]}, {"per_hour": -1.0}, {"overhead": -1.0},
        {"compute_per_hour": -0.1}, {"currency": None},
    ],
)  # fmt: skip
def test_amounts_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(MeasureError, match=r"rounds|currency"):
        roi(**wrong)
    assert roi(hours=[3.5], per_hour=0.0).net.middle == 0.0


def curves(error: float = 0.2, slope: float = 0.5, flat: float = 1e-9, n: int = 5) -> Trend:
    return Trend(100.0, np.full(n, np.log(error)), np.full(n, slope), np.full(n, flat))


def test_a_curve_without_flattening_is_a_power_law() -> None:
    power = curves()
    assert power.error(400) == pytest.approx(np.full(5, 0.1)) and power.error(25) == pytest.approx(np.full(5, 0.4))
    assert power.reach(np.log(0.1)) == pytest.approx(np.full(5, 400), rel=1e-4)
    assert power.gain(400) == pytest.approx(power.error(399.5) - power.error(400.5), rel=1e-3)
    bent = curves(flat=0.4)
    assert bent.gain(250) == pytest.approx(bent.error(249.5) - bent.error(250.5), rel=1e-3)
    assert bent.error(1e12) == pytest.approx(np.full(5, 0.2 * np.exp(-0.5 / 0.4)), rel=1e-3)
    assert np.isinf(bent.reach(np.log(0.2) - 0.5 / 0.4)).all() and (bent.error(0.01) <= 1).all()


def test_a_curve_through_test_items_keeps_its_form() -> None:
    bent = curves(flat=0.4, n=4000)
    moved = bent.through(30, 100, 300.0, rng=np.random.default_rng(0))
    assert moved.size == 300 and np.exp(moved.log_error).mean() == pytest.approx(70.5 / 101, abs=0.003)
    # d log(error) / d log(labels) at 300 is the same
    assert moved.slope == pytest.approx(300 * bent.gain(300) / bent.error(300))


def test_a_fit_is_the_line_through_the_log_errors_shrunk_by_its_variance() -> None:
    sizes, rng = np.array([20.0, 40.0, 160.0]), np.random.default_rng(0)
    right = np.arange(50) >= np.array([25, 15, 5])[:, None]
    found, weights = fit_trend(sizes, right.astype(float), rng=np.random.default_rng(1), draws=500)
    drawn = np.random.default_rng(1)
    expected_weights = drawn.dirichlet(np.ones(52), 500)
    assert weights == pytest.approx(expected_weights)
    logs = np.log(np.stack([1 - (weights[:, :50] @ row + weights[:, 50]) for row in right], axis=1))
    assert log_errors(right.astype(float), weights) == pytest.approx(logs)
    fitted = -np.polyfit(np.log(sizes), logs.T, 1)[0]
    trust = SLOPE_SPREAD**2 / (SLOPE_SPREAD**2 + fitted.var())
    slope = trust * fitted + (1 - trust) * (SLOPE + SLOPE_SPREAD * drawn.standard_normal(500))
    assert found.slope == pytest.approx(np.maximum(slope, LEAST_SLOPE))
    assert (found.size, found.log_error.tolist()) == (160.0, pytest.approx(logs[:, -1].tolist()))
    assert 0 < found.flattening.min() < 0.05 < 0.45 < found.flattening.max() < 0.5
    one, _ = fit_trend(sizes[:1], right[:1].astype(float), rng=rng)
    assert one.slope.mean() == pytest.approx(SLOPE, abs=0.03)  # only the prior, from one size


def plan(**told: Any) -> Any:
    given: dict[str, Any] = {"labels": 100, "pool": 1000, "random_labels": 40, "rng": np.random.default_rng(0)} | told
    return make_plan(given.pop("curve", curves()), given.pop("target", 0.9), **given)


def test_a_plan_counts_labels_hours_and_money_from_here_to_the_target() -> None:
    time = HumanTime(labels=100, per_label=18.0, low=18.0, high=18.0, level=0.9, **rest())
    found = plan(time=time, price=Price(20.0, "EUR", 2.0))
    assert (found.now.middle, found.most.middle) == pytest.approx((0.8, 1 - 0.2 * 10**-0.5))
    assert found.more.middle == pytest.approx(300, rel=1e-4) and found.reachable == 1.0 and not found.hopeless
    assert found.hours.middle == pytest.approx(1.5, rel=1e-4) and found.money.middle == pytest.approx(30, rel=1e-4)
    assert found.hours_per_point.middle == pytest.approx(18 / 3600 / (100 * 0.2 * 0.5 / 100), rel=1e-4)
    assert found.currency == "EUR" and found.pays_until is None and found.still_pays is None
    free = plan(time=time, worth=Worth(True, 250, 1.0, 0.2, 0.2, 40))
    assert free.money is None and free.currency is None and (free.pays_until, free.still_pays) == (250, True)
    assert plan().hours is None and plan().hours_per_point is None


def rest() -> dict[str, Any]:
    named = {"labels", "per_label", "low", "high", "level"}
    return {f.name: 0 for f in fields(HumanTime) if f.name not in named}


def test_the_seconds_of_a_label_spread_as_their_interval_says() -> None:
    time = HumanTime(labels=100, per_label=18.0, low=14.0, high=22.0, level=0.9, **rest())
    found = plan(curve=curves(n=4000), time=time)
    per_label = [value * 3600 / 300 for value in (found.hours.low, found.hours.middle, found.hours.high)]
    assert per_label == pytest.approx([14, 18, 22], abs=0.3)


def test_a_target_that_is_reached_needs_nothing_and_one_beyond_the_pool_is_hopeless() -> None:
    assert plan(target=0.8).more == Span(0.0, 0.0, 0.0) and plan(target=0.5).more.high == 0.0
    far = plan(target=0.95)
    assert far.more == Span(None, None, None) and far.reachable == 0.0 and far.hopeless
    both = Trend(100.0, np.log(np.full(20, 0.2)), np.repeat([0.5, 0.01], [3, 17]), np.full(20, 1e-9))
    some = plan(curve=both)
    assert some.reachable == 0.15 >= HOPE and not some.hopeless and some.more.middle is None
    assert some.more.low == pytest.approx(300, rel=1e-4)
    assert plan(pool=400).more.middle is not None or plan(pool=401).more.middle is not None
    assert plan(pool=390).more.middle is None


@pytest.mark.parametrize("wrong", [{"labels": 0}, {"pool": 99}, {"target": 0.0}, {"target": 1.0}])
def test_impossible_plans_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(MeasureError, match=r"labels in a pool|a target"):
        plan(**wrong)
    check_target(0.5)


def test_the_ends_of_an_interval_occur_in_the_sample_and_infinity_is_none() -> None:
    values = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, np.inf])
    assert _span(values, 0.5) == Span(6.0, 3.0, 8.0)
    assert _span(values, 0.9) == Span(6.0, 1.0, None)


@pytest.mark.parametrize(
    "wrong", [(-1.0, "EUR", None), (None, "EUR", -1.0), (1.0, None, None), (float("inf"), "EUR", None)]
)
def test_amounts_need_a_currency_and_are_not_negative(wrong: tuple[Any, ...]) -> None:
    with pytest.raises(MeasureError, match="per_"):
        Price(*wrong)
    assert Price(0.0, "EUR", 0.0).per_hour == 0.0 and Price().currency is None
