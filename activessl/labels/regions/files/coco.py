"""COCO folders: boxes or masks of pictures. An image without annotations is an answer: it holds none."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from activessl.errors import LabelError
from activessl.labels.files.opened import Opened
from activessl.labels.regions.checks import check_region
from activessl.labels.regions.files.data import RegionData
from activessl.labels.regions.files.pictures import check_size, of_files, picture_pool, rows_of
from activessl.labels.regions.places import Box, Mask, PlaceKind, polygon
from activessl.labels.regions.region import Region

__all__ = ["coco_file", "has_coco_regions", "read_coco"]


def coco_file(folder: Path) -> Path | None:
    """The file of annotations of a COCO folder; None if there is none."""
    for name in ("annotations.json", "_annotations.coco.json", "annotations/instances.json", "labels.json"):
        if (folder / name).is_file():
            return folder / name
    return None


def has_coco_regions(folder: Path) -> bool:
    """Whether a folder is COCO with boxes or masks, and not with classes of whole pictures."""
    file = coco_file(folder) if folder.is_dir() else None
    if file is None:
        return False
    document = Opened(file).document
    if not all(isinstance(document.get(name), list) for name in ("images", "annotations", "categories")):
        return False
    sizes = {one["id"]: one for one in document["images"] if _has_key(one, "id")}
    return any(isinstance(one, Mapping) and _is_region(one, sizes) for one in document["annotations"])


def _is_region(one: Mapping[str, Any], images: Mapping[Any, Mapping[str, Any]]) -> bool:
    """Whether an annotation is of a part: a box as large as its picture is a class of the whole picture."""
    image = images.get(one["image_id"], {}) if _has_key(one, "image_id") else {}
    whole = [0, 0, image.get("width"), image.get("height")]
    return bool(one.get("segmentation")) or ("bbox" in one and one["bbox"] != whole)


def _has_key(one: Any, name: str) -> bool:
    """Whether an entry is an object with a number or a text under a name."""
    return isinstance(one, Mapping) and isinstance(one.get(name), int | str)


def read_coco(folder: Path, kind: PlaceKind | None = None) -> RegionData:
    """Read a COCO folder: ``images/`` and ``annotations.json``.

    Args:
        folder: The folder.
        kind: "box" or "mask"; by default masks if all regions have one that is more than the corners of its box.

    Raises:
        LabelError: The file names pictures that are not there, or regions that their pictures cannot have.
    """
    file = coco_file(folder)
    if file is None:
        raise LabelError(f"{folder} has no annotations.json", hint="export the data as COCO again")
    document = Opened(file).document
    try:
        names = {one["id"]: str(one["name"]) for one in document["categories"]}
        images = {one["id"]: one for one in document["images"]}
        files = {number: str(one["file_name"]) for number, one in images.items()}
    except (KeyError, TypeError):
        raise LabelError(f"an image or a category in {file} has no id or no name", hint="export it again") from None
    for number, one in enumerate(document["annotations"], start=1):
        if not _has_key(one, "image_id") or not _has_key(one, "category_id"):
            raise LabelError(
                f"entry {number:,} of the annotations in {file.name} has no image_id or no category_id",
                hint="export it again",
            )
    pool = picture_pool(folder)
    row_of = rows_of(pool, list(files.values()), file)
    rows = [one for one in document["annotations"] if not one.get("iscrowd")]
    crowds = len(document["annotations"]) - len(rows)
    notes = [f"{crowds:,} regions of crowds (iscrowd) are left out"] if crowds else []
    chosen = kind or ("mask" if rows and all(_drawn(one) for one in rows) else "box")
    found: dict[Any, list[Region]] = {number: [] for number in images}
    for one in rows:
        number, where = one.get("image_id"), f"annotation {one.get('id')} of {file.name}"
        if number not in images or one.get("category_id") not in names:
            raise LabelError(
                f"{where} is of image {number!r} and category {one.get('category_id')!r}, which the file does not have",
                hint="export it again",
            )
        item = pool.items[row_of[files[number]]]
        check_size(images[number], item.shape, f"{files[number]} in {file.name}")
        place = _coco_place(one, chosen, item.shape[:2], f"{where} ({files[number]})")
        region = Region(place, (names[one["category_id"]],), id=str(one.get("id", "")))
        found[number].append(check_region(region, item.shape, f"{where} ({files[number]})"))
    return of_files(pool, {files[number]: tuple(some) for number, some in found.items()}, row_of, chosen, notes)


def _drawn(one: Mapping[str, Any]) -> bool:
    """Whether an annotation has a mask that is more than the corners of its box."""
    told = one.get("segmentation")
    if not told:
        return False
    return isinstance(told, Mapping) or len(told) > 1 or len(told[0]) > 8


def _coco_place(one: Mapping[str, Any], kind: PlaceKind, size: tuple[int, ...], where: str) -> Box | Mask:
    height, width = int(size[0]), int(size[1])
    try:
        if kind == "box":
            x, y, w, h = (float(value) for value in one["bbox"])
            return Box(x, y, w, h)
        told = one["segmentation"]
        if isinstance(told, Mapping):
            return _coco_runs(told, (height, width), where)
        inside = np.zeros((height, width), dtype=bool)
        for corners in told:
            points = np.asarray(corners, dtype=np.float64).reshape(-1, 2)
            beyond = max(-points.min(), points[:, 0].max() - width, points[:, 1].max() - height)
            if len(points) < 3 or not np.isfinite(points).all() or beyond > 1:
                raise LabelError(
                    f"{where}: a polygon has {len(points)} corners, up to {points[:, 0].max():g}, "
                    f"{points[:, 1].max():g} in a picture of width {width} and height {height}",
                    hint="give polygons of at least 3 corners in pixels of the picture as it is shown",
                )
            inside |= polygon([(float(x), float(y)) for x, y in points], (height, width))
    except LabelError as error:
        raise LabelError(
            error.message if where in error.message else f"{where}: {error.message}", hint=error.hint
        ) from None
    except (KeyError, TypeError, ValueError):
        raise LabelError(
            f"{where} has no usable {'bbox' if kind == 'box' else 'segmentation'}", hint="export it again"
        ) from None
    return _some(inside, where)


def _coco_runs(told: Mapping[str, Any], size: tuple[int, int], where: str) -> Mask:
    """A mask from run lengths column by column, as numbers or in COCO's text form."""
    counts = told.get("counts")
    given = tuple(int(n) for n in told.get("size", ()))
    if given != size:
        raise LabelError(
            f"{where}: the mask has height and width {given}, the picture {size}",
            hint="export the masks again at the size of their pictures",
        )
    runs = _decoded(counts) if isinstance(counts, str) else [int(n) for n in counts or ()]
    if min(runs, default=-1) < 0 or sum(runs) != size[0] * size[1]:
        raise LabelError(f"{where}: the run lengths do not fill the picture", hint="export the masks again")
    flat = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return _some(flat.reshape(size[1], size[0]).T, where)


def _decoded(text: str) -> list[int]:
    """Run lengths from COCO's text form: five bits a character, from ``0`` on.

    From the fourth run on, it has the difference to the run before the last one.

    Example:
        >>> _decoded("04000")
        [0, 4, 0, 4, 0]
    """
    runs: list[int] = []
    value = shift = 0
    for letter in text.encode():
        bits = letter - 48
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:  # more to come
            continue
        if bits & 16:  # negative
            value -= 1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value = shift = 0
    return runs


def _some(inside: np.ndarray[Any, np.dtype[np.bool_]], where: str) -> Mask:
    if not inside.any():
        raise LabelError(f"{where}: the mask is empty", hint="remove it, or draw it again")
    return Mask.of(inside)
