"""The environment of Label Studio: separate from that of activessl, made once, then found again."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from activessl.errors import AnnotatorError
from activessl_label_studio.client import scrub

__all__ = ["VERSION", "Progress", "ensure_installed", "find_installed", "last_line", "quiet"]

#: The release with which the mapping and the order are tested.
VERSION = "1.23.2"

#: Called with one sentence and the seconds since the start of the step.
Progress = Callable[[str, float], None]


def quiet(message: str, seconds: float) -> None:
    """Print no progress."""


def find_installed(folder: Path) -> Path | None:
    """Return the python of an environment that has the right release, or None.

    Searches ``ACTIVESSL_STUDIO_PYTHON`` first (an interpreter, or the folder of its environment), then ``folder``.
    """
    places = [folder / "bin" / "python", folder / "Scripts" / "python.exe"]
    named = os.environ.get("ACTIVESSL_STUDIO_PYTHON")
    if named:
        given = Path(named)
        places[:0] = [given / "bin" / "python", given / "Scripts" / "python.exe"] if given.is_dir() else [given]
    for python in places:
        if python.is_file() and _release(python) == VERSION:
            return python
    return None


def _release(python: Path) -> str | None:
    """Return the release of label-studio in an environment, from its metadata, without importing it."""
    probe = "import importlib.metadata as m; print(m.version('label-studio'))"
    try:
        said = subprocess.run([python, "-c", probe], capture_output=True, text=True, timeout=60, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return None
    return said.stdout.strip() if said.returncode == 0 else None


def ensure_installed(folder: Path, *, progress: Progress = quiet) -> Path:
    """Make the environment of the server, unless there is one. About 1 GB and two minutes the first time.

    It can be interrupted: pip continues where it stopped, and the environment is used only if it has the release.

    Args:
        folder: The folder of the environment.
        progress: Called once a second with the current step.

    Returns:
        The environment's python.

    Raises:
        AnnotatorError: The environment cannot be made; the message has the last line of pip.
    """
    found = find_installed(folder)
    if found is not None:
        return found
    started = time.monotonic()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AnnotatorError(f"cannot write to {folder}: {error.strerror}", hint="choose another folder") from None
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    steps = [
        ("making an environment for Label Studio", [sys.executable, "-m", "venv", str(folder)]),
        (
            f"installing label-studio {VERSION}",
            [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"label-studio=={VERSION}"],
        ),
    ]
    for what, command in steps:
        _run(what, command, folder / "install.log", progress, started)
    if _release(python) != VERSION:
        raise AnnotatorError(f"label-studio {VERSION} is not in {folder}", hint=f"read {folder / 'install.log'}")
    return python


def _run(what: str, command: list[str], log: Path, progress: Progress, started: float) -> None:
    with log.open("a", encoding="utf-8") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)  # noqa: S603
        try:
            while process.poll() is None:
                progress(what, time.monotonic() - started)
                time.sleep(1.0 if process.poll() is None else 0.0)
        finally:
            if process.poll() is None:  # interrupted
                process.terminate()
                process.wait()
    if process.returncode != 0:
        raise AnnotatorError(
            f"{what} failed: {last_line(log)}",
            hint="check the network and the disk, then run the command again to continue where it stopped",
        )


def environments() -> Path:
    """Return the folder in which servers are installed, once for all projects of this user."""
    given = os.environ.get("ACTIVESSL_STUDIO_DIR")
    if given:
        return Path(given)
    from platformdirs import user_cache_path

    return user_cache_path("activessl") / "label-studio"


def last_line(log: Path) -> str:
    """Return the last line of a log, without secrets."""
    try:
        lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    except OSError:
        return "no log"
    return scrub(lines[-1].strip()[:300]) if lines else "the log is empty"
