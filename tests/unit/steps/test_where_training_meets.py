"""Training rounds after classes changed, items moved, or an item was forgotten: nobody's score is wrong for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from activessl.errors import LabelError
from activessl.ledger.schema import Moved
from activessl.reports.training import agreed_in, mistakes, people_of
from activessl.session import Session
from activessl.steps.classes import Classes
from activessl.steps.forget import forget
from tests.unit.steps.test_classes import truth
from tests.unit.steps.test_several_people import answered, project_of
from tests.unit.steps.test_train_annotators import School, answer


@pytest.fixture
def school(tmp_path: Path) -> tuple[Session, School]:
    session, school = project_of(tmp_path, per_item=2), School(truth())
    for _ in range(2):
        session.query()
        answered(session, school, "ann", "bob")
        session.teach()
    return session, school


def first_of(session: Session) -> tuple[str, ...]:
    return tuple(golden.item for golden in session.project.history().trainings[0].opened.before)


def test_renamed_classes_make_no_mistakes(school: tuple[Session, School]) -> None:
    session, desk = school
    session.train_annotators(desk, items=12)
    first = first_of(session)
    answer(desk, first, "cora", wrong=1)  # in the names of before
    session.train_annotators(desk)
    Classes(session.project).rename("cat", "kitten")
    for item in first:
        said = desk.truth[item]
        desk.rooms[1].say(item, "kitten" if said == "cat" else said, by="dan")
    training = session.train_annotators(desk).training
    assert {name for golden in training.opened.before for name in golden.classes} == {"kitten", "dog", "bird"}
    cora, dan = people_of(training, session.project.history())
    assert cora.before is not None and cora.before.right == 5
    assert dan.before is not None and dan.before.right == 6
    agreed = agreed_in(training, "before")
    assert agreed is not None and agreed.observed.share == pytest.approx(5 / 6)
    assert all("cat" not in (one.known, one.said) for one in mistakes(training, "cora", session.project.pool()))


def test_an_item_whose_class_was_split_is_no_longer_known(school: tuple[Session, School]) -> None:
    session, desk = school
    session.train_annotators(desk, items=12)
    answer(desk, first_of(session), "cora")
    session.train_annotators(desk)
    Classes(session.project).split("cat", ("lion", "lynx"))
    training = session.project.history().trainings[0]
    assert {name for golden in training.opened.before for name in golden.classes} == {"dog", "bird"}
    (cora,) = people_of(training, session.project.history())
    assert cora.before is not None and (cora.before.right, cora.before.n) == (4, 4)


def test_a_round_goes_on_without_an_item_that_was_forgotten(school: tuple[Session, School]) -> None:
    session, desk = school
    session.train_annotators(desk, items=12)
    first = first_of(session)
    answer(desk, first[:2], "cora")
    forget(session.project, first[0], what="item")
    session.encode()
    assert session.train_annotators(desk).halfway == (("cora", 1, 5),)
    answer(desk, first[2:], "cora")
    training = session.train_annotators(desk).training
    (cora,) = people_of(training, session.project.history())
    assert cora.before is not None and (cora.before.right, cora.before.n, cora.before.skipped) == (5, 5, 0)
    assert mistakes(training, "cora", session.project.pool()) == ()


def test_a_round_without_an_item_that_is_left_names_the_next_step(school: tuple[Session, School]) -> None:
    session, desk = school
    session.train_annotators(desk, items=8)
    for name in ("cat", "dog", "bird"):
        Classes(session.project).split(name, (f"small {name}", f"large {name}"))
    with pytest.raises(LabelError, match="training round 1 has no items any more") as said:
        session.train_annotators(desk)
    assert "--anew" in said.value.hint


def test_items_that_were_moved_keep_their_tasks(school: tuple[Session, School]) -> None:
    session, desk = school
    session.train_annotators(desk, items=8)
    opened, first = session.project.history().trainings[0].opened, first_of(session)
    answer(desk, first[:1], "cora")
    session.train_annotators(desk)
    session.project.append(Moved(items=((first[0], "new/a"),), turn=session.project.history().events))
    training = session.project.history().trainings[0]
    assert training.opened.before[0].item == "new/a" and training.questions == {"new/a": first[0]}
    assert training.opened.before[1:] == opened.before[1:]
