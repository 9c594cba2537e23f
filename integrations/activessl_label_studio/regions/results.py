"""The result of an annotation or a prediction to regions, and back. Pure functions.

A region keeps the entries of the result that it came from in ``rest["entries"]``: as long as they still say its place
and its classes, they are written as they were, with all that the browser stored. Entries that are about no region, such
as relations, choices, texts and points, are kept beside the regions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from activessl.labels.regions.places import Box, Mask, Place, Span
from activessl.labels.regions.region import Region, Regions
from activessl_label_studio.regions.boxes import box_of, value_of_box
from activessl_label_studio.regions.extents import Extent, Unreadable
from activessl_label_studio.regions.masks import mask_of, restored, shortened, value_of_mask, value_of_polygon
from activessl_label_studio.regions.segments import segment_of, value_of_segment
from activessl_label_studio.regions.spans import span_of, value_of_span
from activessl_label_studio.regions.tags import RegionControl

__all__ = ["ENTRIES", "ORIGIN", "Entry", "ReadResult", "read_result", "write_result"]

#: One entry of a result, as Label Studio stores it.
Entry = dict[str, Any]

#: Keys of ``Region.rest``: the entries that the region came from, and "manual", "prediction" (of the model, unchanged)
#: or "prediction-changed" (of the model, corrected).
ENTRIES, ORIGIN = "entries", "origin"


@dataclass(frozen=True)
class ReadResult:
    """What a result says.

    Attributes:
        regions: The regions of the control, in the order of the result.
        beside: All other entries, as they are.
        why: Why a region cannot be read; empty if all can. Then ``regions`` has the others, ``beside`` the rest.
        notes: What is unusual, for people.
    """

    regions: Regions
    beside: tuple[Entry, ...] = ()
    why: str = ""
    notes: tuple[str, ...] = ()


def read_result(result: Any, control: RegionControl, extent: Extent) -> ReadResult:
    """Return the regions of a result.

    Args:
        result: The list of an annotation or a prediction, as Label Studio stores it.
        control: The tag that draws.
        extent: The size of the item.

    Example:
        >>> from activessl_label_studio.regions.layout import build_region_config
        >>> from activessl_label_studio.regions.tags import read_region_config
        >>> control = read_region_config(build_region_config("spans", "text", ["place"]), "spans")
        >>> entry = {"id": "a", "from_name": "label", "to_name": "item", "type": "labels",
        ...          "value": {"start": 0, "end": 4, "text": "Rome", "labels": ["place"]}}
        >>> read = read_result([entry], control, Extent((9,), text="Rome fell"))
        >>> read.regions[0].place, read.regions[0].classes
        (Span(start=0, end=4), ('place',))
    """
    if not isinstance(result, list) or not all(isinstance(entry, Mapping) for entry in result):
        return ReadResult((), why="its result is no list of entries")
    groups: dict[Any, list[Entry]] = {}
    for at, entry in enumerate(result):
        name = entry.get("id")
        groups.setdefault(name if isinstance(name, str) and name else at, []).append(dict(entry))
    regions: list[Region] = []
    beside: list[Entry] = []
    whys: list[str] = []
    notes: list[str] = []
    for name, entries in groups.items():
        ours = [entry for entry in entries if entry.get("from_name") == control.name]
        called = f"region {name!r}" if isinstance(name, str) else f"entry {name}"
        if not ours:
            beside += entries
            foreign = [entry for entry in entries if _is_foreign(entry, control)]
            if foreign:
                whys.append(f"{called} is of {foreign[0].get('from_name')!r}, which the label config does not have")
            continue
        if ours[0].get("item_index"):
            beside += entries
            notes.append(f"{called} is on page {ours[0]['item_index']}: kept, and not read")
            continue
        try:
            region = _read_region(name, ours[0], entries, control, extent)
        except Unreadable as why:
            beside += entries
            whys.append(f"{called} {why}")
            continue
        if isinstance(region.place, Mask) and region.place.extent == 0:
            beside += entries
            notes.append(f"{called} is a mask without a pixel, as a click leaves it: kept, and not read")
            continue
        regions.append(region)
    return ReadResult(tuple(regions), tuple(beside), "; ".join(whys), tuple(notes))


def _is_foreign(entry: Entry, control: RegionControl) -> bool:
    """Whether an entry is a region of a tag that the config had earlier, under another name."""
    gone = entry.get("from_name") is not None and entry.get("from_name") not in control.tags
    return gone and entry.get("type") in (control.type, control.type.removesuffix("labels") or "labels")


def _read_region(name: Any, entry: Entry, entries: list[Entry], control: RegionControl, extent: Extent) -> Region:
    value = entry.get("value")
    if not isinstance(value, Mapping):
        raise Unreadable("has no value")
    place = _place_of(value, entry, control, extent)
    if isinstance(place, Mask):
        entries = [shortened(one, place) for one in entries]
    rest: dict[str, Any] = {ENTRIES: entries}
    if entry.get("origin") in ("manual", "prediction", "prediction-changed"):
        rest[ORIGIN] = entry["origin"]
    score = entry.get("score")
    good = isinstance(score, int | float) and not isinstance(score, bool) and 0 <= score <= 1
    return Region(
        place,
        _classes_of(entries, control),
        float(score) if good and score is not None else None,
        name if isinstance(name, str) else "",
        rest,
    )


def _place_of(value: Mapping[str, Any], entry: Entry, control: RegionControl, extent: Extent) -> Place:
    if control.task == "boxes":
        return box_of(value, entry, extent)
    if control.task == "masks":
        return mask_of(value, entry, extent)
    if control.task == "spans":
        return span_of(value, control.object_tag, extent)
    return segment_of(value, control.shown, extent)


def _labels_in(entry: Entry, control: RegionControl) -> str:
    """The key of the labels in the value of an entry; empty if it has no labels of the control."""
    if control.labels is None:
        return control.type if entry.get("from_name") == control.name else ""
    return "labels" if entry.get("from_name") == control.labels else ""


def _classes_of(entries: list[Entry], control: RegionControl) -> tuple[str, ...]:
    found: list[str] = []
    for entry in entries:
        key, value = _labels_in(entry, control), entry.get("value")
        said = value.get(key) if key and isinstance(value, Mapping) else None
        if said is None:
            continue
        if not isinstance(said, list) or not all(isinstance(one, str) for one in said):
            raise Unreadable(f"has labels {said!r}, which are no list of names")
        found += said
    return tuple(dict.fromkeys(found))


def write_result(
    regions: Regions, control: RegionControl, extent: Extent, *, beside: Sequence[Entry] = (), seed: str = ""
) -> list[Entry]:
    """Return the result with these regions, as the browser stores it.

    Args:
        regions: The regions; each without an id gets one that depends on ``seed`` and its place in the list.
        control: The tag that draws.
        extent: The size of the item.
        beside: The other entries, from ``read_result``.
        seed: What the ids depend on, such as the id of the question.

    Raises:
        Unreadable: The item cannot have such a region.
    """
    found: list[Entry] = []
    for at, region in enumerate(regions):
        name = region.id or hashlib.sha256(f"{seed}\0{at}".encode()).hexdigest()[:10]
        found += _kept(region, control, extent) or _written(region, name, control, extent)
    return [*found, *(dict(entry) for entry in beside)]


def _kept(region: Region, control: RegionControl, extent: Extent) -> list[Entry] | None:
    """The entries that the region came from, if they still say what it is."""
    entries = _entries(region)
    ours = [entry for entry in entries if entry.get("from_name") == control.name]
    if not ours:
        return None
    try:
        before = _read_region(region.id or 0, ours[0], entries, control, extent)
    except Unreadable:
        return None
    same = (before.place, before.classes, before.id) == (region.place, region.classes, region.id)
    return entries if same else None


def _entries(region: Region) -> list[Entry]:
    """The entries that a region came from, whole."""
    place, found = region.place, [dict(entry) for entry in region.rest.get(ENTRIES) or ()]
    return [restored(entry, place) for entry in found] if isinstance(place, Mask) else found


def _written(region: Region, name: str, control: RegionControl, extent: Extent) -> list[Entry]:
    """The entries of a region, with what was stored beside an earlier version of it."""
    before = _entries(region)
    said = [control.stored.get(one, one) for one in region.classes]
    value, more = _value_of(region.place, control, extent)
    base: Entry = {"id": name, "to_name": control.to_name, **more}
    if region.score is not None:
        base["score"] = float(region.score)
    key = control.type if control.labels is None else "labels"
    entries = [
        base
        | {"from_name": control.name, "type": control.type}
        | {"value": value | ({key: said} if control.labels is None and said else {})}
    ]
    if control.labels is not None and said:
        entries.append(base | {"from_name": control.labels, "type": "labels", "value": value | {"labels": said}})
    old = {str(entry.get("from_name")): entry for entry in before}
    entries = [old.get(str(entry["from_name"]), {}) | entry for entry in entries]
    others = [entry for entry in before if entry.get("from_name") not in (control.name, control.labels)]
    return [*entries, *(_moved(entry, value) for entry in others)]


def _moved(entry: Entry, place: Mapping[str, Any]) -> Entry:
    """Return the entry of another tag about a region, such as its TextArea, which repeats the place of the region."""
    value = entry.get("value")
    repeated = [key for key in place if key != "text" and isinstance(value, Mapping) and key in value]
    return entry | {"value": dict(value) | {key: place[key] for key in repeated}} if value and repeated else entry


def _value_of(place: Place, control: RegionControl, extent: Extent) -> tuple[dict[str, Any], dict[str, Any]]:
    """The value of a place without labels, and what is beside the value."""
    if isinstance(place, Box | Mask):
        if len(extent.shape) < 2:
            raise Unreadable("is in a picture whose size is not known")
        if isinstance(place, Mask) and control.tag.startswith("Polygon"):
            value = value_of_polygon(place)
        else:
            value = value_of_box(place, extent) if isinstance(place, Box) else value_of_mask(place)
        return value, {"original_width": extent.shape[1], "original_height": extent.shape[0], "image_rotation": 0}
    if isinstance(place, Span):
        return value_of_span(place, control.object_tag, extent), {}
    more: dict[str, Any] = {}
    if control.shown == "sound" and extent.rate and extent.shape:
        more = {"original_length": extent.shape[1] / extent.rate}
    return value_of_segment(place, control.shown, extent), more
