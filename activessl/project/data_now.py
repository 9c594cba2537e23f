"""Check without reading the data whether they have changed since the pool was encoded."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from activessl.errors import PoolError
from activessl.ledger.forgetting import known_as
from activessl.ledger.history import History
from activessl.pool.addresses import Address
from activessl.pool.disk import list_files
from activessl.pool.forms.registry import form_named
from activessl.pool.recordings.cut import recording_of
from activessl.pool.split_folders import held_out_folder
from activessl.project.folder import Project, own_folders
from activessl.project.set_aside import read_aside


@dataclass(frozen=True, slots=True)
class DataNow:
    """The data now, compared with the encoded pool.

    Attributes:
        there: Whether the path in the config exists.
        new: Number of files, or recordings, that were added since the pool was encoded.
        gone: Number of encoded items, or recordings, whose files are missing, or that were set aside since.
    """

    there: bool = True
    new: int = 0
    gone: int = 0

    @property
    def changed(self) -> bool:
        """Whether ``encode`` would find other items now."""
        return bool(self.new or self.gone)


def data_now(project: Project, history: History) -> DataNow:
    """Compare the names of a project's files with the encoded items; file contents are not read.

    For data in one file, only its existence is checked, and ``gone`` counts the items missing at the last reading. A
    store is not asked: what is new there, the next ``encode`` tells.
    """
    location, encoded = project.data, history.encoded
    if not location.exists():
        return DataNow(there=False, gone=0 if encoded is None else encoded.items)
    if encoded is None or isinstance(location, Address) or not location.is_dir():
        return DataNow(gone=len(history.missing))
    before = _encoded_ids(project.folder / "embeddings" / encoded.fingerprint)
    if before is None:
        return DataNow(gone=len(history.missing))
    cut = project.own.data.cut is not None
    aside = frozenset(read_aside(project.folder))
    if cut:  # of a recording that is there, windows that were set aside are not missed
        before, aside = frozenset(map(recording_of, before)), frozenset()
    try:
        now = frozenset(name for name, _ in list_files(location, own_folders(project.folder)))
    except PoolError:
        return DataNow(there=False, gone=encoded.items)
    now -= aside
    if project.tests_itself:
        now = frozenset(name for name in now if not held_out_folder(name))
    new = _readable(project, before, now - before)
    new = frozenset(name for name in new if known_as(name, history.erased, "item") == name)
    if new:  # a file that could not be decoded is not counted as new at each call
        new -= frozenset(map(recording_of, project.unreadable()))
    return DataNow(new=len(new), gone=len(before - now))


def _readable(project: Project, before: frozenset[str], others: frozenset[str]) -> frozenset[str]:
    """The files of the pool's form, by their suffixes."""
    known = {Path(name).suffix.lower() for name in before}
    if others and not known.issuperset(Path(name).suffix.lower() for name in others):
        form = form_named(project.config.data.modality)  # slow to import
        files = form.long.files if project.own.data.cut and form.long and form.long.files else form.files
        known |= set() if files is None else set(files.suffixes())
    return frozenset(name for name in others if Path(name).suffix.lower() in known)


def _encoded_ids(folder: Path) -> frozenset[str] | None:
    try:
        return frozenset(json.loads((folder / "ids.json").read_text(encoding="utf-8"))["ids"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
