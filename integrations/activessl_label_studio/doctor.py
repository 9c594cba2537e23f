"""Faults of a Label Studio server and its project, each with a remedy; found with requests as its users send them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from activessl.errors import ActiveSSLError
from activessl_label_studio.annotator import LabelStudioConfig
from activessl_label_studio.client import Client, connect, token_kind
from activessl_label_studio.install import VERSION
from activessl_label_studio.project import UNCERTAINTY, list_tasks
from activessl_label_studio.regions.opening import find_any

__all__ = ["Finding", "examine"]

#: A longer lock hides an abandoned task from other annotators for a large part of a working day.
LOCK_S = 3_600


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check.

    Attributes:
        what: What was checked.
        ok: Whether it is right.
        found: What the check found.
        remedy: How to correct it; empty if it is right.
    """

    what: str
    ok: bool
    found: str
    remedy: str = ""


def examine(config: LabelStudioConfig, *, log: Path | None = None, lock_seconds: int | None = None) -> list[Finding]:
    """Check a server and its project. Changes nothing, raises nothing.

    Args:
        config: The server and the project.
        log: The log of the server, if it can be read: that of the embedded server.
        lock_seconds: TASK_LOCK_TTL of the server, if it is known; Label Studio does not report it.
    """
    kind = token_kind(config.token)
    try:
        client = connect(config.url, config.token)
    except ActiveSSLError as error:
        return [Finding("label studio", False, error.message, error.hint)]
    findings = [Finding("label studio", True, f"{client.version} answers at {client.url} as {client.email}")]
    findings.append(
        Finding(
            "release",
            client.version == VERSION,
            client.version,
            ""
            if client.version == VERSION
            else f"activessl is tested with {VERSION}: test a round with this release first",
        )
    )
    findings.append(Finding("token", True, f"{kind}, accepted"))
    findings += _address(config.url)
    findings += _lock(lock_seconds)
    try:
        findings += _project(client, config)
    except ActiveSSLError as error:
        findings.append(Finding("project", False, error.message, error.hint))
    findings += _complaints(log)
    return findings


def _address(url: str) -> Iterator[Finding]:
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "::1", "localhost"):
        yield Finding("address", False, f"{url} is not encrypted", "use https: the connection transmits the token")


def _lock(seconds: int | None) -> Iterator[Finding]:
    if seconds is None:
        yield Finding("task locks", True, "not reported by the server; 24 hours unless TASK_LOCK_TTL is set there")
    else:
        late = seconds > LOCK_S
        remedy = "set TASK_LOCK_TTL=900 in the server's environment" if late else ""
        yield Finding("task locks", not late, f"an abandoned task is offered again after {seconds:,} s", remedy)


def _project(client: Client, config: LabelStudioConfig) -> Iterator[Finding]:
    if config.project is None:
        rows = client.get("/api/projects/", title=config.title, page_size=100)["results"]
        if not any(row.get("title") == config.title for row in rows):
            yield Finding("project", True, f"none with the title {config.title!r} yet: the first push makes it")
            return
    project, control = find_any(
        client,
        task=config.task,
        number=config.project,
        made=config.made,
        title=config.title,
        control=config.control,
        naming=config.naming,
    )
    number = int(project["id"])
    tasks = f"{project.get('task_number') or 0:,} tasks"
    yield Finding("project", True, f"number {number}, {tasks}, asks for {', '.join(control.classes[:5])}")
    missing = [name for name in config.classes if name not in control.classes]
    yield Finding(
        "classes",
        not missing,
        f"the label config lacks {', '.join(missing)}" if missing else f"{len(control.classes)} in the label config",
        "push again to add them to a config that activessl made, or add them in the project's settings"
        if missing
        else "",
    )
    ordered = project.get("sampling") == UNCERTAINTY and bool(project.get("model_version"))
    yield Finding(
        "order",
        ordered or not project.get("task_number"),
        f"{project.get('sampling')}, by {project.get('model_version') or 'no model'}",
        "" if ordered else "push again to set the sampling and the prediction version",
    )
    backends = client.get("/api/ml", project=number)
    if backends:
        names = ", ".join(str(row.get("title") or row.get("url")) for row in backends)
        yield Finding(
            "ml backends", True, f"{names}: a task without a prediction opens only after the answer of the backend"
        )
    yield from _media(client, number, control.key)


def _media(client: Client, number: int, key: str) -> Iterator[Finding]:
    """Check that the server serves the picture of a task."""
    task = next(iter(list_tasks(client, number, page_size=1)), None)
    address = task["data"].get(key) if task else None
    if not isinstance(address, str) or not address.startswith("/data/"):
        return
    status, kind = client.look(address)
    local = "local-files" in address
    if status == 200:
        yield Finding("media", True, f"task {task['id'] if task else ''}: {kind or 'unknown kind'}, served")
        return
    why = {
        403: "set LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true in the server's environment",
        404: "add a Local files storage to the project whose path covers the file, or push with media = 'upload'",
    }
    yield Finding(
        "media",
        False,
        f"the server answers {address} with {status or 'nothing'}: annotators see no picture",
        why.get(status, "read the server's log") if local else "push with media = 'upload' again",
    )


def _complaints(log: Path | None) -> Iterator[Finding]:
    """Find addresses in the log that the server refused to call; only the log reports them."""
    if log is None:
        return
    try:
        with log.open("rb") as lines:
            lines.seek(max(0, log.stat().st_size - 200_000))
            text = lines.read().decode(errors="replace")
    except OSError:
        return
    if "URL resolves to a reserved network address" in text or "SSRF" in text:
        yield Finding(
            "webhooks",
            False,
            "the server refused to call a private address",
            "set LABEL_STUDIO_SSRF_PROTECTION_ENABLED=false there; until then answers are pulled at intervals",
        )
