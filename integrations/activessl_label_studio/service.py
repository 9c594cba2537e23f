"""The answers of ``activessl serve``: webhooks, the ML backend protocol of Label Studio 1.23, metrics. No HTTP here.

A webhook only wakes the worker: the worker reads the answers from the server, and ignores the content of the webhook.
So a lost or forged webhook does no harm, and the request only takes the time to compare the secret.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import os
import secrets
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from activessl.errors import ActiveSSLError, ConfigError, ProjectError
from activessl.sealed import replaced
from activessl_label_studio.client import Client
from activessl_label_studio.regions.serving import RegionPredictor
from activessl_label_studio.serving import ClassPredictor, Look, Predictor
from activessl_label_studio.worker import Worker

__all__ = ["EVENTS", "SECRET_HEADER", "Service", "keep_secret", "register_hook"]

#: The header in which Label Studio sends the secret.
SECRET_HEADER = "X-Activessl-Secret"  # noqa: S105 - the header's name, not a secret

#: The events of the webhook. Label Studio sends deletions only as ANNOTATIONS_DELETED; the examples of its ML backend
#: have another name.
EVENTS = (
    "ANNOTATION_CREATED",
    "ANNOTATIONS_CREATED",
    "ANNOTATION_UPDATED",
    "ANNOTATIONS_DELETED",
    "TASKS_DELETED",
    "PROJECT_UPDATED",
)

#: What a body that is something else raises; ``RecursionError``: lists in lists, thousands deep.
_NOT_THAT = (ValueError, KeyError, TypeError, RecursionError)

#: How many deliveries are remembered, to recognize repeated ones.
_REMEMBERED = 10_000


class Service:
    """Answers requests, with a status and JSON.

    Args:
        worker: The worker that webhooks wake.
        secret: The secret that callers must send, at least 16 characters.
    """

    def __init__(self, worker: Worker, secret: str) -> None:
        if len(secret) < 16:
            raise ConfigError(f"the secret has only {len(secret)} characters", hint="use at least 16 random characters")
        self.worker = worker
        self.webhooks = {"queued": 0, "repeated": 0, "ignored": 0, "refused": 0}
        self._secret = secret.encode()
        self._seen: OrderedDict[bytes, None] = OrderedDict()
        self._guard = threading.Lock()
        self._predictor: Predictor = RegionPredictor(worker) if worker.session.draws else ClassPredictor(worker)

    def allows(self, headers: Mapping[str, str]) -> bool:
        """Whether a request has the secret: in the header, as the password of HTTP basic authentication, or as a bearer
        token.

        Args:
            headers: Their names are in lower case.
        """
        said = [headers.get(SECRET_HEADER.lower(), "")]
        kind, _, value = headers.get("authorization", "").partition(" ")
        if kind.lower() == "basic":
            with contextlib.suppress(ValueError):  # no base64, or no text: bytes above 127 are such
                said.append(base64.b64decode(value).decode().partition(":")[2])
        if kind.lower() == "bearer":  # what scrapers of metrics send
            said.append(value)
        # in constant time: the duration reveals nothing about the secret
        return any(hmac.compare_digest(word.encode(errors="replace"), self._secret) for word in said)

    def refuse(self) -> tuple[int, dict[str, Any]]:
        """Answer a request without the secret."""
        self.webhooks["refused"] += 1
        return 401, {"detail": "the secret is missing or wrong"}

    def webhook(self, body: bytes) -> tuple[int, dict[str, Any]]:
        """Answer a webhook, and wake the worker."""
        try:
            said = json.loads(body)
            action = said["action"]
        except _NOT_THAT:
            return 400, {"detail": "this is not a webhook of Label Studio"}
        if self.worker.ended:  # nothing would read the answer, and Label Studio shows the failed delivery
            return 503, {"detail": "the worker has ended: start activessl serve again"}
        if action not in (*EVENTS, "START_TRAINING"):
            self.webhooks["ignored"] += 1
            return 200, {"status": "ignored"}
        if self._repeats(action, said.get("annotation")):
            self.webhooks["repeated"] += 1
            return 200, {"status": "repeated"}
        self.webhooks["queued"] += 1
        self.worker.wake()
        return 200, {"status": "queued"}

    def _repeats(self, action: str, annotation: Any) -> bool:
        """Whether this webhook was delivered before: same action, annotation and time, as deliveries have no number."""
        if not isinstance(annotation, Mapping) or "id" not in annotation:
            return False
        said = json.dumps([str(action), str(annotation["id"]), str(annotation.get("updated_at"))])
        key = hashlib.blake2b(said.encode(), digest_size=16).digest()  # the same size, whatever was sent
        with self._guard:
            if key in self._seen:
                return True
            self._seen[key] = None
            if len(self._seen) > _REMEMBERED:
                self._seen.popitem(last=False)
        return False

    def health(self) -> tuple[int, dict[str, Any]]:
        """Return whether the worker runs."""
        if not self.worker.alive:
            return 503, {"status": "DOWN", "model_class": "activessl"}
        return 200, {"status": "UP", "model_class": "activessl"}

    def setup(self) -> tuple[int, dict[str, Any]]:
        """Answer the setup request of a project; the token in the request is not stored."""
        return 200, {"model_version": self.worker.state.model}

    def versions(self) -> tuple[int, dict[str, Any]]:
        """Return the model versions."""
        return 200, {"versions": [self.worker.state.model]}

    def predict(self, body: bytes) -> tuple[int, dict[str, Any]]:
        """Return one prediction per task: Label Studio drops all if one is missing."""
        return self.predict_all([body])[0]

    def predict_all(self, bodies: Sequence[bytes]) -> list[tuple[int, dict[str, Any]]]:
        """Answer prediction requests that wait at the same time: ledger and model are looked at once for all."""
        found: list[tuple[int, dict[str, Any]]] = []
        look: Look | None = None
        for body in bodies:
            try:
                said = json.loads(body)
                tasks, config = list(said["tasks"]), str(said["label_config"])
            except _NOT_THAT:
                found.append((400, {"detail": "this is not a prediction request of Label Studio"}))
                continue
            try:
                if look is None:
                    look = self._predictor.newest()
                found.append((200, {"results": look(config, tasks)}))
            except ActiveSSLError as error:
                found.append((422, {"detail": f"{error.message}; {error.hint}"}))
        return found

    def metrics(self) -> str:
        """Return the metrics in the text format of Prometheus."""
        worker, now = self.worker, self.worker.state
        lines = [
            *_metric("labels", "gauge", "Items with a label.", {"": now.labels}),
            *_metric("skipped", "gauge", "Items that were skipped.", {"": now.skipped}),
            *_metric("waiting", "gauge", "Unanswered items of the open round.", {"": now.waiting}),
            *_metric("rounds", "gauge", "Rounds.", {"": now.rounds}),
            *_metric("stopped", "gauge", "1 if no further round is opened.", {"": int(bool(now.stopped))}),
            *_metric("up", "gauge", "1 if the worker runs.", {"": int(worker.alive)}),
            *_metric("troubled", "gauge", "1 if the last step failed.", {"": int(bool(worker.problem))}),
            *_metric(
                "webhooks_total",
                "counter",
                "Webhooks by result.",
                {f'result="{k}"': v for k, v in self.webhooks.items()},
            ),
            *_metric("steps_total", "counter", "Steps by kind.", {f'what="{k}"': v for k, v in worker.counts.items()}),
            *_metric(
                "seconds_total",
                "counter",
                "Seconds by kind of step.",
                {f'what="{k}"': v for k, v in worker.seconds.items()},
            ),
        ]
        if now.accuracy is not None:
            lines += _metric("accuracy", "gauge", "Accuracy of the head on the test data.", {"": now.accuracy})
        return "\n".join([*lines, ""])


def _metric(name: str, kind: str, told: str, values: Mapping[str, float]) -> list[str]:
    name = f"activessl_{name}"
    lines = [f"# HELP {name} {told}", f"# TYPE {name} {kind}"]
    return lines + [f"{name}{{{label}}} {value:g}" if label else f"{name} {value:g}" for label, value in values.items()]


def keep_secret(folder: Path, name: str = "serve") -> str:
    """Return a secret of the project: a variable of the environment, else a stored one, made at the first call.

    Args:
        folder: The folder of the project.
        name: "serve" for Label Studio (ACTIVESSL_SERVE_SECRET, ``serve.secret``), "page" for people who look at the
            live page (ACTIVESSL_PAGE_SECRET, ``page.secret``): administrators of Label Studio can read the first.

    Raises:
        ProjectError: The file cannot be written.
    """
    variable = f"ACTIVESSL_{name.upper()}_SECRET"
    given = os.environ.get(variable)
    if given:
        return given
    file = folder / f"{name}.secret"
    try:
        kept = file.read_bytes().decode(errors="ignore").strip() if file.exists() else ""
        if not kept:  # also where a process was killed, or the disk was full, before it was written
            kept = secrets.token_urlsafe(24)
            with replaced(file) as part:
                # readable by the owner only, from the start
                made = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(made, "w", encoding="utf-8") as out:
                    out.write(kept)
        return kept
    except OSError as error:
        raise ProjectError(
            f"cannot write {file}: {error.strerror}",
            hint=f"make the project folder writable, or set {variable}",
        ) from None


def register_hook(client: Client, project: int, url: str, secret: str) -> None:
    """Register a webhook: Label Studio calls ``url`` after each answer. Repeated calls keep one webhook.

    Raises:
        AnnotatorError: The server refuses such addresses.
    """
    body = {
        "url": url,
        "project": project,
        "send_payload": True,
        "send_for_all_actions": False,
        "headers": {SECRET_HEADER: secret},
        "is_active": True,
        "actions": list(EVENTS),  # a PATCH without actions removes them
    }
    there = [hook for hook in client.get("/api/webhooks/", project=project) if hook.get("url") == url]
    if there:
        client.patch(f"/api/webhooks/{there[0]['id']}/", body)
    else:
        client.post("/api/webhooks/", body)
