from __future__ import annotations

import numpy as np
import pytest

from activessl.errors import MeasureError
from activessl.measuring.planning.stopping import Limits, apply_limits, kappa


def test_kappa_is_what_scikit_learn_says() -> None:
    from sklearn.metrics import cohen_kappa_score

    rng = np.random.default_rng(0)
    one, other = rng.integers(0, 4, (2, 300))
    assert kappa(one, other) == pytest.approx(cohen_kappa_score(one, other))
    assert kappa(one + 7, other + 7) == pytest.approx(kappa(one, other))


def test_agreeing_on_a_single_class_is_agreement() -> None:
    assert kappa(np.zeros(5, dtype=int), np.zeros(5, dtype=int)) == 1.0


def test_two_stable_rounds_of_three_are_not_enough() -> None:
    assert apply_limits(Limits(), kappas=(None, 1.0, 1.0)).rule == "none"
    assert apply_limits(Limits(), kappas=(None, 1.0, 1.0, 1.0)).rule == "stable"
    assert apply_limits(Limits(), kappas=(1.0, 1.0, 1.0, 0.9)).rule == "none"
    assert apply_limits(Limits(kappa=None), kappas=(1.0, 1.0, 1.0)).rule == "none"


def test_the_target_counts_only_when_its_lower_bound_is_there() -> None:
    assert apply_limits(Limits(accuracy=0.9), accuracy_low=0.9).rule == "target"
    assert not apply_limits(Limits(accuracy=0.9), accuracy_low=None).stop


@pytest.mark.parametrize(
    ("limits", "now", "rule"),
    [
        (Limits(labels=100), {"labels": 100}, "labels"),
        (Limits(hours=1.0), {"hours": 1.2}, "hours"),
        (Limits(hours=1.0), {"hours": None}, "none"),
        (Limits(rounds=3), {"rounds": 3}, "rounds"),
        (Limits(), {"left": 0}, "exhausted"),
        (Limits(), {"left": None}, "none"),
    ],
)
def test_what_is_spent_stops(limits: Limits, now: dict, rule: str) -> None:
    verdict = apply_limits(limits, **now)
    assert (verdict.rule, verdict.stop) == (rule, rule != "none")
    assert verdict.why


@pytest.mark.parametrize(
    "wrong",
    [{"accuracy": 1.1}, {"accuracy": 0.0}, {"kappa": float("nan")}, {"labels": 0}, {"hours": -1.0}, {"window": 0}],
)
def test_impossible_limits_are_refused(wrong: dict) -> None:
    with pytest.raises(MeasureError):
        Limits(**wrong)


def test_predictions_of_different_items_are_refused() -> None:
    with pytest.raises(MeasureError):
        kappa(np.zeros(3), np.zeros(4))
    with pytest.raises(MeasureError):
        kappa(np.zeros(0), np.zeros(0))


def test_an_hour_that_costs_more_than_it_brings_is_the_last() -> None:
    assert apply_limits(Limits(), pays=False).rule == "worth"
    assert apply_limits(Limits(), pays=None).rule == apply_limits(Limits(), pays=True).rule == "none"
