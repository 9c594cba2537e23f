"""The ledger in a SQLite file, through Python's ``sqlite3``: importing SQLAlchemy takes longer than reading a ledger.

``tests/contracts/test_ledgers.py`` tests this module and ``ledger/database.py`` alike, including the schema.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Any

from activessl.errors import LedgerError
from activessl.ledger.rows import AT_ONCE, GUARDS, READ_ONLY, UNGUARDED, VERSION, Row, check_version, damaged, failed

#: A committed event survives a power failure.
SYNCHRONOUS = "FULL"

_TABLE = (
    "CREATE TABLE IF NOT EXISTS events (\n\tseq INTEGER NOT NULL, \n\tat VARCHAR(40) NOT NULL, "
    '\n\tkind VARCHAR(20) NOT NULL, \n\t"key" VARCHAR(500) NOT NULL, \n\tbody TEXT NOT NULL, '
    '\n\tPRIMARY KEY (seq), \n\tUNIQUE ("key")\n)'
)
_INDEX = "CREATE INDEX IF NOT EXISTS ix_events_kind ON events (kind)"
#: Set once per file, which stores it: readers never block the writer.
_WAL = "PRAGMA journal_mode=WAL"
#: Up to this size SQLite checks the whole file before it is read: 20 ms for 10,000 events.
_CHECKED = 16_000_000

_MADE = "SELECT count(*) FROM sqlite_master WHERE tbl_name = 'events' AND sql IS NOT NULL"


class FileRows:
    """The table of events in a file.

    Args:
        path: The file; created if missing.

    Raises:
        LedgerError: The file cannot be opened, is not a SQLite file, or was written by a newer version.
    """

    def __init__(self, path: Path) -> None:
        self.name = f"sqlite:///{path}"
        self.file: Path | None = path.absolute()
        if path.exists() and not path.is_file():
            raise failed("open", self.name, f"{path.name} is no file")
        self._turn = Lock()  # threads may share a ledger, but a transaction belongs to one thread
        self._copy: TemporaryDirectory[str] | None = None
        self._readable = ""  # the URI for reading only, where nothing can be written
        try:
            try:
                self._open()
            except sqlite3.OperationalError as error:
                if not _refused(error) or not path.is_file():
                    raise
                self._readable = self._read_only()
                self._open()
        except sqlite3.Error as error:
            raise failed("open", self.name, error) from None
        except UnicodeDecodeError:  # SQLite's message quotes what a damaged file has in the place of a name
            raise damaged(self.name, "the names of its tables are no text") from None

    def _open(self) -> None:
        self._connection = self._connect()
        self._connection.execute(f"PRAGMA synchronous={SYNCHRONOUS}")
        (self._version,) = self._connection.execute("PRAGMA user_version").fetchone()
        check_version(self.name, self._version)
        made = (_TABLE, _INDEX, *GUARDS)
        (there,) = self._connection.execute(_MADE).fetchone()
        if there != len(made) and not self._readable:
            for statement in (_WAL, *made):
                self._connection.execute(statement)

    def _read_only(self) -> str:
        """How to read a file in a folder that cannot be written: SQLite wants to make files beside it.

        Events that are not in the file yet but in its log are in a copy of both; without a log, nothing is copied.
        """
        assert self.file is not None
        log = self.file.with_name(f"{self.file.name}-wal")
        if not log.exists() or not log.stat().st_size:
            return f"{self.file.as_uri()}?mode=ro&immutable=1"
        self._copy = TemporaryDirectory(prefix="activessl-ledger-")
        copy = Path(self._copy.name) / self.file.name
        for path in (self.file, log):
            shutil.copyfile(path, copy.with_name(path.name))
        return copy.as_uri()

    def add(self, rows: Sequence[Row]) -> int:
        """Add rows with new keys in one transaction; return their number."""
        with self._transaction() as transaction:
            new = self._insert(transaction, rows)
        self._version = max(self._version, VERSION if new else 0)
        return new

    def rewrite(self, change: Callable[[int, str, str], tuple[str, str] | None], rows: Sequence[Row]) -> int:
        """Change events and add rows in one transaction; see ``Rows.rewrite``."""
        with self._transaction() as transaction:
            transaction.execute("PRAGMA secure_delete=ON")  # what is replaced is overwritten in the file
            found = transaction.execute("SELECT seq, at, body FROM events ORDER BY seq")
            changed = [(*new, seq) for seq, at, body in found if (new := change(seq, at, body)) is not None]
            for statement in UNGUARDED:
                transaction.execute(statement)
            transaction.executemany('UPDATE events SET "key" = ?, body = ? WHERE seq = ?', changed)
            for statement in GUARDS:
                transaction.execute(statement)
            self._insert(transaction, rows)
        return len(changed)

    def compact(self) -> None:
        """Write the file anew, and empty its log."""
        try:
            with self._turn:
                self._connection.execute("VACUUM")
                (busy, _, _) = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.Error as error:
            raise failed("compact", self.name, error) from None
        if busy:
            raise LedgerError(
                f"cannot compact the ledger {self.name}: another process reads it", hint="stop it, then run this again"
            )

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        if self._readable:
            raise LedgerError(f"cannot write the ledger {self.name}: the medium is read-only", hint=READ_ONLY)
        try:
            with self._turn, self._connection as transaction:  # commits, or rolls back on an error
                transaction.execute("BEGIN IMMEDIATE")
                yield transaction
        except sqlite3.Error as error:
            raise failed("write", self.name, error) from None

    def _insert(self, transaction: sqlite3.Connection, rows: Sequence[Row]) -> int:
        keys, known = [row.key for row in rows], set[str]()
        for i in range(0, len(keys), AT_ONCE):
            part = keys[i : i + AT_ONCE]
            marks = ", ".join("?" * len(part))
            found = transaction.execute(f"SELECT key FROM events WHERE key IN ({marks})", part)  # noqa: S608
            known.update(key for (key,) in found)
        new = [(row.at, row.kind, row.key, row.body) for row in rows if row.key not in known]
        transaction.executemany("INSERT INTO events (at, kind, key, body) VALUES (?, ?, ?, ?)", new)
        if new and self._version < VERSION:
            transaction.execute(f"PRAGMA user_version={VERSION}")
        return len(new)

    def read(self, after: int, kind: str | None) -> Iterator[tuple[int, str, str]]:
        """Rows after a sequence number, ascending."""
        of_kind = "" if kind is None else " AND kind = ?"
        wanted = (after,) if kind is None else (after, kind)
        query = f"SELECT seq, at, body FROM events WHERE seq > ?{of_kind} ORDER BY seq"  # noqa: S608
        try:
            # a separate connection, so that rows appended meanwhile are not read
            with closing(self._connect()) as connection:
                if after == 0 and kind is None:
                    self._check(connection)
                yield from connection.execute(query, wanted)
        except sqlite3.Error as error:
            raise failed("read", self.name, error) from None

    def _check(self, connection: sqlite3.Connection) -> None:
        """Refuse a damaged file, if it is small enough to be checked at each reading."""
        try:
            if self.file is None or self.file.stat().st_size > _CHECKED:
                return
        except OSError:
            return
        said = self.problems(connection, most=1)
        if said:
            raise damaged(self.name, said[0])

    def problems(self, connection: sqlite3.Connection | None = None, *, most: int = 100) -> list[str]:
        """What SQLite's own check finds wrong in the file; empty for a whole one.

        Args:
            connection: A connection to the file.
            most: The largest number of findings.
        """
        try:
            if connection is None:
                with closing(self._connect()) as own:
                    return self.problems(own, most=most)
            found = [str(said) for (said,) in connection.execute(f"PRAGMA integrity_check({most})")]
        except sqlite3.Error as error:
            return [str(error)]
        return [] if found == ["ok"] else [" ".join(said.split()) for said in found]

    def raw(self) -> Iterator[tuple[Any, Any, Any, Any]]:
        """Yield number, time, key and body of all rows as they are, also of a damaged file, without checking it."""
        try:
            with closing(self._connect()) as connection:
                yield from connection.execute('SELECT seq, at, "key", body FROM events ORDER BY seq')
        except sqlite3.Error as error:
            raise failed("read", self.name, error) from None

    def last(self) -> int:
        """The highest sequence number; 0 in an empty ledger."""
        found = self._one("SELECT max(seq) FROM events")
        return 0 if found is None else int(found)

    def newest(self) -> str | None:
        """The body of the last row."""
        found = self._one("SELECT body FROM events ORDER BY seq DESC LIMIT 1")
        return None if found is None else str(found)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
        if self._copy is not None:
            self._copy.cleanup()

    def _one(self, query: str) -> Any:
        try:
            with self._turn:
                row = self._connection.execute(query).fetchone()
        except sqlite3.Error as error:
            raise failed("read", self.name, error) from None
        return None if row is None else row[0]

    def _connect(self) -> sqlite3.Connection:
        place = self._readable or str(self.file)
        return sqlite3.connect(
            place, timeout=10, isolation_level=None, check_same_thread=False, uri=bool(self._readable)
        )


def _refused(error: sqlite3.Error) -> bool:
    """Whether SQLite may not write: to the file, or beside it."""
    return str(getattr(error, "sqlite_errorname", "")).startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM"))
