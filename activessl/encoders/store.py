"""Encoders on disk: weights as safetensors, all else as JSON, under the digest of both. Never a pickle."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from activessl.encoders.compute.processes import decided, rank
from activessl.errors import EncoderError
from activessl.pool.pool import Pool
from activessl.pool.progress import OnProgress

_WEIGHTS, _CONFIG = "weights.safetensors", "config.json"

Tensors = Mapping[str, np.ndarray[Any, np.dtype[Any]]]


@dataclass(frozen=True, eq=False)
class Place:
    """Where an encoder is saved.

    Attributes:
        folder: The folder of all encoders.
        key: ``fit_key`` of what was asked for.
        on_progress: Told how far it is.
    """

    folder: Path
    key: str
    on_progress: OnProgress | None = None


def fingerprint_of(name: str, config: Mapping[str, Any], tensors: Tensors) -> str:
    """The digest of all that decides what an encoder computes: 16 hex digits.

    Example:
        >>> a = fingerprint_of("pixels", {"side": 8}, {"mean": np.zeros(2, np.float32)})
        >>> a == fingerprint_of("pixels", {"side": 8}, {"mean": np.zeros(2, np.float32)}), len(a)
        (True, 16)
        >>> a == fingerprint_of("pixels", {"side": 8}, {"mean": np.ones(2, np.float32)})
        False
    """
    digest = hashlib.sha256(json.dumps([name, config], sort_keys=True).encode())
    for key in sorted(tensors):
        value = np.ascontiguousarray(tensors[key])
        digest.update(f"{key}{value.dtype.str}{value.shape}".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()[:16]


def fit_key(name: str, pool: Pool, **settings: Any) -> str:
    """The digest of what an encoder is fitted to: the same request finds the same encoder again."""
    digest = hashlib.sha256(json.dumps([name, settings], sort_keys=True).encode())
    for item in pool.items:
        digest.update(f"{item.id}\x1f{item.sha256}\x1e".encode())
    return digest.hexdigest()[:16]


def save_encoder(
    root: Path, name: str, config: Mapping[str, Any], tensors: Tensors, provenance: Mapping[str, Any], *, key: str = ""
) -> Path:
    """Write an encoder to ``root/<fingerprint>`` and return that folder; a reader never sees half of it.

    Args:
        root: The folder of all encoders, such as ``encoders``.
        name: The name it is registered under.
        config: What it takes to build it, JSON values.
        tensors: Its weights.
        provenance: Where it comes from, JSON values; not part of the fingerprint.
        key: ``fit_key`` of what it was fitted to.

    Raises:
        EncoderError: It cannot be written.
    """
    fingerprint = fingerprint_of(name, config, tensors)
    folder = root / fingerprint
    note = {"encoder": name, "fingerprint": fingerprint, "key": key, "config": config, "provenance": provenance}
    staging: Path | None = None
    try:
        root.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(dir=root, prefix=".saving."))
        save_file({k: np.ascontiguousarray(v) for k, v in tensors.items()}, staging / _WEIGHTS)
        (staging / _CONFIG).write_text(json.dumps(note, indent=2, sort_keys=True), encoding="utf-8")
        if folder.exists():
            (staging / _CONFIG).replace(folder / _CONFIG)  # the same weights, so only the key can differ
            (staging / _WEIGHTS).replace(folder / _WEIGHTS)
        else:
            staging.rename(folder)
    except (OSError, SafetensorError) as error:
        raise EncoderError(
            f"the encoder cannot be written to {root}: {error}", hint="free some space, or check the rights"
        ) from None
    finally:
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)
    return folder


def read_note(folder: Path) -> dict[str, Any]:
    """What is written beside an encoder's weights: encoder, fingerprint, key, config, provenance.

    Raises:
        EncoderError: No encoder there.
    """
    try:
        note = json.loads((Path(folder) / _CONFIG).read_text(encoding="utf-8"))
        {key: note[key] for key in ("encoder", "fingerprint", "key", "config", "provenance")}
    except (OSError, ValueError, KeyError, TypeError):
        raise EncoderError(f"no encoder in {folder}", hint="run `activessl encode`") from None
    return dict(note)


def read_encoder(folder: Path) -> tuple[dict[str, Any], dict[str, np.ndarray[Any, np.dtype[Any]]]]:
    """The note and the weights of an encoder, checked against their fingerprint.

    Raises:
        EncoderError: No encoder there, or one that was changed or damaged.
    """
    note = read_note(folder)
    try:
        tensors = load_file(Path(folder) / _WEIGHTS)
    except (OSError, SafetensorError) as error:
        raise EncoderError(f"damaged encoder in {folder}: {error}", hint="delete the folder and encode again") from None
    if fingerprint_of(note["encoder"], note["config"], tensors) != note["fingerprint"]:
        raise EncoderError(
            f"the encoder in {folder} is not what its fingerprint says", hint="delete the folder and encode again"
        )
    return note, tensors


def shared_fit(root: Path, key: str) -> Path | None:
    """What ``find_fit`` finds for the first of several processes; all of them must ask.

    Raises:
        EncoderError: This process asks for something else than the first one.
    """
    first, found = decided(lambda: (key, None if (folder := find_fit(root, key)) is None else str(folder)))
    if first != key:
        raise EncoderError(
            f"process {rank()} has other items or settings than the first one",
            hint="put the data and the project on a disk that all machines share, and start the same command on all",
        )
    return None if found is None else Path(found)


def find_fit(root: Path, key: str) -> Path | None:
    """The folder of the encoder that was fitted to ``key``, if there is one."""
    if not Path(root).is_dir():
        return None
    for folder in sorted(Path(root).iterdir()):
        if folder.name.startswith(".") or not folder.is_dir():
            continue
        try:
            if read_note(folder)["key"] == key:
                return folder
        except EncoderError:
            continue
    return None
