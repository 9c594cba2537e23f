"""Folders of labeled items: what other programs read there is what people said."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from activessl.errors import ConfigError
from activessl.pool.pool import Item, Modality, Pool
from activessl.steps.layouts import Layout, write_layout

CLASSES = ("good", "a/b", "A_b")
IDS = ("x.png", "../../out.png", "deep/../x.png", "ä?.png")


class Source:
    location = Path("memory")

    def __init__(self, modality: Modality = "image") -> None:
        self.modality = modality

    def scan(self) -> list[Item]:
        return [Item(name, f"{i:064}", (4, 6, 1)) for i, name in enumerate(IDS)]

    def read(self, item_id: str) -> Any:
        if self.modality == "text":
            return f"text of {item_id}"
        return np.full((4, 6), IDS.index(item_id), dtype=np.uint8)

    def path(self, item_id: str) -> None:
        return None

    def content(self, item_id: str) -> bytes:
        if self.modality == "text":
            return str(self.read(item_id)).encode()
        out = io.BytesIO()
        Image.fromarray(self.read(item_id)).save(out, "PNG")
        return out.getvalue()


def pool_of(modality: Modality = "image") -> Pool:
    source = Source(modality)
    return Pool(tuple(source.scan()), source)


def rows() -> list[dict[str, Any]]:
    said = zip(IDS, ("good", "a/b", "A_b", "good"), strict=True)
    return [
        {"id": i, "class": c, "source": "person", "probability": 0.5, "votes": 1, "annotators": 1} for i, c in said
    ] + [{"id": "gone.png", "class": "good", "source": "model", "probability": 0.9, "votes": 0, "annotators": 0}]


def pixel(path: Path) -> int:
    return int(np.asarray(Image.open(path))[0, 0])


def test_class_folders_hold_each_item_under_its_class_and_classes_of_like_names_stay_apart(tmp_path: Path) -> None:
    assert write_layout(tmp_path / "out", "folders", pool_of(), rows(), CLASSES) == 4
    found = {p.name: sorted(pixel(file) for file in p.iterdir()) for p in (tmp_path / "out").iterdir() if p.is_dir()}
    assert found == {"good": [0, 3], "a_b": [1], "A_b-2": [2]}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out"]


def test_metadata_name_the_file_of_each_item(tmp_path: Path) -> None:
    write_layout(tmp_path / "out", "huggingface", pool_of(), rows(), CLASSES)
    lines = [json.loads(line) for line in (tmp_path / "out" / "data" / "metadata.jsonl").read_text().splitlines()]
    assert [(pixel(tmp_path / "out" / "data" / m["file_name"]), m["label"], m["id"]) for m in lines] == [
        (0, "good", IDS[0]),
        (1, "a/b", IDS[1]),
        (2, "A_b", IDS[2]),
        (3, "good", IDS[3]),
    ]
    assert "path: 'data/*'" in (tmp_path / "out" / "README.md").read_text()


@pytest.mark.parametrize("layout", ["huggingface", "folders"])
def test_the_configs_of_the_card_change_with_a_label_and_only_then(tmp_path: Path, layout: Layout) -> None:
    # `datasets` takes a folder whose card has the same configs for one that it loaded before
    def card(folder: str, rows: list[dict[str, Any]]) -> str:
        write_layout(tmp_path / folder, layout, pool_of(), rows, CLASSES)
        return (tmp_path / folder / "README.md").read_text().split("---")[1]

    first = card("first", rows())
    assert card("second", rows()) == first
    corrected = rows()
    corrected[0]["class"] = "A_b"
    assert card("third", corrected) != first


def test_texts_are_one_table(tmp_path: Path) -> None:
    write_layout(tmp_path / "out", "huggingface", pool_of("text"), rows(), CLASSES)
    lines = [json.loads(line) for line in (tmp_path / "out" / "data" / "train.jsonl").read_text().splitlines()]
    assert [line["text"] for line in lines] == [f"text of {i}" for i in IDS]


def test_coco_s_numbers_lead_from_a_label_to_its_picture_and_its_class(tmp_path: Path) -> None:
    write_layout(tmp_path / "out", "coco", pool_of(), rows(), CLASSES)
    whole = json.loads((tmp_path / "out" / "annotations.json").read_text())
    file = {image["id"]: image["file_name"] for image in whole["images"]}
    name = {category["id"]: category["name"] for category in whole["categories"]}
    said = [
        (pixel(tmp_path / "out" / "images" / file[a["image_id"]]), name[a["category_id"]]) for a in whole["annotations"]
    ]
    assert said == [(0, "good"), (1, "a/b"), (2, "A_b"), (3, "good")]
    assert {(*a["bbox"], a["area"]) for a in whole["annotations"]} == {(0, 0, 6, 4, 24)}


def test_a_folder_with_something_in_it_is_left_alone_and_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match="exists and is not empty"):
        write_layout(tmp_path, "folders", pool_of(), rows(), CLASSES)
    with pytest.raises(ConfigError, match="cannot hold text"):
        write_layout(tmp_path / "out", "coco", pool_of("text"), rows(), CLASSES)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]
    (tmp_path / "empty").mkdir()
    assert write_layout(tmp_path / "empty", "folders", pool_of(), rows(), CLASSES) == 4
