"""What all forms of pictures with regions share: which picture a name in the labels means, and of which size it is.

A picture that the labels do not name is not labeled, and is left out with a note.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from activessl.errors import LabelError, PoolError
from activessl.labels.regions.files.data import RegionData, made
from activessl.labels.regions.places import PlaceKind
from activessl.labels.regions.region import Regions
from activessl.pool.pool import Pool
from activessl.pool.sources import load_pool

__all__ = ["check_size", "of_files", "picture_pool", "rows_of"]

IMAGES = ("images", "JPEGImages", "data", "train", "")


def picture_pool(folder: Path) -> Pool:
    """The pictures of a folder of labels, in one of its usual subfolders.

    Raises:
        PoolError: There are none.
    """
    for name in IMAGES:
        if (folder / name).is_dir():
            try:
                return load_pool(folder / name, "image")
            except PoolError:
                if name == IMAGES[-1]:
                    raise
    raise PoolError(f"{folder} has no pictures", hint="put the pictures into its folder images")


def rows_of(pool: Pool, files: Sequence[str], where: Path) -> dict[str, int]:
    """For each file that labels name, its row in the pool: by its path, else by its name if only one has it."""
    rows = {item: at for at, item in enumerate(pool.ids)}
    by_name: dict[str, list[int]] = {}
    for item, at in rows.items():
        by_name.setdefault(Path(item).name, []).append(at)
    found: dict[str, int] = {}
    for file in files:
        row: int | None = rows.get(file)
        if row is None:
            same = by_name.get(Path(file.replace("\\", "/")).name, [])
            if len(same) != 1:
                why = {one.id: one.why for one in pool.unreadable}.get(file)
                raise LabelError(
                    f"{where.name} names the picture {file!r}, "
                    + (f"which cannot be read: {why}" if why else f"and {len(same)} pictures have this name"),
                    hint="add the picture, or remove it from the labels",
                )
            row = same[0]
        found[file] = row
    if len(set(found.values())) != len(set(files)):
        raise LabelError(f"{where.name} names a picture twice", hint="export it again")
    return found


def of_files(
    pool: Pool, found: Mapping[str, Regions], row_of: Mapping[str, int], kind: PlaceKind, notes: list[str]
) -> RegionData:
    """The data of the pictures that the labels name; the others are left out with a note."""
    rows = {row_of[file]: regions for file, regions in found.items()}
    missing = len(pool) - len(rows)
    if missing:
        notes = [*notes, f"{missing:,} pictures that the labels do not name are left out"]
        pool = pool.subset([pool.ids[row] for row in sorted(rows)])
    return made(pool, [rows[row] for row in sorted(rows)], kind, notes=notes)


def check_size(told: Mapping[str, Any], shape: tuple[int, ...], where: str) -> None:
    """Refuse labels of a picture of another size: their places would be wrong."""
    given = (told.get("height"), told.get("width"))
    if all(isinstance(value, int | float) and value > 0 for value in given) and given != shape[:2]:
        raise LabelError(
            f"{where} has height {given[0]} and width {given[1]} by the labels, "
            f"{shape[0]} and {shape[1]} as it is shown",
            hint="export the labels again for this picture",
        )
