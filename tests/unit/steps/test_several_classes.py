"""Projects in which an item may have several classes, or none: the whole walk."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from activessl import Answer, Session, simulate
from activessl.annotators.oracle import Habits, Oracle
from activessl.errors import ConfigError, LabelError, MeasureError, PoolError, QueryError
from activessl.labels.several_classes import SEVERAL
from activessl.ledger.schema import Answered, Offered
from activessl.pool.sources import load_pool
from activessl.pool.stored_labels import read_labels
from activessl.project.config import check_config
from activessl.project.config_file import write_config
from activessl.project.folder import Project
from activessl.project.snapshot import Snapshot
from activessl.proof.acceptance import accept_pool
from activessl.proof.estimates import Evidence
from activessl.proof.promise import audit_count
from activessl.reports.sections.classes import Classes
from activessl.scoring.as_onnx import OnnxScorer
from activessl.scoring.estimator import PoolClassifier
from activessl.scoring.model import Model
from activessl.steps.relabel import Doubts
from activessl_cli.main import app
from activessl_modal import project_learner

CLASSES = ("red", "round", "soft")
N = 300


def world(n: int = N, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Vectors in which each class moves along a direction of its own, and who has which class."""
    rng = np.random.default_rng(seed)
    truth = (rng.random((n, 3)) < (0.5, 0.4, 0.2)).astype(np.int64)
    return (3 * truth @ np.eye(3, 10) + 0.6 * rng.normal(size=(n, 10))).astype(np.float32), truth


def named(row: np.ndarray) -> tuple[str, ...]:
    return tuple(CLASSES[k] for k in np.flatnonzero(row))


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    vectors, _ = world()
    test, truth = world(200, seed=1)
    np.savez(tmp_path / "pool.npz", vectors=vectors)
    np.savez(tmp_path / "test.npz", vectors=test, labels=truth, class_names=np.array(CLASSES))
    data = {"path": "../pool.npz", "modality": "vector", "classes": CLASSES, "multi_label": True}
    config = check_config({"data": data | {"test": "../test.npz"}, "query": {"random_share": 0.5, "size": 20}})
    session = Session(Project.create(tmp_path / "p", config, version="0"))
    session.encode()
    yield session


def oracle(session: Session, **habits: float) -> Oracle:
    _, truth = world()
    told = {item: named(row) for item, row in zip(session.project.pool().ids, truth, strict=True)}
    return Oracle(told, CLASSES, Habits(**habits), kind=SEVERAL)


@pytest.mark.slow
def test_the_loop_learns_classes_that_come_together_and_items_that_have_none(session: Session) -> None:
    person = oracle(session)
    accuracy = [session.round(person).accuracy for _ in range(4)]
    assert accuracy[-1] is not None and accuracy[0] is not None
    assert accuracy[-1] > 0.85 and accuracy[-1] >= accuracy[0]  # of three classes at once; chance has about 0.2
    snapshot = Snapshot.of(session.project)
    assert snapshot.training[1].shape == (80, 3)
    kinds = {label.classes for label in snapshot.history.labels.values()}
    assert () in kinds and any(len(classes) > 1 for classes in kinds)

    table = {row["id"]: row for row in session.table()}
    assert len(table) == N
    truth = {item: "|".join(named(row)) for item, row in zip(session.project.pool().ids, world()[1], strict=True)}
    assert all(row["class"] == truth[item] for item, row in table.items() if row["source"] == "person")
    assert np.mean([row["class"] == truth[item] for item, row in table.items()]) > 0.85
    assert all(0 < row["probability"] <= 1 for row in table.values())

    audit = Evidence(snapshot).audit
    assert (
        audit is not None
        and audit.low < np.mean([row["class"] == truth[item] for item, row in table.items()]) < audit.high + 0.02
    )
    report = session.report()
    assert {row.name: row.confused_with for row in report.section(Classes).rows} == dict.fromkeys(CLASSES)
    assert {row.name for row in report.section(Classes).rows if row.predicted} == set(CLASSES)
    assert "(none)" in report.to_html()


def test_what_is_shown_to_people_is_every_class_that_is_likely_or_nothing_where_one_is_doubtful(
    session: Session,
) -> None:
    person = oracle(session)
    for _ in range(3):
        session.round(person)
    opened = session.query()
    snapshot = Snapshot.of(session.project)
    row = snapshot.row

    def shown(above: float) -> dict[str, str]:
        own = session.project.own
        annotator = own.annotator.model_copy(update={"suggest_above": above})
        project = Project(session.project.folder, own.model_copy(update={"annotator": annotator}))
        said = Snapshot(project, snapshot.history).suggestions(opened.questions)
        told = {s.question: s.preselected(SEVERAL) for s in said if not s.blind}
        return {question: name for question, name in told.items() if name is not None}

    every, sure = shown(0.0), shown(0.7)
    assert any("|" in name for name in every.values()) and 0 < len(sure) < len(every)
    assert snapshot.decided is not None and snapshot.probs is not None
    assert all(set(name.split("|")) == set(named(snapshot.decided[row[item]])) for item, name in every.items())
    least = {item: np.maximum(p := snapshot.probs[row[item]], 1 - p).min() for item in every}
    assert sure == {item: name for item, name in every.items() if least[item] >= 0.7}


@pytest.mark.slow
def test_a_wrong_class_is_doubted_the_right_ones_named_and_asked_about_again(session: Session) -> None:
    person = oracle(session)
    for _ in range(4):
        session.round(person)
    labels = session.project.history().labels.items()
    lies = {("red",): ("red", "soft"), (): ("round",), ("red", "round"): ("round",)}
    lied = {next(item for item, label in labels if label.classes == true): true for true in lies}
    with session.project.ledger() as ledger:
        for item, true in lied.items():
            at = datetime(2030, 1, 1, tzinfo=UTC)
            wrong = Answer(f"late {item}", f"oracle:{item}", item, "label", lies[true], "oracle", 3.0, at)
            ledger.append([Answered(answer=wrong)])
    session.teach()
    every = Doubts(Snapshot.of(session.project)).suspects()
    found = [s for s in every if s.item in lied]
    assert len(found) >= 2 and len(every) <= len(found) + 1 and every[0].item in lied
    assert all(s.given == "|".join(lies[lied[s.item]]) for s in found)
    assert all(s.instead == ("|".join(lied[s.item]) or "(none)") for s in found)
    again = session.query(10, again=0.3)
    assert lied.keys() == {q.item for q in again.questions if q.kind == "again"}


@pytest.mark.slow
def test_labels_by_machine_keep_their_promise_for_whole_items(session: Session) -> None:
    person = oracle(session)
    for _ in range(6):
        session.round(person)
    with pytest.raises(MeasureError, match="several"):
        accept_pool(session.project, error=0.1, per_class=True)
    judged = accept_pool(session.project, error=0.2, delta=0.2, audit=5)
    assert judged.items
    truth = dict(zip(session.project.pool().ids, world()[1], strict=True))
    wrong = [set(item.classes) != set(named(truth[item.id])) for item in judged.items]
    assert np.mean(wrong) <= 0.2
    assert any(len(item.classes) != 1 for item in judged.items)
    history = session.project.history()
    assert history.machine.keys() == {item.id for item in judged.items}
    session.push(person)
    session.pull(person)
    count = audit_count(session.project.history())
    assert count is not None and count.looked_at == 5
    machine = [row for row in session.table() if row["source"] == "machine"]
    said = {item.id: "|".join(item.classes) for item in judged.items}
    assert machine and all(row["class"] == said[row["id"]] for row in machine)


def test_the_model_scores_elsewhere_as_in_the_project_with_and_without_onnx(session: Session, tmp_path: Path) -> None:
    person = oracle(session)
    session.round(person)
    session.round(person)
    exported = session.export_model(tmp_path / "model", onnx=True)
    assert exported.checked is not None and exported.checked.difference < 1e-3
    model = Model.load(tmp_path / "model")
    new, truth = world(50, seed=3)
    np.savez(tmp_path / "new.npz", vectors=new)
    items = load_pool(tmp_path / "new.npz")
    scores = model.score(items)
    rows = list(scores.rows(model.classes, every=True))
    assert np.mean([row["class"] == "|".join(named(t)) for row, t in zip(rows, truth, strict=True)]) > 0.7
    assert exported.onnx is not None
    np.testing.assert_allclose(OnnxScorer(model, exported.onnx).score(items).probs, scores.probs, atol=1e-3)
    np.testing.assert_allclose(session.model().score(items).probs, scores.probs, atol=1e-6)

    estimator = PoolClassifier(model).fit(world()[0], world()[1])
    assert np.mean(np.all(estimator.predict(new) == truth, axis=1)) > 0.8


def test_what_takes_one_class_an_item_says_so(session: Session) -> None:
    person = oracle(session)
    session.round(person)
    with pytest.raises(QueryError, match="several"):
        session.query(confirm=True)
    with pytest.raises(LabelError, match="several"):
        session.finetune()
    data = {"path": "a", "modality": "image", "classes": ["a", "b"], "multi_label": True}
    for section in ({"query": {"confirm": True}}, {"finetune": {"when": "auto"}}):
        with pytest.raises(ConfigError, match="multi_label"):
            check_config({"data": data, **section})
    assert "multi_label = true" in write_config(check_config({"data": data}))
    for name in ("a|c", "(none)"):
        with pytest.raises(ConfigError, match="is reserved"):
            check_config({"data": data | {"classes": ["a", name]}})
    with pytest.raises(LabelError, match="several"):
        project_learner(session)
    for layout in ("folders", "coco"):
        with pytest.raises(ConfigError):
            session.export_items(session.project.folder / layout, layout)
    assert not list(session.project.folder.glob("*.part"))


def offer(session: Session, *classes: str) -> None:
    """From now on the label config offers just these classes."""
    history = session.project.history()
    with session.project.ledger() as ledger:
        ledger.append([Offered(project="p", classes=classes, turn=history.events)])


def say(session: Session, items: tuple[str, ...], classes: tuple[str, ...], by: str = "ann") -> None:
    """Answer items now, as far as they have these classes."""
    truth = dict(zip(session.project.pool().ids, world()[1], strict=True))
    with session.project.ledger() as ledger:
        for item in items:
            given = tuple(name for name in named(truth[item]) if name in classes)
            now = datetime.now(UTC)
            source = f"{by}:{item}"
            ledger.append([Answered(answer=Answer(f"{source} {now}", source, item, "label", given, by, 3.0, now))])


@pytest.mark.slow
def test_of_a_class_that_joins_later_the_labels_from_before_say_nothing(session: Session) -> None:
    few = CLASSES[:2]
    config = session.project.own.model_copy(
        update={"data": session.project.own.data.model_copy(update={"classes": few, "test": None})}
    )
    session = Session(Project(session.project.folder, config))
    offer(session, *few)
    say(session, session.query(40).items, few)
    session.teach()
    offer(session, *CLASSES)
    assert session.project.history().classes == CLASSES
    session.teach()
    snapshot = Snapshot.of(session.project)
    assert snapshot.training[1].shape == (40, 3) and np.all(snapshot.training[1][:, 2] == -1)
    assert snapshot.probs is not None and np.all(snapshot.probs[:, 2] < 0.5)  # nobody knows: no such suggestion
    assert Evidence(snapshot).audit is None  # no label says of all classes whether it is right
    say(session, session.query(60).items, CLASSES)
    session.teach()
    snapshot = Snapshot.of(session.project)
    assert np.sum(snapshot.training[1][:, 2] == -1) == 40
    truth = world()[1]
    assert snapshot.decided is not None and np.mean(snapshot.decided[:, 2] == truth[:, 2]) > 0.9
    audit = Evidence(snapshot).audit
    assert audit is not None and audit.labels < 40  # the random ones of the second round only

    # whoever looks at an item again is not contradicted by an answer from before
    first = set(session.project.history().rounds[0].items)
    soft = tuple(item for item, has in zip(snapshot.embeddings.ids, truth[:, 2], strict=True) if has and item in first)
    say(session, soft, CLASSES, by="ben")
    snapshot = Snapshot.of(session.project)
    doubts = dict(zip(snapshot.training[0], Doubts(snapshot).labels, strict=True))
    assert len(soft) > 3 and all(doubts[snapshot.row[item]] < 0.1 for item in soft)

    # and one that is taken out takes nothing with it but itself
    offer(session, *CLASSES[1:])
    history = session.project.history()
    assert history.classes == CLASSES[1:] and len(history.labels) == 100 and not history.quarantined
    session.teach()
    assert Snapshot.of(session.project).training[1].shape == (100, 2)


def test_a_project_that_takes_one_class_again_sets_aside_what_says_more(session: Session) -> None:
    session.round(oracle(session))
    before = session.project.history().labels
    data = session.project.own.data.model_copy(update={"multi_label": False, "test": None})
    single = Session(Project(session.project.folder, session.project.own.model_copy(update={"data": data})))
    history = single.project.history()
    assert {i for i, label in before.items() if len(label.classes) == 1} == set(history.labels)
    assert {i for i, label in before.items() if not label.classes} == set(history.skipped)
    single.teach()
    single.report()
    assert not set(single.query().items) & set(before)


@pytest.mark.slow
def test_two_models_that_find_nothing_anywhere_do_not_agree_yet(session: Session) -> None:
    person = Oracle(dict.fromkeys(session.project.pool().ids, ()), CLASSES, kind=SEVERAL)
    taught = [session.round(person) for _ in range(4)]
    assert [t.kappa for t in taught] == [None] * 4 and taught[-1].change == 0
    assert session.should_stop() is None  # else a class that nobody has met would end the project


def test_files_say_of_each_item_which_classes_it_has(tmp_path: Path) -> None:
    texts = [f"a text about {' and '.join(c) or 'nothing'} number {i}" for i, c in enumerate(map(named, world(40)[1]))]
    labels = [list(named(row)) for row in world(40)[1]]
    pd.DataFrame({"text": texts, "label": labels}).to_parquet(tmp_path / "t.parquet")
    data = {"path": "../t.parquet", "modality": "text", "classes": CLASSES, "multi_label": True}
    session = Session(Project.create(tmp_path / "p", check_config({"data": data}), version="0"))
    session.encode()
    truth = dict(zip(session.project.pool().ids, map(named, world(40)[1]), strict=True))
    session.round(Oracle(truth, CLASSES, kind=SEVERAL))
    session.export_items(tmp_path / "hf", "huggingface")
    lines = [json.loads(line) for line in (tmp_path / "hf" / "data" / "train.jsonl").read_text().splitlines()]
    assert len(lines) == 20 and all(set(line["label"]) == set(truth[line["id"]]) for line in lines)
    for ending in ("csv", "parquet"):
        done = CliRunner().invoke(app, ["export", str(tmp_path / f"l.{ending}"), "--project", str(tmp_path / "p")])
        assert done.exit_code == 0, done.output
    table = pd.read_parquet(tmp_path / "l.parquet")
    assert all(set(row.classes) == set(truth[row.id]) for row in table.itertuples() if row.source == "person")
    words = pd.read_csv(tmp_path / "l.csv", keep_default_na=False)
    assert "classes" not in words and all(
        row["class"] == "|".join(truth[row["id"]]) for _, row in words.iterrows() if row["source"] == "person"
    )


def test_several_people_are_believed_class_by_class() -> None:
    def gave(who: str, item: str, *classes: str) -> Answer:
        at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=ord(who[0]))
        return Answer(f"{who}/{item}", f"{who}/{item}", item, "label", classes, who, 3.0, at)

    # no two of the three agree on the whole, two of them on each class
    answers = [
        gave("ann", "i", "red", "round"),
        gave("bob", "i", "red", "soft"),
        gave("eve", "i", "round", "red", "soft"),
    ]
    answers += [gave("ann", "j"), gave("bob", "j"), gave("eve", "j", "soft")]
    merged = SEVERAL.merge(answers, CLASSES, {})
    labels, skipped, aside, people = merged.labels, merged.skipped, merged.aside, merged.people
    assert set(labels["i"].classes) == set(CLASSES) and labels["i"].annotators == 3 and labels["i"].votes == 1
    assert labels["j"].classes == () and labels["j"].votes == 2
    assert labels["j"].certainty is not None and 0.5 < labels["j"].certainty < 1
    assert not skipped and not aside and set(people) == {"ann", "bob", "eve"}
    # of two who differ, the first is believed
    assert SEVERAL.merge(answers[:2], CLASSES, {}).labels["i"].classes == ("red", "round")


@pytest.mark.slow
def test_a_replay_learns_faster_by_choice_than_by_chance_and_repeats(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    vectors, truth = world(600)
    truth[:, 2] = 0
    rare = rng.choice(600, 30, replace=False)
    truth[rare, 2] = 1
    vectors = (3 * truth @ np.eye(3, 10) + 0.6 * rng.normal(size=(600, 10))).astype(np.float32)
    asked = {"strategies": ("auto", "margin"), "seeds": 4, "budgets": (10, 30, 60), "smoothing": False}
    found = simulate(vectors, truth, **asked, cache=tmp_path)
    assert found.settings["multi_label"] and found.settings["n_classes"] == 3
    chosen, chance = (found.arms[name].curve.mean for name in ("auto", "random"))
    assert chosen[-1] > 0.8 and chosen[1:].mean() > chance[1:].mean()
    again = simulate(vectors, truth, **asked, cache=tmp_path)
    np.testing.assert_array_equal(again.arms["margin"].curve.accuracy, found.arms["margin"].curve.accuracy)

    tired = simulate(vectors, truth, **(asked | {"strategies": ()}), oracle=Habits(mistakes=0.5, skips=0.2))
    assert tired.baseline.curve.mean[-1] < chance[-1]
    for bad in (truth * 2, np.zeros((600, 3), dtype=int)):
        with pytest.raises(MeasureError):
            simulate(vectors, bad, seeds=1, budgets=(10,))


def test_stored_labels_are_a_matrix_or_lists(tmp_path: Path) -> None:
    vectors, truth = world(6)
    np.savez(tmp_path / "a.npz", vectors=vectors, labels=truth.astype(bool), class_names=np.array(CLASSES))
    found = read_labels(load_pool(tmp_path / "a.npz"))
    assert found is not None and found.class_names == CLASSES
    np.testing.assert_array_equal(found.labels, truth)
    texts = pd.DataFrame({"text": [f"text {i}" for i in range(4)], "label": [["b"], [], ["a", "b"], ["c"]]})
    texts.to_parquet(tmp_path / "t.parquet")
    listed = read_labels(load_pool(tmp_path / "t.parquet"))
    assert listed is not None and listed.class_names == ("a", "b", "c")
    assert listed.labels.tolist() == [[0, 1, 0], [0, 0, 0], [1, 1, 0], [0, 0, 1]]
    np.savez(tmp_path / "b.npz", vectors=vectors, labels=2 * truth)
    with pytest.raises(PoolError, match="values other than"):
        read_labels(load_pool(tmp_path / "b.npz"))


def test_test_data_of_one_class_each_is_refused(session: Session, tmp_path: Path) -> None:
    vectors, truth = world(200, seed=1)
    np.savez(tmp_path / "test.npz", vectors=vectors, labels=truth[:, 0])
    with pytest.raises(LabelError, match="any number"):
        session.round(oracle(session))


@pytest.mark.slow
def test_from_the_command_line(tmp_path: Path) -> None:
    vectors, truth = world(120)
    np.savez(tmp_path / "pool.npz", vectors=vectors, labels=truth, class_names=np.array(CLASSES))
    run = CliRunner().invoke
    folder = ["--project", str(tmp_path / "p")]
    made = run(app, ["init", str(tmp_path / "pool.npz"), "--classes", ",".join(CLASSES), "--multi-label", *folder])
    assert made.exit_code == 0, made.output
    assert run(app, ["encode", *folder]).exit_code == 0
    session = Session.open(tmp_path / "p")
    assert session.project.config.data.multi_label
    told = {item: named(row) for item, row in zip(session.project.pool().ids, truth, strict=True)}
    session.round(Oracle(told, CLASSES, kind=SEVERAL))
    assert run(app, ["status", *folder]).exit_code == 0
    rows = json.loads(run(app, ["predict", str(tmp_path / "pool.npz"), "--json", *folder]).stdout)
    assert {row["class"] for row in rows} <= {"|".join(named(t)) for t in np.ndindex(2, 2, 2)} and len(rows) == 120
    played = run(app, ["simulate", str(tmp_path / "pool.npz"), "--seeds", "1", "--budgets", "10,20", "--json"])
    assert played.exit_code == 0 and json.loads(played.stdout)["settings"]["multi_label"]
