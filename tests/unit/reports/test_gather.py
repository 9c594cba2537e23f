"""What the report counts, and what makes a project stop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from activessl import Answer, Session
from activessl.labels.kinds import Label
from activessl.labels.questions import Question
from activessl.ledger.history import History, RoundHistory
from activessl.ledger.schema import AUDIT, Answered, Closed, Queried, Taught
from activessl.measuring.quality.audit import FEWEST, audit_accuracy
from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl.project.snapshot import Snapshot
from activessl.proof.estimates import Evidence
from activessl.proof.stopping import stop_now
from activessl.reports.gather import project_report
from activessl.reports.pace import tax_of

CLASSES = ("x", "y")
N = 400


@pytest.fixture
def session(tmp_path: Path) -> Session:
    truth = np.arange(N) % 2
    vectors = 3 * np.eye(2, 8)[truth] + np.random.default_rng(0).normal(size=(N, 8))
    np.savez(tmp_path / "pool.npz", vectors=vectors.astype(np.float32))
    config = check_config({"data": {"path": "../pool.npz", "modality": "vector", "classes": CLASSES}})
    session = Session(Project.create(tmp_path / "p", config, version="0"))
    session.encode()
    return session


def said(item: str, seconds: float, **more: object) -> Answered:
    """The truth, by Ann."""
    name = CLASSES[int(item.split(":")[1]) % 2]
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=int(item.split(":")[1]))
    source = f"{item}, {more.get('asking', 1)}"
    answer = Answer(f"{source}@1", source, item, "label", (name,), "ann", seconds, at)
    return Answered(answer=replace(answer, **more))  # type: ignore[arg-type]


def asked(
    session: Session, items: list[str], *, drawn: int = 0, strategy: str = "auto", again: tuple[Question, ...] = ()
) -> Queried:
    """The next round, the last ``drawn`` of its items drawn at random."""
    history = session.project.history()
    assert history.encoded is not None
    told = tuple(
        Question(kind="random", items=(item,), propensity=0.1)
        if i >= len(items) - drawn
        else Question(kind="new", items=(item,))
        for i, item in enumerate(items)
    )
    number = len(history.rounds) + 1
    return Queried(
        round=number,
        strategy=strategy,
        seed=(0, number),
        fingerprint=history.encoded.fingerprint,
        questions=(*told, *again),
        seconds=0.0,
    )


def written(session: Session, *events: object) -> None:
    with session.project.ledger() as ledger:
        ledger.append(events)  # type: ignore[arg-type]


def pool(*rows: int) -> list[str]:
    return [f"pool:{i}" for i in range(*rows)]


def test_only_what_the_strategy_chose_is_said_to_take_longer_than_what_was_drawn(session: Session) -> None:
    first = asked(session, pool(0, 60), drawn=30)
    seconds = {item: 8.0 if i < 30 else 4.0 for i, item in enumerate(pool(0, 60))}
    written(session, first, *(said(item, took) for item, took in seconds.items()), Closed(round=1, why=""))
    # all at once and slowly: an audit of accepted items, second askings, and labels that came from elsewhere
    again = tuple(Question(kind="again", items=(item,), asking=2) for item in pool(0, 20))
    written(session, asked(session, pool(60, 90), strategy=AUDIT, again=again), Closed(round=2, why=""))
    written(session, *(said(item, 90.0) for item in [*pool(60, 90), *pool(90, 120)]))
    written(session, *(said(question.item, 90.0, asking=2, question=question.id) for question in again))
    session.teach()
    report = project_report(Snapshot.of(session.project))
    assert not any("chosen items are taken" in told for told in report.assumptions)
    tax = tax_of(Snapshot.of(session.project))
    assert tax is not None and (tax.chosen, tax.drawn) == (30, 30) and tax.ratio == pytest.approx(2.0)


def limited(session: Session, **stop: object) -> Session:
    """The same project with these limits."""
    told = session.project.own.model_dump() | {"stop": {"stable_kappa": False} | stop}
    return Session(Project(session.project.folder, check_config(told)))


def test_a_screen_that_was_left_open_does_not_use_up_the_hours(session: Session) -> None:
    took = [4.0] * 19 + [8 * 3600.0]
    written(session, asked(session, pool(0, 20)), *(said(i, s) for i, s in zip(pool(0, 20), took, strict=True)))
    session.teach()
    assert limited(session, hours=1.0).should_stop() is None
    assert "hours were spent" in str(limited(session, hours=0.02).should_stop())  # 20 answers of four seconds


def test_whether_to_stop_teaches_heads_only_where_a_limit_needs_it_and_once(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(session, asked(session, pool(0, 60), drawn=40), *(said(item, 4.0) for item in pool(0, 60)))
    session.teach()
    made = []
    new_head = Snapshot.new_head
    monkeypatch.setattr(Snapshot, "new_head", lambda snapshot: made.append(1) or new_head(snapshot))

    assert session.should_stop() is None and not made
    strict = limited(session, accuracy=1.0)
    assert strict.should_stop() is None and made
    made.clear()
    assert strict.should_stop() is None and not made  # nothing is new
    assert session.should_stop() is None and not made

    rates = {"per_hour": 30, "currency": "EUR", "per_point": 50}
    told = session.project.own.model_dump() | {"rates": rates, "stop": {"stable_kappa": False}}
    priced = Session(Project(session.project.folder, check_config(told)))
    priced.should_stop()
    assert made
    made.clear()
    priced.should_stop()
    assert not made
    # what was kept of it is what would be measured
    kept = Evidence(Snapshot.of(session.project))
    fresh = Evidence(Snapshot.of(session.project))
    object.__setattr__(fresh, "_kept", {})
    assert kept.audit == fresh.audit and "live" not in kept._kept
    for one, other in zip(kept.outcomes, fresh.outcomes, strict=True):
        np.testing.assert_array_equal(one, other)


def ever_reached(
    session: Session, look: Callable[[int, int], History], wrong: np.ndarray, audit: bool = False
) -> float:
    """The share of runs in which the target of 90 % is said to be reached at any look, from the mistakes so far."""
    project = limited(session, accuracy=0.9).project

    @cache
    def reached(number: int, mistakes: int) -> bool:
        snapshot = Snapshot(project, look(number, mistakes))
        found = Evidence(snapshot)
        if audit:
            many = len(snapshot.history.labels)
            right = np.arange(many) >= mistakes
            object.__setattr__(found, "audit", audit_accuracy(right, np.full(many, 0.1)) if many >= FEWEST else None)
        return stop_now(snapshot, found).rule == "target"

    return float(np.mean([any(reached(k, int(m)) for k, m in enumerate(run, start=1)) for run in wrong]))


def on_test_items(number: int, mistakes: int, items: int = 150) -> History:
    """After so many rounds, the newest head with so many mistakes on test data."""
    rounds = []
    for k in range(1, number + 1):
        query = Queried(round=k, strategy="auto", seed=(0, k), fingerprint="f", questions=(), seconds=0.0)
        taught = Taught(
            round=k, head="logistic", fingerprint="f", labels=20 * k, digest="d", seconds=0.0,
            accuracy=1 - mistakes / items, test_items=items,
        )  # fmt: skip
        rounds.append(RoundHistory(k, query, datetime(2026, 1, 1, tzinfo=UTC), taught=(taught,)))
    return History(rounds=tuple(rounds))


def on_random_labels(number: int, _: int) -> History:
    """After so many rounds of five random labels each."""
    return _drawn(number)


@cache
def _drawn(number: int, each: int = 5) -> History:
    history = on_test_items(number, 0)
    rounds, labels = [], {}
    for r in history.rounds:
        questions = tuple(Question(kind="random", items=(f"{r.number}-{i}",), propensity=0.1) for i in range(each))
        labels |= {item.id: Label(("x",), 1, 1, ()) for item in questions}
        taught = r.taught[0].model_copy(update={"accuracy": None, "test_items": None})
        rounds.append(replace(r, queried=r.queried.model_copy(update={"questions": questions}), taught=(taught,)))
    return replace(history, rounds=tuple(rounds), labels=labels)


@pytest.mark.slow
def test_a_target_that_is_just_met_is_hardly_ever_said_to_be_passed_however_often_it_is_looked_at(
    session: Session,
) -> None:
    rng = np.random.default_rng(0)
    # each round's head makes other mistakes on the same test items: the worst case
    assert ever_reached(session, on_test_items, rng.binomial(150, 0.1, (1000, 50))) < 0.1
    drawn = np.cumsum(rng.binomial(5, 0.1, (1000, 50)), axis=1)
    assert ever_reached(session, on_random_labels, drawn, audit=True) < 0.1


def test_a_target_that_is_passed_is_said_to_be(session: Session) -> None:
    rng = np.random.default_rng(0)
    assert ever_reached(session, on_test_items, rng.binomial(150, 0.02, (200, 50))) > 0.9
    drawn = np.cumsum(rng.binomial(5, 0.02, (200, 50)), axis=1)
    assert ever_reached(session, on_random_labels, drawn, audit=True) > 0.9


def test_test_data_outrank_the_random_share_whichever_looks_better(session: Session) -> None:
    snapshot = Snapshot(limited(session, accuracy=0.9).project, on_test_items(1, 40))
    found = Evidence(snapshot)
    object.__setattr__(found, "audit", audit_accuracy(np.ones(500, bool), np.full(500, 0.1)))
    assert not stop_now(snapshot, found).stop
