from __future__ import annotations

import numpy as np
import pytest

from activessl.errors import MeasureError
from activessl.measuring.intervals import mean_interval
from activessl.measuring.savings.curves import Curve, isotonic, labels_to_target, win_rate
from activessl.measuring.savings.savings import savings
from activessl.measuring.savings.single import savings_of_run

COUNTS = np.array([10, 20, 40, 80])


def curve(*means: float, seeds: int = 8, noise: float = 0.0, seed: int = 0) -> Curve:
    rng = np.random.default_rng(seed)
    return Curve(COUNTS[: len(means)], np.clip(np.array(means) + noise * rng.normal(size=(seeds, len(means))), 0, 1))


def saved(ours: Curve, baseline: Curve, **more):
    return savings(ours, baseline, rng=np.random.default_rng(0), **more)


def test_smoothing_is_what_scikit_learn_finds() -> None:
    from sklearn.isotonic import isotonic_regression

    rows = np.random.default_rng(0).random((50, 12))
    np.testing.assert_allclose(isotonic(rows), [isotonic_regression(row) for row in rows])


def test_the_area_of_a_flat_curve_is_its_height() -> None:
    assert curve(0.5, 0.5, 0.5).area == pytest.approx(0.5)
    assert curve(0.7).area == pytest.approx(0.7)


def test_the_target_is_reached_between_two_counts_by_interpolation() -> None:
    assert labels_to_target(COUNTS, np.array([0.1, 0.2, 0.4, 0.5]), 0.3) == pytest.approx(30)
    assert labels_to_target(COUNTS, np.array([0.3, 0.3, 0.4, 0.5]), 0.3) == pytest.approx(10)
    assert np.isinf(labels_to_target(COUNTS, np.array([0.1, 0.2, 0.4, 0.5]), 0.6))


def test_both_arrive_and_the_saving_is_measured() -> None:
    found = saved(curve(0.5, 0.8, 0.9, 0.95, noise=0.01), curve(0.4, 0.5, 0.6, 0.8, noise=0.01, seed=1))
    assert found.kind == "measured" and not found.censored
    assert found.low < found.saved < found.high < 1
    assert 0.6 < found.saved < 0.85


def test_a_baseline_that_never_arrives_gives_at_least() -> None:
    found = saved(curve(0.5, 0.8, 0.9, 0.95), curve(0.4, 0.5, 0.6, 0.7), target=0.8)
    assert (found.kind, found.labels, found.baseline_labels, found.saved) == ("at_least", 20.0, None, 0.75)
    assert found.low == pytest.approx(0.75) and found.high is None
    assert "instead of more than 80" in found.to_text() and "at least 75 %" in found.to_text()


def test_ours_that_never_arrives_gives_at_most() -> None:
    found = saved(curve(0.4, 0.5, 0.6, 0.7), curve(0.5, 0.8, 0.9, 0.95), target=0.8)
    assert (found.kind, found.labels, found.baseline_labels, found.saved) == ("at_most", None, 20.0, -3.0)
    assert found.low is None and "nothing saved" in found.to_text()


def test_neither_arrives_and_no_number_is_given() -> None:
    found = saved(curve(0.4, 0.5), curve(0.4, 0.5), target=0.99)
    assert found.kind == "undefined" and found.saved is None and found.censored
    assert "nan" not in str(found.to_dict()).lower() and "inf" not in found.to_text()


def test_one_seed_gives_a_saving_without_an_interval() -> None:
    found = saved(curve(0.5, 0.9, seeds=1), curve(0.5, 0.6, seeds=1))
    assert found.saved is not None and found.low is None and found.high is None


def test_the_same_arm_saves_nothing() -> None:
    same = curve(0.4, 0.5, 0.6, 0.7, noise=0.05)
    found = saved(same, same)
    assert found.saved == pytest.approx(0) and found.low == pytest.approx(0) and found.high == pytest.approx(0)


def test_a_target_at_the_first_batch_is_at_most() -> None:
    found = saved(curve(0.9, 0.95), curve(0.5, 0.9))
    assert found.at_first and found.to_text().startswith("at most 10 labels instead of 20")


@pytest.mark.parametrize("seeds", [2, 3, 5, 20])
@pytest.mark.parametrize("target", [None, 0.7])
def test_the_interval_holds_the_true_saving_at_its_level_with_few_seeds_too(seeds: int, target: float | None) -> None:
    """The quantiles of the resamples hold in half of the cases with two seeds, in three of four with five."""
    rng = np.random.default_rng(seeds)
    ours, base = np.array([0.5, 0.7, 0.8, 0.85]), np.array([0.4, 0.55, 0.65, 0.75])
    goal = 0.75 if target is None else target
    truth = 1 - float(labels_to_target(COUNTS, ours, goal)) / float(labels_to_target(COUNTS, base, goal))
    hits, open_ = [], 0
    for trial in range(200):
        luck = 0.02 * rng.normal(size=(seeds, 1))  # shared by the pair
        a, b = (np.clip(m + luck + 0.02 * rng.normal(size=(seeds, 4)), 0, 1) for m in (ours, base))
        found = savings(
            Curve(COUNTS, a), Curve(COUNTS, b), rng=np.random.default_rng(trial), resamples=300, target=target
        )
        hits.append((found.low is None or found.low <= truth) and (found.high is None or truth <= found.high))
        open_ += found.low is None or (found.high is None and target is None)
    assert 0.85 <= np.mean(hits) <= 0.97
    assert open_ <= (100 if seeds < 5 else 10)


@pytest.mark.parametrize("target", [0.0, -1.0, 1.01, float("nan")])
def test_an_impossible_target_is_refused(target: float) -> None:
    with pytest.raises(MeasureError):
        saved(curve(0.5, 0.6), curve(0.5, 0.6), target=target)


def test_curves_that_are_not_paired_are_refused() -> None:
    with pytest.raises(MeasureError, match="not paired"):
        saved(curve(0.5, 0.6, seeds=3), curve(0.5, 0.6, seeds=4))
    with pytest.raises(MeasureError, match="not paired"):
        win_rate(curve(0.5), curve(0.5, 0.6))


@pytest.mark.parametrize(
    ("labels", "accuracy"),
    [([10, 10], [[0.1, 0.2]]), ([20, 10], [[0.1, 0.2]]), ([0, 10], [[0.1, 0.2]]), ([10], [[0.1, 0.2]]),
     ([10, 20], [[0.1, np.nan]]), ([10, 20], [[0.1, 1.2]]), ([], [[]])],
)  # fmt: skip
def test_a_broken_curve_is_refused(labels: list, accuracy: list) -> None:
    with pytest.raises(MeasureError):
        Curve(np.array(labels), np.array(accuracy))


def test_one_seed_knows_nothing_of_its_spread() -> None:
    low, high = mean_interval(np.array([[0.5, 0.6]]))
    assert low.tolist() == [0, 0] and high.tolist() == [1, 1]


@pytest.mark.parametrize(
    ("labels", "accuracy"), [([], []), ([10, 20], [0.5]), ([20, 10], [0.5, 0.6]), ([10, 10], [0.5, 0.6]), ([15], [0.5])]
)
def test_a_run_that_does_not_fit_its_baseline_is_refused(labels: list[int], accuracy: list[float]) -> None:
    with pytest.raises(MeasureError):
        savings_of_run(labels, accuracy, curve(0.5, 0.6, 0.7, 0.8), rng=np.random.default_rng(0))


def test_a_run_keeps_its_accuracy_after_its_end_and_has_none_before_its_start() -> None:
    base = curve(0.5, 0.6, 0.7, 0.8)
    found = savings_of_run([20, 40], [0.65, 0.7], base, rng=np.random.default_rng(0))
    assert (found.target, found.labels, found.baseline_labels, found.saved) == pytest.approx((0.7, 40, 40, 0), abs=1e-9)
    half = savings_of_run([20, 40], [0.65, 0.7], base, rng=np.random.default_rng(0), target=0.6)
    assert half.labels is not None and 10 < half.labels < 20 and half.baseline_labels == pytest.approx(20)
    never = savings_of_run([20], [0.65], base, rng=np.random.default_rng(0), target=0.8)
    assert (never.kind, never.labels) == ("at_most", None) and never.baseline_labels == pytest.approx(80)


def test_a_run_is_judged_at_the_accuracy_of_its_end() -> None:
    base = Curve(np.array([10, 20, 40, 80]), np.array([[0.5, 0.6, 0.7, 0.9]] * 3))
    found = savings_of_run([10, 20, 40], [0.5, 0.6, 0.9], base, rng=np.random.default_rng(0))
    assert (found.target, found.saved) == pytest.approx((0.9, 0.5))
