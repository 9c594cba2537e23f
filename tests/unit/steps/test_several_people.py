"""Several annotators: who is still to answer, how far they agree, and who decides where they differ."""

from __future__ import annotations

import json
import shutil
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest

from activessl.errors import MeasureError, QueryError
from activessl.measuring.quality.agreement import agreement
from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl.proof.agreement import agreement_of, differing
from activessl.session import Session
from activessl.steps.forget import forget
from activessl.steps.review import open_review
from activessl_cli.main import run
from tests.unit.steps.test_classes import CLASSES, Desk, labels, truth

N = 36


def project_of(folder: Path, strategy: str = "random", share: float = 0.5, **annotator: object) -> Session:
    y = np.arange(N) % 3
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(3, 6))[y] * 3 + rng.normal(size=(N, 6))
    np.savez(folder / "pool.npz", vectors=vectors, ids=np.array([f"i{i:02}" for i in range(N)]))
    config = {
        "data": {"path": "../pool.npz", "modality": "vector", "classes": list(CLASSES)},
        "annotator": annotator,
        "query": {"size": 12, "random_share": share, "strategy": strategy},
    }
    session = Session(Project.create(folder / "p", check_config(config), version="0"))
    session.encode()
    return session


def answered(session: Session, desk: Desk, *people: str, wrong: tuple[str, ...] = ()) -> None:
    """Each of these people answers every question of the open round; the last one gives another class for ``wrong``."""
    current = session.project.history().rounds[-1]
    session.push(desk)
    for who in people:
        for question in current.questions:
            said = desk.truth[question.item]
            if who == people[-1] and question.item in wrong:
                said = CLASSES[(CLASSES.index(said) + 1) % 3]
            desk.say(question.id, said, by=who)
    session.pull(desk)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[str, ...], Desk]:
    """A round that two people answered; they differ about two items."""
    folder = tmp_path_factory.mktemp("several")
    session, desk = project_of(folder, per_item=2), Desk(truth())
    session.query()
    items = session.project.history().rounds[-1].items
    answered(session, desk, "ann", "bob", wrong=items[:2])
    return folder, items, desk


@pytest.fixture
def two(made: tuple[Path, tuple[str, ...], Desk], tmp_path: Path) -> tuple[Session, tuple[str, ...], Desk]:
    shutil.copytree(made[0], tmp_path / "copy")
    return Session.open(tmp_path / "copy" / "p"), made[1], deepcopy(made[2])


def test_a_round_waits_until_so_many_people_answered_each_question(tmp_path: Path) -> None:
    session, desk = project_of(tmp_path, per_item=2), Desk(truth())
    opened = session.query()
    assert {q.people for q in opened.questions} == {2}
    answered(session, desk, "ann")
    history = session.project.history()
    assert len(history.labels) == 12 and len(history.waiting(history.rounds[-1])) == 12
    assert len(history.half_answered(history.rounds[-1])) == 12
    desk.say(opened.questions[0].id, "cat", by="ann")  # once more by the same person
    session.pull(desk)
    assert len(session.project.history().waiting(session.project.history().rounds[-1])) == 12
    assert session.query().number == 1
    answered(session, desk, "bob")
    assert not session.project.history().waiting(session.project.history().rounds[-1])
    session.teach()
    assert session.project.history().open_round is None


def test_a_share_of_the_questions_is_for_two_people_and_blind(tmp_path: Path) -> None:
    session = project_of(tmp_path, "k_center", 0.0, overlap=0.5, blind_share=0.0)
    questions = session.query().questions
    shared = [q for q in questions if q.people == 2]
    assert 2 <= len(shared) <= 10 and {q.item for q in questions if q.blind} == {q.item for q in shared}
    assert {q.people for q in questions} == {1, 2}
    assert session.query().questions == questions
    one = project_of_default(tmp_path)
    assert {q.people for q in one.query().questions} == {1}


def project_of_default(folder: Path) -> Session:
    (folder / "default").mkdir()
    return project_of(folder / "default")


def test_items_on_which_people_differ_are_reviewed_blind_and_the_reviewer_decides(
    two: tuple[Session, tuple[str, ...], Desk], capsys: pytest.CaptureFixture[str]
) -> None:
    session, items, desk = two
    folder = str(session.project.folder)
    assert [one.item for one in differing(session.project.history())] == sorted(items[:2])
    assert run("review", "-p", folder) == 0
    told = capsys.readouterr()
    assert "annotators differ about 2 items" in told.out and "ann: " in told.out and "bob: " in told.out
    assert "next: activessl " in told.err
    assert run("review", "--ask", "-p", folder, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert sorted(said["asked"]) == sorted(items[:2]) and said["round"] == 2
    opened = session.project.history().open_round
    assert opened is not None and open_review(session.project).number == 2
    for question in opened.questions:
        assert question.kind == "review" and question.blind and question.asking == 2
        assert not {*CLASSES, "ann", "bob"} & set(question.reason.replace(",", "").split())

    # one of the two cannot decide; a third can, also against both
    session.push(desk)
    first, second = opened.questions
    desk.say(first.id, "bird", by="ann")
    desk.say(second.id, "bird", by="cem")
    session.pull(desk)
    history = session.project.history()
    assert labels(session)[second.item] == "bird" and history.labels[second.item].certainty is None
    assert not any(a.ground_truth for a in history.labels[first.item].answers)
    left = {one.item for one in differing(history)}
    assert second.item not in left
    assert sum(a.ground_truth for a in history.answers.values()) == 1


def test_named_reviewers_alone_decide(two: tuple[Session, tuple[str, ...], Desk]) -> None:
    session, _, desk = two
    path = session.project.folder / "activessl.toml"
    path.write_text(path.read_text().replace("reviewers = []", 'reviewers = ["rex"]', 1))
    session = Session.open(session.project.folder)
    opened = open_review(session.project)
    session.push(desk)
    first, second = opened.questions
    desk.say(first.id, "bird", by="cem")
    desk.say(second.id, "bird", by="rex")
    session.pull(desk)
    assert labels(session)[second.item] == "bird"
    history = session.project.history()
    assert {a.annotator for a in history.answers.values() if a.ground_truth} == {"rex"}
    assert [one.item for one in differing(history)] == [first.item]
    assert [q.item for q in open_review(session.project).questions] == [first.item]  # once more
    session.push(desk)
    desk.say(session.project.history().rounds[-1].questions[0].id, "cat", by="rex")
    session.pull(desk)
    with pytest.raises(QueryError, match="differ about no item"):
        open_review(session.project)
    before, folder = labels(session), session.project.folder
    done = forget(session.project, "rex")  # activessl.toml still has the name: the decisions must not be lost
    assert any("annotator.reviewers" in said and done.name in said for said in done.unreached)
    assert labels(Session.open(folder)) == before
    path.write_text(path.read_text().replace('"rex"', f'"{done.name}"'))
    assert labels(Session.open(folder)) == before and not differing(Session.open(folder).project.history())


def test_review_questions_come_with_the_next_round_by_themselves(two: tuple[Session, tuple[str, ...], Desk]) -> None:
    session, items, _ = two
    session.teach()
    questions = session.query().questions
    assert sorted(q.item for q in questions if q.kind == "review") == sorted(items[:2])
    assert {q.people for q in questions if q.kind == "review"} == {1}


def test_gate_status_and_report_have_the_same_agreement(
    two: tuple[Session, tuple[str, ...], Desk], capsys: pytest.CaptureFixture[str]
) -> None:
    session, _, _ = two
    session.teach()
    path = session.project.folder / "activessl.toml"
    text = path.read_text().replace("# [[stages]]", "[[stages]]", 1).replace('# name = "pilot"', 'name = "pilot"', 1)
    path.write_text(text.replace("# agreement =", "agreement =", 1))
    folder = str(session.project.folder)
    found = agreement_of(session.project.history())
    assert found is not None and found.figures.items == 12 and not found.seen
    assert found.figures.observed.share == pytest.approx(10 / 12)
    capsys.readouterr()
    for verb in ("status", "gate"):
        assert run(verb, "-p", folder, "--json") in (0, 1)
        said = json.loads(capsys.readouterr().out)
        if verb == "status":
            assert said["agreement"]["alpha"] == pytest.approx(found.figures.alpha) and said["differing"] == 2
        else:
            [check] = [c for c in said["checks"] if c["name"] == "agreement"]
            assert check["value"] == pytest.approx(10 / 12) and "12 items" in check["sample"]
    assert session.report().to_dict()["agreement"]["items"] == 12
    assert "Krippendorff" in session.report().to_html()


def test_alpha_is_that_of_another_library_and_has_an_interval_also_where_all_agree() -> None:
    # krippendorff 0.9.0, alpha(level_of_measurement="nominal"), for the table of Krippendorff (2011), section C
    a = [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None]
    b = [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3]
    c = [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None]
    d = [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None]
    rows = [{i: v for i, v in enumerate(row) if v is not None} for row in zip(a, b, c, d, strict=True)]
    assert agreement(rows).alpha == pytest.approx(0.743, abs=5e-4)
    same = agreement([{"ann": i % 2, "bob": i % 2} for i in range(40)])
    assert same.alpha == same.high == 1 and same.low is not None and 0.7 < same.low < 1
    one = agreement([{"ann": 1, "bob": 1}] * 5)
    assert one.alpha is None and one.low is None and "of one class" in one.to_text()
    with pytest.raises(MeasureError):
        agreement([{"ann": 1}])


def test_the_interval_of_alpha_holds_the_truth() -> None:
    from tests.benchmarks.agreement import covered

    held, width = covered(50, 2, 0.9, (1 / 3, 1 / 3, 1 / 3), 150)
    assert held >= 0.86 and width < 0.4
