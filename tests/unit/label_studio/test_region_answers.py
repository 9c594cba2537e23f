"""Annotations with regions to answers: sizes out of the pool, and what became of a suggestion."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent.parent.parent / "contracts"))

from made_up_regions import RATE, pool_of

from activessl.labels.regions.corrections import Corrections, corrections
from activessl.labels.regions.places import Box, Segment
from activessl.labels.regions.region import Region
from activessl.labels.regions.stored import read_stored
from activessl.pool.sources import load_pool
from activessl_label_studio.regions.answers import region_reader
from activessl_label_studio.regions.extents import Extent, extent_in_pool, meta_of
from activessl_label_studio.regions.layout import build_region_config
from activessl_label_studio.regions.results import write_result
from activessl_label_studio.regions.tags import read_region_config

AT = "2026-11-30T10:00:00.000000Z"


def annotation(result: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {"id": 7, "result": result, "created_at": AT, "updated_at": AT, "completed_by": 1, **more}


def box(x: float, name: str = "a", label: str = "dent") -> dict[str, Any]:
    value = {"x": x, "y": 10, "width": 20, "height": 20, "rotation": 0, "rectanglelabels": [label]}
    return {"id": name, "from_name": "label", "to_name": "item", "type": "rectanglelabels", "value": value}


@pytest.mark.parametrize("shown", ["image", "audio"])
def test_the_size_of_an_item_whose_task_people_made_comes_out_of_the_pool(shown: str) -> None:
    task = "boxes" if shown == "image" else "segments"
    pool = pool_of(shown, 2)
    control = read_region_config(build_region_config(task, shown, ["dent"]), task)
    # such a task has no size, and programs that write results leave the one of the browser out
    theirs = {"id": 1, "data": {"activessl_id": pool.ids[1], shown: "https://example.com/1"}}
    sound = {"id": "a", "from_name": "label", "to_name": "item", "type": "labels"}
    said = annotation(
        [box(25)] if shown == "image" else [sound | {"value": {"start": 0.1, "end": 0.2, "labels": ["dent"]}}]
    )
    ((answer,), notes) = region_reader(control, project="p", people={1: "ann"}, pool=lambda: pool)(said, theirs)
    assert (answer.kind, notes) == ("label", [])
    (region,) = read_stored(answer.regions or ())
    assert region.place == (Box(10, 3, 8, 6) if shown == "image" else Segment(0.1 * RATE, 0.2 * RATE))
    ((unread,), _) = region_reader(control, project="p", people={})(said, theirs)
    assert unread.kind == "unread" and "not known" in unread.why
    # the size in the task counts, whatever the pool says
    other = theirs | {"meta": meta_of(Extent((300, 400)) if shown == "image" else Extent((1, 9000), 2.0 * RATE))}
    ((bigger,), _) = region_reader(control, project="p", people={}, pool=lambda: pool)(said, other)
    (region,) = read_stored(bigger.regions or ())
    assert region.place == (Box(100, 30, 80, 60) if shown == "image" else Segment(0.2 * RATE, 0.4 * RATE))


def test_what_became_of_a_suggestion_is_seen_without_a_word_of_the_browser() -> None:
    pool = pool_of("image", 1)
    names = ["dent", "a|b"]
    control = read_region_config(build_region_config("boxes", "image", names), "boxes")
    extent = extent_in_pool(pool, 0)
    shown = write_result(
        tuple(
            Region(Box(x, 2, 5, 5), (name,), 0.5) for x, name in ((1, "dent"), (9, "a|b"), (17, "dent"), (30, "dent"))
        ),
        control,
        extent,
        seed="x",
    )
    first, second, third, _ = shown
    moved = second | {"value": second["value"] | {"x": 40}}
    renamed = third | {"value": third["value"] | {"rectanglelabels": ["a|b"]}}
    task = {
        "id": 1,
        "data": {"activessl_id": pool.ids[0]},
        "meta": meta_of(extent),
        "predictions": [{"id": 5, "result": shown, "created_at": "2026-11-30T09:00:00.000000Z"}],
    }
    read = region_reader(control, project="p", people={1: "ann"})
    ((answer,), _) = read(annotation([first, moved, renamed, box(60, "new")]), task)
    assert answer.suggested == "dent|a/b|dent|dent"  # one name for each region, so that they can be counted
    origins = [region.rest["origin"] for region in read_stored(answer.regions or ())]
    assert origins == ["prediction", "prediction-changed", "prediction-changed", "manual"]
    assert corrections(answer.regions or (), answer.suggested) == Corrections(kept=1, changed=2, deleted=1, drawn=1)
    # percents that a browser computed anew are no change
    dust = first | {"value": first["value"] | {"x": first["value"]["x"] + 1e-13}}
    ((answer,), _) = read(annotation([dust]), task)
    assert [region.rest["origin"] for region in read_stored(answer.regions or ())] == ["prediction"]
    assert answer.classes == ("dent",)
    # a skip says nothing about regions; a prediction that came later was not seen
    ((skip,), _) = read(annotation([first], was_cancelled=True), task)
    assert (skip.kind, skip.regions, skip.classes) == ("skip", None, ())
    later = task | {"predictions": [{"id": 5, "result": shown, "created_at": "2026-11-30T11:00:00.000000Z"}]}
    ((blind,), _) = read(annotation([first]), later)
    assert blind.suggested is None


def test_the_size_of_a_picture_that_its_camera_turned_is_that_which_a_browser_shows(tmp_path: Path) -> None:
    picture, exif = Image.new("RGB", (40, 30)), Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    picture.save(tmp_path / "a.jpg", exif=exif)
    assert extent_in_pool(load_pool(tmp_path), 0).shape == (40, 30)  # height, width
