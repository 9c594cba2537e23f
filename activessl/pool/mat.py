"""MATLAB files up to version 7, through SciPy, with the arrays that an npz file has."""

from __future__ import annotations

import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from activessl.errors import PoolError

Array = np.ndarray[Any, np.dtype[Any]]

#: Vectors, which MATLAB stores as columns or rows of a matrix.
_FLAT = frozenset({"labels", "ids", "split", "class_names", "channel_names", "offsets", "sample_rate", "axes"})


def read_mat(location: Path) -> dict[str, Array]:
    """Read all arrays; texts and cells of texts become arrays of texts, and other cells and structs are left out.

    Raises:
        PoolError: It is no such file, is damaged, or is one of version 7.3, which is HDF5.
    """
    from scipy.io import loadmat

    if not _can_be_read(location, *_stamp(location)):
        raise PoolError(f"{location} is damaged: SciPy cannot read it", hint="save it again")
    try:
        found = loadmat(location, chars_as_strings=True)
    except NotImplementedError:
        raise PoolError(
            f"{location} is a MATLAB file of version 7.3", hint="save it again with save(..., '-v7')"
        ) from None
    except Exception as error:  # noqa: BLE001  a damaged file may raise anything
        why = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise PoolError(
            f"{location} is not a MATLAB file that can be read: {why[:200]}", hint="save it again"
        ) from None
    arrays = {}
    for name, value in found.items():
        if name.startswith("__") or not isinstance(value, np.ndarray):
            continue
        plain = _plain(value)
        if plain is not None:
            arrays[name] = plain.ravel() if name in _FLAT and 1 in plain.shape else plain
    if "axes" in arrays:
        arrays["axes"] = np.array(str(arrays["axes"].ravel()[0]))
    return arrays


def _stamp(location: Path) -> tuple[int, ...]:
    """Size and time; empty where there is no such file, which the reading then says."""
    try:
        stat = location.stat()
    except OSError:
        return ()
    return stat.st_size, stat.st_mtime_ns


@lru_cache(maxsize=64)
def _can_be_read(location: Path, *_of: int) -> bool:
    """Whether a process that reads it lives: SciPy 1.17 ends with a segmentation fault on some damaged files.

    An error that is raised there is raised here, too, with its message; only another end counts. A file is tried once
    while its size and time, which are the other arguments, are the same.
    """
    code = "import sys; from scipy.io import loadmat; loadmat(sys.argv[1], chars_as_strings=True)"
    try:
        done = subprocess.run(  # noqa: S603  our own interpreter and code
            [sys.executable, "-I", "-c", code, str(location)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    except OSError:  # no process can be started: it is read as before
        return True
    return done.returncode in (0, 1)


def _plain(value: Array) -> Array | None:
    """An array of numbers or texts; None for anything else. MATLAB's numbers are floats, also where they count."""
    if value.dtype.kind == "O":
        inside = [one.item() if isinstance(one, np.ndarray) and one.size == 1 else one for one in value.ravel()]
        return np.array(inside).reshape(value.shape) if all(isinstance(one, str) for one in inside) else None
    if value.dtype.kind == "U":
        return np.array([one.rstrip() for one in value.ravel()]).reshape(value.shape)
    if value.dtype.kind not in "fiub":
        return None
    return value


def whole_numbers(values: Array) -> Array:
    """Numbers as integers where all are whole, such as labels that MATLAB stores as floats.

    Example:
        >>> whole_numbers(np.array([1.0, 2.0])).dtype.kind, whole_numbers(np.array([0.5])).dtype.kind
        ('i', 'f')
    """
    whole = values.dtype.kind == "f" and np.isfinite(values).all() and (values == np.rint(values)).all()
    return values.astype(np.int64) if whole else values
