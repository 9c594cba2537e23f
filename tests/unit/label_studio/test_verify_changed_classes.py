"""``activessl verify --studio`` after the classes changed: what the change did is no damage."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from activessl.annotators.region_oracle import RegionOracle
from activessl.steps.classes import Classes
from activessl_label_studio import verify
from tests.unit.steps.regions.projects import spans
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


def test_a_region_at_another_place_is_not_as_in_the_ledger_and_a_renamed_one_is(tmp_path: Path) -> None:
    session, drawn = spans(tmp_path, 12)
    oracle = RegionOracle(drawn)
    session.query(6)
    session.push(oracle)
    session.pull(oracle)
    given, _ = oracle.pull()
    history = session.project.history()
    assert list(verify._answers("server", given, history)) == []
    at = next(at for at, answer in enumerate(given) if answer.regions)
    moved = [{**row, "end": row["end"] + 1} for row in given[at].regions or ()]
    odd = [*given[:at], replace(given[at], regions=tuple(moved)), *given[at + 1 :]]
    (found,) = verify._answers("server", odd, history)
    assert "1 answer is not as in the ledger, with the same time" in found.problem and given[at].item in found.problem
    # the server keeps the name of then, the ledger is read with the name of now
    Classes(session.project).rename("person", "human")
    assert list(verify._answers("server", given, session.project.history())) == []
    (found,) = verify._answers("server", odd, session.project.history())
