"""The pool: all items of a project."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol, cast, runtime_checkable

from activessl.arguments import whole
from activessl.errors import PoolError
from activessl.pool.addresses import Place
from activessl.pool.axes import UNKNOWN, Axes, aligned, misfit
from activessl.pool.forms.base import Array, Form, Media
from activessl.pool.forms.registry import form_named

#: The name of a form of data, one of :func:`activessl.pool.forms.registry.form_names`.
Modality = str

#: (size in bytes, modification time in ns) of a file: the file is read again when either has changed.
Stamp = tuple[int, int]

#: The stamp of a file without one, such as a link to nothing: the file is read again each time.
UNKNOWN_STAMP: Stamp = (0, 0)

#: The stamp of a file whose name is no UTF-8: it cannot be an id.
MISNAMED: Stamp = (-1, 0)


#: How many of the next items a source is told of.
_AHEAD = 64


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to label.

    Attributes:
        id: Unique in the pool and stable between runs: the relative path of a file, or ``name:row``.
        sha256: Hex digest of the content, so that moved files and exact duplicates are recognized.
        shape: (height, width, channels) of an image, (channels, time) of a series, (characters,) of a text.
        channels: Names of the channels of a series, in the order of its file; empty without names.
        remarks: What a reader would not expect of how the file was read.
        step: The time from value to value of a series: seconds, or the unit of its file; None if it is not known.
        peak: The 99.9 % quantile of the values of a 16-bit image; 0 for other items.
    """

    id: str
    sha256: str
    shape: tuple[int, ...]
    channels: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    step: float | None = None
    peak: int = 0


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file or row that could not be decoded: it is listed, and the other items are used.

    Attributes:
        id: The file, or the row.
        why: The reason.
        item: What was decoded, where only its channels do not fit those of the pool.
    """

    id: str
    why: str
    item: Item | None = None


@runtime_checkable
class Source(Protocol):
    """The origin of items: a folder, a table of texts, a parquet file or an npz file.

    ``scan`` reads everything once and yields a description of each item, or the reason why it is unreadable; ``read``
    decodes one item when its content is needed; ``path`` is the item's file on the disk, None for a row of a larger
    file and in a store.
    """

    @property
    def modality(self) -> Modality:
        """The form of data of the items."""
        ...

    @property
    def location(self) -> Place:
        """The folder or file that was given."""
        ...

    def scan(self) -> Iterator[Item | Unreadable]:
        """Read all items once, in a stable order."""
        ...

    def read(self, item_id: str) -> Media:
        """Decode one item."""
        ...

    def path(self, item_id: str) -> Path | None:
        """The file of this item alone, or None."""
        ...

    def content(self, item_id: str) -> bytes:
        """The item as it is stored: encoded image bytes, UTF-8 text, or npy bytes of an array."""
        ...


@runtime_checkable
class Foreseeing(Source, Protocol):
    """A source that reads ahead, because each item has a long way."""

    def expect(self, item_id: str, following: Sequence[str]) -> None:
        """Take note that an item is read next, and which will be after it."""
        ...


@dataclass(frozen=True, eq=False)
class Pool:
    """Ordered unique items of one form of data; immutable.

    Args:
        items: The readable items, in a stable order.
        source: The source of their content.
        unreadable: Files or rows that could not be decoded, with the reason.
        axes: The channels and the time step of series, to which ``read`` brings each series.
        aside: Items that the source has, but that were set aside: they are not in the pool.

    Raises:
        PoolError: No items, or two items with one id.
    """

    items: tuple[Item, ...]
    source: Source
    unreadable: tuple[Unreadable, ...] = ()
    axes: Axes = UNKNOWN
    aside: tuple[Item | Unreadable, ...] = ()
    ids: tuple[str, ...] = field(init=False)
    _row: dict[str, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        ids = tuple(item.id for item in self.items)
        row = {item_id: i for i, item_id in enumerate(ids)}
        if not ids:
            first = self.unreadable[0] if self.unreadable else None
            bad = f" ({len(self.unreadable):,} unreadable); {first.id}: {first.why}" if first else ""
            raise PoolError(
                f"no usable items in {self.source.location}{bad}", hint="give a folder or file with readable items"
            )
        if len(row) != len(ids):
            raise PoolError(f"two items share one id in {self.source.location}", hint="make the ids unique")
        object.__setattr__(self, "ids", ids)
        object.__setattr__(self, "_row", row)

    def __len__(self) -> int:
        return len(self.items)

    def __contains__(self, item_id: object) -> bool:
        return item_id in self._row

    @property
    def modality(self) -> Modality:
        """The form of data of the items."""
        return self.source.modality

    @property
    def form(self) -> Form:
        """The form of data of the items, with all its properties."""
        return form_named(self.modality)

    def row(self, item_id: str) -> int:
        """The position of an item: row ``row(id)`` of every matrix about this pool.

        Raises:
            PoolError: The pool has no such item.
        """
        try:
            return self._row[item_id]
        except KeyError:
            raise PoolError(
                f"the pool has no item {item_id!r}", hint="check the id, or run `activessl check`"
            ) from None

    def read(self, index: int) -> Media:
        """Decode the item at a row.

        Raises:
            PoolError: There is no such row, or the item cannot be decoded any more.
        """
        if not 0 <= whole("index", index) < len(self):
            raise PoolError(
                f"row {index} is outside of the pool of {len(self):,} items", hint=f"pass 0 to {len(self) - 1:,}"
            )
        expect = getattr(self.source, "expect", None)
        if expect is not None:
            expect(self.ids[index], self.ids[index + 1 : index + 1 + _AHEAD])
        media = self.source.read(self.ids[index])
        item = self.items[index]
        return aligned(cast(Array, media), item, self.axes) if item.channels or item.step else media

    def path(self, index: int) -> Path | None:
        """The file of the item at a row; None for a row of a larger file."""
        return self.source.path(self.ids[index])

    def content(self, index: int) -> bytes:
        """The stored bytes of the item at a row."""
        return self.source.content(self.ids[index])

    def ordered(self, axes: Axes) -> Pool:
        """Return a pool of series that are read with these axes: the order of the channels, and the time step.

        What is not known on either side stays as it is.

        Raises:
            PoolError: The pool has other channels, or its time step is a very different one.
        """
        if not axes.channels and axes.step is None:
            return self
        mine = self.axes
        wanted = Axes(
            (mine.channels and axes.channels) or mine.channels,
            mine.count,
            (mine.step and axes.step) or mine.step,
        )
        if wanted == mine:
            return self
        told = Item("", "", (len(mine.channels) or mine.count,), mine.channels, step=mine.step)
        why = misfit(told, replace(wanted, count=told.shape[0]), "the model has")
        if why is not None:
            raise PoolError(f"{self.source.location} {why}", hint="give each series the channels of the model")
        return replace(self, axes=wanted)

    def without(self, items: Mapping[str, str]) -> Pool:
        """Return this pool without items of these ids, as long as their content has the hash that is given; an empty
        hash is that of an unreadable item.

        Raises:
            PoolError: Nothing is left.
        """
        if not items:
            return self
        out: list[Item | Unreadable] = [item for item in self.items if items.get(item.id) == item.sha256]
        out += [bad for bad in self.unreadable if items.get(bad.id) == ""]
        if not out:
            return self
        gone = {item.id for item in out}
        if len(self.items) == sum(item.id in gone for item in self.items):
            raise PoolError(
                f"all {len(self.items):,} items in {self.source.location} are set aside",
                hint="run `activessl check --unfix` to take them back",
            )
        return replace(
            self,
            items=tuple(item for item in self.items if item.id not in gone),
            unreadable=tuple(bad for bad in self.unreadable if bad.id not in gone),
            aside=(*self.aside, *out),
        )

    def forgetting(self, forgotten: Callable[[str], bool]) -> Pool:
        """Return this pool without the items whose content hash was forgotten, as if the source did not have them.

        Raises:
            PoolError: Nothing is left.
        """
        kept = tuple(item for item in self.items if not forgotten(item.sha256))
        return self if len(kept) == len(self.items) else replace(self, items=kept)

    def subset(self, ids: Iterable[str]) -> Pool:
        """Return a pool of these items only, in this order."""
        return Pool(items=tuple(self.items[self.row(item_id)] for item_id in ids), source=self.source, axes=self.axes)
