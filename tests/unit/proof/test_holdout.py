"""A project's own test data: read early, by the right names, and never what the head has learned."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from activessl import Session
from activessl.annotators.oracle import Oracle
from activessl.errors import LabelError, PoolError
from activessl.labels.kinds import kind_named
from activessl.pool.stored_labels import StoredLabels
from activessl.project.config import DataConfig
from activessl.proof.holdout import _truth, read_test
from activessl_cli.main import app

X = np.random.default_rng(0).normal(size=(260, 6)).astype(np.float32)
Y = X[:, 0].argsort().argsort() * 3 // 260  # three classes along the first direction


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def data(folder: Path, rows: slice, name: str, **more: np.ndarray) -> Path:
    np.savez(folder / name, vectors=X[rows], **more)
    return folder / name


def project(folder: Path, *classes: str, test: Path) -> Session:
    found = run(
        "init", str(folder / "pool.npz"), "--classes", ",".join(classes), "--test", str(test), "-p", str(folder / "p")
    )
    assert found.exit_code == 0, found.output
    session = Session.open(folder / "p")
    session.encode()
    return session


def taught(session: Session, classes: tuple[str, ...]):
    truth = {item: classes[k] for item, k in zip(session.project.pool().ids, Y[:200], strict=True)}
    return session.round(Oracle(truth, classes))


@pytest.mark.parametrize("classes", [("1", "2", "3"), ("3", "1", "2"), ("1", "2", "3", "4")])
def test_classes_that_are_called_by_numbers_are_found_by_them(tmp_path: Path, classes: tuple[str, ...]) -> None:
    data(tmp_path, slice(200), "pool.npz")
    test = data(tmp_path, slice(200, 260), "test.npz", labels=Y[200:] + 1)
    session = project(tmp_path, *classes, test=test)
    found = taught(session, ("1", "2", "3", "4")[: len(classes)] if len(classes) == 4 else ("1", "2", "3"))
    assert found.accuracy is not None and found.accuracy > 0.6 and found.test_items == 60


def test_numbers_without_names_are_places_among_the_classes(tmp_path: Path) -> None:
    data(tmp_path, slice(200), "pool.npz")
    session = project(tmp_path, "low", "mid", "top", test=data(tmp_path, slice(200, 260), "t.npz", labels=Y[200:]))
    assert (taught(session, ("low", "mid", "top")).accuracy or 0) > 0.6


def test_what_cannot_be_measured_on_is_said_before_anybody_labels(tmp_path: Path) -> None:
    pool = str(data(tmp_path, slice(200), "pool.npz"))
    far = data(tmp_path, slice(200, 260), "far.npz", labels=Y[200:] + 7)
    bare = data(tmp_path, slice(200, 260), "bare.npz")
    for test, why in ((far, "a class"), (bare, "has no labels"), (tmp_path / "nope.npz", "does not exist")):
        found = run("init", pool, "--classes", "a,b,c", "--test", str(test), "-p", str(tmp_path / "p"))
        assert found.exit_code == 1 and why in str(found.exception)
        assert not (tmp_path / "p").exists()


def test_test_items_that_are_in_the_pool_are_told_of_and_left_out(tmp_path: Path) -> None:
    pool = data(tmp_path, slice(200), "pool.npz")
    test = data(tmp_path, slice(150, 260), "test.npz", labels=Y[150:])
    told = run("init", str(pool), "--classes", "a,b,c", "--test", str(test), "-p", str(tmp_path / "p"))
    assert "50 test items are also in the pool" in told.output
    session = Session.open(tmp_path / "p")
    session.encode()
    assert taught(session, ("a", "b", "c")).test_items == 60

    np.savez(test, vectors=X[:50], labels=Y[:50])
    with pytest.raises(LabelError, match="all 50 test items"):
        session.teach()


def test_a_new_measurement_of_the_same_head_is_written_down(tmp_path: Path) -> None:
    data(tmp_path, slice(200), "pool.npz")
    test = data(tmp_path, slice(200, 260), "test.npz", labels=Y[200:])
    session = project(tmp_path, "a", "b", "c", test=test)
    first = taught(session, ("a", "b", "c"))
    np.savez(test, vectors=X[200:230], labels=Y[200:230])
    again = session.teach()
    now = session.project.history().taught
    assert now is not None and now.test_items == again.test_items == 30 != first.test_items
    events = session.project.history().events
    session.teach()
    assert session.project.history().events == events  # nothing new, nothing written


def test_a_file_that_is_none_is_an_error_of_the_pool(tmp_path: Path) -> None:
    from activessl.project.config import check_config

    config = check_config({"data": {"path": "x", "modality": "vector", "classes": ["a", "b"]}})
    with pytest.raises(PoolError):
        read_test(tmp_path / "none.npz", config.data)


def stored(labels: list, names: tuple[str, ...] | None = None) -> StoredLabels:
    return StoredLabels(np.array(labels), names, None)


def truth_of(found: StoredLabels, *classes: str, several: bool = False) -> list:
    return _truth(found, Path("test.npz"), classes, kind_named("several" if several else "one"))[0].tolist()


def test_test_labels_are_read_by_the_names_in_their_file_whatever_the_order() -> None:
    assert truth_of(stored([0, 2, 0], ("dog", "cow", "cat")), "cat", "dog") == [1, 0, 1]  # nothing is a cow
    with pytest.raises(LabelError, match="a class 'cow' that the project does not have"):
        truth_of(stored([0, 1], ("dog", "cow")), "cat", "dog")


def test_test_labels_without_names_are_numbers_where_the_classes_are_and_places_else() -> None:
    assert truth_of(stored([3, 1, 3]), "1", "2", "3") == [2, 0, 2]
    assert truth_of(stored([1, 0]), "-1", "0", "1") == [2, 1]
    assert truth_of(stored([2, 0]), "low", "2", "top") == [2, 0]  # not all classes are numbers
    for number in (3, -1):
        with pytest.raises(LabelError, match=f"a class '{number}' that"):
            truth_of(stored([number]), "low", "mid", "top")


def test_test_items_of_several_classes_are_rows_and_a_column_that_no_item_has_needs_no_class() -> None:
    rows = [[1, 0, 1], [0, 0, 0]]
    assert truth_of(stored(rows, ("dog", "cow", "cat")), "cat", "dog", several=True) == [[1, 1], [0, 0]]
    assert truth_of(stored(rows), "1", "2", "3", several=True) == rows  # by place: a column is no number
    assert truth_of(stored([[0, 0]]), "cat", "dog", several=True) == [[0, 0]]


def test_test_labels_of_the_other_kind_are_refused_and_both_kinds_named() -> None:
    with pytest.raises(LabelError, match="has one class for each item, the project has any number of classes"):
        truth_of(stored([0, 1]), "cat", "dog", several=True)
    with pytest.raises(LabelError, match="has any number of classes for each item, the project has one class"):
        truth_of(stored([[0, 1]]), "cat", "dog")


def test_test_items_of_a_group_in_the_pool_are_found_and_items_without_a_group_are_not(tmp_path: Path) -> None:
    ids = np.array(["p1/a", "p2/a", "x", "y"])
    np.savez(tmp_path / "test.npz", vectors=X[:4], ids=ids, labels=np.array([0, 1, 0, 1]))
    plain = DataConfig(path="x", modality="vector", classes=("cat", "dog"))
    test = read_test(tmp_path / "test.npz", plain)
    assert test.groups_in(["p1/b", "x", "p3/a"], plain.model_copy(update={"group": r"^(p\d)/"}), tmp_path).tolist() == [
        True,
        False,
        False,
        False,
    ]
    assert test.groups_in(["p1/a"], plain.model_copy(update={"group": None}), tmp_path).tolist() == [False] * 4
    first = test.pool.items[0].sha256
    assert test.also_in(frozenset([first])).tolist() == [True, False, False, False]
    assert test.truth.tolist() == [0, 1, 0, 1]
