"""Predictions for labels that the head was not taught."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from activessl.errors import HeadError, LabelError
from activessl.heads.base import Head
from activessl.heads.folds import FOLDS, fold_predictions
from activessl.heads.leave_one_out import left_out_probs
from activessl.heads.multilabel import MultiLabelHead
from activessl.heads.posterior import posterior
from activessl.heads.registry import head_names, load_head, make_head
from activessl.heads.softmax import span


@pytest.mark.parametrize("head", ["logistic", "neighbours"])
def test_a_label_that_says_nothing_about_the_others_is_predicted_no_better_than_by_chance(head: str) -> None:
    x, y = np.eye(60, dtype=np.float32), np.random.default_rng(0).permutation(np.repeat([0, 1, 2], 20))
    assert np.mean(make_head(head, 3, 0).fit(x, y).predict(x) == y) > 0.95  # a head recalls what it was taught
    assert np.mean(fold_predictions(x, y, head=head, n_classes=3, seed=0) == y) < 0.5


def test_each_label_is_predicted_once_and_the_folds_are_of_equal_size(monkeypatch: pytest.MonkeyPatch) -> None:
    taught, asked = [], []

    class Watched:
        def fit(self, x: np.ndarray, y: np.ndarray) -> Watched:
            taught.append(set(x[:, 0].astype(int).tolist()))
            return self

        def predict_proba(self, x: np.ndarray) -> np.ndarray:
            asked.append(set(x[:, 0].astype(int).tolist()))
            return np.tile([0.2, 0.8], (len(x), 1))

    monkeypatch.setattr("activessl.heads.folds.make_head", lambda *args: Watched())
    x, y = np.arange(23.0)[:, None], np.arange(23) % 2
    assert fold_predictions(x, y, head="logistic", n_classes=2, seed=0).tolist() == [1] * 23
    assert len(asked) == FOLDS and {len(one) for one in asked} == {4, 5}
    assert set().union(*asked) == set(range(23)) and sum(map(len, asked)) == 23
    assert all(not one & other and len(one | other) == 23 for one, other in zip(taught, asked, strict=True))


def test_a_single_label_has_no_prediction() -> None:
    assert fold_predictions(np.ones((1, 2)), np.array([0]), head="logistic", n_classes=2, seed=0).tolist() == [-2]
    two = fold_predictions(np.eye(2), np.array([0, 1]), head="logistic", n_classes=2, seed=0)
    assert two.tolist() == [1, 0]  # each by a head that knows the other only


@pytest.mark.parametrize("name", head_names())
def test_a_registered_head_has_the_interface_and_starts_with_one_class(name: str) -> None:
    head = make_head(name, 1)
    head.partial_fit(np.eye(3), np.zeros(3, dtype=int), classes=np.arange(1))
    assert isinstance(head, Head) and head.predict_proba(np.eye(3)).tolist() == [[1.0]] * 3
    with pytest.raises(HeadError, match="n_classes is 0"):
        make_head(name, 0)


def test_a_head_of_several_classes_draws_from_the_posteriors_of_its_heads() -> None:
    rng = np.random.default_rng(0)
    x, table = rng.normal(size=(30, 4)), np.stack([rng.random(30) < 0.5, np.ones(30), rng.random(30) < 0.3], axis=1)
    head = MultiLabelHead().fit(x, table.astype(int))
    drawn = head.sample_proba(x[:5], 7, np.random.default_rng(1))
    assert drawn.shape == (7, 5, 3) and drawn[:, :, [0, 2]].std(axis=0).min() > 1e-4
    assert np.ptp(drawn[:, :, 1], axis=0).max() == 0  # all labels of this class are equal: no posterior
    with pytest.raises(HeadError, match="no posterior"):
        MultiLabelHead().fit(x, np.ones((30, 2), dtype=int)).sample_proba(x, 3, rng)


@pytest.mark.parametrize(
    ("points", "labels"),
    [
        (np.ones(3), [0, 1, 0]),
        (np.eye(3), [0, 1]),
        (np.eye(3), [0, 1, 2]),
        (np.eye(3), [0, -1, 0]),
        (np.ones((0, 2)), []),
    ],
)
def test_labels_that_do_not_fit_their_vectors_are_refused(points: np.ndarray, labels: list[int]) -> None:
    with pytest.raises(LabelError, match="there are 2 classes"):
        left_out_probs(points, np.array(labels, dtype=int), 2)


def test_weights_vary_by_the_prior_where_no_label_points_and_less_elsewhere() -> None:
    x = np.zeros((50, 4))
    x[:, 0] = np.where(np.arange(50) % 2, 2.0, -2.0)
    rows = span(x)
    found = posterior(rows, np.zeros((1, 2)), np.ones(50), 0.25)
    rng = np.random.default_rng(0)
    spread = np.stack([found.draw(rng) for _ in range(4_000)]).std(axis=0)
    assert found.precision == pytest.approx(np.full((1, 2), 200 * 0.25 + 0.25))
    assert spread[0] == pytest.approx(found.precision[0] ** -0.5, rel=0.05)
    assert spread[1:] == pytest.approx(np.full((3, 2), 2.0), rel=0.05)


@pytest.mark.parametrize("change", [{"head": "other"}, {"format": -1}, []])
def test_a_head_of_another_kind_or_format_is_not_read(tmp_path: Path, change: dict[str, Any] | list[str]) -> None:
    head = make_head("prototype", 2).fit(np.eye(2), np.array([0, 1]))
    head.save(tmp_path)
    config = tmp_path / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | change if change else change))
    with pytest.raises(HeadError):
        load_head("prototype", tmp_path)
