"""Label configs for new projects of regions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.sax.saxutils import quoteattr

from activessl.errors import ConfigError
from activessl.pool.forms.registry import form_named
from activessl.pool.pool import Modality
from activessl_label_studio.labels import HOTKEYS, check_names, object_lines

__all__ = ["INSTRUCTIONS", "build_region_config", "split_config"]

#: The tag of each task, and the form of data that it needs.
_DRAWN_WITH = {
    ("boxes", "picture"): "RectangleLabels",
    ("masks", "picture"): "BrushLabels",
    ("spans", "text"): "Labels",
    ("segments", "series"): "TimeSeriesLabels",
    ("segments", "sound"): "Labels",
}

#: The instructions that annotators can open while labeling.
INSTRUCTIONS = (
    "<p>Press the key of a class, or click it, then draw each {one}. Regions that are already there are the suggestion "
    "of the model: correct their place and class, delete the wrong ones, add the missing ones, then press Ctrl+Enter "
    "to submit.</p>"
    "<p>If the item has none, submit it without a region. Click Skip only if you cannot tell.</p>"
)


def build_region_config(
    task: str,
    modality: Modality,
    classes: Sequence[str],
    *,
    channels: int = 1,
    side: int | None = None,
    stored: Mapping[str, str] | None = None,
) -> str:
    """Return a label config in which people draw regions, with one hotkey per class.

    Args:
        task: "boxes", "masks", "spans" or "segments".
        modality: The form of data.
        classes: The classes in the shown order; at least one, each once.
        channels: How many channels a time series has, >= 1.
        side: The longer side of the images in pixels, if it is known: small images are shown enlarged.
        stored: A class to its name in results, if that is another one: the class was renamed.

    Raises:
        ConfigError: Such items have no such regions, or a class is empty, named twice or not valid in XML.

    Example:
        >>> print(build_region_config("spans", "text", ["place", "person"]))
        <View>
          <Labels name="label" toName="item">
            <Label value="place" hotkey="1"/>
            <Label value="person" hotkey="2"/>
          </Labels>
          <Text name="item" value="$text" granularity="symbol"/>
        </View>
    """
    names, shown = list(classes), form_named(modality).shown
    tag = _DRAWN_WITH.get((task, str(shown)))
    if tag is None:
        fit = sorted({name for name, of in _DRAWN_WITH if of == shown})
        raise ConfigError(
            f"{modality} items have no {task}", hint=f"use {' or '.join(fit)}" if fit else "use images, texts or series"
        )
    check_names(names)
    more = ' strokeWidth="2" opacity="0.3"' if tag == "RectangleLabels" else ""
    lines = [f'  <{tag} name="label" toName="item"{more}>']
    for i, name in enumerate(names):
        hotkey = f' hotkey="{HOTKEYS[i]}"' if i < len(HOTKEYS) else ""
        alias = f" alias={quoteattr(stored[name])}" if stored and stored.get(name, name) != name else ""
        lines.append(f"    <Label value={quoteattr(name)}{alias}{hotkey}/>")
    return "\n".join(["<View>", *lines, f"  </{tag}>", *_shown(modality, str(shown), channels, side), "</View>"])


def _shown(modality: Modality, shown: str, channels: int, side: int | None) -> list[str]:
    if shown == "text":
        # else a span grows to whole words while it is drawn
        return [f'  <Text name="item" value="${modality}" granularity="symbol"/>']
    lines = object_lines(modality, channels, side)
    return [lines[0].replace('zoom="true"', 'zoom="true" zoomControl="true"'), *lines[1:]]


def split_config(config: str) -> tuple[str, str]:
    """Split a config of ``build_region_config`` into the part with the labels and the part that shows the item.

    Example:
        >>> asked, shown = split_config(build_region_config("boxes", "image", ["dent"]))
        >>> asked.splitlines()[-1], shown.splitlines()[0]
        ('  </RectangleLabels>', '  <Image name="item" value="$image" zoom="true" zoomControl="true"/>')
    """
    lines = config.split("\n")
    ends = [row for row, line in enumerate(lines) if line.startswith("  </") and line.endswith("Labels>")]
    cut = ends[0] + 1 if ends else len(lines)
    return "\n".join(lines[:cut]), "\n".join(lines[cut:])
