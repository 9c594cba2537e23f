"""Encoders on disk: weights as safetensors, the rest as JSON, in a folder named by the digest of both. No pickle."""

from __future__ import annotations

import hashlib
import json
import shutil
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
from activessl.sealed import beside, sync

_WEIGHTS, _CONFIG = "weights.safetensors", "config.json"

Tensors = Mapping[str, np.ndarray[Any, np.dtype[Any]]]


@dataclass(frozen=True, eq=False)
class Place:
    """Where an encoder is saved, and who is told of the progress.

    Attributes:
        folder: The folder of all encoders.
        key: ``fit_key`` of the request.
        on_progress: Called with each step.
    """

    folder: Path
    key: str
    on_progress: OnProgress | None = None


def fingerprint_of(name: str, config: Mapping[str, Any], tensors: Tensors) -> str:
    """Digest of everything that decides an encoder's vectors, name, configuration and weights: 16 hex digits.

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
    """Digest of a fit request (encoder, pool and settings), by which ``find_fit`` finds an encoder again."""
    digest = hashlib.sha256(json.dumps([name, settings], sort_keys=True).encode())
    if told := pool.axes.to_json():  # the same files give other series in another order, or with another step
        digest.update(json.dumps(told).encode())
    for item in pool.items:
        # a file with a remark is read in another way than by earlier versions
        digest.update("\x1f".join((item.id, item.sha256, *item.remarks)).encode() + b"\x1e")
    return digest.hexdigest()[:16]


def save_encoder(
    root: Path, name: str, config: Mapping[str, Any], tensors: Tensors, provenance: Mapping[str, Any], *, key: str = ""
) -> Path:
    """Write an encoder to ``root/<fingerprint>`` and return that folder; it is moved into place when complete.

    Args:
        root: The folder of all encoders, such as ``encoders``.
        name: The name under which the encoder is registered.
        config: The configuration needed to build the encoder, JSON values.
        tensors: The weights.
        provenance: The origin of the encoder, JSON values; not part of the fingerprint.
        key: ``fit_key`` of the request.

    Raises:
        EncoderError: The encoder cannot be written.
    """
    fingerprint = fingerprint_of(name, config, tensors)
    folder = root / fingerprint
    note = {"encoder": name, "fingerprint": fingerprint, "key": key, "config": config, "provenance": provenance}
    staging: Path | None = None
    try:
        root.mkdir(parents=True, exist_ok=True)
        staging = beside(folder)
        staging.mkdir()
        save_file({k: np.ascontiguousarray(v) for k, v in tensors.items()}, staging / _WEIGHTS)
        (staging / _CONFIG).write_text(json.dumps(note, indent=2, sort_keys=True), encoding="utf-8")
        for name in (_WEIGHTS, _CONFIG):
            sync(staging / name)
        if folder.exists():
            # the same weights, unless those in the folder were damaged
            for name in (_WEIGHTS, _CONFIG):
                (staging / name).replace(folder / name)
        else:
            staging.rename(folder)
    except (OSError, SafetensorError) as error:
        raise EncoderError(
            f"the encoder cannot be written to {root}: {error}",
            hint="free disk space, or check the write permission of the folder",
        ) from None
    finally:
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)
    return folder


def read_note(folder: Path) -> dict[str, Any]:
    """Read the JSON note beside an encoder's weights: encoder, fingerprint, key, config, provenance.

    Raises:
        EncoderError: The folder holds no encoder.
    """
    try:
        note = json.loads((Path(folder) / _CONFIG).read_text(encoding="utf-8"))
        {key: note[key] for key in ("encoder", "fingerprint", "key", "config", "provenance")}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise EncoderError(f"no encoder in {folder}", hint="run `activessl encode`") from None
    return dict(note)


def read_encoder(folder: Path) -> tuple[dict[str, Any], dict[str, np.ndarray[Any, np.dtype[Any]]]]:
    """Read the note and the weights of an encoder, and check both against the fingerprint.

    Raises:
        EncoderError: The folder holds no encoder, or the encoder was changed or damaged.
    """
    note = read_note(folder)
    hint = "delete the folder and run `activessl encode`"
    try:
        tensors = load_file(Path(folder) / _WEIGHTS)
    except (OSError, SafetensorError) as error:
        raise EncoderError(f"damaged encoder in {folder}: {error}", hint=hint) from None
    if fingerprint_of(note["encoder"], note["config"], tensors) != note["fingerprint"]:
        raise EncoderError(f"the encoder in {folder} does not match its fingerprint", hint=hint)
    return note, tensors


def shared_fit(root: Path, key: str) -> Path | None:
    """Return in all processes what ``find_fit`` returns in the first process; all of them must call this function.

    Raises:
        EncoderError: This process has a different key from the first process.
    """
    first, found = decided(lambda: (key, None if (folder := find_fit(root, key)) is None else str(folder)))
    if first != key:
        raise EncoderError(
            f"process {rank()} has different items or settings from the first process",
            hint="put the data and the project on a disk that all machines share, and start the same command on each",
        )
    return None if found is None else Path(found)


def find_fit(root: Path, key: str) -> Path | None:
    """Return the folder of the encoder whose request has this key, if there is one that is not damaged."""
    if not Path(root).is_dir():
        return None
    for folder in sorted(Path(root).iterdir()):
        if folder.name.startswith(".") or not folder.is_dir():
            continue
        try:
            if read_note(folder)["key"] == key:
                read_encoder(folder)
                return folder
        except EncoderError:
            continue
    return None
