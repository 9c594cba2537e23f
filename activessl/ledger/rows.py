"""The interface of the ledger's table, and the parts that both implementations share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from activessl.errors import LedgerError

#: Readers never block the writer; a committed event survives a power failure.
PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000", "foreign_keys=ON")

#: Rows can only be added, also with another SQLite client.
GUARDED = ("update", "delete")
GUARDS = tuple(
    f"CREATE TRIGGER IF NOT EXISTS events_no_{verb} BEFORE {verb.upper()} ON events "
    "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
    for verb in GUARDED
)
UNGUARDED = tuple(f"DROP TRIGGER IF EXISTS events_no_{verb}" for verb in GUARDED)

#: The version of the file, which SQLite keeps as ``user_version``: the newest format of its events. 0 was written
#: before versions were kept.
VERSION = 2

#: Number of keys per SELECT: SQLite limits the number of variables.
AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Row:
    """One event as a row of the table."""

    at: str
    kind: str
    key: str
    body: str


class Rows(Protocol):
    """The table of events of one ledger. Every method raises ``LedgerError`` if the database fails."""

    @property
    def name(self) -> str:
        """The location, without a password, for messages."""
        ...

    @property
    def file(self) -> Path | None:
        """The file of the table; None for a database server."""
        ...

    def add(self, rows: Sequence[Row]) -> int:
        """Add rows with different keys in one transaction; rows with a known key are left out.

        Returns:
            The number of new rows.
        """
        ...

    def read(self, after: int, kind: str | None) -> Iterator[tuple[int, str, str]]:
        """Yield number, time and body of the rows after a sequence number, ascending; all kinds, or one kind."""
        ...

    def rewrite(self, change: Callable[[int, str, str], tuple[str, str] | None], rows: Sequence[Row]) -> int:
        """Change events and add rows in one transaction: the one exception to an append-only ledger.

        Args:
            change: Called with number, time and body of each event; returns its new key and body, or None to leave it.
            rows: Rows to add afterwards; rows with a known key are left out.

        Returns:
            The number of changed events.
        """
        ...

    def compact(self) -> None:
        """Write the table anew, so that what was changed or deleted is no longer in its files."""
        ...

    def raw(self) -> Iterator[tuple[Any, Any, Any, Any]]:
        """Yield number, time, key and body of all rows as they are, ascending."""
        ...

    def last(self) -> int:
        """The highest sequence number; 0 in an empty ledger."""
        ...

    def newest(self) -> str | None:
        """The body of the last row; None in an empty ledger."""
        ...

    def close(self) -> None:
        """Close the connections to the database."""
        ...


#: The hint where nothing can be written.
READ_ONLY = "make the file and its folder writable, or copy the project to another disk"

#: What SQLite says of a file, by the beginning of the name of its error: what to do about it.
_HINTS = (
    (
        "SQLITE_NOTADB",
        "restore the ledger from a backup with `activessl restore`, or correct `ledger` in activessl.toml",
    ),
    (
        "SQLITE_CORRUPT",
        "restore the ledger from a backup with `activessl restore`; `activessl verify` says what is damaged",
    ),
    ("SQLITE_FULL", "free some disk space; nothing was written"),
    ("SQLITE_IOERR", "check the disk for errors, and whether it is full"),
    ("SQLITE_BUSY", "wait until the other process ends, or stop it"),
    ("SQLITE_LOCKED", "wait until the other process ends, or stop it"),
    ("SQLITE_READONLY", READ_ONLY),
    ("SQLITE_PERM", READ_ONLY),
    ("SQLITE_CANTOPEN", "check that the folder exists, and that file and folder are writable"),
    ("SQLITE_CONSTRAINT", "report this error: nothing was written"),
)


def failed(verb: str, name: str, why: object, *, hint: str | None = None) -> LedgerError:
    """The error for a failed database operation: the first line of the driver's message, and what to do about it."""
    said = str(why).splitlines()[:1]
    message = f"cannot {verb} the ledger {name}: {said[0] if said else type(why).__name__}"
    if not name.startswith("sqlite"):
        other = "check the URL, the database server and the permissions of the database user"
        return LedgerError(message, hint=hint or other)
    code = str(getattr(why, "sqlite_errorname", ""))
    hint = hint or next((hint for start, hint in _HINTS if code.startswith(start)), None)
    return LedgerError(
        message, hint=hint or "check that the file is a ledger, and that the disk is writable and not full"
    )


def damaged(name: str, what: str) -> LedgerError:
    """The error for a ledger that SQLite reads, and that is damaged.

    Args:
        name: The location.
        what: What is damaged.
    """
    return LedgerError(
        f"the ledger {name} is damaged: {what}",
        hint="restore it from a backup with `activessl restore`; `activessl verify` says what else is damaged",
    )


def check_version(name: str, version: int, newest: int = VERSION) -> None:
    """Refuse a file, or the tables of a server, that a newer version wrote.

    Raises:
        LedgerError: It has a newer version.
    """
    if version > newest:
        raise LedgerError(
            f"the ledger {name} has version {version}, written by a newer activessl; this one reads up to {newest}",
            hint="update activessl: pip install --upgrade activessl",
        )
