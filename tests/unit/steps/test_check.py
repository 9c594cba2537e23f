"""`check` in a project: items that are set aside and taken back, fatal findings, the page."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from activessl.annotators.oracle import Oracle
from activessl.errors import ConfigError, PoolError, ProjectError
from activessl.project.folder import Project
from activessl.project.set_aside import NAME, read_aside
from activessl.session import Session
from activessl.steps.backup import backup, restore
from activessl.steps.check import check_data, set_aside, stop_if_fatal, take_back
from activessl_cli.main import run


def _picture(path: Path, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    Image.fromarray(pixels).resize((24, 24), Image.Resampling.NEAREST).save(path)


@pytest.fixture
def session(tmp_path: Path) -> Session:
    data = tmp_path / "data"
    data.mkdir()
    for i in range(24):
        _picture(data / f"{i:02}.png", i)
    (data / "90-copy.png").write_bytes((data / "01.png").read_bytes())
    Image.open(data / "02.png").save(data / "91-again.bmp")
    (data / "92-bad.png").write_bytes(b"nothing")
    Image.new("L", (24, 24), 128).convert("RGB").save(data / "93-blank.png")
    return Session.create(tmp_path / "p", data, ["a", "b"], query_size=6)


def _kinds(session: Session) -> dict[str, list[str]]:
    checked = check_data(Project.open(session.project.folder))
    return {check.name: [one.id for one in found] for check, found in checked.quality.found()}


COPIES = {
    "unreadable": ["92-bad.png"],
    "exact_duplicate": ["90-copy.png"],
    "near_duplicate": ["91-again.bmp"],
    "blank": ["93-blank.png"],
}


def test_what_is_set_aside_leaves_the_pool_and_no_file_and_comes_back(session: Session) -> None:
    project = session.project
    files = sorted(path.name for path in project.data.iterdir())
    assert _kinds(session) == COPIES
    fixed = set_aside(project, check_data(project))
    assert dict(fixed.aside) == dict.fromkeys(COPIES, 1) and fixed.kept == ()
    assert len(project.pool()) == 24 and len(project.pool(whole=True)) == 27
    assert _kinds(session) == {}
    assert set(check_data(project).aside) == {"90-copy.png", "91-again.bmp", "92-bad.png", "93-blank.png"}
    assert sorted(path.name for path in project.data.iterdir()) == files
    assert take_back(project, ["blank"]) == 1 and take_back(project) == 3
    assert _kinds(session) == COPIES and not (project.folder / NAME).exists()


def test_only_the_named_kinds_are_set_aside_and_an_unknown_one_is_refused(session: Session) -> None:
    project = session.project
    set_aside(project, check_data(project), ["blank"])
    assert {item: one.kind for item, one in read_aside(project.folder).items()} == {"93-blank.png": "blank"}
    for call in (lambda: set_aside(project, check_data(project), ["blurry"]), lambda: take_back(project, ["blurry"])):
        with pytest.raises(ConfigError, match="unknown kind of finding 'blurry'"):
            call()


def test_items_with_answers_or_open_questions_stay(session: Session) -> None:
    project = session.project
    session.encode()
    everything = {item: "ab"[i % 2] for i, item in enumerate(project.pool().ids)}
    people = Oracle(everything, ("a", "b"))
    session.query(27)
    session.push(people)
    session.pull(people)
    assert project.history().labels.keys() >= {"90-copy.png", "91-again.bmp"}
    fixed = set_aside(project, check_data(project))
    assert dict(fixed.aside) == {"unreadable": 1}
    assert set(fixed.kept) == {"90-copy.png", "91-again.bmp", "93-blank.png"}
    assert "90-copy.png" in project.pool()


def test_items_that_are_set_aside_after_encode_are_not_asked_about(session: Session) -> None:
    project = session.project
    session.encode()
    set_aside(project, check_data(project))
    opened = session.query(24)
    assert not set(opened.items) & {"90-copy.png", "91-again.bmp", "93-blank.png"}
    session.encode()
    assert len(session.project.pool()) == 24


def test_an_item_with_other_content_by_now_is_not_set_aside(session: Session) -> None:
    project = session.project
    set_aside(project, check_data(project))
    _picture(project.data / "90-copy.png", 99)
    assert "90-copy.png" in project.pool() and "91-again.bmp" not in project.pool()


def test_a_damaged_list_is_an_error_and_not_an_empty_list(session: Session) -> None:
    (session.project.folder / NAME).write_text("{", encoding="utf-8")
    with pytest.raises(ProjectError, match="cannot be read"):
        session.project.pool()


def test_a_backup_has_the_list(session: Session, tmp_path: Path) -> None:
    project = session.project
    set_aside(project, check_data(project))
    backup(project, tmp_path / "b")
    take_back(project)
    restore(project.folder, tmp_path / "b")
    assert len(Project.open(project.folder).pool()) == 24


def _fatal(project: Project, kinds: str) -> Project:
    path = project.folder / "activessl.toml"
    path.write_text(re.sub(r"(?m)^fatal = .*", f"fatal = {kinds}", path.read_text("utf-8")), encoding="utf-8")
    return Project.open(project.folder)


def test_a_fatal_finding_stops_run_with_its_count_and_a_remedy(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    project = _fatal(session.project, '["unreadable", "exact_duplicate"]')
    assert run("run", "--project", str(project.folder)) == 1
    error, hint = capsys.readouterr().err.strip().splitlines()
    assert error.startswith("error: 1 item is unreadable, 1 item is identical to another item; check.fatal")
    assert hint.startswith(" hint: restore the files, or delete them")
    set_aside(project, check_data(project))
    stop_if_fatal(Project.open(project.folder))


def test_an_unknown_fatal_kind_is_refused(session: Session) -> None:
    with pytest.raises(ConfigError, match="unknown check 'blurry'"):
        _fatal(session.project, '["blurry"]')


def test_nothing_is_set_aside_where_nothing_would_be_left(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for name in ("a", "b"):
        Image.new("L", (9, 9), 3).save(tmp_path / "data" / f"{name}.png")
    project = Session.create(tmp_path / "p", tmp_path / "data", ["a", "b"]).project
    with pytest.raises(PoolError, match="all 2 items would be set aside"):
        set_aside(project, check_data(project))


def test_the_verb_lists_sets_aside_and_writes_a_page(session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(session.project.folder)
    page = session.project.folder / "check.html"
    assert run("check", "--project", folder, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert {one["kind"]: one["items"] for one in said["findings"]} == COPIES
    assert next(one["of"] for one in said["findings"] if one["kind"] == "near_duplicate") == ["02.png"]
    assert {"items", "shapes", "remarks", "set_aside"} <= said.keys()
    assert run("check", "--project", folder, "--fix", "--html", str(page)) == 0
    told = capsys.readouterr().out
    assert "4 items are set aside" in told and "activessl check --unfix" in told
    text = page.read_text(encoding="utf-8")
    assert text.count("data:image/png;base64,") == 5  # two pairs and a blank picture
    assert "<script" not in text and "http" not in text.replace("http-equiv", "")
    assert run("check", "--project", folder, "--unfix") == 0
    assert "4 items were taken into the pool again" in capsys.readouterr().out
    for wrong in (["--fix", "--unfix"], ["--kind", "blank"]):
        assert run("check", "--project", folder, *wrong) == 1


def test_names_on_the_page_are_text(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for name in ("<b>x", "y"):
        Image.new("L", (9, 9), 3).save(tmp_path / "data" / f"{name}.png")
    _picture(tmp_path / "data" / "z.png", 1)
    session = Session.create(tmp_path / "p", tmp_path / "data", ["a", "b"])
    assert run("check", "--project", str(session.project.folder), "--html", str(tmp_path / "c.html")) == 0
    text = (tmp_path / "c.html").read_text(encoding="utf-8")
    assert "<b>x" not in text and "&lt;b&gt;x" in text
