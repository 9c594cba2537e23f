"""What a tracker gets, and addresses that are refused before anything is sent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from activessl.annotators.oracle import Oracle
from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl.project.snapshot import Snapshot
from activessl.reports.tracked import Tracked, tracked
from activessl.session import Session
from activessl_cli.main import run

CLASSES = ("left", "right")


@pytest.fixture
def session(tmp_path: Path) -> Session:
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    np.savez(tmp_path / "pool.npz", vectors=4 * np.eye(2, 5)[y] + rng.normal(size=(60, 5)))
    config = check_config(
        {
            "data": {"path": "../pool.npz", "modality": "vector", "classes": list(CLASSES)},
            "query": {"size": 10},
            "rates": {"per_hour": 20.0, "currency": "EUR"},
        }
    )
    made = Session(Project.create(tmp_path / "p", config, version="0"))
    made.encode()
    return made


def test_the_figures_of_a_round_stay_the_same_and_those_of_now_are_at_the_newest_round(session: Session) -> None:
    oracle = Oracle({f"pool:{i}": CLASSES[i % 2] for i in range(60)}, CLASSES)

    def said() -> Tracked:
        return tracked(Snapshot.of(session.project))

    assert said().figures == ()
    session.round(oracle)
    one = said()
    assert one.figures == said().figures  # also the times: repeating it writes nothing new
    assert {f.name for f in one.figures} >= {"labels", "seconds_of_people", "hours", "cost"}
    assert one.settings["classes"] == "left, right" and one.settings["items"] == "60"
    session.round(oracle)
    two = said()
    assert two.project == one.project
    of_first = [f for f in one.figures if f.name in ("labels", "seconds_of_people")]
    assert set(of_first) <= set(two.figures)
    assert {f.step for f in two.figures if f.name == "hours"} == {2}


@pytest.mark.parametrize(
    ("address", "said"),
    [
        (None, "no address of an MLflow server"),
        ("mlruns", "mlruns is not the address of a server"),
        ("sqlite:///a.db", "sqlite:///a.db is not the address of a server"),
    ],
)
def test_what_is_no_server_is_refused(
    session: Session,
    address: str | None,
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    given = [] if address is None else ["--tracking", address]
    assert run("export", "mlflow", *given, "-p", str(session.project.folder)) == 1
    assert f"error: {said}" in capsys.readouterr().err
