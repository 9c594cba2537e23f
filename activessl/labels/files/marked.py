"""What tools for images say about one image: classes of the whole, boxes and masks; and how both become an answer.

activessl labels whole images. Boxes and masks are refused unless their classes are to count for the whole image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from activessl.errors import LabelError
from activessl.labels.files.cells import judged
from activessl.labels.files.given import Contents, Given
from activessl.labels.files.opened import Options


@dataclass(frozen=True, slots=True)
class Marked:
    """One image in an export.

    Attributes:
        where: Its place, such as "image 7".
        shown: The fields that may tell the item.
        classes: Classes of the whole image.
        regions: The classes of its boxes and masks, one for each.
        looked: Whether the export says that somebody looked at an image without any class: then it has none of them.
        sha256: The hash of the image, where it lies beside the labels.
        annotator: Who labeled it; empty if the export does not say it.
        at: When; None if the export does not say it.
    """

    where: str
    shown: Mapping[str, Any]
    classes: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    looked: bool = False
    sha256: str = ""
    annotator: str = ""
    at: datetime | None = None


def contents_of_images(
    form: str,
    column: str,
    images: Sequence[Marked],
    options: Options,
    notes: Sequence[str] = (),
    *,
    stems: bool = False,
) -> Contents:
    """Turn images into answers.

    Args:
        form: The form of the file, for people.
        column: What has the classes of whole images, for people.
        images: The images.
        options: How the file is to be read.
        notes: What people should know about the reading.
        stems: Whether the names of the files have no ending.

    Raises:
        LabelError: There are boxes or masks, no class of a whole image, and boxes do not count.
    """
    regions = sum(len(image.regions) for image in images)
    if regions and not options.boxes and not any(image.classes for image in images):
        raise LabelError(
            f"the {form} has {regions:,} boxes or masks, and no class of a whole image",
            hint="add --boxes-as-classes if the classes of its boxes shall be the classes of an image",
        )
    given, unlabeled, left_out = [], 0, 0
    for image in images:
        found = tuple(dict.fromkeys((*image.classes, *(image.regions if options.boxes else ()))))
        why = ""
        if image.regions and not options.boxes:
            left_out += len(image.regions)
            if not found:
                why = f"has no class of the whole image, only {_count(len(image.regions), 'box or mask')}"
        if not found and not why and not image.looked:
            unlabeled += 1
            continue
        what, reason = ("unread", why) if why else judged(found, options.kind)
        given.append(
            Given(
                where=image.where,
                shown=image.shown,
                kind=what,  # type: ignore[arg-type]
                classes=found if what == "label" else (),
                why=reason,
                annotator=image.annotator,
                at=image.at,
                sha256=image.sha256,
            )
        )
    told = list(notes)
    if left_out:
        told.append(f"{_count(left_out, 'box or mask')} left out: --boxes-as-classes takes their classes")
    if regions and options.boxes:
        told.append(f"{_count(regions, 'box or mask')} read as classes of whole images")
    label = f"{column} and boxes" if regions and options.boxes and column != "boxes" else column
    return Contents(form, label, tuple(given), unlabeled, notes=tuple(told), stems=stems)


def _count(n: int, what: str) -> str:
    return f"{n:,} {'boxes or masks' if n > 1 and what == 'box or mask' else what}"
