"""What machines are worth: small cases that can be counted by hand."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
from scipy.special import betaln
from scipy.stats import beta, ttest_1samp

from activessl.errors import MeasureError
from activessl.measuring.machines.alternative import _discoveries, alternative_test
from activessl.measuring.machines.faster import Faster, _labels_to, _saved, faster
from activessl.measuring.machines.reliability import reliability
from activessl.measuring.planning.cheaper import machines_worth
from activessl.measuring.quality.control import Control, use_control


def people(machine_right: int, items: int = 40) -> tuple[dict[str, dict[str, str]], dict[str, str]]:
    """Three people, of whom one answers each sixth item otherwise, and a machine that is right on the first items."""
    every = {name: {f"i{i:02}": "a" for i in range(items)} for name in ("ann", "bo", "cy")}
    every["cy"] |= {f"i{i:02}": "b" for i in range(0, items, 6)}
    return every, {f"i{i:02}": "a" if i < machine_right else "b" for i in range(items)}


def test_the_chances_are_those_of_a_one_sided_t_test() -> None:
    answers, machine = people(30)
    chances, advantages = [], []
    for name, own in answers.items():
        others = [answers[other] for other in answers if other != name]
        ours = np.array([np.mean([one[item] == machine[item] for one in others]) for item in own])
        theirs = np.array([np.mean([one[item] == own[item] for one in others]) for item in own])
        chances.append(ttest_1samp(np.sign(theirs - ours), 0.15, alternative="less").pvalue)
        advantages.append(np.mean(ours >= theirs))
    found = alternative_test(answers, machine)
    assert found is not None and found.annotators == 3
    assert found.advantage == pytest.approx(np.mean(advantages))
    ranked = sorted(chances)
    for level in (0.01, 0.2, 0.5, 0.9, 0.99):
        won = max((i for i in (1, 2, 3) if ranked[i - 1] <= i * level / (3 * (1 + 1 / 2 + 1 / 3))), default=0)
        told = alternative_test(answers, machine, level=level)
        assert told is not None and told.winning_rate == won / 3 and told.passed == (won >= 2)


def test_a_price_is_what_the_machine_may_be_worse() -> None:
    answers, machine = people(38)
    cheap, dear = (alternative_test(answers, machine, price=price) for price in (0.3, 0.0))
    assert cheap is not None and dear is not None
    assert cheap.winning_rate == 1.0 and cheap.passed
    assert dear.winning_rate < 1.0 and dear.advantage == cheap.advantage


def test_who_is_like_the_machine_everywhere_is_replaced_only_with_a_price() -> None:
    same = {name: {str(i): "a" for i in range(30)} for name in ("ann", "bo", "cy")}
    free, priced = (alternative_test(same, same["ann"], price=price) for price in (0.0, 0.01))
    assert free is not None and priced is not None
    assert (free.winning_rate, priced.winning_rate) == (0.0, 1.0)  # no difference is no proof of being better


def test_only_items_that_another_person_and_the_machine_answered_count() -> None:
    answers, machine = people(40)
    assert alternative_test(answers, {item: machine[item] for item in list(machine)[:29]}) is None
    assert alternative_test(answers, {item: machine[item] for item in list(machine)[:30]}) is not None
    assert alternative_test(answers, machine, fewest_items=41) is None
    alone = {**answers, "dee": {f"x{i}": "a" for i in range(40)}}  # nobody else answered these
    found = alternative_test(alone, machine | {f"x{i}": "a" for i in range(40)})
    assert found is not None and found.annotators == 3
    with pytest.raises(MeasureError, match="a price of"):
        alternative_test(answers, machine, price=1.0)
    with pytest.raises(MeasureError, match="a price of"):
        alternative_test(answers, machine, price=-0.1)


def test_discoveries_step_up_to_the_last_small_chance() -> None:
    assert _discoveries([0.5, 0.9], 0.05) == 0
    assert _discoveries([0.0, 0.9], 0.05) == 1
    limit = 0.05 / (1 + 1 / 2)
    assert _discoveries([limit, limit], 0.05) == 2
    assert _discoveries([limit * 1.01, limit * 1.01], 0.05) == 0
    assert _discoveries([limit * 0.9, limit], 0.05) == 2  # the first alone would need half of it


def test_labels_to_a_goal_lie_on_the_logarithm_between_two_sizes() -> None:
    n, curve = np.array([10.0, 40.0, 160.0]), np.array([0.5, 0.7, 0.9])
    assert _labels_to(n, curve, 0.6) == pytest.approx(20)
    assert _labels_to(n, curve, 0.8) == pytest.approx(80)
    assert _labels_to(n, curve, 0.7) == pytest.approx(40)
    assert _labels_to(n, curve, 0.4) == 10 and _labels_to(n, curve, 0.9) == pytest.approx(160)


def test_a_machine_that_costs_labels_saves_as_much_below_0_as_the_other_way_round_above() -> None:
    n, good, bad = np.array([10.0, 40.0, 160.0]), np.array([0.6, 0.8, 0.9]), np.array([0.5, 0.6, 0.8])
    assert _saved(n, good, bad) == pytest.approx(1 - 40 / 160)
    assert _saved(n, bad, good) == pytest.approx(-(1 - 40 / 160))
    assert _saved(n, good, good) == pytest.approx(0)
    assert _saved(n, np.array([0.6, 0.5, 0.9]), np.array([0.4, 0.6, 0.5])) == pytest.approx(1 - 10 / 160)


def test_more_may_be_saved_where_the_fewest_labels_are_already_enough() -> None:
    right = np.ones((3, 20))
    found = faster(np.array([10, 20, 40]), right, right * 0 + (np.arange(20) < 10), rng=np.random.default_rng(0))
    assert (found.saved, found.censored, found.labels) == (0.75, True, 40)
    same = faster(np.array([10, 20, 40]), right, right, rng=np.random.default_rng(0))
    assert same.saved == 0.75 and same.censored  # as good at once
    wide, narrow = (
        faster(
            np.array([10, 40]),
            np.stack([np.arange(60) % 3 > 0, np.arange(60) % 5 > 0]),
            np.stack([np.arange(60) % 2 > 0, np.arange(60) % 4 > 0]),
            rng=np.random.default_rng(0),
            level=level,
        )
        for level in (0.95, 0.5)
    )
    assert wide.low <= narrow.low <= narrow.saved <= narrow.high <= wide.high and wide.low < narrow.low
    assert (wide.level, narrow.level) == (0.95, 0.5)


@pytest.mark.parametrize(("sizes", "one", "other"), [(2, (3, 5), (3, 5)), (3, (3, 5), (3, 4)), (3, (3, 0), (3, 0))])
def test_outcomes_that_do_not_fit_are_refused(sizes: int, one: tuple[int, int], other: tuple[int, int]) -> None:
    with pytest.raises(MeasureError, match="outcomes of shapes"):
        faster(np.arange(1, sizes + 1), np.ones(one), np.ones(other), rng=np.random.default_rng(0))


def test_labels_become_hours_and_money_less_what_was_spent() -> None:
    found = Faster(0.2, 0.1, 0.3, 0.8, 1000, True)
    told = machines_worth(found, heeded=("m",), spent=5.0, seconds_per_label=36.0, per_hour=10.0, tokens=7, answers=9)
    assert told.labels is not None and told.hours is not None and told.saved is not None and told.net is not None
    assert (told.labels.low, told.labels.middle, told.labels.high) == (100, 200, 300)
    assert (told.hours.middle, told.saved.middle) == pytest.approx((2.0, 20.0))
    assert (told.net.low, told.net.middle, told.net.high) == pytest.approx((5.0, 15.0, 25.0))
    assert (told.level, told.censored, told.tokens, told.answers, told.why) == (0.8, True, 7, 9, "")


def test_what_is_not_known_stays_unknown_and_says_why() -> None:
    found = Faster(0.2, 0.1, 0.3, 0.8, 1000, True)
    told = {"spent": 5.0, "seconds_per_label": 36.0, "per_hour": 10.0}
    old = machines_worth(found, heeded=("m",), outdated=True, **told)
    assert old.labels is None and old.net is None and not old.censored and "teach" in old.why
    few = machines_worth(None, heeded=("m",), **told)
    assert few.labels is None and few.net is None and "fewer than 10" in few.why
    none = machines_worth(found, heeded=(), **told)
    assert none.labels is not None and none.labels.middle == 0.0 and not none.censored
    assert none.net is not None and none.net.middle == -5.0
    untimed = machines_worth(found, heeded=("m",), spent=5.0, per_hour=10.0)
    assert untimed.labels is not None and untimed.hours is None and untimed.net is None
    unpriced = machines_worth(found, heeded=("m",), spent=5.0, seconds_per_label=36.0)
    assert unpriced.hours is not None and unpriced.saved is None and unpriced.net is None
    assert machines_worth(None, heeded=(), spent=5.0).net is None


def test_the_weight_of_a_control_is_the_regression_shrunk_by_five_labels() -> None:
    rng = np.random.default_rng(0)
    right, told = rng.random(80) < 0.7, np.arange(80) < 60
    values = right - 0.7 + 0.3 * rng.normal(size=80)
    r, c = right[:60].astype(float), values[:60]
    for doubt in (0.0, 0.002):
        weight, gain = use_control(Control("m", values, 0.3, doubt), right, told)
        slope = float(np.cov(r, c, bias=True)[0, 1]) / (0.3 + 60 * doubt) * 60 / 65
        rest = float(np.sum((r - r.mean() - slope * (c - c.mean())) ** 2))
        left = (rest + 0.5 * (1 - rest / (60 * r.var()))) / 58 + 60 * slope**2 * doubt
        assert (weight, gain) == pytest.approx((slope, r.var() * 60 / 59 / left))


def test_a_control_without_variance_or_with_few_labels_has_no_weight() -> None:
    right, every = np.arange(40) % 4 > 0, np.ones(40, bool)
    good = right - 0.75
    assert use_control(Control("m", good, 0.2), right, np.arange(40) < 2) == (0.0, 1.0)
    assert use_control(Control("m", good, 0.2), right, np.arange(40) < 5)[0] > 0
    assert use_control(Control("m", good, 0.2), every, every) == (0.0, 1.0)
    assert use_control(Control("m", 0 * good, 0.2), right, every) == (0.0, 1.0)
    assert use_control(Control("m", good, 0.0), right, every) == (0.0, 1.0)
    against = use_control(Control("m", -good, 0.1875), right, every)
    assert against[0] < 0 < against[1] - 1  # one that is always wrong tells as much
    for values, spread, doubt in ((good * np.nan, 1.0, 0.0), (good, -1.0, 0.0), (good, 1.0, -1.0), (good, np.nan, 0.0)):
        with pytest.raises(MeasureError, match="not finite"):
            Control("m", values, spread, doubt)
    assert sqrt(use_control(Control("m", good, 0.1875), right, every)[1]) > 2


def test_a_class_is_judged_by_the_posterior_under_all_priors() -> None:
    truth = np.repeat([0, 1, 2], [20, 12, 2])
    said = truth.copy()
    said[[0, 1, 20]] = [1, 1, 0]  # of 19 answers "0" 18 are right, of 13 answers "1" 11
    found = reliability(truth, said, 4, needed=0.6)
    assert [(one.asked, one.right) for one in found.classes] == [(19, 18), (13, 11), (2, 2), (0, 0)]
    assert (found.asked, found.right, found.share) == (34, 31, 31 / 34)
    shares = np.linspace(0.0005, 0.9995, 1000)
    mean, strength = (grid.ravel() for grid in np.meshgrid(np.linspace(0.01, 0.99, 50), np.geomspace(1.0, 200.0, 12)))
    a, b = mean * strength, (1 - mean) * strength
    evidence = np.exp(sum(betaln(a + c.right, b + c.asked - c.right) - betaln(a, b) for c in found.classes))
    density = np.stack(
        [evidence @ beta.pdf(shares, (a + c.right)[:, None], (b + c.asked - c.right)[:, None]) for c in found.classes]
    )
    density /= density.sum(axis=1, keepdims=True)
    assert [one.share for one in found.classes] == pytest.approx(density @ shares)
    for one, weights in zip(found.classes, density.cumsum(axis=1), strict=True):
        assert (one.low, one.high) == pytest.approx([shares[np.searchsorted(weights, at)] for at in (0.05, 0.95)])
    verdicts = [one.verdict for one in found.classes]
    assert verdicts == ["stands in", "stands in", "unknown", "unknown"]  # two answers are too few for a class
    strict = reliability(truth, said, 4, needed=0.999).classes
    assert [one.verdict for one in strict[:2]] == ["does not", "does not"]
    assert reliability(truth[:9], said[:9], 4, needed=0.01).classes[0].verdict == "unknown"


def test_answers_outside_of_the_classes_are_refused_and_none_tell_nothing() -> None:
    none = np.array([], dtype=int)
    nothing = reliability(none, none, 2)
    assert (nothing.share, nothing.low, nothing.high) == (None, 0.0, 1.0)
    for truth, said in (([0, 1], [0]), ([0, 2], [0, 1]), ([0, 1], [2, 1]), ([-1, 0], [0, 0]), ([0, 0], [0, -1])):
        with pytest.raises(MeasureError, match="answers of shape"):
            reliability(np.array(truth), np.array(said), 2)
