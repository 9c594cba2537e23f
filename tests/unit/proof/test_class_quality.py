"""What a project says of each class: rare ones above all, which the accuracy hides."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from activessl.annotators.oracle import Oracle
from activessl.ledger.schema import Decided
from activessl.measuring.anytime import retested_bounds
from activessl.measuring.quality.classes import class_counts
from activessl.project.config import StageConfig, check_config
from activessl.project.folder import Project
from activessl.project.snapshot import Snapshot
from activessl.proof.estimates import Evidence
from activessl.proof.gates import DELTA, judge_stage
from activessl.reports.sections.classes import Classes
from activessl.reports.wording import check_rows
from activessl.session import Session
from activessl_cli.main import app

KINDS = {True: "test items", False: "random labels"}
CLASSES = ("good", "scratch", "dent")
N = 900


def world(n: int = N, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Vectors of a common class, of a rare one that lies apart, and of a rare one in the middle of the common one."""
    rng = np.random.default_rng(seed)
    y = rng.choice(3, size=n, p=[0.8, 0.12, 0.08])
    centres = np.array([[0, 0], [9, 0], [0, 1.5]], dtype=float) @ np.eye(2, 6)
    return (centres[y] + rng.normal(size=(n, 6))).astype(np.float32), y


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[bool], Path]:
    """Makes the project once, with test data or without."""

    @cache
    def make(test: bool) -> Path:
        folder = tmp_path_factory.mktemp("made")
        project(folder, test=test)
        return folder

    return make


@pytest.fixture
def copied(made: Callable[[bool], Path], tmp_path: Path) -> Callable[[bool], Session]:
    """Opens a copy of it in the test's own folder."""

    def copy(test: bool) -> Session:
        shutil.copytree(made(test), tmp_path, dirs_exist_ok=True)
        return Session.open(tmp_path / "p")

    return copy


def project(folder: Path, *, test: bool) -> Session:
    x, _ = world()
    np.savez(folder / "pool.npz", vectors=x)
    data: dict[str, object] = {"path": "../pool.npz", "modality": "vector", "classes": list(CLASSES)}
    if test:
        tx, ty = world(400, seed=1)
        np.savez(folder / "test.npz", vectors=tx, labels=ty, class_names=np.array(CLASSES))
        data["test"] = "../test.npz"
    config = check_config({"data": data, "query": {"size": 60, "random_share": 0.5}})
    session = Session(Project.create(folder / "p", config, version="0"))
    session.encode()
    truth = {f"pool:{i}": CLASSES[k] for i, k in enumerate(world()[1])}
    people = Oracle(truth, CLASSES, seed=1)
    for _ in range(3):
        session.round(people)
    return session


def by_name(session: Session) -> tuple[Evidence, dict]:
    found = Evidence(Snapshot.of(session.project))
    return found, dict(zip(CLASSES, found.classes, strict=True))


@pytest.mark.slow
def test_test_data_say_how_much_of_each_class_is_found(copied: Callable[[bool], Session]) -> None:
    session = copied(True)
    evidence, found = by_name(session)
    snapshot, (tx, ty) = evidence.snapshot, world(400, seed=1)
    said = snapshot.head.predict_proba(snapshot.points_of(tx)).argmax(axis=1)
    counts = class_counts(ty, said, 3)
    assert evidence.tested == 400
    for k, name in enumerate(CLASSES):
        assert found[name].recall.share == pytest.approx(counts[k, 2] / counts[k, 0])
        assert found[name].precision is None or found[name].precision.share == pytest.approx(
            counts[k, 2] / counts[k, 1]
        )
    assert found["scratch"].recall.share > 0.9 > found["dent"].recall.high

    report = session.report()
    page = report.save(session.project.folder / "reports")
    assert report.section(Classes).rows[0].name == "dent" and report.section(Classes).measured == "on 400 test items"
    assert "lowest recall: dent" in report.to_text()
    shown, dent = page.read_text(encoding="utf-8").replace("\N{NO-BREAK SPACE}", " "), found["dent"].recall
    assert f"{100 * dent.share:.0f} % ({100 * dent.low:.0f}–{100 * dent.high:.0f}), {dent.items}" in shown
    (row,) = (row for row in json.loads(report.to_json())["classes"] if row["name"] == "dent")
    assert row["quality"]["recall"]["share"] == dent.share


@pytest.mark.slow
def test_without_test_data_the_random_share_says_it(copied: Callable[[bool], Session], tmp_path: Path) -> None:
    session = copied(False)
    evidence, found = by_name(session)
    snapshot, y = evidence.snapshot, world()[1]
    said = snapshot.head.predict_proba(snapshot.points).argmax(axis=1)
    counts = class_counts(y, said, 3)
    assert evidence.tested == 0
    for k, name in enumerate(CLASSES):
        share = found[name].recall
        assert share.low - 0.05 <= counts[k, 2] / counts[k, 0] <= share.high + 0.05, name
        assert share.items == int(np.sum(evidence.snapshot.training[1][evidence.random.at] == k))

    evidence.keep()
    again, kept = by_name(session)
    assert kept == found and "said" not in vars(again)  # no head was taught for it anew

    shown = CliRunner().invoke(app, ["status", "-p", str(tmp_path / "p")])
    assert "by class: " in shown.output and "on random labels" in shown.output
    told = json.loads(CliRunner().invoke(app, ["status", "-p", str(tmp_path / "p"), "--json"]).stdout)
    assert told["by_class"]["dent"]["recall"]["share"] == found["dent"].recall.share


@pytest.mark.parametrize("test", [True, False])
def test_a_gate_stays_shut_while_a_class_is_not_found(copied: Callable[[bool], Session], test: bool) -> None:
    session = copied(test)
    evidence, found = by_name(session)

    def judged(bound: float) -> Decided:
        return judge_stage(evidence, StageConfig(name="pilot", recall=bound))

    shut = judged(0.6)
    (check,) = shut.checks
    assert shut.decision == "no-go" and check.sample == f"{found['dent'].recall.items} {KINDS[test]} of dent"
    assert check.high is not None and check.high < 0.6
    assert check_rows(shut.checks)[0][3] == "≥ 60.0 % (lower end)"

    # between the ends of the interval nobody knows; below both it is met by all
    between = judged(max(0.01, found["dent"].recall.high - 0.01))
    (check,) = between.checks
    assert between.decision == "open" and check.low is not None
    assert check.low <= min(quality.recall.low for quality in found.values())  # it holds over all looks at the gate
    assert check.low == 0 or judged(check.low * 0.9).decision == "go"


def test_each_model_that_was_tested_on_the_same_data_makes_a_gate_stricter(copied: Callable[[bool], Session]) -> None:
    session = copied(True)
    stage = StageConfig(name="pilot", accuracy=0.5, recall=0.05)

    def judged() -> Decided:
        return judge_stage(Evidence(Snapshot.of(session.project)), stage)

    first = judged()
    with session.project.ledger() as ledger:
        ledger.append([first.model_copy(update={"model": f"model {k}", "turn": first.turn + k}) for k in range(9)])
    later = judged()
    for before, after in zip(first.checks, later.checks, strict=True):
        assert before.value == after.value
        assert after.low < before.low and after.high > before.high
    # with 10 models each gets a part of the probability, and the same model again gets no other
    assert [(check.low, check.high) for check in judged().checks] == [(c.low, c.high) for c in later.checks]
    accuracy, recall = first.checks
    assert (accuracy.low, accuracy.high) == retested_bounds(round(accuracy.value * 400), 400, 1, DELTA)
    assert recall.sample.endswith("of dent")


def test_classes_that_the_interval_leaves_open_are_not_said_to_be_below(copied: Callable[[bool], Session]) -> None:
    evidence, found = by_name(copied(True))
    lowest = min(found.values(), key=lambda quality: quality.recall.share).recall
    between = judge_stage(evidence, StageConfig(name="pilot", recall=(lowest.share + lowest.high) / 2))
    assert between.checks[0].passed is None and between.decision == "open"


def test_a_gate_does_not_open_on_a_class_that_nobody_saw(copied: Callable[[bool], Session], tmp_path: Path) -> None:
    session = copied(True)
    np.savez(tmp_path / "test.npz", vectors=world(400, seed=1)[0][:20], labels=np.zeros(20, dtype=int))
    session.teach()
    decided = judge_stage(Evidence(Snapshot.of(session.project)), StageConfig(name="pilot", recall=0.5))
    assert decided.decision == "open" and decided.checks[0].sample == "no scratch among the test items"


def test_before_enough_random_labels_nothing_is_said_of_classes(tmp_path: Path) -> None:
    x, y = world()
    np.savez(tmp_path / "pool.npz", vectors=x)
    config = check_config(
        {
            "data": {"path": "../pool.npz", "modality": "vector", "classes": list(CLASSES)},
            "query": {"size": 20, "random_share": 0.1},
        }
    )
    session = Session(Project.create(tmp_path / "p", config, version="0"))
    session.encode()
    session.round(Oracle({f"pool:{i}": CLASSES[k] for i, k in enumerate(y)}, CLASSES))
    assert Evidence(Snapshot.of(session.project)).classes == ()
    report = session.report()
    page = report.save(session.project.folder / "reports")
    assert report.section(Classes).measured == "" and "Found:" not in page.read_text(encoding="utf-8")
    assert "by class" not in report.to_text()
