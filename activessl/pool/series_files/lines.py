"""The rows of a large file, by where they lie in it."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, overload

from activessl.errors import PoolError
from activessl.pool.plain import unusual

#: The largest file, and its longest line.
_MOST, _LONGEST = 1 << 40, 256_000_000


class Line(NamedTuple):
    """A line, or several where a cell has line breaks: where it begins in the file, its bytes, its number."""

    at: int
    content: bytes
    number: int

    @property
    def text(self) -> str:
        """The line as UTF-8; raises PoolError."""
        try:
            return self.content.decode("utf-8")
        except UnicodeDecodeError:
            raise PoolError(f"line {self.number} is not UTF-8", hint="save the file again as UTF-8") from None


def lines_of_file(path: Path) -> Iterator[Line]:
    """The lines of a file that are not empty."""
    try:
        if why := unusual(path.stat(), _MOST):
            raise PoolError(f"{path.name} {why}", hint="give a file on the disk")
        with path.open("rb") as file:
            at, place = 0, 0
            while line := file.readline(_LONGEST):
                place += 1
                if len(line) == _LONGEST:
                    raise PoolError(f"line {place} has more than {_LONGEST:,} bytes", hint="export the file again")
                here = line.removeprefix(b"\xef\xbb\xbf") if not at else line
                if here.strip():
                    yield Line(at + len(line) - len(here), here, place)
                at += len(line)
    except OSError as error:
        raise PoolError(f"cannot be read: {error.strerror or error}", hint="check the file") from None


class Later(Sequence[Any]):
    """A value for each row, computed when it is asked for."""

    def __init__(self, count: int, of: Callable[[int], Any]) -> None:
        self._count, self._of = count, of

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, row: int) -> Any: ...
    @overload
    def __getitem__(self, row: slice) -> list[Any]: ...
    def __getitem__(self, row: int | slice) -> Any:
        if isinstance(row, slice):
            return [self._of(i) for i in range(*row.indices(self._count))]
        return self._of(range(self._count)[row])


class Places:
    """Where the rows lie in a file."""

    def __init__(self, path: Path) -> None:
        self._path, self._at, self._long, self._number = path, array("q"), array("q"), array("q")

    def add(self, line: Line) -> None:
        """Keep the place of one more row."""
        self._at.append(line.at)
        self._long.append(len(line.content))
        self._number.append(line.number)

    def __len__(self) -> int:
        return len(self._at)

    def line(self, row: int) -> Line:
        """Read one row.

        Raises:
            PoolError: The file is not there any more.
        """
        try:
            with self._path.open("rb") as file:
                file.seek(self._at[row])
                return Line(self._at[row], file.read(self._long[row]), self._number[row])
        except OSError as error:
            raise PoolError(f"cannot be read: {error.strerror or error}", hint="restore the file") from None
