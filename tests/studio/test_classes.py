"""Classes that change while people label on a real server: what they see, what is read, and what is asked again."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl.session import Session
from activessl.steps.classes import Classes
from activessl_label_studio import Habits, LabelStudio, ScriptedAnnotator, StudioInfo

pytestmark = [pytest.mark.studio, pytest.mark.timeout(900)]

ITEMS, SIZE, CLASSES = 24, 8, ("dark", "light", "other")
EXACT = Habits(mistakes=0.0, anchoring=0.0, skips=0.0)


@pytest.fixture
def session(tmp_path: Path, pictures: Callable[[int], dict[str, str]], server: StudioInfo) -> Session:
    pictures(ITEMS)
    config = check_config(
        {
            "data": {"path": "../pictures", "modality": "image", "classes": list(CLASSES)},
            "annotator": {"url": server.url, "title": f"classes {uuid.uuid4().hex[:8]}", "tabs": "none"},
            "encoder": {"name": "pixels"},
            "query": {"size": SIZE, "strategy": "random", "random_share": 0.5},
        }
    )
    opened = Session(Project.create(tmp_path / "project", config, version="test"))
    opened.encode()
    return opened


def labels(session: Session) -> dict[str, str]:
    return {item: label.classes[0] for item, label in session.project.history().labels.items()}


def test_rename_merge_split_and_undo_with_people_on_a_real_server(server: StudioInfo, session: Session) -> None:
    people, classes = LabelStudio(server.url, server.token), Classes(session.project)
    shown = {f"{i:02}.png": CLASSES[i % 2] for i in range(ITEMS)}

    def work(most: int = SIZE) -> None:
        number = int(session.project.history().rounds[-1].pushed[-1].project)
        person = ScriptedAnnotator(server.url, server.email, server.password, number, shown, habits=EXACT)
        assert person.work(most).skipped == 0
        person.close()
        session.pull(people)

    first = session.query().items
    session.push(people)
    work(4)
    # in the middle of a round: what was answered moves along, and people go on under the new name
    classes.rename("light", "bright")
    assert set(labels(session).values()) <= {"dark", "bright"} and len(labels(session)) == 4
    session.push(people)
    shown |= {item: "bright" for item, name in shown.items() if name == "light"}
    work(4)
    assert labels(session) == {item: shown[item] for item in first}
    raw = {name for a in session.project.ledger().read(kind="answered") for name in a.event.answer.classes}  # type: ignore[union-attr]
    assert raw == {"dark", "light"}  # the choice keeps its name in results
    session.teach()

    # a class is split: the next round asks about its items again, as new tasks
    dark = {item for item in first if shown[item] == "dark"}
    assert classes.split("dark", ["black", "grey"]).again == len(dark)
    shown |= {item: ("black", "grey")[int(item[:2]) % 4 // 2] for item, name in shown.items() if name == "dark"}
    second = session.query()
    again = {question.item for question in second.questions if question.asking == 2}
    assert len(again) == min(len(dark), SIZE // 2) and again <= dark
    session.push(people)
    work()
    assert {item: labels(session)[item] for item in again} == {item: shown[item] for item in again}
    session.teach()

    # what was not asked about again yet says nothing
    answers = session.project.history().answers.values()
    assert {a.kind for a in answers if a.item in dark - again} <= {"unread"}

    # black and grey become one again, under another name; and this is taken back
    before = labels(session)
    classes.merge(["black", "grey"], "shade")
    assert set(labels(session).values()) == {"shade", "bright"}
    assert labels(session).keys() >= before.keys() | dark  # nothing is open any more
    shown |= {item: "shade" for item, name in shown.items() if name in ("black", "grey")}
    third = session.query().items
    session.push(people)
    work()
    assert {labels(session)[item] for item in third} <= {"shade", "bright"}
    classes.undo()
    now = labels(session)
    assert {item: now[item] for item in before} == before
    shades = {item for item in third if shown[item] == "shade"}
    assert session.project.history().reopened.keys() == (shades | (dark - again)) and not shades & now.keys()
    assert session.project.config.data.classes == ("black", "grey", "bright", "other")
