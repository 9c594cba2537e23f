"""One figure each: the labeling time and the accuracy are the same wherever they are shown or decide."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from activessl import Answer, Session
from activessl.annotators.oracle import Habits, Oracle
from activessl.measuring.planning.times import labeling_hours
from activessl.project.config import check_config
from activessl.project.data_now import data_now
from activessl.project.folder import Project
from activessl.project.snapshot import Snapshot
from activessl.proof.estimates import Evidence
from activessl.proof.forecast import Forecast
from activessl.proof.gates import judge_stage
from activessl.proof.measured import Measured, accuracy_on_test_data
from activessl.proof.stopping import stop_now
from activessl.reports.sections.rounds import Rounds
from activessl.reports.status import Status
from activessl.reports.wording import percent, plan_lines

NAMES = ("a", "b", "c")


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """A project with test data, prices, skips, idle screens and answers without a time."""
    folder: Path = tmp_path_factory.mktemp("one")
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 700)
    x = (2.2 * np.eye(3)[y] + rng.normal(size=(700, 3))).astype(np.float32)
    np.savez(folder / "pool.npz", vectors=x[:500])
    np.savez(folder / "test.npz", vectors=x[500:], labels=np.array(NAMES)[y[500:]])
    config = check_config(
        {
            "data": {"path": "../pool.npz", "modality": "vector", "classes": NAMES, "test": "../test.npz"},
            "query": {"size": 20, "random_share": 0.5},
            "rates": {"per_hour": 36.0, "currency": "EUR", "per_point": 5.0},
            "stop": {"accuracy": 0.99, "hours": 100.0},
            "stages": [{"name": "pilot", "accuracy": 0.5}],
        }
    )
    session = Session(Project.create(folder / "project", config, version="0"))
    session.encode()
    people = Absent({f"pool:{i}": NAMES[y[i]] for i in range(500)}, NAMES, Habits(skips=0.1, seconds=6.0), seed=1)
    for _ in range(3):
        session.round(people)
    return session


class Absent(Oracle):
    """People who leave the screen open now and then, and whose tool forgets some times."""

    def pull(self, since: str | None = None) -> tuple[list[Answer], str | None]:
        answers, mark = super().pull(since)
        odd = {2: 1500.0, 7: None}
        return [replace(a, seconds=odd.get(i % 11, a.seconds)) for i, a in enumerate(answers)], mark


def status_of(snapshot: Snapshot) -> Status:
    project = snapshot.project
    return Status(project.config, snapshot.history, Measured(), data_now(project, snapshot.history))


def test_hours_are_the_same_in_status_report_money_plan_and_stop(session: Session) -> None:
    snapshot = Snapshot.of(session.project)
    hours = labeling_hours(snapshot.history.answers.values())
    recorded = sum(a.seconds or 0.0 for a in snapshot.history.answers.values()) / 3600
    assert hours is not None and recorded > 2 * hours  # screens were left open
    evidence = Evidence(snapshot)
    forecast = Forecast(evidence)
    status, report, roi = status_of(snapshot), session.report(), forecast.roi()
    assert status.to_dict()["human_seconds"] == pytest.approx(3600 * hours)
    assert f"{round(60 * hours)} min" in status.to_text() or f"{int(60 * hours)} min" in status.to_text()
    assert report.time is not None and report.time.hours == pytest.approx(hours)
    assert sum(row.human_seconds or 0.0 for row in report.section(Rounds).rows) == pytest.approx(3600 * hours)
    assert roi is not None and roi.labeling == pytest.approx(36 * hours)
    limited = session.project.own.model_dump() | {"stop": {"hours": 0.99 * hours}}
    verdict = stop_now(Snapshot(Project(session.project.folder, check_config(limited)), snapshot.history), evidence)
    assert verdict.stop and "hours" in verdict.why
    limited["stop"] = {"hours": 1.01 * hours}
    assert not stop_now(
        Snapshot(Project(session.project.folder, check_config(limited)), snapshot.history), evidence
    ).stop


def test_accuracy_is_that_on_test_data_wherever_there_are_any(session: Session) -> None:
    snapshot = Snapshot.of(session.project)
    tested = accuracy_on_test_data(snapshot.history)
    assert tested is not None and tested.items == 200
    evidence = Evidence(snapshot)
    plan = Forecast(evidence).plan(0.99)
    assert plan.test_items == 200 and abs((plan.now.middle or 0) - tested.accuracy) < 0.01
    low, high = tested.interval
    assert abs((plan.now.low or 0) - low) < 0.01 and abs((plan.now.high or 0) - high) < 0.01
    decided = judge_stage(evidence, session.project.config.stages[0])
    assert decided.checks[0].value == tested.accuracy
    report, said = session.report(), tested.to_text()
    assert report.to_dict()["test"]["accuracy"] == tested.accuracy
    assert f"accuracy     {said}" in report.to_text() and f"accuracy: {said}" in status_of(snapshot).to_text()
    assert f">{percent(tested.accuracy, 1)}<" in report.to_html().replace("\u00a0", " ")
    worth = Forecast(evidence).worth
    assert worth is not None and abs(1 - worth.error - tested.accuracy) < 0.05
    assert f"{plan.test_items} test items" in dict(plan_lines(plan))["based on"]
