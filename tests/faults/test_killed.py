"""A process killed at any moment of a round loses no label, asks nothing twice, and goes on to the same result."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from activessl.ledger.schema import Answered
from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl.session import Session

DESK = Path(__file__).with_name("desk.py")


Work = Callable[[Path, Path, int | None], tuple[int, int]]


@pytest.fixture(scope="module")
def work() -> Iterator[Work]:
    """Runs two rounds in a process of their own, killed at a moment or not: its exit code and moments passed."""
    with subprocess.Popen(
        [sys.executable, str(DESK)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as desk:

        def run(project: Path, tasks: Path, kill_at: int | None) -> tuple[int, int]:
            assert desk.stdin is not None and desk.stdout is not None
            print(json.dumps([str(project), str(tasks), kill_at]), file=desk.stdin, flush=True)
            code, moments = json.loads(desk.stdout.readline())
            return code, moments

        yield run
        desk.kill()


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("killed")
    rng = np.random.default_rng(0)
    np.savez(folder / "pool.npz", vectors=rng.normal(size=(60, 6)).astype(np.float32))
    config = check_config(
        {
            "data": {"path": "../pool.npz", "modality": "vector", "classes": ["even", "odd"]},
            "query": {"size": 6, "strategy": "max_herding", "random_share": 0.2},
        }
    )
    project = Project.create(folder / "project", config, version="test")
    Session(project).encode()
    return folder


def outcome(project: Path) -> tuple[object, ...]:
    """What a person would compare: the queries, the labels, the skips, the digests of the heads."""
    history = Project.open(project).history()
    with Project.open(project).ledger() as ledger:
        answers = [r.event.answer.key for r in ledger if isinstance(r.event, Answered)]
    assert len(answers) == len(set(answers))
    return (
        [(r.number, r.items, r.queried.seed) for r in history.rounds],
        {item: label.classes for item, label in history.labels.items()},
        history.skipped,
        [[t.digest for t in r.taught][-1:] for r in history.rounds],
    )


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_killed_at_any_moment_and_run_again_it_ends_the_same(encoded: Path, tmp_path: Path, work: Work) -> None:
    def fresh(name: str) -> Path:
        shutil.copytree(encoded / "project", tmp_path / name / "project")
        shutil.copy(encoded / "pool.npz", tmp_path / name / "pool.npz")
        return tmp_path / name / "project"

    whole = fresh("whole")
    code, moments = work(whole, tmp_path / "whole.json", None)
    assert code == 0
    expected = outcome(whole)
    tasks = json.loads((tmp_path / "whole.json").read_text())
    assert moments > 15

    for moment in range(1, moments + 1):
        project, desk = fresh(f"killed{moment}"), tmp_path / f"killed{moment}.json"
        assert work(project, desk, moment)[0] == 9
        assert work(project, desk, None)[0] == 0
        assert outcome(project) == expected, f"killed at moment {moment}"
        assert json.loads(desk.read_text()) == tasks, f"killed at moment {moment}"


@pytest.mark.slow
def test_a_second_process_is_told_that_the_project_is_in_use(encoded: Path, tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time; from pathlib import Path; from activessl.project.folder import Project\n"
            "with Project.open(Path(sys.argv[1])).lock(): print('held', flush=True); time.sleep(60)",
            str(encoded / "project"),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        second = subprocess.run(
            [sys.executable, "-m", "activessl_cli.main", "query", "--project", str(encoded / "project")],
            capture_output=True,
            text=True,
        )
        assert second.returncode == 1
        assert second.stderr.splitlines()[0].startswith("error: another activessl process is writing to")
        assert second.stderr.splitlines()[1].startswith(" hint: ")
        reader = subprocess.run(
            [sys.executable, "-m", "activessl_cli.main", "status", "--project", str(encoded / "project")],
            capture_output=True,
            text=True,
        )
        assert reader.returncode == 0, reader.stderr
    finally:
        holder.kill()
        holder.wait()


@pytest.mark.slow
def test_ctrl_c_in_a_waiting_verb_says_that_nothing_is_lost(encoded: Path, tmp_path: Path) -> None:
    script = (
        "import sys, time, activessl.session as session\n"
        "from activessl_cli.main import main\n"
        "session.annotator_of = lambda project, people: None\n"
        "session.Session.push = lambda self, a: type('P', (), {'where': 'here'})()\n"
        "def wait(self, a, **k): print('waiting', flush=True); time.sleep(60)\n"
        "session.Session.wait = wait\n"
        "main(['round', '--project', sys.argv[1]])"
    )
    shutil.copytree(encoded / "project", tmp_path / "project")
    shutil.copy(encoded / "pool.npz", tmp_path / "pool.npz")
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "project")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ},
        # a shell starts background jobs deaf to ctrl-c, and whoever runs the tests may be one
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout is not None and process.stdout.readline() == "waiting\n"
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert err.splitlines()[-2:] == [
        "error: interrupted",
        " hint: run the same command again to continue where it stopped",
    ]
