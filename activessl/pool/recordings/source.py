"""Windows and frames as items: what cuts the recordings of another source."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path, PurePosixPath
from threading import Lock
from typing import Any, Protocol, cast, runtime_checkable

from activessl.errors import PoolError
from activessl.pool.addresses import Place
from activessl.pool.decoders.sounds import RATE
from activessl.pool.forms.base import Long, Media, Reading
from activessl.pool.forms.registry import form_named
from activessl.pool.plain import unusual
from activessl.pool.pool import UNKNOWN_STAMP, Item, Modality, Source, Stamp, Unreadable
from activessl.pool.recordings.base import Part, Recording
from activessl.pool.recordings.cut import Cut, place_of

#: The largest recording of which parts are read.
_MOST = 1 << 40
#: Recordings that stay open: several threads read forward, and are in two recordings where one ends.
_KEPT = 2


@runtime_checkable
class _Filed(Protocol):
    """A source with a file for each item, as folders and lists of files are."""

    def file(self, item_id: str) -> Path:
        """The file of an item, checked: it lies in the folder."""
        ...

    def reading(self, item_id: str) -> Reading:
        """Decode an item, with what its file says about it."""
        ...


class CutSource:
    """A source whose items are windows or frames of the items of another one.

    Ids are those of the recordings with a fragment (:mod:`activessl.pool.recordings.cut`). A window is read from its
    place in the file, where the format allows it; of other files two at most are kept decoded.

    Args:
        base: The recordings.
        cut: How they are cut.

    Raises:
        PoolError: This form of data cannot be cut like this.
    """

    def __init__(self, base: Source, cut: Cut) -> None:
        if (why := cut.misfit(base.modality)) is not None:
            raise PoolError(why, hint="correct --window or --frames, or data.window and data.frames in activessl.toml")
        self.base, self.cut = base, cut
        self._long = cast(Long, form_named(base.modality).long)
        self.sample_rate = RATE if base.modality == "audio" else None
        self.beside = getattr(base, "beside", None)
        self.column = getattr(base, "column", None)
        #: The further columns of the recordings.
        self.columns: dict[str, dict[str, Any]] = getattr(base, "columns", {})
        self._lock, self._alone = Lock(), Lock()
        self._open: dict[str, Recording] = {}
        self._last: tuple[str, Part] | None = None

    @property
    def modality(self) -> Modality:
        """The form of data of the items."""
        return self.base.modality

    @property
    def location(self) -> Place:
        """The folder or file of the recordings."""
        return self.base.location

    def recordings(self) -> Mapping[str, Stamp]:
        """The stamp of each recording, in the order of the source; unknown where the source has none."""
        stamps = getattr(self.base, "stamps", None)
        if stamps is not None:
            return cast("Mapping[str, Stamp]", stamps())
        return dict.fromkeys((entry.id for entry in self.base.scan()), UNKNOWN_STAMP)

    def windows(self, recording: str) -> list[Item | Unreadable]:
        """Describe the windows of one recording, which is read once; or say why it cannot be read or cut."""
        found: list[Item | Unreadable] = []
        try:
            with self._alone if self._is_decoded(recording) else nullcontext():
                opened = self._opened(recording)
                try:
                    for fragment, part in opened.parts(self.cut):
                        found.append(_described(f"{recording}{fragment}", part, opened))
                finally:
                    opened.close()
        except PoolError as error:
            return [Unreadable(recording, error.message)]
        return found or [Unreadable(recording, f"has no {'frame' if self.cut.frames else 'window'}")]

    def scan(self) -> Iterator[Item | Unreadable]:
        """Describe all windows, recording by recording."""
        with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as workers:
            names = list(self.recordings())
            for start in range(0, len(names), 16):  # blocks bound what is waiting
                for entries in workers.map(self.windows, names[start : start + 16]):
                    yield from entries

    def read(self, item_id: str) -> Media:
        """Decode one window or frame."""
        return self._part(item_id).media

    def content(self, item_id: str) -> bytes:
        """A file with only this window: WAV of a sound, npy of a series, PNG of a frame, UTF-8 of a text."""
        return self._part(item_id).stored()

    def path(self, item_id: str) -> Path | None:  # noqa: ARG002  the protocol requires it
        """None: a window has no file of its own."""
        return None

    def _part(self, item_id: str) -> Part:
        with self._lock:  # the readers of files are not for several threads
            if self._last is not None and self._last[0] == item_id:
                return self._last[1]
            place = place_of(item_id)
            if place is None:
                raise PoolError(f"{item_id} is no window of a recording", hint="check the id, or run `activessl check`")
            opened = self._open.pop(place.recording, None)
            if opened is None:
                while len(self._open) >= _KEPT:
                    self._open.pop(next(iter(self._open))).close()
                opened = self._opened(place.recording)
            self._open[place.recording] = opened  # the last one is the newest
            part = opened.part(place)
            self._last = (item_id, part)
            return part

    def _is_decoded(self, recording: str) -> bool:
        """Whether a recording is decoded as a whole: then only one is at a time."""
        return self._reader(recording) is None

    def _reader(self, recording: str) -> Any:
        ranges = self._long.ranges.get(PurePosixPath(recording).suffix.lower())
        if ranges is None and isinstance(self.base, _Filed):
            path = self.base.path(recording)
            ranges = self._long.ranges.get(path.suffix.lower()) if path is not None else None
        return ranges if isinstance(self.base, _Filed) else None

    def _opened(self, recording: str) -> Recording:
        ranges = self._reader(recording)
        if ranges is not None:
            path = cast(_Filed, self.base).file(recording)
            try:
                why = unusual(path.stat(), _MOST)
            except OSError as error:
                why = f"cannot be read: {error.strerror}"
            if why:
                raise PoolError(f"{recording} {why}", hint="remove it, or give the data without it")
            return cast(Recording, ranges(path))
        if self._long.whole is None:
            raise PoolError(f"{recording} is no file of which frames can be read", hint="give MP4, MOV, AVI, MKV, WebM")
        return self._long.whole(self._reading(recording), getattr(self.base, "sample_rate", None))

    def _reading(self, recording: str) -> Reading:
        if isinstance(self.base, _Filed):
            return self.base.reading(recording)
        describe = getattr(self.base, "describe", None)
        told = describe(recording) if describe is not None else Item(recording, "", ())
        if not isinstance(told, Item):
            raise PoolError(told.why, hint="correct the row, or remove it")
        return Reading(self.base.read(recording), told.channels, told.remarks, told.step)


def _described(item_id: str, part: Part | str, opened: Recording) -> Item | Unreadable:
    if isinstance(part, str):
        return Unreadable(item_id, part)
    shape = (len(part.media),) if isinstance(part.media, str) else part.media.shape
    return Item(item_id, part.digest, shape, opened.channels, opened.remarks, opened.step)
