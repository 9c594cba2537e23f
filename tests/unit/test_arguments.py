"""Wrong kinds of arguments at the public doors get our own errors, with a hint."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import activessl
from activessl import Pool, Session, State
from activessl.errors import ActiveSSLError

RNG = np.random.default_rng(0)
VECTORS, LABELS = RNG.normal(size=(30, 4)), RNG.integers(2, size=30)


def _state(**changes: Any) -> State:
    fields: dict[str, Any] = {
        "vectors": VECTORS,
        "labeled": np.array([0]),
        "labels": np.array([1]),
        "n_classes": 2,
        "rng": np.random.default_rng(1),
        "probs": np.full((30, 2), 0.5),
    }
    return State(**(fields | changes))


def _query(state: Any, query_size: Any) -> Any:
    return activessl.get_strategy("margin").query(state, query_size)


def _head() -> Any:
    return activessl.make_head("logistic", 2)


def _simulate(**changes: Any) -> Any:
    return activessl.simulate(VECTORS, LABELS, **({"n_classes": 2, "budgets": [4, 8], "seeds": 2} | changes))


ARRAYS: dict[str, Callable[[], Any]] = {
    "a list of vectors": lambda: _query(_state(vectors=VECTORS.tolist()), 3),
    "vectors of text": lambda: _query(_state(vectors=np.full((30, 4), "a")), 3),
    "rows of fractions": lambda: _query(_state(labeled=np.array([0.5])), 3),
    "labels of text": lambda: _query(_state(labels=np.array(["a"])), 3),
    "classes as text": lambda: _query(_state(n_classes="2"), 3),
    "a seed for an rng": lambda: _query(_state(rng=0), 3),
    "probabilities in a list": lambda: _query(_state(probs=[[0.5, 0.5]] * 30), 3),
    "too few of excluded": lambda: _query(_state(excluded=np.zeros(3, dtype=bool)), 3),
    "excluded as rows": lambda: _query(_state(excluded=np.array([3])), 3),
    "no state": lambda: _query(None, 3),
    "a size of text": lambda: _query(_state(), "3"),
    "a fraction of an item": lambda: _query(_state(), 2.5),
    "no size": lambda: _query(_state(), None),
    "a strategy of no kind": lambda: activessl.get_strategy(3),  # type: ignore[arg-type]
    "a head's classes as text": lambda: activessl.make_head("logistic", "3"),  # type: ignore[arg-type]
    "text for vectors": lambda: _head().fit("abc", LABELS),
    "too few labels": lambda: _head().fit(VECTORS, LABELS[:3]),
    "labels between classes": lambda: _head().fit(VECTORS, LABELS + 0.5),
    "before fit": lambda: _head().predict_proba(VECTORS),
    "other vectors than in fit": lambda: _head().fit(VECTORS, LABELS).predict_proba(VECTORS[:, :2]),
    "seeds as text": lambda: _simulate(seeds="2"),
    "budgets as text": lambda: _simulate(budgets="48"),
    "budgets of fractions": lambda: _simulate(budgets=[4.5, 8]),
    "a strategy among numbers": lambda: _simulate(strategies=[3]),
    "a number for a place": lambda: activessl.load_pool(3),  # type: ignore[arg-type]
    "a number for an encoder": lambda: activessl.load_encoder(3),  # type: ignore[arg-type]
    "a number for a ledger": lambda: activessl.Ledger(3),  # type: ignore[arg-type]
    "a number for a project": lambda: Session.open(3),  # type: ignore[arg-type]
    "nothing for a project": lambda: Session.open(None),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("door", ARRAYS.values(), ids=ARRAYS.keys())
def test_arrays_and_names_of_the_wrong_kind(door: Callable[[], Any]) -> None:
    with pytest.raises(ActiveSSLError) as raised:
        door()
    assert raised.value.message
    assert raised.value.hint


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> tuple[Session, Pool, Path]:
    folder = tmp_path_factory.mktemp("kinds")
    np.savez(folder / "v.npz", vectors=VECTORS.astype(np.float32))
    session = Session.create(folder / "p", folder / "v.npz", ["a", "b"])
    session.encode()
    return session, activessl.load_pool(folder / "v.npz"), folder


Door = Callable[[Session, Pool, Path], Any]

PROJECTS: dict[str, Door] = {
    "classes in one text": lambda s, p, f: Session.create(f / "q", f / "v.npz", "ab"),
    "numbers for classes": lambda s, p, f: Session.create(f / "q", f / "v.npz", [1, 2]),  # type: ignore[list-item]
    "a number for data": lambda s, p, f: Session.create(f / "q", 3, ["a", "b"]),  # type: ignore[arg-type]
    "a seed of text": lambda s, p, f: Session.create(f / "q", f / "v.npz", ["a", "b"], seed="x"),
    "a query of text": lambda s, p, f: s.query("20"),  # type: ignore[arg-type]
    "a query of nothing": lambda s, p, f: s.query(0),
    "a query of less": lambda s, p, f: s.query(-1),
    "a query of a fraction": lambda s, p, f: s.query(2.5),  # type: ignore[arg-type]
    "a share of text": lambda s, p, f: s.query(2, again="x"),  # type: ignore[arg-type]
    "a share above one": lambda s, p, f: s.query(2, again=2.0),
    "an address for an annotator": lambda s, p, f: s.push("http://127.0.0.1:1"),  # type: ignore[arg-type]
    "a number for an annotator": lambda s, p, f: s.pull(3),  # type: ignore[arg-type]
    "minutes of text": lambda s, p, f: s.encode(minutes="x"),  # type: ignore[arg-type]
    "less than no time": lambda s, p, f: s.encode(minutes=-1),
    "labels in a list": lambda s, p, f: s.import_labels([("v:0", "a")], annotator="x"),  # type: ignore[arg-type]
    "labels of nobody": lambda s, p, f: s.import_labels({"v:0": "a"}, annotator=None),  # type: ignore[arg-type]
    "no reason": lambda s, p, f: s.close(None),  # type: ignore[arg-type]
    "one encoder in a text": lambda s, p, f: s.compare_encoders("vectors"),
    "a report into no folder": lambda s, p, f: s.report().to_html(f / "no" / "page.html"),
    "no pool": lambda s, p, f: activessl.fit_encoder("auto", "pool", folder=f / "e"),  # type: ignore[arg-type]
    "no folder": lambda s, p, f: activessl.fit_encoder("vectors", p, folder=None),  # type: ignore[arg-type]
    "no encoder": lambda s, p, f: activessl.embed("x", p, f / "z"),  # type: ignore[arg-type]
    "a row that is not there": lambda s, p, f: p.read(99),
    "an id for a row": lambda s, p, f: p.read("v:0"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("door", PROJECTS.values(), ids=PROJECTS.keys())
def test_a_session_refuses_what_it_cannot_use(door: Door, project: tuple[Session, Pool, Path]) -> None:
    before = project[0].project.history().events
    with pytest.raises(ActiveSSLError) as raised:
        door(*project)
    assert raised.value.message
    assert raised.value.hint
    assert project[0].project.history().events == before
