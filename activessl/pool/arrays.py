"""Items from one npz file."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
import zlib
from pathlib import Path
from tokenize import TokenError
from typing import cast

import numpy as np

from activessl.errors import PoolError
from activessl.pool.decoders.levels import peak_of
from activessl.pool.forms.base import Array, Arrays, Form, Media
from activessl.pool.forms.registry import forms
from activessl.pool.mat import read_mat, whole_numbers
from activessl.pool.pool import Item, Modality, Unreadable
from activessl.pool.rows import RowsSource

#: What a damaged archive raises, besides errors of values; the head of an array is a line of Python.
_BROKEN = (zipfile.BadZipFile, zlib.error, TokenError, SyntaxError, RecursionError, NotImplementedError)


class NpzSource(RowsSource):
    """An npz file: images, series, vectors, or packed encoded images or audio.

    Args:
        location: The file. Its keys: ``images`` (n, h, w) or (n, h, w, 1 or 3), uint8 or uint16; ``X`` (n, time) or
            (n, channels, time), NaN where a value is missing, with ``axes`` = "time, channels" (n, time, channels), and
            with names of the channels as ``channel_names``; ``vectors`` (n, d); ``data`` with ``offsets`` (n + 1,)
            and ``format`` ("png", "jpeg", …) or ``sample_rate`` (int16 audio). Optional ``ids`` (n,); without them
            the ids are ``NAME:ROW``.
        modality: Which form of data to read, where the file has several.

    Raises:
        PoolError: No such key, or an array of a shape or type that does not fit.
    """

    def __init__(self, location: Path, modality: Modality | None = None) -> None:
        keys = npz_keys(location)
        self._form, self._stored_as = _choose(location, keys, modality)
        super().__init__(location, self._form.name)
        stored_as = self._stored_as
        self._values = read_npz(location, stored_as.key)
        if self._form.channels:
            self._values = channels_first(location, self._values, keys)
        self._offsets = read_npz(location, "offsets").astype(np.int64) if stored_as.packed else None
        self.sample_rate = int(read_npz(location, "sample_rate")) if "sample_rate" in stored_as.beside else None
        self._check()
        n = len(self._values) if self._offsets is None else len(self._offsets) - 1
        self._name_rows(n, read_npz(location, "ids") if "ids" in keys else None)
        self._named = self._channels(keys)

    def _channels(self, keys: frozenset[str]) -> tuple[str, ...]:
        """The names of the channels, for a form that has channels.

        Raises:
            PoolError: Their number is not that of the channels.
        """
        if not self._form.channels or "channel_names" not in keys or not self._ids:
            return ()
        names = tuple(str(name) for name in read_npz(self._location, "channel_names").ravel().tolist())
        count = cast(Array, self.read(self._ids[0])).shape[0]
        if len(names) != count or len(set(names)) != count:
            raise PoolError(
                f"{len(names)} channel names, {len(set(names))} of them different, for {count} channels in "
                f"{self._location}",
                hint="store one name for each channel, or check the array 'axes'",
            )
        return names

    def describe(self, item_id: str) -> Item | Unreadable:
        """Hash and check one row."""
        try:
            media = cast(Array, self.read(item_id))
        except PoolError as error:
            return Unreadable(item_id, error.message)
        if media.dtype.kind == "f" and (why := _unusable(media, missing_allowed=self._form.missing)):
            return Unreadable(item_id, why)
        return Item(item_id, self._digest(item_id), media.shape, self._named, peak=peak_of(media))

    def read(self, item_id: str) -> Media:
        """One row as an image (h, w, c), a series (channels, time) or a vector (d,)."""
        return self._stored_as.read(self._stored(item_id))

    def content(self, item_id: str) -> bytes:
        """Encoded image bytes (PNG where pixels are stored), or npy bytes."""
        if self._stored_as.encoded:
            return self._stored(item_id).tobytes()
        if self._stored_as.content is not None:
            return self._stored_as.content(cast(Array, self.read(item_id)))
        buffer = io.BytesIO()
        np.save(buffer, cast(Array, self.read(item_id)), allow_pickle=False)
        return buffer.getvalue()

    def _stored(self, item_id: str) -> Array:
        row = self._row_of(item_id)
        if self._offsets is None:
            return cast(Array, self._values[row])
        return self._values[self._offsets[row] : self._offsets[row + 1]]

    def _digest(self, item_id: str) -> str:
        stored = self._stored(item_id)
        # encoded images have the hash of their file; the hash of an array includes type and shape
        head = b"" if self._stored_as.encoded else f"{stored.dtype.str}{stored.shape}".encode()
        return hashlib.sha256(head + np.ascontiguousarray(stored).tobytes()).hexdigest()

    def _check(self) -> None:
        shape, kind, stored_as = self._values.shape, self._values.dtype, self._stored_as
        if not stored_as.fits(shape, kind):
            raise PoolError(
                f"array {stored_as.key!r} in {self._location} has shape {shape} and type {kind}",
                hint=f"store it as {stored_as.wanted}",
            )
        if self._offsets is not None:
            o = self._offsets
            if o.ndim != 1 or len(o) < 2 or o[0] < 0 or o[-1] > len(self._values) or (np.diff(o) < 0).any():
                raise PoolError(
                    f"array 'offsets' in {self._location} does not fit 'data'",
                    hint="store n + 1 ascending offsets, from 0 to the length of 'data'",
                )


def npz_keys(location: Path) -> frozenset[str]:
    """The names of the arrays in an npz file, or in a ``.mat`` of MATLAB.

    Raises:
        PoolError: Not an npz file.
    """
    if location.suffix.lower() == ".mat":
        return frozenset(read_mat(location))
    try:
        with np.load(location, allow_pickle=False) as archive:
            return frozenset(archive.files)
    except (OSError, ValueError, EOFError, AttributeError, *_BROKEN):
        raise PoolError(f"{location} is not an npz file", hint="write it with numpy.savez") from None


def read_npz(location: Path, key: str) -> Array:
    """Read one array of an npz file; pickled arrays are refused.

    Raises:
        PoolError: No such array, or it cannot be read.
    """
    if location.suffix.lower() == ".mat":
        arrays = read_mat(location)
        if key not in arrays:
            raise PoolError(f"{location} has no array {key!r}", hint=f"add the array {key!r} to the file")
        return arrays[key] if key == "X" else whole_numbers(arrays[key])
    try:
        with np.load(location, allow_pickle=False) as archive:
            size = {info.filename: info.file_size for info in archive.zip.infolist()}.get(f"{key}.npy", 0)
            if size > _memory():
                raise PoolError(
                    f"array {key!r} in {location} has {size:,} bytes, more than this machine has memory",
                    hint="store the items as files in a folder, or as rows of a .parquet file",
                )
            return cast(Array, archive[key])
    except KeyError:
        raise PoolError(f"{location} has no array {key!r}", hint=f"add the array {key!r} to the file") from None
    except PoolError:
        raise
    except (OSError, ValueError, EOFError, MemoryError, *_BROKEN):
        raise PoolError(
            f"array {key!r} in {location} cannot be read",
            hint="write the file again, with arrays of numbers or text and without Python objects",
        ) from None


def _memory() -> int:
    """Bytes of memory: an archive of a few kilobytes may unpack to more."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows
        return 2**63


def _choose(location: Path, keys: frozenset[str], modality: Modality | None) -> tuple[Form, Arrays]:
    held = {
        form.name: (form, stored_as)
        for form in forms()
        for stored_as in reversed(form.arrays)  # of several arrays of one form, the first counts
        if {stored_as.key, *stored_as.beside} <= keys
    }
    if not held:
        raise PoolError(
            f"{location} has no array of items; it has {', '.join(sorted(keys)) or 'no arrays'}",
            hint="store 'images', 'X' (series), 'vectors', or packed 'data', 'offsets' and 'format'",
        )
    chosen = modality or next(iter(held))
    if chosen not in held:
        raise PoolError(
            f"{location} holds {', '.join(held)}, not {chosen}", hint=f"set the modality to {' or '.join(held)}"
        )
    return held[chosen]


def channels_first(location: Path, values: Array, keys: frozenset[str]) -> Array:
    """Bring an array of series to (n, channels, time), as the array ``axes`` of its file says.

    Raises:
        PoolError: ``axes`` is unknown; or it is missing, and there are more channels than values in time, as where the
            order is (n, time, channels).
    """
    if values.ndim != 3:
        return values
    if "axes" in keys:
        told = str(read_npz(location, "axes")).lower().replace(" ", "")
        if told not in ("channels,time", "time,channels"):
            raise PoolError(
                f"array 'axes' in {location} is {told[:40]!r}",
                hint="store np.array('channels, time') or np.array('time, channels') as 'axes'",
            )
        return values if told == "channels,time" else values.swapaxes(1, 2)
    _, channels, length = values.shape
    if channels > length:
        raise PoolError(
            f"array 'X' in {location} has shape {values.shape}: {channels:,} channels of {length:,} values, or "
            f"{length:,} channels of {channels:,} values",
            hint="store np.array('time, channels') or np.array('channels, time') as 'axes' in the file, beside 'X'",
        )
    return values


def _unusable(values: Array, *, missing_allowed: bool) -> str | None:
    if np.isinf(values).any():
        return "contains infinity"
    missing = np.isnan(values)
    if missing.all():
        return "contains only NaN"
    return "contains NaN" if missing.any() and not missing_allowed else None
