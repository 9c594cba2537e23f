from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from activessl.measuring.savings.curves import Curve, isotonic, labels_to_target
from activessl.measuring.savings.savings import savings

accuracies = arrays(np.float64, st.tuples(st.integers(1, 5), st.integers(1, 6)), elements=st.floats(0, 1, width=32))


@given(accuracies)
def test_smoothing_is_monotone_idempotent_and_keeps_the_mean(rows: np.ndarray) -> None:
    smooth = isotonic(rows)
    assert np.all(np.diff(smooth, axis=-1) >= -1e-12)
    np.testing.assert_allclose(isotonic(smooth), smooth, atol=1e-12)
    np.testing.assert_allclose(smooth.mean(axis=-1), rows.mean(axis=-1), atol=1e-9)


@given(accuracies, st.floats(0.01, 1), st.floats(0.01, 1))
def test_a_higher_target_never_needs_fewer_labels(rows: np.ndarray, one: float, other: float) -> None:
    counts = np.arange(1, rows.shape[1] + 1) * 10
    low, high = (labels_to_target(counts, isotonic(rows), t) for t in sorted((one, other)))
    assert np.all(low <= high)


@settings(max_examples=60, deadline=None)
@given(accuracies, accuracies, st.one_of(st.none(), st.floats(0.01, 1)))
def test_a_saving_is_never_nan_and_always_says_how_to_read_it(
    a: np.ndarray, b: np.ndarray, target: float | None
) -> None:
    s, c = min(len(a), len(b)), min(a.shape[1], b.shape[1])
    counts = np.arange(1, c + 1) * 10
    ours, base = Curve(counts, a[:s, :c]), Curve(counts, b[:s, :c])
    if target is None and base.smooth[-1] <= 0:
        return
    found = savings(ours, base, rng=np.random.default_rng(0), target=target, resamples=50)
    figures = [found.labels, found.baseline_labels, found.saved, found.low, found.high]
    assert all(f is None or np.isfinite(f) for f in figures)
    assert (found.saved is None) == (found.kind == "undefined")
    assert found.saved is None or found.saved < 1
    assert (found.labels is None or found.baseline_labels is None) == found.censored
    assert "nan" not in found.to_text() and "inf" not in found.to_text()
