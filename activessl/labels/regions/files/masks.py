"""Pictures with masks: ``images/`` and ``masks/`` of the same names. A black mask is an answer: it holds none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from activessl.errors import LabelError, PoolError
from activessl.labels.regions.files.data import RegionData
from activessl.labels.regions.files.pictures import of_files
from activessl.labels.regions.places import Mask
from activessl.labels.regions.region import Region, Regions
from activessl.pool.plain import read_plain
from activessl.pool.sources import load_pool

__all__ = ["has_masks", "read_masks"]

#: Masks of this value and of 1 have the same class, if there is no other value: tools write either.
_WHITE = 255


def has_masks(folder: Path) -> bool:
    """Whether a folder has ``images`` and ``masks``."""
    return (folder / "images").is_dir() and (folder / "masks").is_dir()


def read_masks(folder: Path) -> RegionData:
    """Read ``images/`` and ``masks/``: for each picture a gray or palette image of its name, 0 where nothing is.

    Each connected part of one value is a region. Classes are the values, or line *v* of ``classes.txt``; if all masks
    have one value only, it is called "region" without that file.

    Raises:
        LabelError: A mask has another size than its picture, or no picture.
    """
    pool = load_pool(folder / "images")
    files = [path for path in sorted((folder / "masks").iterdir()) if not path.name.startswith(".")]
    masks = {path.stem: path for path in files}
    stems = {Path(item).stem: row for row, item in enumerate(pool.ids)}
    if len(masks) != len(files) or len(stems) != len(pool):
        raise LabelError(
            f"two pictures or two masks in {folder} have the same name but for their ending",
            hint="give each picture a name of its own, and its mask the same name",
        )
    lost = sorted(set(masks) - set(stems))
    if lost:
        raise LabelError(
            f"{len(lost):,} masks in {folder / 'masks'} have no picture of their name; the first is {lost[0]!r}",
            hint="give masks the names of their pictures",
        )
    listed = folder / "classes.txt"
    names = _lines(listed) if listed.is_file() else None
    values = {stem: _values(path, pool.items[stems[stem]].shape) for stem, path in masks.items()}
    seen = sorted({int(value) for array in values.values() for value in np.unique(array)} - {0})
    found: dict[str, Regions] = {}
    for stem, array in values.items():
        regions = []
        for value in np.unique(array):
            if value:
                name = _class_name(int(value), seen, names, masks[stem].name)
                joined: Any = ndimage.label(array == value, np.ones((3, 3)))  # its stubs do not know that it is two
                named, count = joined
                regions += [Region(Mask.of(named == number), (name,)) for number in range(1, count + 1)]
        found[pool.ids[stems[stem]]] = tuple(regions)
    return of_files(pool, found, {item: row for row, item in enumerate(pool.ids)}, "mask", [])


def _lines(path: Path) -> list[str]:
    try:
        text = read_plain(path).decode("utf-8-sig")
    except (PoolError, UnicodeDecodeError):
        raise LabelError(f"{path} cannot be read as UTF-8", hint="save it again as UTF-8") from None
    return [line.strip() for line in text.splitlines() if line.strip()]


def _values(path: Path, shape: tuple[int, ...]) -> np.ndarray[Any, np.dtype[Any]]:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            if image.mode not in ("1", "L", "P", "I;16", "I"):
                raise LabelError(
                    f"the mask {path.name} is a picture in {image.mode}, not of classes",
                    hint="store masks as gray or palette PNG with the number of the class in each pixel",
                )
            if (image.height, image.width) != shape[:2]:
                raise LabelError(
                    f"the mask {path.name} has height {image.height} and width {image.width}, its picture "
                    f"{shape[0]} and {shape[1]}",
                    hint="export the masks again at the size of their pictures",
                )
            return np.asarray(image).astype(np.int64)
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise LabelError(f"the mask {path.name} cannot be read: {error}", hint="export it again") from None


def _class_name(value: int, seen: Sequence[int], names: Sequence[str] | None, where: str) -> str:
    if names is not None:
        at = 1 if value == _WHITE and value > len(names) and len(names) == 1 else value
        if not 1 <= at <= len(names):
            raise LabelError(
                f"{where} has the value {value}, and classes.txt has {len(names)} lines",
                hint="add a line for each class",
            )
        return names[at - 1]
    return "region" if len(seen) == 1 or set(seen) <= {1, _WHITE} else str(value)
