"""Reliability, verdict and the narrower interval of machines: they hold whatever the machine is."""

from __future__ import annotations

import numpy as np
import pytest

from activessl.errors import MeasureError
from activessl.measuring.machines.alternative import alternative_test
from activessl.measuring.machines.faster import faster
from activessl.measuring.machines.reliability import reliability
from activessl.measuring.quality.audit import audit_accuracy
from activessl.measuring.quality.control import Control, use_control
from activessl.measuring.simulation.simulate import simulate


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.3, 0.75, 0.95])
def test_nine_of_ten_intervals_of_a_class_hold(share: float) -> None:
    rng, held, total = np.random.default_rng(0), 0, 0
    for _ in range(40):
        true = np.clip(share + rng.normal(scale=0.05, size=4), 0.01, 0.99)
        y = rng.integers(4, size=60)
        said = rng.integers(4, size=60)
        y = np.where(rng.random(60) < true[said], said, (said + rng.integers(1, 4, 60)) % 4)
        found = reliability(y, said, 4)
        held += sum(one.low <= t <= one.high for one, t in zip(found.classes, true, strict=True))
        total += 4
    assert held / total > 0.85


def test_a_class_with_few_answers_takes_after_the_others() -> None:
    y = np.concatenate([np.zeros(50, dtype=int), np.ones(50, dtype=int), [2]])
    found = reliability(y, y, 4)
    assert found.classes[2].share > 0.9 and found.classes[3].asked == 0 and found.classes[3].verdict == "unknown"
    assert found.classes[0].verdict == "stands in" and found.classes[2].verdict == "unknown"
    assert found.classes[2].low < found.classes[0].low


def test_a_machine_that_is_wrong_on_one_class_does_not_stand_in_there() -> None:
    rng = np.random.default_rng(1)
    said = np.repeat([0, 1], 80)
    y = np.where((said == 1) & (rng.random(160) < 0.5), 0, said)
    assert [one.verdict for one in reliability(y, said, 2).classes] == ["stands in", "does not"]
    with pytest.raises(MeasureError):
        reliability(y, said[:-1], 2)


def test_the_alternative_annotator_test_needs_three_annotators_with_enough_items() -> None:
    rng = np.random.default_rng(2)
    truth = {str(i): "abc"[rng.integers(3)] for i in range(60)}

    def person(share: float) -> dict[str, str]:
        return {i: c if rng.random() < share else "abc"[rng.integers(3)] for i, c in truth.items()}

    people = {name: person(0.9) for name in ("ann", "bo", "cy")}
    good, bad = person(0.92), person(0.2)
    passed, failed = alternative_test(people, good), alternative_test(people, bad)
    assert passed is not None and passed.passed and passed.winning_rate == 1.0
    assert failed is not None and not failed.passed and failed.advantage < passed.advantage
    assert alternative_test({n: people[n] for n in ("ann", "bo")}, good) is None
    assert alternative_test(people, dict(list(good.items())[:20])) is None


@pytest.mark.parametrize("right", [0.1, 0.5, 0.75, 0.9])
def test_the_interval_that_a_machine_narrows_holds_whatever_the_machine(right: float) -> None:
    rng, held, gain = np.random.default_rng(3), [], []
    for _ in range(300):
        r = rng.random(2000) < 0.8
        thought = np.where(rng.random(2000) < right, r, ~r).astype(float)
        at = rng.choice(2000, 60, replace=False)
        control = Control("m", thought[at] - thought.mean(), float(thought.var()))
        found = audit_accuracy(r[at], np.full(60, 0.03), control=control)
        held.append(found.low <= r.mean() <= found.high)
        gain.append(found.effective / 60)
    assert np.mean(held) >= 0.85
    says = 0.8 * right + 0.2 * (1 - right)
    rho = 0.16 * (2 * right - 1) / np.sqrt(0.16 * says * (1 - says))
    assert np.median(gain) >= 0.8 / (1 - rho**2)


def test_a_control_that_explains_nothing_changes_nothing() -> None:
    right = np.random.default_rng(0).random(50) < 0.8
    plain = audit_accuracy(right, np.full(50, 0.1))
    assert audit_accuracy(right, np.full(50, 0.1), control=Control("m", np.zeros(50), 0.0)) == plain
    assert use_control(Control("m", np.ones(50), 0.2), right, right | True) == (0.0, 1.0)
    # a mean that is hardly known is worth little
    values = right - 0.8
    sure, doubtful = (use_control(Control("m", values, 0.16, d), right, right | True)[1] for d in (0.0, 0.02))
    assert sure > 4 > doubtful
    with pytest.raises(MeasureError):
        Control("m", np.array([np.nan]), 0.1)


def test_labels_that_machines_save_are_read_off_the_curves_of_both_heads() -> None:
    def curve(*shares: float) -> np.ndarray:
        return np.array([np.arange(200) < 200 * share for share in shares], dtype=float)  # nested: no doubt

    sizes = np.array([25.0, 50.0, 100.0])
    better = faster(sizes, curve(0.7, 0.8, 0.9), curve(0.6, 0.7, 0.8), rng=np.random.default_rng(0))
    assert better.saved == pytest.approx(0.5) and better.low == better.high and better.labels == 100
    worse = faster(sizes, curve(0.6, 0.7, 0.8), curve(0.7, 0.8, 0.9), rng=np.random.default_rng(0))
    assert worse.saved == pytest.approx(-0.5)
    most = faster(sizes, curve(0.9, 0.9, 0.9), curve(0.1, 0.2, 0.3), rng=np.random.default_rng(0))
    assert most.censored and most.saved == 0.75
    same = faster(sizes, curve(0.6, 0.7, 0.8), curve(0.6, 0.7, 0.8), rng=np.random.default_rng(0))
    assert (same.saved, same.low, same.high) == pytest.approx((0.0, 0.0, 0.0), abs=1e-9)
    with pytest.raises(MeasureError):
        faster(sizes, curve(0.6, 0.7), curve(0.6, 0.7), rng=np.random.default_rng(0))


@pytest.mark.slow
def test_a_simulation_has_an_arm_with_the_machine() -> None:
    rng = np.random.default_rng(4)
    y = rng.integers(3, size=500)
    x = np.eye(3, 12)[y] + 0.6 * rng.normal(size=(500, 12))
    said = np.where(rng.random(500) < 0.75, y, rng.integers(3, size=500))
    good = simulate(x, y, seeds=2, budgets=(6, 12, 24), machine=said)
    assert list(good.arms) == ["auto", "auto+machine", "random"]
    assert good.arms["auto+machine"].curve.mean.sum() > good.arms["auto"].curve.mean.sum()
    told = good.to_dict()
    assert told["curves"]["auto+machine"]["labels"] == [6, 12, 24] and "auto+machine" in told["savings"]
    assert told["settings"]["machine"]["answers"] > 390 and 0.7 < told["settings"]["machine"]["right"] < 0.95
    none = simulate(x, y, seeds=2, budgets=(6, 12, 24), machine=np.full(500, -1))
    assert np.array_equal(none.arms["auto+machine"].curve.accuracy, none.arms["auto"].curve.accuracy)
    assert np.array_equal(none.arms["auto"].curve.accuracy, good.arms["auto"].curve.accuracy)
    for bad in (said[:-1], said + 5, np.full((500, 2), 0.5), said + 0.5):
        with pytest.raises(MeasureError):
            simulate(x, y, seeds=1, budgets=(3,), machine=bad)
