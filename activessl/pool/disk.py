"""The files of a folder on the disk."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from activessl.errors import PoolError
from activessl.pool.plain import is_text, read_plain, shown
from activessl.pool.pool import MISNAMED, UNKNOWN_STAMP, Stamp


class Disk:
    """The files of a folder on the disk; see :class:`activessl.pool.origins.Origin`.

    Args:
        folder: The folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.threads = min(8, os.cpu_count() or 1)

    def listed(self, without: Collection[Path] = ()) -> Iterator[tuple[str, Stamp]]:
        """The files below, with their stamps, in no order."""
        return list_files(self._folder, without)

    def know(self, sizes: Mapping[str, int]) -> None:
        """Nothing: a file on the disk is asked for its size when it is read."""

    def read(self, name: str, most: int) -> bytes:
        """Read a file, unless it is a link out of the folder."""
        return read_plain(self.inside(name), most, name=name)

    def inside(self, name: str) -> Path:
        """One file, unless it is a link out of the folder.

        Raises:
            PoolError: It is such a link, or to nothing.
        """
        path = self._folder / name
        try:
            # checked at each read: a link may have replaced the file since it was listed
            if path.is_symlink() and leaves(path, self._folder):
                raise PoolError(
                    f"{name} is a link to a file outside of {self._folder}",
                    hint="copy the file into the folder, or give the folder that contains the file",
                )
        except OSError as error:
            raise PoolError(
                f"{name} cannot be read: {error.strerror}", hint="check the file and its permissions"
            ) from None
        return path

    def part(self, name: str, start: int, end: int) -> bytes:
        """Read the bytes from ``start`` to before ``end`` of a regular file."""
        path = self.inside(name)
        try:
            with path.open("rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise PoolError(f"{name} is not a regular file", hint="remove it")
                file.seek(start)
                return file.read(end - start)
        except OSError as error:
            raise PoolError(
                f"{name} cannot be read: {error.strerror}", hint="check the file and its permissions"
            ) from None

    def stamp(self, name: str) -> Stamp:
        """Size and time of a file as it is now.

        Raises:
            PoolError: There is no such file.
        """
        try:
            status = (self._folder / name).stat()
        except OSError as error:
            raise PoolError(f"{name} cannot be read: {error.strerror}", hint="check the file") from None
        return status.st_size, status.st_mtime_ns

    def may_come(self, name: str) -> bool:  # noqa: ARG002  of the protocol
        """False: a file that cannot be read now is read again when it has changed."""
        return False

    def expect(self, name: str, following: Sequence[str]) -> None:
        """Nothing: the operating system reads ahead."""

    def path(self, name: str) -> Path | None:
        """The file."""
        return self._folder / name


def list_files(location: Path, without: Collection[Path] = ()) -> Iterator[tuple[str, Stamp]]:
    """List the files below a folder with their stamps, in no order, without hidden files and excluded folders.

    A name that is no UTF-8 is listed as it can be shown, with the stamp ``MISNAMED``.

    Args:
        location: The folder.
        without: Folders below it that are not searched.

    Raises:
        PoolError: It cannot be listed.
    """
    left_out = {path.resolve() for path in without}

    def fail(error: OSError) -> None:
        raise PoolError(
            f"{error.filename} cannot be listed: {error.strerror}", hint="check the permissions of the folder"
        )

    for parent, folders, names in os.walk(location, onerror=fail):
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".") and not (left_out and Path(parent, name).resolve() in left_out)
        ]
        for name in names:
            if name.startswith("."):
                continue
            path = Path(parent, name)
            stamp = UNKNOWN_STAMP  # of a link to nothing or out of the folder: unreadable
            with suppress(OSError):
                status = path.lstat()
                if stat.S_ISLNK(status.st_mode) and not leaves(path, location):
                    status = path.stat()
                if not stat.S_ISLNK(status.st_mode):
                    stamp = (status.st_size, status.st_mtime_ns)
            name_below = path.relative_to(location).as_posix()
            yield (name_below, stamp) if is_text(name_below) else (shown(name_below), MISNAMED)


def leaves(link: Path, folder: Path) -> bool:
    """Whether a link points to a file outside of a folder.

    Raises:
        OSError: The target of the link does not exist.
    """
    return not link.resolve(strict=True).is_relative_to(folder.resolve())
