"""Runs verbs of the command line in real processes that fail at a chosen moment.

``Desk`` starts this file as a script with ``moments.c`` preloaded. It reads lines of JSON: the arguments of a verb, the
folder whose changes are counted, what happens and when. For each it forks a process, so that imports are paid once, and
answers with the exit code, what was printed, and the moments that were passed.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import io
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).with_name("moments.c")
#: What happens at the chosen moment; the order of ``moments.c``.
FAULTS = ("count", "kill", "torn", "full", "broken", "read-only")
#: Seconds until a verb counts as hanging.
PATIENCE = 120.0


@dataclass(frozen=True)
class Ended:
    """How a verb ended: its exit code (-9: killed, -14: it hung), what it printed, and the moments that it passed."""

    code: int
    out: str
    err: str
    moments: tuple[str, ...]


def library() -> Path:
    """The compiled ``moments.c``.

    Raises:
        FileNotFoundError: There is no C compiler.
    """
    digest = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]
    made = Path(tempfile.gettempdir()) / f"activessl-moments-{os.getuid()}-{digest}.so"
    if not made.exists():
        part = made.with_suffix(f".{os.getpid()}")
        command = ["cc", "-shared", "-fPIC", "-O2", "-o", str(part), str(SOURCE), "-ldl"]
        subprocess.run(command, check=True, capture_output=True)
        part.replace(made)
    return made


class Desk:
    """A process that forks one process a verb; use it in a ``with``."""

    def __init__(self, **environment: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).resolve())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ
            | {"LD_PRELOAD": str(library()), "ACTIVESSL_TEST_MOMENTS": str(library()), "OMP_NUM_THREADS": "1"}
            | environment,
        )

    def run(self, argv: list[str], folder: Path, fault: str = "count", at: int = 0, cwd: Path | None = None) -> Ended:
        """Run a verb whose changes below ``folder`` are counted."""
        assert self._process.stdin is not None and self._process.stdout is not None
        asked = {"argv": argv, "folder": str(folder), "fault": FAULTS.index(fault), "at": at, "cwd": str(cwd or folder)}
        print(json.dumps(asked), file=self._process.stdin, flush=True)
        said = json.loads(self._process.stdout.readline())
        return Ended(said["code"], said["out"], said["err"], tuple(said["moments"]))

    def __enter__(self) -> Desk:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)


def _child(asked: dict[str, Any], said: int, trace: int) -> None:
    """Run the verb in the forked process, and end it."""
    lib = ctypes.CDLL(os.environ["ACTIVESSL_TEST_MOMENTS"])
    from activessl_cli.main import run

    before = set(sys.modules)
    out, err = io.StringIO(), io.StringIO()
    os.chdir(asked["cwd"])
    folder = str(Path(asked["folder"]).resolve())
    lib.moments_arm(folder.encode(), asked["fault"], ctypes.c_long(asked["at"]), trace)
    code = 70
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run(*asked["argv"])
    except BaseException:
        import traceback

        err.write(traceback.format_exc())
    lib.moments_arm(b"", 0, ctypes.c_long(0), -1)
    told = {"code": code, "out": out.getvalue(), "err": err.getvalue()}
    told["imported"] = sorted(set(sys.modules) - before)
    with os.fdopen(said, "w") as telling:
        json.dump(told, telling)
    os._exit(0)


def _read(pipes: list[int], end: float, pid: int) -> list[bytes]:
    """Read pipes to their ends; a process that does not end in time is killed."""
    found: dict[int, list[bytes]] = {pipe: [] for pipe in pipes}
    open_pipes = list(pipes)
    while open_pipes:
        ready = select.select(open_pipes, [], [], max(0.0, end - time.monotonic()))[0]
        if not ready:
            os.kill(pid, signal.SIGALRM)
            break
        for pipe in ready:
            piece = os.read(pipe, 1 << 16)
            if piece:
                found[pipe].append(piece)
            else:
                open_pipes.remove(pipe)
    for pipe in pipes:
        os.close(pipe)
    return [b"".join(found[pipe]) for pipe in pipes]


def main() -> None:
    from importlib import import_module

    import activessl_cli.main  # noqa: F401 - before the first fork

    for line in sys.stdin:
        asked = json.loads(line)
        said, saying = os.pipe()
        traced, trace = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(said)
            os.close(traced)
            _child(asked, saying, trace)
        os.close(saying)
        os.close(trace)
        answer, moments = _read([said, traced], time.monotonic() + PATIENCE, pid)
        _, status = os.waitpid(pid, 0)
        told = json.loads(answer or "{}")
        for name in told.pop("imported", []):
            with contextlib.suppress(ImportError):  # a name that a module made up for itself
                import_module(name)
        told = {"code": os.waitstatus_to_exitcode(status), "out": "", "err": ""} | told
        told["moments"] = moments.decode(errors="replace").splitlines()
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
