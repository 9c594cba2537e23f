"""Folders of earlier versions open, say what they said, and lose nothing; those of newer ones are refused by name."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from activessl import Session
from activessl.annotators.base import Asked, Pushed
from activessl.errors import ConfigError, LedgerError
from activessl.labels.answers import Answer
from activessl.ledger.schema import EVENT, FORMAT
from activessl.ledger.upgrade import upgrade

DATA = Path(__file__).parents[2] / "data" / "projects"
OLD = DATA / "aed2e2a"


def made() -> Any:
    spec = importlib.util.spec_from_file_location("make_projects", DATA / "make.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(params=["single", "several"])
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    shutil.copytree(OLD / request.param, tmp_path / "old")
    return tmp_path / "old"


def bodies(ledger: Path) -> list[str]:
    with sqlite3.connect(ledger) as connection:
        return [row[0] for row in connection.execute("select body from events order by seq")]


def test_a_folder_of_format_1_says_what_it_said_then(old: Path) -> None:
    session = Session.open(old / "p")
    session.encode()  # its vectors are a cache, and were not kept
    then, now = json.loads((old / "said.json").read_text()), json.loads(json.dumps(made().said(session)))
    # figures are computed by libraries of today
    for name in ("audit", "certainty", "people"):
        a, b = then.pop(name), now.pop(name)
        if name == "audit":
            # today the lower end allows for labels that were given with a suggestion selected, and both ends for drawn
            # items that were skipped
            assert b.pop(1) < a.pop(1) and b.pop(1) >= a.pop(1)
        if isinstance(a, dict):
            assert a.keys() == b.keys()
            a, b = list(a.values()), list(b.values())
        np.testing.assert_allclose(np.ravel(b), np.ravel(a), atol=2e-3)
    # what is suspect is another estimate today: of mistakes, more are found
    assert len(set(then.pop("suspects")) - set(now.pop("suspects"))) <= 2
    assert now == then


def test_what_was_written_stays_as_it_was_written(old: Path) -> None:
    before = bodies(old / "p" / "ledger.db")
    session = Session.open(old / "p")
    session.encode()
    session.close("a line more")
    after = bodies(old / "p" / "ledger.db")
    assert after[: len(before)] == before
    assert all(f'"format":{FORMAT}' in body for body in after[len(before) :])


def test_every_field_of_an_old_event_is_in_the_new_one(old: Path) -> None:
    gone = {"items", "groups", "item_id", "group"}  # now in `questions`, `item`, `question`, `asking`, `cluster`
    for raw in map(json.loads, bodies(old / "p" / "ledger.db")):
        new = EVENT.dump_python(EVENT.validate_python(upgrade(raw, FORMAT)), mode="json")
        assert raw.keys() - gone <= new.keys(), raw["kind"]
        for field, value in raw.items():
            if field in new and field not in ("answer", "checks"):
                if raw["kind"] == "accepted" and field == "items":  # one class stood by its name, several by a list
                    value = [{"classes": [one.pop("label")], **one} if "label" in one else one for one in value]
                assert json.loads(json.dumps(new[field])) == value, (raw["kind"], field)
        if raw["kind"] == "queried" and not raw.get("groups"):
            assert [q["id"] for q in new["questions"]] == [i["id"] for i in raw["items"]]
            assert [q["propensity"] for q in new["questions"]] == [i["propensity"] for i in raw["items"]]
        if raw["kind"] == "queried" and raw.get("groups"):
            assert [(q["id"], q["proposed"], q["items"]) for q in new["questions"]] == [
                (g["id"], g["label"], g["items"]) for g in raw["groups"]
            ]


def test_what_a_cluster_sent_back_is_known_without_its_sentence(old: Path) -> None:
    history = Session.open(old / "p").project.history()
    back = {q.item for r in history.rounds for q in r.questions if q.sent_back}
    apart = {a.item for a in history.answers.values() if a.kind == "apart"}
    assert back <= apart and bool(back) == bool(apart)


def test_the_first_write_keeps_a_copy_of_ledger_and_config_as_they_were(old: Path) -> None:
    folder = old / "p"
    before, config = bodies(folder / "ledger.db"), (folder / "activessl.toml").read_bytes()
    session = Session.open(folder)
    assert session.project.history().labels  # reading writes nothing
    assert not list(folder.glob("*.format-1*"))
    session.encode()
    assert bodies(folder / "ledger.db.format-1") == before
    assert (folder / "activessl.toml.format-1").read_bytes() == config
    assert Session.open(folder).project.own == session.project.own
    session.close("a line more")
    assert bodies(folder / "ledger.db.format-1") == before, "a later write leaves the copy alone"


def test_comments_of_the_config_survive_and_a_renamed_key_keeps_its_value(tmp_path: Path) -> None:
    shutil.copytree(OLD / "single", tmp_path / "old")
    path = tmp_path / "old" / "p" / "activessl.toml"
    path.write_text(path.read_text() + "# ask Ann before you change this\n")
    session = Session.open(tmp_path / "old" / "p")
    assert [stage.recall for stage in session.project.own.stages] == [None, 0.99]
    session.encode()
    now = path.read_text()
    assert "# ask Ann before you change this" in now and "recall = 0.99" in now and "found = " not in now
    assert now.startswith("# made by `activessl init`; yours to edit")


def test_an_open_task_of_an_old_round_is_answered_as_the_question_that_it_was(tmp_path: Path) -> None:
    shutil.copytree(OLD / "single", tmp_path / "old")
    session = Session.open(tmp_path / "old" / "p")
    session.encode()
    history = session.project.history()
    again = next(q for r in history.rounds for q in r.questions if q.asking > 1)

    class Old:
        """The annotators' side knows the id of the task only."""

        def push(self, *_: object, **__: object) -> Pushed:
            raise AssertionError

        def pull(self, since: str | None = None) -> tuple[list[Answer], str]:
            at = next(iter(history.answers.values())).at
            return [Answer("k", "s", again.id, "label", ("ant",), "zoe", 1.0, at, question=again.id)], "mark"

    assert isinstance(Asked((again,)).ids, tuple)
    session.pull(Old())
    answer = session.project.history().answers["s"]
    assert (answer.item, answer.question, answer.asking) == (again.item, again.id, again.asking)
    assert again.id not in session.project.history().labels


def test_a_newer_ledger_and_a_newer_config_are_refused_by_name(tmp_path: Path) -> None:
    shutil.copytree(OLD / "single", tmp_path / "old")
    folder = tmp_path / "old" / "p"
    with sqlite3.connect(folder / "ledger.db") as connection:
        body = json.dumps({"format": FORMAT + 1, "kind": "pulled", "watermark": "x"})
        connection.execute(
            "insert into events (at, kind, key, body) values (?, ?, ?, ?)",
            ("2026-11-29T00:00:00+00:00", "pulled", "pulled:x", body),
        )
    with pytest.raises(LedgerError, match=f"format {FORMAT + 1}, written by a newer activessl") as caught:
        Session.open(folder).project.history()
    assert "update activessl" in caught.value.hint
    path = folder / "activessl.toml"
    path.write_text(f"format = 99\n{path.read_text()}")
    with pytest.raises(ConfigError, match="format 99"):
        Session.open(folder)
