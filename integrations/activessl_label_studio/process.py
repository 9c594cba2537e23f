"""The process and the address of the embedded server."""

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
    """Return the address of a port on this machine."""
    return f"http://127.0.0.1:{port}"


def said_port(log: Path, start: int) -> int | None:
    """Return the port in the server's log. The server uses the next port if the wanted one was taken meanwhile."""
    try:
        with log.open("rb") as lines:
            lines.seek(start)
            said = re.findall(rb"server at http://127\.0\.0\.1:(\d+)", lines.read())
    except OSError:
        return None
    return int(said[-1]) if said else None


def is_healthy(url: str) -> bool:
    """Return whether a Label Studio answers there with status UP."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # no proxy for loopback
    try:
        with opener.open(f"{url}/health", timeout=5) as answer:
            return bool(json.load(answer).get("status") == "UP")
    except (OSError, ValueError, AttributeError, urllib.error.URLError):
        return False


def is_free(port: int) -> bool:
    """Return whether a server could listen at a port of this machine."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        if os.name != "nt":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port in TIME_WAIT is free for a server
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def possible_ports(first: int) -> Iterator[int]:
    """Yield ports for a server: the given one, those from 8080 on, then any free one."""
    yield from (port for port in (first, *range(8080, 8180)) if 0 < port < 65536)
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind(("127.0.0.1", 0))
            _, free = probe.getsockname()
        yield free


def claimed(port: int) -> ExitStack | None:
    """Reserve a free port for a server that will listen there about half a minute later.

    Returns:
        A context to leave once the server listens; None if something listens at the port, or if another start of this
        user has reserved it.
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
        return ExitStack()  # without a lock file a port counts as taken only when something listens there
    held = ExitStack()
    held.callback(lock.release)
    return held


def find_pid(folder: Path) -> int | None:
    """Return the process id of a folder's server, or None. Deletes a stale pid file."""
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
    """Return whether a process is the server of this folder, and not another one with the same number."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return False  # the process of another user
    proc = Path(f"/proc/{pid}")
    if proc.exists():
        try:
            said = (proc / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if not said:  # starting, or dead and not yet reaped
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
    """Reap a child process that has ended: a zombie would keep its process id."""
    if os.name != "nt":
        try:
            os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            return  # another process started it


def studio_folder(project: Path) -> Path:
    """Return the folder for the data of a project's embedded server."""
    return project / "studio"
