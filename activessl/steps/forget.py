"""Forget an item or an annotator: in the ledger, in caches and in reports, and for all that comes later."""

from __future__ import annotations

import hashlib
import secrets
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from activessl.encoders.embeddings import forget_vectors
from activessl.errors import ActiveSSLError, LabelError, LedgerError, PoolError
from activessl.ledger.forgetting import Names, known_as, mark_of, names_in
from activessl.ledger.history import History
from activessl.ledger.schema import Forgotten
from activessl.ledger.store import Ledger
from activessl.pool.pool import Pool
from activessl.pool.portable import portable
from activessl.pool.recordings.cut import recording_of
from activessl.project.folder import Project, writing
from activessl.project.set_aside import read_aside, write_aside
from activessl.project.snapshot import embedded, embeddings_folder

What = Literal["item", "annotator"]

#: The name of the ledger in a backup.
BACKUP_LEDGER = "ledger.db"


@dataclass(frozen=True)
class Erased:
    """What was forgotten, and what still holds it.

    Attributes:
        what: "item" or "annotator".
        name: The name that stands for it from now on.
        events: Changed events of the ledger.
        removed: Caches and reports that were deleted, relative to the project.
        backups: Backups that still hold it; `restore` forgets it again.
        unreached: What this program cannot change, as sentences with what to do.
    """

    what: What
    name: str
    events: int
    removed: tuple[str, ...] = ()
    backups: tuple[str, ...] = ()
    unreached: tuple[str, ...] = ()


def forget(project: Project, name: str, *, what: What | None = None) -> Erased:
    """Forget an item or an annotator; repeating it completes what was interrupted.

    In the ledger another name stands for it, so that totals stay true: questions, answers and seconds stay. Vectors,
    encoders, heads and reports that may depend on an item are deleted, to be made again without it.

    Args:
        project: The project.
        name: The id of an item, or the name of an annotator.
        what: Which of both; None if only one of them has this name.

    Raises:
        LabelError: Neither has this name, or both have.
        LedgerError: The ledger cannot be changed.
        ProjectError: The folder cannot be written.
    """
    with project.lock():
        history, pool = project.history(), _pool(project)
        known = embedded(project, history)
        kind, new = _which(project, history, name, what, known, pool)
        salt = history.erased[0].salt if history.erased else secrets.token_hex(16)
        fresh = new == ""
        new = new or f"forgotten-{kind}-{secrets.token_hex(4)}"
        names = Names(items={name: new}) if kind == "item" else Names(people={name: new})
        digest = known.get(name) or (pool.items[pool.row(name)].sha256 if pool is not None and name in pool else "")
        event = Forgotten(
            what=kind,
            name=new,
            salt=salt,
            mark=mark_of(name, salt),
            content=mark_of(digest, salt) if kind == "item" and digest else "",
            turn=history.events,
        )
        with writing(project.folder):
            served = _served(project, pool, name) if kind == "item" else ()
            with project.ledger() as ledger:
                changed = ledger.forget(names, [event] if fresh else [])
            held = list(_copies(project, names))
            removed = tuple(_caches(project, history, name, kind))
            for file in served:
                file.unlink(missing_ok=True)
    return Erased(
        kind,
        new,
        changed,
        removed,
        (*held, *_backups(history, names)),
        tuple(_unreached(project, history, pool, name, kind, new)),
    )


def forget_again(ledger: Ledger, erased: tuple[Forgotten, ...]) -> int:
    """Forget in a copy of a ledger what was forgotten since it was made; return the number of changed events."""
    if not erased:
        return 0
    items: dict[str, str] = {}
    people: dict[str, str] = {}
    for one in ledger:
        for names, found, what in zip(names_in(one.event), (items, people), _KINDS, strict=True):
            for name in names - found.keys():
                found[name] = known_as(name, erased, what)
    changed = Names(*({old: new for old, new in found.items() if old != new} for found in (items, people)))
    return ledger.forget(changed, erased)


_KINDS: tuple[What, What] = ("item", "annotator")


def _pool(project: Project) -> Pool | None:
    try:
        return project.pool(whole=True)
    except PoolError:
        return None  # the data may be gone already


def _which(
    project: Project, history: History, name: str, what: What | None, known: Mapping[str, str], pool: Pool | None
) -> tuple[What, str]:
    """What has this name, and the name that stands for it already; empty if it was not forgotten yet."""
    kinds: tuple[What, ...] = _KINDS if what is None else (what,)
    for kind in kinds:
        new = known_as(name, history.erased, kind)
        if new != name:
            return kind, new
    with project.ledger() as ledger:
        items, people = ledger.names(name)
    found: dict[What, bool] = {
        "item": items or name in known or (pool is not None and name in pool),
        "annotator": people,
    }
    has: list[What] = [kind for kind in kinds if found[kind]]
    if len(has) == 2:
        raise LabelError(f"both an item and an annotator are called {name!r}", hint="add --item or --annotator")
    if not has:
        window = next((one for one in (*known, *(() if pool is None else pool.ids)) if recording_of(one) == name), None)
        raise LabelError(
            f"the project has no {what or 'item or annotator'} {name!r}"
            + ("" if window is None else ": it is a recording, whose windows are the items"),
            hint="give the id of an item as `activessl export` writes it, or the name of an annotator as in the report"
            if window is None
            else f"forget each of them, such as {window!r}, or delete the recording",
        )
    return has[0], ""


def _copies(project: Project, names: Names) -> Iterator[str]:
    """Forget it in copies of the ledger inside of the project; yield those that cannot be changed."""
    on_server = "://" in project.own.ledger
    # a project that moved to a server has left its file here
    base = project.folder / (BACKUP_LEDGER if on_server else project.own.ledger)
    left = (base,) if on_server and base.is_file() and base.stat().st_size else ()
    for path in sorted(
        (*left, *base.parent.glob(f"{base.name}.before-restore-*"), *base.parent.glob(f"{base.name}.format-*"))
    ):
        if path.name.endswith(("-wal", "-shm")):
            continue
        try:
            with Ledger(path) as copy:
                copy.forget(names, [])
        except LedgerError:
            yield str(path)


def _caches(project: Project, history: History, name: str, what: What) -> Iterator[str]:
    """Delete what may hold it or depend on it, and yield the names; all of it can be made again."""
    base = project.folder
    gone = [base / "reports"]
    if what == "item":
        gone += [base / "heads", base / "encoders", base / "pool.parquet", base / "pool.parquet.sha256"]
        now = None if history.encoded is None else embeddings_folder(project, history.encoded.fingerprint)
        for folder in sorted(base.glob("embeddings/*")):
            if folder == now:
                forget_vectors(folder, name)
                yield folder.relative_to(base).as_posix()
            else:
                gone.append(folder)
        aside = read_aside(base)
        if name in aside:
            write_aside(base, {item: one for item, one in aside.items() if item != name})
    for path in gone:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
            yield path.relative_to(base).as_posix()
        elif path.exists():
            path.unlink()
            yield path.relative_to(base).as_posix()


def _served(project: Project, pool: Pool | None, name: str) -> tuple[Path, ...]:
    """The copies of an item, or links to it, from which the project's own server shows it."""
    studio = project.folder / "studio"
    if pool is None or name not in pool or not studio.is_dir() or pool.form.portable is None:
        return ()
    try:
        content, _, _ = portable(pool, pool.row(name))
    except PoolError:
        return ()
    return tuple(studio.rglob(f"project-*-items/{hashlib.sha256(content).hexdigest()}.*"))


def _backups(history: History, names: Names) -> Iterator[str]:
    """The backups that hold it, or that cannot be read here."""
    name = next(iter((*names.items, *names.people)))
    for one in history.backups:
        where = Path(one.where)
        if not (where / BACKUP_LEDGER).is_file():
            yield f"{where} (not found here)"
            continue
        try:
            with Ledger(where / BACKUP_LEDGER) as copy:
                if any(copy.names(name)):
                    yield str(where)
        except (ActiveSSLError, OSError):
            yield f"{where} (cannot be read)"


def _unreached(project: Project, history: History, pool: Pool | None, name: str, what: What, new: str) -> Iterator[str]:
    config = project.own
    if what == "annotator" and name in config.annotator.reviewers:
        yield f"annotator.reviewers in activessl.toml: write {new} in place of {name}, so that earlier decisions count"
    beside = [config.data.metadata, *(m.path for m in config.machines.values() if m.kind == "table")]
    if what == "item" and (tables := ", ".join(one for one in beside if one)):
        yield f"tables that may have a row of it: delete that row in {tables}"
    there = name in pool if pool is not None and what == "item" else False
    if there and recording_of(name) != name:
        yield (
            f"the data: cut that part out of {recording_of(name)} in {project.own.data.path}, or delete the recording; "
            "until then this window is left out, and windows that overlap it hold parts of it"
        )
    elif there:
        yield f"the data: delete {name} in {project.own.data.path}; until then it is left out"
    pushed = [push for r in history.rounds for push in r.pushed]
    for where, number in dict.fromkeys((push.where, push.project) for push in pushed):
        if what == "item":
            yield f"Label Studio, project {number} at {where}: delete the task and the file of the item there"
        else:
            yield f"Label Studio at {where}: delete or rename the account there"
    numbers = ", ".join(str(one.opened.training) for one in history.trainings)
    if what == "item" and numbers:
        yield f"Label Studio, the projects of training rounds ({numbers}): delete the task of the item there"
    with project.ledger() as ledger:
        before = ledger.kept_before()
    if before:
        yield f"the database of the ledger, events before a restore: DROP SCHEMA {', '.join(before)} CASCADE"
    models = project.folder / "models"
    if what == "item" and models.is_dir() and any(models.iterdir()):
        yield (
            f"the models in {models}, which hold vectors of all items of their pools: run `activessl encode`, "
            "`activessl teach` and `activessl update --anyway`, then delete the other folders there"
        )
    yield "files that `activessl export` and `activessl predict` wrote, and copies of reports: make them again"
