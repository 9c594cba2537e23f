"""An embedded Label Studio server: install, start, find and stop it.

The server has a hundred dependencies, so it is installed in its own environment, and activessl uses it through HTTP
only. It listens on loopback, stores its data in one folder, runs longer than the process that started it, and sends no
data anywhere.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import stat
import subprocess
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from activessl.errors import AnnotatorError, AnnotatorUnreachable
from activessl_label_studio.database import Database, read_database
from activessl_label_studio.install import (
    VERSION,
    Progress,
    ensure_installed,
    environments,
    find_installed,
    last_line,
    quiet,
)
from activessl_label_studio.login import sign_in
from activessl_label_studio.process import (
    claimed,
    find_pid,
    is_free,
    is_healthy,
    is_ours,
    local_url,
    possible_ports,
    reap,
    said_port,
)

__all__ = [
    "VERSION",
    "Progress",
    "StudioInfo",
    "check_serves_items_only",
    "ensure_installed",
    "environments",
    "find_installed",
    "served_root",
    "start",
    "status",
    "stop",
]

#: The user of the embedded server. The domain is reserved (RFC 2606): it gets no mail.
EMAIL = "annotator@activessl.example"

#: The first start writes 200 tables: 26 s on two idle cores, much longer on a busy machine.
START_TIMEOUT_S = 600.0

#: The hint for a port in use.
_OTHER_PORT = "name another port, or leave out the port to get a free one"


@dataclass(frozen=True, slots=True)
class StudioInfo:
    """A running embedded server. Its secrets are left out of ``repr``.

    Attributes:
        url: The address.
        email: The user.
        password: The user's password.
        token: The user's personal access token.
        pid: The process id.
        log: The log file.
        document_root: The folder whose files the server serves; it holds only pushed items.
    """

    url: str
    email: str
    token: str = field(repr=False)
    pid: int
    log: Path
    password: str = field(repr=False)
    document_root: Path


def start(
    folder: Path,
    *,
    python: Path | None = None,
    environment: Path | None = None,
    port: int | None = None,
    database: str | None = None,
    progress: Progress = quiet,
    timeout: float = START_TIMEOUT_S,
) -> StudioInfo:
    """Start the server, or return the running one. Its data stay in ``folder`` between starts.

    Only the owner can read the data. The server serves files from ``folder / "files"`` only, so that users who log in
    can fetch only pushed items.

    Args:
        folder: The server's data, log and secrets (readable by the owner only).
        python: The environment's python; by default the one of ``ensure_installed(environment)``.
        environment: Where the server is installed if it is missing; by default ``folder / "env"``.
        port: The port on loopback; by default that of the last start, or the first free one from 8080 on.
        database: ``postgresql://user:password@host:port/name``; by default that of the last start, at first a file
            in ``folder``.
        progress: Called about once a second with the current step.
        timeout: Seconds to wait for the first answer.

    Raises:
        AnnotatorError: The port is in use (checked before anything is installed or started), the folder cannot be
            written or has its data in another database, or the server stops at once.
        AnnotatorUnreachable: The server or its database does not answer in time.
    """
    wanted = None if database is None else read_database(database)
    folder = folder.absolute()
    if port is not None and find_pid(folder) is None and not is_free(port):
        raise AnnotatorError(f"port {port} is in use", hint=_OTHER_PORT)
    try:
        for one in (folder, folder / "data", folder / "files"):
            one.mkdir(mode=0o700, parents=True, exist_ok=True)
        _owner_only(folder)
    except OSError as error:
        raise AnnotatorError(f"cannot write to {folder}: {error.strerror}", hint="choose another folder") from None
    with _turn(folder, progress, timeout), contextlib.ExitStack() as held:
        return _start(folder, held, python, environment or folder / "env", port, wanted, progress, timeout)


@contextlib.contextmanager
def _turn(folder: Path, progress: Progress, timeout: float) -> Iterator[None]:
    """Allow one start per folder at a time: a second one waits for the first, and finds the started server."""
    from filelock import FileLock, Timeout

    lock, begun = FileLock(folder / "start.lock", timeout=0.3, mode=0o600), time.monotonic()
    while True:
        try:
            lock.acquire()
            break
        except Timeout:
            waited = time.monotonic() - begun
            if waited > timeout:
                raise AnnotatorError(
                    f"another process is starting the server in {folder}",
                    hint="wait until the server runs, or stop the other process",
                ) from None
            progress(f"waiting for another process, which is starting the server in {folder}", waited)
    try:
        yield
    finally:
        lock.release()


def _start(
    folder: Path,
    held: contextlib.ExitStack,
    python: Path | None,
    environment: Path,
    port: int | None,
    wanted: Database | None,
    progress: Progress,
    timeout: float,
) -> StudioInfo:
    running = status(folder)
    database = _database(folder, wanted)
    if running is not None:
        if port is not None and running.url != local_url(port):
            raise AnnotatorError(
                f"the server in {folder} already runs at {running.url}",
                hint="run `activessl studio stop` first, or leave out the port",
            )
        check_serves_items_only(folder, running)
        return running
    begun = time.monotonic()
    log = folder / "studio.log"
    pid = find_pid(folder)
    if pid is None:
        first = not any((folder / "data").iterdir())
        pid = _launch(folder, held, python, environment, port, database, progress)
        begun = time.monotonic()
    else:
        first = False
    kept = _read(folder / "studio.json")
    email, password = str(kept["email"]), str(kept["password"])
    what = f"waiting for Label Studio to answer at {local_url(int(kept.get('port', 0)))}"
    what += "; the first start takes half a minute, because it creates the tables" if first else ""
    while (listening := said_port(log, int(kept.get("log_from", 0)))) is None or not is_healthy(local_url(listening)):
        waited = time.monotonic() - begun
        if find_pid(folder) is None:
            raise AnnotatorError(f"Label Studio stopped at once: {last_line(log)}", hint=f"read {log}")
        if waited > timeout:
            stop(folder)
            raise AnnotatorUnreachable(f"Label Studio did not answer within {timeout:.0f} s", hint=f"read {log}")
        progress(what, waited)
        time.sleep(0.3)
    if port is not None and listening != port:
        stop(folder)
        raise AnnotatorError(f"port {port} is in use", hint=_OTHER_PORT)
    url = local_url(listening)
    progress(f"signing in at {url}", 0.0)
    token = _token(url, email, password, str(kept.get("token", "")))
    _write(folder / "studio.json", kept | {"token": token, "port": listening, "ready": True})
    return StudioInfo(url, email, token, pid, log, password, served_root(folder))


def served_root(folder: Path) -> Path:
    """Return the folder whose files the server of a project serves."""
    return folder.absolute() / "files"


def check_serves_items_only(folder: Path, running: StudioInfo) -> None:
    """Refuse a server that an earlier version of activessl started, which serves more than pushed items.

    Raises:
        AnnotatorError: The server serves the folder around the data.
    """
    if running.document_root != served_root(folder):
        raise AnnotatorError(
            f"the running server serves all files in {running.document_root} to everybody who may log in",
            hint="run `activessl studio stop`, then `activessl studio start`: the new server serves pushed items only",
        )


def _owner_only(folder: Path) -> None:
    """Remove the rights of other users to a folder and its content: earlier versions left the database readable."""
    if os.name == "nt":
        return
    for parent, folders, names in os.walk(folder):
        if Path(parent) == folder:
            # a served file may be a hard link to a file of the data: its rights are not changed
            folders[:] = [name for name in folders if name != served_root(folder).name]
        for path in (Path(parent), *(Path(parent, name) for name in names)):
            mode = path.lstat().st_mode
            if not stat.S_ISLNK(mode) and mode & 0o077:
                path.chmod(stat.S_IMODE(mode) & 0o700)


def _database(folder: Path, wanted: Database | None) -> Database | None:
    """Return the database of a folder. It cannot change, because uploads and secrets in the folder belong to it."""
    kept = _read(folder / "studio.json")
    there = Database(**kept["database"]) if isinstance(kept.get("database"), dict) else None
    if wanted is None:
        return there
    # there is a token once the server was ready; before that, as with a misspelled database, there are no data
    used = there is not None and (bool(kept.get("token")) or find_pid(folder) is not None)
    begun = used or (folder / "data" / "label_studio.sqlite3").exists()
    if begun and (there is None or there.where != wanted.where):
        now = there.where if there else "a file there"
        raise AnnotatorError(
            f"the server in {folder} keeps its data in {now}, not in {wanted.where}",
            hint="choose another folder for the other database",
        )
    return wanted


def _launch(
    folder: Path,
    held: contextlib.ExitStack,
    python: Path | None,
    environment: Path,
    port: int | None,
    database: Database | None,
    progress: Progress,
) -> int:
    """Start the process, and store its number and its secrets first, so that an error loses nothing.

    ``held`` reserves the port until the server listens, so that no other start uses it.
    """
    kept = _read(folder / "studio.json")
    port = _claim(possible_ports(int(kept.get("port", 8080))) if port is None else (port,), held)
    if database is not None:
        database.check()
    python = python or ensure_installed(environment, progress=progress)
    email = str(kept.get("email", EMAIL))
    password = str(kept.get("password") or secrets.token_urlsafe(15))
    log_file = folder / "studio.log"
    kept |= {"email": email, "password": password, "port": port, "document_root": str(served_root(folder))}
    kept |= {"database": asdict(database)} if database else {}
    _write(
        folder / "studio.json", kept | {"ready": False, "log_from": log_file.stat().st_size if log_file.exists() else 0}
    )
    # -m runs the package itself; the first line of the console script may have a path of another machine
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
            env=_environment(folder, email, password) | (database.environment() if database else {}),
            start_new_session=True,
            umask=-1 if os.name == "nt" else 0o077,  # its database holds tokens
        )
    _write_text(folder / "studio.pid", f"{process.pid}\n")
    return process.pid


def _claim(ports: Iterable[int], held: contextlib.ExitStack) -> int:
    """Return the first free port, reserved until ``held`` is closed."""
    port = 0
    for port in ports:
        claim = claimed(port)
        if claim is not None:
            held.enter_context(claim)
            return port
    raise AnnotatorError(f"port {port} is in use", hint=_OTHER_PORT)


def status(folder: Path) -> StudioInfo | None:
    """Return the server of a folder if it runs and answers, else None. Deletes a stale pid file."""
    folder = folder.absolute()
    pid = find_pid(folder)
    if pid is None:
        return None
    kept = _read(folder / "studio.json")
    url = local_url(int(kept.get("port", 0)))
    if not kept.get("ready") or not is_healthy(url):
        return None
    root = Path(str(kept.get("document_root", folder / "files")))
    log = folder / "studio.log"
    return StudioInfo(url, str(kept["email"]), str(kept["token"]), pid, log, str(kept["password"]), root)


def stop(folder: Path, *, timeout: float = 15.0) -> bool:
    """Stop the server of a folder and keep its data.

    Returns:
        Whether a server was running.
    """
    folder = folder.absolute()
    pid = find_pid(folder)
    if pid is None:
        return False
    for how in (signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)):
        try:
            os.kill(pid, how)
        except ProcessLookupError:
            break
        end = time.monotonic() + timeout
        while time.monotonic() < end and is_ours(pid, folder):
            reap(pid)
            time.sleep(0.05)
        if not is_ours(pid, folder):
            break
    (folder / "studio.pid").unlink(missing_ok=True)
    return True


def _environment(folder: Path, email: str, password: str) -> dict[str, str]:
    """Return the server's environment, without variables of this process that the server would read as settings."""
    prefixes = ("LABEL_STUDIO_", "HEARTEX_", "DJANGO_", "POSTGRE_", "SENTRY_", "FRONTEND_SENTRY_", "PYTHON")
    names = ("HOST", "PORT", "USERNAME", "PASSWORD", "USER_TOKEN", "SECRET_KEY", "DATABASE_NAME", "DEBUG", "LOG_LEVEL")
    mine = {k: v for k, v in os.environ.items() if not k.startswith(prefixes) and k not in names}
    return mine | {
        "LABEL_STUDIO_BASE_DATA_DIR": str(folder / "data"),
        # by environment, not by argument: every user can read the arguments of a process
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
        "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT": str(served_root(folder)),
        # the server calls only services of this machine: a webhook or ML backend of activessl on loopback
        "LABEL_STUDIO_SSRF_PROTECTION_ENABLED": "false",
        "LABEL_STUDIO_ML_BLOCK_LOCAL_IP": "false",
        "LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK": "true",
        "TASK_LOCK_TTL": "900",
        "PYTHONUNBUFFERED": "1",  # the log has the port at once
    }


def _token(url: str, email: str, password: str, kept: str) -> str:
    """Return the user's personal access token: the stored one if the server accepts it, else a new one."""
    with contextlib.closing(sign_in(url, email, password, timeout=60.0)) as person:
        if kept and person.post("/api/token/refresh/", json={"refresh": kept}).status_code == 200:
            return kept
        made = person.post("/api/token/")
        if made.status_code == 409:  # one per user: revoke the lost one
            for old in person.get("/api/token/").json():
                person.post("/api/token/blacklist/", json={"refresh": old["token"]})
            made = person.post("/api/token/")
    if made.status_code != 201:
        raise AnnotatorError(f"{url} gives no token ({made.status_code})", hint="make a token in Account & Settings")
    return str(made.json()["token"])


def _read(file: Path) -> dict[str, Any]:
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}


def _write(file: Path, content: dict[str, Any]) -> None:
    _write_text(file, json.dumps(content, indent=1))


def _write_text(file: Path, content: str) -> None:
    """Replace a file in one step, readable by the owner only."""
    part = file.with_suffix(".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    part.replace(file)
