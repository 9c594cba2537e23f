"""What can still be asked about after items left the data, came back, or were forgotten."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from activessl.annotators.oracle import Oracle
from activessl.steps.forget import forget
from activessl.steps.next_step import left_to_ask, next_step
from tests.unit.steps.test_classes import CLASSES, Desk, N, project_of, truth


def keep(folder: Path, without: frozenset[str]) -> None:
    """Write the pool again without some items."""
    y, rng = np.arange(N) % 3, np.random.default_rng(0)
    vectors = rng.normal(size=(3, 6))[y] * 3 + rng.normal(size=(N, 6))
    rows = [i for i in range(N) if f"i{i:02}" not in without]
    np.savez(folder / "pool.npz", vectors=vectors[rows], ids=np.array([f"i{i:02}" for i in rows]))


def test_labels_of_items_that_left_do_not_count_as_asked(tmp_path: Path) -> None:
    session = project_of(tmp_path, encoded=True)
    session.round(Oracle(truth(), CLASSES))
    labeled = sorted(session.project.history().labels)
    free = N - len(labeled)
    assert left_to_ask(session.project.history()) == free
    keep(tmp_path, frozenset(labeled[:3]))
    session.encode()
    history = session.project.history()
    assert history.encoded is not None and history.encoded.items == N - 3 and len(history.labels) == len(labeled)
    assert left_to_ask(history) == free
    forget(session.project, labeled[3], what="item")
    assert left_to_ask(session.project.history()) == free
    session.encode()
    assert left_to_ask(session.project.history()) == free
    keep(tmp_path, frozenset())
    session.encode()
    assert left_to_ask(session.project.history()) == free


def test_nobody_is_asked_about_an_item_that_was_forgotten(tmp_path: Path) -> None:
    session, desk = project_of(tmp_path, encoded=True), Desk(truth())
    session.query()
    session.push(desk)
    desk.answer(len(desk.questions) - 1)
    session.pull(desk)
    last = desk.questions[-1]
    forget(session.project, last, what="item")
    history = session.project.history()
    assert history.open_round is None or history.waiting(history.open_round) == ()
    session.encode()
    assert next_step(session.project.history()) == "activessl teach"
    session.teach()
    assert next_step(session.project.history()) == "activessl query"
