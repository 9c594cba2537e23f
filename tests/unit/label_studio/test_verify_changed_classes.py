"""``activessl verify --studio`` after the classes changed: what the change did is no damage."""

from __future__ import annotations

from pathlib import Path

from activessl.steps.classes import Classes
from activessl_label_studio import verify
from tests.unit.steps.test_classes import Desk, project_of, truth


def test_answers_that_a_change_of_the_classes_left_open_are_as_in_the_ledger(tmp_path: Path) -> None:
    session, desk = project_of(tmp_path, encoded=True), Desk(truth())
    session.query()
    session.push(desk)
    desk.answer()
    session.pull(desk)
    classes = Classes(session.project)
    for change in (lambda: classes.split("cat", ("lion", "lynx")), lambda: classes.rename("dog", "hound")):
        change()
        history = session.project.history()
        assert list(verify._answers("server", desk.given, history)) == []
    assert history.reopened
