from __future__ import annotations

import time
import tracemalloc
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.optimize import check_grad, minimize
from sklearn.linear_model import LogisticRegression
from sklearn.utils.estimator_checks import estimator_checks_generator

from activessl.errors import HeadError, LabelError
from activessl.geometry.units import scaled_rows
from activessl.heads import leave_one_out as left_out
from activessl.heads import similarity as by_likeness
from activessl.heads.calibrate import softmax
from activessl.heads.linear import LogisticHead
from activessl.heads.mixture import AutoHead
from activessl.heads.penalty import LeftOut, leave_one_out_penalty, span_of
from activessl.heads.registry import make_head
from activessl.heads.similarity import NeighbourHead, PrototypeHead
from activessl.heads.softmax import fit_softmax, span
from activessl.labels.several_classes import SEVERAL
from activessl.measuring.quality.calibration import calibration_error

#: scikit-learn's own checks that do not apply, and why.
EXEMPT = {
    # compares a weight of two with a row given twice: penalty and temperature come from held-out labels, in which the
    # two differ, as in scikit-learn's own LogisticRegressionCV; shown without them further down
    "check_sample_weight_equivalence_on_dense_data",
}


def overlapping(n: int = 300, d: int = 16, k: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, k, n)
    return rng.normal(size=(k, d))[truth] + 3 * rng.normal(size=(n, d)), truth


# they have scikit-learn's protocol, but its base class only once somebody asks for what it gives
@pytest.mark.filterwarnings("ignore:Estimator .* does not inherit from:UserWarning")
@pytest.mark.parametrize("kind", [AutoHead, LogisticHead, NeighbourHead, PrototypeHead])
def test_it_passes_scikit_learns_estimator_checks(kind: type) -> None:
    failed = []
    for estimator, check in estimator_checks_generator(kind()):
        name = check.func.__name__
        try:
            check(estimator)
        except Exception as error:  # each check raises its own
            if "SkipTest" not in type(error).__name__ and name not in EXEMPT:
                failed.append(f"{name}: {type(error).__name__}: {error}")
    assert not failed, "\n".join(failed)


def test_the_gradient_is_the_derivative_of_the_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = overlapping(40, 5)
    rows = span(x)
    seen = {}

    def spy(fun, x0, **kwargs):
        seen["error"] = check_grad(
            lambda w: fun(w)[0], lambda w: fun(w)[1], np.random.default_rng(0).normal(size=len(x0))
        )
        return minimize(fun, x0, **kwargs)

    monkeypatch.setattr("activessl.heads.softmax.optimize", SimpleNamespace(minimize=spy))
    weights = np.random.default_rng(1).random((40, 2))
    fit_softmax(rows.coords, rows.energy, y, 3, np.array([0.1, 2.0]), weights)
    assert seen["error"] < 1e-4


def test_it_finds_the_minimum_that_scikit_learn_finds() -> None:
    x, y = overlapping()
    head = LogisticHead(penalty=0.5, calibrate=False, mean=np.zeros(16), tolerance=1e-7).fit(x, y)
    unit = np.hstack([x / np.linalg.norm(x, axis=1, keepdims=True), np.ones((len(x), 1))])
    theirs = LogisticRegression(C=2.0, fit_intercept=False, tol=1e-8, max_iter=1000).fit(unit, y)
    np.testing.assert_allclose(head.predict_proba(x), theirs.predict_proba(unit), atol=1e-3)


def test_weight_two_counts_like_two_labels_where_nothing_is_cross_validated() -> None:
    x, y = overlapping(60)
    settings = {"penalty": 0.1, "calibrate": False, "tolerance": 1e-7}
    heavy = LogisticHead(**settings).fit(x, y, sample_weight=np.r_[np.full(20, 2.0), np.ones(40)])
    twice = LogisticHead(**settings).fit(np.vstack([x[:20], x]), np.r_[y[:20], y])
    np.testing.assert_allclose(heavy.predict_proba(x), twice.predict_proba(x), atol=1e-4)


def test_weights_that_do_not_fit_are_refused() -> None:
    x, y = overlapping(10)
    for weights in (np.ones(9), np.full(10, -1.0), np.zeros(10), np.full(10, np.nan)):
        with pytest.raises(LabelError):
            LogisticHead().fit(x, y, sample_weight=weights)


def test_the_temperature_halves_the_calibration_error_on_noisy_labels() -> None:
    x, y = overlapping(2000, 30, seed=1)
    raw, mended = (
        LogisticHead(penalty=0.003, calibrate=c).fit(x[:200], y[:200]).predict_proba(x[200:]) for c in (0, 1)
    )
    assert calibration_error(mended, y[200:]) < 0.5 * calibration_error(raw, y[200:])


def test_noisy_labels_get_more_regularisation_than_clean_ones() -> None:
    rng = np.random.default_rng(0)
    truth = np.repeat(np.arange(4), 50)
    x = 3 * np.eye(4, 30)[truth] + rng.normal(size=(200, 30))
    noisy = np.where(rng.random(200) < 0.4, rng.integers(0, 4, 200), truth)
    assert LogisticHead().fit(x, noisy).penalty_ > LogisticHead().fit(x, truth).penalty_


def test_scaling_and_shifting_the_vectors_changes_nothing_when_the_mean_is_given() -> None:
    x, y = overlapping(50)
    mean = x.mean(axis=0)
    plain = LogisticHead(mean=mean).fit(x, y).predict_proba(x)
    moved = LogisticHead(mean=7 * mean + 3).fit(7 * x + 3, y).predict_proba(7 * x + 3)
    np.testing.assert_allclose(plain, moved, atol=1e-3)


def test_class_names_and_their_order_are_kept() -> None:
    x, y = overlapping(60)
    names = np.array(["wolf", "ant", "bear"])
    head = LogisticHead(classes=names).fit(x, names[y])
    assert head.classes_.tolist() == names.tolist()
    assert set(head.predict(x)) <= set(names)
    np.testing.assert_allclose(head.predict_proba(x), LogisticHead().fit(x, y).predict_proba(x), atol=1e-4)


def test_new_classes_on_the_way_do_not_mix_up_columns() -> None:
    x, y = overlapping(90)
    head = LogisticHead()
    head.partial_fit(x[y < 2], y[y < 2])
    head.partial_fit(x, y)
    np.testing.assert_allclose(head.predict_proba(x), LogisticHead().fit(x, y).predict_proba(x), atol=2e-3)


def test_a_mean_of_the_wrong_length_is_refused() -> None:
    x, y = overlapping(10)
    with pytest.raises(HeadError, match="mean has shape"):
        LogisticHead(mean=np.zeros(3)).fit(x, y)


def test_an_unknown_head_is_refused_with_the_names_that_there_are() -> None:
    with pytest.raises(HeadError) as told:
        make_head("crystal_ball", 3)
    assert "logistic" in told.value.hint
    with pytest.raises(HeadError):
        make_head("logistic", 0)


@pytest.mark.slow
def test_fifty_thousand_predictions_take_well_under_a_second() -> None:
    rng = np.random.default_rng(0)
    pool = rng.normal(size=(50_000, 384)).astype(np.float32)
    head = make_head("logistic", 10).fit(pool[:100], rng.integers(0, 10, 100))
    start = time.perf_counter()
    head.predict_proba(pool)
    assert time.perf_counter() - start < 1.0


def test_softmax_does_not_overflow() -> None:
    assert softmax(np.array([[1e4, 0.0]])).tolist() == [[1.0, 0.0]]


def test_draws_from_the_posterior_agree_near_labels_and_differ_far_from_them() -> None:
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1], 30)
    x = np.zeros((60, 20))
    x[:, :2] = 3 * np.eye(2)[truth] + 0.2 * rng.normal(size=(60, 2))
    head = make_head("logistic", 3).fit(x, truth)
    strange = np.zeros((1, 20))
    strange[0, 10:] = 3.0
    samples = head.sample_proba(np.vstack([x, strange]), 50, np.random.default_rng(1))
    assert samples.shape == (50, 61, 3)
    np.testing.assert_allclose(samples.sum(axis=2), 1, atol=1e-5)
    spread = samples[:, :, 0].std(axis=0)
    assert spread[60] > 1.5 * spread[:60].mean()
    again = head.sample_proba(x[:3], 50, np.random.default_rng(1))
    np.testing.assert_allclose(again, samples[:, :3], atol=1e-6)


def test_without_two_classes_there_is_no_posterior() -> None:
    x, _ = overlapping(10)
    with pytest.raises(HeadError, match="no posterior"):
        make_head("logistic", 2).fit(x, np.zeros(10, dtype=int)).sample_proba(x, 3, np.random.default_rng(0))


def test_left_out_probabilities_are_those_of_ridge_regressions_that_were_not_taught_the_label() -> None:
    from activessl.heads.leave_one_out import left_out_probs

    x, y = overlapping(25, 6)
    for given in (np.ones(25), np.random.default_rng(1).uniform(0.1, 4, 25)):
        scores = LeftOut.of(span(x), y, 3, given).scores(0.7)
        for i in (0, 7, 24):
            rest = np.arange(25) != i
            heavy = given[rest, None] * x[rest]
            weights = np.linalg.solve(heavy.T @ x[rest] + 0.7 * np.eye(6), heavy.T @ np.eye(3)[y[rest]])
            np.testing.assert_allclose(scores[i], x[i] @ weights, atol=1e-8)
        some = np.array([24, 3])
        np.testing.assert_allclose(LeftOut.of(span(x), y, 3, given, some).scores(0.7), scores[some])
    probs = left_out_probs(x, y + 1, 5)
    np.testing.assert_allclose(probs.sum(axis=1), 1)
    assert not probs[:, [0, 4]].any()
    assert left_out_probs(x, np.full(25, 2), 5)[:, 2].tolist() == [1.0] * 25
    with pytest.raises(LabelError):
        left_out_probs(x, y, 2)


def test_sample_weights_reach_the_choice_of_the_penalty() -> None:
    """Labels that are noise call for a strong penalty, unless their weight is almost zero."""
    x, y = overlapping(400, 16)
    clear = np.arange(400) < 200
    x[clear] = 5 * np.eye(16)[y[clear]] + 0.1 * x[clear]
    y[~clear] = np.random.default_rng(3).integers(0, 3, 200)
    rows = span_of(x, np.zeros(16))
    alone = leave_one_out_penalty(span_of(x[clear], np.zeros(16)), y[clear], 3, np.ones(200))
    assert leave_one_out_penalty(rows, y, 3, np.ones(400)) > 5 * alone
    assert leave_one_out_penalty(rows, y, 3, np.where(clear, 1.0, 1e-6)) == alone


@pytest.mark.parametrize("name", ["logistic", "prototype", "neighbours", "auto"])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_an_offset_and_a_scale_of_the_vectors_change_nothing(name: str, kind: type) -> None:
    x, y = overlapping(600, 16, 4)
    x += np.eye(16)[y] * 5
    usual = make_head(name, 4).fit(x[:100].astype(kind), y[:100]).predict_proba(x[100:].astype(kind))
    right = np.mean(usual.argmax(axis=1) == y[100:])
    assert 0.7 < right < 1
    for offset, scale in ((300, 1), (-3_000, 1), (10_000, 1), (0, 1e-9), (0, 1e9), (1e21, 1e18), (0, 1e25)):
        moved = (x * scale + offset).astype(kind)
        probs = make_head(name, 4).fit(moved[:100], y[:100]).predict_proba(moved[100:])
        assert abs(np.mean(probs.argmax(axis=1) == y[100:]) - right) <= 0.02, (offset, scale)
    single = (x + 3_000).astype(kind)
    left = left_out.left_out_probs(single[:100], y[:100], 4)
    assert np.mean(left.argmax(axis=1) == y[:100]) > 0.75


def test_predictions_far_from_zero_are_those_of_exact_sums() -> None:
    x, y = overlapping(300, 16)
    far = (x + 20_000).astype(np.float32)
    head = LogisticHead().fit(far[:100], y[:100])
    exact = scaled_rows(far.astype(np.float64) - head.centre_) @ head.coef_.T + head.intercept_
    np.testing.assert_allclose(head.decision_function(far), exact, atol=2e-3)
    assert head.predict(far.astype(np.float16) / np.float16(64)).shape == (300,)  # read as float32


def test_many_classes_with_few_labels_each_are_no_reason_to_warn() -> None:
    x, _ = overlapping(80, 8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LogisticHead(classes=range(77)).fit(x, np.arange(80) % 77)
        LogisticHead(classes=[f"intent {i}" for i in range(77)]).fit(
            x, np.array([f"intent {i % 77}" for i in range(80)])
        )


@pytest.mark.slow
def test_fifty_new_labels_on_fifty_thousand_items_take_less_than_a_second_and_change_what_a_new_fit_would() -> None:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(10, 384)).astype(np.float32)
    truth = rng.integers(0, 10, 50_000)
    pool = 0.3 * centres[truth] + rng.normal(size=(50_000, 384)).astype(np.float32)
    head = make_head("logistic", 10).fit(pool[:1000], truth[:1000])
    start = time.process_time()
    head.partial_fit(pool[:1050], truth[:1050])
    probs = head.predict_proba(pool)
    spent = time.process_time() - start
    anew = make_head("logistic", 10).fit(pool[:1050], truth[:1050]).predict_proba(pool)
    np.testing.assert_allclose(probs, anew, atol=2e-3)
    assert spent < 1.0  # of one core; 0.15 to 0.3 s as measured


def test_the_mixture_trusts_the_head_that_the_labels_bear_out() -> None:
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 2 * np.pi, 400)
    rings = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    stripes = (angle // (np.pi / 4)).astype(int) % 2  # no line and no middle tells them apart, neighbours do
    head = AutoHead(classes=(0, 1)).fit(rings[:200], stripes[:200])
    assert head.weights_["neighbours"] > 0.8
    assert head.score(rings[200:], stripes[200:]) > 0.9
    few = AutoHead(classes=(0, 1)).fit(rings[:2], np.array([0, 1]))
    assert few.weights_ == {"logistic": 0.5, "neighbours": 0.25, "prototype": 0.25}


def test_a_fit_that_cannot_end_still_answers_with_finite_probabilities() -> None:
    rng = np.random.default_rng(0)
    truth = np.arange(60) % 3
    x = 50 * np.eye(3, 6)[truth] + 0.01 * rng.normal(size=(60, 6))  # without a penalty the weights would grow for ever
    probs = LogisticHead(penalty=1e-12, tolerance=1e-15).fit(x, truth).predict_proba(x)
    assert np.all(np.isfinite(probs)) and np.mean(probs.argmax(axis=1) == truth) == 1.0


def test_what_the_mixture_trusts_does_not_hang_on_how_many_classes_nobody_has_seen() -> None:
    x, y = overlapping(12, 6)
    y[-1] = 3  # the only one of its class: the next may be of a new class, too
    few, many = (AutoHead(classes=range(k)).fit(x, y).weights_ for k in (4, 40))
    assert list(many.values()) == pytest.approx(list(few.values()), abs=1e-6)


@pytest.mark.parametrize("kind", [NeighbourHead, PrototypeHead])
@pytest.mark.parametrize("m", [2, 6, 30])
def test_what_a_head_by_likeness_says_without_a_label_is_what_it_says_when_taught_the_others(
    kind: type, m: int
) -> None:
    x = scaled_rows(np.random.default_rng(0).normal(size=(m, 5)))
    local = np.arange(m) % min(3, m)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        said = kind()._learn(x, local, int(local.max()) + 1)
    for i in range(m):
        others, rest = kind(), np.arange(m) != i
        seen, again = np.unique(local[rest], return_inverse=True)
        others._learn(x[rest], again, len(seen))
        np.testing.assert_allclose(said[i, seen], others._logits(x[i : i + 1])[0], atol=1e-9)


@pytest.mark.slow
def test_neighbours_take_no_memory_for_each_pair_of_labels_and_say_the_same_in_blocks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(5_000, 8)), rng.integers(3, size=5_000)
    tracemalloc.start()
    head = NeighbourHead(classes=(0, 1, 2)).fit(x, y)
    probs = head.predict_proba(x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 150e6  # a float64 for each pair is 200 MB, and two more are needed to sort
    monkeypatch.setattr(by_likeness, "block_rows", lambda *_, **__: 5_000)
    once = NeighbourHead(classes=(0, 1, 2)).fit(x, y)
    np.testing.assert_allclose(head.left_out_, once.left_out_, rtol=1e-9)
    np.testing.assert_allclose(probs, once.predict_proba(x), rtol=1e-6)


def test_neighbours_do_not_know_a_label_of_noise_that_they_were_not_taught() -> None:
    own = []
    for seed in range(60):  # six labels, two of each class, of vectors that say nothing
        x, y = np.random.default_rng(seed).normal(size=(6, 20)), np.arange(6) % 3
        head = NeighbourHead(classes=range(3)).fit(x, y)
        own.append(head.left_out_[np.arange(6), y].mean())
    assert np.mean(own) < 0.27  # of the five other labels, one is of its class


def test_the_mixture_looks_at_the_axes_and_the_penalties_once(monkeypatch: pytest.MonkeyPatch) -> None:
    import activessl.heads.linear as linear
    import activessl.heads.softmax as maths

    calls: list[str] = []
    for module, name in ((maths, "_rotated"), (linear, "leave_one_out_penalty"), (left_out, "leave_one_out_penalty")):
        real = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *args, _real=real, _name=name: calls.append(_name) or _real(*args))
    x, y = overlapping(60)
    head = AutoHead(classes=range(3)).fit(x, y)
    assert sorted(calls) == ["_rotated", "leave_one_out_penalty"]
    said = left_out.left_out_probs(x, y, 3, penalty=head.members_["logistic"].penalty_)
    np.testing.assert_allclose(said, left_out.left_out_probs(x, y, 3), atol=1e-12)
    calls.clear()
    many = np.stack([y == 0, y == 1, y == 2], axis=1).astype(int)
    make_head("auto", 3, kind=SEVERAL).fit(x, many)
    assert calls.count("_rotated") == 1  # the same vectors for all classes


def test_draws_take_no_copy_of_the_pool_and_are_the_same_in_other_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    import tracemalloc

    x, y = overlapping(150_000, 32)
    pool = x.astype(np.float32)
    head = LogisticHead(classes=range(4)).fit(x[:60], y[:60])
    tracemalloc.start()
    found = head.sample_proba(pool, 3, np.random.default_rng(1))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak - found.nbytes < pool.nbytes  # blocks only; with two copies in float64 it was four times the pool
    monkeypatch.setattr("activessl.heads.linear.CHUNK", 999)
    np.testing.assert_allclose(head.sample_proba(pool, 3, np.random.default_rng(1)), found, atol=1e-6)
