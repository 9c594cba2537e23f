"""The project folder: its files, and the lock for writing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from activessl.errors import ConfigError, LedgerError, PoolError, ProjectError, ProjectLocked
from activessl.ledger.fold import fold
from activessl.ledger.forgetting import content_marks, mark_of
from activessl.ledger.history import History
from activessl.ledger.offers import TELLING, classes_from
from activessl.ledger.schema import Created, Event, Forgotten
from activessl.ledger.store import Ledger
from activessl.pool.addresses import Address, Place, place_of
from activessl.project.config import CONFIG_NAME, Config
from activessl.project.config_file import is_current, migrated, read_config, write_config
from activessl.project.set_aside import read_aside
from activessl.sealed import sweep, write_atomic

if TYPE_CHECKING:
    from activessl.ledger.server import Alone
    from activessl.pool.pool import Pool

#: The file of the description of the pool.
MANIFEST = "pool.parquet"

#: The hint where the data of a project are not found.
RESTORE = "restore it, or correct data.path in activessl.toml"


@dataclass(frozen=True)
class Project:
    """One project folder: ``activessl.toml`` is the user's, the ledger is the record, other files can be made again.

    Args:
        folder: The path of the folder.
        own: The config in its ``activessl.toml``.
    """

    folder: Path
    own: Config
    _now: dict[tuple[str, ...], Config] = field(default_factory=dict, compare=False, repr=False)
    _folded: dict[int, History] = field(default_factory=dict, compare=False, repr=False)
    _held: list[Alone] = field(default_factory=list, compare=False, repr=False)

    @property
    def config(self) -> Config:
        """The config of ``activessl.toml`` with the current classes: of the last ``activessl classes``, and with the
        changes of people in the labeling tool.

        The classes are those at the last reading of the ledger.
        """
        if not self._now:
            with self.ledger() as ledger:
                events = [recorded for kind in TELLING for recorded in ledger.read(kind=kind)]
            self._know(classes_from(events, self.own.data.classes))
        return next(iter(self._now.values()))

    def _know(self, classes: tuple[str, ...]) -> None:
        if classes not in self._now:
            data = self.own.data.model_copy(update={"classes": classes})
            config = self.own if classes == self.own.data.classes else self.own.model_copy(update={"data": data})
            self._now.clear()
            self._now[classes] = config

    @classmethod
    def create(cls, folder: Path, config: Config, *, version: str) -> Project:
        """Create a project folder, or open an existing one with the same config.

        Raises:
            ConfigError: The folder has another project, or the same one with other settings.
            ProjectError: The folder cannot be written.
        """
        path = folder / CONFIG_NAME
        if path.exists():
            there = read_config(path)
            if (there.data.path, there.data.modality) != (config.data.path, config.data.modality):
                raise ConfigError(
                    f"{folder} already has a project with the data {there.data.path}",
                    hint="choose another folder with --project, or edit activessl.toml in this folder",
                )
            if there.data.cut != config.data.cut:
                raise ConfigError(
                    f"{folder} already has this project with {there.data.cut or 'whole files as items'}",
                    hint=f"edit data.window, data.step or data.frames in {path}, then run `activessl encode`",
                )
            if there != config:
                raise ConfigError(
                    f"{folder} already has this project with other settings",
                    hint=f"edit {path}, or choose another folder with --project",
                )
        else:
            with writing(folder):
                folder.mkdir(parents=True, exist_ok=True)
                write_atomic(path, write_config(config).encode())
        project = cls.open(folder)
        project._begin(version)
        return project

    def _begin(self, version: str) -> None:
        """Write the first event, unless it is there: a process may have been killed between config and ledger.

        Raises:
            ConfigError: It is there, in a database that folders share, and is that of a project of something else.
        """
        data = self.own.data
        with self.ledger() as ledger:
            first = next((one.event for one in ledger.read(kind="created")), None)
            if first is None:
                ledger.append(
                    [Created(classes=data.classes, modality=data.modality, seed=self.own.seed, version=version)]
                )
        if not isinstance(first, Created) or "://" not in self.own.ledger:
            return
        if first.modality != data.modality or not set(first.classes) & set(data.classes):
            raise ConfigError(
                f"the ledger in activessl.toml is that of another project: {first.modality} with the classes "
                f"{', '.join(first.classes)}",
                hint="make a database for each project, and name it in `ledger`",
            )

    @classmethod
    def open(cls, folder: Path) -> Project:
        """Open a project folder.

        Raises:
            ProjectError: The folder has no project.
            ConfigError: Its config cannot be used.
        """
        if not (folder / CONFIG_NAME).is_file():
            raise ProjectError(
                f"no activessl project in {folder.resolve()}",
                hint="run `activessl init DATA` in this folder, or give the project folder with --project",
            )
        return cls(folder, read_config(folder / CONFIG_NAME))

    def reread(self) -> None:
        """Read ``activessl.toml`` again, after this process has edited it."""
        object.__setattr__(self, "own", read_config(self.folder / CONFIG_NAME))
        self._now.clear()
        self._folded.clear()

    @property
    def data(self) -> Place:
        """The path of the data, relative to the project folder; or their address."""
        return place_of(self.own.data.path, self.folder)

    @property
    def test(self) -> Place | None:
        """The path of the test data, relative to the project folder, or their address; None without test data."""
        named = self.own.data.test
        return None if named is None else place_of(named, self.folder)

    @property
    def tests_itself(self) -> bool:
        """Whether the test data are a part of the data, which the data mark as such."""
        return self.test is not None and same_place(self.test, self.data)

    @property
    def metadata(self) -> Path | None:
        """The path of the table of metadata, relative to the project folder; None without one."""
        named = self.own.data.metadata
        return None if named is None else self.folder / Path(named).expanduser()

    def ledger(self) -> Ledger:
        """Open the project's ledger."""
        name = self.own.ledger
        if "://" in name:
            return Ledger(name, self._held[-1] if self._held else None)
        path = self.folder / name
        if not path.exists() or path.stat().st_size == 0:
            # SQLite takes an empty file for a new ledger: all labels would be gone without a word
            used = next((one for one in ("heads", "embeddings") if (self.folder / one).is_dir()), None)
            if used is not None:
                raise LedgerError(
                    f"the ledger {path} is {'empty' if path.exists() else 'missing'}, but the project has {used}",
                    hint="restore it from a backup with `activessl restore`; to begin anew, delete these folders",
                )
            with writing(path.parent):
                path.parent.mkdir(parents=True, exist_ok=True)
        return Ledger(path)

    def append(self, *events: Event) -> None:
        """Append events to the ledger; known events change nothing.

        Raises:
            LedgerError: The ledger cannot be written.
        """
        with self.ledger() as ledger:
            ledger.append(events)

    def history(self) -> History:
        """The state of the project; events are folded again only after new ones."""
        with self.ledger() as ledger:
            last = ledger.last()
            history = self._folded.get(last)
            if history is None:
                events = list(ledger)
                data, reviewers = self.own.data, self.own.annotator.reviewers
                history = fold(events, classes=data.classes, kind=data.merging, reviewers=reviewers)
                self._folded.clear()
                self._folded[events[-1].seq if events else 0] = history
        self._know(history.classes)
        return history

    def pool(self, *, whole: bool = False) -> Pool:
        """Read the pool; unchanged items since ``remember`` are not read again. Writes nothing.

        Args:
            whole: Whether to read the items, too, that ``activessl check --fix`` has set aside.

        Raises:
            PoolError: The data do not exist, or have no items.
            ProjectError: The list of items that are set aside is damaged.
        """
        from activessl.pool.manifest import load_manifest  # imports pyarrow, needed only for the pool
        from activessl.pool.parts import to_label
        from activessl.pool.sources import open_source

        if not self.data.exists():
            raise PoolError(f"{self.own.data.path} does not exist", hint=RESTORE)
        aside = {} if whole else read_aside(self.folder)
        data = self.own.data
        source = open_source(self.data, data.modality, without=own_folders(self.folder), cut=data.cut)
        pool = load_manifest(self._manifest, source)
        with self.ledger() as ledger:
            marks = content_marks(r.event for r in ledger.read(kind="forgotten") if isinstance(r.event, Forgotten))
        if marks:
            pool = pool.forgetting(lambda digest: any(mark_of(digest, salt) in of for salt, of in marks.items()))
        if self.tests_itself:
            pool = to_label(pool)
        return pool.without({item: one.sha256 for item, one in aside.items()})

    def remember(self, pool: Pool) -> None:
        """Store the description of the pool, so that unchanged items are not read again."""
        from activessl.pool.manifest import save_manifest

        with writing(self.folder):
            save_manifest(pool, self._manifest)

    def unreadable(self) -> frozenset[str]:
        """Ids of the items that could not be decoded at the last reading of the data."""
        from activessl.pool.manifest import known_unreadable

        cut = self.own.data.cut
        return known_unreadable(self._manifest, self.own.data.modality, None if cut is None else str(cut))

    @property
    def _manifest(self) -> Path:
        return self.folder / MANIFEST

    @contextmanager
    def lock(self, *, upkeep: bool = True) -> Iterator[Ledger]:
        """Hold the lock for writing: of this folder, and of a ledger that other folders or machines share. Readers need
        no lock.

        Yields the ledger, open: who writes often need not open it once more.

        Args:
            upkeep: Whether to bring a project of an earlier version up to date, and to remove what killed processes
                left.

        Raises:
            ProjectLocked: Another process holds the lock.
            LedgerError: The server of the ledger cannot be reached.
        """
        with locked(self.folder), self._alone() as ledger:
            if upkeep:
                self._migrate()
                self._sweep()
            yield ledger

    @contextmanager
    def _alone(self) -> Iterator[Ledger]:
        """Hold the lock of the ledger itself; yields the ledger for who holds it."""
        with ExitStack() as stack:
            ledger = stack.enter_context(self.ledger())
            if ledger.file is not None and ledger.file.parent.resolve() != self.folder.resolve():
                stack.enter_context(locked(ledger.file.parent))  # other project folders may name the same file
            held = stack.enter_context(ledger.alone())
            if held is not None:
                self._held.append(held)
                stack.callback(self._held.remove, held)
                ledger = stack.enter_context(self.ledger())  # which writes under this lock
            yield ledger

    def _sweep(self) -> None:
        """Remove what killed processes left half-written."""
        names = ("heads", "reports", "encoders", "embeddings", "models", "studio")
        for folder in (self.folder, *(self.folder / name for name in names), *self.folder.glob("embeddings/*")):
            sweep(folder)

    def _migrate(self) -> None:
        """Copy ledger and config of an earlier format once, convert the config to the current format, and complete an
        ``init`` that was killed.

        The rows of the ledger stay unchanged, and are read through ``ledger.upgrade``.
        """
        path = self.folder / CONFIG_NAME
        with writing(self.folder):
            with self.ledger() as ledger:
                ledger.keep_before_upgrade()
            if path.is_file() and not is_current(path):
                text = path.read_bytes()
                keep_once(path.with_name(f"{path.name}.format-1"), text)
                write_atomic(path, migrated(text.decode("utf-8-sig")).encode())
        self._begin(version("activessl"))


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a project folder, also of one without a project.

    Raises:
        ProjectLocked: Another process holds the lock.
    """
    from filelock import FileLock, Timeout  # imports asyncio, needed only for writing

    lock = FileLock(folder / ".lock", timeout=0)
    try:
        with writing(folder):
            lock.acquire()
    except Timeout:
        raise ProjectLocked(
            f"another activessl process is writing to {folder}",
            hint="wait until that process ends, or stop it",
        ) from None
    try:
        yield
    finally:
        lock.release()


def same_place(one: Place, other: Place) -> bool:
    """Whether two paths are one file or folder, or two addresses are one."""
    if isinstance(one, Path) and isinstance(other, Path):
        return one.expanduser().resolve() == other.expanduser().resolve()
    if isinstance(one, Address) and isinstance(other, Address):
        return one.plain == other.plain
    return False


def own_folders(folder: Path) -> tuple[Path, ...]:
    """The folders that a project creates: they are no data, also if the project lies inside its data folder."""
    return tuple(folder / name for name in ("embeddings", "encoders", "heads", "models", "reports", "studio"))


def keep_once(path: Path, content: bytes) -> None:
    """Write a file unless it exists, so that a later call never changes the first copy."""
    if not path.exists():
        write_atomic(path, content)


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn an OSError of a write into a ProjectError with a hint."""
    try:
        yield
    except ProjectError:
        raise
    except OSError as error:
        from filelock import Timeout

        if isinstance(error, Timeout):
            raise  # another process holds the lock
        raise ProjectError(
            f"cannot write to {folder}: {error.strerror or error}", hint="check that the disk is writable and not full"
        ) from None
