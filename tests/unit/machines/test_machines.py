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
    assert told(capsys)["withdrawn"] == 240
    assert run("teach", "-p", "p", "--json") == 0
    assert told(capsys)["machines"] == [] and len(session.project.history().labels) == 30
    assert run("machines", "ask", "nobody", "-p", "p") == 1
    assert "no machine 'nobody'" in capsys.readouterr().err


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
