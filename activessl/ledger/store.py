"""The ledger on disk: append-only, in SQLite or any database that SQLAlchemy speaks."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import ValidationError

from activessl.arguments import path
from activessl.errors import LedgerError
from activessl.ledger.file import FileRows
from activessl.ledger.rows import Row, Rows
from activessl.ledger.schema import EVENT, FORMAT, Event, Recorded
from activessl.ledger.upgrade import format_of, upgrade


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
        self._rows = _rows(location if isinstance(location, str) else path("location", location))

    def append(self, events: Iterable[Event]) -> int:
        """Add events in one transaction; those whose key is known are left out.

        Returns:
            How many were new.

        Raises:
            LedgerError: Nothing was written.
        """
        rows: dict[str, Row] = {}
        for e in events:
            body = EVENT.dump_json(e).decode()
            rows.setdefault(e.key, Row(datetime.now(UTC).isoformat(), e.kind, e.key, body))
        return self._rows.add(list(rows.values())) if rows else 0

    def read(self, after: int = 0, *, kind: str | None = None) -> Iterator[Recorded]:
        """Events in the order in which they were appended, after a sequence number; all, or those of one kind."""
        try:
            for seq, at, body in self._rows.read(after, kind):
                yield Recorded(seq=seq, at=datetime.fromisoformat(at), event=_event(body))
        except LedgerError:
            raise
        except (ValidationError, ValueError, KeyError, TypeError) as error:
            raise LedgerError(
                f"the ledger {self._rows.name} holds an event that this version does not know",
                hint="use the version of activessl that wrote it, or a newer one",
            ) from error

    def last(self) -> int:
        """The newest event's sequence number, 0 before the first: while it is the same, nothing has happened."""
        return self._rows.last()

    def __iter__(self) -> Iterator[Recorded]:
        return self.read()

    def keep_before_upgrade(self) -> None:
        """Where the newest event is of an earlier format, keep a copy of the file as it is, once.

        From then on events of this version follow those of the earlier one. Of a database behind a URL there is no
        file to copy: its rows are only ever added to.

        Raises:
            LedgerError: The copy cannot be written.
        """
        file = self._rows.file
        if file is None:
            return
        try:
            newest = self._rows.newest()
            before = FORMAT if newest is None else format_of(json.loads(newest))
            copy = Path(f"{file}.format-{before}")
            if before >= FORMAT or copy.exists():
                return
            part = copy.with_name(f".{copy.name}.part")
            part.unlink(missing_ok=True)
            with closing(sqlite3.connect(file)) as there, closing(sqlite3.connect(part)) as here:
                there.backup(here)  # whole, whoever reads or writes meanwhile
            part.replace(copy)
        except (LedgerError, sqlite3.Error, OSError, ValueError) as error:
            raise LedgerError(
                f"cannot keep a copy of the ledger {self._rows.name} before it is upgraded: {error}",
                hint="check that the disk is writable and not full; nothing was changed",
            ) from None

    def close(self) -> None:
        """Let go of the database."""
        self._rows.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _rows(location: Path | str) -> Rows:
    """A file is opened at once; what speaks to other databases is imported only for one of them."""
    if isinstance(location, Path) or "://" not in location:
        return FileRows(Path(location))
    from activessl.ledger.database import DatabaseRows  # it brings SQLAlchemy

    return DatabaseRows(location)


def _event(body: str) -> Event:
    # a field of each event, the first: what this version wrote itself needs no second reading
    if body.startswith(f'{{"format":{FORMAT},'):
        return EVENT.validate_json(body)
    return EVENT.validate_python(upgrade(json.loads(body), FORMAT))
