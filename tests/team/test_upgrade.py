"""The wheel of an earlier commit makes projects, the wheel of now takes its place, and the projects go on."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import sysconfig
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from clusters import Cluster

from activessl.ledger.layouts import LAYOUT
from activessl.project.folder import Project

ROOT = Path(__file__).parents[2]
#: The last commit of the first format of events and config, and the last one whose tables on PostgreSQL had no version.
EARLIER = ("aed2e2a", "92bc8b4")
CLASSES = ("ant", "bee")


class Installed:
    """An environment with the dependencies of this one, and a wheel of ours."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
        (site,) = folder.glob("lib/*/site-packages")
        (site / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"])
        self.python = folder / "bin" / "python"

    def install(self, wheel: Path) -> None:
        pip = [sys.executable, "-m", "pip", "--python", str(self.python), "install", "-q", "--no-index", "--no-deps"]
        # the version in the name is the same until the first release
        done = subprocess.run([*pip, "--upgrade", "--force-reinstall", str(wheel)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def run(self, *arguments: str, cwd: Path, code: int = 0) -> str:
        command = [str(self._folder / "bin" / "activessl"), *arguments]
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
        assert done.returncode == code, (arguments, done.stdout, done.stderr)
        return done.stdout if code == 0 else done.stderr


def wheel_of(source: Path, out: Path) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def now(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return wheel_of(ROOT, tmp_path_factory.mktemp("now"))


@pytest.fixture(params=EARLIER)
def earlier(request: pytest.FixtureRequest, tmp_path: Path, missing: Callable[[str], NoReturn]) -> Path:
    found = subprocess.run(["git", "archive", request.param], cwd=ROOT, capture_output=True)
    if found.returncode != 0:
        missing(f"the history lacks the commit {request.param} (git fetch --unshallow)")
    with tarfile.open(fileobj=io.BytesIO(found.stdout)) as archive:
        archive.extractall(tmp_path / "source", filter="data")
    return wheel_of(tmp_path / "source", tmp_path / "earlier")


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_a_project_of_an_earlier_wheel_goes_on_with_this_one(
    server: Cluster, tmp_path: Path, earlier: Path, now: Path, database: str
) -> None:
    installed, project, name = Installed(tmp_path / "environment"), tmp_path / "p", f"upgrade {time.monotonic_ns()}"
    installed.install(earlier)
    y = np.arange(60) % 2
    x = (3 * y[:, None] + np.random.default_rng(0).normal(size=(60, 5))).astype(np.float32)
    np.savez(tmp_path / "pool.npz", vectors=x, ids=np.array([f"i{i}" for i in range(60)]))
    installed.run("init", "pool.npz", "--classes", ",".join(CLASSES), "--project", "p", cwd=tmp_path)
    if database == "postgres":
        config = (project / "activessl.toml").read_text()
        assert 'ledger = "ledger.db"' in config
        url = server.create(name).replace("postgresql://", "postgresql+psycopg://")
        (project / "activessl.toml").write_text(config.replace('ledger = "ledger.db"', f'ledger = "{url}"'))
    (tmp_path / "labels.csv").write_text("id,class\n" + "".join(f"i{i},{CLASSES[i % 2]}\n" for i in range(10)))
    for verb in (("encode",), ("import", "../labels.csv"), ("query",), ("teach",)):
        installed.run(*verb, cwd=project)
    rows = server.ask(name, "SELECT seq, key, body FROM events ORDER BY seq") if database == "postgres" else []

    installed.install(now)
    installed.run("status", cwd=project)
    history = Project.open(project).history()
    assert {item: label.classes for item, label in history.labels.items()} == {
        f"i{i}": (CLASSES[i % 2],) for i in range(10)
    }
    assert history.open_round is not None and history.taught is not None
    opened = history.open_round.items
    installed.run("teach", cwd=project)
    assert "damaged" not in installed.run("verify", cwd=project)
    installed.run("query", cwd=project)
    now_open = Project.open(project).history().open_round
    assert now_open is not None and now_open.items == opened
    if database == "postgres":
        assert server.ask(name, "SELECT max(version) FROM ledger_versions") == [str(LAYOUT)]
        kept = server.ask(name, f"SELECT seq, key, body FROM events ORDER BY seq LIMIT {len(rows)}")
        assert kept == rows and len(rows) > 3  # what was written stays as it was written
        server.ask(name, "INSERT INTO ledger_versions VALUES (99, 'later', 'activessl 9')")
        assert "written by a newer activessl" in installed.run("query", cwd=project, code=1)
