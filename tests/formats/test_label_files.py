"""Files of labels, each written by its own library: our reading is that of the library; no label is lost or swapped.

``write.py`` beside this file writes them. A damaged and an ambiguous file of each form get a message that says what is
wrong.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from activessl.errors import ActiveSSLError
from activessl.labels.files.given import Contents
from activessl.labels.files.opened import Options, open_labels
from activessl.labels.files.read import find_items
from activessl.labels.files.registry import FORMS, form_of
from activessl.labels.one_class import ONE
from activessl.labels.several_classes import SEVERAL
from activessl.pool.pool import Pool
from activessl.pool.sources import load_pool

FILES = Path(__file__).parent / "files"
NAMES = ("one", "two", "three", "four", "five", "six")
CLASSES = ("cat", "dog")

#: Folder of the files: what is given to `import`, the form, whether boxes count.
WRITTEN = {
    "coco": ("out/annotations/labels_train.json", "coco", False),
    "coco-boxes": ("out/annotations/instances_train.json", "coco", True),
    "voc-lists": ("out", "voc", False),
    "voc-boxes": ("out", "voc", True),
    "voc-boxes-supervision": ("Annotations", "voc", True),
    "yolo": ("out", "yolo", True),
    "yolo-yaml": ("", "yolo", True),
    "cvat": ("out/train.xml", "cvat", False),
    "folders": ("out", "folders", False),
    "labelme": ("", "labelme", False),
    "fiftyone": ("labels.json", "fiftyone", False),
    "argilla": ("records.json", "argilla", False),
    "argilla-rows": ("rows.jsonl", "argilla", False),
    "prodigy": ("answers.jsonl", "prodigy", False),
    "doccano": ("all.jsonl", "doccano", False),
}

#: Forms with tests of their own.
BY_THEMSELVES = ("argilla", "argilla-rows", "prodigy", "doccano", "folders")


def options(*, one: bool = False, boxes: bool = False, label: str | None = None) -> Options:
    return Options(ONE if one else SEVERAL, CLASSES, label, boxes)


def place(name: str, to: Path) -> Path:
    """A copy of the files of a form, without what is only for the tests."""
    shutil.copytree(FILES / name, to / name, ignore=shutil.ignore_patterns("expected.json", "versions.json"))
    return to / name / WRITTEN[name][0]


def read(path: Path, wanted: Options) -> Contents:
    opened = open_labels(path)
    return form_of(opened).read(opened, wanted)


@cache
def expected(name: str) -> dict[str, list[str]]:
    found = json.loads((FILES / name / "expected.json").read_text())
    if name == "folders":  # the library has an item for each folder
        merged: dict[str, list[str]] = {}
        for key, classes in found.items():
            merged.setdefault(key.split(":")[1], []).extend(classes)
        return merged
    return found


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Pool:
    """The pool that the labels are about: pictures, of the same names in another order, and more of them."""
    folder = tmp_path_factory.mktemp("pool")
    for i, name in enumerate(NAMES):
        Image.fromarray(np.full((8, 12), 10 + i, np.uint8)).save(folder / f"{name}.png")
    return load_pool(folder)


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Pool:
    path = tmp_path_factory.mktemp("pool") / "texts.csv"
    path.write_text("id,text\n" + "".join(f"{name},text {name}\n" for name in NAMES))
    return load_pool(path)


@pytest.mark.parametrize(
    "name", [name for name in WRITTEN if not name.startswith(("argilla", "prodigy", "doccano", "folders"))]
)
def test_each_item_has_the_classes_that_the_library_itself_reads(name: str, pictures: Pool, tmp_path: Path) -> None:
    _, form, boxes = WRITTEN[name]
    path = place(name, tmp_path)
    if ".jpg" in _all_text(path):
        pictures = _renamed(pictures, tmp_path)
    opened = open_labels(path)
    assert form_of(opened) is FORMS[form]
    contents = form_of(opened).read(opened, options(boxes=boxes))
    found = find_items(contents, pictures)
    ours = {Path(str(item)).stem: list(g.classes) for item, g in zip(found.items, contents.given, strict=True)}
    theirs = expected(name)
    assert {key: sorted(value) for key, value in ours.items()} == {k: sorted(v) for k, v in theirs.items() if v}
    assert contents.unlabeled == (0 if name in ("voc-lists", "voc-boxes") else 1)  # datumaro writes only labeled images
    assert {one.kind for one in contents.given} == {"label"} and found.unclear == 0


def _all_text(path: Path) -> str:
    files = [path] if path.is_file() else [p for p in path.rglob("*") if p.suffix in (".xml", ".json", ".txt")]
    return "".join(file.read_text() for file in files)


def _renamed(pool: Pool, folder: Path) -> Pool:
    (folder / "jpg").mkdir()
    for row, item in enumerate(pool.ids):
        Image.fromarray(np.asarray(pool.read(row))[:, :, 0]).save(folder / "jpg" / f"{Path(item).stem}.jpg")
    return load_pool(folder / "jpg")


def test_items_in_folders_are_found_by_their_content_also_under_another_name(tmp_path: Path) -> None:
    path = place("folders", tmp_path)
    (tmp_path / "pool").mkdir()
    for n, file in enumerate(sorted(path.rglob("*.jpg"))):
        shutil.copy(file, tmp_path / "pool" / f"{file.stem}-was-{n}.jpg")  # two folders have the picture "five"
    for double in (tmp_path / "pool").glob("five-was-*"):
        double.rename(tmp_path / "pool" / "five.jpg")
    pool = load_pool(tmp_path / "pool")
    contents = read(path, options())
    found = find_items(contents, pool)
    ours = {
        str(i).split("-")[0].split(".")[0]: sorted(g.classes) for i, g in zip(found.items, contents.given, strict=True)
    }
    assert ours == {name: sorted(classes) for name, classes in expected("folders").items() if classes}
    assert (contents.unlabeled, found.columns) == (1, ("content of the files",))


def test_a_draft_a_skip_and_an_answer_of_argilla_are_three_things(texts: Pool, tmp_path: Path) -> None:
    rows = read(place("argilla-rows", tmp_path), options(one=True))
    said = {
        item: (g.kind, g.classes, g.annotator)
        for item, g in zip(find_items(rows, texts).items, rows.given, strict=True)
    }
    first, second = (f"00000000-0000-0000-0000-00000000000{n}" for n in (1, 2))
    assert said == {"one": ("label", ("dog",), second), "two": ("label", ("dog",), first), "five": ("skip", (), first)}
    assert [(g.classes, g.annotator) for g in rows.given[:2]] == [(("cat",), first), (("dog",), second)]
    assert (rows.unlabeled, "1 draft left out" in rows.notes[0]) == (2, True)
    # the JSON export has no status: what may be a draft or discarded is told, not taken
    nested = read(place("argilla", tmp_path), options(one=True))
    kinds = [(g.shown["id"], g.kind) for g in nested.given]
    assert kinds == [("one", "label"), ("one", "label"), ("two", "label"), ("three", "unread"), ("five", "unread")]
    assert "may be a draft" in nested.given[3].why and "several answers" in nested.notes[0]


def test_accept_ignore_and_reject_of_prodigy_are_three_things(texts: Pool, tmp_path: Path) -> None:
    contents = read(place("prodigy", tmp_path), options())
    items = find_items(contents, texts).items
    said = {
        item: list(g.classes) if g.kind == "label" else g.kind for item, g in zip(items, contents.given, strict=True)
    }
    assert said == expected("prodigy")
    times = {g.annotator: g.at.isoformat() for g in contents.given if g.at}
    assert times["animals-bob"] == "2023-11-14T22:17:20+00:00"
    one = read(place("prodigy", tmp_path / "one"), options(one=True))
    assert [g.kind for g in one.given] == ["label", "label", "skip", "unread", "unread"]
    assert one.given[4].why == "rejects 'dog', which tells no class"


@pytest.mark.parametrize("file", ["all.jsonl", "all.csv", "named.csv"])
def test_an_export_of_doccano_has_its_own_label_also_where_the_data_have_one(
    file: str, texts: Pool, tmp_path: Path
) -> None:
    contents = read(place("doccano", tmp_path).with_name(file), options())
    items = find_items(contents, texts).items
    said = {item: sorted(one.classes) for item, one in zip(items, contents.given, strict=True)}
    assert said == {item: sorted(classes) for item, classes in expected("doccano").items() if classes}
    assert contents.unlabeled == 1 and ("the last one is doccano's" in str(contents.notes)) == (file == "named.csv")


def test_answers_of_prodigy_about_each_class_belong_together_where_an_item_may_have_several(tmp_path: Path) -> None:
    def row(text: str, label: str, answer: str, who: str = "ann") -> str:
        number = sum(map(ord, text))
        told = {
            "text": text,
            "label": label,
            "answer": answer,
            "_input_hash": number,
            "_task_hash": label,
            "_session_id": who,
        }
        return json.dumps(told)

    rows = [row("a", "cat", "accept"), row("a", "dog", "reject"), row("b", "cat", "reject"), row("b", "dog", "reject")]
    rows += [row("c", "cat", "accept"), row("c", "dog", "ignore"), row("a", "dog", "accept", "bob")]
    (tmp_path / "p.jsonl").write_text("\n".join(rows))
    contents = read(tmp_path / "p.jsonl", options())
    assert [(g.annotator, g.kind, g.classes) for g in contents.given] == [
        ("ann", "label", ("cat",)),
        ("ann", "label", ()),
        ("ann", "label", ("cat",)),
        ("bob", "label", ("dog",)),
    ]
    assert "only some of the classes" in contents.notes[0]  # bob was not asked about cats


@pytest.mark.parametrize("name", WRITTEN)
def test_each_file_has_the_marks_of_one_form_only(name: str, tmp_path: Path) -> None:
    opened = open_labels(place(name, tmp_path))
    known = [form for form, one in FORMS.items() if form not in ("table", "folders") and one.has(opened)]
    assert known == [WRITTEN[name][1]] or (known == [] and name == "folders")


@pytest.mark.parametrize("name", [name for name, (_, _, boxes) in WRITTEN.items() if boxes])
def test_boxes_are_refused_unless_their_classes_shall_count(name: str, tmp_path: Path) -> None:
    path = place(name, tmp_path)
    with pytest.raises(ActiveSSLError, match="has 5 boxes or masks, and no class of a whole image") as caught:
        read(path, options())
    assert "--boxes-as-classes" in caught.value.hint
    one = read(path, options(one=True, boxes=True))
    assert sum(g.kind == "label" for g in one.given) == 3
    assert [g.why for g in one.given if g.kind == "unread"] == ["has 2 classes (cat, dog), one is allowed"]


def change(old: str, new: str, count: int = 1) -> Callable[[Path], None]:
    """A change of the text of a file, or of the first file of a folder that has it."""

    def apply(path: Path) -> None:
        files = (
            [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.suffix in (".xml", ".txt", ".json"))
        )
        file = next(f for f in files if old in f.read_text())
        file.write_text(file.read_text().replace(old, new, count))

    return apply


def cut(path: Path) -> None:
    """The second half of a file is missing."""
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.suffix in (".xml", ".json"))
    content = files[0].read_bytes()
    files[0].write_bytes(content[: len(content) // 2])


def more(name: str, text: str) -> Callable[[Path], None]:
    def apply(path: Path) -> None:
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(text)

    return apply


#: Damaged files, by what was done to them.
DAMAGED = {
    "coco": (cut, "cannot read .*: "),
    "coco-boxes": (change('"category_id":2', '"category_id":7'), "is of the category 7, which the file does not have"),
    "voc-lists": (change("two -1", "two maybe"), "line 1 of .*train.txt is 'two maybe'"),
    "voc-boxes": (cut, "it is not XML"),
    "voc-boxes-supervision": (change("<name>cat</name>", "<name></name>"), "an object in five.xml has no name"),
    "yolo": (change("1 0.29", "7 0.29"), "has the class 7, and .*obj.names has 2 names"),
    "yolo-yaml": (change("1 0.29", "x 0.29"), "line . of labels/five.txt is 'x 0.29"),
    "cvat": (cut, "it is not XML"),
    "labelme": (cut, "cannot read .*five.json"),
    "fiftyone": (change('"two": 1', '"two": 5'), "sample 'two' has the class 5, and the file names 2 classes"),
    "argilla": (cut, "cannot read .*records.json"),
    "argilla-rows": (change('"label.responses": ["cat", "dog"]', '"label.responses": [["x", 1]]'), "no class"),
    "doccano": (change('["dog"]', "[[0, 3, 4]]"), "1 of 5 rows have labels of parts of a text"),
    "prodigy": (change('"answer":"accept"', '"answer":"acc', 1), "cannot read .*answers.jsonl"),
}

#: Files that may mean two things.
AMBIGUOUS = {
    "coco": (change('"id":2,"name":"dog"', '"id":1,"name":"dog"'), "two categories have the id 1: 'cat' and 'dog'"),
    "coco-boxes": (change('"id":2,"width"', '"id":1,"width"'), "two images have the id 1"),
    "voc-lists": (more("ImageSets/Main/cat_val.txt", "one -1\n"), "the lists of 'cat' have both 1 and -1 for 'one'"),
    "voc-boxes": (more("Annotations/zzz.xml", "<notes/>"), "zzz.xml is no file of Pascal VOC, the first one is"),
    "yolo": (change("1 0.29", "1 0.9 0.29"), "has six numbers: a box with the confidence of a model"),
    "yolo-yaml": (lambda path: (path / "data.yaml").unlink(), "boxes as YOLO writes them, without the names"),
    "cvat": (change("</meta>", '</meta><track id="0" label="cat"/>'), "has 1 tracks through a video"),
    "labelme": (more("zz.json", "[]"), "zz.json is no file of LabelMe, the first one is"),
    "fiftyone": (
        change('"classes"', '"images":[],"annotations":[],"categories":[],"classes"'),
        "may be COCO or FiftyOne",
    ),
    "argilla": (
        change('"responses": {"label"', '"responses": {"tone": [{"value": "x", "user_id": "1"}], "label"'),
        "2 questions were answered: label .5., tone .1.",
    ),
    "doccano": (change('"label"', '"cats"', 9), "the export of doccano has no column 'label'"),
    "folders": (more("labels.csv", "id,class\n"), "a folder with 1 files that may have labels: labels.csv"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_file_says_what_is_damaged(name: str, tmp_path: Path) -> None:
    path = place(name, tmp_path)
    damage, message = DAMAGED[name]
    damage(path)
    if name == "argilla-rows":  # one answer of another kind does not spoil the others
        contents = read(path, options(one=True))
        assert any(g.kind == "unread" for g in contents.given)
        return
    with pytest.raises(ActiveSSLError, match=message):
        read(path, options(boxes=True))


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_a_file_that_may_mean_two_things_is_refused(name: str, tmp_path: Path) -> None:
    path = place(name, tmp_path)
    change_it, message = AMBIGUOUS[name]
    change_it(path)
    with pytest.raises(ActiveSSLError, match=message):
        read(path, options(boxes=True))
