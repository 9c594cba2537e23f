from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from activessl.accepting import AUDIT, accept_pool, audit_count, take_back
from activessl.annotators.base import Answer, again_id
from activessl.annotators.oracle import Habits, Oracle
from activessl.config import check_config, write_config
from activessl.errors import ConfigError, MeasureError, QueryError
from activessl.evidence import Evidence
from activessl.gates import pass_gate
from activessl.ledger.schema import Answered, Encoded
from activessl.measuring.stopping import kappa
from activessl.project import Project
from activessl.session import Session
from activessl.view import View

CLASSES = ("ant", "bee", "cow")
N = 600


def truth() -> np.ndarray:
    return np.random.default_rng(0).integers(3, size=N)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    rng = np.random.default_rng(1)
    vectors = (4.5 * np.eye(3, 8)[truth()] + rng.normal(size=(N, 8))).astype(np.float32)
    np.savez(tmp_path / "pool.npz", vectors=vectors)
    config = check_config(
        {
            "data": {"path": "../pool.npz", "modality": "vector", "classes": list(CLASSES)},
            "query": {"size": 40, "random_share": 0.5},
            "rates": {"per_hour": 30, "currency": "EUR", "per_point": 50},
            "stages": [{"name": "pilot", "accuracy": 0.6, "hours_to_model": 5}, {"name": "more", "agreement": 0.9}],
        }
    )
    session = Session(Project.create(tmp_path / "p", config, version="0"))
    session.encode()
    _oracle.cache_clear()  # an oracle remembers what it was asked
    yield session


def oracle(mistakes: float = 0.0) -> Oracle:
    return _oracle(mistakes)


@cache
def _oracle(mistakes: float) -> Oracle:
    return Oracle({f"pool:{i}": CLASSES[k] for i, k in enumerate(truth())}, CLASSES, Habits(mistakes=mistakes), seed=1)


def labeled(session: Session, rounds: int = 3, mistakes: float = 0.0) -> Session:
    people = oracle(mistakes)
    for _ in range(rounds):
        session.round(people)
    return session


def evidence(session: Session) -> Evidence:
    return Evidence(View.of(session.project))


def test_a_running_project_says_how_good_it_is_and_what_it_saved(session: Session) -> None:
    found = evidence(labeled(session))
    assert found.audit is not None and found.live is not None
    assert found.audit.low < 0.97 < found.audit.high + 0.03
    assert found.live.labels == 120 and found.live.random_labels == found.audit.labels
    found.keep()
    again = evidence(session)
    assert again._kept and again.live == found.live and again.audit == found.audit


def test_what_was_kept_is_not_shown_of_other_labels(session: Session) -> None:
    evidence(labeled(session, rounds=2)).keep()
    session.round(oracle())
    assert not evidence(session)._kept


def test_a_project_without_random_labels_says_nothing(session: Session) -> None:
    found = evidence(session)
    assert found.audit is None and found.live is None
    with pytest.raises(MeasureError, match="0 random labels"):
        found.plan(0.9)


def test_a_plan_says_labels_hours_and_money(session: Session) -> None:
    found = evidence(labeled(session)).plan(0.5)
    assert found.more.middle == 0 and found.hours is not None and found.hours.middle == 0
    assert found.currency == "EUR" and found.money is not None and found.still_pays is not None
    with pytest.raises(MeasureError, match=r"a target of 1\.0"):
        evidence(session).plan(1.0)


def test_a_target_above_what_the_labels_give_is_out_of_reach(session: Session) -> None:
    assert evidence(labeled(session, mistakes=0.5)).plan(0.98).hopeless


def test_accepted_items_are_the_machines_and_are_not_asked(session: Session) -> None:
    labeled(session)
    judged = accept_pool(session.project, error=0.1, audit=10)
    assert len(judged.items) > 100 and len(judged.audit) == 10
    history = session.project.history()
    assert set(history.machine) == {item.id for item in judged.items} and not set(history.machine) & set(history.labels)
    assert history.open_round is not None and history.open_round.queried.strategy == AUDIT
    table = {row["id"]: row for row in session.table()}
    assert {table[i]["source"] for i in history.machine} == {"machine"}
    assert {row["source"] for row in session.table(predictions=False)} == {"person"}
    wrong = np.mean([CLASSES[truth()[int(i.removeprefix("pool:"))]] != m.label for i, m in history.machine.items()])
    assert wrong <= 0.1
    session.round(oracle())  # people look at the audit
    now = session.project.history()
    counted = audit_count(now)
    assert counted is not None and counted.looked_at == 10 and not counted.broken
    assert len(now.machine) == len(judged.items) - 10  # what people answered is theirs
    asked = session.query().asked
    assert not set(asked) & set(now.machine)


def test_an_audit_shows_people_no_suggestion(session: Session) -> None:
    labeled(session)
    accept_pool(session.project, error=0.1)
    assert session.push(oracle()).suggestions == 0


def test_what_was_accepted_can_be_taken_back(session: Session) -> None:
    labeled(session)
    count = len(accept_pool(session.project, error=0.1, audit=0).items)
    assert take_back(session.project, "test") == count > 0
    assert session.project.history().machine == {} and take_back(session.project, "again") == 0
    assert len(View.of(session.project).state(9).candidates) == N - 120


def test_a_promise_that_cannot_be_kept_writes_nothing(session: Session) -> None:
    labeled(session)
    before = session.project.history().events
    judged = accept_pool(session.project, error=0.0001)
    assert not judged.items and "nothing accepted" in judged.results[0].to_text()
    assert session.project.history().events == before


def test_an_audit_waits_for_the_round_that_is_open(session: Session) -> None:
    labeled(session)
    session.query()
    with pytest.raises(QueryError, match="round 4 is open"):
        accept_pool(session.project, error=0.1)
    assert session.project.history().accepted is None


def test_a_gate_writes_down_what_was_known(session: Session) -> None:
    assert pass_gate(session.project).decision == "open"  # nothing is known yet
    labeled(session)
    decided = pass_gate(session.project, note="looks fine")
    assert decided.decision == "go" and decided.stage == "pilot" and decided.annotators == {"oracle": 120}
    assert decided.model == session.project.history().model
    after = pass_gate(session.project)
    assert after.stage == "more" and after.decision == "open"  # nobody labeled an item twice
    assert [d.decision for d in session.project.history().decisions] == ["open", "go", "open"]
    with pytest.raises(ConfigError, match="no stage 'x'"):
        pass_gate(session.project, "x")


def test_agreement_is_that_on_items_which_were_not_asked_again_because_of_doubts(session: Session) -> None:
    labeled(session, 1)
    (label, *_) = session.project.history().labels.values()
    first = label.answers[0]

    def bob(item: str, name: str) -> Answered:
        key = f"bob {item}"
        return Answered(answer=Answer(key, key, item, "label", (name,), "bob", 2.0, first.at + timedelta(days=1)))

    with session.project.ledger() as ledger:
        other = next(c for c in CLASSES if (c,) != first.classes)
        ledger.append([bob(again_id(first.item_id, 2), other)])
    check = pass_gate(session.project, "more").checks[0]
    assert (check.name, check.value, check.passed) == ("agreement", None, None)
    with session.project.ledger() as ledger:
        ledger.append([bob(item, found.classes[0]) for item, found in session.project.history().labels.items()])
    check = pass_gate(session.project, "more").checks[0]
    assert check.value == 1.0 and check.passed


def test_stages_survive_being_written_and_ask_for_something(session: Session) -> None:
    import tomllib

    config = session.project.config
    assert check_config(tomllib.loads(write_config(config))) == config
    with pytest.raises(ConfigError, match="asks for nothing"):
        check_config({**config.model_dump(), "stages": [{"name": "x"}]})


def test_teaching_again_does_not_look_like_stability(session: Session) -> None:
    people = oracle()
    labeled(session, rounds=1)
    first = session.query()
    session.push(people)
    session.pull(people)
    once = session.teach()
    assert once.kappa is not None
    answer = next(a for a in session.project.history().answers.values() if a.item_id == first.asked[0])
    from activessl.ledger.schema import Answered

    other = next(c for c in CLASSES if (c,) != answer.classes)
    changed = Answered(answer=type(answer)(**{**_fields(answer), "key": "edit", "classes": (other,)}))
    with session.project.ledger() as ledger:
        ledger.append([changed])
    again = session.teach()
    assert again.round == once.round and again.labels == once.labels
    # compared with the head of round 1, not with the one of a moment ago
    view = View.of(session.project)
    before = view.predicted_before(2)
    assert before is not None and view.probs is not None
    assert again.kappa == pytest.approx(kappa(before, view.probs.argmax(axis=1)))


def _fields(answer: object) -> dict:
    return {name: getattr(answer, name) for name in answer.__slots__}


def test_agreement_with_a_head_of_other_vectors_is_not_known(session: Session) -> None:
    labeled(session, rounds=2)
    view = View.of(session.project)
    assert view.predicted_before(3) is not None and view.predicted_before(1) is None
    now = session.project.history()
    moved = Encoded(fingerprint="other", encoder="x", items=N, dim=8, seconds=0.0, turn=now.events)
    with session.project.ledger() as ledger:
        ledger.append([moved])
    import shutil

    folder = session.project.folder / "embeddings"
    shutil.copytree(folder / view.embeddings.fingerprint, folder / "other")
    after = View.of(session.project)
    object.__setattr__(after.embeddings, "fingerprint", "other")
    assert after.predicted_before(3) is None


def test_the_report_tells_of_money_plan_machine_and_gates(session: Session) -> None:
    labeled(session)
    accept_pool(session.project, error=0.1, audit=0)
    pass_gate(session.project)
    folder = session.project.folder
    text = (folder / "activessl.toml").read_text(encoding="utf-8")
    (folder / "activessl.toml").write_text(
        text.replace("[stop]", "[stop]\naccuracy = 0.9\n", 1).replace("# accuracy", "# ")
    )
    report, page = Session.open(folder).report()
    assert report.roi is not None and report.plan is not None and report.machine > 0 and len(report.decisions) == 1
    found = json.loads((folder / "reports" / "report.json").read_text(encoding="utf-8"))
    assert (
        found["plan"]["target"] == 0.9 and found["gates"][0]["stage"] == "pilot" and found["roi"]["currency"] == "EUR"
    )
    for told in ("Money so far", "Labeled by machine", "Gates between the stages", "To 90.0", "estimated"):
        assert told in page.read_text(encoding="utf-8")
    assert "estimated" in report.to_text() and "out of reach" not in report.to_text()
