"""Results with regions as pure functions: what is read, kept, refused with a reason, and checked before a push."""

from __future__ import annotations

import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent.parent.parent / "contracts"))

from made_up_regions import STORED, pool_of

from activessl.errors import ConfigError
from activessl.labels.changes import Change, Naming
from activessl.labels.regions.places import Box, Mask, Segment, Span
from activessl.labels.regions.region import Region
from activessl.labels.regions.stored import read_stored, stored
from activessl_label_studio.regions.checking import misfit
from activessl_label_studio.regions.extents import Extent, Unreadable, extent_in_pool, extent_of_task, meta_of
from activessl_label_studio.regions.layout import build_region_config
from activessl_label_studio.regions.markup import Markup
from activessl_label_studio.regions.masks import mask_of, value_of_mask
from activessl_label_studio.regions.results import ENTRIES, read_result, write_result
from activessl_label_studio.regions.tags import TAGS, RegionControl, read_region_config

CLASSES = ("dent", "scratch")
TEXT = "Zoë 😀 flew to\r\nNew  York."
EXTENTS = {
    "boxes": Extent((48, 64)),
    "masks": Extent((6, 9)),
    "spans": Extent((len(TEXT),), text=TEXT),
    "segments": Extent((2, 50)),
    "sounds": Extent((1, 4000), rate=8000.0),
}


@cache
def control_of(task: str) -> RegionControl:
    forms = {"boxes": "image", "masks": "image", "spans": "text", "segments": "series", "sounds": "audio"}
    task, form = ("segments", "audio") if task == "sounds" else (task, forms[task])
    return read_region_config(build_region_config(task, form, CLASSES), task)


def rows(control: RegionControl, value: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    labels = {} if control.type in value else {control.type: ["dent"]}
    entry = {"id": "a", "from_name": "label", "to_name": "item", "type": control.type, "value": value | labels}
    return [entry | more]


IMAGE = '<Image name="item" value="$image"/>'
DENT = '<Label value="dent"/>'
BOX = {"x": 10, "y": 10, "width": 20, "height": 20, "rotation": 0}


@pytest.mark.parametrize(
    ("task", "value", "why"),
    [
        ("boxes", BOX | {"x": 250, "y": 100}, "is outside of the picture"),
        ("boxes", BOX | {"width": 300}, "is outside of the picture"),
        ("boxes", BOX | {"x": -40, "rotation": 10}, "whose center is outside of the picture"),
        ("boxes", BOX | {"width": 0}, "it has no area"),
        ("boxes", BOX | {"height": -3}, "it has no area"),
        ("boxes", BOX | {"x": "10"}, "has x '10', which is no number"),
        ("boxes", BOX | {"x": True}, "has x True, which is no number"),
        ("boxes", BOX | {"y": float("nan")}, "which is no number"),
        ("boxes", BOX | {"y": float("inf")}, "which is no number"),
        ("boxes", {"x": 10}, "has y None, which is no number"),
        ("boxes", BOX | {"rectanglelabels": "dent"}, "has labels 'dent', which are no list of names"),
        (
            "masks",
            {"format": "rle", "rle": value_of_mask(Mask.of(np.ones((5, 9), bool)))["rle"]},
            "but the picture has 54",
        ),
        ("masks", {"format": "rle", "rle": [255, 255, 255, 255, 0]}, "is a mask of 1,073,741,823 pixels"),
        ("masks", {"format": "rle", "rle": [0, 0, 0, 216, 7]}, "has run lengths that cannot be read"),
        ("masks", {"format": "rle", "rle": [0, 0, 0, 216, 999]}, "has run lengths that cannot be read"),
        ("masks", {"format": "rle"}, "has no mask in run lengths"),
        ("masks", {"points": [[1, 1], [2, 2]], "closed": True}, "is a polygon of 2 points"),
        ("masks", {"points": [[1, 1], [200, 2], [30, 300]]}, "a point outside of the picture"),
        ("spans", {"start": 3, "end": 3}, "is empty"),
        ("spans", {"start": -1, "end": 3}, "starts before 0"),
        ("spans", {"start": 3, "end": 99}, "of a text of 25 characters"),
        ("spans", {"start": 3.5, "end": 9}, "which is no whole number"),
        ("spans", {"start": 5, "end": 11, "text": "😀 flew"}, "was stored with the text '😀 flew'"),  # UTF-16
        ("segments", {"start": 30, "end": 50}, "has end 50, and the times of the series go from 0 to 49"),
        ("segments", {"start": 9, "end": 3}, "from sample 9 to 3"),
        ("segments", {"start": "3", "end": 9}, "has start '3', and the times of the series"),
        ("sounds", {"start": 0.6, "end": 0.7}, "from 0.6 to 0.7 s of a recording of 0.5 s"),
        ("sounds", {"start": 0.2, "end": 0.2}, "from 0.2 to 0.2 s"),
    ],
)
def test_what_an_item_cannot_have_is_kept_with_the_reason(task: str, value: dict[str, Any], why: str) -> None:
    control, extent = control_of(task), EXTENTS[task]
    if task == "segments":
        series = {"time": [float(i) for i in range(50)], "channel_0": [0.0] * 50}
        extent = extent_of_task({"data": {"series": series}, "meta": meta_of(extent)}, control)
    result = rows(control, value)
    read = read_result(result, control, extent)
    assert why in read.why and read.why.startswith("region 'a' ")
    assert (read.regions, list(read.beside)) == ((), result)
    assert misfit(result, control, extent)


@pytest.mark.parametrize("result", [None, "x", {"id": 1}, [1], [None]])
def test_a_result_that_is_none_is_not_an_empty_answer(result: Any) -> None:
    assert read_result(result, control_of("boxes"), EXTENTS["boxes"]).why == "its result is no list of entries"


def test_sizes_of_the_browser_are_used_only_where_the_size_is_not_known() -> None:
    control = control_of("boxes")
    result = rows(control, BOX, original_width=1000, original_height=1000)
    known = read_result(result, control, EXTENTS["boxes"]).regions[0].place
    other = read_result(result, control, Extent()).regions[0].place
    assert known == Box(6.4, 4.8, 12.8, 9.6) and other == Box(100, 100, 200, 200)
    assert "the size of the picture is not known" in read_result(rows(control, BOX), control, Extent()).why
    turned = rows(control, BOX, original_width=9, original_height=9, image_rotation=90)
    assert "turned by 90 degrees" in read_result(turned, control, EXTENTS["boxes"]).why


def test_a_click_of_the_brush_is_set_aside_with_a_note_and_kept() -> None:
    control, extent = control_of("masks"), EXTENTS["masks"]
    nothing = rows(control, value_of_mask(Mask.of(np.zeros((6, 9), bool))))
    read = read_result(nothing, control, extent)
    assert (read.regions, read.why, list(read.beside)) == ((), "", nothing)
    assert read.notes == ("region 'a' is a mask without a pixel, as a click leaves it: kept, and not read",)


def test_regions_of_a_tag_that_the_config_lost_are_no_empty_answer() -> None:
    control = control_of("boxes")
    old = rows(control, BOX, from_name="old")
    read = read_result(old, control, EXTENTS["boxes"])
    assert read.why == "region 'a' is of 'old', which the label config does not have"
    other_page = rows(control, BOX, item_index=2)
    assert read_result(other_page, control, EXTENTS["boxes"]).notes == ("region 'a' is on page 2: kept, and not read",)


def test_a_changed_region_keeps_what_was_stored_beside_it() -> None:
    control, extent = control_of("boxes"), EXTENTS["boxes"]
    result = rows(control, BOX, origin="manual", hidden=True, meta={"text": ["a note"]})
    # per-region tags repeat the place
    says = {"id": "a", "from_name": "says", "to_name": "item", "type": "textarea", "value": BOX | {"text": ["deep"]}}
    (region,) = read_result([*result, says], control, extent).regions
    moved = Region(Box(1, 2, 3, 4), ("scratch",), None, region.id, region.rest)
    entry, text = write_result((moved,), control, extent)
    assert text == says | {"value": {**{key: entry["value"][key] for key in BOX}, "text": ["deep"]}}
    assert entry["value"]["x"] == 100 * 1 / 64
    assert (entry["hidden"], entry["meta"], entry["id"]) == (True, {"text": ["a note"]}, "a")
    again = read_result([entry, text], control, extent).regions[0]
    assert (again.place, again.classes) == (moved.place, moved.classes)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"id": ""}, "has no id"),
        ({"id": 7}, "has no id"),
        ({"from_name": "other"}, "which the label config does not have"),
        ({"to_name": "image"}, "is for 'image', not for 'item'"),
        ({"value": None}, "has no value"),
        ({"value": BOX | {"rotation": None, "rectanglelabels": ["dent"]}}, "has rotation None, which is no number"),
        ({"value": BOX | {"rectanglelabels": ["rust"]}}, "the label config has no label 'rust'"),
        ({"original_width": 65}, "was drawn on a picture of 65 × 48, this one has 64 × 48"),
    ],
)
def test_what_a_browser_would_lose_is_found_before_it_is_sent(change: dict[str, Any], why: str) -> None:
    control, extent = control_of("boxes"), EXTENTS["boxes"]
    (good,) = rows(control, BOX, original_width=64, original_height=48)
    assert misfit([good], control, extent) == ""
    assert why in misfit([good | change], control, extent)
    assert misfit([good, good], control, extent) == "two regions have the id 'a'"


def test_texts_are_no_numbers_and_pages_need_their_paths() -> None:
    config = f'<View><HyperText name="item" value="$text"/><Labels name="label" toName="item">{DENT}</Labels></View>'
    control = read_region_config(config, "spans")
    extent = extent_of_task({"data": {"text": "a <b>bc</b> d"}}, control)
    good = write_result((Region(Span(5, 7), ("dent",)),), control, extent)
    assert misfit(good, control, extent) == ""
    value = good[0]["value"]
    assert (value["start"], value["startOffset"], value["globalOffsets"]) == (
        "/b[1]/text()[1]",
        0,
        {"start": 2, "end": 4},
    )
    for lost, why in (({"start": 2}, "has no paths"), ({"globalOffsets": None}, "has no globalOffsets")):
        assert why in misfit([good[0] | {"value": value | lost}], control, extent)
    other = {"startOffset": 1}
    assert "which is not its globalOffsets.start" in misfit([good[0] | {"value": value | other}], control, extent)


places = {
    "boxes": st.builds(
        Box,
        st.floats(0, 40),
        st.floats(0, 30),
        st.floats(0.01, 20),
        st.floats(0.01, 15),
        st.sampled_from([0.0, 0.0, 30.5, 180.0, 359.0]),
    ).filter(lambda box: min(box.bounds) >= 0),
    "masks": st.lists(st.booleans(), min_size=54, max_size=54)
    .filter(any)
    .map(lambda bits: Mask.of(np.array(bits).reshape(6, 9))),
    "spans": st.tuples(st.integers(0, len(TEXT) - 1), st.integers(1, len(TEXT)))
    .filter(lambda ends: ends[0] < ends[1])
    .map(lambda ends: Span(*ends)),
    "segments": st.tuples(st.integers(0, 49), st.integers(1, 50))
    .filter(lambda ends: ends[0] < ends[1])
    .map(lambda ends: Segment(*ends)),
}


@pytest.mark.parametrize("task", places)
@settings(max_examples=25)
@given(data=st.data())
def test_what_is_written_reads_back_and_is_written_the_same_again(task: str, data: st.DataObject) -> None:
    control, extent = control_of(task), EXTENTS[task]
    some = st.lists(st.tuples(places[task], st.lists(st.sampled_from(CLASSES), unique=True)), max_size=3)
    regions = tuple(Region(place, tuple(classes)) for place, classes in data.draw(some))
    if task == "segments":
        series = {"time": [float(i) for i in range(50)], "channel_0": [0.0] * 50}
        extent = extent_of_task({"data": {"series": series}, "meta": meta_of(extent)}, control)
    result = json.loads(json.dumps(write_result(regions, control, extent, seed="item")))
    assert misfit(result, control, extent) == ""
    read = read_result(result, control, extent)
    assert [region.classes for region in read.regions] == [region.classes for region in regions]
    for found, true in zip(read.regions, regions, strict=True):
        if isinstance(true.place, Box):
            assert isinstance(found.place, Box)
            assert np.allclose(found.place.corners, true.place.corners, atol=1e-6)
        else:
            assert found.place == true.place
    assert write_result(read_stored(json.loads(json.dumps(stored(read.regions)))), control, extent) == result


@given(
    st.lists(
        st.sampled_from(["a", "😀", "&amp;", "&lt;", "<br>", "<b>", "</b>", "<p>", "</p>", " ", "&", "&#233;"]),
        max_size=12,
    )
)
def test_every_shown_character_of_a_page_has_a_place_and_comes_back(parts: list[str]) -> None:
    source = "".join(parts)
    page = Markup(source)
    for at in range(page.length):
        start, end = page.source_of(at, at + 1)
        assert 0 <= start < end <= len(source)
        assert page.shown_of(start, end) == (at, at + 1)
    shown = "".join(part for part in parts if part in ("a", "😀", " "))
    assert [letter for letter in page.text if letter in "a😀 "] == list(shown)


def test_soft_edges_are_inside_from_half_opacity_on() -> None:
    from label_studio_sdk.converter.brush import mask2rle

    control, extent = control_of("masks"), EXTENTS["masks"]
    edge = np.zeros((6, 9), np.uint8)
    edge[2, 3:7] = (127, 128, 255, 1)
    (entry,) = rows(control, {"format": "rle", "rle": mask2rle(edge)})
    (region,) = read_result([entry], control, extent).regions
    assert region.place == Mask.of(edge >= 128)
    # written again as it was, with its soft edge
    assert write_result((region,), control, extent) == [entry]
    # at another place, nothing is left of the edge
    moved = Region(Mask.of(edge >= 255), region.classes, id=region.id, rest=region.rest)
    (again,) = write_result((moved,), control, extent)
    assert read_result([again], control, extent).regions[0].place == moved.place
    assert again["value"]["rle"] == value_of_mask(Mask.of(edge >= 255))["rle"]
    with pytest.raises(Unreadable, match="more than 100,000,000"):
        mask_of(entry["value"], {"original_width": 20_000, "original_height": 20_000}, Extent())


def test_a_mask_is_stored_once_and_what_was_stored_twice_is_read() -> None:
    control, extent = control_of("masks"), EXTENTS["masks"]
    inside = np.zeros((6, 9), bool)
    inside[2, 3:7] = True
    (entry,) = rows(control, value_of_mask(Mask.of(inside)))
    (region,) = read_result([entry], control, extent).regions
    (kept,) = stored((region,))
    assert kept["rest"][ENTRIES][0]["value"]["rle"] == {
        "of": kept["rest"][ENTRIES][0]["value"]["rle"]["of"],
        "soft": [],
    }
    # of an earlier version, which kept the run lengths
    before = read_stored([{**kept, "rest": {ENTRIES: [entry]}}])
    assert write_result(before, control, extent) == write_result(read_stored([kept]), control, extent) == [entry]
    # colours are no opacity: what cannot be made again is kept
    from label_studio_sdk.converter.brush import encode_rle

    pixels = np.repeat(inside.astype(np.uint8).ravel() * 255, 4).reshape(-1, 4)
    pixels[:, 0] = 7
    (red,) = rows(control, {"format": "rle", "rle": encode_rle(pixels.ravel())})
    (region,) = read_result([red], control, extent).regions
    assert region.rest[ENTRIES] == [red] == write_result((region,), control, extent)


@pytest.mark.parametrize(
    ("task", "config", "why"),
    [
        (
            "boxes",
            f'{IMAGE}<Choices name="c" toName="item"><Choice value="a"/></Choices>',
            "no tag for boxes but Choices",
        ),
        (
            "boxes",
            f'{IMAGE}<Rectangle name="r" toName="item"/>',
            "needs one Labels tag for 'item', the label config has 0",
        ),
        (
            "boxes",
            f'{IMAGE}<RectangleLabels name="r" toName="item" value="$options"/>',
            "takes its classes from the tasks",
        ),
        (
            "boxes",
            f'<Image name="item" value="$image"/><RectangleLabels name="r" toName="item">{DENT}</RectangleLabels>'
            f'<BrushLabels name="b" toName="item">{DENT}</BrushLabels>',
            "has 2 tags that draw: r, b",
        ),
        (
            "masks",
            f'{IMAGE}<PolygonLabels name="p" toName="item">{DENT}</PolygonLabels>'
            f'<BrushLabels name="b" toName="item">{DENT}</BrushLabels>',
            "has 2 tags that draw: p, b",
        ),
        (
            "boxes",
            f'<Image name="item" valueList="$pages"/><RectangleLabels name="r" toName="item">{DENT}</RectangleLabels>',
            "draws on a Image with value '\\$pages'",
        ),
    ],
)
def test_configs_that_leave_open_what_is_drawn_are_refused(task: str, config: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        read_region_config(f"<View>{config}</View>", task)


def test_points_and_relations_do_not_leave_open_what_is_drawn_and_control_names_a_tag() -> None:
    labels = f'<RectangleLabels name="r" toName="item">{DENT}</RectangleLabels>'
    points = f'<KeyPointLabels name="k" toName="item">{DENT}</KeyPointLabels>'
    points += '<Relations><Relation value="of"/></Relations>'
    assert read_region_config(f"<View>{IMAGE}{labels}{points}</View>", "boxes").name == "r"
    two = f'<View>{IMAGE}{labels}<RectangleLabels name="s" toName="item">{DENT}</RectangleLabels></View>'
    assert read_region_config(two, "boxes", control="s").name == "s"
    with pytest.raises(ConfigError, match="no tag for boxes named 'x'"):
        read_region_config(two, "boxes", control="x")
    with pytest.raises(ConfigError, match="task 'classes' has no regions"):
        read_region_config(two, "classes")


def test_a_renamed_class_is_shown_under_its_new_name_and_stored_under_the_old_one() -> None:
    config = build_region_config("boxes", "image", ["hole", "scratch"], stored={"hole": "dent"})
    assert '<Label value="hole" alias="dent" hotkey="1"/>' in config
    naming = Naming((Change("rename", {"dent": ("hole",)}, 1, ("dent", "scratch")),))
    control = read_region_config(config, "boxes").called(naming)
    assert control.classes == ("hole", "scratch") and control.knows("dent")
    (entry,) = write_result((Region(Box(1, 1, 2, 2), ("hole",)),), control, EXTENTS["boxes"])
    assert entry["value"]["rectanglelabels"] == ["dent"]
    with pytest.raises(ConfigError, match="text items have no boxes"):
        build_region_config("boxes", "text", ["a"])
    with pytest.raises(ConfigError, match="vector items have no spans"):
        build_region_config("spans", "vector", ["a"])


@pytest.mark.parametrize("tag", STORED)
def test_what_a_browser_stored_of_a_tag_is_read_exactly_and_written_as_it_was(tag: str) -> None:
    case = STORED[tag]
    control = read_region_config(case.config, case.task, control="draws")
    known = extent_in_pool(pool_of(case.modality, 1), 0)
    task = {"data": {control.key: case.data or known.text or "address"}, "meta": meta_of(known)}
    extent = extent_of_task(task, control, known)
    entries = json.loads(json.dumps(list(case.entries)))
    read = read_result(entries, control, extent)
    assert (read.why, read.notes, len(read.beside)) == ("", (), case.beside)
    assert [region.classes for region in read.regions] == [classes for _, classes in case.regions]
    for region, (there, _) in zip(read.regions, case.regions, strict=True):
        if isinstance(there, Box):
            assert isinstance(region.place, Box)
            assert np.allclose(region.place.corners, there.corners, atol=1e-8)
        else:
            assert region.place == there
    again = read_stored(json.loads(json.dumps(stored(read.regions))))
    written = write_result(again, control, extent, beside=read.beside)
    assert sorted(map(repr, written)) == sorted(map(repr, entries))
    # a region alone, without what the browser stored, says the same place
    bare = tuple(Region(region.place, region.classes, id=region.id) for region in read.regions)
    anew = read_result(write_result(bare, control, extent), control, extent)
    assert [repr(region.place) for region in anew.regions] == [repr(region.place) for region in read.regions]
    assert misfit(write_result(bare, control, extent), control, extent) == ""


def test_the_page_about_regions_names_every_tag() -> None:
    page = (Path(__file__).parents[3] / "docs" / "reference" / "label-studio-regions.md").read_text()
    names = {name for tags in TAGS.values() for several in tags.values() for name in several}
    assert len(names) == 10
    assert all(name in page for name in names)
