"""What a browser would lose of a result, found before it is sent.

The server stores results of any form. A number that is sent as a text, or a text as a number, is shown at first; at the
next change by a person its place is lost, and only the label stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from activessl_label_studio.regions.extents import Extent
from activessl_label_studio.regions.results import read_result
from activessl_label_studio.regions.tags import RegionControl

__all__ = ["misfit"]

_NUMBERS: Mapping[str, tuple[str, ...]] = {
    "boxes": ("x", "y", "width", "height", "rotation"),
    "segments": ("start", "end"),
}


def misfit(result: Sequence[Mapping[str, Any]], control: RegionControl, extent: Extent) -> str:
    """Return why a browser would not show a result as it is meant; empty if it would.

    Args:
        result: The entries of a prediction.
        control: The tag that draws.
        extent: The size of the item.

    Example:
        >>> from activessl_label_studio.regions.layout import build_region_config
        >>> from activessl_label_studio.regions.tags import read_region_config
        >>> control = read_region_config(build_region_config("spans", "text", ["place"]), "spans")
        >>> entry = {"id": "a", "from_name": "label", "to_name": "item", "type": "labels",
        ...          "value": {"start": "0", "end": 4, "text": "Rome", "labels": ["place"]}}
        >>> misfit([entry], control, Extent((4,), text="Rome"))
        "region 'a' has start '0', which is no number"
    """
    ids: dict[str, set[Any]] = {}
    for entry in result:
        wrong = _wrong(entry, control, extent)
        if wrong:
            return f"region {entry.get('id')!r} {wrong}"
        names = ids.setdefault(str(entry["id"]), set())
        if entry["from_name"] in names:
            return f"two regions have the id {entry['id']!r}"
        names.add(entry["from_name"])
    read = read_result(list(result), control, extent)
    if read.why or read.notes:
        return read.why or read.notes[0]
    unknown = [name for region in read.regions for name in region.classes if not control.knows(name)]
    return f"the label config has no label {unknown[0]!r}" if unknown else ""


def _wrong(entry: Mapping[str, Any], control: RegionControl, extent: Extent) -> str:
    if not isinstance(entry.get("id"), str) or not entry["id"]:
        return "has no id: it would get a new one each time the task is opened"
    if entry.get("from_name") not in control.tags:
        return f"is of {entry.get('from_name')!r}, which the label config does not have"
    if entry["from_name"] not in (control.name, control.labels):
        return ""  # another tag's, which came with an earlier result
    if entry.get("to_name") != control.to_name:
        return f"is for {entry.get('to_name')!r}, not for {control.to_name!r}"
    value = entry.get("value")
    if not isinstance(value, Mapping):
        return "has no value"
    if control.shown == "picture" and len(extent.shape) >= 2:
        size = (entry.get("original_height"), entry.get("original_width"))
        if size != extent.shape[:2]:
            return (
                f"was drawn on a picture of {size[1]} × {size[0]}, this one has {extent.shape[1]} × {extent.shape[0]}"
            )
    if control.task == "segments" and extent.times and isinstance(extent.times[0], str):
        names: tuple[str, ...] = ()  # texts of times: read_result finds others
    else:
        names = _NUMBERS.get(control.task, ())
    for name in names:
        if isinstance(value.get(name), bool) or not isinstance(value.get(name), int | float):
            return f"has {name} {value.get(name)!r}, which is no number"
    if control.object_tag == "HyperText" and not all(isinstance(value.get(name), str) for name in ("start", "end")):
        return "has no paths of its texts in start and end"
    if control.shown == "sound" and not isinstance(value.get("channel", 0), int):
        return f"has channel {value.get('channel')!r}, which is no number"
    return ""
