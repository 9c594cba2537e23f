#!/bin/sh
# label-studio-sdk 2.1.2: `LabelInterface.validate_prediction` accepts regions that no browser can show, and refuses one
# that Label Studio's own editor stores.
#
# Expected: numbers as texts, a span that ends before it starts, a box without width, a box
# left of the picture, run lengths that are none, and a HyperText without paths are refused; a box without a label, as
# the editor stores it, is accepted.
#
# Seen: all of the former are accepted, and the latter is refused. Only labels that the config lacks, missing keys, and
# percents above 100 are found. Whoever sends predictions has to check them alone: the server takes them too, and the
# editor loses the place of such a region when a person changes it.
#
# Tried on 2026-11-30. Fails if this changes.
# Needs: python3 with venv, and PyPI. Takes a minute, most of it the installation; no server.
set -eu
where=$(mktemp -d)
trap 'rm -rf "$where"' EXIT
python3 -m venv "$where/venv"
"$where/venv/bin/pip" install --quiet label-studio-sdk==2.1.2
"$where/venv/bin/python" - <<'PYTHON' || exit 1
from label_studio_sdk.label_interface import LabelInterface

LABEL = '<Label value="dent"/>'
CONFIGS = {
    "rectanglelabels": f'<Image name="i" value="$x"/><RectangleLabels name="l" toName="i">{LABEL}</RectangleLabels>',
    "brushlabels": f'<Image name="i" value="$x"/><BrushLabels name="l" toName="i">{LABEL}</BrushLabels>',
    "labels": f'<Text name="i" value="$x"/><Labels name="l" toName="i">{LABEL}</Labels>',
    "hypertextlabels": f'<HyperText name="i" value="$x"/><HyperTextLabels name="l" toName="i">{LABEL}</HyperTextLabels>',
    "timeserieslabels": f'<TimeSeries name="i" value="$x" timeColumn="t"><Channel column="v"/></TimeSeries>'
    f'<TimeSeriesLabels name="l" toName="i">{LABEL}</TimeSeriesLabels>',
}
BOX = {"x": 10, "y": 10, "width": 20, "height": 20, "rotation": 0, "rectanglelabels": ["dent"]}
SPAN = {"start": 0, "end": 4, "text": "Rome", "labels": ["dent"]}
PAGE = {"startOffset": 0, "endOffset": 4, "globalOffsets": {"start": 0, "end": 4}, "text": "Rome"}


def accepted(kind, value, **more):
    interface = LabelInterface(f"<View>{CONFIGS[kind]}</View>")
    entry = {"id": "a", "from_name": "l", "to_name": "i", "type": kind, "value": value, **more}
    prediction = {"model_version": "m", "score": 0.5, "result": [entry]}
    return not interface.validate_prediction(prediction, return_errors=True)


size = {"original_width": 9, "original_height": 6, "image_rotation": 0}
bad = {
    "a box with x as a text": ("rectanglelabels", BOX | {"x": "10"}),
    "a box without width": ("rectanglelabels", BOX | {"width": 0}),
    "a box left of the picture": ("rectanglelabels", BOX | {"x": -50}),
    "a mask of three arbitrary numbers": ("brushlabels", {"format": "rle", "rle": [1, 2, 3], "brushlabels": ["dent"]}),
    "a span that ends before it starts": ("labels", SPAN | {"start": 9}),
    "a span with a text as its start": ("labels", SPAN | {"start": "0"}),
    "a HyperText with numbers instead of paths": (
        "hypertextlabels",
        PAGE | {"start": 0, "end": 4, "hypertextlabels": ["dent"]},
    ),
    "a segment with a text as its start": (
        "timeserieslabels",
        {"start": "0", "end": 4, "instant": False, "timeserieslabels": ["dent"]},
    ),
}
seen = {name: accepted(kind, value, **size) for name, (kind, value) in bad.items()}
for name, ok in seen.items():
    print("accepted" if ok else "refused ", name)
bare = {key: value for key, value in BOX.items() if key != "rectanglelabels"}
without = accepted("rectanglelabels", bare, **size)
print("accepted" if without else "refused ", "a box without a label, which the editor stores")
sound = accepted("rectanglelabels", BOX, **size) and accepted("labels", SPAN)
caught = not accepted("rectanglelabels", BOX | {"x": 250}) and not accepted(
    "rectanglelabels", BOX | {"rectanglelabels": ["rust"]}
)
if not (all(seen.values()) and not without and sound and caught):
    print("the behaviour has changed")
    raise SystemExit(1)
PYTHON
