"""Backups of what cannot be made again: the ledger, the config, and the list of items that are set aside.

Everything else is a cache.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from activessl.errors import ActiveSSLError, ConfigError, LedgerError, ProjectError
from activessl.ledger.forgetting import known_as
from activessl.ledger.schema import BackedUp, Forgotten
from activessl.ledger.store import Ledger
from activessl.project.config import CONFIG_NAME
from activessl.project.config_file import read_config, with_ledger
from activessl.project.folder import Project, locked, writing
from activessl.project.set_aside import NAME as ASIDE
from activessl.project.set_aside import read_aside, write_aside
from activessl.sealed import beside, check_seal, replaced, seal, sweep
from activessl.steps.forget import BACKUP_LEDGER as LEDGER
from activessl.steps.forget import forget_again

if TYPE_CHECKING:
    from activessl.ledger.server import Alone


@dataclass(frozen=True)
class Backup:
    """A backup that was written, or restored.

    Attributes:
        folder: The folder of the backup.
        events: Events in it.
        labels: Items with a label.
        kept: Files that a restore has put aside.
        forgotten: Items and annotators that were forgotten since, and are forgotten again; None if the ledger that was
            replaced could not be read.
        newer: Events of the ledger that was replaced which the backup does not have; None if it could not be read.
        schema: The schema of the database in which the events before are kept; empty if it is a file, or if there were
            none.
    """

    folder: Path
    events: int
    labels: int
    kept: tuple[Path, ...] = ()
    newer: int | None = 0
    forgotten: int | None = 0
    schema: str = ""


def backup(project: Project, folder: Path) -> Backup:
    """Copy ledger and config into a new folder, consistent also while others write; the copy is read and checked.

    A ledger on a server is copied into a file, too: a backup needs no server to be read.

    Raises:
        ConfigError: The folder exists.
        LedgerError: The ledger is damaged, or its server cannot be reached.
        ProjectError: The folder cannot be written.
    """
    if folder.exists():
        raise ConfigError(f"{folder} exists", hint="name a new folder, such as one with the date in its name")
    part = beside(folder)
    with writing(folder.parent):
        sweep(folder.parent, folder.name)
        try:
            part.mkdir(parents=True, mode=0o700)
            with project.ledger() as ledger:
                ledger.copy_to(part / LEDGER, log=False)  # one file, which is also read from read-only media
            shutil.copyfile(project.folder / CONFIG_NAME, part / CONFIG_NAME)
            if (project.folder / ASIDE).exists():
                shutil.copyfile(project.folder / ASIDE, part / ASIDE)
            events, labels = _contents(part)
            seal(part)
            # before there is a backup, so that `forget` knows of each; the project may be on read-only media
            with suppress(LedgerError):
                project.append(BackedUp(where=str(folder.absolute()), turn=events))
            part.rename(folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return Backup(folder, events, labels)


def restore(folder: Path, source: Path, ledger: str | None = None) -> Backup:
    """Put ledger and config of a backup into a project folder; what is there is copied before, and never lost.

    At every moment the project has a whole ledger, the one before or the one of the backup; repeating it completes what
    was interrupted.

    Args:
        folder: The folder of the project; made if missing.
        source: The folder of the backup.
        ledger: Where the ledger goes, a file or a URL, which is then written into the config; by default where the
            config of the backup says.

    Raises:
        ProjectError: The source is no backup, or is damaged; or the project folder cannot be written.
        ConfigError: Its config cannot be used.
    """
    hint = "name a folder that `activessl backup` wrote"
    try:
        if not check_seal(source, every=True):
            raise ProjectError(f"no backup in {source}", hint=hint)
        events, labels = _contents(source)
    except (OSError, ValueError) as error:
        if isinstance(error, ActiveSSLError):
            raise
        raise ProjectError(f"the backup in {source} is damaged: {error}", hint="use an older backup") from None
    of = read_config(source / CONFIG_NAME)
    name = of.ledger if ledger is None else ledger
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with locked(folder), writing(folder), _place(folder, name) as place:
        # a project that moves to another ledger has forgotten in the one that it leaves
        before = [one for one in (place.now, _left(folder, name)) if one is not None]
        newer, erased = _newer(before, source / LEDGER), _erased(before)
        listed_before = [one for ledger_before in before for one in _listed(ledger_before)]
        config, aside = folder / CONFIG_NAME, folder / ASIDE
        with place.part() as part:
            with Ledger(source / LEDGER) as copy:
                copy.copy_to(part)
            with Ledger(part) as restored:
                forget_again(restored, erased or ())
                # a ledger does not know of its own copy, and `forget` names each backup that holds an item
                restored.append([*listed_before, BackedUp(where=str(source.absolute()), turn=events)])
            log = part.with_name(f"{part.name}-wal")
            if log.exists() and log.stat().st_size:  # SQLite could not move it into the file
                raise ProjectError(f"cannot write to {folder}", hint="check that the disk is writable and not full")
            kept, schema = place.put(part, config, aside)
        with replaced(config) as part:
            text = (source / CONFIG_NAME).read_bytes()
            part.write_bytes(text if name == of.ledger else with_ledger(text.decode("utf-8-sig"), name).encode())
        listed = {item: one for item, one in read_aside(source).items() if known_as(item, erased or (), "item") == item}
        if listed:
            write_aside(folder, listed)
    return Backup(source, events, labels, kept, newer, None if erased is None else len(erased), schema)


class _File:
    """A ledger in a file, which is replaced."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._file = file
        self.now: Path | str | None = file if file.is_file() else None

    def part(self) -> AbstractContextManager[Path]:
        """A file beside it, which takes its place in the end."""
        return replaced(self._file)

    def put(self, _: Path, config: Path, aside: Path) -> tuple[tuple[Path, ...], str]:
        """Keep what is there."""
        kept = _aside((self._file.with_name(f"{self._file.name}-wal"), self._file, config, aside))
        for ending in ("-wal", "-shm"):  # SQLite would add the log of the ledger before to the restored one
            self._file.with_name(self._file.name + ending).unlink(missing_ok=True)
        return kept, ""


class _Server:
    """A ledger on a server, whose events are replaced in one transaction."""

    def __init__(self, folder: Path, url: str, held: Alone | None) -> None:
        self.now: Path | str | None = url
        self._folder, self._held, self._url = folder, held, url

    @contextmanager
    def part(self) -> Iterator[Path]:
        """A file in the project folder."""
        part = beside(self._folder / LEDGER)
        try:
            yield part
        finally:
            for ending in ("", "-wal", "-shm"):
                part.with_name(part.name + ending).unlink(missing_ok=True)

    def put(self, part: Path, config: Path, aside: Path) -> tuple[tuple[Path, ...], str]:
        """Keep what is there, and replace it."""
        kept = _aside((config, aside))
        with Ledger(self._url, self._held) as ledger, Ledger(part) as copy:
            return kept, ledger.renew(copy)


@contextmanager
def _place(folder: Path, name: str) -> Iterator[_File | _Server]:
    if "://" not in name:
        yield _File(folder / name)
        return
    with Ledger(name) as ledger, ledger.alone() as held:
        if held is None:
            raise LedgerError(
                f"the ledger {ledger.name} is neither a file nor on PostgreSQL",
                hint="restore it with --ledger FILE, or with the URL of a PostgreSQL server",
            )
        yield _Server(folder, name, held)


def _contents(folder: Path) -> tuple[int, int]:
    """Read and fold a copy; return the number of events and of labels."""
    found = Project(folder, read_config(folder / CONFIG_NAME).model_copy(update={"ledger": LEDGER})).history()
    return found.events, len(found.labels)


def _left(folder: Path, name: str) -> Path | str | None:
    """The ledger that the project leaves for another one; None if it stays, or has none."""
    path = folder / CONFIG_NAME
    try:
        now = read_config(path).ledger if path.is_file() else name
    except ConfigError:  # the config of the backup takes its place
        return None
    if now == name or "://" in now:
        return None if now == name else now
    return folder / now if (folder / now).is_file() else None


def _erased(ledgers: Sequence[Path | str]) -> tuple[Forgotten, ...] | None:
    """What was forgotten, by the ledgers that are replaced or left; None if one of them cannot be read."""
    found: dict[str, Forgotten] = {}
    try:
        for ledger in ledgers:
            with Ledger(ledger) as now:
                read = [one.event for one in now.read(kind="forgotten")]
            found |= {one.key: one for one in read if isinstance(one, Forgotten)}
    except LedgerError:
        return None
    return tuple(found.values())


def _listed(ledger: Path | str) -> tuple[BackedUp, ...]:
    """The backups that a ledger that is replaced or left knows of; none if it cannot be read."""
    try:
        with Ledger(ledger) as now:
            return tuple(one.event for one in now.read(kind="backed_up") if isinstance(one.event, BackedUp))
    except LedgerError:
        return ()


def _newer(ledgers: Sequence[Path | str], copy: Path) -> int | None:
    notes = ("backed_up", "forgotten")  # a restore keeps what was forgotten, and backups are listed anew
    found: set[str] = set()
    try:
        with Ledger(copy) as then:
            known = {one.event.key for one in then}
        for ledger in ledgers:
            with Ledger(ledger) as now:
                found |= {one.event.key for one in now if one.event.kind not in notes} - known
        return len(found)
    except LedgerError:
        return None  # damaged, as it may be where somebody restores a backup


def _aside(files: Sequence[Path]) -> tuple[Path, ...]:
    """Copy files to the first free names; the log of a ledger goes before it, under the name of its copy."""

    def named(path: Path, number: int) -> Path:
        base, log, _ = path.name.partition("-wal")
        return path.with_name(f"{base}.before-restore-{number}{log}")

    number = 1
    while any(named(path, number).exists() for path in files):
        number += 1
    kept = []
    for path in files:
        if path.exists():
            then = named(path, number)
            with replaced(then) as part:
                shutil.copy(path, part)
            kept.append(then)
    return tuple(kept)
