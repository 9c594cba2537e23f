from __future__ import annotations

import numpy as np
import pytest

from activessl.errors import MeasureError
from activessl.measuring.quality.trust import confidence_groups


def test_a_head_that_means_what_it_says_is_called_fair_and_a_boaster_is_not() -> None:
    rng = np.random.default_rng(0)
    sure = rng.uniform(0.3, 1.0, 2000)
    fair = confidence_groups(sure, rng.random(2000) < sure)
    boaster = confidence_groups(np.minimum(1.0, sure + 0.2), rng.random(2000) < sure)
    modest = confidence_groups(sure - 0.2, rng.random(2000) < sure)
    assert fair.gap < 0.04 < 0.12 < min(boaster.gap, modest.gap)
    assert "too sure" in boaster.to_text() and "too modest" in modest.to_text() and "as it should be" in fair.to_text()
    assert [g.labels for g in fair.groups] == [400] * 5
    assert [g.said for g in fair.groups] == sorted(g.said for g in fair.groups)
    assert all(g.low <= g.right <= g.high for g in fair.groups)


def test_few_labels_make_few_groups_and_too_few_none() -> None:
    assert len(confidence_groups(np.full(30, 0.5), np.ones(30, dtype=bool)).groups) == 2
    with pytest.raises(MeasureError, match="29 predictions"):
        confidence_groups(np.full(29, 0.5), np.ones(29, dtype=bool))
