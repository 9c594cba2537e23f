"""Items from tar archives of samples, on the disk or in a store."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from itertools import repeat
from pathlib import Path
from typing import Any

from activessl.errors import PoolError, PoolUnreachable
from activessl.pool.addresses import Address, Place, shown_address
from activessl.pool.describe import described
from activessl.pool.forms.base import Files, Form, Media
from activessl.pool.forms.registry import forms
from activessl.pool.origins import Origin, origin_of
from activessl.pool.plain import MOST_BYTES, is_text, shown
from activessl.pool.pool import UNKNOWN_STAMP, Item, Modality, Stamp, Unreadable
from activessl.pool.tars.blocks import Blocks
from activessl.pool.tars.kept import keep_members, kept_members
from activessl.pool.tars.members import Members, members_of
from activessl.pool.tars.samples import Sample, samples_of, suffixes_in

#: Larger items are decoded one at a time, so that several threads do not hold several of them.
_LARGE = 32_000_000

#: Bytes that are read at once to find members: on the disk little costs little, in a store a call costs much.
_WINDOW_DISK, _WINDOW_STORE = 65_536, 4_194_304


class TarSource:
    """Tar archives of samples: members that follow each other with one name before the first dot.

    The member with a suffix of the form of data is the item, such as ``0001.jpg``; ``0001.cls`` or ``label`` in
    ``0001.json`` is its label, and the other plain values of ``0001.json`` are metadata. Ids are the name of the
    archive and that of the member, ``train-000.tar/0001.jpg``; of a single archive, that of the member. Archives are
    never unpacked: each member is read where it is.

    Args:
        location: An archive, or the folder of several, or the table that lists them.
        archives: The names of the archives, relative to the folder.
        modality: Which form of data to read; by default images where there are some, else the form with most members.
        origin: Where the archives are; by default the folder.

    Raises:
        PoolError: No archive has such members, or two samples have one name.
        PoolUnreachable: The store does not answer.
    """

    def __init__(
        self,
        location: Place,
        archives: Sequence[str] | Mapping[str, Stamp],
        modality: Modality | None = None,
        *,
        origin: Origin | None = None,
    ) -> None:
        self._location = location
        single = location.suffix.lower() == ".tar"
        self._origin = origin or origin_of(location.resolve().parent if single else location)
        archives = [location.resolve().name] if single else archives
        self._archives = archives if isinstance(archives, Mapping) else self._stamped(archives)
        self._in_store = origin is not None or isinstance(location, Address)
        self.threads = self._origin.threads
        self._bad: dict[str, str] = {}
        self._hint = ""  # what to do about the first archive that cannot be read
        found = self._members()
        self._modality, self._files = self._form(found, modality)
        self.sample_rate = self._files.sample_rate
        self._samples: dict[str, tuple[str, Sample]] = {}
        self._stamps: dict[str, Stamp] = {}
        known = frozenset(self._files.suffixes())
        for archive, members in found.items():
            for sample in samples_of(members.members, known.__contains__):
                self._take(archive, sample, single=single)
        if not self._samples:
            raise PoolError(
                f"no {self._modality} items in the archives of {location}", hint="name their form with --modality"
            )
        self._stamps |= dict.fromkeys(self._bad, UNKNOWN_STAMP)
        self._blocks = Blocks(self._origin, {name: size for name, (size, _) in self._archives.items()})
        self._alone = threading.Lock()

    @property
    def modality(self) -> Modality:
        """The form of data of the items."""
        return self._modality

    @property
    def location(self) -> Place:
        """The archive, or the folder or table of the archives."""
        return self._location

    @property
    def stored_labels(self) -> list[Any] | None:
        """The label of each item; None where no item has one."""
        labels = [self._samples[item][1].label if item in self._samples else None for item in self._stamps]
        return labels if any(label is not None for label in labels) else None

    @property
    def stored_split(self) -> list[Any] | None:
        """``split`` of each item in the metadata; None where not all items have it."""
        values = [self._samples[item][1].said.get("split") if item in self._samples else None for item in self._stamps]
        return values if values and all(value is not None for value in values) else None

    @property
    def columns(self) -> dict[str, dict[str, Any]]:
        """The metadata of the samples: name to the value of each item."""
        names = dict.fromkeys(name for _, sample in self._samples.values() for name in sample.said)
        return {
            name: {item: sample.said.get(name) for item, (_, sample) in self._samples.items()}
            for name in names
            if name not in ("id", "split") and not name.startswith("__")
        }

    def __len__(self) -> int:
        return len(self._stamps)

    def stamps(self) -> Mapping[str, Stamp]:
        """Size of each item, and a number of its place and of the stamp of its archive."""
        return self._stamps

    def describe(self, item_id: str) -> Item | Unreadable:
        """Hash and decode one item."""
        if item_id in self._bad:
            return Unreadable(item_id, self._bad[item_id])
        _, sample = self._samples[item_id]
        try:
            with self._alone if sample.size > _LARGE else nullcontext():
                item = described(item_id, self.content(item_id), self._files.decode, self._files.inspect)
        except PoolUnreachable:
            raise
        except PoolError as error:
            return Unreadable(item_id, error.message)
        if not sample.beside:
            return item
        form = next(form for form in forms() if form.name == self._modality)
        told = f"of {sample.beside + 1} {form.plural} of a sample, the first is read"
        return replace(item, remarks=(*item.remarks, told))

    def scan(self) -> Iterator[Item | Unreadable]:
        """Hash and decode each item, in the order of the archives."""
        ids = list(self._stamps)
        with ThreadPoolExecutor(max_workers=self.threads) as workers:
            for start in range(0, len(ids), 256):
                yield from workers.map(self._describe_ahead, range(start, min(start + 256, len(ids))), repeat(ids))

    def _describe_ahead(self, at: int, ids: Sequence[str]) -> Item | Unreadable:
        self.expect(ids[at], ids[at + 1 : at + 65])
        return self.describe(ids[at])

    def read(self, item_id: str) -> Media:
        """Decode one item."""
        return self._files.decode(self.content(item_id))

    def expect(self, item_id: str, following: Sequence[str]) -> None:
        """Read ahead in a store; see :class:`activessl.pool.pool.Foreseeing`."""
        if self._in_store:
            places = [self._samples[one] for one in (item_id, *following) if one in self._samples]
            self._blocks.expect([(archive, one.offset, one.offset + one.size) for archive, one in places])

    def path(self, item_id: str) -> Path | None:  # noqa: ARG002  of the protocol
        """None: no item is a file of its own."""
        return None

    def content(self, item_id: str) -> bytes:
        """The bytes of the member."""
        if item_id not in self._samples:
            raise PoolError(
                f"{self._location} has no item {item_id!r}", hint="check the id, or open the archives again"
            )
        archive, sample = self._samples[item_id]
        most = min(MOST_BYTES, self._files.most_bytes)
        if sample.size > most:
            raise PoolError(
                f"{item_id} has {sample.size:,} bytes, more than the {most:,} that are read", hint="remove it"
            )
        start, end = sample.offset, sample.offset + sample.size
        if not self._in_store and self._origin.stamp(archive) != self._archives[archive]:
            raise PoolError(f"{archive} has changed since it was opened", hint="run the same command again")
        content = self._blocks.read(archive, start, end) if self._in_store else self._origin.part(archive, start, end)
        if len(content) != sample.size:
            raise PoolError(f"{item_id} is cut off", hint="write the archive again")
        return content

    def _stamped(self, archives: Sequence[str]) -> dict[str, Stamp]:
        return {name: self._origin.stamp(name) for name in archives}

    def _members(self) -> dict[str, Members]:
        """The members of each archive; what cannot be read is in ``_bad``."""

        def one(name: str) -> Members | PoolError:
            stamp = self._archives[name]
            where = f"{self._location.absolute()}\0{shown_address(name)}"
            found = kept_members(where, stamp)
            if found is not None:
                return found
            try:
                window = _WINDOW_STORE if self._in_store else _WINDOW_DISK
                size = stamp[0] if stamp != UNKNOWN_STAMP else self._origin.stamp(name)[0]
                found = members_of(lambda start, end: self._origin.part(name, start, end), size, window)
            except PoolUnreachable:
                raise
            except PoolError as error:
                return error
            keep_members(where, stamp, found)
            return found

        with ThreadPoolExecutor(max_workers=min(8, len(self._archives)) or 1) as workers:
            told = dict(zip(self._archives, workers.map(one, self._archives), strict=True))
        for name, found in told.items():
            why = found.message if isinstance(found, PoolError) else found.damage
            if why:
                self._bad[shown_address(name)] = why
            if isinstance(found, PoolError):
                self._hint = self._hint or found.hint or ""
        return {name: members for name, members in told.items() if isinstance(members, Members)}

    def _form(self, found: Mapping[str, Members], modality: Modality | None) -> tuple[Modality, Files]:
        readable: dict[str, tuple[Form, Files]] = {form.name: (form, form.files) for form in forms() if form.files}
        if modality is not None:
            if modality not in readable:
                raise PoolError(f"{modality} items cannot be read from archives", hint="store them in one .npz file")
            return modality, readable[modality][1]
        count = Counter(suffix for members in found.values() for suffix in suffixes_in(members.members))
        many = {name: sum(count[s] for s in files.suffixes()) for name, (_, files) in readable.items()}
        first = next((name for name, (_, files) in readable.items() if files.first and many[name]), None)
        # captions beside sounds are no items
        chosen = first or max(many, key=lambda name: (bool(many[name]) and not readable[name][1].stray, many[name]))
        if not many[chosen]:
            name, why = next(iter(self._bad.items()), ("", ""))
            raise PoolError(
                f"no items in the archives of {self._location}" + (f"; {name}: {why}" if name else ""),
                hint=self._hint or "give archives with PNG, JPEG, WAV or .txt members",
            )
        return chosen, readable[chosen][1]

    def _take(self, archive: str, sample: Sample, *, single: bool) -> None:
        name = sample.name.removeprefix("./")
        item = name if single else f"{shown_address(archive)}/{name}"
        if ".." in name.split("/") or name.startswith("/"):
            self._bad[shown(item)] = "the name of the member leads out of the archive: rename it"
            return
        if not is_text(item):
            self._bad[shown(item)] = "the name of the member is no UTF-8: rename it"
            return
        if item in self._samples:
            self._bad[f"{item} (again)"] = "another sample of the archive has this name: rename it"
            return
        self._samples[item] = (archive, sample)
        told = f"{self._archives[archive]} {sample.offset}".encode()
        mark = int.from_bytes(hashlib.sha256(told).digest()[:7], "big")
        unknown = self._archives[archive] == UNKNOWN_STAMP
        self._stamps[item] = UNKNOWN_STAMP if unknown else (sample.size, mark)


def archives_in(folder: Place, without: Collection[Path] = ()) -> dict[str, Stamp]:
    """The tar archives below a folder, by their names, sorted.

    Raises:
        PoolError: The folder cannot be listed.
    """
    return dict(
        sorted((name, stamp) for name, stamp in origin_of(folder).listed(without) if name.lower().endswith(".tar"))
    )
