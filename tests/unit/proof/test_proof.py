from __future__ import annotations

import json
import shutil
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from activessl.annotators.oracle import Habits, Oracle
from activessl.errors import ConfigError, LabelError, MeasureError, QueryError
from activessl.labels.answers import Answer
from activessl.ledger.schema import AUDIT, Answered, Encoded, Tried
from activessl.measuring.anytime import part_of_delta
from activessl.measuring.planning.stopping import kappa
from activessl.project.config import StageConfig, check_config
from activessl.project.config_file import write_config
from activessl.project.folder import Project
from activessl.project.snapshot import Snapshot
from activessl.proof.acceptance import Judged, accept_pool, judge, withdraw
from activessl.proof.estimates import Evidence
from activessl.proof.forecast import Forecast
from activessl.proof.gates import judge_stage, pass_gate
from activessl.proof.promise import audit_count
from activessl.reports.sections.gates import Gates
from activessl.reports.sections.value import Value
from activessl.session import Session

CLASSES = ("ant", "bee", "cow")
N = 600


def truth() -> np.ndarray:
    return np.random.default_rng(0).integers(3, size=N)


#: Oracles of this test by their mistakes: one remembers what it was asked.
ORACLES: dict[float, Oracle] = {}

#: Projects that several tests begin with, by rounds and mistakes, with the oracle that was asked: made once.
MADE: dict[tuple[int, float], tuple[Path, Oracle]] = {}


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encoded project, of which nothing was asked yet."""
    folder = tmp_path_factory.mktemp("begun")
    rng = np.random.default_rng(1)
    vectors = (4.5 * np.eye(3, 8)[truth()] + rng.normal(size=(N, 8))).astype(np.float32)
    np.savez(folder / "pool.npz", vectors=vectors)
    config = check_config(
        {
            "data": {"path": "../pool.npz", "modality": "vector", "classes": list(CLASSES)},
            "query": {"size": 40, "random_share": 0.5},
            "rates": {"per_hour": 30, "currency": "EUR", "per_point": 50},
            "stages": [{"name": "pilot", "accuracy": 0.6, "hours_to_model": 5}, {"name": "more", "agreement": 0.9}],
        }
    )
    Session(Project.create(folder / "p", config, version="0")).encode()
    return folder


@pytest.fixture
def session(begun: Path, tmp_path: Path) -> Session:
    shutil.copytree(begun, tmp_path, dirs_exist_ok=True)
    ORACLES.clear()
    return Session.open(tmp_path / "p")


def oracle(mistakes: float = 0.0) -> Oracle:
    named = {f"pool:{i}": CLASSES[k] for i, k in enumerate(truth())}
    return ORACLES.setdefault(mistakes, Oracle(named, CLASSES, Habits(mistakes=mistakes), seed=1))


def labeled(session: Session, rounds: int = 3, mistakes: float = 0.0) -> Session:
    folder, which = session.project.folder, (rounds, mistakes)
    begins = session.project.history().events == 2  # it was made and encoded
    if begins and which in MADE:
        made, asked = MADE[which]
        shutil.copytree(made, folder, dirs_exist_ok=True)
        ORACLES[mistakes] = deepcopy(asked)
        return session
    people = oracle(mistakes)
    for _ in range(rounds):
        session.round(people)
    if begins:
        made = folder.parents[1] / f"labeled-{rounds}-{mistakes}"
        shutil.copytree(folder, made)
        MADE[which] = made, deepcopy(people)
    return session


def evidence(session: Session) -> Evidence:
    return Evidence(Snapshot.of(session.project))


def test_a_running_project_says_how_good_it_is_and_what_it_saved(session: Session) -> None:
    found = evidence(labeled(session))
    assert found.audit is not None and found.live is not None
    assert found.audit.low < 0.97 < found.audit.high + 0.03
    assert found.live.labels == 120 and found.live.random_labels == found.audit.labels
    found.keep()
    again = evidence(session)
    assert again._kept and again.live == found.live and again.audit == found.audit


def test_a_random_label_speaks_for_what_was_not_labeled_when_it_was_drawn(session: Session) -> None:
    found = evidence(labeled(session, rounds=3, mistakes=0.2))
    assert found.audit is not None
    snapshot, drawn = found.snapshot, found.random
    ids, asked_in = snapshot.embeddings.ids, {i: r.number for r in snapshot.history.rounds for i in r.items}
    right = {ids[row]: bool(ok) for row, ok in zip(snapshot.training[0], found.correct, strict=True)}
    told = []
    for at, number in zip(drawn.at, drawn.rounds, strict=True):
        before = [right[item] for item in right if asked_in[item] < number]
        told.append((sum(before) + (len(ids) - len(before)) * found.correct[at]) / len(ids))
    assert found.audit.accuracy == pytest.approx(np.mean(told))  # a label of any round weighs as much


def test_what_was_known_at_each_draw_takes_no_memory_for_each_pair_of_labels(session: Session) -> None:
    import tracemalloc

    found = evidence(labeled(session))
    drawn, n, m = found.random, 20_000, 2_000  # as if so many were labeled, in a hundred rounds
    rng = np.random.default_rng(0)
    asked, rounds = np.sort(rng.integers(1, 101, n)), np.sort(rng.integers(1, 101, m))
    correct = rng.random(n) < 0.8
    object.__setattr__(found.snapshot, "training", (np.arange(n) % N, np.zeros(n, dtype=int)))
    object.__setattr__(found, "asked", (asked, np.arange(n)))
    object.__setattr__(found, "correct", correct)
    object.__setattr__(found, "random", replace(drawn, at=np.arange(m), chance=np.full(m, 0.1), rounds=rounds))
    tracemalloc.start()
    share, right = found._known
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2e7
    for i in rng.choice(m, 50, replace=False):
        known = asked < rounds[i]
        assert share[i] == pytest.approx(known.sum() / N)
        assert right[i] == pytest.approx(correct[known].mean() if known.any() else 0.0)


def test_what_was_kept_is_not_shown_of_other_labels(session: Session) -> None:
    evidence(labeled(session, rounds=2)).keep()
    session.round(oracle())
    assert not evidence(session)._kept


def test_a_project_without_random_labels_says_nothing(session: Session) -> None:
    found = evidence(session)
    assert found.audit is None and found.live is None
    with pytest.raises(MeasureError, match="0 random labels"):
        Forecast(found).plan(0.9)


def test_a_plan_says_labels_hours_and_money(session: Session) -> None:
    found = Forecast(evidence(labeled(session))).plan(0.5)
    assert found.more.middle == 0 and found.hours is not None and found.hours.middle == 0
    assert (found.labels, found.pool, found.random_labels) == (120, N, 60)
    assert found.currency == "EUR" and found.money is not None and found.still_pays is not None
    with pytest.raises(MeasureError, match=r"a target of 1\.0"):
        Forecast(evidence(session)).plan(1.0)


def test_a_target_above_what_the_labels_give_is_out_of_reach(session: Session) -> None:
    assert Forecast(evidence(labeled(session, mistakes=0.5))).plan(0.98).hopeless


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
    wrong = np.mean(
        [CLASSES[truth()[int(i.removeprefix("pool:"))]] != m.classes[0] for i, m in history.machine.items()]
    )
    assert wrong <= 0.1
    session.round(oracle())  # people look at the audit
    now = session.project.history()
    counted = audit_count(now)
    assert counted is not None and counted.looked_at == 10 and not counted.broken
    assert len(now.machine) == len(judged.items) - 10  # what people answered is theirs
    chosen = {item.id for item in session.query().questions if item.propensity is None}
    assert not chosen & set(now.machine)


def test_an_audit_shows_people_no_suggestion(session: Session) -> None:
    labeled(session)
    accept_pool(session.project, error=0.1)
    assert session.push(oracle()).suggestions == 0


def test_what_was_accepted_can_be_taken_back(session: Session) -> None:
    labeled(session)
    count = len(accept_pool(session.project, error=0.1, audit=0).items)
    assert withdraw(session.project, "test") == count > 0
    assert session.project.history().machine == {} and withdraw(session.project, "again") == 0
    assert len(Snapshot.of(session.project).state(9).candidates) == N - 120


def test_a_promise_that_cannot_be_kept_accepts_nothing_but_counts_as_an_attempt(session: Session) -> None:
    labeled(session)
    before = session.project.history().events
    judged = accept_pool(session.project, error=0.0001)
    assert not judged.items and "0 items accepted" in judged.results[0].to_text()
    now = session.project.history()
    assert now.events == before + 1 and now.accepted is None and now.tried == (judged.look,)
    assert accept_pool(session.project, error=0.0001).attempt == 1  # of the same labels: no new attempt
    session.round(oracle())
    assert accept_pool(session.project, error=0.0001).attempt == 2


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
    encoded = session.project.history().encoded
    assert encoded is not None and decided.fingerprint == encoded.fingerprint and decided.labels == 120
    after = pass_gate(session.project)
    assert after.stage == "more" and after.decision == "open"  # nobody labeled an item twice
    assert [d.decision for d in session.project.history().decisions] == ["open", "go", "open"]
    with pytest.raises(ConfigError, match="no stage 'x'"):
        pass_gate(session.project, "x")


def test_agreement_is_that_on_items_which_were_not_asked_again_because_of_doubts(session: Session) -> None:
    labeled(session, 1)
    (label, *_) = session.project.history().labels.values()
    first = label.answers[0]

    def bob(item: str, name: str, asking: int = 1) -> Answered:
        key, at = f"bob {item} {asking}", first.at + timedelta(days=1)
        return Answered(answer=Answer(key, key, item, "label", (name,), "bob", 2.0, at, asking=asking))

    with session.project.ledger() as ledger:
        other = next(c for c in CLASSES if (c,) != first.classes)
        ledger.append([bob(first.item, other, asking=2)])
    check = pass_gate(session.project, "more").checks[0]
    assert (check.name, check.value, check.passed) == ("agreement", None, None)
    with session.project.ledger() as ledger:
        ledger.append([bob(item, found.classes[0]) for item, found in session.project.history().labels.items()])
    check = pass_gate(session.project, "more").checks[0]
    assert check.value == 1.0 and check.low is not None
    assert check.passed is None and 0.85 < check.low < 0.9  # of 40 pairs that agree, 90 % is not known yet


def test_a_pace_passes_its_gate_only_with_its_slow_end(session: Session) -> None:
    found = evidence(labeled(session))
    pace = Forecast(found).plan(0.5).hours_per_point
    assert pace is not None and pace.low is not None and pace.high is not None and pace.low < pace.high
    bounds = (0.99 * pace.low, (pace.low + pace.high) / 2, 1.01 * pace.high)
    decided = [judge_stage(found, StageConfig(name="pilot", hours_per_point=bound)) for bound in bounds]
    assert [one.decision for one in decided] == ["no-go", "open", "go"]
    check = decided[1].checks[0]
    assert (check.low, check.value, check.high) == (pace.low, pace.middle, pace.high)


def test_stages_survive_being_written_and_ask_for_something(session: Session) -> None:
    import tomllib

    config = session.project.config
    assert check_config(tomllib.loads(write_config(config))) == config
    with pytest.raises(ConfigError, match="has no conditions"):
        check_config({**config.model_dump(), "stages": [{"name": "x"}]})


def test_teaching_again_does_not_look_like_stability(session: Session) -> None:
    people = oracle()
    labeled(session, rounds=1)
    first = session.query()
    session.push(people)
    session.pull(people)
    once = session.teach()
    assert once.kappa is not None
    answer = next(a for a in session.project.history().answers.values() if a.item == first.items[0])
    from activessl.ledger.schema import Answered

    other = next(c for c in CLASSES if (c,) != answer.classes)
    changed = Answered(answer=type(answer)(**{**_fields(answer), "key": "edit", "classes": (other,)}))
    with session.project.ledger() as ledger:
        ledger.append([changed])
    again = session.teach()
    assert again.round == once.round and again.labels == once.labels
    # compared with the head of round 1, not with the one of a moment ago
    snapshot = Snapshot.of(session.project)
    before = snapshot.predicted_before(2)
    assert before is not None and snapshot.probs is not None
    assert again.kappa == pytest.approx(kappa(before, snapshot.probs.argmax(axis=1)))


def _fields(answer: object) -> dict:
    return {name: getattr(answer, name) for name in answer.__slots__}


def test_agreement_with_a_head_of_other_vectors_is_not_known(session: Session) -> None:
    labeled(session, rounds=2)
    snapshot = Snapshot.of(session.project)
    assert snapshot.predicted_before(3) is not None and snapshot.predicted_before(1) is None
    now = session.project.history()
    moved = Encoded(fingerprint="other", encoder="x", items=N, dim=8, seconds=0.0, turn=now.events)
    with session.project.ledger() as ledger:
        ledger.append([moved])
    folder = session.project.folder / "embeddings"
    shutil.copytree(folder / snapshot.embeddings.fingerprint, folder / "other")
    after = Snapshot.of(session.project)
    object.__setattr__(after.embeddings, "fingerprint", "other")
    assert after.predicted_before(3) is None


@pytest.mark.slow
def test_the_report_tells_of_money_plan_machine_and_gates(session: Session) -> None:
    labeled(session)
    accept_pool(session.project, error=0.1, audit=0)
    pass_gate(session.project)
    folder = session.project.folder
    text = (folder / "activessl.toml").read_text(encoding="utf-8")
    (folder / "activessl.toml").write_text(
        text.replace("[stop]", "[stop]\naccuracy = 0.9\n", 1).replace("# accuracy", "# ")
    )
    session_ = Session.open(folder)
    report = session_.report()
    page = report.save(session_.project.folder / "reports")
    value = report.section(Value)
    assert value.roi is not None and value.plan is not None and value.machine > 0
    assert len(report.section(Gates).decisions) == 1
    found = json.loads((folder / "reports" / "report.json").read_text(encoding="utf-8"))
    assert (
        found["plan"]["target"] == 0.9 and found["gates"][0]["stage"] == "pilot" and found["roi"]["currency"] == "EUR"
    )
    for told in ("Money so far", "Accepted items", "Gates between the stages", "To 90.0", "estimated"):
        assert told in page.read_text(encoding="utf-8")
    assert "estimated" in report.to_text() and "cannot be reached" not in report.to_text()


def project_of(tmp_path: Path, vectors: np.ndarray, y: np.ndarray, **query: object) -> tuple[Session, Oracle]:
    np.savez(tmp_path / "pool.npz", vectors=vectors.astype(np.float32))
    config = check_config(
        {"data": {"path": "../pool.npz", "modality": "vector", "classes": list(CLASSES)}, "query": dict(query)}
    )
    session = Session(Project.create(tmp_path / "p", config, version="0"))
    session.encode()
    return session, Oracle({f"pool:{i}": CLASSES[k] for i, k in enumerate(y)}, CLASSES, Habits(), seed=1)


def share_wrong(session: Session, y: np.ndarray) -> float:
    machine = session.project.history().machine
    return float(np.mean([CLASSES[y[int(i.removeprefix("pool:"))]] != m.classes[0] for i, m in machine.items()]))


@pytest.mark.slow
def test_nothing_is_promised_of_items_that_came_after_the_random_labels(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=800)
    x = 6 * np.eye(2, 8)[y] + rng.normal(size=(800, 8))
    later = rng.integers(2, size=1600)  # files of another kind, on which the head is wrong
    session, people = project_of(tmp_path, x, np.append(y, later), size=60, random_share=0.5)
    labeled_by(session, people, 4)
    x2 = 5 * np.eye(2, 8)[1 - later] + 3 * np.eye(8)[3] + rng.normal(size=(1600, 8))
    y = np.append(y, later)
    np.savez(tmp_path / "pool.npz", vectors=np.vstack([x, x2]).astype(np.float32))
    session.encode()
    session.teach()
    judged = accept_pool(session.project, error=0.05, audit=0)
    assert judged.newer == 1600 and "1,600 items were added after" in judged.to_text()
    assert judged.items and max(int(i.id.removeprefix("pool:")) for i in judged.items) < 800
    assert share_wrong(session, y) <= 0.05
    assert "1,600 items" in evidence(session).newer_text
    labeled_by(session, people, 2)
    assert evidence(session).newer_text == ""  # once enough was drawn from all of them, they are measured too
    assert evidence(session).random.rounds.min() == 5


def labeled_by(session: Session, people: Oracle, rounds: int) -> None:
    for _ in range(rounds):
        session.round(people)


def test_copies_of_a_labeled_item_are_drawn_like_all_others(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=900)
    x = 6 * np.eye(2, 8)[y] + rng.normal(size=(900, 8))
    copies = 6 * np.eye(2, 8)[[0]] + 0.7 * rng.normal(size=(1, 8)) + 1e-4 * rng.normal(size=(300, 8))
    y = np.append(y, np.ones(300, dtype=int))  # they look like the first class and are of the second
    session, people = project_of(tmp_path, np.vstack([x, copies]), y, size=60, random_share=0.5)
    labeled_by(session, people, 4)
    drawn = [i for r in session.project.history().rounds for i in r.questions if i.uniform]
    assert np.mean([int(i.id.removeprefix("pool:")) >= 900 for i in drawn]) > 0.1
    accept_pool(session.project, error=0.05, audit=0)
    machine = session.project.history().machine
    assert not machine or share_wrong(session, y) <= 0.05


def test_accepted_items_are_drawn_at_random_like_all_others(session: Session) -> None:
    labeled(session)
    accept_pool(session.project, error=0.1, audit=0)
    machine = session.project.history().machine
    drawn = {item.id for item in session.query().questions if item.uniform}
    assert drawn & set(machine)


def test_each_attempt_may_fail_with_a_smaller_probability_and_the_split_stays(session: Session) -> None:
    assert sum(part_of_delta(0.1, k) for k in range(1, 10_000)) < 0.1
    labeled(session)
    ask = {"error": 0.1, "delta": 0.1, "per_class": False, "audit": 0}
    first = judge(Snapshot.of(session.project), **ask)
    pass_gate(session.project)  # any event
    assert judge(Snapshot.of(session.project), **ask) == first


def test_an_attempt_after_others_accepts_less_and_needs_more_labels(session: Session) -> None:
    labeled(session)

    def found(error: float) -> Judged:
        return judge(Snapshot.of(session.project), error=error, delta=0.1, per_class=False, audit=0)

    first, strict = found(0.08), found(0.05)
    with session.project.ledger() as ledger:
        ledger.append([Tried(look=f"another look {k}") for k in range(12)])
    later, stricter = found(0.08), found(0.05)
    assert (first.attempt, later.attempt) == (1, 13)
    assert len(first.items) > len(later.items)
    assert strict.results[0].needed is not None and stricter.results[0].needed is not None
    assert stricter.results[0].needed > 1.2 * strict.results[0].needed


@pytest.mark.slow
def test_which_random_labels_judge_does_not_change_as_the_pool_grows(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=1000)
    x = 6 * np.eye(2, 8)[y] + rng.normal(size=(1000, 8))
    session, people = project_of(tmp_path, x[:700], y, size=60, strategy="random")
    labeled_by(session, people, 2)

    def taught() -> set[str]:
        snapshot = Snapshot.of(session.project)
        vectors = {point.tobytes(): item for point, item in zip(snapshot.points, snapshot.embeddings.ids, strict=True)}
        seen: set[str] = set()

        class Watched:
            def fit(self, points: np.ndarray, labels: np.ndarray) -> object:
                seen.update(vectors[point.tobytes()] for point in points)
                return head.fit(points, labels)

        head = snapshot.new_head()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Snapshot, "new_head", lambda _: Watched())
            assert judge(snapshot, error=0.1, delta=0.1, per_class=False, audit=0).halved
        return seen

    before = taught()
    assert 40 < len(before) < 80
    np.savez(tmp_path / "pool.npz", vectors=x.astype(np.float32))  # 300 items more
    session.encode()
    assert taught() == before
    labeled_by(session, people, 1)
    assert before <= taught()


def test_asking_for_the_standing_acceptance_again_changes_nothing(session: Session) -> None:
    labeled(session)
    first = accept_pool(session.project, error=0.1)
    before = session.project.history().events
    again = accept_pool(session.project, error=0.1)  # its audit is open
    assert again == first and session.project.history().events == before
    counted = audit_count(session.project.history())
    assert counted is not None and (counted.looked_at, counted.open) == (0, 20)


def test_people_who_look_at_accepted_items_are_not_told_what_the_machine_said(session: Session) -> None:
    labeled(session)
    accept_pool(session.project, error=0.1)
    history = session.project.history()
    assert history.open_round is not None
    for item in history.open_round.questions:
        assert not any(name in item.reason for name in CLASSES) and "machine" not in item.reason
    assert all(question.blind and question.kind == "audit" for question in history.open_round.questions)


def test_labels_of_one_class_let_no_prediction_be_believed(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    y = np.zeros(300, dtype=int)
    session, people = project_of(tmp_path, rng.normal(size=(300, 8)), y, size=60, strategy="random")
    labeled_by(session, people, 2)
    with pytest.raises(LabelError, match="of one class"):
        accept_pool(session.project, error=0.05, audit=0)
    assert session.project.history().tried == ()


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.0, 0.5])
def test_what_a_strategy_draws_by_weights_promises_nothing_and_the_share_beside_it_does(
    tmp_path: Path, share: float
) -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=600)
    x = 5 * np.eye(3, 8)[y] + rng.normal(size=(600, 8))
    session, people = project_of(tmp_path, x, y, size=60, random_share=share, strategy="power")
    labeled_by(session, people, 4)  # the first without a model: nothing is drawn by weights yet
    assert evidence(session).random.at.size >= 100
    snapshot = Snapshot.of(session.project)
    if share:
        assert judge(snapshot, error=0.1, delta=0.1, per_class=False, audit=0).items
        return
    with pytest.raises(LabelError, match="same probability as all other"):
        judge(snapshot, error=0.1, delta=0.1, per_class=False, audit=0)


def test_an_item_drawn_in_vain_and_chosen_later_is_no_random_label(session: Session) -> None:
    labeled(session, rounds=1)
    session.query(200)
    session.close("by hand")
    labeled(session, rounds=2)
    rounds = session.project.history().rounds
    last = {i.id: i for r in rounds for i in r.questions}
    found = evidence(session)
    ids = found.snapshot.embeddings.ids
    counted = {ids[found.snapshot.training[0][i]] for i in found.random.at}
    drawn_before = {i.id for i in rounds[1].questions if i.propensity is not None}
    chosen_later = {i for i in drawn_before if last[i].propensity is None and i in found.snapshot.history.labels}
    assert chosen_later and not counted & chosen_later


def test_where_nothing_but_chance_chose_nothing_was_saved(tmp_path: Path) -> None:
    y = truth()
    x = 3 * np.eye(3, 8)[y] + np.random.default_rng(1).normal(size=(N, 8))
    session, people = project_of(tmp_path, x, y, size=40, strategy="random")
    labeled_by(session, people, 1)
    assert evidence(session).audit is not None and evidence(session).live is None
    assert "chosen by a strategy" in evidence(session).unsaid
    session.query(strategy="margin")
    labeled_by(session, people, 1)
    live = evidence(session).live
    assert live is not None and "no replays of this strategy" in live.prior


@pytest.mark.slow
def test_a_small_project_of_random_labels_only_can_plan(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=80)
    for seed in range(8):
        folder = tmp_path / str(seed)
        folder.mkdir()
        x = 4 * np.eye(3, 8)[y] + rng.normal(size=(80, 8))
        session, people = project_of(folder, x, y, size=10, strategy="random")
        labeled_by(session, people, 1)
        assert Forecast(evidence(session)).plan(0.9).labels == 10
