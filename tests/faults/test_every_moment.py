"""A sample of ``make faults``: verbs that fail at counted moments, in real processes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from campaign import moments, run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(autouse=True)
def compiler(missing: object) -> None:
    import shutil

    if shutil.which("cc") is None or sys.platform != "linux":
        missing("there is no C compiler, or this is not Linux")  # type: ignore[operator]


def test_verbs_that_fail_at_any_moment_lose_nothing_and_complete_when_run_again(tmp_path: Path) -> None:
    cases = list(run(tmp_path, ["kill", "torn", "full", "broken"], lives=["adopt"], every=61, start=7))
    assert len(cases) > 8
    assert {case.fault for case in cases} == {"kill", "torn", "full", "broken"}
    assert {(case.verb, case.fault, case.at, case.moment): case.problems for case in cases if case.problems} == {}


def test_a_training_round_that_fails_at_any_moment_asks_nothing_twice(tmp_path: Path) -> None:
    cases = list(run(tmp_path, ["kill", "torn", "full", "broken"], lives=["training"], every=101, start=7))
    assert len(cases) > 8
    assert {(case.verb, case.fault, case.at, case.moment): case.problems for case in cases if case.problems} == {}


def test_suggestions_and_masks_survive_verbs_that_fail_at_any_moment(tmp_path: Path) -> None:
    verbs = ("query of a second round", "push with suggestions", "pull of corrections", "export --layout of regions")
    cases = list(run(tmp_path, ["kill", "full"], lives=["regions"], every=31, start=7, verbs=verbs))
    assert len(cases) > 8
    assert {(case.verb, case.fault, case.at, case.moment): case.problems for case in cases if case.problems} == {}


def test_the_moments_of_a_run_are_those_that_change_something() -> None:
    counted = ["1 create /a", "2 write /a", "3 sync /a", "4 rename /b", "5 request ", "6 remove /a"]
    assert [at for at, _ in moments("kill", counted)] == [1, 2, 3, 5, 6]  # after a sync the disk is the same
    assert [at for at, _ in moments("full", counted)] == [1, 2]
    assert [at for at, _ in moments("torn", counted)] == [2, 5]
