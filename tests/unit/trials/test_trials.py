"""Trial projects: people do what their habits say, and the figures stand beside the truth."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from activessl.errors import MeasureError
from activessl.ledger.draws import draws_of
from activessl.ledger.schema import Accepted, Answered, Closed, Missing
from activessl.project.data_now import data_now
from activessl.reports.status import Status
from activessl.trials.people import HABITS, People, people_of
from activessl.trials.project import RANDOM_ROUNDS, ROUNDS, SIZE, Ground, TrialProject
from activessl.trials.study import Study, figures, study


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 600)
    x = 2.2 * np.eye(3, 6)[y] + rng.normal(size=(600, 6))
    return Ground.make("three", x, y, tmp_path_factory.mktemp("ground"))


def ran(ground: Ground, people: People, seed: int = 0) -> TrialProject:
    project = TrialProject(ground, people, seed)
    project.run()
    return project


def answers(project: TrialProject) -> list:
    return [r.event.answer for r in project.events if isinstance(r.event, Answered)]


def wrong(project: TrialProject) -> list[bool]:
    y, row = project.ground.y, project.row
    return [a.classes != (f"class {y[row[a.item]]}",) for a in answers(project) if a.kind == "label"]


def test_people_answer_everything_rightly_unless_told_otherwise(ground: Ground) -> None:
    project = ran(ground, People())
    given = answers(project)
    assert len(given) == ROUNDS * SIZE and not any(wrong(project))
    assert Counter(a.kind for a in given) == {"label": ROUNDS * SIZE}
    rounds = project.snapshot().history.rounds
    assert [r.queried.strategy for r in rounds] == ["random"] * RANDOM_ROUNDS + ["auto"] * (ROUNDS - RANDOM_ROUNDS)
    again = ran(ground, People())
    assert [a.item for a in answers(again)] == [a.item for a in given]  # the same seed, the same project


def test_some_of_the_pool_is_none_of_the_classes(ground: Ground) -> None:
    skipped, named = ran(ground, People(skips=0.2)), ran(ground, People(unknown=0.2))
    share = np.mean([a.kind == "skip" for a in answers(skipped)])
    assert 0.1 < share < 0.4 and (skipped.truth == -1).mean() == pytest.approx(0.2, abs=0.06)
    assert {a.classes for a in answers(named)} > {("something else",)}
    ended = Counter(d.ended for d in draws_of(skipped.snapshot().history))
    assert ended["skip"] > 5


@pytest.mark.parametrize(("people", "low", "high"), [
    (People(mistakes=0.2), 0.14, 0.27), (People(tires=0.6), 0.2, 0.4), (People(follows=1.0, blind=False), 0.02, 0.4),
])  # fmt: skip
def test_people_are_wrong_as_often_as_they_are_said_to_be(
    ground: Ground, people: People, low: float, high: float
) -> None:
    assert low < np.mean(wrong(ran(ground, people))) < high


def test_the_tired_are_wrong_at_the_end_of_a_round(ground: Ground) -> None:
    false = np.array(wrong(ran(ground, People(tires=0.9)))).reshape(ROUNDS, SIZE)
    assert false[:, : SIZE // 2].mean() < false[:, SIZE // 2 :].mean() - 0.2


def test_only_suggestions_that_are_seen_are_followed(ground: Ground) -> None:
    project = ran(ground, People(follows=1.0))
    given = {(a.item, a.question): a for a in answers(project)}
    drawn = [q for r in project.snapshot().history.rounds for q in r.questions if q.kind == "random"]
    assert all(given[q.item, q.id].suggested is None for q in drawn)
    y, row = ground.y, project.row
    assert all(given[q.item, q.id].classes == (f"class {y[row[q.item]]}",) for q in drawn)


@pytest.mark.slow
def test_what_happens_in_the_middle_happens(ground: Ground) -> None:
    late = ran(ground, People(imports=50))
    assert sum(a.annotator == "import" for a in answers(late)) == 50
    unanswered = ran(ground, People(unanswered=True))
    closed = [r.event.round for r in unanswered.events if isinstance(r.event, Closed)]
    assert closed == [4, 7] and len(answers(unanswered)) == (ROUNDS - 2) * SIZE
    left = ran(ground, People(leaves_open=0.2))
    # before there is a model nobody knows what is hard
    assert len(answers(left)) == ROUNDS * SIZE - (ROUNDS - 1) * SIZE // 5
    for people, least in ((People(deletes=40), 40), (People(loses=0.2), 80)):
        lost = ran(ground, people)
        (event,) = [r.event for r in lost.events if isinstance(r.event, Missing)]
        assert len(event.items) >= least and lost.there.sum() == 600 - len(event.items)
    lost = ran(ground, People(loses=0.2))
    assert any(a.item in lost.gone for a in answers(lost))  # also items with a label
    assert any(a.cluster for a in answers(ran(ground, People(clusters=True))))
    crowd = answers(ran(ground, People(differ=2)))
    assert Counter(a.annotator for a in crowd) == {"ann": 240, "bob 0": 240, "bob 1": 240}


@pytest.mark.slow
def test_accepted_items_are_predictions_that_the_figures_know_of(tmp_path: Path) -> None:
    y = np.arange(800) % 3
    ground = Ground.make("easy", 6 * np.eye(3)[y] + np.random.default_rng(0).normal(size=(800, 3)), y, tmp_path)
    project = ran(ground, People(accepts=True))
    (accepted,) = [r.event for r in project.events if isinstance(r.event, Accepted)]
    assert len(accepted.items) > 100 and accepted.items[0].id not in {a.item for a in answers(project)}
    row = figures(project)  # although nothing was left to ask in the last rounds
    assert row["truth"] > 0.95 and row["low"] <= row["truth"] <= row["high"]


@pytest.mark.slow
def test_figures_stand_beside_the_truth(ground: Ground) -> None:
    project = ran(ground, People(skips=0.1))
    row = figures(project)
    evidence = project.evidence()
    assert evidence.audit is not None and row["accuracy"] == evidence.audit.accuracy
    assert row["unlabeled"] == evidence.audit.unlabeled > 0
    decided = np.array(evidence.snapshot.decided)
    decided[evidence.snapshot.training[0]] = evidence.said
    assert row["truth"] == np.mean(decided == project.truth)
    assert row["truth"] < np.mean(decided == ground.y) - 0.05  # what is none of the classes is never predicted right
    counts, curve = ground.random_curve
    assert counts[0] == 20 and np.all(np.diff(curve) >= 0) and 0.5 < curve[0] < curve[-1] < 1


@pytest.mark.parametrize(
    ("people", "how"),
    [
        (People(skips=0.9999), "skipped"),
        (People(unknown=0.9999), "labeled with a class that the project does not have"),
    ],
)
def test_where_no_random_item_gets_a_label_the_accuracy_is_not_known_and_status_prints_why(
    ground: Ground, people: People, how: str
) -> None:
    project = ran(ground, people)
    history = project.snapshot().history
    text = Status(project.project.config, history, project.evidence().measure(), data_now(project.project, history))
    assert project.evidence().audit is None
    drawn = len(draws_of(history))
    assert drawn > 80
    assert f"not known: of {drawn} random items 0 have a label; {drawn} {how}; add a class" in text.to_text()


@pytest.mark.slow
def test_a_study_is_resumed_and_counts_what_holds(ground: Ground, tmp_path: Path) -> None:
    kinds = {"answer everything": People(), "tire": HABITS["tire"]}
    told: list[float] = []
    found = study([ground], kinds, projects=2, cache=tmp_path / "p.jsonl", on_progress=lambda p: told.append(p.done))
    assert told == [1, 2, 3, 4] and len(found.rows) == 4
    lines = (tmp_path / "p.jsonl").read_text().splitlines()
    (tmp_path / "p.jsonl").write_text("\n".join(lines[:3]) + "\n" + lines[3][:20])  # killed while writing
    again = study([ground], kinds, projects=2, cache=tmp_path / "p.jsonl")
    assert [r["truth"] for r in again.rows] == [r["truth"] for r in found.rows]
    assert [r["seconds"] for r in again.rows[:3]] == [r["seconds"] for r in found.rows[:3]]
    line = found.to_dict()["people"][0]
    mine = [r for r in found.rows if r["people"] == "answer everything"]
    assert line["accuracy holds"] == [r["low"] <= r["truth"] <= r["high"] for r in mine]
    json.dumps(found.to_dict(), allow_nan=False)
    assert "answer everything" in found.to_text() and "| tire | 2 |" in found.to_markdown()


def test_a_broken_promise_and_an_interval_that_misses_are_counted() -> None:
    row = {
        "set": "s", "people": "p", "seed": 0, "truth": 0.5, "true classes": 0.4, "accuracy": 0.6, "low": 0.55,
        "high": 0.7, "exact": 0.2, "drawn": 10, "unlabeled": 1, "classes": [True, False],
        "saved holds": False, "saved": 0.1, "seconds": 1.0,
        "accept": [{"error": 0.2, "items": 10, "wrong": 0.3}, {"error": 0.3, "refused": "why"}],
    }  # fmt: skip
    (line,) = Study((row,)).to_dict()["people"]
    assert line["accuracy holds"] == [False] and line["promise broken"] == [True] and line["savings hold"] == [False]
    assert line["width"] == pytest.approx(0.15 / (0.2 + 0.1))


@pytest.mark.parametrize(
    ("text", "why"),
    [("skip", "no habit 'skip'"), ("skips=many", "cannot be 'many'"), ("blind=perhaps", "cannot be"),
     ("skips=1", "out of range"), ("skips=0.6,unknown=0.6", "out of range"), ("imports=-1", "out of range"),
     ("follows=1.5", "out of range"), ("above=2", "out of range"), ("differ=0.5", "cannot be")],
)  # fmt: skip
def test_habits_that_cannot_be_are_refused(text: str, why: str) -> None:
    with pytest.raises(MeasureError, match=why):
        people_of(text)


def test_too_few_items_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MeasureError, match="too few for trial projects"):
        Ground.make("few", np.eye(100), np.arange(100) % 2, tmp_path)
