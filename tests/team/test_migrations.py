"""The tables of a ledger on PostgreSQL: made, brought up to date, interrupted, newer, lost, and guarded."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy
from clusters import PASSWORD, Cluster, drop_connections

from activessl.errors import LedgerError
from activessl.ledger import layouts
from activessl.ledger import server as server_module
from activessl.ledger.schema import Pulled
from activessl.ledger.store import Ledger

#: As the commit before there were versions made it: `create_all` of its table.
BEFORE = (
    "CREATE TABLE events (seq BIGSERIAL NOT NULL, at VARCHAR(40) NOT NULL, kind VARCHAR(20) NOT NULL, "
    "key VARCHAR(500) NOT NULL, body TEXT NOT NULL, PRIMARY KEY (seq), UNIQUE (key))",
    "CREATE INDEX ix_events_kind ON events (kind)",
    "INSERT INTO events (at, kind, key, body) VALUES ('2026-01-01T00:00:00+00:00', 'pulled', 'pulled:w', "
    '\'{"kind": "pulled", "watermark": "w"}\')',
)


@pytest.fixture
def database(own_server: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    drop_connections()
    name = f"m {abs(hash(request.node.name))}"
    own_server.create(name)
    yield name
    drop_connections()


def tables(server: Cluster, name: str) -> tuple[list[str], list[str]]:
    """The versions that are noted, and the triggers."""
    noted = server.ask(name, "SELECT to_regclass('ledger_versions') IS NOT NULL") == ["t"]
    versions = server.ask(name, "SELECT version FROM ledger_versions ORDER BY 1") if noted else []
    return versions, server.ask(name, "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal")


def earlier(server: Cluster, name: str) -> str:
    for statement in BEFORE:
        server.ask(name, statement)
    return server.address(name)


def test_a_ledger_of_an_earlier_version_is_brought_up_to_date_and_its_rows_stay(
    own_server: Cluster, database: str
) -> None:
    url = earlier(own_server, database)
    body = own_server.ask(database, "SELECT body FROM events")
    with Ledger(url) as ledger:
        assert [r.event.watermark for r in ledger] == ["w"]  # type: ignore[union-attr]
        assert ledger.append([Pulled(watermark="w"), Pulled(watermark="x")]) == 1
    assert own_server.ask(database, "SELECT body FROM events ORDER BY seq")[:1] == body
    assert tables(own_server, database) == (["2"], ["events_no_change"])
    drop_connections()
    Ledger(url).close()  # and again: nothing more
    assert tables(own_server, database) == (["2"], ["events_no_change"])


@pytest.mark.parametrize("statement", ["UPDATE events SET body = ''", "DELETE FROM events", "TRUNCATE events"])
def test_nothing_can_be_changed_or_removed_with_another_client(
    own_server: Cluster, database: str, statement: str
) -> None:
    with Ledger(own_server.address(database)) as ledger:
        ledger.append([Pulled(watermark="w")])
    done = own_server.run("psql", *own_server.here, "-d", database, "-c", statement)
    assert done.returncode != 0 and "the ledger is append-only" in done.stderr


@pytest.mark.parametrize("fresh", [True, False], ids=["new", "earlier"])
@pytest.mark.parametrize("at", range(4))
def test_an_interrupted_migration_leaves_nothing_and_the_next_run_completes_it(
    own_server: Cluster, database: str, monkeypatch: pytest.MonkeyPatch, fresh: bool, at: int
) -> None:
    url = own_server.address(database) if fresh else earlier(own_server, database)
    before = tables(own_server, database)
    ends = "SELECT pg_terminate_backend(pg_backend_pid())"
    steps = [list(step) for step in layouts._STEPS]
    steps[1].insert(at, ends)  # the server ends the session after so many statements of the last step
    with monkeypatch.context() as patch:
        patch.setattr(layouts, "_STEPS", tuple(tuple(step) for step in steps))
        with pytest.raises(LedgerError, match=rf"cannot {'make' if fresh else 'upgrade'} the ledger") as told:
            Ledger(url)
    assert "nothing that is half done counts" in told.value.hint and PASSWORD not in str(told.value)
    assert tables(own_server, database) == before
    with Ledger(url) as ledger:
        assert ledger.last() == int(not fresh)
    assert tables(own_server, database)[1] == ["events_no_change"]


def test_tables_of_a_newer_version_are_refused_by_name_and_not_touched(own_server: Cluster, database: str) -> None:
    url = own_server.address(database)
    Ledger(url).close()
    own_server.ask(database, "INSERT INTO ledger_versions VALUES (99, 'later', 'activessl 9')")
    drop_connections()
    with pytest.raises(LedgerError, match=r"has version 99, written by a newer activessl; this one reads up to 2"):
        Ledger(url)
    assert tables(own_server, database)[0][-1] == "99"


def test_a_table_that_is_gone_is_not_begun_anew(own_server: Cluster, database: str) -> None:
    url = own_server.address(database)
    with Ledger(url) as ledger:
        ledger.append([Pulled(watermark="w")])
    own_server.ask(database, "ALTER TABLE events RENAME TO elsewhere")
    drop_connections()
    with pytest.raises(LedgerError, match="has lost its table of events"):
        Ledger(url)


def test_many_who_open_a_new_ledger_at_once_make_it_once(own_server: Cluster, database: str) -> None:
    url = own_server.address(database)

    def open_it(number: int) -> int:
        with Ledger(url) as ledger:
            return ledger.append([Pulled(watermark=str(number))])

    with ThreadPoolExecutor(12) as threads:
        assert sum(threads.map(open_it, range(40))) == 40
    assert tables(own_server, database) == (["1", "2"], ["events_no_change"])


def test_who_may_only_read_and_append_can_work_but_not_migrate(own_server: Cluster, database: str) -> None:
    url = earlier(own_server, database)
    role = f"r{abs(hash(database))}"
    for statement in (
        f"CREATE ROLE {role} LOGIN PASSWORD 'x'",
        f"GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO {role}",
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}",
    ):
        own_server.ask(database, statement)
    theirs = sqlalchemy.make_url(url).set(username=role, password="x").render_as_string(hide_password=False)
    with pytest.raises(LedgerError, match=r"cannot upgrade the ledger .*(permission denied|must be owner)") as told:
        Ledger(theirs)
    assert "let the owner of the database" in told.value.hint
    Ledger(url).close()
    own_server.ask(database, f"GRANT SELECT ON ledger_versions TO {role}")
    with Ledger(theirs) as ledger, ledger.alone() as held, Ledger(theirs, held) as mine:
        assert mine.append([Pulled(watermark="mine")]) == 1
        assert len(list(ledger)) == 2


def test_an_event_is_never_seen_before_one_with_a_lower_number(own_server: Cluster, database: str) -> None:
    url = own_server.address(database)
    Ledger(url).close()
    engine = server_module.engine_of(server_module.parsed(url))
    done = threading.Event()

    def append() -> None:
        with Ledger(url) as ledger:
            ledger.append([Pulled(watermark="second")])
        done.set()

    with engine.begin() as slow:
        server_module.in_order(slow)
        slow.exec_driver_sql("INSERT INTO events (at, kind, key, body) VALUES ('x', 'pulled', 'first', '{}')")
        thread = threading.Thread(target=append)
        thread.start()
        assert not done.wait(0.5)  # it has to wait: with a higher number, it would be seen first
        assert own_server.ask(database, "SELECT count(*) FROM events") == ["0"]
    thread.join(10)
    assert own_server.ask(database, "SELECT key FROM events ORDER BY seq") == ["first", "pulled:second"]


def test_a_wait_for_another_transaction_ends_and_is_told(
    own_server: Cluster, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "_SESSION", ("SET lock_timeout = '200ms'",))
    url = own_server.address(database)
    Ledger(url).close()
    with server_module.engine_of(server_module.parsed(url)).begin() as slow:
        server_module.in_order(slow)
        with Ledger(url) as ledger, pytest.raises(LedgerError, match="lock timeout") as told:
            ledger.append([Pulled(watermark="w")])
    assert told.value.hint == "wait until the other process ends, or stop it; nothing was written"


@pytest.mark.parametrize(
    ("change", "said", "hint"),
    [
        ({"database": "nowhere"}, "does not exist", "createdb"),
        ({"password": "wrong"}, "password authentication failed", "PGPASSWORD"),
        ({"port": 1}, "Connection refused", "start the database server"),
        ({"host": "nowhere.invalid"}, "nowhere.invalid", "check the network"),
    ],
)
def test_what_is_wrong_with_a_url_is_told_without_the_password(
    own_server: Cluster, database: str, change: dict[str, object], said: str, hint: str
) -> None:
    url = sqlalchemy.make_url(own_server.address(database)).set(**change)  # type: ignore[arg-type]
    with pytest.raises(LedgerError) as told:
        Ledger(url.render_as_string(hide_password=False))
    assert said in told.value.message and hint in told.value.hint
    assert PASSWORD not in str(told.value) and "wrong" not in str(told.value).replace("wrong number", "")
