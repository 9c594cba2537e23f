"""Mistaken and contradicting answers in a project: seen, named, and asked about again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from activessl import Answer, Session
from activessl.ledger.history import RoundHistory
from activessl.ledger.schema import Answered
from activessl.measuring.planning.times import labeling_hours
from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl.project.snapshot import Snapshot
from activessl.reports.sections.doubted import Doubted
from activessl.steps.relabel import Doubts

CLASSES = ("x", "y", "z")


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    rng = np.random.default_rng(0)
    truth = np.arange(90) % 3
    vectors = 4 * np.eye(3, 8)[truth] + rng.normal(size=(90, 8))
    np.savez(tmp_path / "pool.npz", vectors=vectors.astype(np.float32))
    config = check_config({"data": {"path": "../pool.npz", "modality": "vector", "classes": CLASSES}})
    session = Session(Project.create(tmp_path / "p", config, version="0"))
    session.encode()
    yield session


def answer(session: Session, asked: RoundHistory, wrong: int = 0, who: str = "ann") -> set[str]:
    """Answer a round, the first few wrongly; say which."""
    lied = set()
    with session.project.ledger() as ledger:
        for i, question in enumerate(asked.questions):
            item = question.item
            true = int(item.split(":")[1]) % 3
            said = CLASSES[(true + 1) % 3] if i < wrong else CLASSES[true]
            lied |= {item} if i < wrong else set()
            at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=i)
            key = f"{who}/{question.id}"
            given = Answer(key, key, item, "label", (said,), who, 3.0, at, question=question.id, asking=question.asking)
            ledger.append([Answered(answer=given)])
    return lied


def test_wrong_labels_are_named_asked_again_and_mended(session: Session) -> None:
    lied = answer(session, session.query(60), wrong=4)
    taught = session.teach()
    assert taught.suspects is not None and taught.suspects >= 4
    found = {s.item: s for s in Doubts(Snapshot.of(session.project)).suspects()}
    assert lied <= found.keys() and len(found) <= 5
    assert all(found[i].given == CLASSES[(int(i.split(":")[1]) + 1) % 3] for i in lied)
    assert all(found[i].instead == CLASSES[int(i.split(":")[1]) % 3] for i in lied)
    report = session.report()
    assert "probably wrong" in report.to_text() and lied <= {s.item for s in report.section(Doubted).suspects}
    assert all(i in report.to_html() for i in lied)

    opened = session.query(10, again=0.5)
    again = [q for q in opened.questions if q.kind == "again"]
    assert lied <= {q.item for q in again} and len(again) <= 5 and len(opened.items) == 10
    assert all("wrong with probability" in q.reason and q.asking == 2 for q in again)
    before = labeling_hours(session.project.history().answers.values())
    answer(session, opened, who="bob")
    history = session.project.history()
    # looking again costs time like looking
    assert 3600 * (labeling_hours(history.answers.values()) - before) == pytest.approx(30.0)
    assert len(history.labels) == 60 + 10 - len(again)
    disputed = {i for i in lied if history.labels[i].classes != (CLASSES[int(i.split(":")[1]) % 3],)}
    third = session.query(10, again=0.5)  # ann against bob: a third opinion, where bob was not believed at once
    assert disputed and disputed <= {q.item for q in third.questions if q.asking == 3}
    answer(session, third, who="eve")
    session.teach()
    history = session.project.history()
    assert all(history.labels[i].classes == (CLASSES[int(i.split(":")[1]) % 3],) for i in lied)
    assert not lied & {s.item for s in Doubts(Snapshot.of(session.project)).suspects()}
    assert not history.people  # they were compared on doubted items only, which says nothing of what they are else
    # three times are enough
    assert not lied & set(session.query(10, again=1.0).items)


def test_a_second_look_is_shown_without_the_first_answer(session: Session) -> None:
    answer(session, session.query(40), wrong=3)
    session.teach()
    opened = session.query(10, again=0.3)
    snapshot = Snapshot.of(session.project)
    shown = {s.question: s.blind for s in snapshot.suggestions(opened.questions)}
    assert all(shown[q.id] for q in opened.questions if q.asking > 1)
    assert not all(shown[q.id] for q in opened.questions if q.asking == 1)


def test_by_default_nothing_is_asked_again(session: Session) -> None:
    answer(session, session.query(40), wrong=3)
    session.teach()
    assert all(q.asking == 1 for q in session.query(10).questions)


def test_when_everything_is_labeled_doubted_labels_can_still_be_asked(session: Session) -> None:
    answer(session, session.query(90), wrong=3)
    session.teach()
    opened = session.query(10, again=0.3)
    assert opened.questions and all(q.kind == "again" for q in opened.questions)


def test_doubted_labels_are_weighed_against_what_can_be_asked_instead(session: Session) -> None:
    first = session.query(40)
    answer(session, first, wrong=10)
    session.teach()
    before = Snapshot.of(session.project)
    many = Doubts(before).again(40, 0.5)
    with session.project.ledger() as ledger:  # everything else was skipped
        for item in set(before.embeddings.ids) - set(first.items):
            at = datetime(2026, 1, 1, tzinfo=UTC)
            ledger.append([Answered(answer=Answer(item, item, item, "skip", (), "ann", 1.0, at))])
    after = Snapshot.of(session.project)
    assert not after.free.any()
    assert len(Doubts(before).again(40, "auto")) < len(many)
    assert Doubts(after).again(40, "auto") == many


def test_a_doubted_label_that_was_imported_is_asked_about_and_waits_for_an_answer(session: Session) -> None:
    truth = {f"pool:{i}": CLASSES[i % 3] for i in range(30)}
    session.import_labels(truth | {"pool:4": "z"}, annotator="an old table")
    answer(session, session.query(10))
    session.teach()
    opened = session.query(10, again=0.5)
    second = next(q for q in opened.questions if q.item == "pool:4")
    assert (second.kind, second.asking, second.id) == ("again", 2, "pool:4#again-2")
    assert second in session.project.history().waiting(opened)
    answer(session, opened, who="bob")
    assert not session.project.history().waiting(opened)
    third = session.query(10, again=0.9)
    assert all(q.asking == 3 for q in third.questions if q.item == "pool:4")
