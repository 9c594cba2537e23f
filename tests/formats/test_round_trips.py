"""What activessl exports, it imports again: each label of a person reaches its item, and no prediction becomes one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from activessl.errors import LabelError
from activessl.labels.files.opened import Options, open_labels
from activessl.labels.files.read import find_items
from activessl.labels.files.registry import form_of
from activessl.labels.one_class import ONE
from activessl.pool.pool import Pool
from activessl.pool.sources import load_pool
from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl.steps.layouts import Layout, write_layout
from activessl_cli.main import app

IDS = ("cam1/a.png", "cam1/b.png", "cam2/a.png", "cam2/b.png")
SAID = {"cam1/a.png": "cat", "cam1/b.png": "dog", "cam2/a.png": "dog"}


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Pool:
    folder = tmp_path_factory.mktemp("pool")
    for i, name in enumerate(IDS):
        (folder / name).parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((8, 12), 30 * i, np.uint8)).save(folder / name)
    return load_pool(folder)


@pytest.mark.parametrize(
    ("layout", "file"), [("folders", ""), ("coco", "annotations.json"), ("huggingface", "data/metadata.jsonl")]
)
def test_labels_of_people_come_back_to_their_items(layout: Layout, file: str, pool: Pool, tmp_path: Path) -> None:
    rows = [
        {"id": name, "class": said, "source": "person", "probability": 0.5, "votes": 1, "annotators": 1}
        for name, said in SAID.items()
    ]
    if layout != "folders":  # class folders do not say who a label is from
        rows.append({"id": IDS[3], "class": "cat", "source": "model", "probability": 0.9, "votes": 0, "annotators": 0})
    write_layout(tmp_path / "out", layout, pool, rows, ("cat", "dog"))
    opened = open_labels(tmp_path / "out" / file)
    contents = form_of(opened).read(opened, Options(ONE, ("cat", "dog")))
    items = find_items(contents, pool).items
    assert {i: g.classes[0] for i, g in zip(items, contents.given, strict=True)} == SAID


def test_a_folder_that_has_a_file_of_labels_is_no_folder_of_classes(pool: Pool, tmp_path: Path) -> None:
    rows = [
        {"id": n, "class": c, "source": "person", "probability": 1, "votes": 1, "annotators": 1}
        for n, c in SAID.items()
    ]
    write_layout(tmp_path / "out", "coco", pool, rows, ("cat", "dog"))
    with pytest.raises(LabelError, match="a folder with 1 files that may have labels") as caught:
        form_of(open_labels(tmp_path / "out"))
    assert str(tmp_path / "out" / "annotations.json") in caught.value.hint


def test_a_picture_of_another_content_that_has_the_name_of_an_item_is_told(pool: Pool, tmp_path: Path) -> None:
    folder = tmp_path / "labels" / "cat"
    folder.mkdir(parents=True)
    Image.fromarray(np.full((8, 12), 255, np.uint8)).save(folder / "b.png")  # which of the two, if any?
    (tmp_path / "labels" / "dog").mkdir()
    Image.fromarray(np.full((8, 12), 30, np.uint8)).save(tmp_path / "labels" / "dog" / "renamed.png")
    opened = open_labels(tmp_path / "labels")
    contents = form_of(opened).read(opened, Options(ONE, ("cat", "dog")))
    found = find_items(contents, pool)
    assert found.items == (None, "cam1/b.png") and found.unclear == 1


def test_the_command_line_reads_an_export_says_what_it_took_and_changes_nothing_the_second_time(
    pool: Pool, tmp_path: Path
) -> None:
    data = {"path": str(pool.source.location), "modality": "image", "classes": ["cat", "dog"]}
    project = Project.create(tmp_path / "p", check_config({"data": data}), version="0")
    annotations = [
        {"id": 1, "image_id": 7, "category_id": 2, "bbox": [1, 2, 3, 4]},
        {"id": 2, "image_id": 8, "category_id": 1, "bbox": [1, 2, 3, 4]},
        {"id": 3, "image_id": 8, "category_id": 2, "bbox": [1, 2, 3, 4]},
    ]
    images = [{"id": 7 + i, "file_name": name, "width": 12, "height": 8} for i, name in enumerate(IDS)]
    categories = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
    file = tmp_path / "coco.json"
    file.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))

    def run(*more: str) -> Any:
        return CliRunner().invoke(app, ["import", str(file), "-p", str(project.folder), *more])

    refused = run()
    assert refused.exit_code == 1 and "--boxes-as-classes" in str(refused.exception)
    assert project.history().labels == {}
    said = run("--boxes-as-classes")
    assert said.exit_code == 0, said.output
    assert "1 new label\nCOCO file: items from the column file_name, classes from category and boxes" in said.stdout
    assert "1 answer that cannot be read, left out: image 8 has 2 classes (dog, cat)" in said.stdout.replace(
        "(cat, dog)", "(dog, cat)"
    )
    assert "2 rows without a label" in said.stdout
    assert {item: label.classes for item, label in project.history().labels.items()} == {IDS[0]: ("dog",)}
    assert run("--boxes-as-classes").stdout.startswith("0 new labels, 1 known before")
    assert run("--form", "voc").exit_code == 1
