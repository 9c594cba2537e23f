"""What the contract suites of regions share: items in memory, and results as a real browser stored them."""

from __future__ import annotations

import hashlib
import io
import wave
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from activessl.annotators.base import Asked
from activessl.labels.questions import Question
from activessl.labels.regions.places import Box, Mask, Segment, Span
from activessl.labels.regions.region import Region, Regions
from activessl.pool.forms.base import Media
from activessl.pool.pool import Item, Pool

CLASSES = ("dent", "scratch")
#: With all that is counted in different ways: a character beyond U+FFFF, line ends of two characters, two blanks.
TEXT = "Zoë 😀 flew to\r\nNew  York & <b>Rome</b>.\nThen home."
SIZE, LENGTH, RATE = (30, 40), 60, 8000


@dataclass
class Made:
    """A source of small items of one form."""

    modality: str
    media: dict[str, Media]
    location: Path = Path("made")
    sample_rate: int | None = None

    def scan(self) -> Iterator[Item]:
        for name, media in self.media.items():
            shape = (len(media),) if isinstance(media, str) else media.shape
            yield Item(name, hashlib.sha256(self.content(name)).hexdigest(), shape)

    def read(self, item_id: str) -> Media:
        return self.media[item_id]

    def path(self, item_id: str) -> None:
        return None

    def content(self, item_id: str) -> bytes:
        media = self.media[item_id]
        if isinstance(media, str):
            return media.encode()
        out = io.BytesIO()
        if self.modality == "image":
            from PIL import Image

            Image.fromarray(media).save(out, "PNG")
        elif self.modality == "audio":
            with wave.open(out, "wb") as file:
                file.setnchannels(1)
                file.setsampwidth(2)
                file.setframerate(RATE)
                file.writeframes((media[0] * 32767).astype("<i2").tobytes())
        else:
            np.save(out, media)
        return out.getvalue()


def pool_of(modality: str, n: int = 6) -> Pool:
    rng = np.random.default_rng(0)
    media: dict[str, Media] = {}
    for i in range(n):
        name = f"dir/{i} ä'\"&%"
        if modality == "image":
            media[name] = rng.integers(0, 255, (*SIZE, 3), dtype=np.uint8)
        elif modality == "text":
            media[name] = f"{TEXT} {i}"
        elif modality == "series":
            media[name] = rng.normal(size=(2, LENGTH)).astype(np.float32)
        else:
            media[name] = rng.uniform(-0.5, 0.5, (1, RATE // 2)).astype(np.float32)
    source = Made(modality, media, sample_rate=RATE if modality == "audio" else None)
    return Pool(tuple(source.scan()), source)


def ask(pool: Pool, n: int) -> Asked:
    return Asked(tuple(Question(kind="new", items=(item,)) for item in pool.ids[:n]), "random", 1)


def disc(row: int, column: int, radius: float) -> Mask:
    rows, columns = np.ogrid[: SIZE[0], : SIZE[1]]
    return Mask.of((rows - row) ** 2 + (columns - column) ** 2 <= radius**2)


#: By task: the form of data, the true regions of the first item, those of the second, and what a model suggests of the
#: first: one as it is, one to be moved, one to be deleted; the last true one has to be drawn.
DRAWN: dict[str, tuple[str, Regions, Regions, Regions]] = {
    "boxes": (
        "image",
        (
            Region(Box(3.25, 4.5, 10, 12.125), ("dent",)),
            Region(Box(20, 10, 10, 6, rotation=30.5), ("scratch",)),
            Region(Box(36, 2, 4, 4), ("scratch", "dent")),
        ),
        (Region(Box(0, 0, 40, 30), ("dent",)),),
        (
            Region(Box(3.25, 4.5, 10, 12.125), ("dent",), 0.8),
            Region(Box(21, 11, 10, 6, rotation=30.5), ("scratch",), 0.6),
            Region(Box(1, 24, 5, 5), ("dent",), 0.4),
        ),
    ),
    "masks": (
        "image",
        (Region(disc(8, 9, 4), ("dent",)), Region(disc(20, 20, 5), ("scratch",)), Region(disc(5, 35, 2), ())),
        (Region(disc(29, 39, 6), ("dent",)),),
        (
            Region(disc(8, 9, 4), ("dent",), 0.8),
            Region(disc(21, 21, 5), ("scratch",)),
            Region(disc(28, 3, 1), ("dent",)),
        ),
    ),
    "spans": (
        "text",
        (
            Region(Span(15, 24), ("dent",)),
            Region(Span(30, 34), ("scratch",)),
            Region(Span(4, 10), ("dent",)),
        ),
        (Region(Span(0, 3), ("dent",)), Region(Span(1, 3), ("scratch",))),
        (
            Region(Span(15, 24), ("dent",), 0.8),
            Region(Span(29, 34), ("scratch",), 0.6),
            Region(Span(45, 49), ("dent",), 0.4),
        ),
    ),
    "segments": (
        "series",
        (Region(Segment(0, 9), ("dent",)), Region(Segment(20, 30), ("scratch",)), Region(Segment(40, 41), ("dent",))),
        (Region(Segment(0, LENGTH), ("dent",)),),
        (
            Region(Segment(0, 9), ("dent",), 0.8),
            Region(Segment(22, 30), ("scratch",)),
            Region(Segment(50, 60), ("dent",)),
        ),
    ),
    "sounds": (
        "audio",
        (
            Region(Segment(100, 900.5), ("dent",)),
            Region(Segment(1600, 2400), ("scratch",)),
            Region(Segment(3000, 4000), ("dent",)),
        ),
        (Region(Segment(0, 4000), ("scratch",)),),
        (
            Region(Segment(100, 900.5), ("dent",), 0.8),
            Region(Segment(1700, 2400), ("scratch",)),
            Region(Segment(2500, 2600), ("dent",)),
        ),
    ),
}

LABELS = '<Label value="dent"/><Label value="scratch"/>'
IMAGE = '<Image name="item" value="$image"/>'


@dataclass(frozen=True)
class Stored:
    """What a browser stored of a tag.

    Attributes:
        task: What is drawn.
        modality: The form of data.
        config: The label config of people.
        entries: The result.
        regions: The places and classes that it says.
        beside: How many entries are about no region of the tag.
        data: The value of the item in the task, where it is another than that of the pool.
    """

    task: str
    modality: str
    config: str
    entries: Sequence[dict[str, Any]]
    regions: Sequence[tuple[Any, tuple[str, ...]]]
    beside: int = 0
    data: Any = None


def _entry(kind: str, value: dict[str, Any], name: str = "r1", by: str = "draws", **more: Any) -> dict[str, Any]:
    return {"id": name, "from_name": by, "to_name": "item", "type": kind, "value": value, "origin": "manual", **more}


_SHOWN = {"original_width": SIZE[1], "original_height": SIZE[0], "image_rotation": 0}
_BOX = {"x": 25, "y": 33.333333333333336, "width": 12.535410764872523, "height": 10, "rotation": 0}
_WIDE = 12.535410764872523 * 0.4
_HTML = "<p>Zoë 😀 flew<br>to <b>New &amp; York</b> &lt;x&gt;.</p>\n<ul><li>Rome</li><li>Par&eacute;e 😀 end</li></ul>"
_TIMES = [f"2020-01-01 00:{minute:02}:00" for minute in range(LENGTH)]


def _soft_disc() -> list[int]:
    """The run lengths of a brush with a soft edge, coded by the SDK."""
    from label_studio_sdk.converter.brush import mask2rle

    rows, columns = np.ogrid[: SIZE[0], : SIZE[1]]
    away = np.sqrt((rows - 8) ** 2 + (columns - 9) ** 2)
    return list(mask2rle(np.clip((4.9 - away) * 255, 0, 255).astype(np.uint8)))


STORED: dict[str, Stored] = {
    "RectangleLabels": Stored(
        "boxes",
        "image",
        f'<View>{IMAGE}<RectangleLabels name="draws" toName="item">{LABELS}</RectangleLabels></View>',
        [
            _entry("rectanglelabels", _BOX | {"rectanglelabels": ["dent"]}, **_SHOWN),
            # a corner pulled over its opposite
            _entry(
                "rectanglelabels",
                {"x": 50, "y": 50, "width": 10, "height": 20, "rotation": 180, "rectanglelabels": ["dent", "scratch"]},
                "r2",
                **_SHOWN,
            ),
            _entry("rectanglelabels", _BOX | {"x": 60}, "r3", **_SHOWN, hidden=True, meta={"text": ["a note"]}),
        ],
        [
            (Box(10, 10, _WIDE, 3), ("dent",)),
            (Box(20, 15, 4, 6, rotation=180), ("dent", "scratch")),
            (Box(24, 10, _WIDE, 3), ()),
        ],
    ),
    "Rectangle and Labels": Stored(
        "boxes",
        "image",
        f'<View>{IMAGE}<Rectangle name="draws" toName="item"/>'
        f'<Labels name="label" toName="item">{LABELS}</Labels></View>',
        [
            _entry("rectangle", _BOX, **_SHOWN),
            _entry("labels", _BOX | {"labels": ["scratch"]}, by="label", **_SHOWN),
        ],
        [(Box(10, 10, _WIDE, 3), ("scratch",))],
    ),
    "beside relations, texts, choices and points": Stored(
        "boxes",
        "image",
        f'<View>{IMAGE}<RectangleLabels name="draws" toName="item">{LABELS}</RectangleLabels>'
        '<KeyPointLabels name="points" toName="item"><Label value="tip"/></KeyPointLabels>'
        '<TextArea name="says" toName="item" perRegion="true"/>'
        '<Choices name="whole" toName="item"><Choice value="good"/><Choice value="bad"/></Choices></View>',
        [
            _entry("rectanglelabels", _BOX | {"rectanglelabels": ["dent"]}, **_SHOWN),
            _entry("textarea", _BOX | {"text": ["deep"]}, by="says", **_SHOWN),
            _entry("rectanglelabels", _BOX | {"x": 60, "rectanglelabels": ["dent"]}, "r2", **_SHOWN),
            {"type": "relation", "from_id": "r1", "to_id": "r2", "direction": "right"},
            _entry(
                "keypointlabels", {"x": 1, "y": 2, "width": 0.3, "keypointlabels": ["tip"]}, "k", "points", **_SHOWN
            ),
            _entry("choices", {"choices": ["good"]}, "c", "whole"),
        ],
        [(Box(10, 10, _WIDE, 3), ("dent",)), (Box(24, 10, _WIDE, 3), ("dent",))],
        beside=3,
    ),
    "BrushLabels": Stored(
        "masks",
        "image",
        f'<View>{IMAGE}<BrushLabels name="draws" toName="item">{LABELS}</BrushLabels></View>',
        [_entry("brushlabels", {"format": "rle", "rle": _soft_disc(), "brushlabels": ["dent"]}, **_SHOWN)],
        # half opaque and more is inside
        [(disc(8, 9, 4.39), ("dent",))],
    ),
    "Brush and Labels": Stored(
        "masks",
        "image",
        f'<View>{IMAGE}<Brush name="draws" toName="item"/><Labels name="label" toName="item">{LABELS}</Labels></View>',
        [
            _entry("brush", {"format": "rle", "rle": _soft_disc()}, **_SHOWN),
            _entry("labels", {"format": "rle", "rle": _soft_disc(), "labels": ["dent"]}, by="label", **_SHOWN),
        ],
        # half opaque and more is inside
        [(disc(8, 9, 4.39), ("dent",))],
    ),
    "PolygonLabels": Stored(
        "masks",
        "image",
        f'<View>{IMAGE}<PolygonLabels name="draws" toName="item">{LABELS}</PolygonLabels></View>',
        [
            _entry(
                "polygonlabels",
                {"points": [[10, 10], [30, 10], [30, 30], [10, 30]], "closed": True, "polygonlabels": ["dent"]},
                **_SHOWN,
            )
        ],
        [(Mask.of(np.pad(np.ones((6, 8), bool), ((3, 21), (4, 28)))), ("dent",))],
    ),
    "Labels on Text": Stored(
        "spans",
        "text",
        f'<View><Labels name="draws" toName="item">{LABELS}</Labels><Text name="item" value="$text"/></View>',
        [
            _entry("labels", {"start": 15, "end": 24, "text": "New  York", "labels": ["dent"]}),
            _entry("labels", {"start": 4, "end": 10, "text": "😀 flew", "labels": ["dent", "scratch"]}, "r2"),
            _entry("labels", {"start": 11, "end": 18, "text": "to\\nNew", "labels": ["dent"]}, "r3"),
        ],
        [(Span(15, 24), ("dent",)), (Span(4, 10), ("dent", "scratch")), (Span(11, 18), ("dent",))],
    ),
    "HyperTextLabels": Stored(
        "spans",
        "text",
        f'<View><HyperTextLabels name="draws" toName="item">{LABELS}</HyperTextLabels>'
        '<HyperText name="item" value="$text"/></View>',
        [
            _entry(
                "hypertextlabels",
                {
                    "start": "/p[1]/b[1]/text()[1]",
                    "startOffset": 0,
                    "end": "/p[1]/b[1]/text()[1]",
                    "endOffset": 10,
                    "globalOffsets": {"start": 14, "end": 24},
                    "text": "New & York",
                    "hypertextlabels": ["dent"],
                },
            ),
            _entry(
                "hypertextlabels",
                {
                    "start": "/ul[1]/li[2]/text()[1]",
                    "startOffset": 9,
                    "end": "/ul[1]/li[2]/text()[1]",
                    "endOffset": 12,
                    "globalOffsets": {"start": 42, "end": 45},
                    "text": "end",
                    "hypertextlabels": ["scratch"],
                },
                "r2",
            ),
        ],
        [
            (Span(_HTML.index("New"), _HTML.index("</b>")), ("dent",)),
            (Span(_HTML.index("end"), _HTML.index("end") + 3), ("scratch",)),
        ],
        data=_HTML,
    ),
    "ParagraphLabels": Stored(
        "spans",
        "text",
        f'<View><ParagraphLabels name="draws" toName="item">{LABELS}</ParagraphLabels>'
        '<Paragraphs name="item" value="$text" layout="dialogue" nameKey="author" textKey="text"/></View>',
        [
            _entry(
                "paragraphlabels",
                {
                    "start": "0",
                    "end": "0",
                    "startOffset": 15,
                    "endOffset": 19,
                    "text": "Rome",
                    "paragraphlabels": ["dent"],
                },
            ),
            _entry(
                "paragraphlabels",
                {
                    "start": "1",
                    "end": "1",
                    "startOffset": 12,
                    "endOffset": 16,
                    "text": "home",
                    "paragraphlabels": ["dent"],
                },
                "r2",
            ),
        ],
        [(Span(14, 18), ("dent",)), (Span(30, 34), ("dent",))],
        data=[{"author": "A", "text": "Zoë 😀 flew to Rome"}, {"author": "B", "text": "and 😀 back home"}],
    ),
    "TimeSeriesLabels by row": Stored(
        "segments",
        "series",
        f'<View><TimeSeriesLabels name="draws" toName="item">{LABELS}</TimeSeriesLabels>'
        '<TimeSeries name="item" value="$series" valueType="json"><Channel column="channel_0"/></TimeSeries></View>',
        [_entry("timeserieslabels", {"start": 5, "end": 9, "instant": False, "timeserieslabels": ["dent"]})],
        [(Segment(5, 10), ("dent",))],
        data={"channel_0": [float(i) for i in range(LENGTH)]},
    ),
    "TimeSeriesLabels by time": Stored(
        "segments",
        "series",
        f'<View><TimeSeriesLabels name="draws" toName="item">{LABELS}</TimeSeriesLabels>'
        '<TimeSeries name="item" value="$series" valueType="json" timeColumn="t"><Channel column="v"/>'
        "</TimeSeries></View>",
        [
            _entry("timeserieslabels", {"start": 12.5, "end": 22.5, "instant": False, "timeserieslabels": ["dent"]}),
            _entry("timeserieslabels", {"start": 0, "end": 0, "instant": True, "timeserieslabels": ["dent"]}, "r2"),
        ],
        [(Segment(5, 10), ("dent",)), (Segment(0, 1), ("dent",))],
        data={"t": [2.5 * i for i in range(LENGTH)], "v": [float(i) for i in range(LENGTH)]},
    ),
    "TimeSeriesLabels by text of time": Stored(
        "segments",
        "series",
        f'<View><TimeSeriesLabels name="draws" toName="item">{LABELS}</TimeSeriesLabels>'
        '<TimeSeries name="item" value="$series" valueType="json" timeColumn="t" timeFormat="%Y-%m-%d %H:%M:%S">'
        '<Channel column="v"/></TimeSeries></View>',
        [
            _entry(
                "timeserieslabels",
                {"start": _TIMES[5], "end": _TIMES[9], "instant": False, "timeserieslabels": ["dent"]},
            )
        ],
        [(Segment(5, 10), ("dent",))],
        data={"t": _TIMES, "v": [float(i) for i in range(LENGTH)]},
    ),
    "Labels on Audio": Stored(
        "segments",
        "audio",
        f'<View><Labels name="draws" toName="item">{LABELS}</Labels><Audio name="item" value="$audio"/></View>',
        [
            _entry("labels", {"start": 0.1, "end": 0.25, "channel": 0, "labels": ["dent"]}, original_length=0.5),
            # the browser does not cut at the end
            _entry("labels", {"start": 0.25, "end": 0.51, "channel": 0, "labels": ["dent"]}, "r2", original_length=0.5),
        ],
        [(Segment(800, 2000), ("dent",)), (Segment(2000, 4000), ("dent",))],
    ),
}
