"""The members of a tar archive: their names and where their bytes are, without reading what is between the headers."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from typing import NamedTuple

from activessl.errors import PoolError

#: Labels and metadata beside an item: so short members of these suffixes are read with the headers.
SAID = (".cls", ".json")
MOST_SAID = 16_384
#: A header with more than this, such as an extended one, is no header.
_MOST_HEADER = 1 << 20


class Member(NamedTuple):
    """A regular file in an archive.

    Attributes:
        name: Its path in the archive.
        offset: Where its bytes begin.
        size: How many there are.
        said: Its text, of a short label or of metadata; None of other members.
    """

    name: str
    offset: int
    size: int
    said: str | None = None


class Members(NamedTuple):
    """What an archive has.

    Attributes:
        members: The regular files, in the order of the archive.
        damage: Why the rest could not be read; empty for a whole archive.
    """

    members: list[Member]
    damage: str = ""


def members_of(part: Callable[[int, int], bytes], size: int, window: int) -> Members:
    """Read the headers of an archive.

    Links, devices and sparse files are no items, and are left out.

    Args:
        part: Reads the bytes from a start to before an end.
        size: The size of the archive in bytes.
        window: Bytes that are read at once; members that are larger are passed over.

    Raises:
        PoolError: It is no tar archive, or it cannot be read.
    """
    file = _Windows(part, size, window)
    found: list[Member] = []
    damage = ""
    try:
        with tarfile.open(fileobj=file, mode="r:", errors="surrogateescape") as archive:
            while (info := archive.next()) is not None:
                archive.members = []  # type: ignore[attr-defined]  # it would keep all of them
                if info.offset_data + info.size > size:
                    damage = f"is cut off in {info.name[:100]!r}"
                    break
                if info.isreg() and not info.issparse():
                    found.append(Member(info.name, info.offset_data, info.size, _said(file, info)))
            if not damage and archive.offset < size and any(file.at(archive.offset, 512)):
                damage = "is damaged" if archive.offset + 512 <= size else "is cut off"
    except PoolError:  # it is a ValueError, too
        raise
    except tarfile.ReadError as error:
        if not found:
            empty = "empty" in str(error)
            raise PoolError(
                "has no members" if empty else "is no tar archive, or a compressed one",
                hint="write it as .tar without compression",
            ) from None
        damage = "is cut off"
    except (tarfile.TarError, ValueError, OverflowError):
        damage = "is damaged"
    if damage:
        last = f" after {found[-1].name[:100]!r}" if found else ""
        damage = f"{damage}{last}: the {len(found):,} members before are read"
    return Members(found, damage)


def _said(file: _Windows, info: tarfile.TarInfo) -> str | None:
    name = info.name.rpartition("/")[2].lower()
    if not name.endswith(SAID) or info.size > MOST_SAID:
        return None
    return file.at(info.offset_data, info.size).decode("utf-8", "replace")


class _Windows(io.RawIOBase):
    """A file of which a window is in memory."""

    def __init__(self, part: Callable[[int, int], bytes], size: int, window: int) -> None:
        super().__init__()
        self._part, self._size, self._window = part, size, window
        self._start, self._held = 0, b""
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self._place = offset + (0, self._place, self._size)[whence]
        return self._place

    def tell(self) -> int:
        return self._place

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _MOST_HEADER:
            raise tarfile.HeaderError("a header is too large")
        found = self.at(self._place, size)
        self._place += len(found)
        return found

    def at(self, start: int, size: int) -> bytes:
        """Bytes from a place on; fewer at the end."""
        end = min(start + size, self._size)
        if start >= end:
            return b""
        if not (self._start <= start and end <= self._start + len(self._held)):
            self._start = start
            self._held = self._part(start, min(self._size, max(end, start + self._window)))
        return self._held[start - self._start : end - self._start]
