"""An embedded Label Studio server: install it once, start it, find it again, stop it.

The server is a service with a hundred dependencies of its own, so it lives in an environment of its own and talks to
us through HTTP only. It listens on loopback, keeps its data in one folder, outlives the process that started it, and
sends nothing to anybody.
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

#: The user of the embedded server. The domain is reserved (RFC 2606): no mail can ever go there.
EMAIL = "annotator@activessl.example"

#: The first start writes 200 tables: 26 s on two quiet cores, so a busy machine gets much longer.
START_TIMEOUT_S = 600.0

#: Of a busy port.
_OTHER_PORT = "name another port, or leave it out to get a free one"


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
        document_root: The folder out of which the server serves files: it holds pushed items and nothing else.
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
    """Start the server, or answer the one that runs already. Its data are kept in ``folder`` between starts.

    All that it keeps is the owner's alone to read. It serves files out of ``folder / "files"`` and of nowhere else, so
    that nothing but pushed items can be fetched by who may log in.

    Args:
        folder: The server's data, log and secrets (readable by the owner only).
        python: The environment's python; by default the one of ``ensure_installed(environment)``.
        environment: Where the server is installed if need be; by default ``folder / "env"``.
        port: Where to listen on loopback; by default the last one, or the first free one from 8080 on.
        database: ``postgresql://user:password@host:port/name``; by default the one of the last start, at first a file
            in ``folder``.
        progress: Told about once a second what is waited for.
        timeout: Seconds to wait for the first answer.

    Raises:
        AnnotatorError: The port is in use, which is found before anything is installed or started; the folder cannot
            be written or has its data in another database, or the server stops at once.
        AnnotatorUnreachable: The server does not answer in time, or its database does not.
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
    """Start one server a folder at a time: who comes second waits for the first, and finds what that one started."""
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
                    f"another process is starting the server in {folder}", hint="wait for it, or stop that process"
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
                f"the server in {folder} already runs at {running.url}", hint="stop it first, or leave the port out"
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
    what += ", half a minute the first time, while it makes its tables" if first else ""
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
    """The folder out of which the server of a folder serves files."""
    return folder.absolute() / "files"


def check_serves_items_only(folder: Path, running: StudioInfo) -> None:
    """Refuse a server that an earlier version of ours started, which serves more than pushed items.

    Raises:
        AnnotatorError: It serves the folder around the data.
    """
    if running.document_root != served_root(folder):
        raise AnnotatorError(
            f"the running server lets everybody who may log in fetch the files in {running.document_root}",
            hint="run `activessl studio stop` and `activessl studio start`: it then serves pushed items only",
        )


def _owner_only(folder: Path) -> None:
    """Take everybody else's rights to a folder and all in it: earlier versions left the database readable."""
    if os.name == "nt":
        return
    for parent, folders, names in os.walk(folder):
        if Path(parent) == folder:
            # what is served has its rights from the data: a second name of a file is the same file
            folders[:] = [name for name in folders if name != served_root(folder).name]
        for path in (Path(parent), *(Path(parent, name) for name in names)):
            mode = path.lstat().st_mode
            if not stat.S_ISLNK(mode) and mode & 0o077:
                path.chmod(stat.S_IMODE(mode) & 0o700)


def _database(folder: Path, wanted: Database | None) -> Database | None:
    """The database of a folder: uploads and secrets lie here, so it cannot change under them."""
    kept = _read(folder / "studio.json")
    there = Database(**kept["database"]) if isinstance(kept.get("database"), dict) else None
    if wanted is None:
        return there
    # a token was given once the server was ready: what never was, such as a misspelt database, holds nothing
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
    """Start the process, and leave its number and its secrets behind before anything can go wrong.

    Its port is in ``held`` from now on: nobody else starts a server there before this one listens.
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
            env=_environment(folder, email, password) | (database.environment() if database else {}),
            start_new_session=True,
            umask=-1 if os.name == "nt" else 0o077,  # its database holds tokens
        )
    _write_text(folder / "studio.pid", f"{process.pid}\n")
    return process.pid


def _claim(ports: Iterable[int], held: contextlib.ExitStack) -> int:
    """The first of these ports that can be had, kept from others while ``held`` is."""
    port = 0
    for port in ports:
        claim = claimed(port)
        if claim is not None:
            held.enter_context(claim)
            return port
    raise AnnotatorError(f"port {port} is in use", hint=_OTHER_PORT)


def status(folder: Path) -> StudioInfo | None:
    """The server of a folder if it runs and answers, else None. A stale pid file is taken away."""
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
        Whether one was running.
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
        "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT": str(served_root(folder)),
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
    part.replace(file)
