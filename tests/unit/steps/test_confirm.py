"""Groups of alike items that are confirmed at a glance: what is shown, what it becomes, and what it must not touch."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from activessl.annotators.base import Asked, Confirmer
from activessl.annotators.oracle import Oracle
from activessl.errors import AnnotatorError, LabelError, QueryError
from activessl.labels.answers import Answer
from activessl.labels.questions import Question
from activessl.ledger.fold import fold
from activessl.ledger.schema import CONFIRM, Answered, Missing, Queried, Recorded
from activessl.measuring.planning.hours import human_time
from activessl.measuring.planning.times import labeling_hours
from activessl.project.config import check_config
from activessl.project.config_file import write_config
from activessl.project.folder import Project
from activessl.project.snapshot import Snapshot
from activessl.proof.acceptance import judge
from activessl.proof.confirmed import confirmed_count
from activessl.proof.estimates import Evidence
from activessl.proof.forecast import Forecast
from activessl.session import Session
from activessl.steps.confirm import BETWEEN
from activessl.steps.select import CONFIRMED, drawable
from activessl.strategies.base import State
from activessl.strategies.confirmable import SURE, alike_clusters
from activessl.strategies.random_share import RandomShare
from activessl.strategies.registry import get_strategy
from activessl_cli.main import main

CLASSES = ("ant", "bee", "cow")
N = 600
#: A head is sure of items so far apart; of some it is wrong, because they look like another class.
APART, MISTAKEN = 5.0, 0.03


def looks() -> np.ndarray:
    return np.random.default_rng(0).integers(3, size=N)


def truth() -> np.ndarray:
    rng = np.random.default_rng(2)
    return np.where(rng.random(N) < MISTAKEN, (looks() + 1) % 3, looks())


def oracle(session: Session | None = None, kind: type[Oracle] = Oracle) -> Oracle:
    """One who was asked what the project asked so far."""
    people = kind({f"pool:{i}": CLASSES[k] for i, k in enumerate(truth())}, CLASSES, seed=1)
    for r in () if session is None else session.project.history().rounds:
        people.push(session.project.pool(), Asked(r.questions), [], model="before")
    return people


@dataclass(eq=False)
class Careless(Oracle):
    """Confirms every group as a whole, but looks at what it is shown alone."""

    def pull(self, since: str | None = None) -> tuple[list[Answer], str]:
        answers, mark = super().pull(since)
        return [self._waved(a) for a in answers], mark

    def _waved(self, a: Answer) -> Answer:
        if not a.cluster or a.suggested is None:
            return a
        return Answer(
            a.key,
            a.source,
            a.item,
            "label",
            (a.suggested,),
            a.annotator,
            0.3,
            a.at,
            a.suggested,
            False,
            a.question,
            1,
            True,
        )


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """After two rounds of single questions."""
    folder = tmp_path_factory.mktemp("taught")
    session, people = opened(folder), oracle()
    for _ in range(2):
        session.round(people)
    return folder


@pytest.fixture
def session(taught: Path, tmp_path: Path) -> Session:
    shutil.copytree(taught, tmp_path, dirs_exist_ok=True)
    return Session.open(tmp_path / "p")


def opened(folder: Path, **query: object) -> Session:
    rng = np.random.default_rng(1)
    vectors = (APART * np.eye(3, 8)[looks()] + rng.normal(size=(N, 8))).astype(np.float32)
    np.savez(folder / "pool.npz", vectors=vectors)
    config = check_config(
        {
            "data": {"path": "../pool.npz", "modality": "vector", "classes": list(CLASSES)},
            "query": {"size": 40, "random_share": 0.25, **query},
        }
    )
    made = Session(Project.create(folder / "p", config, version="0"))
    made.encode()
    return made


def grouped(session: Session, people: Oracle, groups: int = 5) -> list[str]:
    """A round of groups; what they showed."""
    shown = session.query(groups, confirm=True)
    assert shown.queried.strategy == CONFIRM
    session.round(people)
    return list(shown.items)


def test_a_group_holds_what_is_sure_and_alike_and_every_item_is_in_one_group_at_most() -> None:
    rng = np.random.default_rng(3)
    points = rng.normal(size=(300, 5))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    probs = rng.dirichlet((0.05,) * 4, size=300)
    candidates = np.flatnonzero(rng.random(300) < 0.7)
    found = alike_clusters(points, probs, candidates, 6, 9)
    rows = np.concatenate([group.rows for group in found])
    assert len(rows) == len(set(rows.tolist()))
    assert set(rows.tolist()) <= set(candidates.tolist())
    for group in found:
        assert 4 <= len(group.rows) <= 9
        assert (probs[group.rows].argmax(axis=1) == group.class_index).all()
        assert probs[group.rows].max(axis=1).min() >= SURE
        likeness = points[group.rows] @ points[group.rows[0]]
        assert (np.diff(likeness[1:]) <= 1e-12).all()
    again = alike_clusters(points, probs, candidates, 6, 9)
    assert [group.rows.tolist() for group in again] == [group.rows.tolist() for group in found]


def test_where_the_head_is_sure_of_too_few_there_is_no_group() -> None:
    points = np.eye(10)
    unsure = np.full((10, 2), 0.5)
    assert alike_clusters(points, unsure, np.arange(10), 2, 6) == []
    with pytest.raises(QueryError, match="clusters of 3 items"):
        alike_clusters(points, unsure, np.arange(10), 2, 3)


def test_a_confirmed_group_becomes_ordinary_labels_that_say_how_they_were_given(session: Session) -> None:
    shown = grouped(session, oracle(session))
    history = session.project.history()
    kinds = Counter(
        history.answers[f"oracle:{i} of {q.id}"].kind for q in history.rounds[-1].questions for i in q.items
    )
    right = [i for i in shown if history.labels.get(i)]
    assert kinds["label"] == len(right) > 90
    assert kinds["apart"] == len(shown) - len(right) > 0
    true = {f"pool:{i}": CLASSES[k] for i, k in enumerate(truth())}
    assert all(history.labels[i].classes == (true[i],) for i in right)
    assert history.only_confirmed == set(right)
    assert history.apart == set(shown) - set(right)
    assert history.open_round is None  # it ended although what stood apart has no label
    assert len(Snapshot(session.project, history).training[0]) == 80 + len(right)  # and they teach


def test_what_stood_apart_is_asked_first_on_its_own_and_never_in_a_group_again(session: Session) -> None:
    people = oracle(session)
    shown = grouped(session, people)
    apart = session.project.history().apart
    following = session.query()
    first = [q.item for q in following.questions if q.sent_back]
    assert set(first) == apart and len(first) <= 20
    session.round(people)
    assert apart <= session.project.history().labels.keys()
    assert not set(session.query(confirm=True).items) & set(shown)


@dataclass(eq=False)
class Picky(Oracle):
    """Sends half of each group back."""

    def pull(self, since: str | None = None) -> tuple[list[Answer], str]:
        answers, mark = super().pull(since)
        odd = [a.cluster and int(a.item.split(":")[1]) % 2 for a in answers]
        return [replace(a, kind="apart", classes=()) if o else a for a, o in zip(answers, odd, strict=True)], mark


def test_what_was_sent_back_leaves_less_of_a_round_to_what_is_doubted(session: Session) -> None:
    grouped(session, oracle(session, Picky))
    history = session.project.history()
    assert len(history.apart) > 20
    lies = []
    for item in history.rounds[0].items[:30]:  # so that more labels are doubted than a round can ask about
        said = history.labels[item].answers[-1]
        wrong = CLASSES[(CLASSES.index(said.classes[0]) + 1) % 3]
        lies.append(replace(said, key=f"{item} lie", classes=(wrong,), at=said.at + timedelta(days=1)))
    with session.project.ledger() as ledger:
        ledger.append([Answered(answer=a) for a in lies])
    asked = session.query(20, again=0.8).questions
    back = [i for i in asked if i.sent_back]
    again = [i for i in asked if i.asking > 1]
    assert len(asked) == 20 and len(back) == 10
    assert len([i for i in again if i.kind == "again"]) == 8  # of the ten that are left, as the share says
    assert len({i.item for i in asked}) == 20


@pytest.mark.slow
def test_a_share_of_what_was_confirmed_is_looked_at_alone_and_blind_and_errors_show(session: Session) -> None:
    people = oracle(session, Careless)
    shown = grouped(session, people, groups=10)
    history = session.project.history()
    wrong = [i for i in shown if history.labels[i].classes != (CLASSES[truth()[int(i.split(":")[1])]],)]
    assert wrong
    count = confirmed_count(history)
    assert count is not None and (count.clusters, count.confirmed, count.looked_at) == (10, len(shown), 0)
    following = session.query()
    looked = [i for i in following.questions if i.confirmed]
    assert sum(i.propensity is None for i in looked) == 10  # of 24 that a tenth is, a quarter of the round
    assert all(i.asking == 2 and i.reason == CONFIRMED and i.item in shown for i in looked)
    session.push(people)
    snapshot = Snapshot.of(session.project)
    told = snapshot.suggestions(looked)
    assert all(s.blind for s in told)
    for _ in range(4):
        session.round(people)
    after = confirmed_count(session.project.history())
    assert after is not None and after.looked_at >= round(0.1 * len(shown))
    seen = {i.item for r in session.project.history().rounds for i in r.questions if i.confirmed}
    assert after.wrong == len(seen & set(wrong))
    assert after.low <= after.wrong / after.looked_at <= after.high
    assert f"audit: {after.wrong} of {after.looked_at} items wrong" in after.to_text()
    # who looked alone was right: what was overlooked is put right
    assert all(session.project.history().labels[i].classes != history.labels[i].classes for i in seen & set(wrong))


@pytest.mark.slow
def test_no_figure_of_accuracy_rests_on_what_was_confirmed_at_a_glance(session: Session) -> None:
    people = oracle(session)
    before = Evidence(Snapshot.of(session.project))
    drawn = {before.snapshot.embeddings.ids[r] for r in before.snapshot.training[0][before.random.at]}
    shown = set(session.query(8, confirm=True).items)
    session.round(people)
    after = Evidence(Snapshot.of(session.project))
    assert {after.snapshot.embeddings.ids[r] for r in after.snapshot.training[0][after.random.at]} == drawn
    assert not drawn & shown
    # nor is the estimate of the labels saved, which is of questions
    assert after.live is not None and before.live is not None
    assert after.live.labels == before.live.labels == 80
    assert after.live.saved == pytest.approx(before.live.saved)


def test_the_random_share_still_draws_from_all_that_was_there_and_asks_about_these_alone(session: Session) -> None:
    people = oracle(session)
    shown = set(grouped(session, people, groups=20))
    assert len(shown) > 250  # so many that a draw from the rest only would be noticed
    snapshot = Snapshot.of(session.project)
    assert {snapshot.embeddings.ids[r] for r in drawable(snapshot)} == shown - snapshot.history.apart
    opened = session.query(120, strategy="random")
    drawn = [i for i in opened.questions if i.propensity is not None]
    alone = [i for i in drawn if i.asking > 1]
    assert 0.2 < len(alone) / len(drawn) < 0.75
    assert {i.item for i in alone} <= shown
    assert all(i.confirmed and i.reason == CONFIRMED and i.kind == "random" for i in alone)
    frame = len(snapshot.free.nonzero()[0]) + len(drawable(snapshot)) - sum(i.sent_back for i in opened.questions)
    assert {round(i.propensity * frame) for i in drawn if i.propensity} == {len(drawn)}
    at_first = Evidence(Snapshot.of(session.project)).random
    session.round(people)
    # they count once somebody looked at them alone, not before
    assert len(Evidence(Snapshot.of(session.project)).random.at) == len(at_first.at) + len(drawn)


@pytest.mark.slow
def test_what_is_drawn_and_was_to_be_looked_at_anyway_is_asked_about_once(session: Session) -> None:
    people = oracle(session)
    grouped(session, people, groups=20)
    opened = session.query(120, strategy="random", again=0.2)
    items = opened.items
    assert len(set(items)) == len(items)
    drawn = [i for i in opened.questions if i.propensity is not None]
    assert any(i.asking > 1 for i in drawn)  # drawn out of all of them, not of those that are left


@pytest.mark.slow
def test_a_draw_speaks_for_what_was_confirmed_too_until_somebody_looks_at_it_alone(session: Session) -> None:
    people = oracle(session)
    shown = set(grouped(session, people, groups=20))
    for _ in range(2):
        session.round(people)
    found = Evidence(Snapshot.of(session.project))
    ids, rows = found.snapshot.embeddings.ids, found.snapshot.training[0]
    alone = {i.item for r in session.project.history().rounds for i in r.questions if i.confirmed}
    share, _ = found._known
    last = share[found.random.rounds == found.random.rounds.max()][0]
    # at the last draw, the labels of the rounds before were known, but not what was only seen at a glance
    before = {i for r in session.project.history().rounds[:-1] for i in r.items if i not in shown - alone}
    known = {ids[row] for row in rows} & (before - (shown - alone))
    assert len(known) - len(alone) <= last * N <= len(known)
    assert last * N < len(rows) - len(shown - alone)


def test_a_draw_of_what_has_a_label_already_is_not_pending_for_the_strategy() -> None:
    vectors = np.random.default_rng(7).normal(size=(30, 3))
    state = State(vectors, np.arange(20), np.arange(20) % 2, 2, np.random.default_rng(0))
    for seed in range(5):
        told = state.replace(rng=np.random.default_rng(seed))
        query = RandomShare(get_strategy("k_center"), 0.5, np.arange(5, 20)).query(told, 8)
        assert len(set(query.indices.tolist())) == 8


@pytest.mark.slow
def test_a_promise_counts_what_clusters_took_out_of_the_pool_against_older_draws(session: Session) -> None:
    people = oracle(session)
    session.query(60, strategy="random")
    session.round(people)
    before = judge(Snapshot.of(session.project), error=0.2, delta=0.2, per_class=False, audit=0)
    grouped(session, people, groups=20)
    after = judge(Snapshot.of(session.project), error=0.2, delta=0.2, per_class=False, audit=0)
    history = session.project.history()
    assert before.items and not {i.id for i in after.items} & history.labels.keys()
    assert len(after.items) < len(before.items) - len(history.confirmed) / 2
    session.query(80, strategy="random")  # drawn from what is left: these speak for it alone
    session.round(people)
    again = judge(Snapshot.of(session.project), error=0.2, delta=0.2, per_class=False, audit=0)
    assert len(again.items) >= len(after.items)


def test_hours_count_the_groups_but_seconds_a_label_do_not(session: Session) -> None:
    people = oracle(session)
    grouped(session, people)
    answers = list(session.project.history().answers.values())
    rng = np.random.default_rng(0)
    both = human_time(answers, rng=rng)
    alone = human_time([a for a in answers if not a.cluster], rng=np.random.default_rng(0))
    assert both.per_label == alone.per_label and both.labels == 80
    assert both.confirmed == sum(a.cluster for a in answers)
    assert both.raw == pytest.approx(sum(a.seconds or 0 for a in answers))
    assert both.seconds > alone.seconds


@pytest.mark.slow
def test_money_counts_groups_by_the_time_they_took_and_a_saving_is_of_single_questions(session: Session) -> None:
    people = oracle(session)
    rates = {"per_hour": 36, "currency": "EUR"}
    priced = Session(Project(session.project.folder, check_config(session.project.own.model_dump() | {"rates": rates})))
    before = Forecast(Evidence(Snapshot.of(priced.project))).roi()
    grouped(priced, people, groups=20)
    found = Evidence(Snapshot.of(priced.project))
    forecast = Forecast(found)
    roi, time, live = forecast.roi(), forecast.time, found.live
    assert before is not None and roi is not None and time is not None and live is not None
    assert len(found.snapshot.training[0]) > 300 and live.labels == 80
    assert roi.labeling == pytest.approx(36 * time.hours)  # what people's time cost, groups and all
    assert roi.saved.middle == pytest.approx(before.saved.middle)  # a group is no question that was saved
    assert roi.saved.middle == pytest.approx(80 * time.per_label / 100 * (1 / (1 - live.saved) - 1))
    # looked at alone, an item is a single question from then on, and not before
    for _ in range(2):
        priced.round(people)
    found = Evidence(Snapshot.of(priced.project))
    forecast = Forecast(found)
    roi, time, live = forecast.roi(), forecast.time, found.live
    assert roi is not None and time is not None and live is not None
    assert roi.labeling == pytest.approx(36 * time.hours) == pytest.approx(36 * labeling_hours(found_answers(found)))
    groups = sum(a.seconds or 0.0 for a in found_answers(found) if a.cluster)
    assert groups > 0 and len(found.single) > 120
    assert roi.saved.middle == pytest.approx((36 * time.hours - groups / 100) * (1 / (1 - live.saved) - 1))


def found_answers(evidence: Evidence) -> list[Answer]:
    return list(evidence.snapshot.history.answers.values())


def test_a_group_that_is_taken_back_or_changed_gives_its_items_back(session: Session) -> None:
    shown = grouped(session, oracle(session))
    history = session.project.history()
    source, answer = next((s, a) for s, a in history.answers.items() if a.cluster and a.kind == "label")
    later = answer.at + timedelta(days=1)
    taken = Answer(f"{source} gone", source, answer.item, "delete", (), "oracle", None, later)
    with session.project.ledger() as ledger:
        ledger.append([Answered(answer=taken)])
    after = session.project.history()
    assert answer.item in shown and answer.item not in after.labels
    snapshot = Snapshot.of(session.project)
    assert snapshot.free[snapshot.row[answer.item]]


def test_groups_of_a_class_that_was_taken_out_and_skips_of_several_people_are_counted_as_they_are() -> None:
    def said(n: int, item: str, kind: str, who: str, cluster: str = "", asked: Question | None = None) -> Answer:
        named = ("bee",) if kind == "label" else ()
        at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=n)
        question, asking = (cluster, 1) if asked is None else (asked.id, asked.asking)
        return Answer(
            f"k{n}", f"s{n}", item, kind, named, who, 2.0, at, question=question, asking=asking, cluster=bool(cluster)
        )

    alone = {i: Question(kind="audit", items=(i,), asking=2, confirmed=True) for i in ("a", "b", "c", "gone")}
    questions = tuple(alone.values())
    looked = Queried(round=1, strategy="auto", seed=(0, 1), fingerprint="f", questions=questions, seconds=0.0)
    answers = [said(n, item, "label", "ann", "group-1") for n, item in enumerate(("a", "b", "c", "gone"))]
    answers += [said(4, "d", "apart", "ann", "group-1")]
    # one skips what another one labels: it is not open, and it is not counted twice
    answers += [said(5 + n, item, "skip", "ann", asked=alone[item]) for n, item in enumerate("ab")]
    answers += [said(7 + n, item, "label", "bob", asked=alone[item]) for n, item in enumerate("ab")]
    events = [looked, Missing(items=("gone",), turn=0), *(Answered(answer=a) for a in answers)]
    recorded = [Recorded(seq=n, at=answers[0].at, event=e) for n, e in enumerate(events)]

    count = confirmed_count(fold(recorded, classes=CLASSES))
    assert count is not None and (count.confirmed, count.apart, count.seconds) == (4, 1, 10.0)
    assert (count.looked_at, count.open, count.wrong) == (2, 1, 0)
    without = confirmed_count(fold(recorded, classes=("ant", "cow")))
    assert without is not None and (without.confirmed, without.apart) == (0, 1)
    assert "0 items confirmed in 1 cluster, 1 sent back, 2.0 s for each item" in without.to_text()
    none = confirmed_count(fold([e for e in recorded if e.event != events[6]], classes=("ant", "cow")))
    assert none is not None and none.to_text() == "0 items confirmed in 1 cluster, 0 sent back"


@pytest.mark.slow
def test_the_config_asks_for_groups_after_some_rounds(tmp_path: Path) -> None:
    session, people = opened(tmp_path, confirm=8), oracle()
    for _ in range(2 * (BETWEEN + 1)):
        session.round(people)
    confirms = [r.confirms for r in session.project.history().rounds]
    assert confirms == [*[False] * BETWEEN, True, *[False] * BETWEEN, True]
    rounds = session.project.history().rounds
    assert {len(g.items) for g in rounds[BETWEEN].questions} == {8}
    assert len(rounds[BETWEEN].questions) == 10


def test_before_there_is_a_model_there_are_no_groups(tmp_path: Path) -> None:
    session = opened(tmp_path)
    with pytest.raises(LabelError, match="no model yet"):
        session.query(confirm=True)


def test_an_annotator_that_cannot_show_groups_is_named(session: Session) -> None:
    session.query(confirm=True)

    class Single:
        def push(self, *_: object, **__: object) -> None: ...

        def pull(self, since: str | None = None) -> tuple[list[Answer], str]:
            return [], since or ""

    with pytest.raises(AnnotatorError, match="Single cannot show clusters"):
        session.push(Single())  # type: ignore[arg-type]
    assert isinstance(oracle(), Confirmer)


def test_the_settings_are_written_and_read_back() -> None:
    import tomllib

    for confirm, size in ((False, 24), (True, 24), (40, 40)):
        raw = {"data": {"path": "x", "modality": "image", "classes": ["a", "b"]}, "query": {"confirm": confirm}}
        config = check_config(raw)
        assert config.query.cluster_size == size
        assert check_config(tomllib.loads(write_config(config))) == config


@pytest.mark.slow
def test_groups_until_too_few_are_sure_and_then_it_is_said_how_many(session: Session) -> None:
    people, shown = oracle(session), Counter[str]()
    with pytest.raises(QueryError, match="too few for a cluster of 4 items"):
        for _ in range(12):
            shown.update(session.query(40, confirm=True).items)
            session.round(people)
    assert session.project.history().apart
    assert set(shown.values()) == {1}  # what stood apart of its group is in no other


@pytest.mark.slow
def test_the_verbs_tell_of_groups_and_of_what_became_of_them(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(session.project.folder)

    def run(*argv: str) -> str:
        with pytest.raises(SystemExit) as ended:
            main([*argv, "-p", folder])
        assert not ended.value.code
        return capsys.readouterr().out

    shown = run("query", "--confirm", "-n", "2")
    assert shown.startswith("round 3: 48 items in 2 clusters to confirm\n")
    assert json.loads(run("query", "--json"))["questions"][0]["id"].startswith("cluster-3-1-")
    session.round(oracle(session))
    told = next(line for line in run("status").splitlines() if line.startswith("in clusters: "))
    assert " items confirmed in 2 clusters, " in told
    assert "in clusters  " in session.report().to_text()
    assert "Confirmed in clusters" in session.report().to_html()
    assert json.loads(run("status", "--json"))["clusters"]["clusters"] == 2
