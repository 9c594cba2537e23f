"""One law over both ways to a ledger: a file by Python's own driver, and a URL by SQLAlchemy."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from activessl.errors import LedgerError
from activessl.ledger.database import DatabaseRows
from activessl.ledger.file import FileRows
from activessl.ledger.rows import AT_ONCE, Row, Rows
from activessl.ledger.schema import Pulled
from activessl.ledger.store import Ledger

Open = Callable[[], Rows]


def row(key: str, kind: str = "pulled") -> Row:
    return Row("2026-01-01T00:00:00+00:00", kind, key, f'{{"of": "{key}"}}')


@pytest.fixture(params=["file", "sqlite", pytest.param("postgres", marks=pytest.mark.studio)])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Opens the same ledger again and again."""
    if request.param == "file":
        return lambda: FileRows(tmp_path / "ledger.db")
    if request.param == "sqlite":
        return lambda: DatabaseRows(f"sqlite:///{tmp_path / 'ledger.db'}")
    pytest.importorskip("psycopg", reason="the extra `postgres` is not installed")
    import sqlalchemy

    url = request.getfixturevalue("postgres").replace("postgresql://", "postgresql+psycopg://")
    with sqlalchemy.create_engine(url).begin() as connection:
        connection.exec_driver_sql("DROP TABLE IF EXISTS events, ledger_versions")
    return lambda: DatabaseRows(url)


def test_rows_come_back_in_the_order_in_which_they_were_added(opened: Open) -> None:
    rows = opened()
    assert (rows.last(), rows.newest(), list(rows.read(0, None))) == (0, None, [])
    assert rows.add([row("b"), row("a", "taught")]) == 2
    rows.close()
    again = opened()
    read = list(again.read(0, None))
    assert [body for _, _, body in read] == ['{"of": "b"}', '{"of": "a"}']
    assert [at for _, at, _ in read] == ["2026-01-01T00:00:00+00:00"] * 2
    assert again.last() == read[-1][0] > read[0][0] > 0 and again.newest() == '{"of": "a"}'
    assert list(again.read(read[0][0], None)) == read[1:]
    assert list(again.read(0, "taught")) == read[1:] and list(again.read(read[1][0], "taught")) == []
    again.close()


def test_a_known_key_is_left_out_and_the_rest_is_added(opened: Open) -> None:
    one, other = opened(), opened()
    assert one.add([row("a")]) == 1
    assert other.add([row("a"), row("b")]) == 1
    assert one.add([]) == 0 == one.add([row("b")])
    assert len(list(one.read(0, None))) == len(list(other.read(0, None))) == 2
    one.close()
    other.close()


def test_more_keys_than_a_statement_takes(opened: Open) -> None:
    rows = opened()
    many = [row(str(i)) for i in range(2 * AT_ONCE + 7)]
    assert rows.add(many[::2]) == AT_ONCE + 4
    assert rows.add(many) == AT_ONCE + 3
    assert rows.add(many) == 0
    rows.close()


def test_all_rows_are_added_or_none(opened: Open) -> None:
    rows = opened()
    broken = Row("2026-01-01T00:00:00+00:00", "pulled", "b", None)  # type: ignore[arg-type]
    with pytest.raises(LedgerError, match="cannot write the ledger"):
        rows.add([row("a"), broken])
    assert list(rows.read(0, None)) == []
    assert rows.add([row("a")]) == 1
    rows.close()


def test_what_is_added_while_others_read_is_not_among_what_they_read(opened: Open) -> None:
    rows = opened()
    rows.add([row("a"), row("b")])
    reading = rows.read(0, None)
    first = next(reading)
    assert rows.add([row("c")]) == 1
    assert len([first, *reading]) == 2
    rows.close()


def test_both_make_the_same_table(tmp_path: Path) -> None:
    def schema(path: Path) -> list[tuple[str, ...]]:
        with closing(sqlite3.connect(path)) as connection:
            found = list(connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name"))
            return [*found, *connection.execute("PRAGMA journal_mode")]

    FileRows(tmp_path / "file.db").close()
    DatabaseRows(f"sqlite:///{tmp_path / 'url.db'}").close()
    assert schema(tmp_path / "file.db") == schema(tmp_path / "url.db")


@pytest.mark.parametrize("wrote, reads", [(0, 1), (1, 0)])
def test_what_one_wrote_the_other_reads_and_adds_to(tmp_path: Path, wrote: int, reads: int) -> None:
    places = (tmp_path / "ledger.db", f"sqlite:///{tmp_path / 'ledger.db'}")
    with Ledger(places[wrote]) as ledger:
        assert ledger.append([Pulled(watermark="a"), Pulled(watermark="b")]) == 2
    with Ledger(places[reads]) as ledger:
        assert ledger.append([Pulled(watermark="b"), Pulled(watermark="c")]) == 1
        assert [r.event.watermark for r in ledger] == ["a", "b", "c"]  # type: ignore[union-attr]
        assert ledger.last() == 3


@pytest.mark.parametrize("of", [Path, lambda path: f"sqlite:///{path}"], ids=["file", "url"])
def test_both_say_the_same_of_a_file_that_is_none(tmp_path: Path, of: Callable[[Path], Path | str]) -> None:
    (tmp_path / "text.db").write_text("no database, but longer than the head of one would be" * 10)
    with pytest.raises(LedgerError) as told:
        Ledger(of(tmp_path / "text.db"))
    assert told.value.message == f"cannot open the ledger sqlite:///{tmp_path / 'text.db'}: file is not a database"
    with pytest.raises(LedgerError) as told:
        Ledger(of(tmp_path / "nowhere" / "ledger.db"))
    assert told.value.message.endswith("unable to open database file")


def test_rewriting_changes_what_it_names_adds_rows_and_leaves_the_guards(opened: Open) -> None:
    rows = opened()
    rows.add([row("a"), row("b"), row("c")])
    seen = []

    def change(seq: int, at: str, body: str) -> tuple[str, str] | None:
        seen.append((seq, at, body))
        return ("new b", '{"of": "new b"}') if '"b"' in body else None

    assert rows.rewrite(change, [row("d"), row("a")]) == 1
    rows.compact()
    assert seen == [(i + 1, "2026-01-01T00:00:00+00:00", f'{{"of": "{name}"}}') for i, name in enumerate("abc")]
    bodies = [body for _, _, body in opened().read(0, None)]
    assert bodies == ['{"of": "a"}', '{"of": "new b"}', '{"of": "c"}', '{"of": "d"}']
    assert rows.add([row("new b"), row("b")]) == 1  # its key is the new one
    if rows.file is not None:
        with closing(sqlite3.connect(rows.file)) as plain, pytest.raises(sqlite3.IntegrityError, match="append-only"):
            plain.execute("UPDATE events SET body = ''")
    rows.close()


def test_a_rewrite_that_fails_changes_nothing(opened: Open) -> None:
    rows = opened()
    rows.add([row("a"), row("b")])
    with pytest.raises(LedgerError, match="cannot write the ledger"):
        rows.rewrite(lambda seq, _at, _body: ("same key", f'{{"of": "{seq}"}}'), [row("c")])  # keys are unique
    assert [body for _, _, body in rows.read(0, None)] == ['{"of": "a"}', '{"of": "b"}']
    with pytest.raises(ZeroDivisionError):
        rows.rewrite(lambda *_: 1 / 0, [row("c")])  # type: ignore[arg-type,return-value]
    assert rows.add([row("c")]) == 1
    rows.close()


def test_what_was_rewritten_is_in_none_of_the_files(opened: Open) -> None:
    rows, reader = opened(), opened()
    if rows.file is None:
        pytest.skip("the files of a database server are its own")
    rows.add([row(f"secret-{i}") for i in range(300)])
    assert len(list(reader.read(0, None))) == 300
    rows.rewrite(lambda seq, _at, _body: (f"k{seq}", f'{{"of": "{seq}"}}'), [])
    rows.compact()
    for path in rows.file.parent.glob(f"{rows.file.name}*"):
        assert b"secret" not in path.read_bytes(), path.name
    rows.close()
    reader.close()
