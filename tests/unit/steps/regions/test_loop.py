"""A project of regions from init to a taught model, with an oracle that draws."""

from __future__ import annotations

from pathlib import Path

import pytest

from activessl.annotators.base import Drawer
from activessl.annotators.oracle import Oracle
from activessl.annotators.region_oracle import Hand, RegionOracle
from activessl.errors import AnnotatorError, ConfigError, LabelError, ProjectError, QueryError
from activessl.labels.regions.stored import read_stored
from activessl.project.regions.snapshot import RegionSnapshot
from activessl.project.regions.verbs import INSTEAD, only_classes
from activessl.project.snapshot import Snapshot, head_folder
from activessl.proof.regions.figures import RegionFigures
from activessl.session import Session
from activessl.steps.backup import backup, restore
from activessl.steps.check import check_data
from activessl.steps.next_step import next_step
from activessl.steps.verify import verify

from .projects import fast, spans


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    fast(monkeypatch)


def test_rounds_begin_at_random_and_later_show_regions_that_the_oracle_corrects(tmp_path: Path) -> None:
    session, truth = spans(tmp_path)
    oracle = RegionOracle(truth)
    assert isinstance(oracle, Drawer)
    session.round(oracle, every=0.01)
    (first,) = session.project.history().rounds
    # before there is a region nothing is uncertain: the whole round is drawn, and no model had seen it
    assert {q.kind for q in first.questions} == {"random"} and not first.foreseen and not first.pushed[0].suggestions
    assert all(abs((q.propensity or 0) - 12 / 40) < 1e-9 and q.blind and q.uniform for q in first.questions)

    session.round(oracle, every=0.01)
    history = session.project.history()
    second = history.rounds[1]
    drawn = {q.item for q in second.questions if q.kind == "random"}
    assert 1 <= len(drawn) < 12 and set(second.foreseen) == drawn
    assert second.pushed[0].suggestions == sum(not q.blind for q in second.questions) > 0
    assert all(q.blind for q in second.questions if q.kind == "random")
    assert history.taught is not None and (history.taught.head, history.taught.labels) == ("dense", 24)
    assert not history.untaught and history.open_round is None
    for item, label in history.labels.items():
        assert [(r.place, r.classes) for r in read_stored(label.regions or ())] == [
            (r.place, r.classes) for r in truth[item]
        ]
    # what was shown was corrected: nobody draws what is there
    origins = [r["rest"]["origin"] for a in history.answers.values() if a.suggested for r in a.regions or ()]
    assert "prediction" in origins
    # random items are shown without the model's regions, and count as such
    compared = RegionFigures(session.project.config, history).correcting
    without = sum(q.blind for q in second.questions)
    assert f"and {without} without" in compared if isinstance(compared, str) else compared.pace.drawn == without


@pytest.mark.slow
def test_each_verb_can_be_repeated_and_the_same_answers_give_the_same_head(tmp_path: Path) -> None:
    session, truth = spans(tmp_path)
    oracle = RegionOracle(truth)
    opened = session.query(8)
    assert session.query(5).questions == opened.questions
    session.push(oracle)
    assert session.push(oracle).new == 0
    assert (session.pull(oracle), session.pull(oracle)) == (8, 0)
    session.teach()
    events = session.project.history().events
    first = [found for found, _ in RegionSnapshot.of(session.project).predicted(list(truth))]
    session.teach()
    session.encode()
    assert session.project.history().events == events
    # the file of the head is a cache
    taught = session.project.history().taught
    assert taught is not None
    folder = head_folder(session.project, taught.round, taught.digest)
    (folder / "config.json").write_text("{")
    again = [found for found, _ in RegionSnapshot.of(session.project).predicted(list(truth))]
    assert [[(r.place, r.classes) for r in one] for one in again] == [
        [(r.place, r.classes) for r in one] for one in first
    ]


@pytest.mark.slow
def test_a_process_that_is_killed_between_any_two_writes_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, truth = spans(tmp_path, encode=False)
    oracle, project = RegionOracle(truth), session.project
    append = type(project).append
    calls = {"left": 0}

    def killed(self: object, *events: object) -> None:
        calls["left"] -= 1
        if calls["left"] < 0:
            raise KeyboardInterrupt
        append(project, *events)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(type(project), "append", killed)
    stops = 0
    steps = (session.encode, session.query, lambda: session.push(oracle), session.teach)
    for step in steps:
        for left in range(9):
            calls["left"] = left
            try:
                step()
            except KeyboardInterrupt:
                stops += 1
                continue
            break
        if step is steps[2]:
            session.pull(oracle)
    history = session.project.history()
    assert stops >= 4 and history.taught is not None and history.taught.labels == 12 and history.open_round is None
    assert len(history.rounds) == 1


def test_answers_without_any_region_teach_nothing_and_the_next_round_asks_on(tmp_path: Path) -> None:
    session, truth = spans(tmp_path)
    nothing = RegionOracle(dict.fromkeys(truth, ()))
    session.query(6)
    session.push(nothing)
    session.pull(nothing)
    history = session.project.history()
    assert len(history.labels) == 6 and history.nothing_drawn and not history.untaught
    assert next_step(history) == "activessl query"
    with pytest.raises(LabelError, match="6 items have an answer, and none holds a region"):
        session.teach()
    assert session.project.history().open_round is None
    taught = session.round(RegionOracle(truth), every=0.01)
    assert taught.labels == 18


def test_a_skip_is_no_empty_answer(tmp_path: Path) -> None:
    session, truth = spans(tmp_path)
    oracle = RegionOracle(truth, Hand(skips=0.5))
    session.query()
    session.push(oracle)
    session.pull(oracle)
    history = session.project.history()
    empty = {item for item, label in history.labels.items() if not label.regions}
    assert history.skipped and empty and not history.skipped & history.labels.keys()
    asked = set(history.rounds[0].items)
    assert empty == {item for item in asked - history.skipped if not truth[item]}


def test_items_can_be_listed_and_options_of_classes_are_refused(tmp_path: Path) -> None:
    session, _ = spans(tmp_path)
    opened = session.query(items=["texts:7", "texts:3"])
    assert opened.items == ("texts:7", "texts:3") and opened.queried.strategy == "list"
    session.close("by hand")
    for option in ({"again": 0.2}, {"confirm": True}, {"balance": "camera"}):
        with pytest.raises(ProjectError, match="a project of spans has no `activessl query --"):
            session.query(**option)  # type: ignore[arg-type]
    with pytest.raises(QueryError, match="unknown strategy for regions 'typiclust'"):
        session.query(strategy="typiclust")
    with pytest.raises(QueryError, match="asked for 41 items"):
        session.query(41)
    session.query(3)
    with pytest.raises(AnnotatorError, match="asks for spans, and Oracle draws none"):
        session.push(Oracle({}, ("person", "place")))


def test_every_verb_of_classes_is_refused_with_a_way_out(tmp_path: Path) -> None:
    session, _ = spans(tmp_path, encode=False)
    for verb, instead in INSTEAD.items():
        with pytest.raises(ProjectError) as refused:
            only_classes(session.project, verb)
        assert f"has no `activessl {verb}`" in refused.value.message and refused.value.hint == instead
    for call in (session.update, session.finetune, session.card, session.compare_encoders):
        with pytest.raises(ProjectError, match="a project of spans has no"):
            call()
    for method in (session.report, session.measure):
        with pytest.raises(ProjectError, match="the project asks for spans, and this is of classes"):
            method()
    with pytest.raises(ProjectError, match="the project asks for spans, and this needs classes"):
        session.model()
    with pytest.raises(ProjectError, match="needs classes of whole items"):
        _ = Snapshot.of(session.project).embeddings  # whatever else reads vectors of whole items


def test_a_setting_of_classes_is_refused_by_name(tmp_path: Path) -> None:
    session, _ = spans(tmp_path, encode=False)
    path = session.project.folder / "activessl.toml"
    text = path.read_text()
    for old, new, says in (
        ("multi_label = false", "multi_label = true", "data.multi_label has no meaning"),
        ('when = "never"', 'when = "auto"', "finetune.when cannot be used"),
        ('name = "dense"', 'name = "logistic"', "predicts no regions"),
        ('task = "spans"', 'task = "boxes"', "boxes need items of the form image, not text: use spans"),
    ):
        path.write_text(text.replace(old, new, 1))
        with pytest.raises(ConfigError, match=says):
            Session.open(session.project.folder)


def test_checks_new_items_and_backups_work_as_for_classes(tmp_path: Path) -> None:
    session, _ = spans(tmp_path)
    assert not check_data(session.project).compared
    assert all(not one.problem for one in verify(session.project.folder))
    made = backup(session.project, tmp_path / "copy")
    assert made.labels == 0 and restore(tmp_path / "again", tmp_path / "copy").events == made.events
    assert Session.open(tmp_path / "again").draws


def test_a_quarter_of_the_early_rounds_measures_the_model(tmp_path: Path) -> None:
    session, truth = spans(tmp_path)
    oracle = RegionOracle(truth)
    session.round(oracle, every=0.01)
    kinds = [question.kind for question in session.query(12).questions]
    # the twelve of the first round measured no model
    assert kinds.count("random") == 3
