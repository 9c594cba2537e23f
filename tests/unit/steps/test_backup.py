"""Backup, restore and verify: tried by breaking things."""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from activessl.annotators.oracle import Oracle
from activessl.ledger.schema import Pulled
from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl.session import Session
from activessl_cli.main import run

CLASSES = ("a", "b")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    y = np.arange(60) % 2
    x = (2 * y[:, None] + np.random.default_rng(0).normal(size=(60, 5))).astype(np.float32)
    np.savez(folder / "pool.npz", vectors=x, ids=np.array([f"i{i}" for i in range(60)]))
    data = {"path": "../pool.npz", "modality": "vector", "classes": list(CLASSES)}
    session = Session(Project.create(folder / "p", check_config({"data": data, "query": {"size": 10}}), version="0"))
    session.encode()
    session.round(people())
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "m")
    return tmp_path / "m"


def people() -> Oracle:
    return Oracle({f"i{i}": CLASSES[i % 2] for i in range(60)}, CLASSES)


def labels(project: Path) -> dict[str, tuple[str, ...]]:
    return {item: label.classes for item, label in Project.open(project).history().labels.items()}


def verified(project: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[dict[str, str]]]:
    capsys.readouterr()
    code = run("verify", "-p", str(project), "--json")
    return code, [one for one in json.loads(capsys.readouterr().out) if one["problem"]]


def test_a_backup_puts_all_labels_back_whatever_happened_to_the_ledger(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project, copy = folder / "p", folder / "backup"
    before = labels(project)
    assert run("backup", str(copy), "-p", str(project)) == 0
    Session.open(project).round(people())
    after = labels(project)
    assert len(after) > len(before) == 10
    for damage in (b"", b"text" * 999, None):
        for log in project.glob("ledger.db-*"):
            log.unlink()
        if damage is None:
            (project / "ledger.db").unlink()
        else:
            (project / "ledger.db").write_bytes(damage)
        assert run("status", "-p", str(project)) == 1
        assert run("restore", str(copy), "-p", str(project)) == 0
        assert labels(project) == before
        assert verified(project, capsys) == (0, [])
    Session.open(project).round(people())  # and it goes on
    assert labels(project) == after


def test_a_restore_deletes_nothing_and_says_what_the_backup_lacks(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project, copy = folder / "p", folder / "backup"
    assert run("backup", str(copy), "-p", str(project)) == 0
    Session.open(project).round(people())
    after, config = labels(project), (project / "activessl.toml").read_bytes()
    capsys.readouterr()
    assert run("restore", str(copy), "-p", str(project)) == 0
    told = capsys.readouterr().out
    assert "ledger.db.before-restore-1" in told and "are not in the backup" in told
    assert (project / "activessl.toml.before-restore-1").read_bytes() == config
    # what was put aside is a whole ledger
    assert run("restore", str(copy), "-p", str(project)) == 0
    assert (project / "ledger.db.before-restore-2").exists()
    shutil.copyfile(project / "ledger.db.before-restore-1", project / "ledger.db")
    assert labels(project) == after
    with closing(sqlite3.connect(project / "ledger.db")) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_restored_project_knows_of_its_backups(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project, one, two = folder / "p", folder / "one", folder / "two"
    assert run("backup", str(one), "-p", str(project)) == run("backup", str(two), "-p", str(project)) == 0
    assert run("restore", str(one), "-p", str(project)) == run("restore", str(one), "-p", str(project)) == 0
    item = next(iter(labels(project)))
    capsys.readouterr()
    assert run("forget", item, "--item", "--yes", "--json", "-p", str(project)) == 0
    assert json.loads(capsys.readouterr().out)["backups"] == [str(one.absolute()), str(two.absolute())]
    # what is left of the vectors is a list of items: neither damaged nor of an earlier version
    assert run("verify", "-p", str(project)) == 0
    assert "without vectors: `activessl encode` makes them again" in capsys.readouterr().out
    assert run("report", "-p", str(project)) == 1
    assert capsys.readouterr().err.splitlines()[-2].startswith("error: no embeddings in ")


def test_a_backup_makes_a_project_where_none_is_left(folder: Path) -> None:
    assert run("backup", str(folder / "backup"), "-p", str(folder / "p")) == 0
    assert run("restore", str(folder / "backup"), "-p", str(folder / "new")) == 0
    assert labels(folder / "new") == labels(folder / "p")
    assert run("encode", "-p", str(folder / "new")) == 0


def test_a_backup_is_consistent_while_others_write(folder: Path) -> None:
    project, stop, written = Project.open(folder / "p"), threading.Event(), [0]

    def write() -> None:
        while not stop.is_set():
            project.append(*(Pulled(watermark=f"{written[0]} {i} {'w' * 2000}") for i in range(10)))
            written[0] += 1

    before = project.history().events
    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(5):
            assert run("backup", str(folder / f"b{number}"), "-p", str(folder / "p")) == 0
    finally:
        stop.set()
        writer.join()
    for number in range(5):
        with closing(sqlite3.connect(folder / f"b{number}" / "ledger.db")) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            (count,) = connection.execute("SELECT count(*) FROM events WHERE kind != 'backed_up'").fetchone()
        assert count >= before and (count - before) % 10 == 0  # whole transactions


@pytest.mark.parametrize("file", ["ledger.db", "activessl.toml", "seal.json"])
@pytest.mark.parametrize("damage", ["empty", "changed", "missing"])
def test_a_damaged_backup_is_refused_and_the_project_stays(
    folder: Path, capsys: pytest.CaptureFixture[str], file: str, damage: str
) -> None:
    project, copy = folder / "p", folder / "backup"
    assert run("backup", str(copy), "-p", str(project)) == 0
    content = (copy / file).read_bytes()
    (copy / file).write_bytes(b"" if damage == "empty" else content[:-9] + b"damaged!!")
    if damage == "missing":
        (copy / file).unlink()
    before = {path.name: path.read_bytes() for path in project.iterdir() if path.is_file() and "-shm" not in path.name}
    capsys.readouterr()
    assert run("restore", str(copy), "-p", str(project)) == 1
    assert len(capsys.readouterr().err.splitlines()) == 2
    assert {path.name: path.read_bytes() for path in project.iterdir() if path.name in before} == before


def test_a_backup_is_not_written_over_anything_and_not_of_a_damaged_ledger(folder: Path) -> None:
    (folder / "there").mkdir()
    assert run("backup", str(folder / "there"), "-p", str(folder / "p")) == 1
    (folder / "p" / "ledger.db").write_bytes(b"text" * 999)
    assert run("backup", str(folder / "new"), "-p", str(folder / "p")) == 1
    assert sorted(path.name for path in folder.iterdir()) == ["p", "pool.npz", "there"]


def test_verify_names_each_damaged_cache_and_what_to_do(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = folder / "p"
    assert verified(project, capsys) == (0, [])
    parts = [*project.glob("embeddings/*/vectors.npy"), *project.glob("embeddings/*/smoothed/base.npy"),
             *project.glob("heads/*/weights.safetensors"), *project.glob("encoders/*/config.json"),
             project / "pool.parquet"]  # fmt: skip
    for path in parts:
        whole = path.read_bytes()
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        code, found = verified(project, capsys)
        assert code == 1 and len(found) == 1 and found[0]["hint"], (path, found)
        assert path.relative_to(project).as_posix().startswith(found[0]["what"])
        path.write_bytes(whole)
    assert len(parts) > 3 and verified(project, capsys) == (0, [])


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("DELETE FROM events WHERE seq = 2", "events 2 to 2 are missing"),
        ("UPDATE events SET at = 'soon' WHERE seq = 2", "the time of event 2 is 'soon'"),
        ("UPDATE events SET body = '' WHERE seq = 2", "event 2 cannot be read"),
        ("UPDATE events SET \"key\" = 'other' WHERE seq = 2", "event 2 has the key of another event"),
    ],
)
def test_verify_names_what_is_damaged_in_a_ledger(
    folder: Path, capsys: pytest.CaptureFixture[str], statement: str, says: str
) -> None:
    with closing(sqlite3.connect(folder / "p" / "ledger.db")) as connection, connection:
        for name in ("update", "delete"):
            connection.execute(f"DROP TRIGGER events_no_{name}")
        connection.execute(statement)
    code, found = verified(folder / "p", capsys)
    assert code == 1 and says in [one["problem"] for one in found]
    assert all("activessl restore" in one["hint"] and one["record"] for one in found)
