"""Base of the sources whose items are rows of one file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from activessl.errors import PoolError
from activessl.pool.plain import is_text, shown
from activessl.pool.pool import Item, Modality, Stamp, Unreadable


class RowsSource(ABC):
    """A file with one item per row.

    Args:
        location: The file.
        modality: The form of data of the items.
    """

    def __init__(self, location: Path, modality: Modality) -> None:
        self._location = location
        self._modality: Modality = modality
        self._ids: tuple[str, ...] = ()
        self._row: dict[str, int] = {}
        self._stamp: Stamp = (0, 0)

    def _name_rows(self, n: int, given: np.ndarray[Any, np.dtype[Any]] | None) -> None:
        """Set the ids of the n rows, from the file or else ``NAME:ROW``, and the stamp of the file.

        Raises:
            PoolError: The number of ids is not n, or two ids are equal.
        """
        self._ids = row_ids(self._location, n, given)
        self._row = {item_id: row for row, item_id in enumerate(self._ids)}
        status = self._location.stat()
        self._stamp = (status.st_size, status.st_mtime_ns)

    @property
    def modality(self) -> Modality:
        """The form of data of the rows."""
        return self._modality

    @property
    def location(self) -> Path:
        """The file."""
        return self._location

    def __len__(self) -> int:
        return len(self._ids)

    def stamps(self) -> Mapping[str, Stamp]:
        """The file's size and time, the same for each item."""
        return dict.fromkeys(self._ids, self._stamp)

    @abstractmethod
    def describe(self, item_id: str) -> Item | Unreadable:
        """Read one row and describe it."""

    def scan(self) -> Iterator[Item | Unreadable]:
        """Describe each row in turn."""
        return map(self.describe, self._ids)

    def path(self, item_id: str) -> Path | None:  # noqa: ARG002  the protocol requires it
        """None: a row has no file of its own."""
        return None

    def _row_of(self, item_id: str) -> int:
        try:
            return self._row[item_id]
        except KeyError:
            raise PoolError(f"{self._location} has no item {item_id!r}", hint="check the id") from None


def row_ids(location: Path, n: int, given: np.ndarray[Any, np.dtype[Any]] | None) -> tuple[str, ...]:
    """The ids of the rows of a file: those in the file, or ``NAME:ROW``."""
    if given is None:
        name = shown(location.stem)
        return tuple([f"{name}:{row}" for row in range(n)])
    ids = tuple(str(item_id) for item_id in given.tolist())
    if len(ids) != n:
        raise PoolError(f"{len(ids)} ids for {n} items in {location}", hint="store one id for each item")
    odd = next((item_id for item_id in ids if not is_text(item_id)), None)
    if odd is not None:
        raise PoolError(f"the id {shown(odd)} in {location} is no valid Unicode", hint="correct this id")
    if len(set(ids)) != n:
        raise PoolError(f"two items share one id in {location}", hint="make the ids unique")
    return ids
