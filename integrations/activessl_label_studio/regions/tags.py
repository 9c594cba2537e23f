"""The tag of a label config that draws the regions of a project."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from activessl.errors import ConfigError
from activessl.labels.changes import Naming
from activessl.labels.regions.places import PlaceKind
from activessl.pool.forms.base import Shown
from activessl_label_studio.labels import SHOWN_BY, Choice, fields_of, parse_config

__all__ = ["PLACES", "TAGS", "RegionControl", "RegionTask", "read_region_config"]

#: What people draw.
RegionTask = Literal["boxes", "masks", "spans", "segments"]

#: The kind of places of each task.
PLACES: Mapping[str, PlaceKind] = {"boxes": "box", "masks": "mask", "spans": "span", "segments": "segment"}

#: The tags of each task, by the tags that show an item.
TAGS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "boxes": {"Image": ("RectangleLabels", "Rectangle")},
    "masks": {"Image": ("BrushLabels", "Brush", "PolygonLabels", "Polygon")},
    "spans": {
        "Text": ("Labels", "HyperTextLabels"),
        "HyperText": ("HyperTextLabels", "Labels"),
        "Paragraphs": ("ParagraphLabels", "Labels"),
    },
    "segments": {"TimeSeries": ("TimeSeriesLabels",), "Audio": ("Labels",), "AudioPlus": ("Labels",)},
}

#: Tags without labels of their own: those of a Labels tag for the same item are theirs.
_BARE = frozenset({"Rectangle", "Brush", "Polygon"})

#: All tags that draw an area of a picture. Two of them for one picture leave open what its regions are. Points and
#: relations do not: their results are kept as they are.
_AREAS = frozenset(
    name + end
    for name in ("Rectangle", "Polygon", "Brush", "Ellipse", "Bitmask", "Vector", "MagicWand")
    for end in ("", "Labels")
)

_SHOWN: Mapping[str, Shown] = {**SHOWN_BY, "Paragraphs": "text", "AudioPlus": "sound"}


@dataclass(frozen=True, eq=False)
class RegionControl:
    """The tag of a label config that draws regions.

    Attributes:
        name: The tag's name: ``from_name`` of the results with places.
        to_name: The name of the tag that shows the item.
        key: The key of ``data`` with the item.
        shown: How the item is shown.
        task: What people draw.
        tag: The tag, such as "RectangleLabels".
        object_tag: The tag that shows the item, such as "Image".
        classes: The names in results, in the order of the config; with ``called``, the names of now.
        labels: The name of the Labels tag with the classes of a Rectangle, Brush or Polygon; None if the tag has them.
        tags: The names of all controls of the config: results of the others are kept as they are.
        beside: Further fields of ``data`` that the config shows.
        attributes: The attributes of the tag that shows the item, with lower-case names.
        stored: A class to its name in results, where that differs.
        shows: Each label as people see it, and its name in results.
    """

    name: str
    to_name: str
    key: str
    shown: Shown
    task: RegionTask
    tag: str
    object_tag: str
    classes: tuple[str, ...]
    labels: str | None = None
    tags: frozenset[str] = frozenset()
    beside: tuple[str, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    stored: Mapping[str, str] = field(default_factory=dict)
    shows: tuple[Choice, ...] = ()

    @property
    def type(self) -> str:
        """The ``type`` of its results, which is also the key of their labels unless another tag has the labels."""
        return self.tag.lower()

    def knows(self, name: str) -> bool:
        """Whether results may have a label."""
        return name in self.classes or name in self.stored.values()

    def called(self, naming: Naming) -> RegionControl:
        """Return the same tag with the names of now for classes that were renamed since: answers keep the old name."""
        if not naming.steps:
            return self
        now = {name: read.names[0] for name in self.classes if (read := naming.read(name)).same and read.by is None}
        names = tuple(dict.fromkeys(now.get(name, name) for name in self.classes))
        stored = {new: old for old, new in reversed(now.items()) if new not in self.classes}
        return replace(self, classes=names, stored=stored)


def read_region_config(config: str, task: str, *, control: str | None = None) -> RegionControl:
    """Find the tag of a label config that draws regions, with the parser of the SDK.

    Args:
        config: The project's label config.
        task: What people draw, one of ``RegionTask``.
        control: The name of the tag; needed only if several can draw on one item.

    Raises:
        ConfigError: The config cannot be parsed, has no such tag, or has several; the message has the reason.

    Example:
        >>> config = '''<View><Image name="i" value="$image"/>
        ...   <RectangleLabels name="r" toName="i"><Label value="dent"/></RectangleLabels></View>'''
        >>> found = read_region_config(config, "boxes")
        >>> found.name, found.classes, found.type
        ('r', ('dent',), 'rectanglelabels')
    """
    if task not in get_args(RegionTask):
        raise ConfigError(f"task {task!r} has no regions", hint=f"use one of {', '.join(get_args(RegionTask))}")
    interface = parse_config(config)
    objects = {str(tag.name): str(tag.tag) for tag in interface.objects}
    usable = {}
    for tag in interface.controls:
        there = [objects.get(str(name), "") for name in tag.to_name]
        if any(str(tag.tag) in TAGS[task].get(shown, ()) for shown in there):
            usable[str(tag.name)] = tag
    if control is not None and control not in usable:
        raise ConfigError(
            f"the label config has no tag for {task} named {control!r}",
            hint=f"set annotator.control to one of {sorted(usable)}" if usable else _add(task),
        )
    if not usable:
        names = ", ".join(sorted({str(tag.tag) for tag in interface.controls})) or "no control tag"
        raise ConfigError(f"the label config has no tag for {task} but {names}", hint=_add(task))
    if control is None:
        _refuse_several(interface.controls, usable, task)
    return _read(usable[control or next(iter(usable))], interface, config, task)


def _add(task: str) -> str:
    first = next(iter(TAGS[task].values()))[0]
    return f"add a {first} tag with the classes in the project's settings"


def _refuse_several(controls: Sequence[Any], usable: Mapping[str, Any], task: str) -> None:
    first = next(iter(usable.values()))
    same = [
        str(tag.name)
        for tag in controls
        if set(tag.to_name) & set(first.to_name) and (str(tag.name) in usable or str(tag.tag) in _AREAS)
    ]
    several = list(dict.fromkeys([*usable, *same]))
    if len(several) > 1:
        raise ConfigError(
            f"the label config has {len(several)} tags that draw: {', '.join(several)}",
            hint=f"set annotator.control to the one that draws the {task}, one of {', '.join(usable)}",
        )


def _read(tag: Any, interface: Any, config: str, task: Any) -> RegionControl:
    name, kind = str(tag.name), str(tag.tag)
    if len(tag.to_name) != 1:
        raise ConfigError(f"the {kind} {name!r} has {len(tag.to_name)} tags in toName", hint="name one tag in toName")
    to_name = str(tag.to_name[0])
    shows = interface.get_object(to_name)
    labeled, labels = tag, None
    if kind in _BARE:
        given = [one for one in interface.controls if one.tag == "Labels" and to_name in map(str, one.to_name)]
        if len(given) != 1:
            raise ConfigError(
                f"the {kind} {name!r} needs one Labels tag for {to_name!r}, the label config has {len(given)}",
                hint=f"keep one Labels tag, or use {kind}Labels",
            )
        labeled, labels = given[0], str(given[0].name)
    if labeled.get_attr("value") or not labeled.labels:
        raise ConfigError(
            f"the {labeled.tag} {str(labeled.name)!r} takes its classes from the tasks",
            hint="write its labels into the config",
        )
    attributes = _attributes(config, to_name)
    value = attributes.get("value", "")
    if not re.fullmatch(r"\$\w+", value):
        raise ConfigError(
            f"the {kind} {name!r} draws on a {shows.tag} with value {attributes.get('valuelist', value)!r}",
            hint="show one item in each task, with a value such as $image",
        )
    return RegionControl(
        name=name,
        to_name=to_name,
        key=value[1:],
        shown=_SHOWN[str(shows.tag)],
        task=task,
        tag=kind,
        object_tag=str(shows.tag),
        classes=tuple(map(str, labeled.labels)),
        labels=labels,
        tags=frozenset(str(one.name) for one in interface.controls),
        beside=tuple(one for one in fields_of(config) if one != value[1:]),
        attributes=attributes,
        shows=_labels(config, str(labeled.name)),
    )


def _labels(config: str, name: str) -> tuple[Choice, ...]:
    """Return the labels of the tag with a name, in order, as people see them and as results have them."""
    from defusedxml.ElementTree import fromstring

    tag = next(tag for tag in fromstring(config).iter() if tag.get("name") == name)
    found = [(str(label.get("value")), label.get("alias")) for label in tag.iter("Label")]
    return tuple(Choice(value, str(alias or value)) for value, alias in found)


def _attributes(config: str, name: str) -> dict[str, str]:
    """Return the attributes of the tag with a name, as they are written, with lower-case names."""
    from defusedxml.ElementTree import fromstring

    tag = next(tag for tag in fromstring(config).iter() if tag.get("name") == name)
    return {key.lower(): str(value) for key, value in tag.attrib.items()}
