"""The ledger on disk."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path

import pytest

from activessl.errors import LedgerError
from activessl.labels.answers import Answer
from activessl.labels.questions import Question
from activessl.ledger.schema import Answered, Closed, Encoded, Pulled, Queried
from activessl.ledger.store import Ledger


def answer(key: str, *, item: str = "a.png", classes: tuple[str, ...] = ("cat",), kind: str = "label") -> Answered:
    return Answered(
        answer=Answer(
            key=key,
            source=key,
            item=item,
            kind=kind,  # type: ignore[arg-type]
            classes=classes if kind == "label" else (),
            annotator="ann",
            seconds=4.0,
            at=datetime(2026, 1, 1, tzinfo=UTC),
        )
    )


def test_events_come_back_as_they_were_appended(tmp_path: Path) -> None:
    events = [
        Encoded(fingerprint="f", encoder="hybrid", items=3, dim=2, seconds=1.5),
        Queried(
            round=1,
            strategy="random",
            seed=(0, 1),
            fingerprint="f",
            seconds=0.1,
            questions=(
                Question(kind="random", items=("ä.png",), reason="why “this”", propensity=0.5, near=("b.png",)),
            ),
        ),
        answer("1"),
        Closed(round=1, why="done"),
    ]
    with Ledger(tmp_path / "ledger.db") as ledger:
        assert ledger.append(events) == 4
    with Ledger(tmp_path / "ledger.db") as ledger:
        assert [recorded.event for recorded in ledger] == events


def test_an_event_with_a_known_key_is_not_appended_again(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.db") as ledger:
        assert ledger.append([answer("1"), answer("1")]) == 1
        assert ledger.append([answer("1"), answer("2")]) == 1
        assert len(list(ledger)) == 2


def test_reading_after_a_sequence_number_gives_only_what_came_later(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.db") as ledger:
        ledger.append([answer("1")])
        first = next(iter(ledger)).seq
        ledger.append([answer("2")])
        assert [r.event.key for r in ledger.read(after=first)] == ["answer:2"]


@pytest.mark.parametrize("statement", ["DELETE FROM events", "UPDATE events SET body = '{}'"])
def test_nothing_can_be_changed_or_removed_by_hand(tmp_path: Path, statement: str) -> None:
    with Ledger(tmp_path / "ledger.db") as ledger:
        ledger.append([answer("1")])
    with sqlite3.connect(tmp_path / "ledger.db") as connection, pytest.raises(sqlite3.Error, match="append-only"):
        connection.execute(statement)


def test_a_file_that_is_not_a_ledger_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_text("no database")
    with pytest.raises(LedgerError, match="cannot open the ledger"):
        Ledger(tmp_path / "ledger.db")


def test_a_password_in_the_url_does_not_reach_the_error() -> None:
    with pytest.raises(LedgerError) as caught:
        Ledger("nosuchdb://user:s3cret@127.0.0.1/x")
    assert "s3cret" not in str(caught.value)


def test_an_event_of_a_newer_version_is_named_as_such(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.db") as ledger:
        ledger.append([Pulled(watermark="w")])
    with sqlite3.connect(tmp_path / "ledger.db") as connection:
        connection.execute(
            "INSERT INTO events (at, kind, key, body) VALUES ('2026-01-01', 'x', 'x', '{\"kind\":\"x\"}')"
        )
    with Ledger(tmp_path / "ledger.db") as ledger, pytest.raises(LedgerError, match="does not know"):
        list(ledger)


def _append_many(path: Path, start: int) -> None:
    with Ledger(path) as ledger:
        for i in range(start, start + 25):
            ledger.append([answer(str(i))])


def test_two_processes_that_append_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    Ledger(path).close()
    context = get_context("spawn")
    processes = [context.Process(target=_append_many, args=(path, start)) for start in (0, 100)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    with Ledger(path) as ledger:
        assert len({r.event.key for r in ledger}) == 50
