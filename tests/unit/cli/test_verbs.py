"""The verbs as a person runs them, with an oracle in place of people."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from activessl.annotators.base import Note
from activessl.annotators.oracle import Habits, Oracle
from activessl.labels.answers import Answer
from activessl_cli import render
from activessl_cli.main import run

CLASSES = ("left", "right", "up")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    labels = rng.integers(3, size=150)
    vectors = (4 * np.eye(3, 8)[labels] + rng.normal(size=(150, 8))).astype(np.float32)
    np.savez(tmp_path / "pool.npz", vectors=vectors[:120])
    np.savez(tmp_path / "test.npz", vectors=vectors[120:], labels=labels[120:], class_names=np.array(CLASSES))
    np.savez(tmp_path / "all.npz", vectors=vectors, labels=labels, class_names=np.array(CLASSES))
    np.save(tmp_path / "truth.npy", labels[:120])
    return tmp_path


@pytest.fixture
def project(here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Path]:
    assert (
        run("init", "pool.npz", "-p", "p", "--classes", ",".join(CLASSES), "--test", "test.npz", "--query-size", "9")
        == 0
    )
    assert run("encode", "-p", "p") == 0
    truth = {f"pool:{i}": CLASSES[k] for i, k in enumerate(np.load(here / "truth.npy"))}
    oracle = Oracle(truth, CLASSES, Habits(skips=0.1), seed=1)
    monkeypatch.setattr("activessl.session.annotator_of", lambda project, people=None: oracle)
    capsys.readouterr()
    yield here / "p"


def said(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_a_whole_project_verb_by_verb(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("query", "-p", "p", "--json") == 0
    first = said(capsys)
    assert first["round"] == 1 and len(first["questions"]) == 9 and all(i["reason"] for i in first["questions"])
    assert run("query", "-p", "p", "--json") == 0
    assert said(capsys) == first  # an open round is shown, not replaced
    assert run("push", "-p", "p") == run("push", "-p", "p") == run("pull", "-p", "p") == 0
    capsys.readouterr()
    assert run("teach", "-p", "p", "--json") == 0
    taught = said(capsys)
    assert taught["labels"] <= 9 and taught["test_items"] == 30 and taught["accuracy"] > 0.4
    assert run("run", "-p", "p", "--rounds", "2", "--json") == 0
    assert said(capsys)["rounds"] == 2
    assert run("status", "-p", "p", "--json") == 0
    status = said(capsys)
    assert status["rounds"] == 3 and status["labeled"] + status["skipped"] == 27 and status["waiting"] == 0
    assert run("report", "-p", "p") == 0
    assert (project / "reports" / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    for name in ("out.csv", "out.json", "out.parquet"):
        capsys.readouterr()
        assert run("export", name, "-p", "p", "--json") == 0
        assert said(capsys)["rows"] == 120


def test_pulling_twice_changes_nothing(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("query", "-p", "p") == run("push", "-p", "p") == run("pull", "-p", "p") == 0
    capsys.readouterr()
    assert run("pull", "-p", "p", "--json") == 0
    assert said(capsys)["new"] == 0


def test_pull_and_run_print_the_notes_on_unusual_answers(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Odd(Oracle):
        """Its answers about the first two items cannot be read."""

        notes: tuple[Note, ...] = ()

        def pull(self, since: str | None = None) -> tuple[list[Answer], str]:
            answers, mark = super().pull(since)
            odd = {a.item for a in answers[:2]}
            self.notes = tuple(Note(a.source, a.item, "has no class: kept, and asked again") for a in answers[:2])
            return [
                replace(a, kind="unread", classes=(), why="no class") if a.item in odd else a for a in answers
            ], mark

    oracle = Odd({f"pool:{i}": CLASSES[k] for i, k in enumerate(np.load("truth.npy"))}, CLASSES)
    monkeypatch.setattr("activessl.session.annotator_of", lambda project, people=None: oracle)
    assert run("query", "-p", "p") == run("push", "-p", "p") == 0
    capsys.readouterr()
    assert run("pull", "-p", "p") == 0
    out = capsys.readouterr().out
    assert "9 new answers; 7 items labeled, 0 skipped, 0 waiting" in out
    assert "2 answers: has no class: kept, and asked again (pool:" in out
    assert run("teach", "-p", "p") == run("run", "-p", "p", "--rounds", "1") == 0
    assert "2 answers: has no class: kept, and asked again (pool:" in capsys.readouterr().err


def test_a_class_that_the_project_does_not_have_is_set_aside(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    oracle = Oracle({f"pool:{i}": "sideways" for i in range(120)}, ("sideways",))
    monkeypatch.setattr("activessl.session.annotator_of", lambda project, people=None: oracle)
    assert run("query", "-p", "p") == run("push", "-p", "p") == 0
    capsys.readouterr()
    assert run("pull", "-p", "p") == 0
    assert "9 answers set aside: the project has no class sideways" in capsys.readouterr().out
    config = project / "activessl.toml"
    config.write_text(config.read_text().replace('"up"]', '"up", "sideways"]'))
    assert run("status", "-p", "p", "--json") == 0
    assert said(capsys)["labeled"] == 9


def test_simulate_prints_curves_of_every_strategy_and_of_random(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("simulate", "all.npz", "-s", "max_herding", "--seeds", "3", "--budgets", "3,6,12", "--json") == 0
    curves = said(capsys)["curves"]
    assert set(curves) == {"max_herding", "random"}
    for curve in curves.values():
        assert curve["labels"] == [3, 6, 12]
        assert np.shape(curve["accuracy"]) == np.shape(curve["seconds"]) == (3, 3)


def _image(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (8, 8), 100).save(path)


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (("init", "empty", "--classes", "a,b"), "no images, CSV files, text files or sound files in empty"),
        (("init", "nowhere", "--classes", "a,b"), "nowhere"),
        (("init", "images", "--classes", "a"), "needs at least 2"),
        (("init", "images", "--classes", "a,a"), "'a' is listed twice"),
        (("init", "images"), "no classes given"),
        (("init", "images", "--classes", "@none.txt"), "cannot read the classes"),
        (("init", "images", "--classes", "a,b", "--modality", "smell"), "smell"),
        (("query", "-p", "nowhere"), "no activessl project"),
        (("query", "-p", "nowhere", "--confirm", "--strategy", "random"), "--confirm excludes --strategy"),
        (("simulate", "images"), "no labels"),
        (("simulate", "all.npz", "--budgets", "ten"), "not label counts"),
        (("simulate", "all.npz", "--budgets", "3,100000"), "100"),
        (("simulate", "all.npz", "--strategy", "clairvoyant"), "clairvoyant"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_bad_input_is_two_lines_and_exit_1(
    here: Path, argv: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "empty").mkdir()
    _image(here / "images" / "a.png")
    assert run(*argv) == 1
    out, err = capsys.readouterr()
    assert out == ""
    error, hint = err.splitlines()[-2:]
    assert error.startswith("error: ") and says in error
    assert hint.startswith(" hint: ")


def test_verbs_out_of_order_say_what_comes_first(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("activessl.session.annotator_of", lambda project, people=None: Oracle({}, ("a", "b")))
    assert run("init", "pool.npz", "-p", "p", "--classes", "a,b") == 0
    for verb, first in (("query", "activessl encode"), ("push", "activessl encode"), ("teach", "activessl encode")):
        capsys.readouterr()
        assert run(verb, "-p", "p") == 1
        assert first in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.slow
def test_no_server_and_no_token_are_told_apart(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("LABEL_STUDIO_API_KEY", raising=False)
    assert run("init", "pool.npz", "-p", "p", "--classes", "a,b") == run("encode", "-p", "p") == 0
    assert run("query", "-p", "p") == 0
    capsys.readouterr()
    assert run("push", "-p", "p") == 1
    assert "activessl studio start" in capsys.readouterr().err
    config = here / "p" / "activessl.toml"
    config.write_text(config.read_text().replace("# url = ", 'url = "http://127.0.0.1:9"  # '))
    # nobody gets a token for an address at which nothing answers
    assert run("push", "-p", "p") == 1
    assert "nothing answers at http://127.0.0.1:9" in capsys.readouterr().err
    with monkeypatch.context() as answering:
        answering.setattr("activessl_label_studio.server.check_address", lambda url: None)
        assert run("push", "-p", "p") == 1
    assert "LABEL_STUDIO_API_KEY is not set" in capsys.readouterr().err
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "s3cret-token")
    monkeypatch.setattr("label_studio_sdk.core.http_client.time.sleep", lambda seconds: None)  # between two attempts
    assert run("push", "-p", "p") == 1
    err = capsys.readouterr().err
    assert "127.0.0.1:9" in err and "s3cret-token" not in err


def test_a_folder_that_cannot_be_written_is_an_error_in_words(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "file").write_text("in the way")
    assert run("init", "pool.npz", "-p", "file/p", "--classes", "a,b") == 1
    assert "cannot write to" in capsys.readouterr().err


def test_init_twice_opens_the_same_project_and_refuses_another(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("init", "pool.npz", "-p", "p", "--classes", "a,b") == 0
    assert run("init", "pool.npz", "-p", "p", "--classes", "a,b") == 0
    assert run("init", "all.npz", "-p", "p", "--classes", "a,b") == 1
    assert "already has a project with the data" in capsys.readouterr().err


def test_usage_errors_exit_with_2(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("query", "--size", "many") == 2
    assert run("no-such-verb") == 2


def test_help_is_quick_and_loads_nothing_heavy() -> None:
    code = (
        "import sys\nfrom activessl_cli.main import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "print([m for m in ('torch', 'faiss', 'sklearn', 'pandas', 'numpy', 'sqlalchemy') if m in sys.modules])"
    )
    start = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("[]\n")
    assert "simulate" in done.stdout
    assert time.monotonic() - start < 30  # only against the absurd: the second is held by what is not imported


def test_a_model_leaves_the_project_and_scores_on_its_own(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("predict", "all.npz", "-p", "p") == 1
    assert "activessl teach" in capsys.readouterr().err
    assert run("query", "-p", "p") == run("push", "-p", "p") == run("pull", "-p", "p") == run("teach", "-p", "p") == 0
    capsys.readouterr()
    assert run("export", "model", "-p", "p", "--json") == 0
    made = said(capsys)
    assert made["onnx"] == "model/model.onnx" and made["checked"]["difference"] < 1e-3
    (project / "ledger.db").rename(project / "ledger.gone")
    told = []
    for options in ((), ("--onnx",)):
        assert run("predict", "all.npz", "--model", "model", "--every-class", "--json", *options) == 0
        told.append(said(capsys))
    assert len(told[0]) == 150 and [r["class"] for r in told[0]] == [r["class"] for r in told[1]]
    assert {"id", "class", "probability", "novelty", "probability of up"} <= told[0][0].keys()
    for name in ("out.csv", "out.jsonl", "out.parquet"):
        assert run("predict", "all.npz", "-m", "model", "-o", name) == 0
    assert (project.parent / "out.csv").read_text().splitlines()[0] == "id,class,probability,novelty"
    assert len((project.parent / "out.jsonl").read_text().splitlines()) == 150


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (("all.npz", "-m", "nowhere"), "no complete model in nowhere"),
        (("all.npz", "-o", "out.docx"), "cannot write .docx"),
        (("all.npz", "--onnx"), "--onnx needs --model"),
        (("all.npz", "-p", "nowhere"), "no activessl project"),
    ],
)
def test_predicting_with_bad_input_is_two_lines_and_exit_1(
    here: Path, argv: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("predict", *argv) == 1
    error, hint = capsys.readouterr().err.splitlines()[-2:]
    assert says in error and hint.startswith(" hint: ")


def test_scoring_by_onnx_where_the_model_has_no_such_file_says_so_and_why(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("query", "-p", "p") == run("push", "-p", "p") == run("pull", "-p", "p") == run("teach", "-p", "p") == 0
    assert run("export", "model", "-p", "p", "--no-onnx") == 0
    capsys.readouterr()
    assert run("predict", "all.npz", "--model", "model", "--onnx") == 1
    error, hint = capsys.readouterr().err.splitlines()[-2:]
    assert error == "error: the model in model has no ONNX file"
    assert "leave --onnx out" in hint and "activessl export model --onnx" in hint


def test_comparing_encoders_changes_nothing_and_says_accuracy_only_with_labels(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (project / "activessl.toml").read_text()
    assert run("encode", "-p", "p", "--compare", "--json") == 0
    (figures,) = said(capsys)
    assert (figures["encoder"], figures["accuracy"]) == ("vectors", None)
    assert run("round", "-p", "p") == 0
    capsys.readouterr()
    assert run("encode", "-p", "p", "--compare") == 0
    assert "accuracy needs 10 random labels" in capsys.readouterr().out
    assert run("query", "-p", "p", "--strategy", "random", "--size", "12") == run("push", "-p", "p") == 0
    assert run("pull", "-p", "p") == 0
    capsys.readouterr()
    assert run("encode", "-p", "p", "--compare") == 0
    assert re.search("1[2-9] random labels in turn, with its 90 % interval", capsys.readouterr().out)
    assert (project / "activessl.toml").read_text() == before


def test_naming_an_encoder_without_comparing_is_refused(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("encode", "-p", "p", "--encoder", "vectors") == 1
    assert "hint: set encoder.name" in capsys.readouterr().err


def test_exporting_vectors_as_pictures_is_refused_in_words(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("export", "out", "--layout", "coco") == 1
    assert capsys.readouterr().err.splitlines()[-2:][1].startswith(" hint: ")
    assert not (project / "out").exists()


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (("plan", "--target", "0.9"), "0 random labels are too few"),
        (("accept",), "no error rate given"),
        (("accept", "--error", "0.01"), "no labels yet"),
        (("gate",), "activessl.toml has no stages to judge"),
    ],
)
def test_proof_verbs_say_what_is_missing_in_two_lines(
    project: Path, capsys: pytest.CaptureFixture[str], argv: tuple[str, ...], told: str
) -> None:
    assert run(*argv, "-p", "p") == 1
    error = capsys.readouterr().err
    assert told in error and error.count("\n") == 2 and "Traceback" not in error


def test_targets_and_error_rates_out_of_range_are_refused(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("run", "-p", "p", "--rounds", "1") == 0
    capsys.readouterr()
    assert run("accept", "--error", "1.5", "-p", "p") == 1
    assert "an error of 1.5 is not between 0 and 1" in capsys.readouterr().err
    assert run("accept", "--error", "0.01", "-p", "p", "--json") == 0
    found = said(capsys)
    assert found["accepted"] == 0 and found["promises"][0]["threshold"] is None
    assert run("accept", "--undo", "-p", "p", "--json") == 0
    assert said(capsys) == {"withdrawn": 0}


def test_files_of_windows_editors_begin_with_a_mark_that_is_no_part_of_them(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "names.txt").write_text("\r\n".join(CLASSES), encoding="utf-8-sig")
    assert run("init", "pool.npz", "-p", "my p", "--classes", "@names.txt", "--test", "test.npz") == 0
    assert "next: activessl encode --project 'my p'" in capsys.readouterr().err
    assert run("encode", "-p", "my p") == 0
    assert "next: activessl query --project 'my p'" in capsys.readouterr().err
    config = here / "my p" / "activessl.toml"
    config.write_text(config.read_text(encoding="utf-8"), encoding="utf-8-sig")
    assert run("status", "-p", "my p") == 0


@pytest.mark.parametrize("wrong", [("--strategy", "nope"), ("--again", "7")])
def test_a_misspelt_option_costs_no_open_round(
    project: Path, wrong: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("query", "-p", "p") == 0
    assert run("query", "-p", "p", "--close", *wrong) == 1
    capsys.readouterr()
    assert run("query", "-p", "p", "--json") == 0
    assert said(capsys)["round"] == 1


def test_one_round_is_told_as_one(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("run", "-p", "p", "--rounds", "1") == 0
    assert "stopped after 1 round: the limit of --rounds 1 is reached" in capsys.readouterr().out


def test_the_next_verb_is_of_the_project_that_was_named_and_not_of_one_that_goes_without_saying(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("run", "-p", "p", "--rounds", "1") == 0
    capsys.readouterr()
    assert run("query", "-p", "p") == 0
    first = "next: activessl studio start --project p, then activessl push --project p\n"
    assert capsys.readouterr().err.endswith(first)
    assert run("push", "-p", "p") == 0
    assert "label in Label Studio, then activessl pull --project p\n" in capsys.readouterr().err
    monkeypatch.setenv("ACTIVESSL_PROJECT", "p")
    assert run("query") == 0
    assert capsys.readouterr().err.endswith("then activessl pull\n")
    monkeypatch.delenv("ACTIVESSL_PROJECT")
    monkeypatch.chdir(project)
    assert run("query") == 0
    assert capsys.readouterr().err.endswith("then activessl pull\n")


def test_what_is_next_names_the_project_of_verbs_and_leaves_files_and_models_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    expected = {
        "activessl round, or activessl report": "activessl round --project p, or activessl report --project p",
        "set encoder.name in activessl.toml, then activessl encode": (
            "set encoder.name in activessl.toml, then activessl encode --project p"
        ),
        "activessl predict DATA --model m": "activessl predict DATA --model m",
        "open activessl demo/report.html": "open activessl demo/report.html",
    }
    render.named(Path("p"))
    try:
        for told, said_so in expected.items():
            render.following(told)
            assert capsys.readouterr().err == f"next: {said_so}\n"
    finally:
        render.named(None)
