"""Several people on a real server: a share of the tasks for two, a third one where they differ, and the figures."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl.proof.agreement import agreement_of, differing
from activessl.session import Session
from activessl.steps.review import open_review
from activessl_label_studio import Habits, LabelStudio, ScriptedAnnotator, StudioInfo

pytestmark = [pytest.mark.studio, pytest.mark.timeout(900)]

ITEMS, SIZE, CLASSES = 40, 16, ("dark", "light")


def test_a_share_is_answered_by_two_and_a_third_decides_where_they_differ(
    server: StudioInfo,
    tmp_path: Path,
    pictures: Callable[[int], dict[str, str]],
    colleagues: list[tuple[str, str]],
) -> None:
    truth = pictures(ITEMS)
    config = check_config(
        {
            "data": {"path": "../pictures", "modality": "image", "classes": list(CLASSES)},
            "annotator": {
                "url": server.url,
                "title": f"several {uuid.uuid4().hex[:8]}",
                "tabs": "none",
                "overlap": 0.5,
                "reviewers": [colleagues[1][0]],
            },
            "encoder": {"name": "pixels"},
            "query": {"size": SIZE, "strategy": "random", "random_share": 0.5},
        }
    )
    session, people = (
        Session(Project.create(tmp_path / "p", config, version="t")),
        LabelStudio(server.url, server.token),
    )
    session.encode()
    questions = session.query().questions
    shared = {q.item for q in questions if q.people == 2}
    assert 3 <= len(shared) < SIZE
    number = int(session.push(people).project)

    def person(email: str, password: str, mistakes: float = 0.0, seed: int = 0) -> ScriptedAnnotator:
        habits = Habits(mistakes=mistakes, anchoring=0.0, skips=0.0)
        return ScriptedAnnotator(server.url, email, password, number, truth, habits=habits, seed=seed)

    def waiting() -> set[str]:
        session.pull(people)
        history = session.project.history()
        return {q.item for q in history.waiting(history.rounds[-1])}

    first = person(server.email, server.password)
    assert first.work(SIZE + 5).labeled == SIZE
    # of those for two people, each has one answer; a push in between loses nothing
    assert waiting() == shared
    session.push(people)
    # the second is offered the tasks for two people, and no other
    second = person(*colleagues[0], mistakes=0.5, seed=1)
    worked = second.work(SIZE + 5)
    assert set(worked.items) == shared and worked.mistakes > 0
    assert not waiting()

    history = session.project.history()
    assert {item: label.annotators for item, label in history.labels.items()} == {q.item: q.people for q in questions}
    seconds = [a.seconds for a in history.answers.values()]
    assert len(seconds) == SIZE + len(shared) and all(seconds)
    queue = differing(history)
    assert len(queue) == worked.mistakes
    agreed = agreement_of(history)
    assert agreed is not None and agreed.figures.items == len(shared) and not agreed.seen
    assert agreed.figures.observed.share == pytest.approx(1 - worked.mistakes / len(shared))
    session.teach()

    # the review: everybody may take the task, the reviewer decides
    review = open_review(session.project)
    assert set(review.items) == {one.item for one in queue}
    session.push(people)
    tasks = people.annotator(session.project).client.get("/api/tasks", project=number, page_size=100, fields="all")[
        "tasks"
    ]
    asked = [t for t in tasks if t["data"]["activessl_id"] in {q.id for q in review.questions}]
    told = json.dumps([t["data"] for t in asked] + [p["result"] for t in asked for p in t["predictions"]])
    assert len(asked) == len(queue)
    assert not any(word in told for word in ('"dark"', '"light"', server.email, colleagues[0][0]))
    third = person(*colleagues[1])
    assert set(third.work(ITEMS).items) == {q.id for q in review.questions}
    assert not waiting()
    history = session.project.history()
    assert not differing(history)
    assert {item: label.classes[0] for item, label in history.labels.items()} == {
        item: truth[item] for item in history.labels
    }
    decided = [a for a in history.answers.values() if a.ground_truth]
    assert {a.annotator for a in decided} == {colleagues[1][0]} and len(decided) == len(queue)
    # the agreement is that of the first answers, as before
    after = agreement_of(history)
    assert after is not None and after.figures == agreed.figures
    for one in (first, second, third):
        one.close()


def test_a_task_that_was_answered_before_its_number_of_people_was_set_is_offered_to_a_second(
    server: StudioInfo,
    tmp_path: Path,
    pictures: Callable[[int], dict[str, str]],
    colleagues: list[tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    truth = pictures(8)
    config = check_config(
        {
            "data": {"path": "../pictures", "modality": "image", "classes": list(CLASSES)},
            "annotator": {
                "url": server.url,
                "title": f"killed {uuid.uuid4().hex[:8]}",
                "tabs": "none",
                "per_item": 2,
            },
            "encoder": {"name": "pixels"},
            "query": {"size": 3, "strategy": "random", "random_share": 0.5},
        }
    )
    session, people = (
        Session(Project.create(tmp_path / "p", config, version="t")),
        LabelStudio(server.url, server.token),
    )
    session.encode()
    items = set(session.query().items)
    with monkeypatch.context() as killed:
        killed.setattr("activessl_label_studio.push._for_several", lambda *_: None)
        number = int(session.push(people).project)
    exact = Habits(mistakes=0.0, anchoring=0.0, skips=0.0)
    first = ScriptedAnnotator(server.url, server.email, server.password, number, truth, habits=exact)
    second = ScriptedAnnotator(server.url, *colleagues[0], number, truth, habits=exact)
    assert first.work(5).labeled == 3 and second.work(5).labeled == 0
    session.pull(people)
    session.push(people)
    assert set(second.work(5).items) == items and first.work(5).labeled == 0
    session.pull(people)
    assert {label.annotators for label in session.project.history().labels.values()} == {2}
    for one in (first, second):
        one.close()
