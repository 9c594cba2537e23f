"""Label configs: made from classes, or read from a project. Pure functions of text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from xml.sax.saxutils import quoteattr

from activessl.errors import ConfigError
from activessl.labels.answers import PATH
from activessl.labels.changes import Naming, odd_name
from activessl.labels.kinds import LabelKind
from activessl.labels.one_class import ONE
from activessl.labels.several_classes import SEVERAL
from activessl.pool.forms.base import Shown
from activessl.pool.forms.registry import form_named, forms
from activessl.pool.pool import Modality

__all__ = [
    "HINT",
    "HOTKEYS",
    "SHOWN_BY",
    "Choice",
    "Control",
    "ControlKind",
    "build_config",
    "check_names",
    "fields_of",
    "object_lines",
    "parse_config",
    "read_config",
]

#: One key per class, in the order of the rows of a keyboard.
HOTKEYS = "1234567890qwertyuiopasdfghjklzxcvbnm"

#: The tags that show items, and how; a new config uses the first tag of a kind.
SHOWN_BY: dict[str, Shown] = {
    "Image": "picture",
    "TimeSeries": "series",
    "Text": "text",
    "HyperText": "text",
    "Audio": "sound",
}
#: Images up to this side in pixels are shown enlarged by this factor; Label Studio's 750 pixels would blur them.
_SMALL, _ENLARGED = 128, 10

_BESIDE_LEFT = '  <View style="flex: 1 1 auto; min-width: 0">'
_BESIDE_RIGHT = '  <View style="flex: 0 0 16em; max-height: 80vh; overflow-y: auto">'

#: The tag that shows the most probable classes. Its text is part of the prediction, so it changes with the model, and a
#: blind question has none; see docs/decisions/0013-alternatives.md.
HINT = "activessl_hint"

# a read-only TextArea: without the input line that an empty one has, and without the delete button
_HINT = f"""  <Style>
    .activessl-hint form, .activessl-hint button {{ display: none; }}
    .activessl-hint [data-testid="htx-textbox-content"] {{ min-height: 0; padding: 0; border: 0; background: none; }}
  </Style>
  <View className="activessl-hint">
    <TextArea name="{HINT}" toName="item" editable="false" maxSubmissions="1"/>
  </View>"""

#: Attributes with which a Choices tag is no longer about the whole task.
_CHANGES_MEANING = ("perRegion", "perItem", "visibleWhen", "whenTagName", "whenLabelValue", "whenChoiceValue")


#: Hides a choice from people.
_HIDE = 'style="display: none"'

ControlKind = Literal["choices", "taxonomy"]


@dataclass(frozen=True, slots=True)
class Choice:
    """One choice of a Choices tag.

    Attributes:
        shown: The text that people read.
        stored: The name in results.
        hidden: Whether people cannot see it: its class was merged or split, and earlier results have it. Label Studio
            lets nobody save a config in its settings that lacks a choice which results have.
    """

    shown: str
    stored: str
    hidden: bool = False


@dataclass(frozen=True, eq=False)
class Control:
    """The tag of a label config that classifies a task.

    Attributes:
        name: The tag's name: ``from_name`` in every result.
        to_name: The name of the media's tag.
        key: The key of ``data`` with the media.
        shown: How the media are shown.
        classes: The classes in results: the alias of each choice, or its value without an alias; in the order of the
            config, without hidden ones. For a Taxonomy the paths, such as "animal / cat". With ``called``, a class that
            was renamed has its name of now.
        kind: "choices" or "taxonomy": the type of the results.
        label_kind: How many classes a task may have.
        interface: The SDK's ``LabelInterface`` of the whole config, for validation.
        hint: The name of the tag that shows the most probable classes, and of its media's tag; None if the config has
            none.
        beside: Further fields of ``data`` that the config shows, in its order, such as "camera" of a Header with the
            value ``$camera``. Tasks of other people have them; those of activessl do not.
        choices: The choices, hidden ones too; empty for a Taxonomy.
        stored: A class, or what the choice shows, to its name in results, where that differs.
    """

    name: str
    to_name: str
    key: str
    shown: Shown
    classes: tuple[str, ...]
    label_kind: LabelKind
    interface: Any
    kind: ControlKind = "choices"
    hint: tuple[str, str] | None = None
    beside: tuple[str, ...] = ()
    choices: tuple[Choice, ...] = ()
    stored: Mapping[str, str] = field(default_factory=dict)

    def knows(self, name: str) -> bool:
        """Whether results may have a name: of a choice that is shown or hidden."""
        return name in self.classes or any(name == choice.stored for choice in self.choices)

    def called(self, naming: Naming) -> Control:
        """Return the same tag with the names of now for classes that were renamed since: answers keep the old name."""
        if not naming.steps:
            return self
        now = {name: read.names[0] for name in self.classes if (read := naming.read(name)).same and read.by is None}
        names = tuple(dict.fromkeys(now.get(name, name) for name in self.classes))
        stored = {new: old for old, new in reversed(now.items())}
        stored |= {name: name for name in self.classes if name in names}
        return replace(self, classes=names, stored={**self.stored, **stored})


def build_config(
    classes: Sequence[str],
    modality: Modality,
    *,
    label_kind: LabelKind = ONE,
    channels: int = 1,
    side: int | None = None,
    question: str = "",
    hint: bool = True,
    stored: Mapping[str, str] | None = None,
    hidden: Sequence[str] = (),
) -> str:
    """Return a label config that asks for the class of each item, with one hotkey per class.

    Args:
        classes: The classes in the shown order; at least one, each once.
        modality: The form of data.
        label_kind: How many classes an item may have.
        channels: How many channels a time series has, >= 1.
        side: The longer side of the images in pixels, if it is known: small images are shown enlarged, up to a limit
            at which they can be recognized.
        question: The text above the choices; empty for none.
        hint: Whether there is a tag for the most probable classes, if an item has one class.
        stored: A class to its name in results, if that is another one: the class was renamed.
        hidden: Further names in results, whose choices people do not see.

    Raises:
        ConfigError: A class is empty, named twice or not valid in XML, or Label Studio cannot show the form of data.

    Example:
        >>> print(build_config(["cat", 'say "dog"'], "image", hint=False))
        <View>
          <Image name="item" value="$image" zoom="true"/>
          <Choices name="label" toName="item" choice="single-radio" showInline="true">
            <Choice value="cat" hotkey="1"/>
            <Choice value='say "dog"' hotkey="2"/>
          </Choices>
        </View>
    """
    if form_named(modality).shown is None:
        able = ", ".join(form.name for form in forms() if form.shown)
        raise ConfigError(
            f"Label Studio cannot show {modality!r} items",
            hint=f"use data of the form {able}, or an oracle as annotator",
        )
    names = list(classes)
    check_names(names)
    # few classes are a row below the item; many are a column beside it, so that nobody has to scroll
    beside = len(names) > 12
    lines = ['<View style="display: flex; gap: 1em">' if beside else "<View>"]
    lines += [_BESIDE_LEFT, *object_lines(modality, channels, side), "  </View>", _BESIDE_RIGHT] if beside else []
    lines += [] if beside else object_lines(modality, channels, side)
    if question:
        lines.append(f"  <Header value={quoteattr(question)}/>")
    more = "" if beside else ' showInline="true"'
    if hint and not label_kind.independent:
        lines.append(_HINT)
        more += ' required="true"'  # with a hint, Label Studio does not treat an answer without a class as empty
    choice = "multiple" if label_kind.independent else "single-radio"
    lines.append(f'  <Choices name="label" toName="item" choice="{choice}"{more}>')
    for i, name in enumerate(names):
        hotkey = f' hotkey="{HOTKEYS[i]}"' if i < len(HOTKEYS) else ""
        alias = f" alias={quoteattr(stored[name])}" if stored and stored.get(name, name) != name else ""
        lines.append(f"    <Choice value={quoteattr(name)}{alias}{hotkey}/>")
    lines += [f"    <Choice value={quoteattr(name)} {_HIDE}/>" for name in hidden]
    return "\n".join([*lines, "  </Choices>", *(["  </View>"] if beside else []), "</View>"])


def check_names(names: Sequence[str]) -> None:
    """Refuse classes that a label config cannot have.

    Raises:
        ConfigError: There is none, or one is empty, named twice or not valid in XML.
    """
    if not names:
        raise ConfigError("the label config has no class", hint="name at least one class")
    for name in names:
        wrong = odd_name(name)
        if wrong:
            raise ConfigError(f"the class name {name!r} {wrong}", hint="choose another name")
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ConfigError(f"the class {twice!r} is named twice", hint="name each class once")


def object_lines(modality: Modality, channels: int, side: int | None) -> list[str]:
    """Return the lines of a label config that show an item."""
    shown = form_named(modality).shown
    if shown == "series":
        rows = [f'    <Channel column="channel_{i}"/>' for i in range(channels)]
        head = f'  <TimeSeries name="item" value="${modality}" valueType="json" timeColumn="time">'
        return [head, *rows, "  </TimeSeries>"]
    more = ' zoom="true"' if shown == "picture" else ""
    if shown == "picture" and side is not None and side <= _SMALL:
        more += f' maxWidth="{min(_ENLARGED * side, 512)}px"'
    tag = next(tag for tag, shows in SHOWN_BY.items() if shows == shown)
    return [f'  <{tag} name="item" value="${modality}"{more}/>']


def read_config(config: str, *, control: str | None = None) -> Control:
    """Find the tag of a label config that classifies tasks, with the parser of the SDK.

    Args:
        config: The project's label config.
        control: The name of the Choices or Taxonomy tag; needed only if there are several.

    Raises:
        ConfigError: The config cannot be parsed, or has no tag that can be used; the message has the reason.
    """
    interface = parse_config(config)
    tags = {tag.name: tag for tag in interface.controls}
    choices = {name: tag for name, tag in tags.items() if tag.tag in ("Choices", "Taxonomy")}
    if control is not None and control not in choices:
        raise ConfigError(
            f"the label config has no Choices or Taxonomy named {control!r}",
            hint=f"name one of {sorted(map(str, choices))}",
        )
    if not choices:
        there = ", ".join(sorted({str(tag.tag) for tag in tags.values()})) or "no control tag"
        raise ConfigError(
            f"the label config has no Choices or Taxonomy but {there}", hint="add a Choices tag for the classes"
        )
    if control is None and len(choices) > 1:
        raise ConfigError(
            f"the label config has {len(choices)} Choices or Taxonomies: {', '.join(map(str, choices))}",
            hint="keep one of them in the project's settings, or name one as `control`",
        )
    tag = choices[control] if control is not None else next(iter(choices.values()))
    return _read_choices(tag, interface, config)


def parse_config(config: str) -> Any:
    """Return the SDK's ``LabelInterface`` of a label config.

    Raises:
        ConfigError: The config cannot be parsed.
    """
    from defusedxml.ElementTree import fromstring
    from label_studio_sdk.label_interface.interface import LabelInterface

    parse: Any = LabelInterface  # untyped in the SDK
    try:
        interface = parse(config)
        interface.validate()
        fromstring(config)  # the SDK's parser mends some errors of XML silently
    except Exception as error:  # noqa: BLE001 - the parser raises errors of many types
        why = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise ConfigError(
            f"the label config cannot be read: {why}", hint="correct the label config in the project's settings"
        ) from None
    return interface


def _read_choices(tag: Any, interface: Any, config: str) -> Control:
    name, kind = str(tag.name), str(tag.tag)
    for attribute in _CHANGES_MEANING:
        if str(tag.get_attr(attribute, "false")).lower() != "false":
            raise ConfigError(
                f"the {kind} {name!r} has {attribute}: it does not always classify the whole task",
                hint=f"remove the attribute, or name another {kind}",
            )
    if tag.get_attr("value") or not tag.labels:
        raise ConfigError(
            f"the {kind} {name!r} takes its classes from the tasks", hint="write its choices into the config"
        )
    if len(tag.to_name) != 1:
        raise ConfigError(f"the {kind} {name!r} has {len(tag.to_name)} tags in toName", hint="name one tag in toName")
    if tag.to_name[0] not in {media.name for media in interface.objects}:
        raise ConfigError(
            f"the {kind} {name!r} is for {tag.to_name[0]!r}, which the label config does not have",
            hint="correct toName in the project's settings",
        )
    media = interface.get_object(tag.to_name[0])
    shown = SHOWN_BY.get(str(media.tag))
    value = str(media.value or "")
    if shown is None or not re.fullmatch(r"\$\w+", value):
        raise ConfigError(
            f"the {kind} {name!r} classifies a {media.tag} with value {value!r}",
            hint=f"use one of {', '.join(SHOWN_BY)} with a value such as $image",
        )
    to_name, key, hint = str(tag.to_name[0]), value[1:], _read_hint(interface)
    beside = tuple(name for name in fields_of(config) if name != key)
    if kind == "Taxonomy":
        # a Taxonomy allows several answers unless maxUsages limits them
        of = ONE if str(tag.get_attr("maxUsages", "")) == "1" else SEVERAL
        return Control(name, to_name, key, shown, _paths(config, name), of, interface, "taxonomy", hint, beside)
    of = SEVERAL if tag.get_attr("choice") == "multiple" else ONE
    choices = _choices(config, name)
    hidden = {choice.stored for choice in choices if choice.hidden}
    classes = tuple(label for label in map(str, tag.labels) if label not in hidden)
    stored = {choice.shown: choice.stored for choice in choices if choice.shown != choice.stored and not choice.hidden}
    return Control(name, to_name, key, shown, classes, of, interface, "choices", hint, beside, choices, stored)


def _choices(config: str, name: str) -> tuple[Choice, ...]:
    """The choices of a Choices tag, in order, with what people see of them."""
    from defusedxml.ElementTree import fromstring

    (root,) = (tag for tag in fromstring(config).iter("Choices") if tag.get("name") == name)
    found = []
    for tag in root.iter("Choice"):
        value, style = str(tag.get("value")), "".join(str(tag.get("style") or "").split()).lower()
        found.append(Choice(value, str(tag.get("alias") or value), "display:none" in style))
    return tuple(found)


def fields_of(config: str) -> tuple[str, ...]:
    """The fields of ``data`` that a config shows: each attribute of a tag that is a variable, such as ``$camera``."""
    from defusedxml.ElementTree import fromstring

    values = (str(value) for tag in fromstring(config).iter() for value in tag.attrib.values())
    # a text may have a variable in it, "taken by $camera", but a price is none
    return tuple(dict.fromkeys(name for value in values for name in re.findall(r"\$([A-Za-z_]\w*)", value)))


def _read_hint(interface: Any) -> tuple[str, str] | None:
    for tag in interface.controls:
        if tag.name == HINT and tag.tag == "TextArea" and len(tag.to_name) == 1:
            whole = str(tag.get_attr("perRegion", "false")).lower() == "false"
            return (HINT, str(tag.to_name[0])) if whole else None
    return None


def _paths(config: str, name: str) -> tuple[str, ...]:
    """Return the paths to the leaves of a Taxonomy, in order; the SDK's parser keeps the names, but not the tree.

    Raises:
        ConfigError: A part of a path contains the separator of the parts.
    """
    from defusedxml.ElementTree import fromstring

    def below(tag: Any, path: tuple[str, ...]) -> list[tuple[str, ...]]:
        inside = [child for child in tag if child.tag == "Choice"]
        found = []
        for child in inside:
            found += below(child, (*path, str(child.get("alias") or child.get("value"))))
        return found if inside else [path]

    (root,) = (tag for tag in fromstring(config).iter("Taxonomy") if tag.get("name") == name)
    paths = below(root, ())
    for part in (part for path in paths for part in path):
        if PATH in part:
            raise ConfigError(
                f"the Taxonomy {name!r} has a choice {part!r}, which contains {PATH!r}", hint="rename the choice"
            )
    return tuple(PATH.join(path) for path in paths)
