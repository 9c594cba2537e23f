"""LabelMe: a JSON file beside each image. A flag that is set is a class of the whole image; shapes are regions.

Flags that are all unset are what LabelMe writes when nobody has touched them: such an image is not labeled.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from posixpath import normpath
from typing import Any

from activessl.errors import LabelError
from activessl.labels.files.given import Contents
from activessl.labels.files.marked import Marked, contents_of_images
from activessl.labels.files.opened import Opened, Options

_MARKS = frozenset({"flags", "shapes", "imagePath"})


def has(opened: Opened) -> bool:
    """Whether the file, or each JSON file of the folder, is of LabelMe."""
    names = opened.ending(".json")
    return bool(names) and _is(opened.json(names[0]))


def _is(document: Any) -> bool:
    return isinstance(document, Mapping) and document.keys() >= _MARKS


def read(opened: Opened, options: Options) -> Contents:
    """Read the flags of each image.

    Raises:
        LabelError: A JSON file of the folder is no file of LabelMe, or there are only shapes.
    """
    images = []
    for name in opened.ending(".json"):
        document = opened.json(name)
        where = name or opened.path.name
        if not _is(document):
            raise LabelError(f"{where} is no file of LabelMe, the first one is", hint="move it out of the folder")
        flags = document["flags"] if isinstance(document["flags"], Mapping) else {}
        # the path is relative to the JSON file, and has backslashes where it was written on Windows
        image = str(document["imagePath"]).replace("\\", "/")
        path = normpath((PurePosixPath(name).parent / image).as_posix())
        images.append(
            Marked(
                where=where,
                shown={"imagePath": path},
                classes=tuple(str(flag) for flag, is_set in flags.items() if is_set is True),
                regions=tuple(str(shape.get("label")) for shape in document["shapes"] if isinstance(shape, Mapping)),
                sha256=opened.hash_of(path),
            )
        )
    return contents_of_images("folder of LabelMe files" if opened.files else "LabelMe file", "flags", images, options)
