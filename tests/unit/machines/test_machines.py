"""Machines on this computer, from activessl.toml to the head, by the verbs that people use."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from activessl import Session
from activessl.annotators.oracle import Oracle
from activessl.ledger.fold import fold
from activessl.project.snapshot import Snapshot
from activessl_cli.main import run

CLASSES = ("left", "right", "up", "front", "back", "top")
RNG = np.random.default_rng(0)
Y = RNG.integers(6, size=240)
X = (1.3 * np.eye(6, 24)[Y] + 0.6 * RNG.normal(size=(240, 24))).astype(np.float32)
SAID = np.where(RNG.random(240) < 0.9, Y, (Y + 1) % 6)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    np.savez("pool.npz", vectors=X)
    assert run("init", "pool.npz", "-p", "p", "--classes", ",".join(CLASSES), "--query-size", "30") == 0
    assert run("encode", "-p", "p") == 0
    truth = {f"pool:{i}": CLASSES[k] for i, k in enumerate(Y)}
    oracle = Oracle(truth, CLASSES)
    monkeypatch.setattr("activessl.session.annotator_of", lambda project, people=None: oracle)
    return tmp_path / "p"


def table(path: Path, said: np.ndarray, rows: int = 240) -> None:
    with path.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(["id", "class"])
        writer.writerows([f"pool:{i}", CLASSES[said[i]]] for i in range(rows))


def add(project: Path, section: str) -> None:
    with (project / "activessl.toml").open("a", encoding="utf-8") as out:
        out.write("\n" + section + "\n")


def told(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


@pytest.mark.slow
def test_a_table_is_asked_measured_heeded_and_withdrawn(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table(project / "said.csv", SAID, 230)
    add(project, '[machines.old]\nkind = "table"\npath = "said.csv"')
    capsys.readouterr()
    assert run("machines", "-p", "p") == 0
    shown = capsys.readouterr()
    assert "old: not asked yet" in shown.out and "next: activessl machines ask --project p old" in shown.err
    assert run("machines", "ask", "old", "--items", "100", "-p", "p", "--json") == 0
    assert {**told(capsys), "why": ""}["left"] == 140
    assert run("machines", "ask", "old", "-p", "p", "--json") == 0
    assert {k: v for k, v in told(capsys).items() if k in ("asked", "left")} == {"asked": 140, "left": 0}
    assert run("query", "-p", "p") == run("push", "-p", "p") == run("pull", "-p", "p") == 0
    capsys.readouterr()
    assert run("teach", "-p", "p", "--json") == 0
    assert told(capsys)["machines"] == ["old"]

    session = Session.open(project)
    history = session.project.history()
    snapshot = Snapshot.of(session.project)
    assert snapshot.decided is not None and np.mean(snapshot.decided == Y) > 0.6
    assert "+old" in history.model  # in Label Studio, the name of the model says whose suggestion it is
    capsys.readouterr()
    assert run("explain", "pool:0", "-p", "p", "--json") == 0
    (one,) = told(capsys)["items"]
    parts = [label["weight"] for label in (*one["for"], *one["against"])] + [one["own_label"] or 0.0, one["rest"]]
    assert one["machines"] == ["old"] and sum(parts) + one["from_machines"] == pytest.approx(one["score"])
    assert abs(one["from_machines"]) > 0.1  # not told as if labels had said it
    # answers of machines are no labels, and no export has them among the labels of people
    assert len(history.labels) == 30 and not history.machine
    assert run("export", "labels.csv", "-p", "p") == 0
    with Path("labels.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert sum(row["source"] == "person" for row in rows) == 30
    assert not any("old" in value for row in rows for value in row.values() if isinstance(value, str))

    capsys.readouterr()
    assert run("machines", "-p", "p", "--json") == 0
    figures = told(capsys)["old"]
    assert figures["answered"] == 230 and figures["none"] == 10 and figures["heeded"]
    assert figures["reliability"]["asked"] > 0 and 0.1 < figures["reliability"]["share"] <= 1.0
    assert run("machines", "withdraw", "old", "-p", "p", "--json") == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["withdrawn"] == 240 and "next: activessl teach" in shown.err
    # the model in use was taught with answers that are gone: no figure pretends to be about them
    assert run("machines", "-p", "p") == run("roi", "-p", "p") == 0
    shown = capsys.readouterr()
    assert "old: its answers were withdrawn; the model in use was taught with them" in shown.out
    assert "they saved   not known, because labels or machines changed since the model was taught" in shown.out
    assert run("teach", "-p", "p", "--json") == 0
    assert told(capsys)["machines"] == [] and len(session.project.history().labels) == 30
    assert run("machines", "ask", "nobody", "-p", "p") == 1
    assert "no machine 'nobody'" in capsys.readouterr().err


@pytest.mark.slow
def test_a_machine_at_chance_and_one_that_says_one_class_change_nothing(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("query", "-p", "p") == run("push", "-p", "p") == run("pull", "-p", "p") == run("teach", "-p", "p") == 0
    before = Snapshot.of(Session.open(project).project).probs
    table(project / "noise.csv", np.random.default_rng(7).integers(6, size=240))
    table(project / "same.csv", np.zeros(240, dtype=int))
    for name in ("noise", "same"):
        add(project, f'[machines.{name}]\nkind = "table"\npath = "{name}.csv"')
        assert run("machines", "ask", name, "-p", "p") == 0
    assert run("teach", "-p", "p") == 0
    after = Snapshot.of(Session.open(project).project).probs
    assert before is not None and after is not None and np.allclose(before, after, atol=1e-3)
    capsys.readouterr()
    assert run("machines", "-p", "p") == 0
    assert "same: says 'left' always, which counts as no answer" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("section", "word"),
    [
        ('kind = "table"', "has no path"),
        ('kind = "table"\npath = "gone.csv"', "there is no"),
        ('kind = "oracle"', "unknown kind of machine"),
        ('kind = "rules"\nrules = { up = ["high"] }', "reads text"),
        ('kind = "rules"\nrules = { down = ["low"] }', "no class"),
        ('kind = "function"\nfunction = "gone"', "unknown function"),
        ('kind = "model"\npath = "."', "no complete model"),
        ('kind = "zero_shot"\nmodel = "minilm-l6"', "reads text"),
        ('kind = "table"\npath = "twice.csv"', "twice"),
        ('kind = "table"\npath = "empty.csv"', "no column of ids"),
        ('kind = "table"\npath = "said.csv"\nbudget = 2.0', "without rates.currency"),
    ],
)
def test_a_machine_that_cannot_be_asked_is_a_clear_word(
    project: Path, capsys: pytest.CaptureFixture[str], section: str, word: str
) -> None:
    (project / "twice.csv").write_text("id,class\na,left\na,left\n")
    (project / "empty.csv").write_text("name,size\na,1\n")
    add(project, f"[machines.m]\n{section}")
    capsys.readouterr()
    assert run("machines", "ask", "m", "-p", "p") == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert word in lines[-2] and lines[-1].startswith(" hint: ")


def test_answers_survive_a_ledger_that_is_folded_twice(project: Path) -> None:
    table(project / "said.csv", SAID)
    add(project, '[machines.old]\nkind = "table"\npath = "said.csv"')
    assert run("machines", "ask", "old", "-p", "p") == 0
    opened = Session.open(project).project
    with opened.ledger() as ledger:
        events = list(ledger)
    once, twice = (fold(found, classes=CLASSES) for found in (events, events + events))
    assert once == twice and once.said["old"].spent.answers == 240 and once.labels == {}
    assert once.digest() != fold(events[:-1], classes=CLASSES).digest()


def test_words_speak_for_classes() -> None:
    from activessl.machines.base import Setting
    from activessl.machines.rules import rules_of
    from activessl.project.config import MachineConfig

    class Texts:
        def row(self, item: str) -> int:
            return int(item)

        def read(self, row: int) -> str:
            return ["WIN a prize now", "prizes are no prize-word", "see you", "(win) + prize 50%"][row]

    config = MachineConfig(kind="rules", rules={"spam": ("win", "prize", "50%"), "ham": ("you",)})
    machine = rules_of(Setting("m", config, ("ham", "spam"), Path(), "text"))
    said = [one for batch in machine.ask(Texts(), ["0", "1", "2", "3"]) for one in batch]  # type: ignore[arg-type]
    assert [one.scores for one in said] == [(0.0, 1.0), (0.0, 1.0), (1.0, 0.0), (0.0, 1.0)]


@pytest.mark.slow
def test_answers_are_read_with_the_classes_of_now(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng, path = np.random.default_rng(3), project / "said.csv"
    shares = np.eye(6)[SAID] * 0.6 + rng.dirichlet(np.ones(6), size=240) * 0.4
    merged = np.hstack([shares[:, :2].sum(axis=1, keepdims=True), shares[:, 2:]])

    def shares_now() -> Any:
        return Snapshot.of(Session.open(project).project).machine_shares["old"]

    with path.open("w", newline="", encoding="utf-8") as out:
        csv.writer(out).writerows([["id", *CLASSES], *([f"pool:{i}", *row] for i, row in enumerate(shares))])
    add(project, '[machines.old]\nkind = "table"\npath = "said.csv"')
    assert run("machines", "ask", "old", "-p", "p") == 0
    first = Session.open(project).project.history().said["old"].version
    assert run("classes", "rename", "left", "port", "-p", "p") == 0
    assert np.allclose(shares_now(), shares, atol=1e-5)  # by a rename, no share may move to another class
    assert run("machines", "ask", "old", "-p", "p") == 0  # the file has the names of before
    version = Session.open(project).project.history().said["old"].version
    assert np.allclose(shares_now(), shares, atol=1e-5)
    assert run("classes", "merge", "port", "right", "--into", "side", "-p", "p") == 0
    assert np.allclose(shares_now(), merged, atol=1e-5)
    assert run("machines", "ask", "old", "-p", "p") == 0
    assert np.allclose(shares_now(), merged, atol=1e-5)
    assert run("classes", "undo", "-p", "p") == 0
    assert np.isnan(shares_now()[SAID < 2]).all()  # which of both it is, nobody said
    assert run("classes", "undo", "-p", "p") == 0
    capsys.readouterr()
    assert run("machines", "ask", "old", "-p", "p", "--json") == 0
    assert told(capsys)["asked"] == 0  # nothing is paid for twice
    now = Session.open(project).project.history().said["old"]
    assert now.version == first != version and now.classes == CLASSES  # the answers of these classes are used again
    assert np.allclose(shares_now(), shares, atol=1e-5)
    assert run("classes", "split", "up", "--into", "above", "--into", "over", "-p", "p") == 0
    assert np.isnan(shares_now()).all(axis=1)[SAID == 2].all() and np.isfinite(shares_now()[SAID != 2]).all()


def test_rules_outlive_a_change_of_the_classes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text("text\n" + "".join(f"win {i}\nlunch {i}\n" for i in range(10)))
    assert run("init", "t.csv", "-p", "p", "--classes", "spam,ham") == 0
    add(tmp_path / "p", '[machines.m]\nkind = "rules"\nrules = { spam = ["win"], ham = ["lunch"] }')
    assert run("classes", "rename", "spam", "junk", "-p", "p") == 0
    capsys.readouterr()
    assert run("machines", "ask", "m", "-p", "p", "--json") == 0
    assert told(capsys)["answered"] == 20
    assert Session.open(tmp_path / "p").project.history().said["m"].classes == ("junk", "ham")
    assert run("classes", "split", "junk", "--into", "ads", "--into", "fraud", "-p", "p") == 0
    assert run("status", "-p", "p") == 0
    capsys.readouterr()
    assert run("machines", "ask", "m", "-p", "p") == 1
    assert "has 'spam', which is no class" in capsys.readouterr().err
