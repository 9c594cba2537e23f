"""Pascal VOC: lists of images for each class in ``ImageSets/Main``, and boxes in an XML file for each image.

The lists are classes of whole images: 1 is the class, -1 is not, and 0 an object that is hard to see, which counts for
neither. An image that is in no class by all lists, or whose XML file has no object and is marked as verified, has none
of the classes; other files without an object count as not labeled, because some tools write them for all images.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from activessl.errors import LabelError
from activessl.labels.files.given import Contents
from activessl.labels.files.marked import Marked, contents_of_images
from activessl.labels.files.opened import Opened, Options, children, text_in

_LIST = re.compile(r"(?:^|/)ImageSets/Main/(?P<name>[^/]+)_(?:train|val|trainval|test)\.txt$")
_FOLDERS = ("JPEGImages", "images")


def has(opened: Opened) -> bool:
    """Whether the file, or the folder, is Pascal VOC."""
    if any(_LIST.search(name) for name in opened.files):
        return True
    names = opened.ending(".xml")
    return bool(names) and opened.tree(names[0]).tag == "annotation"


def read(opened: Opened, options: Options) -> Contents:
    """Read the classes of each image, from the lists or else from the XML files.

    Raises:
        LabelError: A file cannot be read as VOC, a list says two things of an image, or there are only boxes.
    """
    lists = [(name, match["name"]) for name in opened.files if (match := _LIST.search(name))]
    return _of_lists(opened, options, lists) if lists else _of_trees(opened, options)


def _of_lists(opened: Opened, options: Options, lists: list[tuple[str, str]]) -> Contents:
    said: dict[str, dict[str, int]] = {}
    for file, name in lists:
        for line, text in enumerate(opened.text(file).splitlines(), start=1):
            parts = text.rsplit(maxsplit=1)
            if not parts:
                continue
            if len(parts) != 2 or parts[1] not in ("1", "-1", "0"):
                raise LabelError(
                    f"line {line} of {file} is {text[:60]!r}", hint="write a name, and 1, -1 or 0, in each line"
                )
            before = said.setdefault(parts[0], {}).setdefault(name, int(parts[1]))
            if before != int(parts[1]):
                raise LabelError(
                    f"the lists of {name!r} have both {before} and {parts[1]} for {parts[0]!r}",
                    hint="correct one of the lists",
                )
    hard = sum(1 for values in said.values() for value in values.values() if value == 0)
    notes = [f"{hard:,} entries of objects that are hard to see (0) count neither for nor against"] if hard else []
    images = [
        Marked(
            where=f"image {name}",
            shown={"name": name},
            classes=tuple(one for one, value in values.items() if value == 1),
            looked=all(value == -1 for value in values.values()),
        )
        for name, values in said.items()
    ]
    regions = sum(1 for name in opened.ending(".xml") for _ in children(opened.tree(name), "object"))
    if regions:
        notes.append(f"the {regions:,} boxes in XML files are left out: the lists have the classes of whole images")
    return contents_of_images("Pascal VOC folder", "ImageSets/Main", images, options, notes, stems=True)


def _of_trees(opened: Opened, options: Options) -> Contents:
    images = []
    for name in opened.ending(".xml"):
        root, where = opened.tree(name), name or opened.path.name
        if root.tag != "annotation":
            raise LabelError(f"{where} is no file of Pascal VOC, the first one is", hint="move it out of the folder")
        file = text_in(root, "filename")
        if not file:
            raise LabelError(f"{where} has no filename", hint="add the name of the image as <filename>")
        objects = tuple(text_in(one, "name") for one in children(root, "object"))
        if "" in objects:
            raise LabelError(f"an object in {where} has no name", hint="export the file again")
        shown: Mapping[str, Any] = {"filename": file}
        images.append(
            Marked(
                where, shown, (), objects, looked=root.get("verified") == "yes", sha256=opened.hash_of(file, *_FOLDERS)
            )
        )
    return contents_of_images("Pascal VOC folder" if opened.files else "Pascal VOC file", "boxes", images, options)
