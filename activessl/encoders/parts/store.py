"""The vectors of all parts of a pool on disk: float16, memory-mapped, sealed; never all in memory."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float16, Int

from activessl.encoders.embeddings import contents_of, item_files
from activessl.encoders.parts.base import ItemParts, Level, PartEncoder
from activessl.encoders.parts.growing import BOUNDS, SHAPES, Growing, level_name
from activessl.errors import EncoderError
from activessl.pool.pool import Pool
from activessl.pool.progress import OnProgress, tell
from activessl.sealed import check_seal, read_array, seal

_NOTE = "parts.json"


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
        digests: (n,) the content hash of each item when it was encoded; empty for items in memory.
        sizes: (n,) the shape of each item, as ``Item.shape``; empty for items in memory.
    """

    ids: tuple[str, ...]
    levels: tuple[Float16[np.ndarray, "t d"], ...]
    shapes: Int[np.ndarray, "n l 2"]
    bounds: Int[np.ndarray, "t 2"] | None
    fingerprint: str
    provenance: dict[str, Any]
    digests: tuple[str, ...] = ()
    sizes: tuple[tuple[int, ...], ...] = ()

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
            known = contents_of(folder)
            if known is None:
                raise ValueError("the list of its items is damaged")
            dims, ids = tuple(note["dims"]), tuple(known)
            sizes = tuple(tuple(int(n) for n in size) for size in note["sizes"])
            levels = tuple(read_array(folder / level_name(k), mmap_mode="r") for k in range(len(dims)))
            shapes = read_array(folder / SHAPES)
            bounds = read_array(folder / BOUNDS, mmap_mode="r") if note["flat"] else None
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
        if len(sizes) != len(ids):
            raise EncoderError(f"damaged parts in {folder}: {len(sizes)} sizes of {len(ids)} items", hint=hint)
        return cls(ids, levels, shapes, bounds, fingerprint, provenance, tuple(known.values()), sizes)

    def fits(self, pool: Pool) -> bool:
        """Whether row *i* is row *i* of the pool, with its present content."""
        return self.ids == pool.ids and self.digests == tuple(item.sha256 for item in pool.items)

    def item(self, row: int) -> ItemParts:
        """All parts of an item."""
        levels = tuple(self.level(row, k) for k in range(len(self.levels)))
        return ItemParts(levels, self.places(row) if self.flat else None)


def encode_parts(
    encoder: PartEncoder,
    pool: Pool,
    folder: Path,
    *,
    on_progress: OnProgress | None = None,
    batch_size: int = 64,
) -> PartStore:
    """Encode the parts of a pool into a folder.

    Nothing is encoded twice: the parts of known contents are copied from an earlier call with the same encoder, and a
    call that was killed goes on where it stopped. The files are written beside the folder and moved into place when
    complete.

    Args:
        encoder: The encoder.
        pool: The items.
        folder: The folder of the parts; one process at a time may write to it.
        on_progress: Called with stage "parts".
        batch_size: Items in a mini-batch.

    Raises:
        EncoderError: The encoder returned something else than it states, or the folder cannot be written.
    """
    before = _before(encoder, folder)
    if before is not None and before.fits(pool):
        return before
    started = time.perf_counter()
    keys = [(item.id, item.sha256) for item in pool.items]
    growing: Growing | None = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        growing = Growing(
            folder.with_name(f".{folder.name}.growing"), encoder.fingerprint, encoder.dims, encoder.flat, keys
        )
        begun = len(growing)
        for one in _items(encoder, pool, keys, begun, before, batch_size):
            _check(encoder, one)
            growing.add(one)
            if len(growing) % batch_size == 0 or len(growing) == len(pool):
                tell(on_progress, "parts", len(growing), len(pool))
        if len(growing) != len(pool):
            raise EncoderError(
                f"encoder {encoder.name!r} returned the parts of {len(growing)} of {len(pool)} items",
                hint="report this error to the author of the encoder",
            )
        growing.finish()
        seconds = round(time.perf_counter() - started, 3)
        note = {
            "dims": encoder.dims,
            "flat": encoder.flat,
            "fingerprint": encoder.fingerprint,
            "provenance": encoder.provenance | {"seconds of encoding": seconds, "items before": begun},
            "sizes": [item.shape for item in pool.items],
        }
        (growing.folder / _NOTE).write_text(json.dumps(note), encoding="utf-8")
        for name, content in item_files(pool.ids, [item.sha256 for item in pool.items], {}).items():
            (growing.folder / name).write_bytes(content)
        seal(growing.folder)
        if folder.exists():
            before = None  # its memory maps
            shutil.rmtree(folder)
        growing.folder.rename(folder)
    except OSError as error:
        raise EncoderError(
            f"parts cannot be written to {folder.parent}: {error.strerror or error}",
            hint="free disk space, or check the write permission of the folder",
        ) from None
    except BaseException:
        if growing is not None:
            growing.stop()
        raise
    return PartStore.load(folder)


def _before(encoder: PartEncoder, folder: Path) -> PartStore | None:
    """What an earlier call has left, by the same encoder."""
    try:
        found = PartStore.load(folder)
    except EncoderError:
        return None
    return found if found.fingerprint == encoder.fingerprint else None


def _items(
    encoder: PartEncoder,
    pool: Pool,
    keys: list[tuple[str, str]],
    begun: int,
    before: PartStore | None,
    batch_size: int,
) -> Iterator[ItemParts]:
    """Yield the parts of the items from ``begun`` on: those of unchanged items from before, the others encoded."""
    known = {} if before is None else {digest: row for row, digest in enumerate(before.digests)}
    fresh = [name for name, digest in keys[begun:] if digest not in known]
    encoded: Iterator[ItemParts] = iter(())
    if fresh:  # a pool of no items is none
        encoded = iter(encoder.parts(pool.subset(fresh) if len(fresh) < len(pool) else pool, batch_size))
    for _, digest in keys[begun:]:
        one = before.item(known[digest]) if before is not None and digest in known else next(encoded, None)
        if one is None:
            return
        yield one


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
