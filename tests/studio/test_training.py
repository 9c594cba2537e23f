"""A training round on a real server: two people answer every item, and are scored before and after."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl.reports.training import agreed_in, people_of
from activessl.session import Session
from activessl_label_studio import Habits, LabelStudio, ScriptedAnnotator, StudioInfo

pytestmark = [pytest.mark.studio, pytest.mark.timeout(900)]

ITEMS, CLASSES = 40, ("dark", "light")


def test_everybody_answers_every_item_and_sees_the_second_part_after_the_first(
    server: StudioInfo,
    tmp_path: Path,
    pictures: Callable[[int], dict[str, str]],
    colleagues: list[tuple[str, str]],
) -> None:
    truth = pictures(ITEMS)
    config = check_config(
        {
            "data": {"path": "../pictures", "modality": "image", "classes": list(CLASSES)},
            "annotator": {"url": server.url, "title": f"trained {uuid.uuid4().hex[:8]}", "tabs": "none"},
            "encoder": {"name": "pixels"},
            "query": {"size": 24, "strategy": "random", "random_share": 0.5},
        }
    )
    session = Session(Project.create(tmp_path / "p", config, version="t"))
    people = LabelStudio(server.url, server.token)
    session.encode()
    session.query()
    real = int(session.push(people).project)
    exact = Habits(mistakes=0.0, anchoring=0.0, skips=0.0)
    ScriptedAnnotator(server.url, server.email, server.password, real, truth, habits=exact).work(24)
    session.pull(people)
    session.teach()
    before = session.project.history()

    held = session.train_annotators(people, items=12)
    found = re.search(r"/projects/(\d+)/", held.where)
    assert found is not None and int(found[1]) != real
    number = int(found[1])
    mistaken = Habits(mistakes=0.6, anchoring=0.0, skips=0.0)
    hands = [
        ScriptedAnnotator(server.url, *colleagues[0], number, truth, habits=mistaken, seed=3),
        ScriptedAnnotator(server.url, *colleagues[1], number, truth, habits=exact, seed=4),
    ]
    worked = [hand.work(50) for hand in hands]
    # the same six items for both of them, whatever the other has answered
    first = {golden.item for golden in held.training.opened.before}
    assert [set(one.items) for one in worked] == [first, first] and worked[0].mistakes
    held = session.train_annotators(people)
    assert held.second
    after = ScriptedAnnotator(server.url, *colleagues[0], number, truth, habits=exact, seed=5).work(50)
    assert set(after.items) == {golden.item for golden in held.training.opened.after}
    held = session.train_annotators(people)
    history = session.project.history()
    scores = {one.name: one for one in people_of(held.training, history)}
    learner, other = (scores[email] for email, _ in colleagues)
    assert learner.before is not None and learner.after is not None and other.before is not None
    assert (learner.before.right, learner.after.right) == (6 - worked[0].mistakes, 6)
    assert other.before.right == 6 and other.after is None and learner.before.seconds
    agreed = agreed_in(held.training, "before")
    assert agreed is not None and agreed.observed.share == pytest.approx(1 - worked[0].mistakes / 6)

    # nothing of it is a label, and the work goes on
    session.pull(people)
    assert session.project.history().labels == before.labels
    session.query()
    assert session.push(people).project == str(real)
