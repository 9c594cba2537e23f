"""Exports that a real Label Studio server wrote: each label reaches the item that the person saw, and no other."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from activessl.errors import ActiveSSLError
from activessl.ledger.history import History
from activessl.measuring.planning.times import labeling_hours
from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl_cli.main import app

EXPORTS = Path(__file__).resolve().parents[2] / "data" / "label_studio"
ENDINGS = ("json", "min.json", "csv", "tsv")


def texts(folder: Path, rows: dict[str, str], *classes: str, multi: bool = False) -> Project:
    """A project with a table of texts: id to text."""
    lines = [json.dumps({"id": name, "text": text}) for name, text in rows.items()]
    (folder / "pool.jsonl").write_text("\n".join(lines), encoding="utf-8")
    data = {"path": "../pool.jsonl", "modality": "text", "classes": list(classes), "multi_label": multi}
    return Project.create(folder / "p", check_config({"data": data}), version="0")


def run(project: Project, file: Path, *arguments: str) -> dict[str, object]:
    found = CliRunner().invoke(app, ["import", str(file), "-p", str(project.folder), "--json", *arguments])
    if isinstance(found.exception, ActiveSSLError):
        raise found.exception
    assert found.exit_code == 0, found.output
    said: dict[str, object] = json.loads(found.stdout)
    return said


def classes_of(history: History) -> dict[str, tuple[str, ...]]:
    return {item: label.classes for item, label in history.labels.items()}


def answers_of(history: History) -> dict[tuple[str, str], tuple[str, ...]]:
    return {(a.item, a.annotator): a.classes for a in history.answers.values() if a.kind == "label"}


REVIEWS = {str(i): f"review {i}, of words" for i in range(1, 9)}
GIVEN = {
    ("7", "user 1"): ("good",),
    ("7", "user 2"): ("bad",),
    ("6", "user 1"): ("bad",),
    ("6", "user 2"): ("bad",),
    ("5", "user 1"): ("good",),
    ("2", "user 1"): ("bad",),
    ("2", "user 2"): ("good",),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_label_is_of_the_text_that_was_shown_also_where_a_running_number_is_an_id(
    tmp_path: Path, ending: str
) -> None:
    project = texts(tmp_path, REVIEWS, "good", "bad")
    said = run(project, EXPORTS / f"reviews.{ending}")
    history = project.history()
    assert answers_of(history) == GIVEN
    # a skip and an empty submit are no labels; two tasks are open; the exports with rows leave out the skip
    assert history.skipped == ({"3", "4"} if ending == "json" else {"3"})
    assert (said["new"], said["unlabeled"], said["elsewhere"], said["unclear"]) == (7, 2, 0, 0)
    assert said["label"] == "sentiment" and "text" in said["item"]  # type: ignore[operator]
    if ending == "json":  # only this export says which annotation is ground truth
        assert classes_of(history)["2"] == ("good",)
    again = run(project, EXPORTS / f"reviews.{ending}")
    assert (again["new"], project.history().events) == (0, history.events)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_label_keeps_its_time_and_its_seconds_but_adds_none_to_those_of_the_project(
    tmp_path: Path, ending: str
) -> None:
    project = texts(tmp_path, REVIEWS, "good", "bad")
    run(project, EXPORTS / f"reviews.{ending}")
    history = project.history()
    tasks = json.loads((EXPORTS / "reviews.json").read_text())
    times = {str(t["data"]["id"]): {a["updated_at"] for a in t["annotations"]} for t in tasks}
    for answer in history.answers.values():
        assert answer.at.isoformat().replace("+00:00", "Z") in times[answer.item]
    assert {a.seconds for a in history.answers.values() if a.kind == "label"} == {2.5}
    assert labeling_hours(history.answers.values()) is None  # people worked elsewhere


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_nobody_annotated_is_no_label_also_where_the_data_have_a_field_like_the_control(
    tmp_path: Path, ending: str
) -> None:
    project = texts(tmp_path, {f"t{i}": f"text {i}" for i in range(12)}, "good", "bad")
    said = run(project, EXPORTS / f"namesake.{ending}")
    assert classes_of(project.history()) == {"t2": ("bad",), "t5": ("bad",), "t7": ("bad",)}
    assert (said["new"], said["unlabeled"], project.history().skipped) == (3, 9, frozenset())
    assert any("also have a field 'label'" in str(note) for note in said["notes"]) == (ending == "min.json")  # type: ignore[attr-defined]


@pytest.mark.parametrize("ending", ENDINGS)
def test_two_one_and_no_classes_are_three_labels_and_not_labeled_and_skipped_are_none(
    tmp_path: Path, ending: str
) -> None:
    rows = {f"m{i}": f"meal {i}" for i in range(7)}
    project = texts(tmp_path, rows, "price", "taste", "service", multi=True)
    said = run(project, EXPORTS / f"several.{ending}")
    history = project.history()
    assert classes_of(history) == {"m1": ("price", "taste"), "m2": ("service",), "m3": ()}
    assert history.skipped == ({"m4"} if ending == "json" else frozenset())
    assert (said["new"], said["unlabeled"]) == (3, 3)


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_paths_of_a_taxonomy_are_classes(tmp_path: Path, ending: str) -> None:
    rows = {f"g{i}": f"garment {i}" for i in range(3)}
    project = texts(tmp_path, rows, "clothes / coat", "clothes / hat", "shoes", multi=True)
    run(project, EXPORTS / f"tree.{ending}")
    assert classes_of(project.history()) == {"g0": ("clothes / coat",), "g1": ("clothes / hat", "shoes")}


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_cannot_be_read_is_told_and_left_out(tmp_path: Path, ending: str) -> None:
    project = texts(tmp_path, {f"o{i}": f"odd text {i}" for i in range(4)}, "good", "bad")
    said = run(project, EXPORTS / f"odd.{ending}", "--label", "label")
    history = project.history()
    assert classes_of(history) == {"o0": ("good",), "o2": ("bad",)}
    unread = " ".join(map(str, said["unread"]))  # type: ignore[call-overload]
    assert "has 2 classes (good, bad), one is allowed" in unread
    assert "o3" not in history.set_aside
    if ending == "json":  # the other exports leave out the result of a tag that the label config does not have
        assert "has no class in 'label', only in sentiment" in unread
        assert not history.set_aside
        with pytest.raises(ActiveSSLError, match=r"2 tags classify the tasks: label \(3\), sentiment \(1\)"):
            run(project, EXPORTS / "odd.json")


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_picture_is_found_by_its_path_and_a_namesake_in_another_folder_is_another_picture(
    tmp_path: Path, ending: str
) -> None:
    for i in range(2):
        (tmp_path / "cam1").mkdir(exist_ok=True)
        Image.new("L", (8, 8), 40 * i).save(tmp_path / "cam1" / f"frame_{i:03}.png")
    data = {"path": "../cam1", "modality": "image", "classes": ["dark", "light"]}
    project = Project.create(tmp_path / "p", check_config({"data": data}), version="0")
    said = run(project, EXPORTS / f"pictures.{ending}")
    assert classes_of(project.history()) == {"frame_000.png": ("dark",), "frame_001.png": ("dark",)}
    assert (said["new"], said["elsewhere"]) == (2, 2)

    # a pool of another name: each file may be either of two
    shutil.copytree(tmp_path / "cam1", tmp_path / "photos")
    data = {"path": "../photos", "modality": "image", "classes": ["dark", "light"]}
    project = Project.create(tmp_path / "q", check_config({"data": data}), version="0")
    with pytest.raises(ActiveSSLError, match="none of the 4 answers is about an item of the pool"):
        run(project, EXPORTS / f"pictures.{ending}")


def test_uploads_are_found_by_their_name_which_is_told(tmp_path: Path) -> None:
    (tmp_path / "cam1").mkdir()
    Image.new("L", (8, 8)).save(tmp_path / "cam1" / "frame_000.png")
    data = {"path": "../cam1", "modality": "image", "classes": ["dark", "light"]}
    project = Project.create(tmp_path / "p", check_config({"data": data}), version="0")
    # the first task of the real export, with the address that an upload has
    first = json.loads((EXPORTS / "pictures.json").read_text())[0]
    first["data"]["image"] = "/data/upload/3/0a1b2c3d-frame_000.png"
    (tmp_path / "uploads.json").write_text(json.dumps([first]))
    said = run(project, tmp_path / "uploads.json")
    assert classes_of(project.history()) == {"frame_000.png": ("dark",)}
    assert "1 label is matched by the name of the file alone" in str(said["notes"])


def test_ground_truth_that_one_export_leaves_out_comes_with_another_one(tmp_path: Path) -> None:
    project = texts(tmp_path, REVIEWS, "good", "bad")
    run(project, EXPORTS / "reviews.min.json")
    assert not any(a.ground_truth for a in project.history().answers.values())
    run(project, EXPORTS / "reviews.json")
    run(project, EXPORTS / "reviews.min.json")
    history = project.history()
    assert {a.item for a in history.answers.values() if a.ground_truth} == {"2"}
    assert classes_of(history)["2"] == ("good",) and len(history.answers) == 9
