"""The folder of an exported model: written completely or not at all, and never over something else."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from activessl.errors import HeadError
from activessl.scoring.reference import FOLDER as REFERENCE
from activessl.sealed import beside, sweep

__all__ = ["FILE", "NOTE", "add_network", "finds_regions", "write_model", "write_note"]

#: The file that says what a model is.
NOTE = "model.json"
#: The network of a model.
FILE = "model.onnx"

T = TypeVar("T")


def write_model(folder: Path, write: Callable[[Path], None]) -> None:
    """Write the folder of a model.

    Args:
        folder: Folder to write; an earlier model there is replaced, other contents are an error.
        write: Writes everything into a folder that does not exist yet.

    Raises:
        HeadError: The folder holds something else, or cannot be written.
    """
    folder = folder.resolve()  # for a link, the folder it points to is replaced and the link is kept
    if folder.exists() and (not folder.is_dir() or (any(folder.iterdir()) and not _is_model(folder))):
        raise HeadError(f"{folder} holds something else than a model", hint="name a new or an empty folder")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        # in the same parent, so that the last step is a rename; with a new name, so that no other folder is cleared
        sweep(folder.parent, folder.name)
        part = beside(folder)
        part.mkdir()
        try:
            write(part / "new")
            _replace(folder, part)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    except OSError as bad:
        raise HeadError(
            f"cannot write the model to {folder}: {bad.strerror or bad}",
            hint="free some disk space, or name a folder that you can write to",
        ) from bad


def write_note(folder: Path, note: Mapping[str, Any]) -> None:
    """Write what a model is."""
    (folder / NOTE).write_text(json.dumps(note, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def add_network(folder: Path, content: bytes, check: Callable[[Path], T], told: Callable[[T], Mapping[str, Any]]) -> T:
    """Add an ONNX file to the folder of a model, if it passes a check; what the check raises leaves no file.

    Args:
        folder: The folder of a model.
        content: The file.
        check: Compares the file with the model.
        told: What is noted of the file, by the result of the check.
    """
    path = folder / FILE
    path.write_bytes(content)
    try:
        checked = check(path)
    except Exception:
        path.unlink(missing_ok=True)
        raise
    note = json.loads((folder / NOTE).read_text(encoding="utf-8"))
    write_note(folder, note | {"onnx": {"file": FILE, **told(checked)}})
    return checked


def finds_regions(folder: Path) -> bool:
    """Whether a folder holds a model that finds regions, not classes of whole items."""
    try:
        note = json.loads((folder / NOTE).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(note, dict) and "kind" in note and "classes" in note


def _is_model(folder: Path) -> bool:
    """Whether a folder holds a model and nothing else; names alone do not suffice, as data may have the same."""
    if not {p.name for p in folder.iterdir()} <= {NOTE, FILE, "encoder", "pool", "head", REFERENCE}:
        return False
    try:
        note = json.loads((folder / NOTE).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(note, dict) and {"format", "modality", "classes", "fingerprint", "head"} <= note.keys()


def _replace(folder: Path, part: Path) -> None:
    """Replace the folder by ``part / "new"``; the old folder is removed only when the new one is in its place."""
    old = part / "old"
    if folder.exists():
        folder.rename(old)
    try:
        (part / "new").rename(folder)
    except OSError:
        if old.exists():
            old.rename(folder)
        raise
