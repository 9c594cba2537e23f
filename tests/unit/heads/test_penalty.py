"""The choice of the penalty, and what a damaged or foreign folder of a head says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from activessl.errors import HeadError
from activessl.heads import penalty as module
from activessl.heads.files import read_head, write_head
from activessl.heads.linear import LogisticHead
from activessl.heads.penalty import PENALTIES, PENALTY_SPREAD, USUAL_PENALTY, best_left_out, span_of
from activessl.heads.registry import make_head

X = np.random.default_rng(0).normal(size=(20, 4))
Y = np.arange(20) % 3


def test_among_equally_likely_penalties_the_usual_one_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    losses = dict.fromkeys(PENALTIES, 1.0)
    asked: list[float] = []

    def loss(*args: object, **told: object) -> tuple[float, float]:
        asked.append(PENALTIES[len(asked)])
        return 5.0, losses[asked[-1]]

    monkeypatch.setattr(module, "fit_sharpness", loss)
    rows, weights = span_of(X, np.zeros(4)), np.ones(20)
    nearest = min(PENALTIES, key=lambda one: abs(np.log(one / USUAL_PENALTY)))
    chosen, found = best_left_out(rows, Y, 3, weights)
    assert chosen == nearest and found == pytest.approx(
        1 + 0.5 * (np.log(nearest / USUAL_PENALTY) / PENALTY_SPREAD) ** 2
    )
    for far in (PENALTIES[0], PENALTIES[-1]):  # a penalty far off must gain more than the prior takes, on both sides
        taken = 0.5 * (np.log(far / USUAL_PENALTY) / PENALTY_SPREAD) ** 2
        for gain, wins in ((taken + 1e-3, True), (taken - 0.2, False)):
            asked.clear()
            losses = dict.fromkeys(PENALTIES, 50.0) | {far: 50.0 - gain}
            assert (best_left_out(rows, Y, 3, weights)[0] == far) == wins


def test_without_two_labels_of_a_class_nothing_is_left_out() -> None:
    rows = span_of(X[:3], np.zeros(4))
    assert best_left_out(rows, np.arange(3), 3, np.ones(3)) == (USUAL_PENALTY, 0.0)
    none = np.zeros(20, dtype=bool)
    assert best_left_out(span_of(X, np.zeros(4)), Y, 3, np.ones(20), none) == (USUAL_PENALTY, 0.0)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (["a"], "has kind and format list"),
        ({"head": "mine"}, r"kind and format \('mine', None\), not \('other', \d+\)"),
    ],
)
def test_a_folder_of_another_head_says_what_it_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: object, says: str
) -> None:
    write_head(tmp_path, "other", {"a": np.ones(2)}, {})
    assert read_head(tmp_path, "other", ["a"])[0]["a"].tolist() == [1, 1]
    with pytest.raises(HeadError, match="has no arrays b, c"):
        read_head(tmp_path, "other", ["a", "b", "c"])
    monkeypatch.setattr("activessl.heads.files.check_seal", lambda folder: None)
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(HeadError, match=says):
        read_head(tmp_path, "other", ["a"])


@pytest.mark.parametrize("name", ["auto", "logistic", "prototype", "neighbours"])
def test_arrays_that_do_not_fit_leave_a_head_as_it_was(name: str) -> None:
    head = make_head(name, 3).fit(X, Y)
    before = head.predict_proba(X)
    for wrong in (X[:, :3], np.hstack([X, X]), X[0]):
        with pytest.raises(HeadError):
            head.predict_proba(wrong)
    for labels in (Y[:-1], np.r_[Y, 0]):
        with pytest.raises(HeadError):
            make_head(name, 3).fit(X, labels)
    assert head.predict_proba(X) == pytest.approx(before)


def test_a_class_that_comes_later_is_learned_as_if_it_had_been_known_from_the_start() -> None:
    two, three = np.flatnonzero(Y < 2), np.arange(3)
    grown = LogisticHead(tolerance=1e-9).partial_fit(X[two], Y[two], classes=three[:2])
    grown.partial_fit(X, Y, classes=three)
    assert grown.predict_proba(X) == pytest.approx(LogisticHead(tolerance=1e-9).fit(X, Y).predict_proba(X), abs=1e-4)
