from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from activessl import Session
from activessl.annotators.base import Annotator, Asked, Suggestion
from activessl.annotators.oracle import Habits, Oracle
from activessl.errors import AnnotatorError, LabelError
from activessl.labels.questions import Question
from activessl.pool.pool import Item, Pool
from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl_label_studio.pull import _read

CLASSES = ("cat", "dog", "owl")
TRUTH = {f"i{n}": CLASSES[n % 3] for n in range(300)}


class Nowhere:
    modality = "image"
    location = Path("nowhere")


POOL = Pool(items=tuple(Item(i, "0", (1, 1, 1)) for i in TRUTH), source=Nowhere())


def ask(*rows: int) -> Asked:
    return Asked(tuple(Question(kind="new", items=(f"i{r}",), reason="because") for r in rows), "random")


def test_it_is_an_annotator() -> None:
    assert isinstance(Oracle(TRUTH, CLASSES), Annotator)


def test_a_flawless_oracle_tells_the_truth_in_the_order_of_asking() -> None:
    oracle = Oracle(TRUTH, CLASSES)
    pushed = oracle.push(POOL, ask(5, 1), (), model="round-0")
    answers, mark = oracle.pull()
    assert pushed.new == 2
    assert [(a.item, a.classes) for a in answers] == [("i5", ("owl",)), ("i1", ("dog",))]
    assert all(a.seconds and a.seconds > 0 and a.at.tzinfo for a in answers)
    assert oracle.pull(mark) == ([], mark)


def test_pushing_twice_asks_once_and_pulling_twice_repeats_the_same_answers() -> None:
    oracle = Oracle(TRUTH, CLASSES, Habits(mistakes=0.5, skips=0.2))
    oracle.push(POOL, ask(*range(50)), (), model="m")
    first, _ = oracle.pull()
    assert oracle.push(POOL, ask(*range(50)), (), model="m").new == 0
    assert oracle.pull()[0] == first


def test_an_answer_depends_on_the_seed_and_the_item_alone() -> None:
    habits = Habits(mistakes=0.5, skips=0.2)
    one, two = Oracle(TRUTH, CLASSES, habits), Oracle(TRUTH, CLASSES, habits)
    one.push(POOL, ask(*range(100)), (), model="m")
    two.push(POOL, ask(*reversed(range(100))), (), model="m")
    said = [{a.item: (a.kind, a.classes, a.seconds) for a in o.pull()[0]} for o in (one, two)]
    assert said[0] == said[1]
    other = Oracle(TRUTH, CLASSES, habits, seed=1)
    other.push(POOL, ask(*range(100)), (), model="m")
    assert {a.item: (a.kind, a.classes, a.seconds) for a in other.pull()[0]} != said[0]


def test_mistakes_and_skips_come_at_their_rates() -> None:
    truth = np.arange(20_000) % 3
    said, seconds = Habits(mistakes=0.1, skips=0.05, seconds=4.0, spread=0.3).answer(truth, 3, np.random.default_rng(0))
    given = said >= 0
    assert abs(np.mean(~given) - 0.05) < 0.01
    assert abs(np.mean(said[given] != truth[given]) - 0.1) < 0.01
    assert abs(np.median(seconds) - 4.0) < 0.1
    assert said.max() == 2


def test_a_confusion_matrix_is_followed() -> None:
    table = np.array([[0.7, 0.3, 0.0], [0.0, 1.0, 0.0], [0.0, 0.5, 0.5]])
    truth = np.repeat([0, 1, 2], 5000)
    said, _ = Habits(confusion=table).answer(truth, 3, np.random.default_rng(0))
    found = np.array([[np.mean(said[truth == t] == c) for c in range(3)] for t in range(3)])
    np.testing.assert_allclose(found, table, atol=0.03)


def test_one_class_allows_no_mistakes() -> None:
    said, _ = Habits(mistakes=1.0).answer(np.zeros(5, dtype=int), 1, np.random.default_rng(0))
    assert said.tolist() == [0] * 5


def test_a_suggestion_that_was_shown_is_recorded_and_a_blind_one_is_not() -> None:
    oracle = Oracle(TRUTH, CLASSES)
    shown = Suggestion("i0", ("dog", "cat"), (0.8, 0.2))
    blind = Suggestion("i1", ("dog", "cat"), (0.8, 0.2), blind=True)
    oracle.push(POOL, ask(0, 1), (shown, blind), model="m")
    assert [a.suggested for a in oracle.pull()[0]] == ["dog", None]


@pytest.mark.parametrize(
    "wrong",
    [{"mistakes": 1.5}, {"mistakes": float("nan")}, {"skips": 1.0}, {"seconds": 0.0}, {"seconds": float("inf")},
     {"spread": -1.0}, {"confusion": np.eye(2) * 0.5}, {"confusion": np.ones((2, 3))}],
)  # fmt: skip
def test_impossible_habits_are_refused(wrong: dict) -> None:
    with pytest.raises(AnnotatorError):
        Habits(**wrong)


def test_what_the_oracle_cannot_know_is_refused_and_nothing_is_taken() -> None:
    with pytest.raises(LabelError):
        Oracle({"a": "wolf"}, CLASSES)
    oracle = Oracle({"i0": "cat"}, CLASSES)
    with pytest.raises(AnnotatorError, match="does not know 1 of 2"):
        oracle.push(POOL, ask(0, 1), (), model="m")
    assert oracle.pull()[0] == []
    with pytest.raises(AnnotatorError, match="confusion matrix has 2 classes"):
        Habits(confusion=np.eye(2)).answer(np.array([0]), 3, np.random.default_rng(0))


def test_another_process_loses_no_answer(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", vectors=np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32))
    config = check_config({"data": {"path": "../x.npz", "modality": "vector", "classes": ["a", "b"]}})
    Project.create(tmp_path / "p", config, version="0")
    for rounds in (1, 2):  # a process each: it knows nothing of what the last one asked
        session = Session.open(tmp_path / "p")
        session.encode()
        truth = {item: "ab"[i % 2] for i, item in enumerate(session.project.pool().ids)}
        session.round(Oracle(truth, ("a", "b")))
        assert len(session.project.history().labels) == 20 * rounds


def test_after_another_annotator_everything_is_new() -> None:
    oracle = Oracle({"i0": "cat"}, CLASSES)
    oracle.push(POOL, ask(0), (), model="m")
    assert len(oracle.pull('{"project": "1@2026", "at": null, "count": 3}')[0]) == 1
    assert _read(oracle.pull()[1], "1@2026") == {"at": None, "count": None}  # and the other way round
