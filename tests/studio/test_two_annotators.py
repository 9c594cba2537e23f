"""Two people on one project of a real server: each task is labeled by both, and their agreement is known."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl.session import Session
from activessl_label_studio import (
    Habits,
    LabelStudioAnnotator,
    LabelStudioConfig,
    ScriptedAnnotator,
    StudioInfo,
    connect,
)

pytestmark = [pytest.mark.studio, pytest.mark.timeout(900)]

ITEMS, SIZE, CLASSES = 24, 8, ("dark", "light")
EXACT = Habits(mistakes=0.0, anchoring=0.0, skips=0.0)


@pytest.fixture
def colleague(server: StudioInfo) -> Iterator[tuple[str, str]]:
    """Address and password of a second user, who is gone afterwards."""
    client = connect(server.url, server.token)
    email, password = f"{uuid.uuid4().hex[:8]}@activessl.example", uuid.uuid4().hex
    invited = client.get("/api/invite")["token"]
    with httpx.Client(base_url=server.url, headers={"Referer": server.url}) as browser:
        browser.get("/user/signup/", params={"token": invited})
        form = {"email": email, "password": password, "csrfmiddlewaretoken": browser.cookies["csrftoken"]}
        assert browser.post("/user/signup/", params={"token": invited}, data=form).is_redirect
    yield email, password
    for user in client.get("/api/users/"):
        if user["email"] == email:
            client.delete(f"/api/users/{user['id']}/")


@pytest.fixture
def session(tmp_path: Path, pictures: Callable[[int], dict[str, str]]) -> Session:
    pictures(ITEMS)
    config = check_config(
        {
            "data": {"path": "../pictures", "modality": "image", "classes": list(CLASSES)},
            "encoder": {"name": "pixels"},
            "query": {"size": SIZE, "random_share": 0.0, "strategy": "max_herding", "again": 0.0},
        }
    )
    opened = Session(Project.create(tmp_path / "project", config, version="test"))
    opened.encode()
    return opened


def test_two_people_each_label_every_task_once_and_where_they_differ_is_known(
    server: StudioInfo, session: Session, colleague: tuple[str, str]
) -> None:
    truth = {f"{i:02}.png": CLASSES[i % 2] for i in range(ITEMS)}
    people = LabelStudioAnnotator(LabelStudioConfig(server.url, server.token, f"two {uuid.uuid4().hex[:8]}", CLASSES))
    asked = session.query().items
    pushed = session.push(people)
    number = int(pushed.project)
    # a person sets the overlap in the project's settings, and no later push takes it back
    people.client.patch(f"/api/projects/{number}", {"maximum_annotations": 2})
    assert session.push(people).new == 0

    first = ScriptedAnnotator(server.url, server.email, server.password, number, truth, habits=EXACT)
    email, password = colleague
    second = ScriptedAnnotator(
        server.url, email, password, number, truth, habits=Habits(mistakes=0.5, anchoring=0.0, skips=0.0), seed=1
    )
    # in turns, as two people at two desks: nobody is offered what the other has open, or has done already
    done = [first.work(1), second.work(1)]
    done += [first.work(SIZE), second.work(SIZE)]
    for mine in (done[0].items + done[2].items, done[1].items + done[3].items):
        assert sorted(mine) == sorted(asked)
    assert done[0].items == asked[:1]
    mistakes = done[1].mistakes + done[3].mistakes
    assert mistakes > 0

    assert session.pull(people) == 2 * SIZE
    history = session.project.history()
    assert set(history.labels) == set(asked)
    assert {label.annotators for label in history.labels.values()} == {2}
    differ = [item for item, label in history.labels.items() if len({a.classes for a in label.answers}) == 2]
    assert len(differ) == mistakes
    assert {a.annotator for label in history.labels.values() for a in label.answers} == {server.email, email}
    session.teach()

    # an unfinished overlap goes before what is new, and both people go on into the next round
    following = session.query().items
    session.push(people)
    assert sorted(first.work(SIZE).items) == sorted(following)
    session.pull(people)
    assert {session.project.history().labels[item].annotators for item in following} == {1}
    assert sorted(second.work(SIZE).items) == sorted(following)
    session.pull(people)
    assert {session.project.history().labels[item].annotators for item in following} == {2}
    for person in (first, second):
        person.close()
