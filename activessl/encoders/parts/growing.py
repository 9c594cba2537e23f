"""Write the parts of a pool item by item, so that a killed encoding goes on where it stopped.

Beside the vectors, a journal has one line for each item. A line is written after the vectors of its item are on the
disk: what stands in the journal can be trusted, what stands behind it in the files is cut off.
"""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from activessl.encoders.parts.base import ItemParts

__all__ = ["BOUNDS", "SHAPES", "Growing", "level_name"]

SHAPES, BOUNDS = "shapes.npy", "bounds.npy"
_JOURNAL, _BEGUN = "journal.jsonl", "begun.json"
#: Items after which files and journal are written through to the disk.
_EVERY = 64


def level_name(level: int) -> str:
    """The file of a level."""
    return f"level-{level}.npy"


class Growing:
    """The parts of the first items of a pool, and room for those of the others.

    Args:
        folder: The folder, which only one process at a time may write to.
        fingerprint: Of the encoder: parts of another one are thrown away.
        dims: Length of the vectors of each level.
        flat: Whether parts lie in a row, with a start and an end.
        keys: (id, content hash) of each item, in the order in which they come.

    Raises:
        OSError: The folder cannot be written.
    """

    def __init__(
        self, folder: Path, fingerprint: str, dims: Sequence[int], flat: bool, keys: Sequence[tuple[str, str]]
    ) -> None:
        self.folder, self._keys, self._flat = folder, list(keys), flat
        begun = json.dumps({"fingerprint": fingerprint, "dims": list(dims), "flat": flat})
        if _text(folder / _BEGUN) != begun:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            (folder / _BEGUN).write_text(begun, encoding="utf-8")
        told = _journal(folder / _JOURNAL, self._keys, len(dims), flat)
        files: list[tuple[str, Any, int, int]] = [(level_name(k), np.float16, dim, k) for k, dim in enumerate(dims)]
        files += [(BOUNDS, np.int64, 2, 0)] if flat else []
        if not all(_Rows.fits(folder / name, dtype, dim, _count(told, k)) for name, dtype, dim, k in files):
            told = []  # a file is shorter than its journal says
        self.shapes: list[list[list[int]]] = [one["shapes"] for one in told]
        made = [_Rows(folder / name, dtype, dim, _count(told, k)) for name, dtype, dim, k in files]
        self._files, self._bounds = made[: len(dims)], made[-1] if flat else None
        lines = "".join(json.dumps(one) + "\n" for one in told)
        (folder / _JOURNAL).write_text(lines, encoding="utf-8")
        self._journal: IO[str] = (folder / _JOURNAL).open("a", encoding="utf-8")
        self._lines: list[str] = []

    def __len__(self) -> int:
        return len(self.shapes)

    @property
    def _all(self) -> list[_Rows]:
        return [*self._files, *([self._bounds] if self._bounds is not None else [])]

    def add(self, one: ItemParts) -> None:
        """Append the parts of the next item."""
        name, digest = self._keys[len(self)]
        for file, level in zip(self._files, one.levels, strict=True):
            file.add(level.reshape(-1, level.shape[2]))
        if self._bounds is not None and one.bounds is not None:
            self._bounds.add(one.bounds)
        self.shapes.append([[int(n) for n in level.shape[:2]] for level in one.levels])
        self._lines.append(json.dumps({"id": name, "digest": digest, "shapes": self.shapes[-1]}))
        if len(self) % _EVERY == 0:
            self.flush()

    def flush(self) -> None:
        """Write through to the disk: the vectors first, then the journal."""
        for file in self._all:
            file.flush()
        self._journal.write("".join(line + "\n" for line in self._lines))
        self._lines = []
        self._journal.flush()
        os.fsync(self._journal.fileno())

    def finish(self) -> None:
        """Complete the files; the journal is removed."""
        self.flush()
        self._close()
        shapes = np.array(self.shapes, dtype=np.int64).reshape(len(self), len(self._files), 2)
        np.save(self.folder / SHAPES, shapes)
        for name in (_JOURNAL, _BEGUN):
            (self.folder / name).unlink()

    def stop(self) -> None:
        """Keep what is there for the next time, after an error."""
        if not self._journal.closed:
            self.flush()
            self._close()

    def _close(self) -> None:
        for file in self._all:
            file.close()
        self._journal.close()


class _Rows:
    """A ``.npy`` file of rows whose number is not known before: NumPy leaves room in the header for it."""

    def __init__(self, path: Path, dtype: Any, dim: int, rows: int) -> None:
        self._dtype, self._dim, self._rows = np.dtype(dtype), dim, rows
        self._file: IO[bytes] = path.open("r+b" if path.exists() else "w+b")
        self._file.write(self._header())
        self._file.truncate(self._file.tell() + rows * dim * self._dtype.itemsize)
        self._file.seek(0, os.SEEK_END)

    @staticmethod
    def fits(path: Path, dtype: Any, dim: int, rows: int) -> bool:
        """Whether a file has at least so many rows."""
        size = path.stat().st_size if path.is_file() else 0
        return not rows or size >= len(_header(dtype, rows, dim)) + rows * dim * np.dtype(dtype).itemsize

    def add(self, rows: np.ndarray[Any, Any]) -> None:
        """Append rows."""
        self._file.write(np.ascontiguousarray(rows, dtype=self._dtype).tobytes())
        self._rows += len(rows)

    def flush(self) -> None:
        """Write through to the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Write the number of rows."""
        self._file.seek(0)
        self._file.write(self._header())
        self._file.close()

    def _header(self) -> bytes:
        return _header(self._dtype, self._rows, self._dim)


def _header(dtype: Any, rows: int, dim: int) -> bytes:
    """The header of a ``.npy`` file; NumPy leaves room in it, so that its length is the same for any number of rows."""
    out = io.BytesIO()
    told = {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": (rows, dim)}
    np.lib.format.write_array_header_1_0(out, told)  # type: ignore[no-untyped-call]
    return out.getvalue()


def _count(told: Sequence[Mapping[str, Any]], level: int) -> int:
    """The number of parts of some items at a level."""
    return sum(one["shapes"][level][0] * one["shapes"][level][1] for one in told)


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None


def _journal(path: Path, keys: Sequence[tuple[str, str]], levels: int, flat: bool) -> list[dict[str, Any]]:
    """The lines about the first items, as long as they are those of ``keys``; a line that was cut off ends them."""
    found: list[dict[str, Any]] = []
    for line, (name, digest) in zip((_text(path) or "").split("\n"), keys, strict=False):
        try:
            one = json.loads(line)
            shapes = [[int(n) for n in shape] for shape in one["shapes"]]
            fits = (one["id"], one["digest"], len(shapes)) == (name, digest, levels)
            fits = fits and all(len(shape) == 2 and min(shape) > 0 for shape in shapes)
        except (ValueError, KeyError, TypeError):
            return found
        if not fits or (flat and shapes[0][0] != 1):
            return found
        found.append({"id": name, "digest": digest, "shapes": shapes})
    return found
