"""The interface of the ledger's table, and the parts that both implementations share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from activessl.errors import LedgerError

#: Readers never block the writer; a committed event survives a power failure.
PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000", "foreign_keys=ON")

#: Rows can only be added, also with another SQLite client.
GUARDS = tuple(
    f"CREATE TRIGGER IF NOT EXISTS events_no_{verb} BEFORE {verb.upper()} ON events "
    "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
    for verb in ("update", "delete")
)

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

    def last(self) -> int:
        """The highest sequence number; 0 in an empty ledger."""
        ...

    def newest(self) -> str | None:
        """The body of the last row; None in an empty ledger."""
        ...

    def close(self) -> None:
        """Close the connections to the database."""
        ...


def failed(verb: str, name: str, why: object) -> LedgerError:
    """The error for a failed database operation, with the first line of the driver's message."""
    said = str(why).splitlines()[:1]
    local = name.startswith("sqlite")
    return LedgerError(
        f"cannot {verb} the ledger {name}: {said[0] if said else type(why).__name__}",
        hint="check that the file is a ledger, and that the disk is writable and not full"
        if local
        else "check the URL, the database server and the permissions of the database user",
    )
