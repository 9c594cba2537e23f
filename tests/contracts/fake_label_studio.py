"""A Label Studio server in this process: as much of it as an annotator needs, with its traps.

It is worth something only because the same contract suite passes against a real 1.23.2 server.
"""

from __future__ import annotations

import random
import threading
from datetime import UTC, datetime, timedelta
from http.server import ThreadingHTTPServer
from typing import Any

from fake_http import Refused, handler_of, jwt

EMAIL, PASSWORD = "fake@activessl.example", "fake-password-123"


class FakeLabelStudio:
    """Start it with ``with FakeLabelStudio() as server``; ``server.faults`` makes it misbehave."""

    def __init__(self, *, access_seconds: float = 300.0) -> None:
        self.email, self.password = EMAIL, PASSWORD
        self.token = jwt("refresh", 1e9)
        self.legacy = "0123456789abcdef0123456789abcdef01234567"
        self.legacy_allowed = False
        self.access_seconds = access_seconds
        self.access: dict[str, float] = {}
        self.users = [{"id": 1, "email": EMAIL}]
        self.projects: dict[int, dict[str, Any]] = {}
        self.tasks: dict[int, dict[str, Any]] = {}
        self.predictions: dict[int, dict[str, Any]] = {}
        self.annotations: dict[int, dict[str, Any]] = {}
        self.uploads: dict[int, tuple[int, str]] = {}
        self.storages: list[dict[str, Any]] = []
        self.views: dict[int, dict[str, Any]] = {}
        self.drafts: dict[int, list[dict[str, Any]]] = {}
        self.locks: dict[int, int] = {}
        self.unique: set[str] = set()
        self.counts = dict.fromkeys(("project", "task", "prediction", "annotation", "upload", "view", "storage"), 0)
        #: [path fragment, method, what, times]: "drop" carries out and never answers, "refuse" never carries out and
        #: never answers, "half" answers half of the JSON, a number answers with that status and does nothing.
        self.faults: list[list[Any]] = []
        self.requests: list[str] = []
        self.skew = timedelta(0)
        self._last = datetime.now(UTC)
        self._guard = threading.RLock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(self))
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> FakeLabelStudio:
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    def now(self) -> str:
        self._last = max(datetime.now(UTC), self._last + timedelta(microseconds=1))
        return (self._last + self.skew).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def number(self, kind: str) -> int:
        self.counts[kind] += 1
        return self.counts[kind]

    # -- what the server keeps -------------------------------------------------------------------------------------

    def of_task(self, kind: dict[int, dict[str, Any]], task: int) -> list[dict[str, Any]]:
        return [row for row in kind.values() if row["task"] == task]

    def counted(self, task: dict[str, Any], *, everything: bool) -> dict[str, Any]:
        given = self.of_task(self.annotations, task["id"])
        row = task | {
            "total_annotations": sum(not a["was_cancelled"] for a in given),
            "cancelled_annotations": sum(a["was_cancelled"] for a in given),
            "is_labeled": any(not a["was_cancelled"] for a in given),
            "drafts": self.drafts.get(task["id"], []),
            "annotators": [a["completed_by"] for a in given],
        }
        if everything:
            row |= {"annotations": given, "predictions": self.of_task(self.predictions, task["id"])}
        return row

    def add_prediction(self, task: int, body: dict[str, Any]) -> None:
        number, now = self.number("prediction"), self.now()
        self.predictions[number] = {
            "id": number,
            "task": task,
            "result": body.get("result", []),
            "score": body.get("score"),
            "model_version": body.get("model_version", "undefined"),
            "created_at": now,
        }

    def project_row(self, project: dict[str, Any]) -> dict[str, Any]:
        mine = {t["id"] for t in self.tasks.values() if t["project"] == project["id"]}
        given = [a for a in self.annotations.values() if a["task"] in mine]
        return project | {
            "task_number": len(mine),
            "total_annotations_number": sum(not a["was_cancelled"] for a in given),
            "skipped_annotations_number": sum(a["was_cancelled"] for a in given),
        }

    def versions(self, project: int) -> dict[str, int]:
        found: dict[str, int] = {}
        for p in self.predictions.values():
            if self.tasks[p["task"]]["project"] == project:
                found[p["model_version"]] = found.get(p["model_version"], 0) + 1
        return found

    def matches(self, task: dict[str, Any], row: dict[str, Any]) -> bool:
        name, operator, value = row["filter"].removeprefix("filter:tasks:"), row["operator"], row["value"]
        have: Any = (
            task["data"].get(name[5:]) if name.startswith("data.") else self.counted(task, everything=False)[name]
        )
        if operator == "in_list":
            good = have in value
        elif operator == "not_in_list":
            good = have not in value
        elif operator == "equal":
            good = have == value
        elif operator == "contains":
            good = value in have
        elif operator == "greater":
            good = have is not None and have > value
        else:
            raise Refused(400, f"operator {operator}")
        child = row.get("child_filter")
        return good and (child is None or self.matches(task, child))

    def next_task(self, project: dict[str, Any], user: int) -> tuple[dict[str, Any] | None, str]:
        answered = {a["task"] for a in self.annotations.values() if a["completed_by"] == user}
        open_ = [
            t
            for t in self.tasks.values()
            if t["project"] == project["id"]
            and t["id"] not in answered
            and not self.counted(t, everything=False)["is_labeled"]
        ]
        for task in open_:
            if self.locks.get(task["id"]) == user:
                return task, "Task lock"
        free = [t for t in open_ if t["id"] not in self.locks]
        queue = "Sequence queue"
        if project["sampling"] == "Uncertainty sampling":
            ranked = [
                (p["score"], t["id"], t)
                for t in free
                for p in self.of_task(self.predictions, t["id"])
                if p["model_version"] == project["model_version"] and p["score"] is not None
            ]
            free = [min(ranked, key=lambda r: r[:2])[2]] if ranked else random.sample(free, len(free))
            queue = "Active learning or random queue"
        if not free:
            return None, ""
        self.locks[free[0]["id"]] = user
        return free[0], queue
