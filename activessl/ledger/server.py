"""A ledger on PostgreSQL: its connections, one writer at a time, and one order of the events for all who read."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from activessl.errors import LedgerError, ProjectLocked
from activessl.ledger.rows import failed

__all__ = ["Alone", "alone", "engine_of", "failed_by", "in_order", "parsed"]

#: What is set in each session. A statement that waits for another one fails after 10 s, as in SQLite; and the server
#: notices within a minute that a machine is gone, so that its lock is free.
_SESSION = (
    "SET lock_timeout = '10s'",
    "SET tcp_keepalives_idle = 30",
    "SET tcp_keepalives_interval = 10",
    "SET tcp_keepalives_count = 3",
)

#: The same on this side of the connection, by the names of libpq.
_LIBPQ = {"connect_timeout": 10, "keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}

#: Our advisory locks, which share a database with those of others: the first is held by who writes to a project, the
#: second by who appends. The table's number is the other half of the key: schemas do not disturb each other.
_WRITER, _ORDER = 1_634_956_915, 1_634_956_916


def _key(what: int) -> str:
    return f"({what}::bigint << 32) + 'events'::regclass::oid::bigint"


_TAKE = text(f"SELECT pg_try_advisory_lock({_key(_WRITER)})")
_FREE = text(f"SELECT pg_advisory_unlock({_key(_WRITER)})")
_IN_ORDER = text(f"SELECT pg_advisory_xact_lock({_key(_ORDER)})")
_THIS = (  # with the number of the writer's lock
    "l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 "
    "AND l.classid::bigint = 1634956915 AND l.objid = 'events'::regclass::oid "
    "AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
_MINE = text(f"SELECT count(*) FROM pg_locks l WHERE {_THIS} AND l.pid = pg_backend_pid()")  # noqa: S608
_WHO = text(  # constants only
    f"SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE {_THIS}"  # noqa: S608
)

_engines: dict[str, Engine] = {}
_guard = Lock()


def parsed(url: str) -> URL:
    """Read a URL; one of PostgreSQL without a driver gets the driver of the extra ``postgres``.

    Raises:
        sqlalchemy.exc.ArgumentError: It is no URL.

    Example:
        >>> parsed("postgresql://db/labels").drivername
        'postgresql+psycopg'
    """
    found = make_url(url)
    return found.set(drivername="postgresql+psycopg") if found.drivername in ("postgresql", "postgres") else found


def engine_of(url: URL) -> Engine:
    """The connections to a server, which all ledgers of this process share: to open one takes longer than a query."""
    name = url.render_as_string(hide_password=False)
    with _guard:
        if name not in _engines:
            # a connection that was cut while nobody used it is replaced, and nobody is told; two stay open per process
            _engines[name] = engine = create_engine(
                url, pool_pre_ping=True, pool_size=2, max_overflow=30, connect_args=_arguments(url)
            )
            event.listen(engine, "connect", _begin)
        return _engines[name]


def _arguments(url: URL) -> dict[str, Any]:
    if url.get_driver_name() not in ("psycopg", "psycopg2"):
        return {}
    # shown by `pg_stat_activity`, and in the message of who finds the project locked
    own: dict[str, Any] = {"application_name": f"activessl on {socket.gethostname()[:30]}, process {os.getpid()}"}
    if url.get_driver_name() == "psycopg":
        own["prepare_threshold"] = None  # behind a pool of connections, the next one does not have them
    return {name: value for name, value in {**_LIBPQ, **own}.items() if name not in url.query}


def _begin(connection: Any, _: Any) -> None:
    with connection.cursor() as cursor:
        for statement in _SESSION:
            cursor.execute(statement)
    connection.commit()


def _forked() -> None:
    """A connection belongs to one process: the child leaves those of its parent alone."""
    global _guard
    _guard = Lock()
    for engine in _engines.values():
        engine.dispose(close=False)
    _engines.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


def in_order(connection: Connection) -> None:
    """Wait until no other transaction appends: numbers are given at the insert, so without this, a reader could see
    event 6 before event 5 is committed, and never look for it again."""
    connection.execute(_IN_ORDER)


class Alone:
    """The lock of the one who writes, with the connection that holds it.

    The process that holds it writes through this connection: if it is cut, the server gives the lock to the next one,
    and what comes later of the one before is refused, instead of being written by two.
    """

    def __init__(self, connection: Connection, name: str) -> None:
        self._connection, self._name, self._turn = connection, name, Lock()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A transaction of the one who holds the lock.

        Raises:
            LedgerError: The lock was lost; nothing was written.
        """
        with self._turn, self._connection.begin():
            if not self._connection.scalar(_MINE):
                raise LedgerError(
                    f"cannot write the ledger {self._name}: the connection that held the lock for writing was cut",
                    hint="run the same command again: what is written counts, the rest is done then (behind pgbouncer: "
                    "pool_mode = session)",
                )
            yield self._connection


@contextmanager
def alone(engine: Engine, name: str) -> Iterator[Alone]:
    """Hold the lock of the one who writes; it is free as soon as its connection ends, however that happens.

    Raises:
        ProjectLocked: Another process holds it.
        LedgerError: The server cannot be reached.
    """
    try:
        connection = engine.connect()
        try:
            taken = connection.scalar(_TAKE)
            who = None if taken else connection.scalar(_WHO)
            connection.commit()
        except BaseException:
            connection.close()
            raise
    except SQLAlchemyError as error:
        raise failed_by("write", name, error) from None
    if not taken:
        connection.close()
        raise ProjectLocked(
            f"another activessl process is writing to {name}" + (f": {who}" if who else ""),
            hint="wait until that process ends, or stop it",
        )
    try:
        yield Alone(connection, name)
    finally:
        with suppress(SQLAlchemyError):
            connection.rollback()
            connection.execute(_FREE)
            connection.commit()
        with suppress(SQLAlchemyError):
            connection.close()


#: What PostgreSQL says, by the beginning of its code (Appendix A of its manual): what to do about it.
_AGAIN = "run the same command again when the server answers: nothing that is half done counts"
_HINTS = (
    ("08", f"start the database server, or check the network; {_AGAIN}"),
    ("57P", f"start the database server; {_AGAIN}"),
    ("28", "check the user and the password: in the URL, in PGPASSWORD, or in the password file of PostgreSQL"),
    ("3D", "make the database: createdb NAME, or correct `ledger` in activessl.toml"),
    ("42501", "let the owner of the database grant it (docs/how-to/team.md), or name another user in the URL"),
    ("25006", "name the primary server in the URL: this one is a standby, or read-only"),
    ("53300", "raise max_connections of the server, or put pgbouncer with pool_mode = session before it"),
    ("53", "free disk space or memory of the database server; nothing was written"),
    ("55P03", "wait until the other process ends, or stop it; nothing was written"),
)


def failed_by(verb: str, name: str, error: SQLAlchemyError) -> LedgerError:
    """The error for a failed operation: the driver's words, and what to do about it.

    Not SQLAlchemy's message, which has the statement and its parameters.
    """
    why = getattr(error, "orig", None) or type(error).__name__
    if name.startswith("sqlite"):
        return failed(verb, name, why)
    code = str(getattr(why, "sqlstate", None) or "")
    if not code and isinstance(error, DBAPIError) and type(why).__name__ in ("OperationalError", "InterfaceError"):
        code = "28" if "password" in str(why) else "3D" if "does not exist" in str(why) else "08"
    hint = next((hint for start, hint in _HINTS if code.startswith(start)), None)
    return failed(verb, name, why, hint=hint)
