"""The table of regions that ``activessl export`` writes: a row for each item, with the digest of its content."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from activessl.errors import ConfigError, LabelError
from activessl.labels.files.reading import READABLE, parsed, rows_in
from activessl.labels.regions.places import PlaceKind
from activessl.labels.regions.region import Region, Regions
from activessl.labels.regions.stored import read_stored

__all__ = ["OwnTable", "read_own"]

_DIGEST, _REGIONS = "sha256", "regions"


@dataclass(frozen=True, eq=False)
class OwnTable:
    """What people drew, by an export of activessl.

    Attributes:
        rows: Id, digest of the content, and regions of each item that people labeled.
        predicted: Rows with the model's regions, which are nobody's answers.
    """

    rows: tuple[tuple[str, str, Regions], ...]
    predicted: int

    @property
    def kinds(self) -> frozenset[PlaceKind]:
        """What the regions are."""
        return frozenset(one.kind for _, _, regions in self.rows for one in regions)

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, in the order of the table."""
        return tuple(dict.fromkeys(name for _, _, regions in self.rows for one in regions for name in one.classes))


def read_own(path: Path) -> OwnTable | None:
    """Read a table that ``activessl export`` wrote; None for other files.

    Raises:
        LabelError: A row has regions that cannot be read, or no digest of its item.
    """
    if not path.is_file() or path.suffix.lower() not in READABLE:
        return None
    try:
        rows = rows_in(path, parsed(path))
    except ConfigError:
        return None
    if not rows or not {"id", "source", "count"} <= rows[0].keys():
        return None
    if _REGIONS not in rows[0]:
        raise LabelError(
            f"{path} tells how many regions each item holds, and not where",
            hint="export to a .jsonl, .json or .parquet file, and import that",
        )
    found, predicted = [], 0
    for number, row in enumerate(rows, start=1):
        where = f"row {number:,} of {path.name}"
        if row.get("source") != "person":
            predicted += 1
            continue
        digest, item = row.get(_DIGEST), row.get("id")
        if not isinstance(digest, str) or not digest or not isinstance(item, str):
            raise LabelError(
                f"{where} does not say of which content its places are", hint="export the table again, and import that"
            )
        found.append((item, digest, _regions(row.get(_REGIONS), where)))
    return OwnTable(tuple(found), predicted)


def _regions(told: Any, where: str) -> Regions:
    try:
        rows = json.loads(told) if isinstance(told, str) else told
        if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
            raise TypeError("they are no list")
        read = read_stored([{**row, "id": "", "rest": {}} for row in rows])
    except (ValueError, TypeError, RecursionError, LabelError) as error:
        raise LabelError(f"{where} has regions that cannot be read: {error}", hint="export the table again") from None
    if not all(isinstance(name, str) and name for one in read for name in one.classes):
        raise LabelError(f"{where} has a region without the name of a class", hint="export the table again")
    return tuple(Region(one.place, one.classes) for one in read)
