"""Pascal VOC folders: boxes of pictures. A file without an object is an answer: its picture holds none."""

from __future__ import annotations

from pathlib import Path

from activessl.errors import LabelError
from activessl.labels.files.opened import Opened, children, text_in
from activessl.labels.regions.checks import check_region
from activessl.labels.regions.files.data import RegionData
from activessl.labels.regions.files.pictures import check_size, of_files, picture_pool, rows_of
from activessl.labels.regions.places import Box
from activessl.labels.regions.region import Region, Regions

__all__ = ["has_voc", "read_voc"]


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
    pool = picture_pool(folder)
    found: dict[str, Regions] = {}
    trees = {name: opened.tree(name) for name in opened.ending(".xml") if "Annotations/" in f"/{name}"}
    files = {name: text_in(tree, "filename") or f"{Path(name).stem}.jpg" for name, tree in trees.items()}
    row_of = rows_of(pool, list(files.values()), folder / "Annotations")
    for name, tree in trees.items():
        item = pool.items[row_of[files[name]]]
        told = {side: text_in(tree, f"size/{side}") for side in ("width", "height")}
        if all(value.isdigit() and int(value) for value in told.values()):
            check_size({side: int(value) for side, value in told.items()}, item.shape, name)
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
    return of_files(pool, found, row_of, "box", [])
