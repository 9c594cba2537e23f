"""The ledger on disk: append-only, in SQLite or any database that SQLAlchemy supports."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from activessl.arguments import path
from activessl.errors import LedgerError
from activessl.ledger.file import FileRows
from activessl.ledger.forgetting import Names, mentions, names_in, rewritten
from activessl.ledger.rows import Row, damaged, failed
from activessl.ledger.schema import EVENT, FORMAT, Event, Recorded
from activessl.ledger.upgrade import format_of, upgrade
from activessl.pool.plain import shown

if TYPE_CHECKING:
    from activessl.ledger.database import DatabaseRows
    from activessl.ledger.server import Alone


class Ledger:
    """The append-only record of one project.

    Args:
        location: A file, created if missing, or a SQLAlchemy URL.
        held: What ``alone`` gave, if this process holds the lock of a ledger on a server: it writes under this lock.

    Raises:
        LedgerError: The location cannot be opened or is not a ledger.

    Example:
        >>> import tempfile
        >>> from activessl.ledger.schema import Pulled
        >>> with tempfile.TemporaryDirectory() as folder, Ledger(Path(folder) / "ledger.db") as ledger:
        ...     ledger.append([Pulled(watermark="a"), Pulled(watermark="a")])
        ...     [recorded.event.watermark for recorded in ledger]
        1
        ['a']
    """

    def __init__(self, location: Path | str, held: Alone | None = None) -> None:
        self._rows = _rows(location if isinstance(location, str) else path("location", location), held)

    @contextmanager
    def alone(self) -> Iterator[Alone | None]:
        """Be the only one who writes to a ledger on a server: what another process on any machine cannot be meanwhile.
        It ends with the process, or with its connection. None for a file, which the project's lock guards.

        Raises:
            ProjectLocked: Another process is.
            LedgerError: The server cannot be reached.
        """
        if isinstance(self._rows, FileRows):
            yield None
            return
        with self._rows.alone() as held:
            yield held

    @property
    def name(self) -> str:
        """The location, without a password, for messages."""
        return self._rows.name

    @property
    def file(self) -> Path | None:
        """The file of the ledger; None on a server."""
        return self._rows.file

    def append(self, events: Iterable[Event]) -> int:
        """Add events in one transaction; events with a known key are left out.

        Returns:
            The number of new events.

        Raises:
            LedgerError: Nothing was written.
        """
        rows: dict[str, Row] = {}
        for e in events:
            rows.setdefault(e.key, _row(e))
        return self._rows.add(list(rows.values())) if rows else 0

    def read(self, after: int = 0, *, kind: str | None = None) -> Iterator[Recorded]:
        """Yield events after a sequence number, in the order of appending; all kinds, or one kind.

        Raises:
            LedgerError: The ledger is damaged, or has events of a newer version.
        """
        for seq, at, body in self._rows.read(after, kind):
            yield recorded(self._rows.name, seq, at, body)

    def last(self) -> int:
        """The sequence number of the newest event, 0 in an empty ledger; it changes with every new event."""
        return self._rows.last()

    def __iter__(self) -> Iterator[Recorded]:
        return self.read()

    def forget(self, names: Names, events: Sequence[Event]) -> int:
        """Replace names in all events, and append events, in one transaction; then write the file anew.

        Args:
            names: What is forgotten, and the names that stand for it.
            events: What to append, such as that it was forgotten.

        Returns:
            The number of events that were changed. Repeating it changes nothing.

        Raises:
            LedgerError: Nothing was changed, because the ledger is damaged or cannot be written; or all was, but the
                file could not be written anew, because another process uses it.
        """

        def change(seq: int, at: str, body: str) -> tuple[str, str] | None:
            if not mentions(body, names):
                return None
            event = recorded(self._rows.name, seq, at, body).event
            new = rewritten(event, names)
            return None if new == event else (new.key, EVENT.dump_json(new).decode())

        changed = self._rows.rewrite(change, [_row(event) for event in events])
        self._rows.compact()
        return changed

    def names(self, name: str) -> tuple[bool, bool]:
        """Whether an item, and whether an annotator, has this name in an event."""
        wanted = Names(items={name: ""}, people={name: ""})
        item = person = False
        for seq, at, body in self._rows.read(0, None):
            if mentions(body, wanted):
                items, people = names_in(recorded(self._rows.name, seq, at, body).event)
                item, person = item or name in items, person or name in people
        return item, person

    def keep_before_upgrade(self) -> None:
        """Copy the ledger's file once, if its newest event has an earlier format.

        Afterwards events of the current format are appended. A database behind a URL has no file to copy; its rows are
        never changed.

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
                there.backup(here)  # consistent, also while others read or write
            part.replace(copy)
        except (TypeError, AttributeError, RecursionError, OverflowError):
            raise damaged(self._rows.name, "its newest event cannot be read") from None
        except (LedgerError, sqlite3.Error, OSError, ValueError) as error:
            raise LedgerError(
                f"cannot copy the ledger {self._rows.name} before the upgrade: {error}",
                hint="check that the disk is writable and not full; the ledger is unchanged",
            ) from None

    def problems(self) -> list[str]:
        """What is damaged: by the database's own check, and event by event; empty for a whole ledger."""
        numbered = isinstance(self._rows, FileRows)
        found = [f"SQLite: {said}" for said in self._rows.problems()] if isinstance(self._rows, FileRows) else []
        before = 0
        try:
            for seq, at, key, body in self._rows.raw():
                if numbered and isinstance(seq, int) and seq != before + 1:
                    found.append(f"events {before + 1} to {seq - 1} are missing")
                before = seq if isinstance(seq, int) else before
                try:
                    one = recorded(self._rows.name, seq, at, body)
                except LedgerError as error:
                    found.append(error.message.rpartition(" is damaged: ")[2])
                    continue
                if body.startswith(f'{{"format":{FORMAT},') and one.event.key != key:
                    found.append(f"event {seq} has the key of another event")
        except LedgerError as error:
            found.append(error.message)
        return list(dict.fromkeys(found))

    def copy_to(self, path: Path, *, log: bool = True) -> None:
        """Copy the ledger into a file, consistent also while others write.

        Args:
            path: The copy.
            log: Whether it is for working on: writers then use a log beside it, and do not block readers.

        Raises:
            LedgerError: It cannot be copied.
        """
        file = self._rows.file
        try:
            if file is None:
                # the numbers of a server have gaps where a transaction was rolled back; those of a file have none
                copy = FileRows(path)
                copy.add(self._as_they_are())
                copy.close()
            with closing(sqlite3.connect(file or path)) as there, closing(sqlite3.connect(path)) as here:
                if file is not None:
                    there.backup(here)
                here.execute(f"PRAGMA journal_mode={'WAL' if log else 'DELETE'}")
        except (sqlite3.Error, OSError) as error:
            raise failed("copy", self._rows.name, error) from None

    def renew(self, other: Ledger) -> str:
        """Put the events of another ledger in the place of those on a server, in one transaction.

        Args:
            other: The ledger whose events are copied, with their times.

        Returns:
            The schema of the database in which the events before are kept; empty if there were none.

        Raises:
            LedgerError: Nothing was changed.
        """
        if isinstance(self._rows, FileRows):
            raise LedgerError(f"the ledger {self._rows.name} is a file", hint="replace the file")
        return self._rows.renew(other._as_they_are())

    def kept_before(self) -> tuple[str, ...]:
        """The schemas of the database in which events before a restore are kept."""
        return () if isinstance(self._rows, FileRows) else self._rows.kept_before()

    def _as_they_are(self) -> list[Row]:
        return [Row(at, json.loads(body)["kind"], key, body) for _, at, key, body in self._rows.raw()]

    def close(self) -> None:
        """Close the connections to the database."""
        self._rows.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _rows(location: Path | str, held: Alone | None) -> FileRows | DatabaseRows:
    """Open the table of a file or of a database behind a URL."""
    if isinstance(location, Path) or "://" not in location:
        return FileRows(Path(location))
    from activessl.ledger.database import DatabaseRows  # imports SQLAlchemy, needed only for URLs

    return DatabaseRows(location, held)


def _row(event: Event) -> Row:
    """An event of now as a row.

    Raises:
        LedgerError: It has text that cannot be stored.
    """
    try:
        body = EVENT.dump_json(event).decode()
        event.key.encode()
    except (PydanticSerializationError, UnicodeError):
        raise LedgerError(
            f"an event of the kind {event.kind!r} has text that is no valid Unicode: {shown(event.key)[:200]}",
            hint="correct the name of the item, the class or the annotator; nothing was written",
        ) from None
    return Row(datetime.now(UTC).isoformat(), event.kind, event.key, body)


def recorded(name: str, seq: object, at: object, body: object) -> Recorded:
    """Read one row.

    Args:
        name: The location of the ledger, for messages.
        seq: The number of the row.
        at: Its time.
        body: Its event, as JSON.

    Raises:
        LedgerError: The row is damaged, or of a newer version; the message says which.
    """
    if not isinstance(seq, int) or not isinstance(body, str):
        raise damaged(name, f"event {seq} is no text")
    try:
        when = datetime.fromisoformat(at) if isinstance(at, str) else None
    except ValueError:
        when = None
    if when is None:
        raise damaged(name, f"the time of event {seq} is {'missing' if at is None else repr(at)[:40]}")
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    try:
        return Recorded(seq=seq, at=when, event=_event(body))
    except ValidationError as error:
        kinds = {problem["type"] for problem in error.errors(include_url=False, include_input=False)}
        if kinds & {"union_tag_invalid", "extra_forbidden", "literal_error"}:
            raise LedgerError(
                f"the ledger {name} has an event that this version of activessl does not know (event {seq})",
                hint="update activessl: pip install --upgrade activessl",
            ) from error
        raise damaged(name, f"event {seq} is incomplete") from error
    except LedgerError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise damaged(name, f"event {seq} cannot be read") from error


def _event(body: str) -> Event:
    # the first field of each event is its format; the current format needs no conversion
    if body.startswith(f'{{"format":{FORMAT},'):
        return EVENT.validate_json(body)
    return EVENT.validate_python(upgrade(json.loads(body), FORMAT))
