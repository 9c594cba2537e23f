"""The digest of a model: equal for equal contents, by which state and ledger name it."""

from __future__ import annotations

import hashlib
from pathlib import Path

from activessl.errors import HeadError
from activessl.sealed import SEAL, sha256_of


def model_digest(folder: Path) -> str:
    """Return a hash of all files of a model's folder, without seals: copies of a model have equal digests.

    Raises:
        HeadError: The folder has no model, or cannot be read.
    """
    try:
        if not (folder / "model.json").is_file():
            raise HeadError(f"no complete model in {folder}", hint="name a folder that `activessl export model` wrote")
        files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in (SEAL, "model.onnx"))
        parts = (f"{path.relative_to(folder).as_posix()}\0{sha256_of(path)}" for path in files)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    except OSError as bad:
        raise HeadError(f"{folder} cannot be read: {bad.strerror or bad}", hint="check its permissions") from None
