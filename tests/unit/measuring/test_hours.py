from __future__ import annotations

import tracemalloc
from datetime import UTC, datetime

import numpy as np
import pytest

from activessl.errors import MeasureError
from activessl.labels.answers import Answer
from activessl.measuring.planning.hours import Tax, difficulty_tax, hours_saved, human_time
from activessl.measuring.savings.savings import Savings

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def answer(item: int, seconds: float | None, who: str = "ann", kind: str = "label", **more) -> Answer:
    classes = ("cat",) if kind == "label" else ()
    return Answer(f"{who}{item}{kind}", f"{who}{item}{kind}", f"i{item}", kind, classes, who, seconds, NOW, **more)


def timed(*answers: Answer):
    return human_time(answers, rng=np.random.default_rng(0))


def saving(
    n: float | None = 60.0, m: float | None = 100.0, kind: str = "measured", saved: float | None = 0.4
) -> Savings:
    return Savings(0.9, n, m, saved, 0.3, 0.5, 0.9, kind, False, 200, 20)


def test_everything_a_person_did_counts() -> None:
    found = timed(*(answer(i, 4.0) for i in range(8)), answer(8, 2.0, kind="skip"), answer(0, 4.0, who="ben"))
    assert (found.labels, found.answers, found.skips, found.repeats) == (8, 10, 1, 1)
    assert found.seconds == 38.0 and found.per_label == 38 / 8
    assert found.hours == pytest.approx(38 / 3600)


def test_a_screen_left_open_is_cut_and_said_to_be_cut() -> None:
    found = timed(*(answer(i, 4.0 + i % 3) for i in range(20)), answer(20, 900.0))
    assert found.cut == 1 and found.raw > 900 and found.seconds < 150


def test_slow_people_are_not_cut_by_the_pace_of_fast_ones() -> None:
    fast, slow = ([answer(i, t, who) for i in range(20)] for who, t in (("ann", 2.0), ("ben", 60.0)))
    found = timed(*fast, *slow)
    assert found.cut == 0 and found.seconds == 20 * 62


def test_who_gave_few_answers_is_cut_by_the_pace_of_everybody() -> None:
    found = timed(*(answer(i, 4.0) for i in range(20)), answer(20, 900.0, "ben"), answer(21, 1000.0, "ben"))
    ben = next(p for p in found.people if p.annotator == "ben")
    assert ben.cut == 2 and ben.seconds < 60 and ben.median == 950.0


@pytest.mark.parametrize("broken", [None, 0.0, -3.0, float("nan"), float("inf"), 8 * 3600.0])
def test_a_time_that_cannot_be_believed_counts_with_the_median(broken: float | None) -> None:
    found = timed(*(answer(i, 4.0) for i in range(6)), answer(6, broken))
    assert found.filled == 1 and found.seconds == pytest.approx(28.0)
    assert np.isfinite(found.raw)


def test_somebody_without_any_time_counts_with_everybodys_median() -> None:
    found = timed(*(answer(i, 4.0) for i in range(6)), answer(0, None, who="ben"))
    ben = next(p for p in found.people if p.annotator == "ben")
    assert ben.median is None and ben.seconds == 4.0


def test_the_interval_holds_the_figure() -> None:
    rng = np.random.default_rng(0)
    found = timed(*(answer(i, float(np.exp(rng.normal(1.4, 0.5)))) for i in range(200)))
    assert found.low < found.per_label < found.high < found.low * 1.3


def test_the_interval_holds_the_figure_where_many_people_gave_one_answer_each() -> None:
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(60):
        found = timed(*(answer(i, float(t), f"p{i}") for i, t in enumerate(rng.lognormal(1.3, 0.5, 20))))
        held += found.low <= np.exp(1.3 + 0.5**2 / 2) <= found.high
    assert held >= 45  # none, where each of them is resampled alone


def test_the_interval_of_many_answers_takes_no_memory_for_each_of_them_in_each_resample() -> None:
    rng = np.random.default_rng(0)
    times = [answer(i, float(t)) for i, t in enumerate(rng.uniform(2, 6, 10_000))]
    tracemalloc.start()
    found, tax = timed(*times), difficulty_tax(times[:9_000], times[9_000:], rng=np.random.default_rng(0))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60e6  # all resamples at once are 160 MB
    seconds = np.array([a.seconds for a in times])
    sums = seconds[np.random.default_rng(0).integers(0, 10_000, (1000, 10_000))].sum(axis=1)
    assert (found.low, found.high) == pytest.approx(np.quantile(sums, (0.05, 0.95)) / 10_000, rel=1e-9)
    assert tax.low < 1 < tax.high


def test_imported_and_withdrawn_answers_cost_nothing_and_a_starred_one_its_time() -> None:
    found = timed(answer(0, 4.0), answer(1, 4.0, imported=True), answer(2, 4.0, kind="delete"))
    assert found.answers == 1
    assert timed(answer(0, 4.0), answer(1, 4.0, ground_truth=True)).answers == 2


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ([], "no labels"),
        ([answer(0, 4.0, kind="skip")], "no labels"),
        ([answer(0, None), answer(1, 0.0)], "usable time"),
    ],
)
def test_without_labels_or_times_there_is_no_figure(answers: list, told: str) -> None:
    with pytest.raises(MeasureError, match=told):
        timed(*answers)


def test_the_tax_is_measured_within_people() -> None:
    rng = np.random.default_rng(0)
    pace = {"ann": 2.0, "ben": 40.0}
    # ben, who is slow, labeled most random items: between people, chosen items would look fast
    counts = {"ann": (60, 10), "ben": (10, 60)}
    chosen, drawn = [], []
    for who, (c, d) in counts.items():
        chosen += [answer(i, 1.3 * pace[who] * float(np.exp(rng.normal(0, 0.2))), who) for i in range(c)]
        drawn += [answer(i, pace[who] * float(np.exp(rng.normal(0, 0.2))), who) for i in range(d)]
    found = difficulty_tax(chosen, drawn, rng=rng)
    assert found.low < 1.3 < found.high and abs(found.ratio - 1.3) < 0.15
    assert (found.chosen, found.drawn) == (70, 70)


def test_a_tax_needs_people_who_did_both() -> None:
    one = [answer(i, 4.0, "ann") for i in range(9)]
    other = [answer(i, 4.0, "ben") for i in range(9)]
    with pytest.raises(MeasureError, match="no annotator"):
        difficulty_tax(one, other, rng=np.random.default_rng(0))


def test_the_tax_eats_the_saving() -> None:
    assert hours_saved(saving(), 36.0).saved == pytest.approx(0.4)
    assert hours_saved(saving(), 36.0, tax=1.5).saved == pytest.approx(0.1)
    measured = hours_saved(saving(), 36.0, tax=Tax(1.2, 1.1, 1.3, 50, 50))
    assert measured.tax_measured
    assert measured.low == pytest.approx(1 - 0.7 * 1.3) and measured.high == pytest.approx(1 - 0.5 * 1.1)


def test_labels_for_evaluation_count_on_both_sides() -> None:
    found = hours_saved(saving(), 36.0, evaluation_labels=40, baseline_evaluation_labels=400)
    assert found.ours == 1.0 and found.baseline == 5.0 and found.saved == pytest.approx(0.8)


def test_a_bound_stays_a_bound_and_the_unknown_stays_unknown() -> None:
    bound = hours_saved(saving(m=None, kind="at_least", saved=0.7), 36.0, per_hour=10.0, currency="EUR")
    assert bound.kind == "at_least" and bound.baseline == 2.0 and bound.money == pytest.approx(14.0)
    unknown = hours_saved(saving(None, None, "undefined", None), 36.0)
    assert unknown.saved is None and unknown.money is None and unknown.baseline is None


@pytest.mark.parametrize("wrong", [{"seconds_per_label": 0.0}, {"tax": 0.0}, {"tax": float("nan")}, {"per_hour": 9.0}])
def test_figures_that_make_no_sense_are_refused(wrong: dict) -> None:
    with pytest.raises(MeasureError):
        hours_saved(saving(), **{"seconds_per_label": 4.0, **wrong})
