"""What files say of items beside their content: the folders above them, and what cameras write into them."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from activessl.pool.metadata.base import Column
from activessl.pool.metadata.cells import typed
from activessl.pool.split_folders import SPLITS

#: Images in which EXIF is looked for: others have none, or it is at the end of the file.
EXIF_SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".heic", ".heif", ".tif", ".tiff", ".webp", ".mpo"})
#: Files whose EXIF is read; of more, none: a file takes 0.2 ms.
MOST_FILES = 50_000
#: If so many files, spread over the pool, have no EXIF, the others are not opened.
_PROBED = 24
#: Bytes at the beginning of a file in which EXIF is looked for.
_HEAD = 262_144

_MAKE, _MODEL, _CHANGED, _OWN_BLOCK, _TAKEN = 0x010F, 0x0110, 0x0132, 0x8769, 0x9003


def folder_columns(ids: Sequence[str], classes: Sequence[str] = ()) -> list[Column]:
    """A column for each level of the folders in the ids, where it varies: ``folder 1`` is the first.

    Args:
        ids: Ids of items; those of files are paths.
        classes: The classes of the project: folders of their names are labels.

    Example:
        >>> [(c.name, c.values) for c in folder_columns(["a/x/1.png", "a/y/2.png", "a/3.png"])]
        [('folder 2', ('x', 'y', None))]
    """
    parts = [item.split("/")[:-1] for item in ids]
    found = []
    for level in range(max(map(len, parts), default=0)):
        cells = [one[level] if len(one) > level else None for one in parts]
        if len(set(cells)) < 2:
            continue
        names = {cell for cell in cells if cell is not None}
        note = ""
        if all(name.lower() in SPLITS for name in names):
            note = "its folders are parts of the data"
        elif are_classes(names, classes):
            note = "its folders are the classes"
        # a folder is a name, also where all names are numbers or dates
        kind = typed(cells)
        kept = kind[0] if kind is not None and kind[0] == "date" else "text"
        values = kind[1] if kind is not None and kept == "date" else tuple(cells)
        found.append(Column(f"folder {level + 1}", kept, values, "folders", note))
    return found


def are_classes(values: set[str], classes: Sequence[str]) -> bool:
    """Whether values are classes of the project, at least two of them.

    Example:
        >>> are_classes({"Cat", "dog"}, ["cat", "dog", "bird"]), are_classes({"cat"}, ["cat", "dog"])
        (True, False)
    """
    said = {value.strip().lower() for value in values}
    return len(said) > 1 and said <= {name.strip().lower() for name in classes}


def exif_columns(paths: Mapping[str, Path | None], ids: Sequence[str], within: Path) -> tuple[list[Column], str]:
    """The camera and the date in the EXIF of images; only the beginning of each file is read.

    Args:
        paths: Item to its file; None where it has none.
        ids: The items.
        within: The folder that the user gave: a link out of it is not followed.

    Returns:
        The columns, none if no file of some has EXIF; and a remark, empty if there is nothing to say.
    """
    there = [item for item in ids if (path := paths.get(item)) and path.suffix.lower() in EXIF_SUFFIXES]
    if not there:
        return [], ""
    folder = within.resolve()
    probe = there[:: max(1, len(there) // _PROBED)]
    if not any(_exif(paths[item], folder) for item in probe):
        return [], ""
    if len(there) > MOST_FILES:
        return [], f"EXIF was not read, because the pool has {len(there):,} images, more than {MOST_FILES:,}"
    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as workers:
        told = dict(zip(there, workers.map(lambda item: _exif(paths[item], folder), there), strict=True))
    columns = []
    for name in ("camera", "date"):
        found = typed([told.get(item, {}).get(name) for item in ids])
        if found is not None and any(value is not None for value in found[1]):
            columns.append(Column(f"EXIF {name}", found[0], found[1], "EXIF"))
    return columns, ""


def _exif(path: Path | None, folder: Path) -> dict[str, Any]:
    """Camera and date of one image; empty where there are none, or the file cannot be read."""
    from PIL import Image

    try:
        if path is None or not path.resolve(strict=True).is_relative_to(folder):
            return {}
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0))
        with os.fdopen(handle, "rb") as file:
            head = file.read(_HEAD)
        with Image.open(io.BytesIO(head)) as image:  # reads the header, and decodes nothing
            tags = image.getexif()
            own = tags.get_ifd(_OWN_BLOCK)
        make, model = (_tag(tags.get(tag)) for tag in (_MAKE, _MODEL))
        camera = model if make.lower() in model.lower() else f"{make} {model}".strip()
        date = _tag(own.get(_TAKEN)) or _tag(tags.get(_CHANGED))
        if not date.startswith(("1", "2")):  # cameras without a clock write blanks or zeros
            date = ""
    except Exception:  # noqa: BLE001  a damaged file may raise anything, and `check` reports it
        return {}
    return {key: value for key, value in (("camera", camera), ("date", date)) if value}


def _tag(value: Any) -> str:
    return value.strip("\x00 ") if isinstance(value, str) else ""
