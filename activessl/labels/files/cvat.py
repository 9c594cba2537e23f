"""CVAT for images 1.1, an XML file, from its documentation: a ``tag`` is a class of the whole image.

An image without tags and boxes is not labeled: CVAT lists all images of a task. The file does not say who labeled an
image, or when. Tags whose source is "auto" are a model's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from activessl.errors import LabelError
from activessl.labels.files.given import Contents
from activessl.labels.files.marked import Marked, contents_of_images
from activessl.labels.files.opened import Opened, Options, children

_REGIONS = ("box", "polygon", "polyline", "points", "mask", "cuboid", "ellipse", "skeleton")


def has(opened: Opened) -> bool:
    """Whether the file is XML of CVAT."""
    if opened.path.suffix.lower() != ".xml":
        return False
    root = opened.tree()
    return root.tag == "annotations" and (root.find("image") is not None or root.find("meta") is not None)


def read(opened: Opened, options: Options) -> Contents:
    """Read the tags of each image.

    Raises:
        LabelError: It is of a video, an image has no name, or there are only boxes and masks.
    """
    root = opened.tree()
    tracks = sum(1 for _ in children(root, "track"))
    if tracks:
        raise LabelError(
            f"the CVAT file has {tracks:,} tracks through a video", hint='export the task as "CVAT for images 1.1"'
        )
    images, by_models = [], 0
    for place, image in enumerate(children(root, "image"), start=1):
        name = image.get("name")
        if not name:
            raise LabelError(f"image {place:,} of the CVAT file has no name", hint="export the task again")
        tags = list(children(image, "tag"))
        auto = [tag for tag in tags if tag.get("source") == "auto"]
        by_models += len(auto)
        images.append(
            Marked(
                where=f"image {image.get('id') or place}",
                shown={"name": name},
                classes=_labels([tag for tag in tags if tag not in auto]),
                regions=_labels([one for kind in _REGIONS for one in children(image, kind)]),
                sha256=opened.hash_of(name, "images"),
            )
        )
    notes = [f"{by_models:,} tags by a model are left out"] if by_models else []
    return contents_of_images("CVAT file", "tag", images, options, notes)


def _labels(elements: Sequence[Any]) -> tuple[str, ...]:
    return tuple(str(one.get("label") or "") for one in elements)
