"""The wording of a plan whose figures end beyond the pool."""

from __future__ import annotations

from dataclasses import replace

import pytest

from activessl.measuring.planning.plan import Plan, Span
from activessl.reports.wording import plan_lines

PLAN = Plan(
    target=0.9,
    labels=87,
    pool=500,
    now=Span(0.8, 0.7, 0.9),
    most=Span(0.9, 0.8, 0.95),
    reachable=0.4,
    more=Span(None, 0.0, None),
    hours=Span(None, 0.0, None),
    money=Span(None, 0.0, None),
    currency="EUR",
    hours_per_point=Span(0.5, 0.2, 0.9),
    pays_until=None,
    still_pays=None,
    level=0.9,
    random_labels=20,
)


def test_a_number_beyond_the_pool_is_said_not_to_be_known_within_it() -> None:
    told = dict(plan_lines(PLAN))
    within = "not known within the pool of 413 unlabeled items: the 90 % interval begins at"
    assert told["more labels"].startswith(f"{within} 0 and has no upper end there; 40 % of the fitted")
    assert told["more hours"] == f"{within} 0 s and has no upper end there"
    assert told["more money"] == f"{within} EUR 0.00 and has no upper end there"
    assert told["next point"] == "30 min (90 % interval 12 min to 54 min) for 1 percentage point more accuracy"


def test_a_number_within_the_pool_whose_interval_ends_beyond_it_is_said_with_that() -> None:
    told = dict(plan_lines(replace(PLAN, more=Span(120.0, 50.0, None), hours=Span(2.0, 1.0, 3.0))))
    begins = "120 (90 % interval from 50, without an upper end within the pool of 413 unlabeled items); "
    assert told["more labels"].startswith(begins)
    assert told["more hours"] == "2.0 h (90 % interval 60 min to 3.0 h)"


@pytest.mark.parametrize(
    ("share", "says"),
    [
        (0.0, "none of the fitted learning curves reaches it with the whole pool labeled"),
        (0.002, "fewer than 1 % of the fitted learning curves reach it with the whole pool labeled"),
        (0.05, "only 5 % of the fitted learning curves reach it with the whole pool labeled"),
    ],
)
def test_a_target_that_no_curve_reaches_is_said_in_words(share: float, says: str) -> None:
    told = dict(plan_lines(replace(PLAN, reachable=share)))
    assert told["target"] == f"90.0 % cannot be reached with this pool and encoder: {says}"
