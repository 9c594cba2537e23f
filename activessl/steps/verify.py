"""Check what a project has on disk: the record by SQLite's check and by folding it, caches and models by digests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from activessl.encoders.embeddings import forgot_vectors
from activessl.encoders.store import read_encoder
from activessl.errors import ActiveSSLError, EncoderError, HeadError
from activessl.ledger.fold import fold
from activessl.project.folder import Project
from activessl.project.idle_caches import in_use, sealed_folders
from activessl.scoring.digest import model_digest
from activessl.sealed import check_seal
from activessl.steps.update import MODELS, folder_of

_RESTORE = "restore a backup: `activessl restore FOLDER`"
_OTHER_MODEL = "put a copy of the folder there, or run `activessl update --anyway` to use the newest model"
_AGAIN = "nothing: it is made again at its next use"
_IDLE = "nothing uses it now: `activessl encode` removes it, or delete the folder"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that was checked.

    Attributes:
        what: The file or folder, relative to the project.
        problem: What is damaged; empty if it is whole.
        hint: What to do about it; empty if it is whole.
        record: Whether it is part of the record, which cannot be made again.
        said: What was found in a whole one.
    """

    what: str
    problem: str = ""
    hint: str = ""
    record: bool = False
    said: str = ""


def verify(folder: Path) -> tuple[Finding, ...]:
    """Check the config, the ledger, all caches and the models of a project; nothing is changed.

    Raises:
        ProjectError: The folder has no project.
        ConfigError: Its config cannot be used.
    """
    project = Project.open(folder)
    return (*_ledger(project), *_caches(project), *_models(project))


def _ledger(project: Project) -> Iterator[Finding]:
    name = project.own.ledger.rpartition("@")[2]
    try:
        with project.ledger() as ledger:
            problems = ledger.problems()
            events = list(ledger) if not problems else []
    except ActiveSSLError as error:
        yield Finding(name, error.message, error.hint, record=True)
        return
    for problem in problems:
        yield Finding(name, problem, _RESTORE, record=True)
    if problems:
        return
    # repeated events must change nothing: else the state depends on more than the record
    data = project.own.data
    once, twice = (fold(part, classes=data.classes, kind=data.merging) for part in (events, [*events, *events]))
    if once != twice:
        yield Finding(name, "folding its events twice gives another state", "report this error", record=True)
    if once.created is None and events:
        yield Finding(name, "its first event is missing", "nothing: the next verb that writes adds it", record=True)
    yield Finding(name, record=True, said=f"{len(events):,} events, {len(once.labels):,} labels")


def _caches(project: Project) -> Iterator[Finding]:
    base = project.folder
    history = None
    with suppress(ActiveSSLError):  # told before
        history = project.history()
    for folder in (*sealed_folders(project), *sorted(base.glob("heads/**"))):
        if not folder.is_dir() or folder.name.startswith(".") or not any(part.is_file() for part in folder.iterdir()):
            continue
        name = folder.relative_to(base).as_posix()
        try:
            if folder.parent.name == "embeddings" and forgot_vectors(folder):
                yield Finding(name, said="without vectors: `activessl encode` makes them again")
                continue
            sealed = check_seal(folder, every=True)
            yield Finding(name, said="whole" if sealed else "of an earlier version, without digests")
        except (OSError, ValueError) as error:
            idle = history is not None and name.startswith("embeddings/") and not in_use(project, history, folder)
            yield Finding(name, str(error), _IDLE if idle else _AGAIN)
    for folder in sorted(base.glob("encoders/*")):
        if folder.is_dir() and not folder.name.startswith("."):
            name = folder.relative_to(base).as_posix()
            try:
                read_encoder(folder)
                yield Finding(name, said="whole")
            except EncoderError as error:
                yield Finding(name, error.message, "run `activessl encode`, which fits it again")
    from activessl.pool.manifest import intact  # imports pyarrow

    with suppress(OSError):
        if (base / "pool.parquet").exists():
            whole = intact(base / "pool.parquet")
            yield Finding("pool.parquet", "" if whole else "was changed", "" if whole else _AGAIN, said="whole")


def _models(project: Project) -> Iterator[Finding]:
    """The models that are, or were, in use: they are named by the digest of their files, and no backup has them."""
    for folder in sorted((project.folder / MODELS).glob("*")):
        if folder.is_dir() and not folder.name.startswith("."):
            name = folder.relative_to(project.folder).as_posix()
            try:
                whole = model_digest(folder) == folder.name
            except HeadError as error:
                yield Finding(name, error.message, _OTHER_MODEL)
            else:
                yield Finding(name, "" if whole else "was changed", "" if whole else _OTHER_MODEL, said="whole")
    try:
        in_use = project.history().in_use
    except ActiveSSLError:
        return  # told before
    if in_use and not folder_of(project, in_use[-1]).is_dir():
        name = f"{MODELS}/{in_use[-1].model}"
        yield Finding(name, "the model in use is missing", _OTHER_MODEL)
