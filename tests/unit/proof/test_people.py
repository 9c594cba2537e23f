"""Figures where people skip, name other classes, import late, or see the model's class."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from activessl.annotators.oracle import Oracle
from activessl.labels.answers import Answer
from activessl.labels.questions import Question
from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl.project.snapshot import Snapshot
from activessl.proof.acceptance import judge
from activessl.proof.estimates import Evidence
from activessl.session import Session

CLASSES = ("ant", "bee", "cow")
N = 400


@dataclass(eq=False)
class People(Oracle):
    """An oracle that skips some items, or names a class of its own for them."""

    strange: frozenset[str] = frozenset()
    says: str = ""
    calls: list[str] = field(default_factory=list)

    def _answer(self, turn: int, item: str, question: Question, suggested: str | None) -> Answer:
        answer = super()._answer(turn, item, question, suggested)
        if item not in self.strange:
            return answer
        return replace(answer, kind="label" if self.says else "skip", classes=(self.says,) if self.says else ())


def project(folder: Path, **annotator: object) -> tuple[Session, dict[str, str]]:
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=N)
    vectors = 2.5 * np.eye(3, 8)[y] + rng.normal(size=(N, 8))
    np.savez(folder / "pool.npz", vectors=vectors.astype(np.float32))
    config = check_config(
        {
            "data": {"path": "../pool.npz", "modality": "vector", "classes": CLASSES},
            "annotator": annotator,
            "query": {"size": 20, "random_share": 0.5},
        }
    )
    session = Session(Project.create(folder / "p", config, version="0"))
    session.encode()
    return session, {item: CLASSES[k] for item, k in zip(session.project.pool().ids, y, strict=True)}


def evidence(session: Session) -> Evidence:
    return Evidence(Snapshot.of(session.project))


def work(session: Session, people: Oracle, rounds: int) -> Evidence:
    for _ in range(rounds):
        session.round(people)
    return evidence(session)


def strange(truth: dict[str, str]) -> frozenset[str]:
    return frozenset(item for i, item in enumerate(sorted(truth)) if i % 6 == 0)


def test_the_interval_counts_skipped_draws_as_wrong_at_one_end_and_as_right_at_the_other(tmp_path: Path) -> None:
    session, truth = project(tmp_path)
    found = work(session, People(truth, CLASSES, strange=strange(truth)), 6)
    audit = found.audit
    assert audit is not None and audit.unlabeled == int((~found.random.unknown).sum()) > 3
    assert audit.least < audit.accuracy < audit.most
    assert audit.low < audit.accuracy - 0.1 < audit.accuracy + 0.05 < audit.high
    assert f"{audit.unlabeled} more drawn items have no label" in audit.to_text()


@pytest.mark.slow
def test_a_class_that_the_project_lacks_is_a_mistake_of_the_model(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    session, truth = project(tmp_path / "a")
    named = work(session, People(truth, CLASSES, strange=strange(truth), says="moth"), 6)
    plain, same = project(tmp_path / "b")
    usual = work(plain, Oracle(same, CLASSES), 6)
    assert named.audit is not None and usual.audit is not None
    assert named.audit.unlabeled == 0 and named.audit.labels == len(named.random.at) + len(named.random.lost)
    assert named.audit.accuracy < usual.audit.accuracy - 0.05
    precision = [q.precision.share for q in named.classes if q.precision is not None]
    assert min(precision) < 0.9


def test_where_every_drawn_item_was_skipped_nothing_is_said(tmp_path: Path) -> None:
    session, truth = project(tmp_path)
    session.query(30, strategy="random")
    drawn = frozenset(q.item for q in session.project.history().rounds[0].questions)
    people = People(truth, CLASSES, strange=drawn)
    session.push(people)
    session.pull(people)
    session.query(20)
    session.push(people)
    session.pull(people)
    found = evidence(session)
    assert len(found.random.lost) == 30 and (found.audit is None or found.audit.unlabeled >= 30)


def test_an_import_after_the_draws_does_not_stand_for_what_was_known_before_them(tmp_path: Path) -> None:
    session, truth = project(tmp_path)
    session.query(60, strategy="random")
    found = work(session, Oracle(truth, CLASSES), 1)
    before = found.audit
    easy = [item for item, name in truth.items() if name == "ant" and item not in session.project.history().labels]
    session.import_labels({item: truth[item] for item in easy}, annotator="somebody")
    after = evidence(session)
    assert before is not None and after.audit is not None
    share, _ = after._known
    assert share.max() == 0.0  # nothing had a label when these were drawn
    session.round(Oracle(truth, CLASSES))
    share, _ = evidence(session)._known
    assert share.max() > len(easy) / N


@pytest.mark.slow
def test_random_questions_are_blind_unless_the_project_wants_suggestions(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    session, truth = project(tmp_path / "a")
    found = work(session, Oracle(truth, CLASSES), 4)
    assert not found.random.seen.any() and found.audit is not None and found.audit.seen == 0
    open_, same = project(tmp_path / "b", blind_random=False, suggest_above=0.0)
    shown = work(open_, Oracle(same, CLASSES), 4)
    assert shown.audit is not None and shown.audit.seen == int(shown.random.seen.sum()) > 20
    assert shown.audit.least < shown.audit.accuracy
    assert "with a suggestion selected" in shown.audit.to_text()
    trusted = Evidence(shown.snapshot)
    vars(trusted).update(random=replace(shown.random, seen=np.zeros_like(shown.random.seen)), _kept={})
    assert shown.live is not None and trusted.live is not None
    assert shown.live.low < trusted.live.low and shown.live.high == trusted.live.high
    pairs = [(a.recall, b.recall) for a, b in zip(shown.classes, trusted.classes, strict=True)]
    assert any(a is not None and b is not None and a.low < b.low - 0.01 for a, b in pairs)


@pytest.mark.parametrize("says", ["", "moth"])
def test_a_drawn_item_without_a_class_counts_against_accepting(tmp_path: Path, says: str) -> None:
    session, truth = project(tmp_path)
    session.query(150, strategy="random")
    work(session, People(truth, CLASSES, strange=strange(truth), says=says), 1)
    few = judge(Snapshot.of(session.project), error=0.05, delta=0.1, per_class=False, audit=0)
    (tmp_path / "b").mkdir()
    plain, same = project(tmp_path / "b")
    plain.query(150, strategy="random")
    work(plain, Oracle(same, CLASSES), 1)
    many = judge(Snapshot.of(plain.project), error=0.25, delta=0.1, per_class=False, audit=0)
    less = judge(Snapshot.of(session.project), error=0.25, delta=0.1, per_class=False, audit=0)
    assert not few.items
    assert len(less.items) < len(many.items)
