"""Caches below ``embeddings/`` of encoders not in use: no verb reads them, so none finds that they are damaged.

An encoder leaves such a folder behind when items were added, when the config names another one, and when one was
fine-tuned. What is in use is checked and made again where it is read; what is not would stay damaged for good.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from activessl.encoders.embeddings import forgot_vectors
from activessl.ledger.history import History
from activessl.project.folder import Project
from activessl.sealed import check_seal

__all__ = ["discard_damaged", "in_use", "sealed_folders"]


def in_use(project: Project, history: History, folder: Path) -> bool:
    """Whether a folder below ``embeddings/`` belongs to the encoder that the project uses now, or to one that the
    labels may choose at the next teaching."""
    if history.encoded is None:
        return False
    used = (history.encoded.fingerprint, *(other.fingerprint for other in history.encoded.others))
    # test items of a hold-out have a folder of their own
    return folder.relative_to(project.folder).parts[1].removesuffix("-test") in used


def sealed_folders(project: Project) -> Iterator[Path]:
    """Each folder below ``embeddings/`` that has files: those of the encoders, then their parts (smoothed, map)."""
    base = project.folder / "embeddings"
    for folder in sorted((*base.glob("*"), *base.glob("*/*"))):
        hidden = any(part.startswith(".") for part in folder.relative_to(base).parts)
        if not hidden and folder.is_dir() and any(part.is_file() for part in folder.iterdir()):
            yield folder


def discard_damaged(project: Project, history: History) -> tuple[str, ...]:
    """Remove what is damaged and not in use; return the names. It is made again if its encoder is used again.

    Large files count as whole while their time and inode are those of the last check; see ``check_seal``.
    """
    gone = []
    for folder in list(sealed_folders(project)):
        if in_use(project, history, folder) or not folder.is_dir() or forgot_vectors(folder):
            continue
        try:
            check_seal(folder)
        except (OSError, ValueError):
            with suppress(OSError):  # only a cache: `verify` still tells of it
                shutil.rmtree(folder)
                gone.append(folder.relative_to(project.folder).as_posix())
    return tuple(gone)
