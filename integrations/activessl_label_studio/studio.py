"""An embedded Label Studio server: install it once, start it, find it again, stop it.

The server is a service with a hundred dependencies of its own, so it lives in an environment of its own and talks to
us through HTTP only. It listens on loopback, keeps its data in one folder, outlives the process that started it, and
sends nothing to anybody.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from activessl.errors import AnnotatorError, AnnotatorUnreachable
from activessl_label_studio.client import scrub
from activessl_label_studio.login import sign_in

__all__ = ["VERSION", "Progress", "StudioInfo", "ensure_installed", "find_installed", "start", "status", "stop"]

#: The release that the mapping and the ordering are tested against.
VERSION = "1.23.2"

#: Called with one sentence and the seconds since the start of the step.
Progress = Callable[[str, float], None]

#: The user of the embedded server. The domain is reserved (RFC 2606): no mail can ever go there.
EMAIL = "annotator@activessl.example"

#: The first start writes 200 tables: 26 s on two quiet cores, so a busy machine gets much longer.
START_TIMEOUT_S = 300.0


@dataclass(frozen=True, slots=True)
class StudioInfo:
    """A running embedded server. Its secrets are left out of ``repr``.

    Attributes:
        url: Its address.
        email: Its user.
        password: The user's password.
        token: The user's personal access token.
        pid: The server's process.
        log: What the server prints.
        document_root: The folder whose subfolders may be served as local files.
    """

    url: str
    email: str
    token: str = field(repr=False)
    pid: int
    log: Path
    password: str = field(repr=False)
    document_root: Path


def _quiet(message: str, seconds: float) -> None:
    """Progress for nobody."""


def find_installed(folder: Path) -> Path | None:
    """The python of an environment that has the right release, or None.

    Looks at ``ACTIVESSL_STUDIO_PYTHON`` first (an interpreter, or its environment's folder), then in ``folder``.
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
    """The release of label-studio in an environment, read from its metadata without importing it."""
    probe = "import importlib.metadata as m; print(m.version('label-studio'))"
    try:
        said = subprocess.run([python, "-c", probe], capture_output=True, text=True, timeout=60, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return None
    return said.stdout.strip() if said.returncode == 0 else None


def ensure_installed(folder: Path, *, progress: Progress = _quiet) -> Path:
    """Make the server's own environment, unless there is one. About 1 GB and two minutes the first time.

    Safe to interrupt: pip goes on where it stopped, and the environment counts only once the release can be read.

    Args:
        folder: Where the environment is kept.
        progress: Told once a second how far it is.

    Returns:
        The environment's python.

    Raises:
        AnnotatorError: It cannot be made; the message has pip's last line.
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
            f"{what} failed: {_last_line(log)}",
            hint="check the network and the disk, then run it again: it goes on where it stopped",
        )


def start(
    folder: Path,
    *,
    python: Path | None = None,
    port: int | None = None,
    document_root: Path | None = None,
    progress: Progress = _quiet,
    timeout: float = START_TIMEOUT_S,
) -> StudioInfo:
    """Start the server, or answer the one that runs already. Its data are kept in ``folder`` between starts.

    Args:
        folder: The server's data, log and secrets (readable by the owner only).
        python: The environment's python; by default the one of ``ensure_installed(folder / "env")``.
        port: Where to listen on loopback; by default the last one, or the first free one from 8080 on.
        document_root: The folder whose subfolders may be served as local files; by default ``folder / "files"``.
        progress: Told about once a second how far it is.
        timeout: Seconds to wait for the first answer.

    Raises:
        AnnotatorError: The port is in use, the folder cannot be written, or the server stops at once.
        AnnotatorUnreachable: The server does not answer in time.
    """
    from filelock import FileLock, Timeout

    folder = folder.absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "data").mkdir(exist_ok=True)
        root = (document_root or folder / "files").absolute()
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AnnotatorError(f"cannot write to {folder}: {error.strerror}", hint="choose another folder") from None
    try:
        with FileLock(folder / "start.lock", timeout=timeout):
            return _start(folder, python, port, root, progress, timeout)
    except Timeout:
        raise AnnotatorError(
            f"another process is starting the server in {folder}", hint="wait for it, or stop that process"
        ) from None


def _start(
    folder: Path, python: Path | None, port: int | None, root: Path, progress: Progress, timeout: float
) -> StudioInfo:
    running = status(folder)
    if running is not None:
        if port is not None and running.url != _url(port):
            raise AnnotatorError(
                f"the server in {folder} already runs at {running.url}", hint="stop it first, or leave the port out"
            )
        if running.document_root != root:
            raise AnnotatorError(
                f"the running server serves files of {running.document_root}, not of {root}", hint="stop it first"
            )
        return running
    begun = time.monotonic()
    log = folder / "studio.log"
    pid = _pid(folder)
    if pid is None:
        pid = _launch(folder, python, port, root, progress)
    kept = _read(folder / "studio.json")
    email, password = str(kept["email"]), str(kept["password"])
    while (listening := _listens(log, int(kept.get("log_from", 0)))) is None or not _healthy(_url(listening)):
        waited = time.monotonic() - begun
        if _pid(folder) is None:
            raise AnnotatorError(f"Label Studio stopped at once: {_last_line(log)}", hint=f"read {log}")
        if waited > timeout:
            stop(folder)
            raise AnnotatorUnreachable(f"Label Studio did not answer within {timeout:.0f} s", hint=f"read {log}")
        progress("starting Label Studio", waited)
        time.sleep(0.3)
    if port is not None and listening != port:
        stop(folder)
        raise AnnotatorError(f"port {port} is in use", hint="name another port, or leave it out to get a free one")
    url = _url(listening)
    token = _token(url, email, password, str(kept.get("token", "")))
    _write(folder / "studio.json", kept | {"token": token, "port": listening, "ready": True})
    return StudioInfo(url, email, token, pid, log, password, root)


def _launch(folder: Path, python: Path | None, port: int | None, root: Path, progress: Progress) -> int:
    """Start the process, and leave its number and its secrets behind before anything can go wrong."""
    python = python or ensure_installed(folder / "env", progress=progress)
    kept = _read(folder / "studio.json")
    if port is not None and not _is_free(port):
        raise AnnotatorError(f"port {port} is in use", hint="name another port, or leave it out to get a free one")
    port = port or _free_port(int(kept.get("port", 8080)))
    email = str(kept.get("email", EMAIL))
    password = str(kept.get("password") or secrets.token_urlsafe(15))
    log_file = folder / "studio.log"
    kept |= {"email": email, "password": password, "port": port, "document_root": str(root)}
    _write(
        folder / "studio.json", kept | {"ready": False, "log_from": log_file.stat().st_size if log_file.exists() else 0}
    )
    # -m runs the package's own main; the console script's first line may hold another machine's path
    command = [str(python), "-m", "label_studio.server", "start", "--no-browser", "--internal-host", "127.0.0.1"]
    command += ["--port", str(port), "--data-dir", str(folder / "data"), "--log-level", "WARNING"]
    log = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(log, "ab") as out:
        process = subprocess.Popen(  # noqa: S603
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=_environment(folder, root, email, password),
            start_new_session=True,
        )
    (folder / "studio.pid").write_text(f"{process.pid}\n", encoding="utf-8")
    return process.pid


def status(folder: Path) -> StudioInfo | None:
    """The server of a folder if it runs and answers, else None. A stale pid file is taken away."""
    folder = folder.absolute()
    pid = _pid(folder)
    if pid is None:
        return None
    kept = _read(folder / "studio.json")
    url = _url(int(kept.get("port", 0)))
    if not kept.get("ready") or not _healthy(url):
        return None
    root = Path(str(kept.get("document_root", folder / "files")))
    log = folder / "studio.log"
    return StudioInfo(url, str(kept["email"]), str(kept["token"]), pid, log, str(kept["password"]), root)


def stop(folder: Path, *, timeout: float = 15.0) -> bool:
    """Stop the server of a folder and keep its data.

    Returns:
        Whether one was running.
    """
    folder = folder.absolute()
    pid = _pid(folder)
    if pid is None:
        return False
    for how in (signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)):
        try:
            os.kill(pid, how)
        except ProcessLookupError:
            break
        end = time.monotonic() + timeout
        while time.monotonic() < end and _is_ours(pid, folder):
            _reap(pid)
            time.sleep(0.05)
        if not _is_ours(pid, folder):
            break
    (folder / "studio.pid").unlink(missing_ok=True)
    return True


def _environment(folder: Path, root: Path, email: str, password: str) -> dict[str, str]:
    """The server's environment. Nothing of ours that it would read as a setting of its own is passed on."""
    prefixes = ("LABEL_STUDIO_", "HEARTEX_", "DJANGO_", "POSTGRE_", "SENTRY_", "FRONTEND_SENTRY_", "PYTHON")
    names = ("HOST", "PORT", "USERNAME", "PASSWORD", "USER_TOKEN", "SECRET_KEY", "DATABASE_NAME", "DEBUG", "LOG_LEVEL")
    mine = {k: v for k, v in os.environ.items() if not k.startswith(prefixes) and k not in names}
    return mine | {
        "LABEL_STUDIO_BASE_DATA_DIR": str(folder / "data"),
        # by environment, not by argument: arguments of a process are everybody's to read
        "LABEL_STUDIO_USERNAME": email,
        "LABEL_STUDIO_PASSWORD": password,
        "LABEL_STUDIO_COLLECT_ANALYTICS": "false",
        "collect_analytics": "false",
        "SENTRY_DSN": "",
        "LABEL_STUDIO_SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "",
        "LABEL_STUDIO_FRONTEND_SENTRY_DSN": "",
        "LABEL_STUDIO_LATEST_VERSION_CHECK": "false",
        "LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED": "true",
        "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT": str(root),
        # only this machine's own services are ever called: a webhook or ML backend of ours on loopback
        "LABEL_STUDIO_SSRF_PROTECTION_ENABLED": "false",
        "LABEL_STUDIO_ML_BLOCK_LOCAL_IP": "false",
        "LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK": "true",
        "TASK_LOCK_TTL": "900",
        "PYTHONUNBUFFERED": "1",  # the log says at once where it listens
    }


def _token(url: str, email: str, password: str, kept: str) -> str:
    """The user's personal access token: the kept one while it works, else a new one."""
    with contextlib.closing(sign_in(url, email, password, timeout=60.0)) as person:
        if kept and person.post("/api/token/refresh/", json={"refresh": kept}).status_code == 200:
            return kept
        made = person.post("/api/token/")
        if made.status_code == 409:  # one per user: the one that was lost is withdrawn
            for old in person.get("/api/token/").json():
                person.post("/api/token/blacklist/", json={"refresh": old["token"]})
            made = person.post("/api/token/")
    if made.status_code != 201:
        raise AnnotatorError(f"{url} gives no token ({made.status_code})", hint="make one in Account & Settings")
    return str(made.json()["token"])


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def _listens(log: Path, start: int) -> int | None:
    """The port that the server says it listens at. It silently takes the next one if ours was taken meanwhile."""
    try:
        with log.open("rb") as lines:
            lines.seek(start)
            said = re.findall(rb"server at http://127\.0\.0\.1:(\d+)", lines.read())
    except OSError:
        return None
    return int(said[-1]) if said else None


def _healthy(url: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # no proxy between us and loopback
    try:
        with opener.open(f"{url}/health", timeout=5) as answer:
            return bool(json.load(answer).get("status") == "UP")
    except (OSError, ValueError, AttributeError, urllib.error.URLError):
        return False


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        if os.name != "nt":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port in TIME_WAIT is free for a server
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _free_port(first: int) -> int:
    free: int
    for free in (first, *range(8080, 8180)):
        if 0 < free < 65536 and _is_free(free):
            return free
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        _, free = probe.getsockname()
    return free


def _pid(folder: Path) -> int | None:
    file = folder / "studio.pid"
    try:
        pid = int(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    _reap(pid)
    if _is_ours(pid, folder):
        return pid
    file.unlink(missing_ok=True)
    return None


def _is_ours(pid: int, folder: Path) -> bool:
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


def _reap(pid: int) -> None:
    """Collect a child that has ended, so that it does not linger as a zombie that still has our number."""
    if os.name != "nt":
        try:
            os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            return  # another process started it


def _read(file: Path) -> dict[str, Any]:
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}


def _write(file: Path, content: dict[str, Any]) -> None:
    """Replace a file of secrets in one step, readable by the owner only."""
    part = file.with_suffix(".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
        json.dump(content, out, indent=1)
    part.replace(file)


def _last_line(log: Path) -> str:
    try:
        lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    except OSError:
        return "no log"
    return scrub(lines[-1].strip()[:300]) if lines else "nothing was printed"
