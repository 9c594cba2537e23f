"""The first hour: what is offered next can be done, and what a person runs into is said."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from activessl.annotators.base import Asked, Pushed, Suggestion
from activessl.annotators.oracle import Habits, Oracle
from activessl.labels.answers import Answer
from activessl.measuring.quality.autolabel import Acceptance
from activessl.pool.pool import Pool
from activessl.project.folder import Project
from activessl.project.snapshot import Snapshot
from activessl.proof.acceptance import Judged, judge
from activessl.reports.status import random_labels_text
from activessl.session import Session
from activessl_cli.main import run

CLASSES = ("light", "dark")


def _image(path: Path, seed: int, dark: bool) -> None:
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 80, (12, 12), dtype=np.uint8) + (0 if dark else 150)
    Image.fromarray(pixels.astype(np.uint8)).save(path)


@pytest.fixture
def truth(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "photos").mkdir()
    for i in range(60):
        _image(tmp_path / "photos" / f"{i:03}.png", i, dark=i % 2 == 0)
    return {f"{i:03}.png": CLASSES[i % 2 == 0] for i in range(60)}


class People:
    """An oracle whose habits can change, as the annotator of every project."""

    def __init__(self, truth: dict[str, str]) -> None:
        self.truth = truth
        self.oracle = Oracle(truth, CLASSES, seed=1)

    def push(self, pool: Pool, asked: Asked, suggestions: Sequence[Suggestion], *, model: str) -> Pushed:
        return self.oracle.push(pool, asked, suggestions, model=model)

    def pull(self, since: str | None = None) -> tuple[list[Answer], str]:
        return self.oracle.pull(since)

    def skip_all(self) -> None:
        self.oracle = Oracle(self.truth, CLASSES, Habits(skips=0.999999), seed=1)

    def answer_all(self) -> None:
        self.oracle = Oracle(self.truth, CLASSES, seed=1)


@pytest.fixture
def people(truth: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[People]:
    monkeypatch.chdir(tmp_path)
    someone = People(truth)
    monkeypatch.setattr("activessl.session.annotator_of", lambda project, people=None: someone.oracle)
    monkeypatch.setattr("activessl_cli.next_step._first", lambda project: "")
    yield someone


def _next(told: str) -> str:
    """The last line of a verb, without what people do by hand."""
    (line,) = re.findall(r"^next: (.*)$", told, re.M)
    command = line.split(", then ")[-1]
    assert command.startswith("activessl "), line
    return command


def test_whoever_always_does_what_the_last_line_says_gets_to_the_report(
    people: People, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("init", "photos", "--classes", "light,dark", "--query-size", "25") == 0
    done = []
    for _ in range(30):
        command = _next(capsys.readouterr().err)
        done.append(command)
        if command.startswith("activessl report"):
            break
        assert run(*shlex.split(command)[1:]) == 0, command
    rounds = ["activessl query", "activessl push", "activessl pull", "activessl teach"] * 3
    assert done == ["activessl encode", *rounds, "activessl report"]


def test_check_names_each_size_and_encode_names_the_encoder(people: People, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("init", "photos", "--classes", "light,dark") == 0
    capsys.readouterr()
    assert run("check") == 0
    assert "  60 of width 12, height 12, 1 channel\n" in capsys.readouterr().out
    assert run("encode") == 0
    told = capsys.readouterr().out
    assert re.fullmatch(r"60 items embedded as vectors of length \d+ by the encoder patches [0-9a-f]{12}\n", told)


def test_after_a_round_of_skips_only_the_next_step_asks_about_other_items(
    people: People, capsys: pytest.CaptureFixture[str]
) -> None:
    people.skip_all()
    assert run("init", "photos", "--classes", "light,dark", "--query-size", "10") == run("encode") == 0
    assert run("query") == run("push") == 0
    capsys.readouterr()
    assert run("pull") == 0
    assert _next(capsys.readouterr().err) == "activessl query"
    assert run("teach") == 1
    assert "10 items were skipped" in (told := capsys.readouterr().err)
    assert "run `activessl query`" in told
    assert run("status") == 0
    assert _next(capsys.readouterr().err) == "activessl query"
    people.answer_all()
    assert run("query", "--json") == 0
    assert json.loads(capsys.readouterr().out)["round"] == 2


def test_a_round_in_which_every_question_was_skipped_is_named(
    people: People, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("init", "photos", "--classes", "light,dark", "--query-size", "10") == run("encode") == run("round") == 0
    out, err = capsys.readouterr()
    assert "round 1: head trained on 10 labels" in out and err.endswith("next: activessl round\n")
    people.skip_all()
    assert run("round") == 0
    assert "round 2: all 10 questions were skipped; head trained on 10 labels" in capsys.readouterr().out
    assert run("query") == 0
    assert "\n  round 2: all 10 questions were skipped\n" in _status(capsys)[1]
    people.answer_all()
    assert run("round") == 0
    assert "round 3: head trained on 20 labels" in capsys.readouterr().out
    assert "skipped\n" not in _status(capsys)[1]


def test_a_first_round_in_which_every_question_was_skipped_is_named_before_the_next_begins(
    people: People, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("init", "photos", "--classes", "light,dark", "--query-size", "5") == run("encode") == run("query") == 0
    people.skip_all()
    close = Session.close

    def answer_then(session: Session, why: str, *, round: int | None = None) -> None:
        people.answer_all()
        close(session, why, round=round)

    monkeypatch.setattr(Session, "close", answer_then)
    monkeypatch.setattr("activessl.session.annotator_of", lambda project, given=None: given or people)
    assert run("round") == 0
    out, err = capsys.readouterr()
    assert "round 1: all 5 questions were skipped\n" in err
    assert "round 2: head trained on 5 labels" in out


def test_a_size_for_a_round_that_is_open_is_said_to_count_for_the_next_one(
    people: People, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("init", "photos", "--classes", "light,dark", "--query-size", "10") == run("encode") == run("query") == 0
    capsys.readouterr()
    assert run("query", "--size", "5") == 0
    out, err = capsys.readouterr()
    assert "round 1: 10 items" in out
    assert "round 1 is still open: the options were not used" in err and "--close" in err
    assert run("query") == 0
    assert "still open" not in capsys.readouterr().err  # whoever asks for nothing else is not told
    assert run("query", "--size", "5", "--close") == 0
    out, err = capsys.readouterr()
    assert "round 2: 5 items" in out and "still open" not in err


def _status(capsys: pytest.CaptureFixture[str]) -> tuple[dict[str, Any], str]:
    capsys.readouterr()
    assert run("status", "--json") == 0
    values = json.loads(capsys.readouterr().out)
    assert run("status") == 0
    return values, capsys.readouterr().out


def test_status_notices_data_that_were_renamed_away(
    people: People, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("init", "photos", "--classes", "light,dark") == run("encode") == run("query") == 0
    (tmp_path / "photos").rename(tmp_path / "pictures")
    values, text = _status(capsys)
    assert values["data"] == {"there": False, "new": 0, "gone": 60}
    assert "photos does not exist: restore it, or correct data.path in activessl.toml" in text
    assert values["next"] == "restore the data, or correct data.path in activessl.toml"
    (tmp_path / "pictures").rename(tmp_path / "photos")
    assert _status(capsys)[0]["data"] == {"there": True, "new": 0, "gone": 0}


def test_status_counts_files_that_came_and_went(
    people: People, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "photos" / "broken.png").write_bytes(b"no picture")
    assert run("init", "photos", "--classes", "light,dark", "--query-size", "10") == run("encode") == 0
    assert _status(capsys)[0]["data"] == {"there": True, "new": 0, "gone": 0}  # what cannot be read is not new
    for i in range(20):
        (tmp_path / "photos" / f"{i:03}.png").unlink()
        _image(tmp_path / "photos" / f"new{i:03}.png", 100 + i, dark=bool(i % 2))
        people.truth[f"new{i:03}.png"] = CLASSES[i % 2]
    people.answer_all()
    values, text = _status(capsys)
    assert values["data"] == {"there": True, "new": 20, "gone": 20}
    assert values["next"] == "activessl encode"
    assert "20 new files since the pool was encoded; 20 encoded items missing" in text
    assert run("encode") == 0
    values, _ = _status(capsys)
    assert values["data"] == {"there": True, "new": 0, "gone": 0}
    assert values["encoded"]["items"] == 60
    assert run("round") == 0


def test_how_far_the_random_labels_are_is_said_and_what_brings_more(
    people: People, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("init", "photos", "--classes", "light,dark", "--query-size", "20") == run("encode") == 0
    assert run("round") == 0
    values, text = _status(capsys)
    assert values["accuracy"] is None
    if values["random_labels"] < 10:  # a first round of `auto` may be left to chance as a whole
        assert f"{values['random_labels']} of 10 random labels" in text
    assert random_labels_text(8, 2.0) == "not measured yet: 8 of 10 random labels, about 1 more round is needed"
    assert "--strategy random" in random_labels_text(2, 2.0)
    assert "--strategy random" in random_labels_text(2, 0.0)


def _judged(needed: int | None, left: int) -> Judged:
    return Judged((Acceptance(0.05, 0.1, None, 0, 20, 0, needed),), (), (), "look", 1, halved=False, newer=0, left=left)


def test_an_acceptance_names_the_command_only_if_so_many_random_labels_can_be_had() -> None:
    assert _judged(60, left=40).more == 40
    assert "`activessl query --strategy random --size 40` asks people to label them" in _judged(60, left=40).to_text()
    assert _judged(61, left=40).more is None
    assert "only 40 more items can be labeled" in _judged(61, left=40).to_text()
    assert "pass a larger --error" in _judged(61, left=40).to_text()
    assert _judged(None, left=40).more is None


def test_a_hint_speaks_of_other_items_only_after_some_were_asked_about(
    people: People, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("init", "photos", "--classes", "light,dark", "--query-size", "10") == run("encode") == 0
    for verb in (("teach",), ("accept", "--error", "0.05")):
        capsys.readouterr()
        assert run(*verb) == 1
        assert capsys.readouterr().err.endswith("no labels yet\n hint: run `activessl query` to ask about items\n")
    people.skip_all()
    assert run("query") == run("push") == run("pull") == 0
    capsys.readouterr()
    assert run("teach") == 1
    assert "hint: run `activessl query` to ask about other items\n" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "says"), [(("--error", "5"), "an error of 5.0"), (("--error", "0.1", "--delta", "2"), "a delta of 2.0")]
)
def test_a_share_that_accept_cannot_use_is_named(
    people: People, capsys: pytest.CaptureFixture[str], option: tuple[str, ...], says: str
) -> None:
    assert run("init", "photos", "--classes", "light,dark") == run("encode") == run("round") == 0
    capsys.readouterr()
    assert run("accept", *option) == 1
    assert f"error: {says} is not between 0 and 1\n hint: pass a value between 0 and 1\n" in capsys.readouterr().err


def test_the_limit_of_labels_counts_for_what_an_acceptance_asks_for(
    people: People, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("init", "photos", "--classes", "light,dark", "--query-size", "20") == run("encode") == 0
    assert run("query", "--strategy", "random") == run("push") == run("pull") == run("teach") == 0
    assert judge(Snapshot.of(Project.open(tmp_path)), error=0.05, delta=0.1, per_class=False, audit=0).left == 40
    config = tmp_path / "activessl.toml"
    text = re.sub(r"^#? ?labels = .*$", "labels = 25", config.read_text(encoding="utf-8"), flags=re.M)
    assert "labels = 25" in text
    config.write_text(text, encoding="utf-8")
    assert judge(Snapshot.of(Project.open(tmp_path)), error=0.05, delta=0.1, per_class=False, audit=0).left == 5


def test_where_random_labels_are_missing_the_command_that_draws_them_is_named(
    people: People, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("init", "photos", "--classes", "light,dark", "--query-size", "20") == 0
    config = tmp_path / "activessl.toml"
    text = re.sub(r"random_share = [0-9.]+", "random_share = 0.0", config.read_text(encoding="utf-8"))
    assert "random_share = 0.0" in text
    config.write_text(text, encoding="utf-8")
    assert run("encode") == run("query", "--strategy", "max_herding") == run("push") == run("pull") == 0
    assert run("teach") == 0
    _, text = _status(capsys)
    assert "no random labels; draw some with `activessl query --strategy random`" in text
