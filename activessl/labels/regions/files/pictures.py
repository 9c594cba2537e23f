"""Pictures with regions: COCO folders, Pascal VOC folders, and pictures with masks.

A picture that the labels do not name is not labeled, and is left out with a note. A picture that they name without
regions is an answer: it holds none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from activessl.errors import LabelError, PoolError
from activessl.labels.files.opened import Opened, children, text_in
from activessl.labels.regions.checks import check_region
from activessl.labels.regions.files.data import RegionData, made
from activessl.labels.regions.places import Box, Mask, PlaceKind, polygon
from activessl.labels.regions.region import Region, Regions
from activessl.pool.plain import read_plain
from activessl.pool.pool import Pool
from activessl.pool.sources import load_pool

IMAGES = ("images", "JPEGImages", "data", "train", "")
#: Masks of this value and of 1 have the same class, if there is no other value: tools write either.
_WHITE = 255


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
    for place, one in enumerate(document["annotations"], start=1):
        if not _has_key(one, "image_id") or not _has_key(one, "category_id"):
            raise LabelError(
                f"entry {place:,} of the annotations in {file.name} has no image_id or no category_id",
                hint="export it again",
            )
    pool = _pool(folder)
    row_of = _rows(pool, list(files.values()), file)
    rows = [one for one in document["annotations"] if not one.get("iscrowd")]
    notes = _left(len(document["annotations"]) - len(rows), "regions of crowds (iscrowd) are left out")
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
        _same_size(images[number], item.shape, f"{files[number]} in {file.name}")
        place = _coco_place(one, chosen, item.shape[:2], f"{where} ({files[number]})")
        region = Region(place, (names[one["category_id"]],), id=str(one.get("id", "")))
        found[number].append(check_region(region, item.shape, f"{where} ({files[number]})"))
    return _of_files(pool, {files[number]: tuple(some) for number, some in found.items()}, row_of, chosen, notes)


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
    return _of_files(pool, found, {item: row for row, item in enumerate(pool.ids)}, "mask", [])


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


def has_voc(folder: Path) -> bool:
    """Whether a folder is Pascal VOC with boxes."""
    if not folder.is_dir() or not (folder / "Annotations").is_dir():
        return False
    return any(path.suffix.lower() == ".xml" for path in (folder / "Annotations").iterdir())


def read_voc(folder: Path) -> RegionData:
    """Read a Pascal VOC folder: ``JPEGImages/`` and ``Annotations/``; corners count pixels from 1, both inclusive.

    Raises:
        LabelError: A file names a picture that is not there, or a box that its picture cannot have.
    """
    opened = Opened(folder)
    pool = _pool(folder)
    found: dict[str, Regions] = {}
    trees = {name: opened.tree(name) for name in opened.ending(".xml") if "Annotations/" in f"/{name}"}
    files = {name: text_in(tree, "filename") or f"{Path(name).stem}.jpg" for name, tree in trees.items()}
    row_of = _rows(pool, list(files.values()), folder / "Annotations")
    for name, tree in trees.items():
        item = pool.items[row_of[files[name]]]
        told = {side: text_in(tree, f"size/{side}") for side in ("width", "height")}
        if all(value.isdigit() and int(value) for value in told.values()):
            _same_size({side: int(value) for side, value in told.items()}, item.shape, name)
        regions = []
        for number, one in enumerate(children(tree, "object"), start=1):
            where = f"object {number} of {name}"
            corners = [text_in(one, f"bndbox/{side}") for side in ("xmin", "ymin", "xmax", "ymax")]
            try:
                left, top, right, bottom = (float(value) for value in corners)
            except ValueError:
                raise LabelError(
                    f"{where} has the corners {corners}", hint="give each object a bndbox in pixels"
                ) from None
            try:
                box = Box(left - 1, top - 1, right - left + 1, bottom - top + 1)
            except LabelError as error:
                raise LabelError(f"{where}: {error.message}", hint=error.hint) from None
            label = text_in(one, "name")
            regions.append(check_region(Region(box, (label,) if label else ()), item.shape, where))
        found[files[name]] = tuple(regions)
    return _of_files(pool, found, row_of, "box", [])


def _pool(folder: Path) -> Pool:
    for name in IMAGES:
        if (folder / name).is_dir():
            try:
                return load_pool(folder / name, "image")
            except PoolError:
                if name == IMAGES[-1]:
                    raise
    raise PoolError(f"{folder} has no pictures", hint="put the pictures into its folder images")


def _rows(pool: Pool, files: Sequence[str], where: Path) -> dict[str, int]:
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


def _of_files(
    pool: Pool, found: Mapping[str, Regions], row_of: Mapping[str, int], kind: PlaceKind, notes: list[str]
) -> RegionData:
    rows = {row_of[file]: regions for file, regions in found.items()}
    missing = len(pool) - len(rows)
    if missing:
        notes = [*notes, f"{missing:,} pictures that the labels do not name are left out"]
        pool = pool.subset([pool.ids[row] for row in sorted(rows)])
    return made(pool, [rows[row] for row in sorted(rows)], kind, notes=notes)


def _same_size(told: Mapping[str, Any], shape: tuple[int, ...], where: str) -> None:
    """Refuse labels of a picture of another size: their places would be wrong."""
    given = (told.get("height"), told.get("width"))
    if all(isinstance(value, int | float) and value > 0 for value in given) and given != shape[:2]:
        raise LabelError(
            f"{where} has height {given[0]} and width {given[1]} by the labels, "
            f"{shape[0]} and {shape[1]} as it is shown",
            hint="export the labels again for this picture",
        )


def _some(inside: np.ndarray[Any, np.dtype[np.bool_]], where: str) -> Mask:
    if not inside.any():
        raise LabelError(f"{where}: the mask is empty", hint="remove it, or draw it again")
    return Mask.of(inside)


def _left(count: int, what: str) -> list[str]:
    return [f"{count:,} {what}"] if count else []


__all__ = ["coco_file", "has_coco_regions", "has_masks", "has_voc", "read_coco", "read_masks", "read_voc"]
