"""A session that waits for people goes on while another verb writes to the project."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from filelock import FileLock

from activessl import Oracle, Session
from activessl.ledger.history import History
from activessl.project.config import check_config
from activessl.project.folder import Project


def test_a_verb_that_writes_meanwhile_does_not_end_the_wait(tmp_path: Path) -> None:
    np.savez(tmp_path / "pool.npz", vectors=np.random.default_rng(0).normal(size=(12, 4)).astype(np.float32))
    config = check_config({"data": {"path": "../pool.npz", "modality": "vector", "classes": ("a", "b")}})
    session = Session(Project.create(tmp_path / "p", config, version="0"))
    session.encode()
    opened = session.query(4)
    person = Oracle(dict.fromkeys(opened.items, "a"), ("a", "b"))
    session.push(person)
    other = FileLock(session.project.folder / ".lock", timeout=0)
    other.acquire()
    seen = []

    def looked(history: History) -> None:
        seen.append(len(history.labels))
        other.release()

    session.wait(person, every=0.01, on_wait=looked)
    assert seen == [0, 4]
