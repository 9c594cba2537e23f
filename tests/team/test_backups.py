"""Backup, restore and verify of a project whose ledger is on PostgreSQL; and from a file to a server, and back."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from clusters import PASSWORD, Cluster, drop_connections

from activessl.annotators.oracle import Oracle
from activessl.ledger.store import Ledger
from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl.session import Session
from activessl_cli.main import run

CLASSES = ("a", "b")


def people() -> Oracle:
    return Oracle({f"i{i}": CLASSES[i % 2] for i in range(60)}, CLASSES)


@pytest.fixture
def url(own_server: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    drop_connections()
    yield own_server.create(f"b {abs(hash(request.node.name))}")
    drop_connections()


def make(folder: Path, ledger: str, modality: str = "vector", classes: tuple[str, ...] = CLASSES) -> Path:
    folder.mkdir(exist_ok=True)
    y = np.arange(60) % 2
    x = (2 * y[:, None] + np.random.default_rng(0).normal(size=(60, 5))).astype(np.float32)
    np.savez(folder / "pool.npz", vectors=x, ids=np.array([f"i{i}" for i in range(60)]))
    data = {"path": "../pool.npz", "modality": modality, "classes": list(classes)}
    config = check_config({"data": data, "query": {"size": 10}, "ledger": ledger})
    return Project.create(folder / "p", config, version="0").folder


def labeled(folder: Path, ledger: str) -> Path:
    project = make(folder, ledger)
    session = Session.open(project)
    session.encode()
    session.round(people())
    return project


def labels(project: Path) -> dict[str, tuple[str, ...]]:
    return {item: label.classes for item, label in Project.open(project).history().labels.items()}


def keys(ledger: Path | str) -> list[tuple[str, str]]:
    with Ledger(ledger) as opened:
        return [(r.event.key, r.at.isoformat()) for r in opened if r.event.kind != "backed_up"]


def test_a_backup_of_a_server_is_a_file_and_a_restore_keeps_what_was_there_in_the_database(
    own_server: Cluster, url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project, copy = labeled(tmp_path / "m", url), tmp_path / "backup"
    before, events = labels(project), keys(url)
    assert run("backup", str(copy), "-p", str(project)) == 0
    assert keys(copy / "ledger.db") == events
    with closing(sqlite3.connect(copy / "ledger.db")) as plain:  # numbers without a gap, as `verify` wants them
        assert plain.execute("SELECT max(seq) = count(*) FROM events").fetchone() == (1,)
    Session.open(project).round(people())
    more = len(keys(url)) - len(events)
    assert len(labels(project)) == 20 and more > 0
    capsys.readouterr()
    assert run("restore", str(copy), "-p", str(project), "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["schema"] == "activessl_before_restore_1" and told["newer"] == more
    assert labels(project) == before and keys(url) == events
    name = url.rpartition("/")[2].replace("%20", " ")
    assert own_server.ask(name, "SELECT count(*) > 0 FROM activessl_before_restore_1.events") == ["t"]
    assert run("verify", "-p", str(project)) == 0
    Session.open(project).round(people())  # and it goes on, with guards
    assert len(labels(project)) == 20
    assert run("restore", str(copy), "-p", str(project)) == 0
    assert "activessl_before_restore_2" in capsys.readouterr().out and labels(project) == before
    done = own_server.run("psql", *own_server.here, "-d", name, "-c", "DELETE FROM events")
    assert "append-only" in done.stderr


def test_a_project_moves_from_a_file_to_a_server_and_back(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project, copy = labeled(tmp_path / "m", "ledger.db"), tmp_path / "backup"
    (project / "activessl.toml").write_text("# ours\n" + (project / "activessl.toml").read_text())
    before, events = labels(project), keys(project / "ledger.db")
    assert run("backup", str(copy), "-p", str(project)) == 0
    assert run("restore", str(copy), "-p", str(project), "--ledger", url) == 0
    assert PASSWORD not in capsys.readouterr().out
    assert Project.open(project).own.ledger == url and (project / "activessl.toml").read_text().startswith("# ours")
    assert labels(project) == before and keys(url) == events
    Session.open(project).round(people())
    after = labels(project)
    assert len(after) == 20 and run("verify", "-p", str(project)) == 0
    assert run("backup", str(tmp_path / "second"), "-p", str(project)) == 0
    assert run("restore", str(tmp_path / "second"), "-p", str(tmp_path / "m" / "alone"), "--ledger", "ledger.db") == 0
    drop_connections()
    assert labels(tmp_path / "m" / "alone") == after
    assert run("verify", "-p", str(tmp_path / "m" / "alone")) == 0


def test_what_was_forgotten_stays_forgotten_after_a_restore_into_a_server(
    own_server: Cluster, url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project, copy = labeled(tmp_path / "m", url), tmp_path / "backup"
    assert run("backup", str(copy), "-p", str(project)) == 0
    item = next(iter(labels(project)))
    assert run("forget", item, "--item", "--yes", "-p", str(project)) == 0
    name = url.rpartition("/")[2].replace("%20", " ")
    held = f"SELECT count(*) FROM {{}} WHERE body LIKE '%\"{item}\"%'"
    assert own_server.ask(name, held.format("events")) == ["0"]
    assert run("restore", str(copy), "-p", str(project)) == 0
    assert "forgotten again" in capsys.readouterr().out
    other = next(iter(labels(project)))
    assert run("forget", other, "--item", "--yes", "-p", str(project)) == 0
    assert "DROP SCHEMA activessl_before_restore_1 CASCADE" in "".join(capsys.readouterr())
    assert own_server.ask(name, held.format("events")) == ["0"]
    assert item not in labels(project)


@pytest.mark.parametrize("to_server", [True, False])
def test_a_move_to_another_ledger_forgets_what_the_one_before_has_forgotten(
    to_server: bool, url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, then = ("ledger.db", url) if to_server else (url, "ledger.db")
    project, copy = labeled(tmp_path / "m", first), tmp_path / "backup"
    assert run("backup", str(copy), "-p", str(project)) == 0
    item, other = list(labels(project))[:2]
    assert run("forget", item, "--item", "--yes", "-p", str(project)) == 0
    assert run("restore", str(copy), "-p", str(project), "--ledger", then) == 0
    assert "1 forgotten item or annotator is forgotten again" in capsys.readouterr().out
    assert item not in labels(project) and len(labels(project)) == 10
    assert run("forget", other, "--item", "--yes", "-p", str(project)) == 0
    for file in project.glob("ledger.db*"):  # also the one that was left
        content = file.read_bytes()
        assert f'"{item}"'.encode() not in content and f'"{other}"'.encode() not in content, file


def test_a_damaged_event_is_named(
    own_server: Cluster, url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = labeled(tmp_path / "m", url)
    name = url.rpartition("/")[2].replace("%20", " ")
    own_server.ask(name, "ALTER TABLE events DISABLE TRIGGER events_no_change")
    own_server.ask(name, "UPDATE events SET key = 'another' WHERE seq = 2")
    own_server.ask(name, "UPDATE events SET body = 'no JSON' WHERE seq = 3")
    assert run("verify", "-p", str(project)) == 1
    told = capsys.readouterr().out
    assert "event 2 has the key of another event" in told and "event 3" in told


def test_a_folder_of_another_project_does_not_join_the_ledger(url: str, tmp_path: Path) -> None:
    make(tmp_path / "m", url)
    (tmp_path / "other").mkdir()
    from activessl.errors import ConfigError

    with pytest.raises(ConfigError, match="is that of another project: vector with the classes a, b"):
        make(tmp_path / "other", url, classes=("x", "y"))
    make(tmp_path / "third", url)  # the same project on another machine
