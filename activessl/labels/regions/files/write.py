"""Write items with regions as folders that training programs read; ``read_regions`` reads them back.

An item without a region is written, too: it is an answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from activessl.errors import ConfigError
from activessl.labels.regions.files.tokens import tagged
from activessl.labels.regions.places import Mask, Segment
from activessl.labels.regions.region import Region, Regions
from activessl.pool.pool import Pool
from activessl.pool.portable import portable

__all__ = ["LAYOUTS", "Labeled", "coco_annotation", "coco_runs"]

OnItem = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Labeled:
    """An item and its regions.

    Attributes:
        row: In the pool.
        regions: All of one kind.
    """

    row: int
    regions: Regions


def _pictures(folder: Path, pool: Pool, items: Sequence[Labeled], on_item: OnItem) -> list[str]:
    """Copy the pictures, upright, under names that differ; return the names."""
    folder.mkdir()
    taken: set[str] = set()
    names = []
    for number, one in enumerate(items, start=1):
        content, ending, _ = portable(pool, one.row)
        first = stem = re.sub(r"[^\w.-]+", "_", Path(pool.ids[one.row]).stem) or "picture"
        again = 1
        while stem.lower() in taken:  # labels have the name of their picture but for the ending
            again += 1
            stem = f"{first}-{again}"
        taken.add(stem.lower())
        names.append(f"{stem}.{ending}")
        (folder / names[-1]).write_bytes(content)
        on_item(number, len(items))
    return names


def _coco(folder: Path, pool: Pool, items: Sequence[Labeled], classes: Sequence[str], on_item: OnItem) -> None:
    """``images/`` and ``annotations.json``; masks as run lengths, turned boxes as the upright box around them."""
    names = _pictures(folder / "images", pool, items, on_item)
    number = {name: at for at, name in enumerate(classes, start=1)}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for image, (one, name) in enumerate(zip(items, names, strict=True), start=1):
        height, width = pool.items[one.row].shape[:2]
        images.append({"id": image, "file_name": name, "height": height, "width": width})
        for region in one.regions:
            for told in coco_annotation(region, height, width, number):
                annotations.append({"id": len(annotations) + 1, "image_id": image, **told})
    document = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": at, "name": name} for name, at in number.items()],
    }
    text = json.dumps(document, ensure_ascii=False, allow_nan=False)
    (folder / "annotations.json").write_text(text, encoding="utf-8")


def coco_annotation(region: Region, height: int, width: int, number: Mapping[str, int]) -> list[dict[str, Any]]:
    """A region as annotations of COCO, one for each of its classes, without an id; a model's with its score."""
    told: dict[str, Any]
    if isinstance(region.place, Mask):
        inside = region.place.array()
        segmentation = {"size": [height, width], "counts": coco_runs(inside)}
        told = {"bbox": _around(inside), "area": region.place.extent, "segmentation": segmentation}
    else:
        left, top, right, bottom = _within(region.place, height, width)
        box = [left, top, right - left, bottom - top]
        told = {"bbox": box, "area": box[2] * box[3], "segmentation": []}
    told |= {"iscrowd": 0} | ({} if region.score is None else {"score": region.score})
    return [{"category_id": number[label], **told} for label in region.classes if label in number]


def coco_runs(inside: np.ndarray[Any, np.dtype[np.bool_]]) -> list[int]:
    """Run lengths column by column, the first outside: COCO's form of a mask.

    Example:
        >>> coco_runs(np.array([[0, 1], [1, 1]], bool))
        [1, 3]
    """
    return list(Mask.of(np.ascontiguousarray(inside.T)).runs)


def _around(inside: np.ndarray[Any, np.dtype[np.bool_]]) -> list[float]:
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    if not len(rows):
        return [0.0, 0.0, 0.0, 0.0]
    left, top = int(columns[0]), int(rows[0])
    return [float(left), float(top), float(columns[-1] + 1 - left), float(rows[-1] + 1 - top)]


def _within(place: Any, height: int, width: int) -> tuple[float, float, float, float]:
    """The upright box around a box, cut at the edges of the picture."""
    left, top, right, bottom = place.bounds
    return max(0.0, left), max(0.0, top), min(float(width), right), min(float(height), bottom)


def _yolo(folder: Path, pool: Pool, items: Sequence[Labeled], classes: Sequence[str], on_item: OnItem) -> None:
    """``images/``, ``labels/`` and ``data.yaml``: class, center and size as shares of the picture; an empty file says
    that the picture holds none."""
    names = _pictures(folder / "images", pool, items, on_item)
    (folder / "labels").mkdir()
    number = {name: at for at, name in enumerate(classes)}
    for one, name in zip(items, names, strict=True):
        height, width = pool.items[one.row].shape[:2]
        lines = []
        for region in one.regions:
            left, top, right, bottom = _within(region.place, height, width)
            middle = ((left + right) / 2 / width, (top + bottom) / 2 / height)
            shares = (*middle, (right - left) / width, (bottom - top) / height)
            lines += [f"{number[label]} {' '.join(f'{share:.8f}' for share in shares)}\n" for label in region.classes]
        (folder / "labels" / f"{Path(name).stem}.txt").write_text("".join(lines), encoding="utf-8")
    listed = "".join(f"  {at}: {json.dumps(name, ensure_ascii=False)}\n" for name, at in number.items())
    (folder / "data.yaml").write_text(f"path: .\ntrain: images\nval: images\nnames:\n{listed}", encoding="utf-8")


def _voc(folder: Path, pool: Pool, items: Sequence[Labeled], classes: Sequence[str], on_item: OnItem) -> None:  # noqa: ARG001
    """``JPEGImages/`` and ``Annotations/``; corners count pixels from 1, both inclusive."""
    names = _pictures(folder / "JPEGImages", pool, items, on_item)
    (folder / "Annotations").mkdir()
    for one, name in zip(items, names, strict=True):
        height, width, *depth = pool.items[one.row].shape
        root = ElementTree.Element("annotation")
        ElementTree.SubElement(root, "filename").text = name
        size = ElementTree.SubElement(root, "size")
        for side, value in (("width", width), ("height", height), ("depth", depth[0] if depth else 1)):
            ElementTree.SubElement(size, side).text = str(value)
        for region in one.regions:
            for label in region.classes:
                found = ElementTree.SubElement(root, "object")
                ElementTree.SubElement(found, "name").text = label
                box = ElementTree.SubElement(found, "bndbox")
                left, top, right, bottom = _within(region.place, height, width)
                corners = {"xmin": left + 1, "ymin": top + 1, "xmax": right, "ymax": bottom}
                for side, corner in corners.items():
                    ElementTree.SubElement(box, side).text = f"{corner:.10g}"
        path = folder / "Annotations" / f"{Path(name).stem}.xml"
        ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def _masks(folder: Path, pool: Pool, items: Sequence[Labeled], classes: Sequence[str], on_item: OnItem) -> None:
    """``images/``, ``masks/`` and ``classes.txt``: gray PNG with the line of the class in each pixel, 0 where nothing
    is. Where masks overlap, the later class of the list is in the pixel."""
    from PIL import Image

    if len(classes) > 255:
        raise ConfigError(f"{len(classes)} classes do not fit into 8 bits", hint="use --layout coco")
    names = _pictures(folder / "images", pool, items, on_item)
    (folder / "masks").mkdir()
    number = {name: at for at, name in enumerate(classes, start=1)}
    for one, name in zip(items, names, strict=True):
        values = np.zeros(pool.items[one.row].shape[:2], dtype=np.uint8)
        told = [(number[label], region.place) for region in one.regions for label in region.classes]
        for value, place in sorted(told, key=lambda pair: pair[0]):
            if isinstance(place, Mask):
                values[place.array()] = value
        Image.fromarray(values).save(folder / "masks" / f"{Path(name).stem}.png")
    (folder / "classes.txt").write_text("".join(f"{name}\n" for name in classes), encoding="utf-8")


def _conll(folder: Path, pool: Pool, items: Sequence[Labeled], classes: Sequence[str], on_item: OnItem) -> None:  # noqa: ARG001
    """``spans.conll``: a token and its tag on each line, an empty line after each text."""
    blocks = []
    for at, one in enumerate(items, start=1):
        lines = tagged(str(pool.read(one.row)), one.regions)
        blocks.append("".join(f"{token}\t{tag}\n" for token, tag in lines))
        on_item(at, len(items))
    (folder / "spans.conll").write_text("\n".join(block for block in blocks if block), encoding="utf-8")


def _segments(folder: Path, pool: Pool, items: Sequence[Labeled], classes: Sequence[str], on_item: OnItem) -> None:
    """``segments.csv``: item, start and end in samples, and class; ``items.csv`` lists items without a segment, too.

    Series of one shape are also written as ``segments.npz``, which holds them and their segments."""
    import csv

    with (folder / "segments.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["item", "start", "end", "channel", "class"])
        for one in items:
            for region in one.regions:
                if isinstance(region.place, Segment):
                    place = region.place
                    channel = "" if place.channel is None else place.channel
                    for label in region.classes:
                        writer.writerow([pool.ids[one.row], f"{place.start:g}", f"{place.end:g}", channel, label])
    with (folder / "items.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["item", "samples", "segments"])
        writer.writerows([pool.ids[one.row], pool.items[one.row].shape[-1], len(one.regions)] for one in items)
    for at in range(len(items)):
        on_item(at + 1, len(items))
    shapes = {pool.items[one.row].shape for one in items}
    whole = all(
        isinstance(region.place, Segment)
        and float(region.place.start).is_integer()
        and float(region.place.end).is_integer()
        for one in items
        for region in one.regions
    )
    if pool.modality == "series" and len(shapes) == 1 and whole:
        number = {name: at for at, name in enumerate(classes)}
        told = [
            (at, int(region.place.start), int(region.place.end), number[label])
            for at, one in enumerate(items)
            for region in one.regions
            if isinstance(region.place, Segment)
            for label in region.classes
        ]
        np.savez(
            folder / "segments.npz",
            X=np.stack([np.asarray(pool.read(one.row)) for one in items]),
            segments=np.array(told, dtype=np.int64).reshape(-1, 4),
            class_names=np.array(list(classes)),
        )


#: Each layout: writes pictures, texts or series of a pool with their regions into an empty folder.
LAYOUTS: Mapping[str, Callable[[Path, Pool, Sequence[Labeled], Sequence[str], OnItem], None]] = {
    "coco": _coco,
    "conll": _conll,
    "masks": _masks,
    "segments": _segments,
    "voc": _voc,
    "yolo": _yolo,
}
