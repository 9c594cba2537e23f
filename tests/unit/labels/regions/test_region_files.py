"""Data with regions, in the forms that tools write, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from activessl.errors import LabelError
from activessl.labels.regions.files.read import read_regions
from activessl.labels.regions.files.tags import spans_of
from activessl.labels.regions.places import Box, Mask, Segment

Coco = dict[str, Any]


def picture(path: Path, width: int = 20, height: int = 10, value: int = 90) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (width, height), value).save(path)


def coco(folder: Path, change: Callable[[Coco], None] = lambda told: None) -> Path:
    for name in "abc":
        picture(folder / "images" / f"{name}.png")
    told: Coco = {
        "images": [{"id": n, "file_name": f"{name}.png", "width": 20, "height": 10} for n, name in enumerate("ab")],
        "categories": [{"id": 7, "name": "dent"}, {"id": 3, "name": "scratch"}],
        "annotations": [
            {"id": 1, "image_id": 0, "category_id": 7, "bbox": [2.5, 1, 4, 3], "iscrowd": 0},
            {"id": 2, "image_id": 0, "category_id": 3, "bbox": [10, 2, 6, 8]},
        ],
    }
    change(told)
    (folder / "annotations.json").write_text(json.dumps(told))
    return folder


def test_a_picture_that_coco_names_without_annotations_holds_nothing_and_another_one_is_left_out(
    tmp_path: Path,
) -> None:
    found = read_regions(coco(tmp_path))
    assert found is not None and found.kind == "box" and found.classes == ("dent", "scratch")
    assert found.pool.ids == ("a.png", "b.png") and found.extents == [(10, 20), (10, 20)]
    assert [region.place for region in found.regions[0]] == [Box(2.5, 1, 4, 3), Box(10, 2, 6, 8)]
    assert found.regions[1] == ()
    assert found.notes == ("1 pictures that the labels do not name are left out",)


def test_masks_of_coco_are_read_from_polygons_and_from_both_forms_of_run_lengths(tmp_path: Path) -> None:
    inside = np.zeros((10, 20), dtype=bool)
    inside[2:5, 3:9] = inside[4, 12] = True
    flat = inside.T.ravel()
    edges = np.flatnonzero(np.diff(flat, prepend=False, append=False))
    counts = np.diff(np.concatenate([[0], edges, [200]])).tolist()

    def masks(told: Coco) -> None:
        shapes = [{"size": [10, 20], "counts": counts}, [[3, 2, 9, 2, 9, 5, 5, 5, 3, 5]]]
        for one, shape in zip(told["annotations"], shapes, strict=True):
            one["segmentation"] = shape

    found = read_regions(coco(tmp_path, masks))
    assert found is not None and found.kind == "mask"
    places = [region.place for region in found.regions[0]]
    assert places[0] == Mask.of(inside)
    assert isinstance(places[1], Mask) and places[1].extent == 18
    with pytest.raises(LabelError, match="holds regions of the kind mask, not span"):
        read_regions(tmp_path, "span")
    boxes = read_regions(tmp_path, "box")
    assert boxes is not None and boxes.kind == "box"


def test_a_box_as_large_as_its_picture_is_a_class_of_the_whole_picture(tmp_path: Path) -> None:
    assert (
        read_regions(coco(tmp_path, lambda told: [one.update(bbox=[0, 0, 20, 10]) for one in told["annotations"]]))
        is None
    )  # type: ignore[func-returns-value]


def test_the_text_form_of_run_lengths_is_that_of_pycocotools(tmp_path: Path) -> None:
    theirs: Any = pytest.importorskip("pycocotools.mask")
    rng = np.random.default_rng(0)
    inside = np.repeat(rng.random((10, 4)) < 0.4, 5, axis=1)
    packed = theirs.encode(np.asfortranarray(inside.astype(np.uint8)))

    def masks(told: Coco) -> None:
        del told["annotations"][1]
        told["annotations"][0]["segmentation"] = {"size": [10, 20], "counts": packed["counts"].decode()}

    found = read_regions(coco(tmp_path, masks))
    assert found is not None and found.regions[0][0].place == Mask.of(inside)


@pytest.mark.parametrize(
    ("where", "value", "says"),
    [
        ("bbox", [15, 1, 9, 3], "annotation 1 of annotations.json (a.png): the box from (15, 1) to (24, 4) is outside"),
        ("bbox", [30, 1, 4, 3], "is outside of the picture, which has width 20 and height 10"),
        ("bbox", [2, 1, 0, 3], "has no area"),
        ("bbox", [2, 1, -4, 3], "has no area"),
        ("bbox", [2, 1, 4], "no usable bbox"),
        ("bbox", [2, "x", 4, 3], "no usable bbox"),
        ("bbox", [float("nan"), 1, 4, 3], "not finite"),
        ("category_id", 99, "category 99, which the file does not have"),
        ("image_id", 99, "of image 99"),
        (
            "segmentation",
            {"size": [20, 10], "counts": [200]},
            "the mask has height and width (20, 10), the picture (10, 20)",
        ),
        ("segmentation", {"size": [10, 20], "counts": [3, 5]}, "do not fill the picture"),
        ("segmentation", {"size": [10, 20], "counts": [200]}, "the mask is empty"),
        ("segmentation", [[1, 1, 25, 1, 25, 5, 1, 5, 1, 2]], "a polygon has 5 corners, up to 25, 5"),
    ],
)
def test_a_region_that_its_picture_cannot_have_is_refused_by_name(
    tmp_path: Path, where: str, value: Any, says: str
) -> None:
    def spoil(told: Coco) -> None:
        del told["annotations"][1]
        told["annotations"][0][where] = value

    with pytest.raises(LabelError) as error:
        read_regions(coco(tmp_path, spoil))
    assert says in error.value.message and error.value.hint


@pytest.mark.parametrize(
    "entry", [7, {"image_id": [0], "category_id": 7, "bbox": [1, 1, 2, 2]}, {"bbox": [1, 1, 2, 2]}]
)
def test_an_entry_that_is_no_annotation_is_refused(tmp_path: Path, entry: Any) -> None:
    with pytest.raises(LabelError, match=r"entry 3 of the annotations in annotations\.json has no image_id"):
        read_regions(coco(tmp_path, lambda told: told["annotations"].append(entry)))


def test_labels_of_pictures_of_another_size_or_of_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="has height 20 and width 10 by the labels, 10 and 20 as it is shown"):
        read_regions(coco(tmp_path / "a", lambda told: told["images"][0].update(width=10, height=20)))
    with pytest.raises(LabelError, match=r"names the picture 'gone.png', and 0 pictures have this name"):
        read_regions(coco(tmp_path / "b", lambda told: told["images"][0].update(file_name="gone.png")))


def test_corners_of_voc_count_from_one_and_include_the_last_pixel(tmp_path: Path) -> None:
    picture(tmp_path / "JPEGImages" / "a.png")
    (tmp_path / "Annotations").mkdir()
    xml = (
        "<annotation><filename>a.png</filename><size><width>20</width><height>10</height></size><object><name>dent</name>"
        "<bndbox><xmin>{}</xmin><ymin>1</ymin><xmax>20</xmax><ymax>4</ymax></bndbox></object></annotation>"
    )
    (tmp_path / "Annotations" / "a.xml").write_text(xml.format(11))
    found = read_regions(tmp_path)
    assert found is not None and found.regions[0][0].place == Box(10, 0, 10, 4)
    (tmp_path / "Annotations" / "a.xml").write_text(xml.format(25))
    with pytest.raises(LabelError, match=r"object 1 of Annotations/a.xml"):
        read_regions(tmp_path)


def test_each_connected_part_of_a_mask_is_a_region_and_a_black_mask_says_that_there_is_none(tmp_path: Path) -> None:
    for name in "ab":
        picture(tmp_path / "images" / f"{name}.jpg")
    mask = np.zeros((10, 20), dtype=np.uint8)
    mask[1:3, 1:3] = mask[6:8, 10:15] = 1
    mask[5, 1] = 2
    (tmp_path / "masks").mkdir()
    Image.fromarray(mask).save(tmp_path / "masks" / "a.png")
    Image.fromarray(0 * mask).save(tmp_path / "masks" / "b.png")
    (tmp_path / "classes.txt").write_text("dent\nscratch\n")
    found = read_regions(tmp_path)
    assert found is not None and found.classes == ("dent", "scratch")
    assert [(one.classes, one.place.extent) for one in found.regions[0]] == [
        (("dent",), 4), (("dent",), 10), (("scratch",), 1)]  # fmt: skip
    assert found.regions[1] == ()
    Image.fromarray(mask.T).save(tmp_path / "masks" / "b.png")
    with pytest.raises(LabelError, match=r"the mask b\.png has height 20 and width 10, its picture 10 and 20"):
        read_regions(tmp_path)
    (tmp_path / "masks" / "b.png").rename(tmp_path / "masks" / "lost.png")
    with pytest.raises(LabelError, match=r"1 masks .* have no picture of their name; the first is 'lost'"):
        read_regions(tmp_path)


def test_tokens_and_tags_become_spans_in_code_points(tmp_path: Path) -> None:
    rows = {"tokens": [["😀", "New", "York", "!"], ["no"]], "tags": [["O", "B-place", "I-place", "O"], ["O"]]}
    pq.write_table(pa.table({**rows, "split": ["train", "test"]}), tmp_path / "a.parquet")
    found = read_regions(tmp_path / "a.parquet")
    assert found is not None and found.split is not None and found.split.tolist() == [0, 1]
    text = found.pool.read(0)
    place: Any = found.regions[0][0].place
    assert isinstance(text, str) and text[place.start : place.end] == "New York"
    assert found.regions[1] == ()

    (tmp_path / "a.conll").write_text(
        "-DOCSTART- -X- O\n\n# a comment\n😀 X O\nNew X B-place\nYork X I-place\n! X O\n\nno X O\n", encoding="utf-8"
    )
    same = read_regions(tmp_path / "a.conll")
    assert same is not None and [same.pool.read(row) for row in range(2)] == [text, "no"]
    assert same.regions == found.regions


def test_a_tag_that_continues_nothing_begins_a_span() -> None:
    assert spans_of(["I-a", "I-b", "S-b", "I-b", "B-b", "E-b"]) == [
        (0, 1, "a"), (1, 2, "b"), (2, 3, "b"), (3, 4, "b"), (4, 6, "b")]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("New\tB-place\nYork\n", "line 2 of a.conll is 'York': it has no tag"),
        ("New\tplace\n", "the sentence at line 1 of a.conll: tag 'place' is not known"),
        ("New\tO\n", "none of the 1 items"),
        ("\n\n", "holds no sentence"),
    ],
)
def test_a_damaged_conll_file_is_refused_with_its_line(tmp_path: Path, content: str, says: str) -> None:
    (tmp_path / "a.conll").write_text(content)
    with pytest.raises(LabelError) as error:
        read_regions(tmp_path / "a.conll")
    assert says in error.value.message


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"tokens": "ab", "tags": "OO"}, "row 1 of a.jsonl has no list of tokens"),
        ({"tokens": ["a"], "tags": [3]}, "the tags are numbers, without their names"),
        ({"tokens": ["a", "b"], "tags": ["O"]}, "has 2 tokens and 1 tags"),
        ({"tokens": ["a", " "], "tags": ["O", "O"]}, "has an empty token"),
    ],
)
def test_tokens_and_tags_that_do_not_fit_are_refused_with_their_row(tmp_path: Path, row: Any, says: str) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps(row))
    with pytest.raises(LabelError) as error:
        read_regions(tmp_path / "a.jsonl")
    assert says in error.value.message


@pytest.mark.parametrize(
    ("spans", "says"),
    [
        ([{"start": 3, "end": 11, "label": "place", "text": "New York"}], "not 'New York'"),
        ([[2, 99, "place"]], "row 1 of a.jsonl, span 1: span from 2 to 99 ends after the text"),
        ([[5, 5, "place"]], "row 1 of a.jsonl, span 1: span from 5 to 5 is empty"),
        ([["2", "10", "place"]], "row 1 of a.jsonl, span 1 is"),
        ([{"start": 2}], "row 1 of a.jsonl, span 1 is"),
    ],
)
def test_offsets_that_do_not_fit_their_text_are_refused(tmp_path: Path, spans: Any, says: str) -> None:
    # the first counts the emoji as two, as JavaScript does
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": "😀 New York!!", "spans": spans}))
    with pytest.raises(LabelError) as error:
        read_regions(tmp_path / "a.jsonl")
    assert says in error.value.message
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": "😀 New York", "spans": [[2, 10, "place"]]}))
    assert read_regions(tmp_path / "a.jsonl") is not None


def test_segments_of_series_are_read_in_both_forms_and_refused_outside(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(2, 1, 30)).astype(np.float32)
    np.savez(
        tmp_path / "a.npz", X=x, segments=np.array([[1, 0, 10, 1], [1, 10, 30, 0]]), class_names=np.array(["on", "off"])
    )
    found = read_regions(tmp_path / "a.npz")
    assert found is not None and found.kind == "segment" and found.extents == [(30,), (30,)]
    assert [(one.place, one.classes) for one in found.regions[1]] == [
        (Segment(0, 10), ("off",)), (Segment(10, 30), ("on",))]  # fmt: skip

    packed = {"a__values": x[0, 0], "a__change_points": np.array([12]), "a__segment_classes": np.array([0, 1])}
    np.savez(tmp_path / "b.npz", **packed)
    found = read_regions(tmp_path / "b.npz")
    assert found is not None and [one.place for one in found.regions[0]] == [Segment(0, 12), Segment(12, 30)]

    np.savez(tmp_path / "b.npz", **{**packed, "a__change_points": np.array([40])})
    with pytest.raises(LabelError, match=r"segment from 0 to 40 ends after the item|is empty"):
        read_regions(tmp_path / "b.npz")
    np.savez(tmp_path / "a.npz", X=x, segments=np.array([[5, 0, 10, 1]]))
    with pytest.raises(LabelError, match=r"segment 1 of a.npz is of item 5"):
        read_regions(tmp_path / "a.npz")


def test_data_with_classes_of_whole_items_hold_no_regions(tmp_path: Path) -> None:
    picture(tmp_path / "good" / "a.png")
    assert read_regions(tmp_path) is None
    np.savez(tmp_path / "a.npz", vectors=np.zeros((3, 2), np.float32), labels=np.arange(3))
    assert read_regions(tmp_path / "a.npz") is None
    pq.write_table(pa.table({"text": ["a"], "label": ["b"]}), tmp_path / "a.parquet")
    assert read_regions(tmp_path / "a.parquet") is None
    assert read_regions(tmp_path / "missing.npz") is None  # the reader of classes says that there is none
