"""Columns that are stored with the items: further columns of a table, and further arrays of an npz."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from activessl.errors import PoolError
from activessl.pool.addresses import Address, Place
from activessl.pool.arrays import npz_keys, read_npz
from activessl.pool.forms.registry import forms
from activessl.pool.mat import read_mat
from activessl.pool.pool import Modality, Source
from activessl.pool.rows import row_ids
from activessl.pool.sources import open_source

#: Name of a column to the cell of each item.
Stored = Mapping[str, Mapping[str, Any]]

#: Arrays with a meaning of their own; those of the items are named by their form of data.
_OWN = frozenset({"ids", "labels", "class_names", "channel_names", "axes", "split", "format", "sample_rate", "offsets"})


def stored_columns(location: Place, modality: Modality | None = None, source: Source | None = None) -> Stored:
    """The columns of the file of the data that are neither items nor ids, labels or splits; none for a folder of files.

    The items are not decoded, and those of an npz are not read.

    Args:
        location: As for ``open_source``.
        modality: As for ``open_source``.
        source: The same data, where they are open already.

    Raises:
        PoolError: As of ``open_source``.
    """
    if isinstance(location, Path) and location.suffix.lower() in (".npz", ".mat"):
        return _of_npz(location, modality)
    if location.is_dir() and source is None and not _has_archives(location):
        return {}
    return dict(getattr(source or open_source(location, modality), "columns", {}))


def _has_archives(folder: Place) -> bool:
    return isinstance(folder, Address) or any(path.suffix.lower() == ".tar" for path in folder.iterdir())


def _of_npz(location: Path, modality: Modality | None) -> Stored:
    keys = npz_keys(location)
    own = {*_OWN, *(arrays.key for form in forms() for arrays in form.arrays)}
    shapes = _shapes(location)
    stored = [a for form in forms() if modality in (None, form.name) for a in form.arrays]
    items = next((a for a in stored if {a.key, *a.beside} <= keys), None)
    if items is None:
        return {}
    n = shapes["offsets"][0] - 1 if items.packed else shapes[items.key][0]
    ids = row_ids(location, n, read_npz(location, "ids") if "ids" in keys else None)
    found: dict[str, dict[str, Any]] = {}
    for name in sorted(keys - own):
        if shapes.get(name) != (n,):
            continue
        try:
            values = read_npz(location, name)
        except PoolError:  # an array of Python objects is never read
            continue
        # dates come as dates, and text of bytes as text
        cells = np.char.decode(values, "utf-8", "replace") if values.dtype.kind == "S" else values
        if cells.dtype.kind == "M":
            cells = cells.astype("datetime64[s]")
        found[name] = dict(zip(ids, cells.tolist(), strict=True))
    return found


def _shapes(location: Path) -> dict[str, tuple[int, ...]]:
    """The shape of each array of an npz, from its header: the arrays are not read."""
    if location.suffix.lower() == ".mat":
        return {name: np.shape(values) for name, values in read_mat(location).items()}
    found: dict[str, tuple[int, ...]] = {}
    try:
        with zipfile.ZipFile(location) as archive:
            for name in archive.namelist():
                with archive.open(name) as file:
                    form: Any = np.lib.format
                    first = form.read_magic(file) == (1, 0)
                    read = form.read_array_header_1_0 if first else form.read_array_header_2_0
                    found[name.removesuffix(".npy")] = read(file)[0]
    except (OSError, ValueError, zipfile.BadZipFile):
        raise PoolError(f"{location} is not an npz file", hint="write it with numpy.savez") from None
    return found
