"""Backups of what cannot be made again: the ledger, the config, and the list of items that are set aside.

Everything else is a cache.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from activessl.errors import ActiveSSLError, ConfigError, LedgerError, ProjectError
from activessl.ledger.forgetting import known_as
from activessl.ledger.schema import BackedUp, Forgotten
from activessl.ledger.store import Ledger
from activessl.project.config import CONFIG_NAME
from activessl.project.config_file import read_config
from activessl.project.folder import Project, locked, writing
from activessl.project.set_aside import NAME as ASIDE
from activessl.project.set_aside import read_aside, write_aside
from activessl.sealed import beside, check_seal, replaced, seal, sweep
from activessl.steps.forget import BACKUP_LEDGER as LEDGER
from activessl.steps.forget import forget_again


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
    """

    folder: Path
    events: int
    labels: int
    kept: tuple[Path, ...] = ()
    newer: int | None = 0
    forgotten: int | None = 0


def backup(project: Project, folder: Path) -> Backup:
    """Copy ledger and config into a new folder, consistent also while others write; the copy is read and checked.

    Raises:
        ConfigError: The folder exists.
        LedgerError: The ledger is damaged, or no file.
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


def restore(folder: Path, source: Path) -> Backup:
    """Put ledger and config of a backup into a project folder; what is there is copied before, and never lost.

    At every moment the folder has a whole ledger, the one before or the one of the backup; repeating it completes what
    was interrupted.

    Args:
        folder: The folder of the project; made if missing.
        source: The folder of the backup.

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
    name = read_config(source / CONFIG_NAME).ledger
    if "://" in name:
        raise LedgerError(f"the ledger {name} is no file", hint="restore the database with its own tools")
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with locked(folder), writing(folder):
        ledger, config, aside = folder / name, folder / CONFIG_NAME, folder / ASIDE
        ledger.parent.mkdir(parents=True, exist_ok=True)
        newer, erased = _newer(ledger, source / LEDGER), _erased(ledger)
        listed_before = _listed(ledger)
        with replaced(ledger) as part:
            with Ledger(source / LEDGER) as copy:
                copy.copy_to(part)
            with Ledger(part) as restored:
                forget_again(restored, erased or ())
                # a ledger does not know of its own copy, and `forget` names each backup that holds an item
                restored.append([*listed_before, BackedUp(where=str(source.absolute()), turn=events)])
            log = part.with_name(f"{part.name}-wal")
            if log.exists() and log.stat().st_size:  # SQLite could not move it into the file
                raise ProjectError(f"cannot write to {folder}", hint="check that the disk is writable and not full")
            kept = _aside(ledger, config, aside)
            for ending in ("-wal", "-shm"):  # SQLite would add the log of the ledger before to the restored one
                ledger.with_name(ledger.name + ending).unlink(missing_ok=True)
        with replaced(config) as part:
            shutil.copyfile(source / CONFIG_NAME, part)
        listed = {item: one for item, one in read_aside(source).items() if known_as(item, erased or (), "item") == item}
        if listed:
            write_aside(folder, listed)
    return Backup(source, events, labels, kept, newer, None if erased is None else len(erased))


def _contents(folder: Path) -> tuple[int, int]:
    """Read and fold a copy; return the number of events and of labels."""
    found = Project(folder, read_config(folder / CONFIG_NAME).model_copy(update={"ledger": LEDGER})).history()
    return found.events, len(found.labels)


def _erased(ledger: Path) -> tuple[Forgotten, ...] | None:
    """What was forgotten, by the ledger that is replaced; None if it cannot be read."""
    if not ledger.is_file():
        return ()
    try:
        with Ledger(ledger) as now:
            return tuple(one.event for one in now.read(kind="forgotten") if isinstance(one.event, Forgotten))
    except LedgerError:
        return None


def _listed(ledger: Path) -> tuple[BackedUp, ...]:
    """The backups that the ledger that is replaced knows of; none if it cannot be read."""
    if not ledger.is_file():
        return ()
    try:
        with Ledger(ledger) as now:
            return tuple(one.event for one in now.read(kind="backed_up") if isinstance(one.event, BackedUp))
    except LedgerError:
        return ()


def _newer(ledger: Path, copy: Path) -> int | None:
    if not ledger.is_file():
        return 0
    try:
        with Ledger(ledger) as now, Ledger(copy) as then:
            known = {one.event.key for one in then}
            notes = ("backed_up", "forgotten")  # a restore keeps what was forgotten, and backups are listed anew
            return sum(one.event.key not in known and one.event.kind not in notes for one in now)
    except LedgerError:
        return None  # damaged, as it may be where somebody restores a backup


def _aside(ledger: Path, config: Path, aside: Path) -> tuple[Path, ...]:
    """Copy ledger, config and list to the first free names; the log of the ledger goes with its file."""
    number = 1
    while any(path.with_name(f"{path.name}.before-restore-{number}").exists() for path in (ledger, config, aside)):
        number += 1
    kept = []
    for path, ending in ((ledger, "-wal"), (ledger, ""), (config, ""), (aside, "")):
        now, then = path.with_name(path.name + ending), path.with_name(f"{path.name}.before-restore-{number}{ending}")
        if now.exists():
            with replaced(then) as part:
                shutil.copy(now, part)
            kept.append(then)
    return tuple(kept)
