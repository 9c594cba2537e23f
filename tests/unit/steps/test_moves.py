"""Files that are moved or renamed after labeling: questions, answers and draws belong to the content."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from activessl.annotators.base import Asked, Pushed, Suggestion
from activessl.errors import PoolError
from activessl.labels.answers import Answer
from activessl.ledger.draws import draws_of
from activessl.ledger.schema import Moved
from activessl.pool.pool import Pool
from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl.project.snapshot import Snapshot
from activessl.session import Session
from activessl.steps.moves import pair_moves
from activessl_cli.main import run

CLASSES = ("even", "odd")


class Desk:
    """Answers by what a picture shows; its tasks keep the ids that the items had when they were made."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.said: dict[str, str] = {}

    def push(self, pool: Pool, asked: Asked, suggestions: Sequence[Suggestion], *, model: str) -> Pushed:
        new = [question for question in asked.questions if question.id not in self.said]
        for question in new:
            shade = int(np.asarray(pool.read(pool.row(question.item)))[0, 0, 0])
            self.said[question.id] = CLASSES[shade % 2]
        return Pushed({q.id: q.id for q in asked.questions}, len(new), 0, "desk://1", "1")

    def answer(self, question: str, item: str) -> None:
        at = datetime(2026, 1, 1, 0, 0, len(self.answers), tzinfo=UTC)
        said = (self.said[question],)
        self.answers.append(Answer(question, question, item, "label", said, "ann", 3.0, at, question=question))

    def pull(self, since: str | None = None) -> tuple[list[Answer], str]:
        return list(self.answers), str(len(self.answers))


@pytest.fixture
def session(tmp_path: Path) -> Session:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i in range(24):
        pixels = np.full((8, 8), 5 * i + (5 * i + i) % 2, dtype=np.uint8)
        pixels[1:, 1:] = np.random.default_rng(i).integers(0, 255, (7, 7))
        Image.fromarray(pixels).save(folder / f"{i:02}.png")
    config = {
        "data": {"path": "../pictures", "modality": "image", "classes": list(CLASSES)},
        "encoder": {"name": "pixels"},
        "query": {"size": 6, "strategy": "random", "random_share": 0.5},
    }
    opened = Session(Project.create(tmp_path / "p", check_config(config), version="0"))
    opened.encode()
    return opened


def truth(session: Session) -> dict[str, str]:
    pool = session.project.pool()
    return {item: CLASSES[int(np.asarray(pool.read(i))[0, 0, 0]) % 2] for i, item in enumerate(pool.ids)}


def labels(session: Session) -> dict[str, str]:
    return {item: label.classes[0] for item, label in session.project.history().labels.items()}


def test_labels_questions_and_draws_move_along_after_a_sentence(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    desk = Desk()
    asked = session.query()
    session.push(desk)
    for item in asked.items[:4]:
        desk.answer(item, item)
    session.pull(desk)
    before, drawn = labels(session), {(d.item, d.ended) for d in draws_of(session.project.history())}
    data = session.project.data
    (data / "part").mkdir()
    for file in data.glob("*.png"):
        file.rename(data / "part" / f"new {file.name}")

    capsys.readouterr()
    assert run("encode", "-p", str(session.project.folder)) == 0
    told = capsys.readouterr().err
    assert "24 items were moved or renamed, by the content: questions and labels move along, such as '00.png'" in told
    moved = {old: f"part/new {old}" for old in (f"{i:02}.png" for i in range(24))}
    assert labels(session) == {moved[item]: name for item, name in before.items()}
    assert labels(session).items() <= truth(session).items()
    history = session.project.history()
    assert {(d.item, d.ended) for d in draws_of(history)} == {(moved[item], ended) for item, ended in drawn}
    assert len(Snapshot.of(session.project).training[0]) == 4
    assert set(history.late.values()) == {0} and history.removed == () and not history.missing  # none was added

    # the tasks of the open round keep their ids: an answer that comes now is of the moved item
    assert [q.id for q in history.waiting(history.rounds[0])] == list(asked.items[4:])
    assert session.push(desk).new == 0
    for item in asked.items[4:]:
        desk.answer(item, item)
    session.pull(desk)
    assert labels(session).items() <= truth(session).items() and len(labels(session)) == 6
    session.teach()
    assert {row["id"] for row in session.table()} == set(moved.values())

    events = session.project.history().events
    session.encode()
    assert session.project.history().events == events


def test_an_answer_of_a_task_that_no_round_asked_about_moves_along_also_if_it_comes_later(session: Session) -> None:
    # such as of a project that was adopted
    data = session.project.data
    (data / "03.png").rename(data / "x.png")
    session.encode()
    desk = Desk()
    desk.said["03.png"] = "odd"
    desk.answer("03.png", "03.png")
    session.pull(desk)
    assert labels(session) == {"x.png": "odd"}
    (data / "x.png").rename(data / "03.png")
    session.encode()
    assert labels(session) == {"03.png": "odd"}


def test_a_new_file_under_an_old_name_is_another_item(session: Session) -> None:
    desk = Desk()
    asked = session.query()
    session.push(desk)
    for item in asked.items:
        desk.answer(item, item)
    session.pull(desk)
    old = asked.items[0]
    session.import_labels({old: "odd"}, annotator="bob")
    data = session.project.data
    (data / old).rename(data / "moved.png")
    session.encode()
    Image.new("L", (8, 8), 201).save(data / old)
    session.encode()
    assert old not in labels(session) and "moved.png" in labels(session)
    assert session.import_labels({"moved.png": "odd"}, annotator="bob").known == 1
    session.import_labels({old: "odd"}, annotator="bob")
    history = session.project.history()
    assert {a.item for a in history.answers.values() if a.annotator == "bob"} == {"moved.png", old}

    # all others are asked about, and no question about the new file has the id of one about the moved file
    while session.query().questions:
        current = session.query()
        session.push(desk)
        for question in current.questions:
            assert question.id not in {q.id for r in history.rounds for q in r.questions}
            desk.answer(question.id, question.item)
        session.pull(desk)
        session.teach()
        if len(labels(session)) == 25:
            break
    assert {item: name for item, name in labels(session).items() if item not in (old, "moved.png")}.items() <= truth(
        session
    ).items()


def test_copies_with_different_labels_are_refused_unless_their_names_tell_them(session: Session) -> None:
    data = session.project.data
    shutil.copy(data / "00.png", data / "copy.png")
    session.encode()
    session.import_labels({"00.png": "even", "copy.png": "odd"}, annotator="ann")
    events = session.project.history().events
    (data / "00.png").rename(data / "x.png")
    (data / "copy.png").rename(data / "y.png")
    with pytest.raises(
        PoolError, match=r"'00.png' and 'copy.png' have the same content, and different labels"
    ) as caught:
        session.encode()
    assert "restore one of the two names" in caught.value.hint
    assert session.project.history().events == events

    (data / "part").mkdir()
    (data / "x.png").rename(data / "part" / "00.png")
    (data / "y.png").rename(data / "part" / "copy.png")
    session.encode()
    assert labels(session) == {"part/00.png": "even", "part/copy.png": "odd"}


def test_what_was_gone_at_one_encoding_is_recognized_under_another_name_at_a_later_one(session: Session) -> None:
    session.import_labels({"00.png": "even", "01.png": "odd"}, annotator="ann")
    data = session.project.data
    for name in ("00.png", "01.png", "02.png"):
        (data / name).rename(data.parent / name)
    session.encode()
    assert set(session.project.history().left) == {"00.png", "01.png"}
    (data.parent / "01.png").rename(data / "back.png")
    session.encode()
    assert labels(session) == {"00.png": "even", "back.png": "odd"}
    assert set(session.project.history().left) == {"00.png"}


def test_of_copies_the_labeled_one_moves_first() -> None:
    assert pair_moves({"a": "1", "b": "1"}, {"c": "1"}, {"b": ("cat",)}) == {"b": "c"}
    assert pair_moves({"a": "1", "b": "1"}, {"c": "1", "d": "1"}, {"a": ("cat",), "b": ("cat",)}) == {
        "a": "c",
        "b": "d",
    }
    assert pair_moves({"a": "1"}, {"c": "2"}, {"a": ("cat",)}) == {}


def test_two_items_that_change_names_change_labels_in_one_event(session: Session) -> None:
    session.import_labels({"00.png": "even", "01.png": "odd"}, annotator="ann")
    history = session.project.history()
    event = Moved(items=(("00.png", "01.png"), ("01.png", "00.png")), turn=history.events)
    session.project.append(event)
    assert labels(session) == {"00.png": "odd", "01.png": "even"}
    session.project.append(replace_turn(event, history.events + 1))
    assert labels(session) == {"00.png": "even", "01.png": "odd"}


def replace_turn(event: Moved, turn: int) -> Moved:
    return event.model_copy(update={"turn": turn})
