"""A sample of ``make faults``: files and ledgers of a whole project that are damaged."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from damage import LEDGER_DAMAGE, _badly, files, ledger
from verbs_desk import Ended


@pytest.fixture
def compiler(missing: object) -> None:
    if shutil.which("cc") is None or sys.platform != "linux":
        missing("there is no C compiler, or this is not Linux")  # type: ignore[operator]


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.usefixtures("compiler")
def test_a_damaged_ledger_is_told_of_and_a_backup_brings_every_label_back(tmp_path: Path) -> None:
    cases = list(ledger(tmp_path, len(LEDGER_DAMAGE), seed=1))
    assert {case.fault for case in cases} == set(LEDGER_DAMAGE)
    assert {case.fault: case.problems for case in cases if case.problems} == {}


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.usefixtures("compiler")
def test_a_damaged_file_is_made_again_or_told_of_in_two_lines(tmp_path: Path) -> None:
    cases = list(files(tmp_path, every=61, seed=1))
    assert len(cases) > 2
    assert {(case.verb, case.fault): case.problems for case in cases if case.problems} == {}


@pytest.mark.parametrize(
    ("code", "err", "problem"),
    [
        (0, "", False),
        (1, "error: what\n hint: do\n", False),
        (1, "error: what\n", True),
        (1, "Traceback (most recent call last):\nValueError: x\n", True),
        (-11, "", True),
        (134, "terminate called without an active exception\n", True),
    ],
)
def test_an_end_that_is_no_error_of_two_lines_is_a_failure(code: int, err: str, problem: bool) -> None:
    assert bool(_badly(Ended(code, "", err, ()), ("status",))) == problem
