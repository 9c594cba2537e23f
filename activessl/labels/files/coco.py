"""COCO: one JSON file with images, annotations and categories.

An annotation with a box or a mask is of a region; one without is of the whole image, and so is a box as large as the
image, as activessl writes it. An image without annotations is not labeled: COCO does not tell it from one that has
nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from activessl.arguments import listed
from activessl.errors import LabelError
from activessl.labels.files.given import Contents
from activessl.labels.files.marked import Marked, contents_of_images
from activessl.labels.files.opened import Opened, Options

_MARKS = ("images", "annotations", "categories")

#: Folders beside the file that have the images, by custom.
_FOLDERS = ("images", "data")

_Row = Mapping[str, Any]


def has(opened: Opened) -> bool:
    """Whether the file is COCO."""
    return all(isinstance(opened.document.get(name), list) for name in _MARKS)


def read(opened: Opened, options: Options) -> Contents:
    """Read the categories of each image.

    Raises:
        LabelError: Two images or categories have one number, an annotation is of none of them, or there are only boxes
            and masks.
    """
    document = opened.document
    images = _numbered(document["images"], "images", "file_name")
    categories = _numbered(document["categories"], "categories", "name")
    named = Counter(str(one["name"]) for one in categories.values())
    whole: dict[Any, list[str]] = {number: [] for number in images}
    regions: dict[Any, list[str]] = {number: [] for number in images}
    by_models = 0
    for number, one in enumerate(document["annotations"], start=1):
        image, category = one.get("image_id"), one.get("category_id")
        if image not in images or category not in categories:
            missing = ("image", image) if image not in images else ("category", category)
            raise LabelError(
                f"annotation {number:,} is of the {missing[0]} {missing[1]!r}, which the file does not have",
                hint="export the file again",
            )
        told = one.get("attributes")
        if isinstance(told, Mapping) and told.get("label_source") in ("machine", "model"):
            by_models += 1
            continue
        into = whole if _is_whole(one, images[image]) else regions
        into[image].append(str(categories[category]["name"]))
    twice = [name for name, count in named.items() if count > 1]
    notes = [f"{len(twice):,} categories have the name of another one: {listed(twice)}"] if twice else []
    if by_models:
        notes.append(f"{by_models:,} labels by a model are left out")
    marked = [
        Marked(
            where=f"image {number}",
            shown={"file_name": image["file_name"]},
            classes=tuple(whole[number]),
            regions=tuple(regions[number]),
            sha256=opened.hash_of(str(image["file_name"]), *_FOLDERS),
        )
        for number, image in images.items()
    ]
    return contents_of_images("COCO file", "category", marked, options, notes)


def _numbered(rows: Sequence[Any], what: str, field: str) -> dict[Any, _Row]:
    """The rows by their number."""
    found: dict[Any, _Row] = {}
    for place, row in enumerate(rows, start=1):
        if not isinstance(row, Mapping) or "id" not in row or field not in row:
            raise LabelError(f"entry {place:,} of {what!r} has no id or no {field}", hint="export the file again")
        if row["id"] in found:
            raise LabelError(
                f"two {what} have the id {row['id']!r}: {found[row['id']][field]!r} and {row[field]!r}",
                hint="export the file again",
            )
        found[row["id"]] = row
    return found


def _is_whole(annotation: _Row, image: _Row) -> bool:
    box = annotation.get("bbox")
    if annotation.get("segmentation") or annotation.get("keypoints"):
        return False
    return not box or list(box) == [0, 0, image.get("width"), image.get("height")]
