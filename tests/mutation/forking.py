"""Run tests in a fork of a process that has imported the heavy libraries: a second instead of ten."""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

#: Imported before the first fork; activessl itself is not, because each fork imports the changed module.
HEAVY = (
    "numpy",
    "scipy.stats",
    "scipy.special",
    "scipy.optimize",
    "scipy.cluster.hierarchy",
    "sklearn.linear_model",
    "sklearn.cluster",
    "torch",
    "torch.nn.functional",
    "faiss",
    "hypothesis",
    "sqlalchemy.orm",
    "pydantic",
    "jaxtyping",
    "PIL.Image",
    "pyarrow",
    "safetensors.numpy",
    "typer",
    "rich.console",
    "httpx",
    "tomlkit",
    "jinja2",
)


def preload() -> None:
    """Import the heavy libraries that are installed."""
    for name in HEAVY:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


class _First:
    """Writes the name of the first test that fails."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed and not self.file.exists():
            self.file.write_text(report.nodeid)


def run(tree: Path, tests: list[str], limit: float) -> tuple[int | None, str]:
    """Run tests in a tree until the first fails.

    Returns:
        pytest's exit status, None after ``limit`` seconds; the first test that failed, or the end of what was printed.
    """
    log, first = tree.parent / "log", tree.parent / "first"
    for file in (log, first):
        file.unlink(missing_ok=True)
    child = os.fork()
    if not child:
        _child(tree, tests, log, first)
    status = _wait(child, limit)
    if first.exists():
        return status, first.read_text()
    return status, " ".join(log.read_text(errors="replace").split())[-300:] if status else ""


def _child(tree: Path, tests: list[str], log: Path, first: Path) -> None:
    status = 70
    try:
        os.setsid()
        os.chdir(tree)
        out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for stream in (1, 2):
            os.dup2(out, stream)
        roots = [str(tree), str(tree / "cli"), str(tree / "integrations")]
        os.environ["PYTHONPATH"] = os.pathsep.join(roots)
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
        sys.dont_write_bytecode = True
        sys.path[:0] = roots
        # xdist stays: the suite's conftest uses a mark of its own
        options = ["-x", "-q", "-n", "0", "-p", "no:cacheprovider", "-p", "no:cov", "--hypothesis-seed=0"]
        status = int(pytest.main([*options, *tests], plugins=[_First(first)]))
    finally:
        sys.stdout.flush()
        os._exit(status)


def _wait(child: int, limit: float) -> int | None:
    end = time.monotonic() + limit
    status = None
    while time.monotonic() < end:
        done, code = os.waitpid(child, os.WNOHANG)
        if done:
            status = os.waitstatus_to_exitcode(code)
            break
        time.sleep(0.02)
    with contextlib.suppress(ProcessLookupError):  # and the processes that its tests have started
        os.killpg(child, signal.SIGKILL)
    if status is None:
        os.waitpid(child, 0)
    return status
