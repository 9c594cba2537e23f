"""The ledger in any database that SQLAlchemy supports, for a team that shares it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    bindparam,
    create_engine,
    event,
    func,
    insert,
    select,
    text,
)
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from activessl.errors import LedgerError
from activessl.ledger import layouts
from activessl.ledger.rows import AT_ONCE, GUARDS, PRAGMAS, UNGUARDED, VERSION, Row, check_version, failed
from activessl.ledger.server import Alone, alone, engine_of, failed_by, in_order, parsed

#: The beginning of the names of schemas with events before a restore.
_BEFORE = "activessl_before_restore_"

_metadata = MetaData()
_events = Table(
    "events",
    _metadata,
    # SQLite numbers rows automatically for INTEGER, but not for BIGINT
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("at", String(40), nullable=False),
    Column("kind", String(20), nullable=False, index=True),
    Column("key", String(500), nullable=False, unique=True),
    Column("body", Text, nullable=False),
)


class DatabaseRows:
    """The table of events behind a URL.

    Args:
        url: A SQLAlchemy URL.
        held: The lock of the one who writes, if this process holds it.

    Raises:
        LedgerError: The database cannot be used.
    """

    def __init__(self, url: str, held: Alone | None = None) -> None:
        # before parsing, the password in a URL cannot be hidden
        self.name = "(a URL)" if "@" in url else url
        self._held = held
        try:
            known = parsed(url)
            self.name = known.render_as_string(hide_password=True)
            backend = known.get_backend_name()
            self._local, self._server = backend == "sqlite", backend == "postgresql"
            self.file: Path | None = Path(known.database) if self._local and known.database else None
            if self.file is not None and self.file.is_file():
                with closing(sqlite3.connect(self.file)) as plain:  # without pragmas: a newer file is not touched
                    check_version(self.name, plain.execute("PRAGMA user_version").fetchone()[0])
            self._engine = engine_of(known) if self._server else _engine(known)
            if self._server:
                layouts.prepare(self._engine, self.name)
                return
            _metadata.create_all(self._engine)
            if self._local:
                with self._engine.begin() as connection:
                    for guard in GUARDS:
                        connection.exec_driver_sql(guard)
        except (ArgumentError, NoSuchModuleError, ImportError, ValueError) as error:
            raise LedgerError(
                f"cannot use the ledger {self.name}: {type(error).__name__}",
                hint="use a file name, or install the driver of the URL: pip install 'activessl[postgres]'",
            ) from None
        except sqlite3.Error as error:
            raise failed("open", self.name, error) from None
        except SQLAlchemyError as error:
            raise failed_by("open", self.name, error) from None

    @contextmanager
    def alone(self) -> Iterator[Alone | None]:
        """Hold the lock of the one who writes; None where there is no server, but a file.

        Raises:
            ProjectLocked: Another process holds it.
        """
        if not self._server:
            yield None
            return
        with alone(self._engine, self.name) as held:
            yield held

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """A transaction that appends, one after the other."""
        try:
            with self._engine.begin() if self._held is None else self._held.transaction() as connection:
                if self._server:
                    in_order(connection)
                yield connection
        except SQLAlchemyError as error:
            raise failed_by("write", self.name, error) from None

    def add(self, rows: Sequence[Row]) -> int:
        """Add rows with new keys in one transaction; return their number."""
        with self._writing() as connection:
            return self._insert(connection, rows)

    def rewrite(self, change: Callable[[int, str, str], tuple[str, str] | None], rows: Sequence[Row]) -> int:
        """Change events and add rows in one transaction; see ``Rows.rewrite``."""
        before: tuple[str, ...] = UNGUARDED if self._local else ()
        after: tuple[str, ...] = GUARDS if self._local else ()
        if self._server:
            before, after = (layouts.UNGUARDED,), (layouts.GUARDED,)
        with self._writing() as connection:
            if self._local:
                connection.exec_driver_sql("PRAGMA secure_delete=ON")
            found = connection.execute(select(_events.c.seq, _events.c.at, _events.c.body).order_by(_events.c.seq))
            changed = [
                {"row": seq, "key": new[0], "body": new[1]}
                for seq, at, body in found.all()
                if (new := change(seq, at, body)) is not None
            ]
            for statement in before:
                connection.exec_driver_sql(statement)
            if changed:
                connection.execute(_events.update().where(_events.c.seq == bindparam("row")), changed)
            for statement in after:
                connection.exec_driver_sql(statement)
            self._insert(connection, rows)
            return len(changed)

    def renew(self, rows: Sequence[Row]) -> str:
        """Put other events in the place of those that are there, in one transaction.

        Returns:
            The schema of the database in which those before are kept; empty if there were none.
        """
        if not self._server:
            raise LedgerError(f"the ledger {self.name} is no PostgreSQL server", hint="restore it as a file")
        kept = ""
        with self._writing() as connection:
            if connection.scalar(select(func.count()).select_from(_events)):
                kept = _free_schema(connection)
                connection.exec_driver_sql(f"CREATE SCHEMA {kept}")
                connection.exec_driver_sql(f"ALTER TABLE events SET SCHEMA {kept}")  # with its numbers and triggers
                for statement in (*layouts.EVENTS, *layouts.GUARDS):
                    connection.exec_driver_sql(statement)
            self._insert(connection, rows)
        return kept

    def kept_before(self) -> tuple[str, ...]:
        """The schemas in which ``renew`` has kept events."""
        if not self._server:
            return ()
        named = text("SELECT nspname FROM pg_catalog.pg_namespace WHERE nspname LIKE :start ORDER BY nspname")
        try:
            with self._engine.connect() as connection:
                return tuple(connection.execute(named, {"start": f"{_BEFORE}%"}).scalars())
        except SQLAlchemyError as error:
            raise failed_by("read", self.name, error) from None

    def compact(self) -> None:
        """Write the table anew, so that what was changed or deleted is no longer in its files."""
        statements = ("VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)") if self._local else ("VACUUM FULL events",)
        if not self._local and not self._server:
            return
        try:
            with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                for statement in statements:
                    connection.exec_driver_sql(statement)
        except SQLAlchemyError as error:
            raise failed_by("compact", self.name, error) from None

    def _insert(self, connection: Connection, rows: Sequence[Row]) -> int:
        keys, known = [row.key for row in rows], set[str]()
        for i in range(0, len(keys), AT_ONCE):
            found = connection.execute(select(_events.c.key).where(_events.c.key.in_(keys[i : i + AT_ONCE])))
            known.update(found.scalars())
        new = [asdict(row) for row in rows if row.key not in known]
        if new:
            connection.execute(insert(_events), new)
            if self._local and connection.exec_driver_sql("PRAGMA user_version").scalar_one() < VERSION:
                connection.exec_driver_sql(f"PRAGMA user_version={VERSION}")
        return len(new)

    def read(self, after: int, kind: str | None) -> Iterator[tuple[int, str, str]]:
        """Rows after a sequence number, ascending."""
        wanted = _events.c.seq > after if kind is None else (_events.c.seq > after) & (_events.c.kind == kind)
        yield from self._all(select(_events.c.seq, _events.c.at, _events.c.body).where(wanted).order_by(_events.c.seq))

    def raw(self) -> Iterator[tuple[Any, Any, Any, Any]]:
        """Yield number, time, key and body of all rows as they are, ascending."""
        wanted = select(_events.c.seq, _events.c.at, _events.c.key, _events.c.body).order_by(_events.c.seq)
        yield from self._all(wanted)

    def _all(self, query: Any) -> list[Any]:
        """All rows at once, so that no connection waits for a reader who may never come to the end."""
        try:
            with self._engine.connect() as connection:
                return [tuple(row) for row in connection.execute(query)]
        except SQLAlchemyError as error:
            raise failed_by("read", self.name, error) from None

    def last(self) -> int:
        """The highest sequence number; 0 in an empty ledger."""
        return int(self._one(select(func.max(_events.c.seq))) or 0)

    def newest(self) -> str | None:
        """The body of the last row."""
        found: str | None = self._one(select(_events.c.body).order_by(_events.c.seq.desc()).limit(1))
        return found

    def close(self) -> None:
        """Close the connections to the database; those to a server are kept for the next ledger of this process."""
        if not self._server:
            self._engine.dispose()

    def _one(self, query: Any) -> Any:
        try:
            with self._engine.connect() as connection:
                return connection.execute(query).scalar()
        except SQLAlchemyError as error:
            raise failed_by("read", self.name, error) from None


def _engine(url: Any) -> Engine:
    engine = create_engine(url)
    if url.get_backend_name() == "sqlite":

        @event.listens_for(engine, "connect")
        def _pragmas(connection: Any, _: Any) -> None:
            for pragma in PRAGMAS:
                connection.execute(f"PRAGMA {pragma}")

    return engine


def _free_schema(connection: Connection) -> str:
    number = 1
    while connection.exec_driver_sql(f"SELECT to_regnamespace('{_BEFORE}{number}')").scalar():
        number += 1
    return f"{_BEFORE}{number}"
