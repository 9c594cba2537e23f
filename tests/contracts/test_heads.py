"""One law over every registered head."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from activessl.errors import HeadError, LabelError
from activessl.heads.base import Head
from activessl.heads.registry import head_names, load_head, make_head
from activessl.labels.kinds import LabelKind
from activessl.labels.one_class import ONE
from activessl.labels.several_classes import SEVERAL

pytestmark = pytest.mark.parametrize("name", head_names())


def blobs(n_classes: int = 3, each: int = 30, d: int = 12, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(n_classes, d)) * 2
    truth = np.repeat(np.arange(n_classes), each)
    return (centres[truth] + rng.normal(size=(len(truth), d))).astype(np.float32), truth


def test_a_registered_head_fulfils_the_protocol(name: str) -> None:
    x, y = blobs()
    assert isinstance(make_head(name, 3).fit(x, y), Head)


@pytest.mark.parametrize("each", [1, 2, 5, 30])
def test_probabilities_are_distributions_in_the_order_of_the_classes(name: str, each: int) -> None:
    x, y = blobs(each=each)
    head = make_head(name, 3).fit(x, y)
    probs = head.predict_proba(x)
    assert head.classes_.tolist() == [0, 1, 2]
    assert probs.shape == (len(x), 3) and np.all(probs >= 0)
    np.testing.assert_allclose(probs.sum(axis=1), 1, atol=1e-5)
    assert np.mean(probs.argmax(axis=1) == y) > 0.9


def test_it_learns_from_one_label_in_all(name: str) -> None:
    x, _ = blobs()
    probs = make_head(name, 3).fit(x[:1], np.array([1])).predict_proba(x)
    assert np.all(probs.argmax(axis=1) == 1)
    assert np.all(probs > 0) and np.all(probs < 1)


def test_a_known_class_that_no_label_has_shown_is_possible_but_never_the_most_likely(name: str) -> None:
    x, y = blobs()
    seen = y < 2
    probs = make_head(name, 4).fit(x[seen], y[seen]).predict_proba(x)
    assert np.all(probs[:, 2:] > 0)
    assert np.all(probs.argmax(axis=1) < 2)


def test_learning_more_gives_what_learning_anew_gives(name: str) -> None:
    x, y = blobs()
    order = np.random.default_rng(1).permutation(len(x))
    early, late = order[:10], order[:50]
    warm = make_head(name, 3).fit(x[early], y[early])
    warm.partial_fit(x[late], y[late])
    anew = make_head(name, 3).fit(x[late], y[late])
    np.testing.assert_allclose(warm.predict_proba(x), anew.predict_proba(x), atol=2e-3)


def test_changed_and_deleted_labels_count(name: str) -> None:
    x, y = blobs()
    warm = make_head(name, 3).fit(x, (y + 1) % 3)
    warm.partial_fit(x[:60], y[:60])  # all changed, and the third class deleted
    anew = make_head(name, 3).fit(x[:60], y[:60])
    np.testing.assert_allclose(warm.predict_proba(x), anew.predict_proba(x), atol=2e-3)


def test_the_same_labels_give_the_same_head(name: str) -> None:
    x, y = blobs()
    first, second = (make_head(name, 3, seed=3).fit(x, y).predict_proba(x) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_half_precision_and_memory_maps_are_fine(name: str, tmp_path) -> None:
    x, y = blobs()
    np.save(tmp_path / "x.npy", x.astype(np.float16))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    probs = make_head(name, 3).fit(mapped, y).predict_proba(mapped)
    np.testing.assert_allclose(probs, make_head(name, 3).fit(x, y).predict_proba(x), atol=0.02)


def test_vectors_all_alike_give_no_nan(name: str) -> None:
    x = np.ones((6, 4))
    probs = make_head(name, 2).fit(x, np.array([0, 1] * 3)).predict_proba(x)
    assert np.all(np.isfinite(probs))


def test_the_same_vector_with_two_labels_is_undecided(name: str) -> None:
    x = np.vstack([np.ones((2, 4)), -np.eye(4)])
    head = make_head(name, 2).fit(x, np.array([0, 1, 0, 0, 1, 1]))
    np.testing.assert_allclose(head.predict_proba(x[:1])[0], [0.5, 0.5], atol=0.2)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinity_are_refused(name: str, bad: float) -> None:
    x, y = blobs()
    broken = x.copy()
    broken[3, 2] = bad
    with pytest.raises(HeadError) as told:
        make_head(name, 3).fit(broken, y)
    assert told.value.hint
    with pytest.raises(HeadError):
        make_head(name, 3).fit(x, y).predict_proba(broken)


def test_a_label_outside_the_classes_is_refused(name: str) -> None:
    x, y = blobs()
    with pytest.raises(ValueError, match="not one of the 2 classes"):
        make_head(name, 2).fit(x, y)


def test_a_saved_head_says_the_same_when_loaded(name: str, tmp_path) -> None:
    x, y = blobs()
    head = make_head(name, 4).fit(x, y)
    head.save(tmp_path / "head")
    assert sorted(p.name for p in (tmp_path / "head").iterdir()) == ["config.json", "seal.json", "weights.safetensors"]
    np.testing.assert_allclose(load_head(name, tmp_path / "head").predict_proba(x), head.predict_proba(x), atol=1e-6)


def test_a_half_written_head_is_refused_with_a_hint(name: str, tmp_path) -> None:
    x, y = blobs()
    make_head(name, 3).fit(x, y).save(tmp_path)
    (tmp_path / "weights.safetensors").write_bytes(b"torn")
    with pytest.raises(HeadError, match="damaged"):
        load_head(name, tmp_path)
    (tmp_path / "config.json").unlink()
    with pytest.raises(HeadError, match="no complete head"):
        load_head(name, tmp_path)


def test_several_classes_an_item_or_none(name: str, tmp_path: Path) -> None:
    x, kind = blobs(n_classes=4)
    y = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])[kind]  # the last class nobody has
    head = make_head(name, 3, kind=SEVERAL).fit(x, y)
    assert isinstance(head, Head)
    probs = head.predict_proba(x)
    assert probs.shape == (len(x), 3) and np.all((probs >= 0) & (probs <= 1))
    assert np.mean((probs >= 0.5) == y) > 0.95
    assert np.all((probs[:, 2] > 0) & (probs[:, 2] < 0.1))

    some = np.random.default_rng(1).permutation(len(x))[:20]
    warm = make_head(name, 3, kind=SEVERAL).fit(x[some[:8]], y[some[:8]]).partial_fit(x[some], y[some])
    anew = make_head(name, 3, kind=SEVERAL).fit(x[some], y[some])
    np.testing.assert_allclose(warm.predict_proba(x), anew.predict_proba(x), atol=5e-3)
    head.save(tmp_path / "head")
    np.testing.assert_array_equal(load_head(name, tmp_path / "head", kind=SEVERAL).predict_proba(x), probs)
    with pytest.raises(HeadError):
        load_head(name, tmp_path / "head")
    for bad in (kind, y * 2, y[:, :2]):
        with pytest.raises(LabelError):
            make_head(name, 3, kind=SEVERAL).fit(x, bad)


@pytest.mark.parametrize("kind", [ONE, SEVERAL], ids=["one", "several"])
def test_scikit_learn_takes_it_for_one_of_its_own(name: str, kind: LabelKind) -> None:
    x, truth = blobs()
    y = np.eye(3, dtype=int)[truth] if kind.independent else truth
    head: Any = make_head(name, 3, seed=5, kind=kind).fit(x, y)
    assert is_classifier(head)
    params = head.get_params()
    assert params["seed"] == 5 and params["classes"] == (0, 1, 2)

    again: Any = clone(head)
    assert type(again) is type(head) and again.get_params() == params
    with pytest.raises(NotFittedError):
        again.predict_proba(x)
    assert again.set_params(seed=6) is again and again.seed == 6 and head.seed == 5
    with pytest.raises(ValueError, match="Invalid parameter"):
        again.set_params(nothing=1)
    assert repr(again).startswith(type(head).__name__) and "seed=6" in repr(again)

    assert head.score(x, y) == pytest.approx(np.mean((head.predict(x) == y).reshape(len(x), -1).all(axis=1)))
    order = np.random.default_rng(0).permutation(len(x))
    assert cross_val_score(make_pipeline(StandardScaler(), clone(head)), x[order], y[order], cv=3).mean() > 0.7
    if not kind.independent:
        found = GridSearchCV(clone(head), {"seed": [1, 2]}, cv=2).fit(x[order], y[order])
        assert found.best_estimator_.predict(x).shape == y.shape


def test_what_is_no_plain_array_is_judged_by_scikit_learn_as_before(name: str) -> None:
    x, y = blobs()
    head = make_head(name, 3).fit(x, y)
    told = head.predict_proba(x)
    anew = make_head(name, 3).fit(x.tolist(), y.tolist())  # type: ignore[arg-type]
    np.testing.assert_allclose(anew.predict_proba(x), told, atol=1e-5)
    np.testing.assert_allclose(head.predict_proba(np.asfortranarray(x)), told, atol=1e-6)
    for bad in (x[:, :5], x[0], np.empty((0, x.shape[1])), x.astype(complex), "none"):
        with pytest.raises(HeadError) as caught:
            head.predict_proba(bad)  # type: ignore[arg-type]
        assert caught.value.hint
    with pytest.raises(HeadError):
        make_head(name, 3).fit(x, y[:-1])
