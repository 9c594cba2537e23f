"""The server's process and its address: whether it is still ours, and where it listens."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

__all__ = [
    "claimed",
    "find_pid",
    "is_free",
    "is_healthy",
    "is_ours",
    "local_url",
    "possible_ports",
    "reap",
    "said_port",
]


def local_url(port: int) -> str:
    """The address of a port on this machine."""
    return f"http://127.0.0.1:{port}"


def said_port(log: Path, start: int) -> int | None:
    """The port that the server says it listens at. It silently takes the next one if ours was taken meanwhile."""
    try:
        with log.open("rb") as lines:
            lines.seek(start)
            said = re.findall(rb"server at http://127\.0\.0\.1:(\d+)", lines.read())
    except OSError:
        return None
    return int(said[-1]) if said else None


def is_healthy(url: str) -> bool:
    """Whether a Label Studio answers there and says that it is up."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # no proxy between us and loopback
    try:
        with opener.open(f"{url}/health", timeout=5) as answer:
            return bool(json.load(answer).get("status") == "UP")
    except (OSError, ValueError, AttributeError, urllib.error.URLError):
        return False


def is_free(port: int) -> bool:
    """Whether a server could listen at a port of this machine."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        if os.name != "nt":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port in TIME_WAIT is free for a server
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def possible_ports(first: int) -> Iterator[int]:
    """Where a server may listen: at a port if it can be had, else at the first from 8080 on, else anywhere."""
    yield from (port for port in (first, *range(8080, 8180)) if 0 < port < 65536)
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind(("127.0.0.1", 0))
            _, free = probe.getsockname()
        yield free


def claimed(port: int) -> ExitStack | None:
    """A free port, kept for a server that is being started there and will listen only in half a minute.

    Returns:
        To be entered, and left once the server listens; None where something listens there, or where another start of
        this user has the port already.
    """
    from filelock import FileLock, Timeout
    from platformdirs import user_cache_path

    if not is_free(port):
        return None
    try:
        folder = user_cache_path("activessl") / "ports"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = FileLock(folder / f"{port}.lock", timeout=0)
        lock.acquire()
    except Timeout:
        return None
    except OSError:
        return ExitStack()  # without such a note a port is only taken when something listens
    held = ExitStack()
    held.callback(lock.release)
    return held


def find_pid(folder: Path) -> int | None:
    """The process of a folder's server, or None. A stale pid file is taken away."""
    file = folder / "studio.pid"
    try:
        pid = int(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    reap(pid)
    if is_ours(pid, folder):
        return pid
    file.unlink(missing_ok=True)
    return None


def is_ours(pid: int, folder: Path) -> bool:
    """Whether a process is the server of this folder, and not another one that got its number later."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return False  # somebody else's process
    proc = Path(f"/proc/{pid}")
    if proc.exists():
        try:
            said = (proc / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if not said:  # just being started, or dead and not yet collected
                return (proc / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
        except OSError:
            return False
    else:
        ps = shutil.which("ps")
        if ps is None:
            return True
        ask = [ps, "-p", str(pid), "-o", "command="]
        said = subprocess.run(ask, capture_output=True, text=True, check=False).stdout  # noqa: S603
    return str(folder / "data") in said


def reap(pid: int) -> None:
    """Collect a child that has ended, so that it does not linger as a zombie that still has our number."""
    if os.name != "nt":
        try:
            os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            return  # another process started it


def studio_folder(project: Path) -> Path:
    """Where the embedded server of a project folder keeps its data."""
    return project / "studio"
