"""Items whose regions are known."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from activessl.errors import LabelError
from activessl.labels.regions.places import PlaceKind
from activessl.labels.regions.region import Regions
from activessl.pool.forms.base import Media
from activessl.pool.pool import Item, Modality, Pool, Unreadable


@dataclass(frozen=True, eq=False)
class RegionData:
    """A pool, and the regions of each of its items.

    Attributes:
        pool: The items.
        regions: For each item, its regions; an empty tuple says that it holds none.
        kind: What regions are.
        classes: Names of the classes, sorted.
        split: 0 for items of the pool, other values for test items; None if the data have no split.
        notes: What was left out or read in a way that a reader would not expect: one sentence each.
    """

    pool: Pool
    regions: tuple[Regions, ...]
    kind: PlaceKind
    classes: tuple[str, ...]
    split: Int[np.ndarray, " n"] | None = None
    notes: tuple[str, ...] = ()

    @property
    def extents(self) -> list[tuple[int, ...]]:
        """For each item, (height, width) in pixels, or (length,) in samples or code points."""
        shapes = [item.shape for item in self.pool.items]
        if self.kind in ("box", "mask"):
            return [shape[:2] for shape in shapes]
        return [shape[-1:] for shape in shapes]


def made(
    pool: Pool,
    regions: Sequence[Regions],
    kind: PlaceKind,
    *,
    split: Int[np.ndarray, " n"] | None = None,
    notes: Sequence[str] = (),
) -> RegionData:
    """Put data together.

    Raises:
        LabelError: No item holds a region, or a region has no class.
    """
    nameless = sum(not region.classes for one in regions for region in one)
    if nameless:
        total = sum(map(len, regions))
        raise LabelError(
            f"{nameless:,} of {total:,} regions have no class", hint="give each region a class, or remove it"
        )
    classes = tuple(sorted({name for one in regions for region in one for name in region.classes}))
    if not classes:
        raise LabelError(
            f"none of the {len(regions):,} items in {pool.source.location} holds a region",
            hint="give data with at least one region",
        )
    return RegionData(pool, tuple(regions), kind, classes, split, tuple(notes))


class HeldSource:
    """Texts or series that were read from a file of labels, which holds items and regions together.

    Args:
        location: The file.
        modality: "text" or "series".
        values: By id: a text, or a series (channels, time).
    """

    def __init__(self, location: Path, modality: Modality, values: Mapping[str, Media]) -> None:
        self._location, self._modality, self._values = location, modality, dict(values)

    @property
    def modality(self) -> Modality:
        """The form of data."""
        return self._modality

    @property
    def location(self) -> Path:
        """The file."""
        return self._location

    def scan(self) -> Iterator[Item | Unreadable]:
        """Describe all items."""
        for item_id, value in self._values.items():
            shape = (len(value),) if isinstance(value, str) else np.asarray(value).shape
            yield Item(item_id, hashlib.sha256(self.content(item_id)).hexdigest(), shape)

    def read(self, item_id: str) -> Media:
        """One item."""
        return self._values[item_id]

    def path(self, item_id: str) -> Path | None:  # noqa: ARG002  of the protocol
        """No item has a file of its own."""
        return None

    def content(self, item_id: str) -> bytes:
        """A text as UTF-8, a series as npy bytes."""
        value: Any = self._values[item_id]
        if isinstance(value, str):
            return value.encode("utf-8", "surrogatepass")
        out = io.BytesIO()
        np.save(out, value)
        return out.getvalue()


def held_pool(location: Path, modality: Modality, values: Mapping[str, Media]) -> Pool:
    """A pool of values in memory."""
    source = HeldSource(location, modality, values)
    return Pool(items=tuple(item for item in source.scan() if isinstance(item, Item)), source=source)


def split_of(values: Sequence[Any], where: str) -> Int[np.ndarray, " n"]:
    """A column ``split`` as numbers: 0, "train" and "pool" are items of the pool, all others are test items.

    Raises:
        LabelError: Every item is a test item, or none is.

    Example:
        >>> split_of(["train", "test", "dev", "train"], "a.parquet").tolist()
        [0, 1, 1, 0]
    """
    found = np.array([0 if value in (0, "0", "train", "pool") else 1 for value in values], dtype=np.int64)
    if not len(found) or found.min() == 1 or found.max() == 0:
        raise LabelError(
            f"the split in {where} puts all {len(found):,} items on one side",
            hint="use 0 or train for items of the pool and 1 or test for test items, or remove the column split",
        )
    return found
