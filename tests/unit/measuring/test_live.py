from __future__ import annotations

import numpy as np
import pytest

from activessl.errors import MeasureError
from activessl.measuring.planning.plan import make_plan
from activessl.measuring.savings.live import GRID, PUBLIC, UNKNOWN, Prior, live_savings, quantiles
from activessl.measuring.savings.trend import Trend, fit_trend


def learner(skill: dict[int, float], y: np.ndarray, seed: int = 0):
    """Heads that are right as often as a curve of their number of labels says."""
    rng = np.random.default_rng(seed)
    counts = np.array(sorted(skill))

    def learn(taught: np.ndarray, asked: np.ndarray) -> np.ndarray:
        good = rng.random(len(asked)) < np.interp(len(taught), counts, [skill[c] for c in counts])
        return np.where(good, y[asked], 1 - y[asked])

    return learn


def project(n: int, m: int, accuracy: float, seed: int = 0):
    rng = np.random.default_rng(seed)
    y, drawn = rng.integers(0, 2, n), np.zeros(n, dtype=bool)
    drawn[rng.choice(n, m, replace=False)] = True
    return y, drawn, rng.random(n) < accuracy


def test_many_random_labels_outweigh_what_was_expected() -> None:
    # the head on 15,000 labels is as good as one on the 4,000 random ones that were measured: nothing was saved
    y, drawn, correct = project(15000, 5000, 0.7)
    found = live_savings(
        learner({2: 0.3, 1000: 0.4, 2000: 0.55, 4000: 0.7, 9000: 0.9}, y),
        y,
        drawn,
        correct,
        rng=np.random.default_rng(0),
        prior=Prior(2.0, 1.0, "wishes"),
    )
    assert found.saved < 0 and found.own_high is not None and found.own_high < 0


def test_few_random_labels_leave_what_was_expected() -> None:
    y, drawn, correct = project(200, 12, 0.9)
    found = live_savings(learner({2: 0.5, 160: 0.8}, y), y, drawn, correct, rng=np.random.default_rng(0))
    assert found.low < found.saved < found.high and found.own_low < found.low
    assert abs(np.log(1 - found.saved) + PUBLIC.mean) < 0.4
    assert f"{found.random_labels} random labels" in found.to_text()


def test_more_is_expected_of_a_model_that_is_more_often_right_and_less_is_certain_of_few_labels() -> None:
    y, drawn, _ = project(200, 40, 0.9)
    learn = learner({2: 0.5, 160: 0.8}, y)

    def saved(mistakes: int) -> float:
        correct = np.ones(200, dtype=bool)
        correct[np.flatnonzero(drawn)[:mistakes]] = False
        prior = Prior(1.0, 0.3, "replays", slope=0.5)
        return live_savings(learn, y, drawn, correct, rng=np.random.default_rng(0), prior=prior).saved

    assert saved(20) + 0.2 < saved(4) < saved(0) - 0.05
    beliefs = [PUBLIC.belief(0.1 * m, m) for m in (10, 1000)]
    spans = [quantiles(one, (0.05, 0.95)) for one in beliefs]
    assert spans[0][1] - spans[0][0] > spans[1][1] - spans[1][0] > 2 * 1.6 * PUBLIC.spread


def test_ten_random_labels_are_the_least() -> None:
    y, drawn, correct = project(100, 9, 0.9)
    with pytest.raises(MeasureError, match="9 random labels"):
        live_savings(learner({2: 0.5, 9: 0.6}, y), y, drawn, correct, rng=np.random.default_rng(0))


def test_the_same_project_gives_the_same_estimate() -> None:
    y, drawn, correct = project(100, 30, 0.9)
    one, other = (
        live_savings(learner({2: 0.5, 30: 0.8}, y), y, drawn, correct, rng=np.random.default_rng(1)) for _ in range(2)
    )
    assert one == other


def test_a_trend_finds_the_power_law_that_made_it() -> None:
    sizes = np.array([50.0, 100.0, 200.0, 400.0])
    errors = 0.4 * (sizes / 50) ** -0.4
    right = np.tile(1 - errors[:, None], (1, 4000))  # so many labels that nothing is left to chance
    trend, _ = fit_trend(sizes, right, rng=np.random.default_rng(0))
    assert np.median(trend.slope) == pytest.approx(0.4, abs=0.02)
    assert np.median(trend.error(400)) == pytest.approx(errors[-1], abs=0.002)
    assert trend.reach(trend.log_error) == pytest.approx(np.full(len(trend.slope), 400.0))


def test_reaching_and_reading_off_are_inverse() -> None:
    trend = Trend(100.0, np.log([0.3, 0.2]), np.array([0.4, 0.2]), np.array([0.1, 0.3]))
    goal = np.log(np.array([0.2, 0.18]))
    needed = trend.reach(goal)
    assert [float(np.log(trend.error(needed[i])[i])) for i in range(2)] == pytest.approx(goal.tolist())
    ahead = (trend.error(needed[0])[0] - trend.error(needed[0] + 0.01)[0]) / 0.01
    assert trend.gain(needed[0])[0] == pytest.approx(ahead, rel=1e-3)


def test_a_target_that_takes_more_than_the_pool_is_out_of_reach_and_has_no_figure() -> None:
    curve = Trend(100.0, np.full(50, np.log(0.2)), np.full(50, 0.5), np.full(50, 1e-3))  # 300 labels more for 90 %
    few, enough = (
        make_plan(curve, 0.9, labels=100, pool=pool, random_labels=40, rng=np.random.default_rng(0))
        for pool in (399, 401)
    )
    assert few.hopeless and few.reachable == 0.0 and few.more.middle is few.more.high is None
    assert not enough.hopeless and enough.more.middle == pytest.approx(300, abs=1)


@pytest.mark.parametrize(
    ("sizes", "shape"), [([20, 10], (2, 5)), ([10, 10], (2, 5)), ([0, 10], (2, 5)), ([10, 20], (3, 5)), ([10], (1, 0))]
)
def test_sizes_that_do_not_ascend_or_do_not_fit_their_outcomes_are_refused(
    sizes: list[float], shape: tuple[int, int]
) -> None:
    with pytest.raises(MeasureError, match="ascending"):
        fit_trend(np.array(sizes, dtype=float), np.ones(shape), rng=np.random.default_rng(0))


def test_labels_of_items_that_left_the_pool_were_spent_too() -> None:
    y, drawn, correct = project(100, 40, 0.9)
    none, some = (
        live_savings(lambda taught, asked: y[asked], y, drawn, correct, rng=np.random.default_rng(0), gone=gone)
        for gone in (0, 50)
    )
    assert (none.labels, some.labels) == (100, 150)
    for name in ("saved", "low", "high"):
        assert 1 - getattr(some, name) == pytest.approx(1.5 * (1 - getattr(none, name)))


def test_random_choice_never_needs_more_than_the_pool() -> None:
    y, drawn, correct = project(100, 40, 1.0)
    learn = learner({2: 0.5, 40: 0.9}, y)
    free, bound = (
        live_savings(learn, y, drawn, correct, rng=np.random.default_rng(0), pool=pool) for pool in (None, 150)
    )
    assert free.baseline_labels > 150 and bound.baseline_labels == pytest.approx(150)
    assert bound.low <= bound.saved == bound.high == pytest.approx(1 / 3) and bound.own_high == pytest.approx(1 / 3)


def test_an_interval_is_as_wide_as_its_level_says() -> None:
    y, drawn, correct = project(60, 12, 0.8)
    learn, prior = learner({2: 0.5, 12: 0.7}, y), Prior(1.0, 0.2, "replays")  # twelve labels add nearly nothing to it
    for level, deviations in ((0.5, 0.674), (0.8, 1.282), (0.9, 1.645), (0.98, 2.326)):
        found = live_savings(learn, y, drawn, correct, rng=np.random.default_rng(0), prior=prior, level=level)
        width = np.log(1 - found.low) - np.log(1 - found.high)
        assert found.level == level and width == pytest.approx(2 * deviations * prior.spread, rel=0.08)


def test_that_two_random_samples_teach_two_heads_is_part_of_the_interval() -> None:
    # which items are wrong depends on the number of labels only, so that resampling items shows no spread at all
    m, n = 200, 2_000
    y, drawn = np.zeros(n, dtype=int), np.arange(n) < m
    hard = np.random.default_rng(0).permutation(m) / m

    def learn(taught: np.ndarray, asked: np.ndarray) -> np.ndarray:
        return (hard[asked] < 0.8 * len(taught) ** -0.3).astype(int)

    correct = np.ones(n, dtype=bool)
    correct[:m] = hard >= 0.8 * (0.8 * m) ** -0.3
    found = live_savings(learn, y, drawn, correct, rng=np.random.default_rng(0))
    truth = np.log(n / (0.8 * m))  # the present head is as good as one that is taught 160 random labels
    assert truth + 0.2 < np.log(1 - found.own_low) < truth + 0.6


def test_no_head_is_judged_by_a_label_that_it_was_taught() -> None:
    y, drawn, correct = project(100, 40, 0.8)
    sizes = []

    def learn(taught: np.ndarray, asked: np.ndarray) -> np.ndarray:
        assert not set(taught.tolist()) & set(asked.tolist())
        assert drawn[taught].all() and drawn[asked].all()  # the curve is that of random choice
        sizes.append(len(taught))
        return y[asked]

    live_savings(learn, y, drawn, correct, rng=np.random.default_rng(0))
    assert sorted(set(sizes)) == [8, 16, 32]


def test_labels_that_show_no_slope_leave_that_of_other_learning_curves() -> None:
    right = (np.arange(200) % 10 > 0).astype(float)
    trend, _ = fit_trend(np.array([100.0]), right[None], rng=np.random.default_rng(0))
    assert 0.15 < np.median(trend.slope) < 0.25 and 0.05 <= np.quantile(trend.slope, 0.16) < 0.1
    flat, _ = fit_trend(np.array([25.0, 50.0, 100.0]), np.tile(right, (3, 1)), rng=np.random.default_rng(0))
    assert flat.slope.min() > 0  # else no target would ever be reached
    assert np.all(flat.error(400) < flat.error(100))


def test_where_nothing_is_known_a_saving_is_as_likely_as_a_loss() -> None:
    belief = UNKNOWN.belief(4, 40)
    assert belief[GRID > 0].sum() == pytest.approx(belief[GRID < 0].sum(), rel=0.05)
    quarter = belief[np.abs(GRID) <= np.log(4)].sum() / belief.sum()
    assert 0.6 < quarter < 0.8  # from a quarter to four times the labels
