"""The tables of a ledger on PostgreSQL, and how those of earlier versions become those of now.

Rows are never converted: an event keeps the format in which it was written, and ``ledger.upgrade`` reads it. So there
is little to migrate, and each step is a few statements, all in one transaction with the note that they were done.
"""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import version

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from activessl.errors import LedgerError
from activessl.ledger.rows import check_version
from activessl.ledger.server import failed_by

__all__ = ["EVENTS", "GUARDED", "GUARDS", "LAYOUT", "UNGUARDED", "prepare"]

#: The table of events, as all versions have made it.
EVENTS = (
    "CREATE TABLE IF NOT EXISTS events (seq BIGSERIAL NOT NULL, at VARCHAR(40) NOT NULL, kind VARCHAR(20) NOT NULL, "
    "key VARCHAR(500) NOT NULL, body TEXT NOT NULL, PRIMARY KEY (seq), UNIQUE (key))",
    "CREATE INDEX IF NOT EXISTS ix_events_kind ON events (kind)",
)

#: Rows can only be added, also with another client: as SQLite's triggers in ``rows.GUARDS``.
GUARDS = (
    "CREATE OR REPLACE FUNCTION events_append_only() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$",
    "DROP TRIGGER IF EXISTS events_no_change ON events",
    "CREATE TRIGGER events_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON events "
    "FOR EACH STATEMENT EXECUTE FUNCTION events_append_only()",
)

#: Before and after rows are changed, within one transaction.
UNGUARDED = "ALTER TABLE events DISABLE TRIGGER events_no_change"
GUARDED = "ALTER TABLE events ENABLE TRIGGER events_no_change"

#: The steps. A database without a note of its version has that of 0, or of 1 if it has the table.
_STEPS: tuple[tuple[str, ...], ...] = (EVENTS, GUARDS)

#: The version of the tables.
LAYOUT = len(_STEPS)

_NOTES = "CREATE TABLE IF NOT EXISTS ledger_versions (version INTEGER PRIMARY KEY, at VARCHAR(40), by VARCHAR(40))"
#: Not by `to_regclass`: within a transaction that has waited for another one, it still knows that there was no table.
_THERE = text(
    "SELECT coalesce(bool_or(relname = 'ledger_versions'), false), coalesce(bool_or(relname = 'events'), false) "
    "FROM pg_catalog.pg_class WHERE relname IN ('ledger_versions', 'events') AND pg_catalog.pg_table_is_visible(oid)"
)
_NEWEST = text("SELECT max(version) FROM ledger_versions")
_NOTE = text("INSERT INTO ledger_versions (version, at, by) VALUES (:version, :at, :by)")
#: One process at a time prepares the tables of a database.
_ONE = text("SELECT pg_advisory_xact_lock(1634956917)")


def prepare(engine: Engine, name: str) -> None:
    """Make the tables, or bring those of an earlier version up to date: all of it, or nothing.

    Raises:
        LedgerError: They are of a newer version, or cannot be made; nothing was changed.
    """
    verb = "open"
    try:
        with engine.connect() as connection:
            now = _version(connection, name)
        check_version(name, now, LAYOUT)
        if now == LAYOUT:
            return
        verb = "upgrade" if now else "make"
        with engine.begin() as connection:
            connection.execute(_ONE)
            now = _version(connection, name)
            connection.exec_driver_sql(_NOTES)
            for number in range(now + 1, LAYOUT + 1):
                for statement in _STEPS[number - 1]:
                    connection.exec_driver_sql(statement)
                by = f"activessl {version('activessl')}"
                connection.execute(_NOTE, {"version": number, "at": datetime.now(UTC).isoformat(), "by": by})
    except SQLAlchemyError as error:
        raise failed_by(verb, name, error) from None


def _version(connection: Connection, name: str) -> int:
    noted, events = connection.execute(_THERE).one()
    newest = int((connection.scalar(_NEWEST) if noted else None) or events)
    if newest and not events:  # a new table would look like a project without a label
        raise LedgerError(
            f"the ledger {name} has lost its table of events",
            hint="add the schema of the ledger to the URL, as ?options=-csearch_path%3DNAME; or restore a backup with "
            "`activessl restore`",
        )
    return newest
