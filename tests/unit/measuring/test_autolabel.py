from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import hypergeom

from activessl.errors import MeasureError
from activessl.measuring.quality.autolabel import accept, accept_by_class, kept


def pool(seed: int, n: int = 2000, m: int = 200) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Confidences that are too high by half, what is wrong, and which items were drawn at random."""
    rng = np.random.default_rng(seed)
    confidence = 1 - rng.beta(0.5, 6, n)
    wrong = rng.random(n) < np.minimum(1.5 * (1 - confidence), 1)
    return confidence, wrong, rng.permutation(n) < m


@pytest.mark.slow
@pytest.mark.parametrize(("error", "delta"), [(0.05, 0.1), (0.1, 0.2)])
def test_the_promise_is_broken_no_more_often_than_it_says(error: float, delta: float) -> None:
    broken = accepted = 0
    for seed in range(400):
        confidence, wrong, drawn = pool(seed)
        found = accept(confidence[~drawn], confidence[drawn], wrong[drawn], error=error, delta=delta)
        if found.threshold is not None:
            above = confidence[~drawn] >= found.threshold
            accepted += found.accepted
            assert above.sum() == found.accepted
            broken += wrong[~drawn][above].mean() > error
    assert broken <= 400 * delta + 2 * np.sqrt(400 * delta * (1 - delta))
    assert accepted > 400 * 50  # a promise that accepts nothing is easily kept


def test_a_promise_that_cannot_be_kept_accepts_nothing_and_says_what_it_would_take() -> None:
    confidence, wrong, drawn = pool(0)
    found = accept(confidence[~drawn], confidence[drawn], wrong[drawn], error=0.001)
    assert found.threshold is None and found.accepted == 0
    few = accept(np.full(5000, 0.9), np.full(20, 0.9), np.zeros(20, dtype=bool), error=0.01)
    assert few.needed is not None and 200 < few.needed < 240
    assert f"{few.needed} random labels" in few.to_text()


@pytest.mark.parametrize("items", [300, 1000, 5000])
def test_as_many_labels_as_are_said_to_be_needed_are_enough_if_all_are_right(items: int) -> None:
    sure = np.random.default_rng(0).random(items)
    needed = accept(sure[20:], sure[:20], np.zeros(20, dtype=bool), error=0.05).needed
    assert needed is not None
    assert accept(sure[needed:], sure[:needed], np.zeros(needed, dtype=bool), error=0.05).accepted > 0


def test_a_head_that_is_wrong_where_it_is_sure_is_not_believed() -> None:
    sure = np.linspace(0.5, 1, 400)
    found = accept(sure, sure, sure > 0.9, error=0.05)
    assert found.threshold is None and found.needed is None
    assert "teach the head more labels" in found.to_text()


def test_without_random_labels_nothing_is_accepted() -> None:
    none = np.empty(0)
    found = accept(np.full(50, 0.99), none, none.astype(bool), error=0.05)
    assert found.threshold is None and found.needed == 45


def test_equal_confidences_stand_or_fall_together() -> None:
    found = accept(np.full(300, 0.9), np.full(100, 0.9), np.arange(100) < 40, error=0.05)
    assert found.accepted == 0
    found = accept(np.full(300, 0.9), np.full(100, 0.9), np.zeros(100, dtype=bool), error=0.05)
    assert found.accepted == 300


def test_equal_confidences_below_the_first_threshold_are_not_judged_by_a_part_of_them() -> None:
    sure = np.linspace(0.9, 1.0, 140)
    known, wrong = np.append(sure, np.full(140, 0.8)), np.arange(280) >= 200  # of the equal ones, the right come first
    rest = np.append(np.linspace(0.9, 1.0, 1_000), np.full(1_000, 0.8))
    found = accept(rest, known, wrong, error=0.05)
    assert found.threshold is not None and found.threshold >= 0.9 and found.accepted <= 1_000


def test_each_class_is_judged_on_its_own() -> None:
    confidence, wrong, drawn = pool(1, n=4000, m=800)
    predicted = np.arange(4000) % 2
    wrong &= predicted == 1  # class 0 is always right
    good, bad = accept_by_class(
        confidence[~drawn],
        predicted[~drawn],
        confidence[drawn],
        predicted[drawn],
        wrong[drawn],
        2,
        error=0.02,
    )
    assert (good.class_index, bad.class_index) == (0, 1)
    assert good.accepted == pytest.approx((predicted[~drawn] == 0).sum(), abs=5)
    assert good.accepted > bad.accepted


@pytest.mark.parametrize(("error", "delta"), [(0.0, 0.1), (1.0, 0.1), (0.05, 0.0), (float("nan"), 0.1)])
def test_shares_outside_their_range_are_refused(error: float, delta: float) -> None:
    with pytest.raises(MeasureError, match="between 0 and 1"):
        accept(np.ones(5), np.ones(5), np.zeros(5, dtype=bool), error=error, delta=delta)


def test_the_walk_over_thresholds_ends_at_the_first_that_fails() -> None:
    # 100 right, 100 wrong, 2,000 right: all together they would keep the bound, but nobody may go on after a failure
    wrong = np.repeat([False, True, False], [100, 100, 2_000])
    sure = np.linspace(1.0, 0.5, len(wrong))
    rest = np.linspace(1.0, 0.5, 3 * len(wrong))
    found = accept(rest, sure, wrong, error=0.1)
    assert found.threshold is not None and found.threshold >= sure[120]
    assert 0 < found.accepted <= 3 * 121 and found.calibration <= 120
    assert (
        not wrong[-2_000:].any() and accept(rest[600:], sure[200:], wrong[200:], error=0.1).accepted == len(rest) - 600
    )


@pytest.mark.parametrize(("others", "others_wrong"), [(0, 0), (40, 0), (40, 3)])
def test_the_bound_is_tested_with_the_fewest_wrong_items_that_break_it(others: int, others_wrong: int) -> None:
    for labels in range(20, 120, 7):
        for wrong in (0, 1, 4):
            bad = 11 + wrong + others_wrong  # of 200 items left, more than 5 %; those of known error besides
            chance = hypergeom.cdf(wrong, 200 + labels + others, bad, labels)
            assert bool(kept(wrong, labels, 200, 0.05, 0.1, others, others_wrong)) == (chance <= 0.1)
