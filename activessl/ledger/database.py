"""The ledger in any database that SQLAlchemy supports, for a team that shares it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
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
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from activessl.errors import LedgerError
from activessl.ledger.rows import AT_ONCE, GUARDS, PRAGMAS, UNGUARDED, VERSION, Row, check_version, failed

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

    Raises:
        LedgerError: The database cannot be used.
    """

    def __init__(self, url: str) -> None:
        # before parsing, the password in a URL cannot be hidden
        self.name = "(a URL)" if "@" in url else url
        try:
            parsed = make_url(url)
            self.name = parsed.render_as_string(hide_password=True)
            local = parsed.get_backend_name() == "sqlite"
            self.file: Path | None = Path(parsed.database) if local and parsed.database else None
            self._local = local
            if self.file is not None and self.file.is_file():
                with closing(sqlite3.connect(self.file)) as plain:  # without pragmas: a newer file is not touched
                    check_version(self.name, plain.execute("PRAGMA user_version").fetchone()[0])
            self._engine = _engine(parsed)
            _metadata.create_all(self._engine)
            if local:
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
            raise _failed("open", self.name, error) from None

    def add(self, rows: Sequence[Row]) -> int:
        """Add rows with new keys in one transaction; return their number."""
        try:
            with self._engine.begin() as connection:
                return self._insert(connection, rows)
        except SQLAlchemyError as error:
            raise _failed("write", self.name, error) from None

    def rewrite(self, change: Callable[[int, str, str], tuple[str, str] | None], rows: Sequence[Row]) -> int:
        """Change events and add rows in one transaction; see ``Rows.rewrite``."""
        try:
            with self._engine.begin() as connection:
                if self._local:
                    connection.exec_driver_sql("PRAGMA secure_delete=ON")
                elif self._engine.dialect.name == "postgresql":  # nobody appends between reading and writing
                    connection.exec_driver_sql("LOCK TABLE events IN EXCLUSIVE MODE")
                found = connection.execute(select(_events.c.seq, _events.c.at, _events.c.body).order_by(_events.c.seq))
                changed = [
                    {"row": seq, "key": new[0], "body": new[1]}
                    for seq, at, body in found.all()
                    if (new := change(seq, at, body)) is not None
                ]
                for statement in UNGUARDED if self._local else ():
                    connection.exec_driver_sql(statement)
                if changed:
                    connection.execute(_events.update().where(_events.c.seq == bindparam("row")), changed)
                for statement in GUARDS if self._local else ():
                    connection.exec_driver_sql(statement)
                self._insert(connection, rows)
                return len(changed)
        except SQLAlchemyError as error:
            raise _failed("write", self.name, error) from None

    def compact(self) -> None:
        """Write the table anew, so that what was changed or deleted is no longer in its files."""
        statements = ("VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)") if self._local else ("VACUUM FULL events",)
        if not self._local and self._engine.dialect.name != "postgresql":
            return
        try:
            with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                for statement in statements:
                    connection.exec_driver_sql(statement)
        except SQLAlchemyError as error:
            raise _failed("compact", self.name, error) from None

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
        try:
            with self._engine.connect() as connection:
                found = connection.execute(
                    select(_events.c.seq, _events.c.at, _events.c.body).where(wanted).order_by(_events.c.seq)
                )
                yield from ((seq, at, body) for seq, at, body in found)
        except SQLAlchemyError as error:
            raise _failed("read", self.name, error) from None

    def last(self) -> int:
        """The highest sequence number; 0 in an empty ledger."""
        return int(self._one(select(func.max(_events.c.seq))) or 0)

    def newest(self) -> str | None:
        """The body of the last row."""
        found: str | None = self._one(select(_events.c.body).order_by(_events.c.seq.desc()).limit(1))
        return found

    def close(self) -> None:
        """Close the connections to the database."""
        self._engine.dispose()

    def _one(self, query: Any) -> Any:
        try:
            with self._engine.connect() as connection:
                return connection.execute(query).scalar()
        except SQLAlchemyError as error:
            raise _failed("read", self.name, error) from None


def _engine(url: Any) -> Engine:
    engine = create_engine(url)
    if url.get_backend_name() == "sqlite":

        @event.listens_for(engine, "connect")
        def _pragmas(connection: Any, _: Any) -> None:
            for pragma in PRAGMAS:
                connection.execute(f"PRAGMA {pragma}")

    return engine


def _failed(verb: str, name: str, error: SQLAlchemyError) -> LedgerError:
    # the message of SQLAlchemy has the statement and its parameters; only that of the driver is shown
    return failed(verb, name, getattr(error, "orig", None) or type(error).__name__)
