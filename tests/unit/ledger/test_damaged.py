"""Damaged ledgers: each kind of damage has its words, and none is a traceback or is accepted."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from activessl.errors import LedgerError
from activessl.labels.answers import Answer
from activessl.ledger.rows import VERSION
from activessl.ledger.schema import Answered, Pulled
from activessl.ledger.store import Ledger
from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl_cli.main import run

START = "2026-01-01T00:00:00+00:00"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    np.savez(tmp_path / "pool.npz", vectors=np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32))
    data = {"path": "../pool.npz", "modality": "vector", "classes": ["a", "b"]}
    made = Project.create(tmp_path / "p", check_config({"data": data}), version="0")
    made.append(*(Pulled(watermark=f"{'w' * 200} {i}") for i in range(60)))
    return made


def rewrite(project: Project, statement: str, *values: object) -> None:
    """Change the ledger as no program of ours does: without its guards."""
    with closing(sqlite3.connect(project.folder / "ledger.db")) as connection, connection:
        for name in ("update", "delete"):
            connection.execute(f"DROP TRIGGER events_no_{name}")
        connection.execute("PRAGMA writable_schema=ON")
        connection.execute("UPDATE sqlite_master SET sql = replace(sql, ' NOT NULL', '') WHERE name = 'events'")
        connection.execute("PRAGMA writable_schema=RESET")
        connection.execute(statement, values)


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("UPDATE events SET at = NULL WHERE seq = 7", "is damaged: the time of event 7 is missing"),
        ("UPDATE events SET at = 'soon' WHERE seq = 7", "is damaged: the time of event 7 is 'soon'"),
        ("UPDATE events SET at = x'ff00' WHERE seq = 7", "is damaged: the time of event 7 is"),
        ("UPDATE events SET body = NULL WHERE seq = 7", "is damaged: event 7 is no text"),
        ("UPDATE events SET body = x'ff00' WHERE seq = 7", "is damaged: event 7 is no text"),
        ("UPDATE events SET body = '' WHERE seq = 7", "is damaged: event 7 cannot be read"),
        ("UPDATE events SET body = '[]' WHERE seq = 7", "is damaged: event 7 cannot be read"),
        ("UPDATE events SET body = substr(body, 1, 40) WHERE seq = 7", "is damaged: event 7"),
        ("UPDATE events SET body = '{\"kind\": \"pulled\"}' WHERE seq = 7", "is damaged: event 7 is incomplete"),
        ("UPDATE events SET body = '{\"format\":\"x\"}' WHERE seq = 7", "is damaged: event 7 cannot be read"),
    ],
)  # fmt: skip
def test_a_damaged_event_is_named_by_its_number(
    project: Project, capsys: pytest.CaptureFixture[str], statement: str, says: str
) -> None:
    rewrite(project, statement)
    for verb in ("status", "encode"):
        assert run(verb, "-p", str(project.folder)) == 1
        told = capsys.readouterr().err.splitlines()
        assert len(told) == 2 and says in told[0] and "activessl restore" in told[1]


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda content: b"", "is empty, but the project has embeddings"),
        (lambda content: b"text" * 999, "file is not a database"),
        (lambda content: content[:100] + bytes(len(content) - 100), "malformed"),
        (lambda content: content[:8192] + b"\xff" * 4096 + content[12288:], "is damaged|malformed"),
        (lambda content: content[: len(content) // 2], "is damaged|malformed"),
    ],
)
def test_a_damaged_file_says_restore_and_not_that_the_disk_is_full(
    project: Project, capsys: pytest.CaptureFixture[str], damage: Callable[[bytes], bytes], says: str
) -> None:
    file = project.folder / "ledger.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for other in project.folder.glob("ledger.db-*"):
        other.unlink()
    file.write_bytes(damage(file.read_bytes()))
    (project.folder / "embeddings").mkdir()
    assert run("status", "-p", str(project.folder)) == 1
    message, hint = capsys.readouterr().err.splitlines()
    assert any(part in message for part in says.split("|")), message
    assert "activessl restore" in hint and "full" not in hint


def test_an_index_that_lacks_a_row_is_not_accepted(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(sqlite3.connect(project.folder / "ledger.db")) as connection, connection:
        connection.execute("PRAGMA writable_schema=ON")
        (sql,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'ix_events_kind'").fetchone()
        connection.execute("UPDATE sqlite_master SET sql = ? WHERE name = 'ix_events_kind'", (sql + " WHERE seq > 9",))
        connection.execute("PRAGMA writable_schema=RESET")
    assert run("status", "-p", str(project.folder)) == 1
    assert "is damaged: " in capsys.readouterr().err


def test_a_new_ledger_has_a_version_and_an_older_one_gets_it_with_the_first_event(tmp_path: Path) -> None:
    def version() -> int:
        with closing(sqlite3.connect(tmp_path / "ledger.db")) as connection:
            return int(connection.execute("PRAGMA user_version").fetchone()[0])

    for place in (tmp_path / "ledger.db", f"sqlite:///{tmp_path / 'ledger.db'}"):
        with Ledger(place) as ledger:
            ledger.append([Pulled(watermark=str(place))])
        assert version() == VERSION
        with closing(sqlite3.connect(tmp_path / "ledger.db")) as connection:
            connection.execute("PRAGMA user_version=0")
        with Ledger(place) as ledger:
            assert list(ledger) and version() == 0  # reading changes nothing
            ledger.append([Pulled(watermark=str(place))])
            assert version() == 0
            ledger.append([Pulled(watermark=f"{place} again")])
        assert version() == VERSION


@pytest.mark.parametrize("url", [False, True])
def test_a_newer_file_is_refused_by_name_and_not_touched(tmp_path: Path, url: bool) -> None:
    file = tmp_path / "ledger.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(f"PRAGMA user_version={VERSION + 1}")
        connection.execute("CREATE TABLE other (x)")
    before = file.read_bytes()
    with pytest.raises(LedgerError, match=f"has version {VERSION + 1}, written by a newer activessl") as told:
        Ledger(f"sqlite:///{file}" if url else file)
    assert "update activessl" in told.value.hint
    assert file.read_bytes() == before


def test_a_time_without_a_zone_is_read_as_utc(project: Project) -> None:
    rewrite(project, "UPDATE events SET at = '2026-01-01T00:00:00' WHERE seq = 1")
    history = Project.open(project.folder).history()
    assert history.started is not None and history.started.tzinfo is not None


def test_text_that_is_no_unicode_is_refused_and_nothing_is_written(project: Project) -> None:
    before = project.history().events
    odd = Answer("k", "s", "i", "label", ("a\ud800",), "ann", 1.0, project.history().started)  # type: ignore[arg-type]
    with pytest.raises(LedgerError, match="no valid Unicode"):
        project.append(Pulled(watermark="new"), Answered(answer=odd))
    assert Project.open(project.folder).history().events == before
