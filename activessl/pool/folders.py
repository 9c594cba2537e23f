"""Items from a folder: each file is an item."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path, PurePosixPath
from threading import Lock

from activessl.errors import PoolError, PoolUnreachable
from activessl.pool.addresses import Address, Place
from activessl.pool.decoders.bundles import bundle
from activessl.pool.describe import described
from activessl.pool.disk import Disk
from activessl.pool.forms.base import Files, Form, Media, Reading
from activessl.pool.forms.registry import forms
from activessl.pool.origins import origin_of
from activessl.pool.plain import MOST_BYTES
from activessl.pool.pool import MISNAMED, UNKNOWN_STAMP, Item, Modality, Stamp, Unreadable
from activessl.pool.recordings.cut import VIDEOS

#: Larger files are decoded one at a time, so that several threads do not hold several of them.
_LARGE = 32_000_000


class FolderSource:
    """A folder of files of one form, such as images, sounds, series as CSV files or texts, with all its subfolders.

    Ids are the paths of the files below the folder, with slashes on every system, in the order of those paths. Hidden
    files and folders are ignored, and so are files with the suffix of another form. Links to folders are not followed.
    A link to a file outside of the folder is unreadable, because the user gave only the folder. Sounds are read as one
    channel of 16,000 samples a second, texts as UTF-8, series by
    :func:`activessl.pool.decoders.recordings.decode_series`.

    Args:
        location: The folder, on the disk or in a store.
        modality: Which form of data to read; by default images where there are some, else the form with the most
            files. By default CSV and text files must be at least half of all files.
        without: Folders below it that are not searched.
        long: Whether the files are recordings to be cut: then videos are the files of images.

    Raises:
        PoolError: The folder has no such files, or cannot be listed.
    """

    def __init__(
        self,
        location: Place,
        modality: Modality | None = None,
        *,
        without: Collection[Path] = (),
        long: bool = False,
    ) -> None:
        readable = {form.name: form for form in forms() if form.files is not None}
        if long:
            own = {name: form.long.files for name, form in readable.items() if form.long and form.long.files}
            readable |= {name: replace(readable[name], files=files) for name, files in own.items()}
        if modality not in (None, *readable):
            raise PoolError(
                f"{modality} items cannot be read from a folder", hint="store them in one .npz or .parquet file"
            )
        self._location, self._origin = location, origin_of(location)
        self.threads = self._origin.threads
        found, others = _sorted(self._origin.listed(without), list(readable.values()))
        self._modality: Modality = modality if modality is not None else _usual(found, list(readable.values()))
        self._files: Files = readable[self._modality].files  # type: ignore[assignment]  # not None in ``readable``
        few = len(found[self._modality]) < others.total()
        stray = modality is None and self._files.stray and few
        if stray or not found[self._modality]:
            # a note or a list beside images of an unknown format is not a pool
            suffix, count = others.most_common(1)[0] if others else ("", 0)
            there = f", but {count:,} {suffix} files".replace("  ", " ") if others else ""
            wanted = readable[modality].plural if modality else _or([form.plural for form in readable.values()])
            hint = "give a folder with PNG, JPEG, WAV, .csv or .txt files"
            if suffix in VIDEOS:
                hint = "make items of the frames of videos with --frames, such as --frames 1s"
            elif long and any(form.files and suffix in form.files.suffixes() for form in forms()):
                wanted, hint = "recordings to cut", "leave out --window and --frames: these files are items as they are"
            raise PoolError(f"no {wanted} in {location}{there}", hint=hint)
        #: How many files were not read, by suffix: those of other forms, and of none.
        self.beside = others + Counter(
            Path(item_id).suffix.lower() for name, files in found.items() if name != self._modality for item_id in files
        )
        self._stamps = self._with_parts(dict(sorted(found[self._modality].items())))
        self._origin.know({name: size for name, (size, _) in self._stamps.items()})
        self._decode = self._files.decode
        self.sample_rate = self._files.sample_rate
        self._alone = Lock()

    @property
    def modality(self) -> Modality:
        """The form of data of the files."""
        return self._modality

    @property
    def location(self) -> Place:
        """The folder."""
        return self._location

    def __len__(self) -> int:
        return len(self._stamps)

    def stamps(self) -> Mapping[str, Stamp]:
        """Size and time of each file when the folder was opened."""
        return self._stamps

    def describe(self, item_id: str) -> Item | Unreadable:
        """Hash and decode one file."""
        stamp = self._stamps.get(item_id)
        if stamp == MISNAMED:
            return Unreadable(item_id, "the name of the file is no UTF-8: rename it")
        try:
            with self._alone if stamp is not None and stamp[0] > _LARGE else nullcontext():
                content = self.content(item_id)
                return described(item_id, content, self._decode, self._files.inspect)
        except PoolUnreachable:
            raise
        except PoolError as error:
            if self._origin.may_come(item_id):
                self._stamps[item_id] = UNKNOWN_STAMP
            return Unreadable(item_id, error.message)

    def scan(self) -> Iterator[Item | Unreadable]:
        """Hash and decode each file, in the order of their paths."""
        # Pillow releases the interpreter lock while it decodes; blocks bound the memory
        ids = list(self._stamps)
        with ThreadPoolExecutor(max_workers=self.threads) as workers:
            for start in range(0, len(ids), 256):
                yield from workers.map(self.describe, ids[start : start + 256])

    def read(self, item_id: str) -> Media:
        """Decode one file: an image (h, w, c), a sound (1, samples), a series (channels, time) or a str."""
        return self._decode(self.content(item_id))

    def reading(self, item_id: str) -> Reading:
        """Decode one file, with what it says about the item."""
        content = self.content(item_id)
        return Reading(self._decode(content)) if self._files.inspect is None else self._files.inspect(content)

    def expect(self, item_id: str, following: Sequence[str]) -> None:
        """Read ahead where items come one after the other; see :class:`activessl.pool.pool.Foreseeing`."""
        self._origin.expect(item_id, following)

    def address(self, item_id: str) -> Address | None:
        """The item's address; None on the disk."""
        return self._location / item_id if isinstance(self._location, Address) else None

    def path(self, item_id: str) -> Path | None:
        """The item's file; None in a store."""
        return self._origin.path(item_id)

    def file(self, item_id: str) -> Path:
        """The file of an item on the disk, for a reader that opens it itself.

        Raises:
            PoolError: The folder has no such item, is in a store, or the file is a link to a file outside of it.
        """
        if item_id not in self._stamps:
            raise PoolError(f"{self._location} has no item {item_id!r}", hint="check the id, or open the folder again")
        if self._stamps[item_id] == MISNAMED:
            raise PoolError("the name of the file is no UTF-8: rename it", hint="rename it")
        if not isinstance(self._origin, Disk):
            raise PoolError(f"{item_id} is in a store", hint="copy the recordings to the disk")
        return self._origin.inside(item_id)

    def content(self, item_id: str) -> bytes:
        """The bytes of the file."""
        if item_id not in self._stamps:
            raise PoolError(f"{self._location} has no item {item_id!r}", hint="check the id, or open the folder again")
        content = self._bytes(item_id)
        parts_of = self._files.parts.get(PurePosixPath(item_id).suffix.lower())
        if parts_of is None:
            return content
        names = parts_of(content)
        folder = PurePosixPath(item_id).parent
        odd = next((name for name in names if PurePosixPath(name).name != name or name in (".", "..")), None)
        if odd is not None:  # the names are from the file, which may be from anybody
            raise PoolError(
                f"{item_id} names the file {odd[:100]!r} in another folder", hint="put it beside the header"
            )
        return bundle(
            {PurePosixPath(item_id).name: content} | {name: self._bytes((folder / name).as_posix()) for name in names}
        )

    def files_of(self, item_id: str) -> tuple[str, ...]:
        """The names below the folder of all files of an item: the file itself, and those that it names as its parts.

        Raises:
            PoolError: The folder has no such item, or it cannot be read.
        """
        if item_id not in self._stamps:
            raise PoolError(f"{self._location} has no item {item_id!r}", hint="check the id, or open the folder again")
        parts_of = self._files.parts.get(PurePosixPath(item_id).suffix.lower())
        if parts_of is None:
            return (item_id,)
        folder = PurePosixPath(item_id).parent
        parts = (PurePosixPath(name).name for name in parts_of(self._bytes(item_id)))
        return tuple(dict.fromkeys((item_id, *((folder / name).as_posix() for name in parts))))

    def bytes_of(self, name: str) -> bytes:
        """The bytes of one of ``files_of``."""
        return self._bytes(name)

    def _bytes(self, name: str) -> bytes:
        """The bytes of one file below the folder."""
        return self._origin.read(name, min(MOST_BYTES, self._files.most_bytes))

    def _with_parts(self, stamps: Mapping[str, Stamp]) -> dict[str, Stamp]:
        """The stamps of items of several files: the item has changed when one of them has."""
        found = dict(stamps)
        for item_id in stamps:
            parts_of = self._files.parts.get(PurePosixPath(item_id).suffix.lower())
            if parts_of is None:
                continue
            try:
                folder = PurePosixPath(item_id).parent
                parts = [folder / PurePosixPath(name).name for name in parts_of(self._bytes(item_id))]
                told = [found[item_id], *(self._origin.stamp(part.as_posix()) for part in parts)]
            except PoolUnreachable:
                raise
            except PoolError:
                continue  # is told when it is read
            found[item_id] = (sum(size for size, _ in told), max(time for _, time in told))
            self.beside -= Counter(part.suffix.lower() for part in parts)
        return found


def _sorted(
    files: Iterable[tuple[str, Stamp]], readable: Sequence[Form]
) -> tuple[dict[Modality, dict[str, Stamp]], Counter[str]]:
    """Sort files by form, and count the suffixes of files that are of no form."""
    form_of = {end: form.name for form in reversed(readable) if form.files for end in form.files.suffixes()}
    found: dict[Modality, dict[str, Stamp]] = {form.name: {} for form in readable}
    others = Counter[str]()
    for item_id, stamp in files:
        suffix = Path(item_id).suffix.lower()
        if suffix in form_of:
            found[form_of[suffix]][item_id] = stamp
        else:
            others[suffix] += 1
    return found, others


def _usual(found: Mapping[Modality, Mapping[str, Stamp]], readable: Sequence[Form]) -> Modality:
    """The form of a folder: one that comes first wherever it occurs, else the one with the most files."""
    first = next((form.name for form in readable if form.files and form.files.first and found[form.name]), None)
    stray = {form.name for form in readable if form.files and form.files.stray}
    return first or max(found, key=lambda name: (len(found[name]), name not in stray))


def _or(words: Sequence[str]) -> str:
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
