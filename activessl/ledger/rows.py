"""The ledger's table, whatever database it lies in: what the ledger asks of it, and what both kinds have in common."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from activessl.errors import LedgerError

#: Readers never block the writer; a power cut loses no committed event.
PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000", "foreign_keys=ON")

#: The truth is only ever added to, also by hand.
GUARDS = tuple(
    f"CREATE TRIGGER IF NOT EXISTS events_no_{verb} BEFORE {verb.upper()} ON events "
    "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
    for verb in ("update", "delete")
)

#: Keys that are asked for at a time: SQLite takes a limited number of variables.
AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Row:
    """One event, to be written."""

    at: str
    kind: str
    key: str
    body: str


class Rows(Protocol):
    """The table of events of one ledger. Every method raises ``LedgerError`` where the database fails."""

    @property
    def name(self) -> str:
        """Where it is, as it may be shown: without a password."""
        ...

    @property
    def file(self) -> Path | None:
        """The file that it lies in; None where it is no file."""
        ...

    def add(self, rows: Sequence[Row]) -> int:
        """Add rows, of different keys, in one transaction; those whose key is known are left out.

        Returns:
            How many were new.
        """
        ...

    def read(self, after: int, kind: str | None) -> Iterator[tuple[int, str, str]]:
        """Sequence number, time and body of the rows after a sequence number, ascending; all, or those of one kind."""
        ...

    def last(self) -> int:
        """The highest sequence number; 0 where there is no row."""
        ...

    def newest(self) -> str | None:
        """The last row's body; None where there is none."""
        ...

    def close(self) -> None:
        """Let go of the database."""
        ...


def failed(verb: str, name: str, why: object) -> LedgerError:
    """What a failing database is told as: with the driver's own words, the first line of them."""
    said = str(why).splitlines()[:1]
    return LedgerError(
        f"cannot {verb} the ledger {name}: {said[0] if said else type(why).__name__}",
        hint="check that the disk is writable and not full",
    )
