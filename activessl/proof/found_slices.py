"""What the last look at the slices found, kept so that `status` can say it without measuring anything."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from activessl.errors import ProjectError
from activessl.ledger.history import History
from activessl.project.folder import Project, writing
from activessl.project.metadata import groups_stamp, metadata_stamp
from activessl.proof.measured import key_of
from activessl.sealed import write_atomic

_NAME = "slices.json"


@dataclass(frozen=True)
class FoundSlices:
    """Slices that somebody should look at, as (column, slice).

    Attributes:
        worse: Those on which the model is worse than chance explains, the clearest first.
        thin: Those that are thinly labeled, the largest first.
    """

    worse: tuple[tuple[str, str], ...] = ()
    thin: tuple[tuple[str, str], ...] = ()


def keep_found(project: Project, history: History, found: FoundSlices) -> None:
    """Keep what was found; nothing is written where the folder cannot be."""
    told = {"key": _key(project, history), "worse": found.worse, "thin": found.thin}
    folder = project.folder / "reports"
    try:
        with writing(folder):
            folder.mkdir(exist_ok=True)
            write_atomic(folder / _NAME, json.dumps(told, ensure_ascii=False).encode())
    except ProjectError:
        pass  # only a cache: the user may have no write permission


def kept_found(project: Project, history: History) -> FoundSlices:
    """Return what was found with exactly these labels and metadata; nothing where nobody looked."""
    try:
        told = json.loads((project.folder / "reports" / _NAME).read_text(encoding="utf-8"))
        if told["key"] != _key(project, history):
            return FoundSlices()
        return FoundSlices(_pairs(told["worse"]), _pairs(told["thin"]))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return FoundSlices()


def _pairs(told: Sequence[Sequence[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((str(column), str(name)) for column, name in told)


def _key(project: Project, history: History) -> str:
    return f"{key_of(history, project.config, groups_stamp(project))} {metadata_stamp(project)}"
