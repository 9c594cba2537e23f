"""The whole loop on a real server: as a newcomer runs it, and killed on the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from activessl.ledger.schema import Answered
from activessl.project.folder import Project
from activessl_label_studio import studio
from activessl_label_studio.client import connect

pytestmark = [pytest.mark.studio, pytest.mark.timeout(900)]

SMALL = ("--rounds", "3", "--size", "8", "--minutes", "0.1", "--seeds", "2", "--json")


def demo(folder: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "activessl_cli.main", "demo", "--folder", str(folder), *SMALL, *more]


def test_the_demo_killed_in_the_middle_and_run_again_ends_whole(environment: Path, tmp_path: Path) -> None:
    env = {**os.environ, "ACTIVESSL_STUDIO_PYTHON": str(environment)}
    project = tmp_path / "project"
    try:
        first = subprocess.Popen(
            demo(tmp_path), env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        assert first.stderr is not None
        for line in first.stderr:
            if line.startswith("round 1:"):
                break
        time.sleep(1.5)  # somewhere in round 2
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()

        done = subprocess.run(demo(tmp_path, "--keep"), env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        result = json.loads(done.stdout)
        assert result["savings"] is not None and result["rounds"]
        assert (project / "reports" / "report.html").exists()

        opened = Project.open(project)
        history = opened.history()
        asked = [item for r in history.rounds for item in r.items]
        assert len(history.rounds) == 3 and len(asked) == len(set(asked)) == 24
        assert len(history.labels) + len(history.skipped) == 24
        with opened.ledger() as ledger:
            keys = [r.event.answer.key for r in ledger if isinstance(r.event, Answered)]
        assert len(keys) == len(set(keys))

        info = studio.status(project / "studio")
        assert info is not None
        client = connect(info.url, info.token)
        number = history.rounds[-1].pushed[-1].project
        there = client.get(f"/api/projects/{number}")
        assert there["task_number"] == 24  # no task twice
        assert there["num_tasks_with_annotations"] + len(history.skipped) == 24
        assert info.token not in done.stdout + done.stderr
    finally:
        studio.stop(project / "studio")
