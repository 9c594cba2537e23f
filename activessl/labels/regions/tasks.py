"""What people are asked for: one class or several of a whole item, or regions of it. Needs no numpy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from activessl.labels.regions.places import PlaceKind

__all__ = ["DRAWINGS", "Drawing", "TaskName"]

#: The tasks by name: classes of whole items, or regions of one kind.
TaskName = Literal["classes", "boxes", "masks", "spans", "segments"]


@dataclass(frozen=True)
class Drawing:
    """A task in which people draw regions.

    Attributes:
        name: Its name, which is also the word for several of its regions.
        place: The kind of its regions.
        forms: The forms of data that have such regions.
        layouts: The folders into which they can be exported, the usual one first.
    """

    name: TaskName
    place: PlaceKind
    forms: tuple[str, ...]
    layouts: tuple[str, ...]


#: Every task but "classes".
DRAWINGS: dict[str, Drawing] = {
    "boxes": Drawing("boxes", "box", ("image",), ("coco", "yolo", "voc")),
    "masks": Drawing("masks", "mask", ("image",), ("coco", "masks")),
    "spans": Drawing("spans", "span", ("text",), ("conll",)),
    "segments": Drawing("segments", "segment", ("series", "audio"), ("segments",)),
}
