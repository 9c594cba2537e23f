"""Whether a project's data are still what was encoded, without reading them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from activessl.errors import PoolError
from activessl.ledger.history import History
from activessl.pool.folders import list_files
from activessl.pool.forms.registry import form_named
from activessl.project.folder import Project, own_folders


@dataclass(frozen=True, slots=True)
class DataNow:
    """The data beside what was encoded.

    Attributes:
        there: Whether there is anything where the config says.
        new: Files that came since the pool was encoded.
        gone: Encoded items whose files are gone.
    """

    there: bool = True
    new: int = 0
    gone: int = 0

    @property
    def changed(self) -> bool:
        """Whether another ``encode`` would find other items."""
        return bool(self.new or self.gone)


def data_now(project: Project, history: History) -> DataNow:
    """Look at a project's data: at the names of files, not at what is in them.

    Of data in one file, only that it is there is looked at, and ``gone`` is what was missing when it was last read.
    """
    location, encoded = project.data, history.encoded
    if not location.exists():
        return DataNow(there=False, gone=0 if encoded is None else encoded.items)
    if encoded is None or not location.is_dir():
        return DataNow(gone=len(history.missing))
    before = _encoded_ids(project.folder / "embeddings" / encoded.fingerprint)
    if before is None:
        return DataNow(gone=len(history.missing))
    try:
        now = frozenset(name for name, _ in list_files(location, own_folders(project.folder)))
    except PoolError:
        return DataNow(there=False, gone=encoded.items)
    new = _readable(project, before, now - before)
    if new:  # a file that could not be decoded never becomes an item, and is not new each time
        new -= project.unreadable()
    return DataNow(new=len(new), gone=len(before - now))


def _readable(project: Project, before: frozenset[str], others: frozenset[str]) -> frozenset[str]:
    """Those of some files that are of the pool's form, by their endings."""
    known = {Path(name).suffix.lower() for name in before}
    if others and not known.issuperset(Path(name).suffix.lower() for name in others):
        files = form_named(project.config.data.modality).files  # what can be read takes a while to import
        known |= set() if files is None else set(files.suffixes())
    return frozenset(name for name in others if Path(name).suffix.lower() in known)


def _encoded_ids(folder: Path) -> frozenset[str] | None:
    try:
        return frozenset(json.loads((folder / "ids.json").read_text(encoding="utf-8"))["ids"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
