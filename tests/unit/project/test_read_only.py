"""A project on read-only media: what only reads works, what writes is two lines, and nothing is changed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

import activessl
from activessl.annotators.oracle import Oracle
from activessl.ledger.schema import Pulled
from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl.sealed import beside, sweep, write_atomic
from activessl.session import Session

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")

#: Runs verbs as a user who may not write; once before as one who may, so that all modules are imported.
DESK = """
import contextlib, io, json, os, sys
from activessl_cli.main import run
writable, project, out, verbs = json.loads(sys.argv[1])
def one(verb, where, out):
    told, said = io.StringIO(), io.StringIO()
    with contextlib.redirect_stderr(told), contextlib.redirect_stdout(said):
        code = run(*[part.replace("OUT", out) for part in verb], "-p", where)
    return code, told.getvalue(), said.getvalue()
for verb in verbs:
    one(verb, writable, out + "/first")
if os.geteuid() == 0:
    os.seteuid(65534)
print(json.dumps([one(verb, project, out) for verb in verbs]))
"""


def work(folder: Path) -> Session:
    y = np.arange(60) % 2
    x = (2 * y[:, None] + np.random.default_rng(0).normal(size=(60, 5))).astype(np.float32)
    np.savez(folder / "pool.npz", vectors=x, ids=np.array([f"i{i}" for i in range(60)]))
    data = {"path": "../pool.npz", "modality": "vector", "classes": ["a", "b"]}
    session = Session(
        Project.create(
            folder / "p", check_config({"data": data, "query": {"size": 30, "random_share": 0.5}}), version="0"
        )
    )
    session.encode()
    session.round(Oracle({f"i{i}": "ab"[i % 2] for i in range(60)}, ("a", "b")))
    return session


def open_to_others(path: Path) -> bool:
    """Whether another user may enter all folders above this one: a checkout in a private folder cannot be imported."""
    return all(folder.stat().st_mode & 0o001 for folder in (path, *path.parents))


def as_reader(folder: Path, *verbs: list[str]) -> list[tuple[int, str, str]]:
    if os.geteuid() == 0 and not all(map(open_to_others, (Path(sys.prefix), Path(activessl.__file__).parent))):
        pytest.skip("another user cannot import this installation")
    writable = folder.parent / f"{folder.name} that can be written"
    shutil.copytree(folder, writable)
    out = folder.parent / f"{folder.name}-out"
    out.mkdir(mode=0o777)
    out.chmod(0o777)
    inside = [folder, *folder.rglob("*")]
    for path in inside:
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = {path: path.stat().st_mtime_ns for path in inside}
    try:
        arguments = json.dumps([str(writable / "p"), str(folder / "p"), str(out), verbs])
        said = subprocess.run([sys.executable, "-c", DESK, arguments], capture_output=True, text=True, timeout=120)
        assert said.returncode == 0, said.stderr
        found: list[tuple[int, str, str]] = json.loads(said.stdout)
        assert {path: path.stat().st_mtime_ns for path in [folder, *folder.rglob("*")]} == before
        return found
    finally:
        for path in inside:
            path.chmod(0o755 if path.is_dir() else 0o644)


@pytest.fixture
def open_to_all() -> Iterator[Path]:
    """A folder that another user may enter, which those of pytest are not."""
    with TemporaryDirectory(prefix="activessl-media-") as made:
        Path(made).chmod(0o755)
        (Path(made) / "disk").mkdir()
        yield Path(made) / "disk"


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_status_report_and_export_work_and_writing_verbs_are_two_lines(open_to_all: Path) -> None:
    work(open_to_all)
    shutil.rmtree(next((open_to_all / "p").glob("embeddings/*/smoothed")))  # a cache that cannot be made there
    reads = [
        ["status"],
        ["report"],
        ["report", "--to", "OUT/report"],
        ["export", "OUT/a.csv"],
        ["plan", "--target", "0.9"],
        ["check"],
    ]
    writes = [["encode"], ["query"], ["teach"], ["import", "OUT/a.csv"]]
    said = as_reader(open_to_all, *reads, *writes)
    for verb, (code, told, out) in zip(reads, said, strict=False):
        assert code == 0 and out, (verb, told)
    assert "name another folder with --to" in said[1][1]
    for verb, (code, told, _) in zip(writes, said[len(reads) :], strict=True):
        lines = [line for line in told.splitlines() if line.startswith(("error: ", " hint: "))]
        assert code == 1 and len(lines) == 2, (verb, told)
        assert "Traceback" not in told


@pytest.mark.slow
def test_events_in_the_log_of_the_ledger_are_read_too(open_to_all: Path) -> None:
    session = work(open_to_all)
    with session.project.ledger() as opened:  # while it is open, new events are in the log
        opened.append([Pulled(watermark="in the log")])
        session.import_labels(dict.fromkeys(session.project.pool().ids, "a"), annotator="ann")
        labels = len(session.project.history().labels)
        assert labels == 60
        copy = open_to_all.parent / "copy"
        shutil.copytree(open_to_all, copy)
    assert (copy / "p" / "ledger.db-wal").stat().st_size > 0
    (copy / "p" / "ledger.db-shm").unlink()
    ((code, told, out),) = as_reader(copy, ["status", "--json"])
    assert code == 0, told
    assert json.loads(out)["labeled"] == labels


def test_what_a_killed_process_left_is_removed_and_what_is_being_written_is_not(tmp_path: Path) -> None:
    session = work(tmp_path)
    folder = session.project.folder
    smoothed = next(folder.glob("embeddings/*/smoothed"))
    old = [beside(path) for path in (folder / "pool.parquet", folder / "reports" / "report.html", smoothed,
           folder / "heads" / "0001", folder / "encoders" / "abc", folder / "serve.secret")]  # fmt: skip
    new = beside(folder / "activessl.toml")
    future = beside(folder / "pool.parquet")
    others = [folder / ".notes.part", folder / ".a.0123456789AB.part", folder / "heads" / "mine.part"]
    for path in (*old, new, future, *others):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"half")
    for path in (*old, *others):
        os.utime(path, (0, 0))
    later = time.time() + 1e8
    os.utime(future, (later, later))
    with session.project.lock():
        pass
    assert not any(path.exists() for path in (*old, future))
    assert all(path.exists() for path in (new, *others))


def test_a_file_that_is_written_again_takes_its_old_parts_along(tmp_path: Path) -> None:
    parts = [beside(tmp_path / name) for name in ("out.csv", "[out].csv", "other.csv")]
    for part in parts:
        part.mkdir() if "other" in part.name else part.write_bytes(b"half")
        os.utime(part, (0, 0))
    for name in ("out.csv", "[out].csv"):
        write_atomic(tmp_path / name, b"whole")
    assert [part.exists() for part in parts] == [False, False, True]
    sweep(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["[out].csv", "out.csv"]
