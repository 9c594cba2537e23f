"""Training rounds: which items, who is told what and when, and that no answer of them becomes a label."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from activessl.annotators.base import Annotator
from activessl.errors import AnnotatorError, ConfigError, LabelError
from activessl.labels.answers import Answer
from activessl.measuring.quality.training import change, score
from activessl.project.snapshot import Snapshot
from activessl.reports.sections.base import Material
from activessl.reports.sections.training import Training
from activessl.reports.training import agreed_in, page_of, people_of
from activessl.session import Session
from activessl.steps.forget import forget
from activessl.steps.golden import Known, two_parts
from activessl_cli.main import run
from tests.unit.steps.test_classes import CLASSES, Desk, truth
from tests.unit.steps.test_several_people import answered, project_of


class School(Desk):
    """A desk that also holds training rounds, each on a desk of its own."""

    def __init__(self, known: dict[str, str]) -> None:
        super().__init__(known)
        self.rooms: dict[int, Desk] = {}

    def training(self, number: int) -> Annotator:
        return self.rooms.setdefault(number, Desk(self.truth))


@pytest.fixture
def school(tmp_path: Path) -> tuple[Session, School]:
    session, school = project_of(tmp_path, per_item=2), School(truth())
    for _ in range(2):
        session.query()
        answered(session, school, "ann", "bob")
        session.teach()
    return session, school


def answer(school: School, items: tuple[str, ...], who: str, wrong: int = 0, number: int = 1) -> None:
    for place, item in enumerate(items):
        said = school.truth[item]
        if place < wrong:
            said = CLASSES[(CLASSES.index(said) + 1) % 3]
        school.rooms[number].say(item, said, by=who)


def test_a_person_is_scored_before_and_after_seeing_the_mistakes(school: tuple[Session, School]) -> None:
    session, desk = school
    before = session.project.history()
    held = session.train_annotators(desk, items=12)
    first = tuple(golden.item for golden in held.training.opened.before)
    later = tuple(golden.item for golden in held.training.opened.after)
    assert len(first) == len(later) == 6 and not set(first) & set(later)
    # the second part would be no measure of what the page taught if it were there already
    assert set(desk.rooms[1].questions) == set(first) and not held.second
    answer(desk, first[:4], "cora")
    assert session.train_annotators(desk).halfway == (("cora", 4, 6),)
    answer(desk, first, "cora", wrong=3)
    held = session.train_annotators(desk)
    assert held.second and set(desk.rooms[1].questions) == {*first, *later}
    (cora,) = people_of(held.training, session.project.history())
    assert cora.before is not None and (cora.before.right, cora.before.n, cora.after) == (3, 6, None)
    page = page_of(held.training, session.project.history(), session.project.pool(), "ants")
    assert all(item in page for item in first[:3]) and not any(item in page for item in later)

    answer(desk, first, "cora")  # corrected after having been told: the first answers count
    answer(desk, later, "cora", wrong=1)
    held = session.train_annotators(desk)
    history = session.project.history()
    (cora,) = people_of(held.training, history)
    assert cora.before is not None and cora.after is not None and cora.change is not None
    assert (cora.before.right, cora.after.right) == (3, 5) and cora.change.points == pytest.approx(2 / 6)
    assert cora.seen == 0
    assert cora.change.low < 0 < cora.change.high  # six items show little
    # labels, skips and rounds are as they were
    assert (history.labels, history.skipped, history.rounds) == (before.labels, before.skipped, before.rounds)
    assert session.train_annotators(desk).training == held.training  # repeated


def test_who_labeled_the_items_before_is_told(school: tuple[Session, School]) -> None:
    session, desk = school
    held = session.train_annotators(desk, items=8)
    answer(desk, tuple(golden.item for golden in held.training.opened.before), "ann", wrong=4)
    held = session.train_annotators(desk)
    (ann,) = people_of(held.training, session.project.history())
    assert ann.seen == 4 and "4 of the items were labeled by ann before" in ann.to_text()


def test_two_people_are_compared_with_each_other(school: tuple[Session, School]) -> None:
    session, desk = school
    held = session.train_annotators(desk, items=8)
    first = tuple(golden.item for golden in held.training.opened.before)
    assert agreed_in(held.training, "before") is None
    answer(desk, first, "cora")
    answer(desk, first, "dan", wrong=1)
    held = session.train_annotators(desk)
    agreed = agreed_in(held.training, "before")
    assert agreed is not None and agreed.observed.share == pytest.approx(3 / 4)
    assert agreed_in(held.training, "after") is None


def test_another_round_has_other_items_and_starts_at_the_beginning(school: tuple[Session, School]) -> None:
    session, desk = school
    one = session.train_annotators(desk, items=8).training.opened
    two = session.train_annotators(desk, items=8, anew=True).training.opened
    assert (one.training, two.training) == (1, 2)
    used = {golden.item for golden in (*one.before, *one.after)}
    assert not used & {golden.item for golden in (*two.before, *two.after)}
    assert set(desk.rooms[2].questions) == {golden.item for golden in two.before}


def test_a_skip_is_an_answer_that_is_not_right(school: tuple[Session, School]) -> None:
    session, desk = school
    first = tuple(g.item for g in session.train_annotators(desk, items=8).training.opened.before)
    answer(desk, first[1:], "cora")
    key = "a skip"
    desk.rooms[1].given.append(
        Answer(key, key, first[0], "skip", (), "cora", 2.0, datetime.now(UTC), question=first[0])
    )
    (cora,) = people_of(session.train_annotators(desk).training, session.project.history())
    assert cora.before is not None and (cora.before.right, cora.before.skipped, cora.before.n) == (3, 1, 4)


def test_a_person_who_is_forgotten_is_forgotten_here_too(school: tuple[Session, School]) -> None:
    session, desk = school
    first = tuple(g.item for g in session.train_annotators(desk, items=8).training.opened.before)
    answer(desk, first, "cora the third")
    session.train_annotators(desk)
    forget(session.project, "cora the third", what="annotator")
    held = session.train_annotators(desk)
    assert len(held.training.people) == 1 and "cora" not in held.training.people[0]
    assert "cora" not in (session.project.folder / "ledger.db").read_bytes().decode("latin-1")


def test_what_cannot_be_trained_is_refused(tmp_path: Path) -> None:
    session, school = project_of(tmp_path), School(truth())
    with pytest.raises(AnnotatorError, match="cannot hold training rounds"):
        session.train_annotators(Desk(truth()))
    with pytest.raises(ConfigError, match="6 items are too few"):
        session.train_annotators(school, items=6)
    with pytest.raises(LabelError, match="the answers of 0 items are known"):
        session.train_annotators(school)
    assert session.project.history().trainings == ()


def test_the_parts_are_equally_difficult_and_have_the_same_classes() -> None:
    rng = np.random.default_rng(3)
    known = [Known(f"{c}{i}", (c,), "several", float(rng.random())) for c in "abc" for i in range(40)]
    gaps = []
    for seed in range(40):
        before, after = two_parts(known, 24, np.random.default_rng(seed))
        assert sorted(k.classes for k in before) == sorted(k.classes for k in after)
        assert len({k.item for k in (*before, *after)}) == 24
        gaps.append(np.mean([k.hardness for k in after]) - np.mean([k.hardness for k in before]))
    assert abs(np.mean(gaps)) < 0.01 and max(np.abs(gaps)) < 0.05
    # those that are known best come first
    mixed = [*known, *(Known(f"t{i}", ("a",), "truth", 0.1) for i in range(4))]
    before, after = two_parts(mixed, 12, np.random.default_rng(0))
    assert {k.item for k in (*before, *after) if k.classes == ("a",)} == {f"t{i}" for i in range(4)}


def test_the_interval_of_a_change_holds_the_truth() -> None:
    rng, held = np.random.default_rng(0), 0
    for _ in range(400):
        right = [rng.random(12) < share for share in (0.7, 0.9)]
        first, second = (score([["a"]] * 12, [["a"] if r else ["b"] for r in some]) for some in right)
        found = change(first, second)
        held += found.low <= 0.2 <= found.high
    assert held / 400 > 0.86


def test_the_verb_says_what_to_do_and_prints_json(
    school: tuple[Session, School], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    session, desk = school
    monkeypatch.setattr("activessl.session.annotator_of", lambda project, people=None: desk)
    folder = str(session.project.folder)
    assert run("train-annotators", "-p", folder, "-n", "8") == 0
    told = capsys.readouterr().out
    assert "training round 1: 4 items, then 4 others" in told and "again when people have answered" in told
    assert not (session.project.folder / "reports" / "training.html").exists()
    first = tuple(g.item for g in session.project.history().trainings[0].opened.before)
    answer(desk, first, "cora", wrong=1)
    assert run("train-annotators", "-p", folder) == 0
    told = capsys.readouterr().out
    assert "cora: first part 3 of 4 right (75 %" in told and "mistakes and examples" in told
    assert "cora" in (session.project.folder / "reports" / "training.html").read_text()
    assert run("train-annotators", "-p", folder, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["second"] and found["people"][0]["before"]["right"] == 3 and found["people"][0]["after"] is None
    section = Training.gather(Material.of(Snapshot.of(session.project)))
    assert section.to_dict()["training"]["people"][0]["name"] == "cora" and "3 of 4" in section.to_text()[0]
