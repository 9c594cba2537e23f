"""The verbs of a project of regions at the command line, with an oracle in place of Label Studio."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from activessl import session as session_module
from activessl.annotators.region_oracle import RegionOracle
from activessl.labels.regions.files.read import read_regions
from activessl_cli.main import run
from tests.unit.steps.regions.projects import PLACES, blocks, fast, spans, texts


def said(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    code = run(*argv)
    out, err = capsys.readouterr()
    return code, out, err


@pytest.mark.slow
def test_a_project_of_spans_goes_from_init_to_export_and_prediction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fast(monkeypatch)
    truth = texts(tmp_path, 30)
    monkeypatch.chdir(tmp_path)
    oracle = RegionOracle(truth)
    monkeypatch.setattr(session_module, "annotator_of", lambda project, people=None: people or oracle)

    def told(*argv: str) -> Any:
        code, out, err = said(capsys, *argv, "--json")
        assert code == 0, err
        return json.loads(out)

    made = told("init", "texts.parquet", "--task", "spans", "--classes", "person,place", "--query-size", "10")
    assert (made["task"], made["items"]) == ("spans", 30)
    config = tmp_path / "activessl.toml"
    config.write_text(config.read_text().replace('name = "auto"', 'name = "ngrams"', 1))
    before = told("status")
    assert before["quality"] is None and before["taught"] is None and before["next"] == "activessl encode"
    assert told("encode")["items"] == 30
    assert len(told("query")["questions"]) == 10
    assert told("push")["new"] == 10 and told("pull")["new"] == 10
    assert told("teach")["head"] == "dense"
    code, out, _ = said(capsys, "status")
    assert code == 0 and "quality: not measured yet: 0 of 10 random items" in out
    assert "suggestions: not known, because 0 answers with a suggestion" in out
    status = told("status")
    assert status["effort"]["items"] == 10 and status["correcting"] is None and status["correcting_unknown"]

    report = told("report")
    assert report["task"] == "spans" and (tmp_path / "reports" / "report.html").is_file()
    people = told("export", "rows.csv", "--what", "labels")
    assert (people["people"], people["model"]) == (10, 0) and people["rows"] == 10
    assert told("export", "rows.jsonl")["model"] == 20
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert [row["id"] for row in rows] == [f"texts:{i}" for i in range(30)]
    assert told("export", "tags", "--layout", "conll")["rows"] == 10
    assert read_regions(tmp_path / "tags" / "spans.conll") is not None
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "a.txt").write_text(f"we came home near {PLACES[0]} and then {PLACES[1]}")
    found = told("predict", "new")
    assert [row["id"] for row in found] == ["a.txt"] and found[0]["count"] == len(found[0]["regions"])
    assert told("round")["round"] == 2


def test_one_class_is_enough_for_boxes_and_a_form_without_them_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blocks(tmp_path, 3)
    where = ["--project", str(tmp_path / "project")]
    code, out, err = said(capsys, "init", str(tmp_path / "images"), "--task", "boxes", "--classes", "dent", *where)
    assert code == 0 and "boxes of 1 class in" in out and "next: activessl encode" in err
    code, _, err = said(
        capsys,
        "init",
        str(tmp_path / "images"),
        "--task",
        "spans",
        "--classes",
        "dent",
        "--project",
        str(tmp_path / "b"),
    )
    assert code == 1 and err.splitlines()[-2:] == [
        "error: the new project: data.task: spans need items of the form text, not image: use boxes or masks",
        " hint: correct data.task in the new project",
    ]
    for argv, says in (
        (("accept",), "a project of boxes has no `activessl accept`"),
        (("finetune",), "a project of boxes has no `activessl finetune`"),
        (("roi",), "a project of boxes has no `activessl roi`"),
        (("explain",), "a project of boxes has no `activessl explain`"),
        (("machines",), "a project of boxes has no `activessl machines`"),
        (("query", "--confirm"), "a project of boxes has no `activessl query --confirm`"),
        (("encode", "--compare"), "a project of boxes has no `activessl encode --compare`"),
        (("teach",), "no labels yet"),
        (("predict", str(tmp_path / "images")), "no model yet"),
        (("query",), "the pool is not encoded yet"),
    ):
        code, out, err = said(capsys, *argv, *where)
        lines = err.splitlines()
        assert code == 1 and out == "" and len(lines) == 2, (argv, err)
        assert says in lines[0] and lines[1].startswith(" hint: "), (argv, err)


def test_check_and_add_compare_no_parts_and_one_class_may_be_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session, _ = spans(tmp_path, 20)
    where = ["--project", str(session.project.folder)]
    code, out, err = said(capsys, "check", *where)
    # it is encoded: to encode again would change nothing
    assert code == 0 and "items were compared by what they show\n" in out and "next: activessl query" in err
    code, out, _ = said(capsys, "classes", "merge", "person", "place", "--into", "name", *where)
    assert code == 0 and "classes: name" in out
    code, out, _ = said(capsys, "classes", "undo", *where)
    assert code == 0 and "classes: person, place" in out
