"""Hours, money and forecast of a project: which labels, times and prices they count."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from activessl.errors import MeasureError
from activessl.measuring.quality.audit import FEWEST
from activessl.measuring.savings.estimated import LiveSavings
from activessl.measuring.savings.trend import fit_trend
from activessl.proof.draws import RandomDraws
from activessl.proof.estimates import Evidence
from activessl.proof.forecast import Forecast

NONE = np.zeros(0, dtype=np.int64)
RATES = {"per_hour": 36.0, "currency": "EUR", "per_point": 5.0}
#: Of sixteen items twelve are labeled, two of them with a cluster only.
IDS = tuple("abcdefghijklmnop")
LIVE = LiveSavings(10, 20.0, 0.5, 0.2, 0.75, 0.9, 20, -1.0, None, "replays")
SIZES = np.array([5.0, 10.0, 20.0])
RIGHT = np.array([[0.0] * 10 + [1.0] * 10, [0.0] * 6 + [1.0] * 14, [0.0] * 4 + [1.0] * 16])


@pytest.fixture
def forecast(tell, snapshot) -> Callable[..., Forecast]:
    """Makes a project of three rounds, whose heads and random labels are stand-ins."""

    def make(
        *, seconds: float | None = 3.6, labels: int = 12, drawn: int = 20, head: bool = True, heads: int = 1, test=None,
        live: LiveSavings | None = None, **config: object,
    ) -> Forecast:  # fmt: skip
        single, cluster = IDS[: labels - 2], IDS[labels - 2 : labels]
        told = {} if test is None else {"accuracy": test[0], "test_items": test[1]}
        events = [
            tell.encoded(len(IDS), seconds=36.0),
            tell.asked(1, *tell.drawn(*single), seconds=7.0),
            *(tell.said(item, "cat", seconds=seconds) for item in single[: labels // 2]),
            *(tell.taught(1, seconds=2.0, turn=turn) for turn in range(heads)),
            tell.asked(2, *tell.chosen(*cluster), seconds=11.0),
            *(tell.said(item, "dog", seconds=seconds) for item in single[labels // 2 :]),
            *(tell.said(item, "dog", seconds=1.8, cluster=True) for item in cluster),
            tell.taught(2, seconds=3.0, **told),
            tell.asked(3, *tell.chosen(IDS[-1]), seconds=100.0),
            tell.said(IDS[-1], kind="skip", seconds=seconds),
        ]
        found = Evidence(snapshot(*events, ids=IDS, rates=config.pop("rates", RATES), **config))
        probs = np.tile([0.9, 0.1], (len(IDS), 1)) if head else None
        object.__setattr__(found.snapshot, "probs", probs)
        at = np.arange(drawn)
        random = RandomDraws(at, np.full(drawn, 0.1), at + 1, at < 0, NONE, np.zeros(0), NONE, NONE > 0)
        stand_ins = {
            "random": random,
            "outcomes": (SIZES, RIGHT),
            "live": live,
            "curve": fit_trend(SIZES, RIGHT, rng=np.random.default_rng(0), draws=50)[0],
        }
        for name, value in stand_ins.items():
            object.__setattr__(found, name, value)
        return Forecast(found)

    return make


def test_items_of_clusters_are_neither_labels_nor_pool_of_a_plan(forecast) -> None:
    plan = forecast().plan(0.99)
    assert (plan.labels, plan.pool, plan.random_labels, plan.test_items) == (10, 14, 20, 0)
    assert plan.currency == "EUR" and plan.money is not None and plan.still_pays is not None
    assert forecast(test=(0.9, 50)).plan(0.99).test_items == 50


def test_a_target_outside_its_range_is_refused_before_any_head_is_taught(forecast) -> None:
    found = forecast()
    object.__setattr__(found.evidence, "curve", None)
    for target in (0.0, 1.0):
        with pytest.raises(MeasureError, match="a target of"):
            found.plan(target)


@pytest.mark.parametrize(
    "lacks",
    [
        {"rates": RATES | {"per_hour": None}},
        {"rates": RATES | {"per_point": None}},
        {"seconds": None},
        {"head": False},
        {"labels": FEWEST - 1},
    ],
)
def test_an_hour_has_no_worth_where_a_price_a_time_a_head_or_labels_are_missing(forecast, lacks: dict) -> None:
    assert forecast(labels=FEWEST).worth is not None
    assert forecast(**lacks).worth is None


def test_the_worth_of_an_hour_rests_on_single_labels_their_time_and_the_doubt_of_the_head(forecast) -> None:
    worth = forecast(drawn=0).worth
    assert worth is not None and worth.random_labels == 0
    # 10 % doubt on each item; 1,000 labels in an hour of 3.6 s each, of which a tenth is for the skip
    assert worth.error == pytest.approx(0.1, abs=0.02)
    assert worth.points == pytest.approx(100 * worth.error * worth.slope / 10 * 1_000 / 1.1)
    drawn = forecast().worth
    assert drawn is not None and drawn.random_labels == 20 and drawn.error > worth.error


def test_the_error_that_an_hour_works_on_is_that_on_test_data_where_there_are_any(forecast) -> None:
    worth = forecast(test=(0.4, 10_000)).worth
    assert worth is not None and worth.error == pytest.approx(0.6, abs=0.01)


def test_a_plan_to_the_limit_of_the_config_needs_a_limit_that_can_be_planned_and_labels(
    forecast, monkeypatch: pytest.MonkeyPatch
) -> None:
    def planned(accuracy: float | None, drawn: int = FEWEST) -> float | None:
        return forecast(drawn=drawn, stop={} if accuracy is None else {"accuracy": accuracy}).goal()

    monkeypatch.setattr(Forecast, "plan", lambda _, target: target)
    assert planned(0.9) == 0.9
    assert planned(None) is None and planned(1.0) is None and planned(0.9, drawn=FEWEST - 1) is None


def test_money_counts_every_hour_of_people_and_machine_and_saves_only_on_single_labels(forecast) -> None:
    rates = RATES | {"overhead": 1.0, "compute_per_hour": 360.0}
    roi = forecast(live=LIVE, heads=2, rates=rates).roi()
    assert roi is not None
    # ten labels and a skip of 3.6 s, two items of a cluster of 1.8 s
    assert roi.labeling == pytest.approx(36.0 * (11 * 3.6 + 2 * 1.8) / 3_600)
    # encoding 36 s, queries 7 + 11 s, heads 2 + 2 + 3 s; the query of the last round has no head yet
    assert roi.fixed == pytest.approx(1.0 + 360.0 * (36 + 7 + 11 + 7) / 3_600)
    assert roi.saved.middle == pytest.approx(36.0 * 10 * 3.6 / 3_600)  # half of the labels saved: as many again
    assert roi.saved.low < roi.saved.middle < roi.saved.high
    assert roi.currency == "EUR" and roi.break_even.middle is None


def test_money_breaks_even_in_the_round_whose_labels_pay_for_the_machine(forecast) -> None:
    # 6 labels of 3.6 s in round 1 save 0.216 EUR, all ten 0.36 EUR
    for overhead, number in ((0.2, 1.0), (0.3, 2.0), (0.4, None)):
        roi = forecast(live=LIVE, rates=RATES | {"overhead": overhead}).roi()
        assert roi is not None and roi.break_even.middle == number
    # and what the machine took in a later round does not count in an earlier one: 36 + 7 + 2 s, then 14 s more
    roi = forecast(live=LIVE, rates=RATES | {"compute_per_hour": 17.0}).roi()
    assert roi is not None and roi.break_even.middle == 1.0


def test_money_is_not_told_without_a_rate_an_estimate_times_or_a_head(forecast, tell, snapshot) -> None:
    assert forecast(live=LIVE).roi() is not None
    assert forecast(live=None).roi() is None
    assert forecast(live=LIVE, rates={}).roi() is None
    assert forecast(live=LIVE, seconds=None).roi() is None
    unmeasured = Evidence(snapshot(tell.asked(1, *tell.chosen("a")), tell.said("a", "cat"), ids=IDS, rates=RATES))
    object.__setattr__(unmeasured, "live", LIVE)
    assert Forecast(unmeasured).roi() is None


def test_an_open_end_of_the_savings_stays_open_in_money(forecast) -> None:
    roi = forecast(live=replace(LIVE, low=-3.0)).roi()
    assert roi is not None and roi.saved.low < 0 < roi.saved.middle


def test_without_times_the_forecast_has_no_hours_and_still_a_plan(forecast) -> None:
    found = forecast(seconds=None)
    assert found.time is None
    plan = found.plan(0.9)
    assert plan.hours is None and plan.money is None and plan.more is not None
