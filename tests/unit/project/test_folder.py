"""The files of a project, where several processes read and write them at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from activessl import Session
from activessl.errors import ProjectLocked
from activessl.geometry.smoothing import Smoothed, smooth
from activessl.ledger.schema import Pulled
from activessl.project import folder as project
from activessl.project import snapshot
from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl.project.snapshot import Snapshot, save_whole
from activessl.sealed import seal, write_atomic


@pytest.fixture
def session(tmp_path: Path) -> Session:
    np.savez(tmp_path / "pool.npz", vectors=np.random.default_rng(0).normal(size=(60, 8)).astype(np.float32))
    config = check_config({"data": {"path": "../pool.npz", "modality": "vector", "classes": ["a", "b"]}})
    session = Session(Project.create(tmp_path / "p", config, version="0"))
    session.encode()
    return session


def test_a_file_that_many_write_at_once_is_one_of_theirs_and_nothing_is_left(tmp_path: Path) -> None:
    contents = [bytes([i]) * 50_000 for i in range(40)]
    with ThreadPoolExecutor(8) as workers:
        list(workers.map(lambda content: write_atomic(tmp_path / "r.html", content), contents))
    assert (tmp_path / "r.html").read_bytes() in contents
    assert [p.name for p in tmp_path.iterdir()] == ["r.html"]


def test_a_folder_that_many_write_at_once_is_one_of_theirs_and_nothing_is_left(tmp_path: Path) -> None:
    made = smooth(np.random.default_rng(0).normal(size=(200, 8)))
    with ThreadPoolExecutor(8) as workers:
        list(workers.map(lambda _: save_whole(made, tmp_path / "s"), range(40)))
    assert np.array_equal(Smoothed.load(tmp_path / "s").points, made.points)
    assert [p.name for p in tmp_path.iterdir()] == ["s"]


def test_a_ledger_is_folded_again_only_after_something_happened(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    monkeypatch.setattr(project, "fold", lambda *a, **k: calls.append(1) or fold(*a, **k))
    from activessl.ledger.fold import fold

    mine, other = Project.open(session.project.folder), Project.open(session.project.folder)
    assert mine.history() is mine.history()
    assert len(calls) == 1
    with other.ledger() as ledger:
        ledger.append([Pulled(watermark="later")])
    assert mine.history().watermark == "later"
    assert len(calls) == 2


def test_smoothed_vectors_are_compared_once_and_made_again_when_the_vectors_change(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Snapshot.of(session.project).smoothed
    units = []
    original = snapshot.centred_rows
    monkeypatch.setattr(snapshot, "centred_rows", lambda *a: units.append(1) or original(*a))
    assert np.array_equal(Snapshot.of(session.project).points, first.points)
    assert units == []

    where = snapshot.embeddings_folder(session.project, Snapshot.of(session.project).embeddings.fingerprint)
    (where / "smoothed" / "of.txt").write_text("a copy of another day")  # as after moving a project
    assert np.array_equal(Snapshot.of(session.project).points, first.points)
    assert Snapshot.of(session.project).points is not None
    assert len(units) == 1

    vectors = np.load(where / "vectors.npy")
    vectors[:, 0] += np.arange(len(vectors))
    np.save(where / "vectors.npy", vectors)
    assert np.array_equal(Snapshot.of(session.project).points, first.points)  # another program's vectors are not taken
    np.save(where / "vectors.npy", vectors)
    seal(where)
    assert not np.array_equal(Snapshot.of(session.project).points, first.points)


def test_two_folders_on_one_ledger_take_turns_at_writing(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    data = {"path": "../pool", "modality": "vector", "classes": ["a", "b"]}
    for ledger in (str(tmp_path / "shared" / "ledger.db"), f"sqlite:///{tmp_path}/shared/other.db"):
        one, two = (
            Project.create(
                tmp_path / f"{name} {len(ledger)}", check_config({"data": data, "ledger": ledger}), version="0"
            )
            for name in ("one", "two")
        )
        with one.lock(), pytest.raises(ProjectLocked), two.lock():
            pass
        with two.lock():
            assert one.history().events == 1
