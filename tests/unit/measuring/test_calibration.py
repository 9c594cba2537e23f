from __future__ import annotations

import numpy as np
import pytest

from activessl.errors import MeasureError
from activessl.measuring.quality.calibration import calibration_curve, calibration_error


def test_a_head_that_means_what_it_says_is_called_fair_and_a_boaster_is_not() -> None:
    rng = np.random.default_rng(0)
    sure = rng.uniform(0.3, 1.0, 2000)
    fair = calibration_curve(sure, rng.random(2000) < sure)
    boaster = calibration_curve(np.minimum(1.0, sure + 0.2), rng.random(2000) < sure)
    modest = calibration_curve(sure - 0.2, rng.random(2000) < sure)
    assert fair.error < 0.04 < 0.12 < min(boaster.error, modest.error)
    assert "overconfident" in boaster.to_text() and "underconfident" in modest.to_text() and ": fits" in fair.to_text()
    assert [g.labels for g in fair.bins] == [400] * 5
    assert [g.confidence for g in fair.bins] == sorted(g.confidence for g in fair.bins)
    assert all(g.low <= g.accuracy <= g.high for g in fair.bins)


def test_few_labels_make_few_groups_and_too_few_none() -> None:
    assert len(calibration_curve(np.full(30, 0.5), np.ones(30, dtype=bool)).bins) == 2
    with pytest.raises(MeasureError, match="29 predictions"):
        calibration_curve(np.full(29, 0.5), np.ones(29, dtype=bool))


@pytest.mark.parametrize(("probs", "targets"), [(np.ones(3), 3), (np.ones((3, 2)), 2), (np.ones((0, 2)), 0)])
def test_probabilities_that_do_not_fit_their_labels_are_refused(probs: np.ndarray, targets: int) -> None:
    with pytest.raises(MeasureError, match="do not match labels"):
        calibration_error(probs, np.zeros(targets, dtype=int))
