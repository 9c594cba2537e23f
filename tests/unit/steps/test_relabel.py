"""Mistaken and contradicting answers in a project: seen, named, and asked about again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from activessl import Answer, Session
from activessl.labels.answers import is_again, item_of
from activessl.ledger.schema import Answered
from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl.project.snapshot import Snapshot
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


def answer(session: Session, asked: tuple[str, ...], wrong: int = 0, who: str = "ann") -> set[str]:
    """Answer a round, the first few wrongly; say which."""
    lied = set()
    with session.project.ledger() as ledger:
        for i, item in enumerate(asked):
            true = int(item_of(item).split(":")[1]) % 3
            said = CLASSES[(true + 1) % 3] if i < wrong else CLASSES[true]
            lied |= {item} if i < wrong else set()
            at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=i)
            key = f"{who}/{item}"
            ledger.append([Answered(answer=Answer(key, key, item, "label", (said,), who, 3.0, at))])
    return lied


def test_wrong_labels_are_named_asked_again_and_mended(session: Session) -> None:
    lied = answer(session, session.query(40).asked, wrong=3)
    taught = session.teach()
    assert taught.suspects is not None and taught.suspects >= 3
    found = {s.item_id: s for s in Doubts(Snapshot.of(session.project)).suspects()}
    assert lied <= found.keys() and len(found) <= 5
    assert all(found[i].given == CLASSES[(int(i.split(":")[1]) + 1) % 3] for i in lied)
    assert all(found[i].instead == CLASSES[int(i.split(":")[1]) % 3] for i in lied)
    report, _ = session.report()
    assert "more likely wrong than right" in report.to_text() and lied <= {s.item_id for s in report.suspects}
    assert all(i in report.to_html() for i in lied)

    opened = session.query(10, again=0.5)
    again = [i for i in opened.asked if is_again(i)]
    assert lied <= {item_of(i) for i in again} and len(again) <= 5 and len(opened.asked) == 10
    reasons = {a.id: a.reason for a in opened.queried.items}
    assert all("wrong with probability" in reasons[i] for i in again)
    before = sum(session.project.history().seconds.values())
    answer(session, opened.asked, who="bob")
    history = session.project.history()
    assert sum(history.seconds.values()) == before + 30.0  # looking again costs time like looking
    assert len(history.labels) == 40 + 10 - len(again)
    disputed = {i for i in lied if history.labels[i].classes != (CLASSES[int(i.split(":")[1]) % 3],)}
    third = session.query(10, again=0.5)  # ann against bob: a third opinion, where bob was not believed at once
    assert disputed and disputed <= {item_of(i) for i in third.asked if i.endswith("#again-3")}
    answer(session, third.asked, who="eve")
    session.teach()
    history = session.project.history()
    assert all(history.labels[i].classes == (CLASSES[int(i.split(":")[1]) % 3],) for i in lied)
    assert not lied & {s.item_id for s in Doubts(Snapshot.of(session.project)).suspects()}
    assert not history.people  # they were compared on doubted items only, which says nothing of what they are else
    # three times are enough
    assert not lied & {item_of(i) for i in session.query(10, again=1.0).asked}


def test_a_second_look_is_shown_without_the_first_answer(session: Session) -> None:
    answer(session, session.query(40).asked, wrong=3)
    session.teach()
    opened = session.query(10, again=0.3)
    snapshot = Snapshot.of(session.project)
    shown = {s.item_id: s.blind for s in snapshot.suggestions(_query(session, opened.asked), 2)}
    assert all(shown[i] for i in opened.asked if is_again(i))
    assert not all(shown[i] for i in opened.asked if not is_again(i))


def test_by_default_nothing_is_asked_again(session: Session) -> None:
    answer(session, session.query(40).asked, wrong=3)
    session.teach()
    assert not any(is_again(i) for i in session.query(10).asked)


def test_when_everything_is_labeled_doubted_labels_can_still_be_asked(session: Session) -> None:
    answer(session, session.query(90).asked, wrong=3)
    session.teach()
    opened = session.query(10, again=0.3)
    assert opened.asked and all(is_again(i) for i in opened.asked)


def test_doubted_labels_are_weighed_against_what_can_be_asked_instead(session: Session) -> None:
    first = session.query(40).asked
    answer(session, first, wrong=8)
    session.teach()
    before = Snapshot.of(session.project)
    many = Doubts(before).again(16, 0.5)
    with session.project.ledger() as ledger:  # everything else was skipped
        for item in set(before.embeddings.ids) - set(first):
            at = datetime(2026, 1, 1, tzinfo=UTC)
            ledger.append([Answered(answer=Answer(item, item, item, "skip", (), "ann", 1.0, at))])
    after = Snapshot.of(session.project)
    assert not after.free.any()
    assert len(Doubts(before).again(16, "auto")) < len(many)
    assert Doubts(after).again(16, "auto") == many


def _query(session: Session, asked: tuple[str, ...]) -> object:
    from activessl.ledger.asking import query_of

    history = session.project.history()
    assert history.open_round is not None
    return query_of(history.open_round, session.project.pool().row, asked)
