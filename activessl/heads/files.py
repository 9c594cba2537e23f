"""Heads on disk: safetensors for arrays, JSON for the rest."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from activessl.errors import HeadError
from activessl.sealed import SEAL, check_seal, seal

FORMAT = 1


def write_head(folder: Path, kind: str, tensors: Mapping[str, np.ndarray], config: Mapping[str, Any]) -> None:
    """Write ``weights.safetensors``, ``config.json`` and the seal with their digests.

    Raises:
        HeadError: The folder cannot be written.
    """
    arrays = {name: np.ascontiguousarray(a.astype(np.uint8) if a.dtype == bool else a) for name, a in tensors.items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("config.json", SEAL):
            (folder / name).unlink(missing_ok=True)
        save_file(arrays, folder / "weights.safetensors")
        text = json.dumps({"format": FORMAT, "head": kind, **config}, indent=1, sort_keys=True, allow_nan=False)
        (folder / "config.json").write_text(text + "\n", encoding="utf-8")
        seal(folder)
    except (OSError, SafetensorError) as bad:  # safetensors has an error of its own for a full disk
        raise HeadError(
            f"cannot write the head to {folder}: {getattr(bad, 'strerror', None) or bad}",
            hint="check the permissions and the free disk space",
        ) from bad


def read_head(folder: Path, kind: str, names: Sequence[str]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read the files that ``write_head`` wrote.

    Raises:
        HeadError: Missing, incomplete, damaged, or of another kind or a newer format.
    """
    hint = "teach the head again"
    try:
        check_seal(folder)
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        tensors = load_file(folder / "weights.safetensors")
    except FileNotFoundError:
        raise HeadError(f"no complete head in {folder}", hint=hint) from None
    except (OSError, ValueError, SafetensorError, RecursionError) as bad:
        raise HeadError(f"the head in {folder} is damaged: {bad}", hint=hint) from None
    if not isinstance(config, dict) or config.get("head") != kind or config.get("format") != FORMAT:
        found = (config.get("head"), config.get("format")) if isinstance(config, dict) else type(config).__name__
        raise HeadError(f"the head in {folder} has kind and format {found}, not {(kind, FORMAT)}", hint=hint)
    missing = [name for name in names if name not in tensors]
    if missing:
        raise HeadError(f"the head in {folder} has no arrays {', '.join(missing)}", hint=hint)
    return tensors, config
