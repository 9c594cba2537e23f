"""The ledger on disk: append-only, in SQLite or any database that SQLAlchemy speaks."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pydantic import ValidationError
from sqlalchemy import (
    BigInteger,
    Column,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
    func,
    insert,
    select,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from activessl.errors import LedgerError
from activessl.ledger.schema import EVENT, FORMAT, Event, Recorded
from activessl.ledger.upgrade import format_of, upgrade

_metadata = MetaData()
_events = Table(
    "events",
    _metadata,
    # SQLite numbers rows by itself only for INTEGER, not for BIGINT
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("at", String(40), nullable=False),
    Column("kind", String(20), nullable=False, index=True),
    Column("key", String(500), nullable=False, unique=True),
    Column("body", Text, nullable=False),
)

# the truth is only ever added to, also by hand
_GUARDS = tuple(
    f"CREATE TRIGGER IF NOT EXISTS events_no_{verb} BEFORE {verb.upper()} ON events "
    "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
    for verb in ("update", "delete")
)


class Ledger:
    """Append-only truth of one project.

    Args:
        location: A file, made if missing, or a SQLAlchemy URL.

    Raises:
        LedgerError: It cannot be opened or is not a ledger.

    Example:
        >>> import tempfile
        >>> from activessl.ledger.schema import Pulled
        >>> with tempfile.TemporaryDirectory() as folder, Ledger(Path(folder) / "ledger.db") as ledger:
        ...     ledger.append([Pulled(watermark="a"), Pulled(watermark="a")])
        ...     [recorded.event.watermark for recorded in ledger]
        1
        ['a']
    """

    def __init__(self, location: Path | str) -> None:
        # until it is parsed, a URL may show its password
        self._name = "(a URL)" if isinstance(location, str) and ":" in location and "@" in location else str(location)
        try:
            url = make_url(location if isinstance(location, str) and "://" in location else f"sqlite:///{location}")
            self._name = url.render_as_string(hide_password=True)
            self._engine = _engine(url)
            _metadata.create_all(self._engine)
            if url.get_backend_name() == "sqlite":
                with self._engine.begin() as connection:
                    for guard in _GUARDS:
                        connection.exec_driver_sql(guard)
        except (ArgumentError, NoSuchModuleError, ImportError, ValueError) as error:
            raise LedgerError(
                f"cannot use the ledger {self._name}: {type(error).__name__}",
                hint="give a file name, or a URL whose driver is installed: pip install 'activessl[postgres]'",
            ) from None
        except SQLAlchemyError as error:
            raise _failed("open", self._name, error) from None

    def append(self, events: Iterable[Event]) -> int:
        """Add events in one transaction; those whose key is known are left out.

        Returns:
            How many were new.

        Raises:
            LedgerError: Nothing was written.
        """
        rows: dict[str, dict[str, Any]] = {}
        for e in events:
            body = EVENT.dump_json(e).decode()
            rows.setdefault(e.key, {"at": datetime.now(UTC).isoformat(), "kind": e.kind, "key": e.key, "body": body})
        if not rows:
            return 0
        try:
            with self._engine.begin() as connection:
                known: set[str] = set()
                keys = list(rows)
                for i in range(0, len(keys), 500):  # SQLite takes a limited number of variables
                    found = connection.execute(select(_events.c.key).where(_events.c.key.in_(keys[i : i + 500])))
                    known.update(found.scalars())
                new = [row for key, row in rows.items() if key not in known]
                if new:
                    connection.execute(insert(_events), new)
                return len(new)
        except SQLAlchemyError as error:
            raise _failed("write", self._name, error) from None

    def read(self, after: int = 0, *, kind: str | None = None) -> Iterator[Recorded]:
        """Events in the order in which they were appended, after a sequence number; all, or those of one kind."""
        wanted = _events.c.seq > after if kind is None else (_events.c.seq > after) & (_events.c.kind == kind)
        try:
            with self._engine.connect() as connection:
                for seq, at, body in connection.execute(
                    select(_events.c.seq, _events.c.at, _events.c.body).where(wanted).order_by(_events.c.seq)
                ):
                    yield Recorded(seq=seq, at=datetime.fromisoformat(at), event=_event(body))
        except SQLAlchemyError as error:
            raise _failed("read", self._name, error) from None
        except LedgerError:
            raise
        except (ValidationError, ValueError, KeyError, TypeError) as error:
            raise LedgerError(
                f"the ledger {self._name} holds an event that this version does not know",
                hint="use the version of activessl that wrote it, or a newer one",
            ) from error

    def last(self) -> int:
        """The newest event's sequence number, 0 before the first: while it is the same, nothing has happened."""
        try:
            with self._engine.connect() as connection:
                return connection.execute(select(func.max(_events.c.seq))).scalar() or 0
        except SQLAlchemyError as error:
            raise _failed("read", self._name, error) from None

    def __iter__(self) -> Iterator[Recorded]:
        return self.read()

    def keep_before_upgrade(self) -> None:
        """Where the newest event is of an earlier format, keep a copy of the file as it is, once.

        From then on events of this version follow those of the earlier one. Of a database behind a URL there is no
        file to copy: its rows are only ever added to.

        Raises:
            LedgerError: The copy cannot be written.
        """
        file = self._engine.url.database
        if self._engine.url.get_backend_name() != "sqlite" or not file:
            return
        try:
            with self._engine.connect() as connection:
                newest = connection.execute(select(_events.c.body).order_by(_events.c.seq.desc()).limit(1)).scalar()
            before = FORMAT if newest is None else format_of(json.loads(newest))
            copy = Path(f"{file}.format-{before}")
            if before >= FORMAT or copy.exists():
                return
            part = copy.with_name(f".{copy.name}.part")
            part.unlink(missing_ok=True)
            with closing(sqlite3.connect(file)) as there, closing(sqlite3.connect(part)) as here:
                there.backup(here)  # whole, whoever reads or writes meanwhile
            part.replace(copy)
        except (SQLAlchemyError, sqlite3.Error, OSError, ValueError) as error:
            raise LedgerError(
                f"cannot keep a copy of the ledger {self._name} before it is upgraded: {error}",
                hint="check that the disk is writable and not full; nothing was changed",
            ) from None

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _event(body: str) -> Event:
    # a field of each event, the first: what this version wrote itself needs no second reading
    if body.startswith(f'{{"format":{FORMAT},'):
        return EVENT.validate_json(body)
    return EVENT.validate_python(upgrade(json.loads(body), FORMAT))


def _engine(url: Any) -> Engine:
    engine = create_engine(url)
    if url.get_backend_name() == "sqlite":

        @event.listens_for(engine, "connect")
        def _pragmas(connection: Any, _: Any) -> None:
            # readers never block the writer; a power cut loses no committed event
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000", "foreign_keys=ON"):
                connection.execute(f"PRAGMA {pragma}")

    return engine


def _failed(verb: str, name: str, error: SQLAlchemyError) -> LedgerError:
    # SQLAlchemy's own text holds the statement and its parameters: only the driver's words are for people
    why = str(getattr(error, "orig", None) or type(error).__name__).splitlines()[0]
    return LedgerError(f"cannot {verb} the ledger {name}: {why}", hint="check that the disk is writable and not full")
