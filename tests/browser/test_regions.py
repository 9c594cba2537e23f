"""A person in a real browser draws: boxes, masks, spans and segments come back as drawn, and suggestions are shown."""

from __future__ import annotations

import csv
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from activessl.annotators.base import Asked, Pushed, RegionSuggestion
from activessl.labels.answers import Answer
from activessl.labels.questions import Question
from activessl.labels.regions.corrections import Corrections, corrections
from activessl.labels.regions.places import Box, Mask, Segment, Span
from activessl.labels.regions.region import Region, Regions
from activessl.labels.regions.stored import read_stored
from activessl.pool.pool import Pool
from activessl.pool.sources import load_pool
from activessl_label_studio import LabelStudioAnnotator, LabelStudioConfig, StudioInfo

pytestmark = [pytest.mark.browser, pytest.mark.studio, pytest.mark.timeout(900)]

HEIGHT, WIDTH, ROWS = 300, 400, 40
TEXT = "Zoë 😀 flew to\r\nNew  York & <b>Rome</b>.\nThen home."

#: Where a word is on the page: from its first to its last character.
WORD = """(word) => {
  const walker = document.createTreeWalker(document.querySelector('[class*=richtext]'), NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const at = node.data.indexOf(word);
    if (at < 0) continue;
    const range = document.createRange();
    range.setStart(node, at); range.setEnd(node, at + word.length);
    const parts = range.getClientRects(), first = parts[0], last = parts[parts.length - 1];
    return [first.left, first.top + first.height / 2, last.right, last.top + last.height / 2];
  }
}"""
RECT = "(e) => { const r = e.getBoundingClientRect(); return [r.x, r.y, r.width, r.height] }"


@pytest.fixture
def pictures(tmp_path: Path) -> Pool:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i in range(3):
        Image.fromarray(np.full((HEIGHT, WIDTH, 3), 200 - 20 * i, np.uint8)).save(folder / f"{i}.png")
    return load_pool(folder)


@pytest.fixture
def people(server: StudioInfo) -> Callable[[Pool, str], LabelStudioAnnotator]:
    def make(pool: Pool, task: str) -> LabelStudioAnnotator:
        title = f"regions {uuid.uuid4().hex[:8]}"
        config = LabelStudioConfig(
            server.url, server.token, title, ("dent", "scratch"), pool.modality, task=task, tabs="round"
        )
        return LabelStudioAnnotator(config)

    return make


def push(people: LabelStudioAnnotator, pool: Pool, row: int, regions: Regions, model: str) -> Pushed:
    asked = Asked((Question(kind="new", items=(pool.ids[row],)),), "random", row + 1)
    return people.push_regions(pool, asked, [RegionSuggestion(pool.ids[row], regions, 0.5)], model=model)


def opened(page: Any, pushed: Pushed, ready: str) -> None:
    page.goto(pushed.where, wait_until="domcontentloaded")
    page.locator(ready).first.wait_for()
    page.wait_for_timeout(1200)


def drag(page: Any, start: tuple[float, float], end: tuple[float, float], pause: int = 400) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move((start[0] + end[0]) / 2, (start[1] + end[1]) / 2, steps=4)
    page.mouse.move(*end, steps=4)
    page.mouse.up()
    page.wait_for_timeout(pause)


def submitted(page: Any, people: LabelStudioAnnotator) -> tuple[Answer, Regions]:
    with page.expect_response(lambda r: "/annotations" in r.url and r.request.method == "POST"):
        page.get_by_role("button", name="Submit").first.click()
    (answer,) = people.pull()[0][-1:]
    assert (answer.kind, answer.why, people.notes) == ("label", "", [])
    assert answer.seconds
    return answer, read_stored(answer.regions or ())


def on_picture(page: Any) -> Callable[[float, float], tuple[float, float]]:
    find = "(w) => [...document.images].find((i) => i.complete && i.naturalWidth === w)"
    page.wait_for_function(f"(w) => !!({find})(w)", arg=WIDTH)
    x, y, width, _ = page.evaluate(f"(w) => ({RECT})(({find})(w))", WIDTH)
    return lambda column, row: (x + column * width / WIDTH, y + row * width / WIDTH)


def test_boxes_are_moved_deleted_and_added_and_the_next_round_shows_new_ones(
    page: Any, pictures: Pool, people: Callable[[Pool, str], LabelStudioAnnotator]
) -> None:
    annotator = people(pictures, "boxes")
    shown = (
        Region(Box(40, 30, 80, 60), ("dent",), 0.8),
        Region(Box(200, 150, 50, 40), ("scratch",), 0.5),
        Region(Box(301, 31, 33, 17), ("dent",), 0.5),
    )
    opened(page, push(annotator, pictures, 0, shown, "round-1"), "canvas")
    at = on_picture(page)
    page.mouse.click(*at(80, 60))
    page.wait_for_timeout(400)
    drag(page, at(120, 90), at(140, 110))  # the lower right corner
    page.mouse.click(*at(225, 170))
    page.wait_for_timeout(400)
    page.keyboard.press("Backspace")
    page.wait_for_timeout(400)
    page.keyboard.press("Escape")
    page.keyboard.press("2")
    page.wait_for_timeout(300)
    drag(page, at(300, 200), at(350, 240))
    answer, (moved, kept, drawn) = submitted(page, annotator)
    assert corrections(answer.regions or (), answer.suggested) == Corrections(kept=1, changed=1, deleted=1, drawn=1)
    assert (moved.place, moved.classes) == (near(40, 30, 100, 80), ("dent",))
    assert (kept.place, kept.classes) == (Box(301, 31, 33, 17), ("dent",))
    assert (drawn.place, drawn.classes) == (near(300, 200, 50, 40), ("scratch",))

    # the next round shows the regions of the new model, and a person who agrees only submits
    newer = (Region(Box(60.5, 20.25, 30, 40, rotation=30), ("scratch",), 0.9),)
    opened(page, push(annotator, pictures, 1, newer, "round-2"), "canvas")
    on_picture(page)
    answer, (same,) = submitted(page, annotator)
    assert (same.place, same.classes, same.rest["origin"]) == (
        near(60.5, 20.25, 30, 40, 30),
        ("scratch",),
        "prediction",
    )


class near:
    """A box to within half a pixel of the screen, where a mouse has no finer steps."""

    def __init__(self, *sides: float) -> None:
        self.sides = np.array([*sides, 0.0][:5])

    def __repr__(self) -> str:
        return f"near {self.sides.tolist()}"

    def __eq__(self, box: object) -> bool:
        assert isinstance(box, Box)
        return bool(np.allclose(self.sides, (box.x, box.y, box.width, box.height, box.rotation), atol=0.5))


def test_masks_spans_and_segments_are_drawn_beside_the_suggested_ones(
    page: Any, tmp_path: Path, pictures: Pool, people: Callable[[Pool, str], LabelStudioAnnotator]
) -> None:
    # a mask with a hole is kept to the pixel, and a stroke of the brush is added
    annotator = people(pictures, "masks")
    inside = np.zeros((HEIGHT, WIDTH), bool)
    inside[30:90, 40:120], inside[50:60, 60:70] = True, False
    opened(page, push(annotator, pictures, 0, (Region(Mask.of(inside), ("dent",), 0.8),), "round-1"), "canvas")
    at = on_picture(page)
    page.keyboard.press("2")
    page.wait_for_timeout(300)
    drag(page, at(250, 100), at(300, 150), pause=1500)
    answer, (kept, drawn) = submitted(page, annotator)
    assert corrections(answer.regions or (), answer.suggested) == Corrections(kept=1, drawn=1)
    assert (kept.place, kept.classes, drawn.classes) == (Mask.of(inside), ("dent",), ("scratch",))
    assert isinstance(drawn.place, Mask)
    stroke = drawn.place.array()
    assert stroke[100, 250] and stroke[150, 300] and stroke[125, 275] and not stroke[100, 300]
    assert 300 < stroke.sum() < 3000

    # spans count characters, whatever the browser makes of blanks, line ends and signs beyond U+FFFF
    table = tmp_path / "texts.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["text"], [TEXT], ["another"]])
    texts = load_pool(table)
    assert texts.read(0) == TEXT
    annotator = people(texts, "spans")
    start = TEXT.index("New")
    opened(
        page,
        push(annotator, texts, 0, (Region(Span(start, start + 9), ("dent",), 0.8),), "round-1"),
        "[class*=richtext]",
    )
    for key, word in (("1", "Rome"), ("2", "home"), ("2", "😀 flew")):
        page.keyboard.press(key)
        left, top, right, bottom = page.evaluate(WORD, word)
        drag(page, (left + 0.5, top), (right - 0.2, bottom))
    answer, found = submitted(page, annotator)
    spans = [region.place for region in found if isinstance(region.place, Span)]
    assert [TEXT[span.start : span.end] for span in spans] == ["New  York", "Rome", "home", "😀 flew"]
    assert [region.classes for region in found] == [("dent",), ("dent",), ("scratch",), ("scratch",)]
    assert corrections(answer.regions or (), answer.suggested) == Corrections(kept=1, drawn=3)

    # both ends of a segment are samples
    array = tmp_path / "series.npz"
    values = np.random.default_rng(0).normal(size=(2, 1, ROWS)).astype(np.float32)
    np.savez(array, X=values, axes=np.array("channels, time"))
    series = load_pool(array, "series")
    annotator = people(series, "segments")
    opened(page, push(annotator, series, 0, (Region(Segment(30, 40), ("dent",), 0.8),), "round-1"), "svg .overlay")
    page.keyboard.press("2")
    page.wait_for_timeout(300)
    x, y, width, _ = page.locator("svg .overlay").first.evaluate(RECT)
    drag(page, (x + width * 0.2, y + 20), (x + width * 0.6, y + 20), pause=800)
    answer, (kept, drawn) = submitted(page, annotator)
    assert (kept.place, kept.rest["origin"]) == (Segment(30, 40), "prediction")
    value = drawn.rest["entries"][0]["value"]
    # a quarter of the series is shown at first, so that ten rows are as wide as the page: the nearest rows are stored
    assert (value["start"], value["end"]) == (2, 6)
    assert (drawn.place, drawn.classes) == (Segment(2, 7), ("scratch",))
