"""What is shown without the model's answer says how far people follow it, and what seeing it saves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from activessl import Answer, Session
from activessl.annotators.base import Asked, Pushed, Suggestion
from activessl.annotators.oracle import Habits, Oracle
from activessl.errors import MeasureError
from activessl.labels.questions import Question
from activessl.measuring.quality.anchoring import anchoring
from activessl.pool.pool import Pool
from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl.project.snapshot import Snapshot
from activessl.reports.gather import project_report
from activessl.reports.sections.hours import Hours

CLASSES = ("x", "y", "z")


class Follower(Oracle):
    """Says whatever is selected already, in half the time; where nothing is, the truth."""

    def _answer(self, turn: int, item: str, question: Question, suggested: str | None) -> Answer:
        said = super()._answer(turn, item, question, suggested)
        if said.suggested is None:
            return said
        return replace(said, classes=(said.suggested,), seconds=(said.seconds or 0.0) / 2)


def project(tmp_path: Path, blind: float, above: float = 0.0) -> tuple[Session, dict[str, str]]:
    rng = np.random.default_rng(0)
    truth = rng.integers(3, size=400)
    vectors = 1.3 * np.eye(3, 8)[truth] + rng.normal(size=(400, 8))  # so that the model is often wrong
    np.savez(tmp_path / "pool.npz", vectors=vectors.astype(np.float32))
    config = check_config(
        {
            "data": {"path": "../pool.npz", "modality": "vector", "classes": CLASSES},
            "annotator": {"blind_share": blind, "suggest_above": above},
            "query": {"size": 40},
        }
    )
    session = Session(Project.create(tmp_path / "p", config, version="0"))
    session.encode()
    return session, {item: CLASSES[k] for item, k in zip(session.project.pool().ids, truth, strict=True)}


@pytest.mark.slow
def test_somebody_who_follows_the_model_is_found_out_and_the_time_that_it_saves_too(tmp_path: Path) -> None:
    session, truth = project(tmp_path, blind=0.4)
    person = Follower(truth, CLASSES, Habits(spread=0.2))
    for _ in range(5):
        session.round(person)
    history = session.project.history()
    rounds = history.rounds[1:]  # before the first nothing could be shown
    chosen = {q.item for r in rounds for q in r.questions} - history.drawn  # all random items are blind
    unseen = {item: name for r in rounds for push in r.pushed for item, name in push.unseen.items()}
    assert {q.item for r in rounds for q in r.questions if q.kind == "random"} <= unseen.keys()
    unseen = {item: name for item, name in unseen.items() if item in chosen}
    assert 0.25 < len(unseen) / len(chosen) < 0.55
    found = project_report(Snapshot.of(session.project)).section(Hours).anchoring
    assert found is not None
    assert (found.blind, found.blind_agreed) == (len(unseen), sum(truth[i] == name for i, name in unseen.items()))
    assert found.shown + found.blind == len(chosen) and found.shown_agreed == found.shown
    assert found.added == pytest.approx(1 - found.blind_agreed / found.blind) and found.low > 0.1
    assert found.pace is not None and found.pace.low < 0.5 < found.pace.high
    report = session.report()
    assert "anchoring    people agreed with the model" in report.to_text()
    assert "People agreed with the model on" in report.to_html()


@pytest.mark.slow
def test_somebody_who_does_not_follow_the_model_is_not_accused(tmp_path: Path) -> None:
    session, truth = project(tmp_path, blind=0.4)
    person = Oracle(truth, CLASSES)
    for _ in range(5):
        session.round(person)
    found = project_report(Snapshot.of(session.project)).section(Hours).anchoring
    assert found is not None and found.low < 0 < found.high


class Watcher(Oracle):
    """An oracle that keeps what it was shown."""

    def push(self, pool: Pool, asked: Asked, suggestions: Sequence[Suggestion], *, model: str) -> Pushed:
        for one in suggestions:
            vars(self).setdefault("shown", {})[one.question] = one
        return super().push(pool, asked, suggestions, model=model)


def test_only_classes_that_the_model_is_sure_of_are_suggested_and_compared(tmp_path: Path) -> None:
    session, truth = project(tmp_path, blind=0.4, above=0.45)
    person = Watcher(truth, CLASSES)
    for _ in range(3):
        session.round(person)
    history = session.project.history()
    told = vars(person)["shown"]
    unseen = {q for r in history.rounds for push in r.pushed for q in push.unseen}
    suggested = {a.question for a in history.answers.values() if a.suggested is not None}
    sure = {question for question, one in told.items() if one.probs[0] >= 0.45}
    assert unseen == {question for question in sure if told[question].blind}
    assert suggested == sure - unseen and suggested and unseen and len(sure) < 0.9 * len(told)


def test_without_items_shown_blind_it_is_said_to_be_unknown(tmp_path: Path) -> None:
    session, truth = project(tmp_path, blind=0.0)
    person = Oracle(truth, CLASSES)
    for _ in range(2):
        session.round(person)
    report = session.report()
    assert (
        report.section(Hours).anchoring is None
        and "anchoring (how often people follow the suggestion)" in report.to_text()
    )
    with pytest.raises(MeasureError, match="too few"):
        anchoring([True] * 30, [True] * 9)
