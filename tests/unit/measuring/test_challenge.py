"""Which of two models is better, on the same items."""

from __future__ import annotations

import numpy as np
import pytest

from activessl.errors import MeasureError
from activessl.measuring.quality.challenge import judge_challenger


@pytest.mark.slow
def test_a_model_that_is_not_better_is_rarely_promoted_over_many_looks() -> None:
    rng, promoted = np.random.default_rng(0), 0
    for _ in range(100):
        wins = rng.random(300) < 0.5  # of the items on which both differ
        looks = [judge_challenger(int(wins[:n].sum()), int((~wins[:n]).sum()), 2 * n, look=i) for i, n in LOOKS]
        promoted += any(look.verdict == "better" for look in looks)
    assert promoted <= 9  # 5 % of 100, and two standard deviations


LOOKS = tuple(enumerate(range(25, 301, 55), start=1))


def test_better_worse_alike_and_open() -> None:
    assert judge_challenger(12, 0, 60, look=1).verdict == "better"
    assert judge_challenger(0, 12, 60, look=1).verdict == "worse"
    assert judge_challenger(2, 2, 1_000, look=1).verdict == "alike"
    found = judge_challenger(6, 2, 60, look=1)
    assert found.verdict == "open" and found.low < found.difference < found.high and found.more is not None
    later = 60 + found.more
    assert judge_challenger(6 * later // 60, 2 * later // 60, later, look=2).verdict == "better"


def test_counts_that_do_not_fit_are_refused() -> None:
    for won, lost, labels, look in ((5, 6, 10, 1), (-1, 0, 10, 1), (0, 0, 0, 1), (1, 1, 10, 0)):
        with pytest.raises(MeasureError):
            judge_challenger(won, lost, labels, look=look)


@pytest.mark.parametrize(("won", "lost", "labels"), [(9, 3, 60), (3, 9, 60), (0, 0, 30), (12, 5, 100)])
def test_the_further_labels_decide_the_next_comparison_if_the_shares_stay(won: int, lost: int, labels: int) -> None:
    more = judge_challenger(won, lost, labels, look=1).more
    assert more is not None and 0 < more <= 2000
    total = labels + more
    assert judge_challenger(won * total // labels, lost * total // labels, total, look=2).verdict != "open"
