"""The vectors of all parts of a pool on disk: float16, memory-mapped, sealed; never all in memory."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from jaxtyping import Float16, Int

from activessl.encoders.parts.base import ItemParts, Level, PartEncoder
from activessl.errors import EncoderError
from activessl.pool.pool import Pool
from activessl.pool.progress import OnProgress, tell
from activessl.sealed import beside, check_seal, read_array, seal, sweep

_NOTE, _SHAPES, _BOUNDS = "parts.json", "shapes.npy", "bounds.npy"


@dataclass(frozen=True, eq=False)
class PartStore:
    """The parts of the items of a pool.

    Attributes:
        ids: (n,) item of each row.
        levels: For each level, (total, d) float16: the vectors of all items, one after the other, row by row.
        shapes: (n, levels, 2) rows and columns of each item's grids.
        bounds: (total of the finest level, 2) start and end of each part; None for pictures.
        fingerprint: The fingerprint of the encoder.
        provenance: The provenance of the encoder.
    """

    ids: tuple[str, ...]
    levels: tuple[Float16[np.ndarray, "t d"], ...]
    shapes: Int[np.ndarray, "n l 2"]
    bounds: Int[np.ndarray, "t 2"] | None
    fingerprint: str
    provenance: dict[str, Any]

    def __post_init__(self) -> None:
        counts = self.shapes.astype(np.int64).prod(axis=2)
        offsets = np.concatenate([np.zeros((1, len(self.levels)), np.int64), counts.cumsum(axis=0)])
        object.__setattr__(self, "_offsets", offsets)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def flat(self) -> bool:
        """Whether parts lie in a row."""
        return self.bounds is not None

    @property
    def offsets(self) -> Int[np.ndarray, "n l"]:
        """(n + 1, levels) where the parts of each item begin."""
        found: Int[np.ndarray, "n l"] = self._offsets  # type: ignore[attr-defined]  # pyright: ignore
        return found

    @property
    def bytes_per_item(self) -> float:
        """Mean bytes of an item's vectors on disk."""
        return sum(level.nbytes for level in self.levels) / max(1, len(self))

    def level(self, row: int, level: int) -> Level:
        """The grid (r, c, d) of an item at a level."""
        start, end = self.offsets[row, level], self.offsets[row + 1, level]
        rows, columns = self.shapes[row, level]
        return np.asarray(self.levels[level][start:end]).reshape(rows, columns, -1)

    def places(self, row: int) -> Int[np.ndarray, "c 2"]:
        """Start and end of each part of an item whose parts lie in a row."""
        if self.bounds is None:
            raise EncoderError("the parts of pictures have no start and end", hint="divide width and height evenly")
        return np.asarray(self.bounds[self.offsets[row, 0] : self.offsets[row + 1, 0]])

    @classmethod
    def of(cls, items: Sequence[ItemParts], ids: Sequence[str], fingerprint: str = "") -> PartStore:
        """Hold a few items in memory, for tests and for new items.

        Example:
            >>> one = ItemParts((np.zeros((2, 3, 4), np.float16),))
            >>> store = PartStore.of([one, one], ["a", "b"])
            >>> len(store), store.level(1, 0).shape, store.bytes_per_item
            (2, (2, 3, 4), 48.0)
        """
        depth = len(items[0].levels)
        levels = tuple(
            np.concatenate([one.levels[k].reshape(-1, one.levels[k].shape[2]) for one in items]) for k in range(depth)
        )
        shapes = np.array([[level.shape[:2] for level in one.levels] for one in items], dtype=np.int64)
        bounds = [one.bounds for one in items if one.bounds is not None]
        return cls(tuple(ids), levels, shapes, np.concatenate(bounds) if bounds else None, fingerprint, {})

    @classmethod
    def load(cls, folder: Path) -> PartStore:
        """Open the parts in a folder.

        Raises:
            EncoderError: There are none, or a file was changed.
        """
        hint = "delete the folder and encode again"
        if not (folder / _NOTE).is_file():
            raise EncoderError(f"no parts in {folder}", hint="encode the pool first")
        try:
            if not check_seal(folder):
                raise ValueError("the seal is missing")
            note = json.loads((folder / _NOTE).read_text(encoding="utf-8"))
            dims, ids = tuple(note["dims"]), tuple(note["ids"])
            levels = tuple(read_array(folder / _level(k), mmap_mode="r") for k in range(len(dims)))
            shapes = read_array(folder / _SHAPES)
            bounds = read_array(folder / _BOUNDS, mmap_mode="r") if note["flat"] else None
            fingerprint, provenance = note["fingerprint"], dict(note["provenance"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise EncoderError(f"damaged parts in {folder}: {error}", hint=hint) from None
        totals = shapes.astype(np.int64).prod(axis=2).sum(axis=0) if shapes.ndim == 3 else np.zeros(0)
        fits = len(totals) == len(levels) and shapes.shape[::2] == (len(ids), 2)
        fits = fits and all(
            level.shape == (total, d) and level.dtype == np.float16
            for level, total, d in zip(levels, totals, dims, strict=True)
        )
        if not fits or (bounds is not None and bounds.shape != (totals[0], 2)):
            raise EncoderError(f"damaged parts in {folder}: the files do not fit each other", hint=hint)
        return cls(ids, levels, shapes, bounds, fingerprint, provenance | {"digests": note["digests"]})

    def fits(self, pool: Pool) -> bool:
        """Whether row *i* is row *i* of the pool, with its present content."""
        return self.ids == pool.ids and self.provenance.get("digests") == [item.sha256 for item in pool.items]


def encode_parts(
    encoder: PartEncoder,
    pool: Pool,
    folder: Path,
    *,
    on_progress: OnProgress | None = None,
    batch_size: int = 64,
) -> PartStore:
    """Encode the parts of a pool into a folder, or reuse what is there if no item has changed.

    The files are written beside the folder and moved into place when complete.

    Args:
        encoder: The encoder.
        pool: The items.
        folder: The folder of the parts.
        on_progress: Called with stage "parts".
        batch_size: Items in a mini-batch.

    Raises:
        EncoderError: The encoder returned something else than it states, or the folder cannot be written.
    """
    try:
        before = PartStore.load(folder)
        if before.fingerprint == encoder.fingerprint and before.fits(pool):
            return before
    except EncoderError:
        pass
    started = time.perf_counter()
    staging: Path | None = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        sweep(folder.parent, folder.name)
        staging = beside(folder)
        staging.mkdir()
        files = [_Growing(staging / _level(k), dim) for k, dim in enumerate(encoder.dims)]
        shapes, bounds = [], []
        for done, one in enumerate(encoder.parts(pool, batch_size), start=1):
            _check(encoder, one)
            for file, level in zip(files, one.levels, strict=True):
                file.add(level)
            shapes.append([level.shape[:2] for level in one.levels])
            if one.bounds is not None:
                bounds.append(one.bounds)
            if done % batch_size == 0 or done == len(pool):
                tell(on_progress, "parts", done, len(pool))
        if len(shapes) != len(pool):
            raise EncoderError(
                f"encoder {encoder.name!r} returned the parts of {len(shapes)} of {len(pool)} items",
                hint="report this error to the author of the encoder",
            )
        for file in files:
            file.close()
        np.save(staging / _SHAPES, np.array(shapes, dtype=np.int64).reshape(len(pool), len(files), 2))
        if encoder.flat:
            np.save(staging / _BOUNDS, np.concatenate(bounds).astype(np.int64))
        note = {
            "ids": pool.ids,
            "digests": [item.sha256 for item in pool.items],
            "dims": encoder.dims,
            "flat": encoder.flat,
            "fingerprint": encoder.fingerprint,
            "provenance": encoder.provenance | {"seconds of encoding": round(time.perf_counter() - started, 3)},
        }
        (staging / _NOTE).write_text(json.dumps(note), encoding="utf-8")
        seal(staging)
        if folder.exists():
            shutil.rmtree(folder)
        staging.rename(folder)
    except OSError as error:
        raise EncoderError(
            f"parts cannot be written to {folder.parent}: {error.strerror or error}",
            hint="free disk space, or check the write permission of the folder",
        ) from None
    finally:
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)
    return PartStore.load(folder)


class _Growing:
    """A ``.npy`` file of rows whose number is not known before: NumPy leaves room in the header for it."""

    def __init__(self, path: Path, dim: int) -> None:
        self._dim, self._rows = dim, 0
        self._file: IO[bytes] = path.open("wb")
        self._header()

    def add(self, level: Level) -> None:
        """Append the vectors of an item."""
        self._file.write(np.ascontiguousarray(level, dtype=np.float16).tobytes())
        self._rows += level.shape[0] * level.shape[1]

    def close(self) -> None:
        """Write the number of rows."""
        self._file.seek(0)
        self._header()
        self._file.close()

    def _header(self) -> None:
        told = {"descr": np.dtype(np.float16).str, "fortran_order": False, "shape": (self._rows, self._dim)}
        np.lib.format.write_array_header_1_0(self._file, told)  # type: ignore[no-untyped-call]


def _level(k: int) -> str:
    return f"level-{k}.npy"


def _check(encoder: PartEncoder, one: ItemParts) -> None:
    dims = tuple(level.shape[2] for level in one.levels)
    placed = (one.bounds is not None) == encoder.flat and (
        one.bounds is None or one.bounds.shape == (one.levels[0].shape[1], 2)
    )
    finite = all(np.isfinite(level).all() for level in one.levels)
    if dims != encoder.dims or not placed or not finite:
        raise EncoderError(
            f"encoder {encoder.name!r} returned parts with vectors of length {dims}, expected {encoder.dims}"
            if finite and placed
            else f"encoder {encoder.name!r} returned parts without places, or with NaN or infinity",
            hint="report this error to the author of the encoder",
        )
