"""Forgetting an item or an annotator: nothing of it is left in the project, and totals stay true."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from activessl.annotators.oracle import Oracle
from activessl.labels.answers import Answer
from activessl.project.config import check_config
from activessl.project.data_now import data_now
from activessl.project.folder import Project
from activessl.session import Session
from activessl.steps.forget import forget as erase
from activessl.steps.pull import resolved
from activessl_cli.main import run

CLASSES = ("dark", "bright")
ITEM, PERSON = "patient_07/scan-007.png", "mia.k@example.org"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    rng = np.random.default_rng(0)
    labels = {}
    for i in range(24):
        name = f"patient_{i:02d}/scan-{i:03d}.png"
        path = folder / "data" / name
        path.parent.mkdir(parents=True)
        Image.fromarray((rng.random((16, 16)) * 60 + 150 * (i % 2)).astype(np.uint8)).save(path)
        labels[name] = CLASSES[i % 2]
    config = {
        "data": {"path": "../data", "modality": "image", "classes": list(CLASSES)},
        "encoder": {"name": "patches", "minutes": 0.001, "also": ["patches"]},
        "query": {"size": 8, "random_share": 0.5},
    }
    session = Session(Project.create(folder / "p", check_config(config), version="0"))
    session.encode()
    session.round(Oracle(labels, CLASSES))
    session.import_labels({ITEM: labels[ITEM], "patient_09/scan-009.png": "bright"}, annotator=PERSON)
    session.teach()
    session.query()
    session.report().save(folder / "p" / "reports")
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "m")
    return tmp_path / "m"


def forget(folder: Path, name: str, capsys: pytest.CaptureFixture[str], *more: str) -> dict[str, Any]:
    capsys.readouterr()
    assert run("forget", name, "-p", str(folder / "p"), "--yes", "--json", *more) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def holding(folder: Path, *texts: str) -> list[str]:
    """The files that hold one of the texts, also in what a database or a file system would show to nobody."""
    wanted = [text.encode() for text in texts]
    return [
        path.relative_to(folder).as_posix()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and any(text in path.read_bytes() for text in wanted)
    ]


def test_nothing_in_the_project_names_a_forgotten_item_and_totals_stay(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = Project.open(folder / "p").history()
    digest = Project.open(folder / "p").pool().items[7].sha256
    assert holding(folder / "p", ITEM) and holding(folder / "p", digest)
    done = forget(folder, ITEM, capsys)
    assert (done["what"], done["backups"]) == ("item", []) and done["events"] >= 2
    assert holding(folder / "p", ITEM, "scan-007", digest) == []
    assert any(ITEM in said and said.startswith("the data: delete") for said in done["unreached"])

    capsys.readouterr()
    assert run("status", "-p", str(folder / "p")) == 0  # also without vectors
    assert "activessl encode" in capsys.readouterr().err.splitlines()[-1]
    project = Project.open(folder / "p")
    after = project.history()
    assert len(after.labels) == len(before.labels) and done["name"] in after.labels
    assert [len(r.questions) for r in after.rounds] == [len(r.questions) for r in before.rounds]
    assert ITEM not in project.pool() and len(project.pool()) == 23
    assert not data_now(project, after).new
    session = Session.open(folder / "p")
    session.encode()
    session.teach()
    encoded = session.project.history().encoded
    assert encoded is not None and (encoded.items, encoded.added) == (23, ())
    assert session.project.history().labels.keys() == after.labels.keys() and len(session.model().classes) == 2
    assert run("verify", "-p", str(folder / "p")) == 0
    assert holding(folder / "p", ITEM, "scan-007", digest) == []


def test_a_forgotten_person_has_no_name_also_in_what_comes_later(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session = Session.open(folder / "p")
    labels = {item: label.classes for item, label in session.project.history().labels.items()}
    done = forget(folder, PERSON, capsys)
    assert holding(folder / "p", PERSON, "mia.k") == [] and done["what"] == "annotator"
    history = Project.open(folder / "p").history()
    assert {item: label.classes for item, label in history.labels.items()} == labels
    assert (folder / "p" / "heads").is_dir()  # a person's name is in no head
    # the labeling tool, or a file, still knows the name
    again = session.import_labels({"patient_11/scan-011.png": "bright"}, annotator=PERSON)
    assert again.new == 1
    answer = next(iter(history.answers.values()))
    assert resolved(replace(answer, annotator=PERSON), history).annotator == done["name"]
    assert holding(folder / "p", PERSON, "mia.k") == []


def test_a_late_answer_about_a_forgotten_item_brings_nothing_back(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = next(a for a in Project.open(folder / "p").history().answers.values() if a.item == ITEM)
    done = forget(folder, ITEM, capsys)
    late = replace(old, key=f"annotation 4 of {ITEM} @ x", source=f"annotation 4 of {ITEM}", question=f"{ITEM}#again-2")
    assert isinstance(late, Answer)
    new = resolved(late, Project.open(folder / "p").history())
    assert ITEM not in "".join((new.item, new.key, new.source, new.question)) and new.item == done["name"]


def test_a_restore_forgets_again_and_backups_that_hold_it_are_listed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("backup", str(folder / "old"), "-p", str(folder / "p")) == 0
    done = forget(folder, ITEM, capsys)
    person = forget(folder, PERSON, capsys)
    assert done["backups"] == person["backups"] == [str(folder / "old")]
    assert run("backup", str(folder / "new"), "-p", str(folder / "p")) == 0
    assert holding(folder / "old", ITEM) and holding(folder / "new", ITEM, PERSON) == []
    capsys.readouterr()
    assert run("restore", str(folder / "old"), "-p", str(folder / "p"), "--json") == 0
    assert json.loads(capsys.readouterr().out)["forgotten"] == 2
    assert holding(folder / "p", ITEM, PERSON) == []  # also the ledger that the restore has put aside
    history = Project.open(folder / "p").history()
    assert done["name"] in history.labels and len(history.erased) == 2
    assert ITEM not in Project.open(folder / "p").pool()


def test_it_can_be_repeated_after_it_was_interrupted(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr("activessl.steps.forget._copies", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            erase(Project.open(folder / "p"), ITEM)
    assert (folder / "p" / "heads").is_dir()
    first = Project.open(folder / "p").history().erased
    done = forget(folder, ITEM, capsys)
    assert (done["name"], done["events"]) == (first[0].name, 0) and holding(folder / "p", ITEM) == []
    assert Project.open(folder / "p").history().erased == first


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nobody", "--yes"), "the project has no item or annotator 'nobody'"),
        ((PERSON, "--yes", "--item"), f"the project has no item '{PERSON}'"),
        ((ITEM, "--yes", "--item", "--annotator"), "--item and --annotator exclude each other"),
        ((ITEM,), "forget changes the record, which cannot be undone"),
    ],
)
def test_what_cannot_be_forgotten_is_refused_and_changes_nothing(
    made: Path, arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (made / "p" / "ledger.db").read_bytes()
    assert run("forget", *arguments, "-p", str(made / "p")) == 1
    assert said in capsys.readouterr().err
    assert (made / "p" / "ledger.db").read_bytes() == before


def test_an_item_and_a_person_of_one_name_are_not_confused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Session.open(folder / "p").import_labels({"patient_11/scan-011.png": "bright"}, annotator=ITEM)
    assert run("forget", ITEM, "-p", str(folder / "p"), "--yes") == 1
    assert "add --item or --annotator" in capsys.readouterr().err
    done = forget(folder, ITEM, capsys, "--annotator")
    history = Project.open(folder / "p").history()
    assert ITEM in history.labels and {a.annotator for a in history.answers.values()} >= {done["name"], PERSON}
