"""``activessl explain`` on small projects of every form, and with input that cannot be used."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from activessl.explaining.deletion import DeletionTest
from activessl.project.snapshot import Snapshot
from activessl.session import Session
from activessl.steps.explain import Explainer
from activessl_cli.main import run

PASSED = DeletionTest(12, 0.5, 0.1, 0.0, 0.4, 0.3, 0.5)
FAILED = DeletionTest(12, 0.1, 0.1, 0.0, 0.0, -0.1, 0.1)


def pictures(folder: Path, count: int = 24) -> list[str]:
    """Pictures of gray noise, every other one with a bright spot."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    for i in range(count):
        pixels = rng.integers(60, 110, (16, 16)).astype(np.uint8)
        if i % 2:
            pixels[2:6, 9:13] = 250
        Image.fromarray(pixels).save(folder / f"{i:02}.png")
    return [("plain", "spot")[i % 2] for i in range(count)]


def taught(tmp_path: Path, data: Path, ids: list[str], labels: list[str], *more: str, encoder: str = "") -> str:
    """A project with labels of all but the last four items."""
    where = str(tmp_path / "p")
    names = ",".join(sorted({name for label in labels for name in label.split("|") if name}))
    assert run("init", str(data), "--classes", names, "-p", where, *more) == 0
    if encoder:
        path = tmp_path / "p" / "activessl.toml"
        path.write_text(path.read_text().replace('name = "auto"', f'name = "{encoder}"', 1))
    with (tmp_path / "labels.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "class"])
        rows.writerows(list(zip(ids, labels, strict=True))[:-4])
    for verb in (("encode",), ("import", str(tmp_path / "labels.csv")), ("query", "--size", "2"), ("teach",)):
        assert run(*verb, "-p", where) == 0
    return where


@pytest.fixture(scope="module")
def spots(tmp_path_factory: pytest.TempPathFactory) -> str:
    base = tmp_path_factory.mktemp("spots")
    labels = pictures(base / "pictures")
    return taught(base, base / "pictures", [f"{i:02}.png" for i in range(24)], labels, encoder="pixels")


def said(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_a_picture_is_explained_with_its_labels_and_its_map(
    spots: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.html"
    capsys.readouterr()
    assert run("explain", "23.png", "00.png", "-p", spots, "--json", "--html", str(page)) == 0
    told = said(capsys)
    first, second = told["items"]
    assert first["class"] == "spot" and first["label"] is None and second["label"] == ["plain"]
    assert {tuple(one["label"]) for one in first["for"][:3]} == {("spot",)}
    assert all(one["weight"] > 0 for one in first["for"]) and all(one["weight"] < 0 for one in first["against"])
    listed = sum(one["weight"] for one in (*first["for"], *first["against"]))
    assert first["score"] == pytest.approx(listed + first["rest"])
    assert second["own_label"] > 0 and "00.png" not in [one["item"] for one in second["for"]]
    assert told["deletion_test"]["items"] >= 8
    html = page.read_text()
    assert "23.png" in html and "<script" not in html
    assert html.count("data:image/png;base64,") >= 4
    if told["deletion_test"]["passed"]:
        values = np.array(first["map"]["values"])
        assert values.shape == (8, 8)
        row, column = np.unravel_index(values.argmax(), values.shape)
        assert 0 <= row <= 3 and 4 <= column <= 6  # the spot


def test_the_deletion_test_is_kept_until_the_model_changes(spots: str, monkeypatch: pytest.MonkeyPatch) -> None:
    explainer = Explainer(Snapshot.of(Session.open(spots).project))
    first = explainer.test()
    monkeypatch.setattr("activessl.steps.explain.deletion_test", lambda *_, **__: pytest.fail("not kept"))
    again = Explainer(Snapshot.of(Session.open(spots).project))
    assert again.test() == first
    assert again.test(5) == first  # a test of more items serves, too
    again.__dict__["_key"] = "another model"
    with pytest.raises(pytest.fail.Exception, match="not kept"):
        again.test()


@pytest.mark.slow
def test_a_damaged_kept_test_is_made_again(spots: str) -> None:
    explainer = Explainer(Snapshot.of(Session.open(spots).project))
    first = explainer.test()
    path = Path(spots) / "reports" / "deletion.json"
    for content in (b"{", b"[]", b'{"key": 3}', b"\xff\xfe"):
        path.write_bytes(content)
        assert explainer.test().items == first.items


def test_a_map_that_is_no_better_than_chance_is_not_shown(
    spots: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(Explainer, "test", lambda *_: FAILED)
    assert run("explain", "23.png", "-p", spots, "--json") == 0
    one = said(capsys)["items"][0]
    assert one["map"] is None and "no more than chance" in one["why_no_map"] and one["for"]
    assert run("explain", "23.png", "-p", spots, "--html", str(tmp_path / "e.html")) == 0
    assert "not better than chance" in capsys.readouterr().out
    assert "Maps are therefore not shown" in (tmp_path / "e.html").read_text()


def test_the_report_explains_items_and_tells_the_test(spots: str, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run("report", "-p", spots, "--json") == 0
    told = said(capsys)["explanations"]
    assert told["deletion_test"]["items"] >= 8
    assert {"item", "for", "against", "asked"} <= told["items"][0].keys()
    assert any(one["asked"] for one in told["items"])
    page = (Path(spots) / "reports" / "report.html").read_text()
    assert "<h2>Explanations</h2>" in page and f"Labels for {told['items'][0]['class']}" in page


def test_check_tells_the_test_alone(spots: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("explain", "--check", "-p", spots) == 0
    assert "deletion test: hiding the best fifth lowers the probability by" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "error", "hint"),
    [
        (("99.png",), "the pool has no item '99.png'", "use an id of the pool, such as"),
        (("23.png", "--class", "spt"), "the project has no class 'spt'", "use one of spot"),
        ((), "no item to explain", "name an item"),
        (("--html", "x.html", "--check"), "--html needs an item", "name an item"),
        (("23.png", "--html", "/nowhere/at/all.html"), "cannot write /nowhere/at/all.html", "name a file"),
    ],
)
def test_what_cannot_be_explained_is_said_in_two_lines(
    spots: str, arguments: tuple[str, ...], error: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run("explain", *arguments, "-p", spots) == 1
    lines = capsys.readouterr().err.strip().splitlines()[-2:]
    assert lines[0].startswith(f"error: {error}") and lines[1].startswith(f" hint: {hint}")


def test_without_labels_there_is_nothing_to_explain(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savez(tmp_path / "items.npz", vectors=np.random.default_rng(0).normal(size=(30, 4)))
    where = str(tmp_path / "p")
    assert run("init", str(tmp_path / "items.npz"), "--classes", "a,b", "-p", where) == 0
    capsys.readouterr()
    assert run("explain", "items:0", "-p", where) == 1
    assert "hint: run `activessl encode`" in capsys.readouterr().err
    assert run("encode", "-p", where) == 0
    capsys.readouterr()
    assert run("explain", "items:0", "-p", where) == 1
    assert "error: no labels yet" in capsys.readouterr().err


def test_vectors_are_explained_without_a_map(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    y = np.arange(30) % 2
    np.savez(tmp_path / "items.npz", vectors=(3 * np.eye(2, 4)[y] + rng.normal(size=(30, 4))).astype(np.float32))
    where = taught(tmp_path, tmp_path / "items.npz", [f"items:{i}" for i in range(30)], ["ab"[k] for k in y])
    capsys.readouterr()
    assert run("explain", "items:29", "--check", "-p", where, "--json") == 0
    told = said(capsys)
    assert told["deletion_test"] is None and told["items"][0]["map"] is None
    assert told["items"][0]["why_no_map"] == "vector items have no places to hide" and told["items"][0]["for"]


def test_an_unreadable_picture_keeps_all_but_its_map(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = pictures(tmp_path / "pictures")
    where = taught(tmp_path, tmp_path / "pictures", [f"{i:02}.png" for i in range(24)], labels, encoder="pixels")
    (tmp_path / "pictures" / "23.png").write_bytes(b"no picture")
    pictures_added = Image.fromarray(np.zeros((16, 16), np.uint8))
    pictures_added.save(tmp_path / "pictures" / "new.png")
    capsys.readouterr()
    assert run("explain", "23.png", "-p", where, "--json") == 0
    one = said(capsys)["items"][0]
    assert one["map"] is None and one["why_no_map"] == "the data of the item cannot be read" and one["for"]
    assert run("explain", "new.png", "-p", where) == 1
    assert "hint: run `activessl encode`" in capsys.readouterr().err


@pytest.mark.slow
def test_one_class_of_several_is_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    words = {"cat": "purring whiskers", "dog": "barking leash"}
    names = [("cat", "dog"), ("cat",), ("dog",), ()]
    rows = [names[i % 4] for i in range(40)]
    texts = [
        " ".join(rng.permutation([*(w for n in row for w in words[n].split()), f"filler{i % 7}", "common", "words"]))
        for i, row in enumerate(rows)
    ]
    with (tmp_path / "texts.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["id", "text"])
        table.writerows([f"t{i}", text] for i, text in enumerate(texts))
    labels = ["|".join(row) for row in rows]
    where = taught(tmp_path, tmp_path / "texts.csv", [f"t{i}" for i in range(40)], labels, "--multi-label")
    capsys.readouterr()
    assert run("explain", "t36", "--class", "dog", "-p", where, "--json", "--html", str(tmp_path / "e.html")) == 0
    told = said(capsys)
    one = told["items"][0]
    assert one["class"] == "dog" and all("dog" in speaker["label"] for speaker in one["for"][:1])
    assert told["deletion_test"]["passed"]
    best = one["map"]["places"][int(np.argmax(one["map"]["values"]))].strip()
    assert best in words["dog"].split()
    assert f'best">{best}' in (tmp_path / "e.html").read_text()


def test_an_item_with_one_word_says_that_it_has_a_single_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Explainer, "test", lambda *_: PASSED)
    with (tmp_path / "texts.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["id", "text"])
        table.writerows([f"t{i}", ("good", "bad")[i % 2] + f" thing{i % 3}" * (i < 28)] for i in range(30))
    labels = [("good", "bad")[i % 2] for i in range(30)]
    where = taught(tmp_path, tmp_path / "texts.csv", [f"t{i}" for i in range(30)], labels)
    capsys.readouterr()
    assert run("explain", "t29", "-p", where) == 0
    assert "no map: the item has a single place" in capsys.readouterr().out
