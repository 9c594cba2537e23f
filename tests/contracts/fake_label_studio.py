"""A Label Studio server in this process: as much of it as an annotator needs, with its traps.

It is worth something only because the same contract suite passes against a real 1.23.2 server.
"""

from __future__ import annotations

import base64
import json
import random
import re
import threading
import time
import uuid
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

COOKIE = "sessionid=verysecretsession123"
EMAIL, PASSWORD = "fake@activessl.example", "fake-password-123"


def _jwt(kind: str, seconds: float) -> str:
    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    claims = {"token_type": kind, "exp": int(time.time() + seconds), "jti": uuid.uuid4().hex}
    return f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part(claims)}.c2lnbmF0dXJl"


class FakeLabelStudio:
    """Start it with ``with FakeLabelStudio() as server``; ``server.faults`` makes it misbehave."""

    def __init__(self, *, access_seconds: float = 300.0) -> None:
        self.email, self.password = EMAIL, PASSWORD
        self.token = _jwt("refresh", 1e9)
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
        self.locks: dict[int, int] = {}
        self.unique: set[str] = set()
        self.counts = dict.fromkeys(("project", "task", "prediction", "annotation", "upload", "view"), 0)
        #: [path fragment, method, what, times]: "drop" carries out and never answers, "refuse" never carries out and
        #: never answers, "half" answers half of the JSON, a number answers with that status and does nothing.
        self.faults: list[list[Any]] = []
        self.requests: list[str] = []
        self.skew = timedelta(0)
        self._last = datetime.now(UTC)
        self._guard = threading.RLock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
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
            "drafts": [],
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
            raise _Refused(400, f"operator {operator}")
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


class _Refused(Exception):
    def __init__(self, status: int, detail: str, **more: Any) -> None:
        super().__init__(detail)
        self.status, self.body = status, {"status_code": status, "detail": detail, "version": "1.23.2", **more}


def _handler(server: FakeLabelStudio) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            return

        def date_time_string(self, timestamp: float | None = None) -> str:
            return super().date_time_string(time.time() + server.skew.total_seconds())

        def do_GET(self) -> None:
            self._serve("GET")

        def do_POST(self) -> None:
            self._serve("POST")

        def do_PATCH(self) -> None:
            self._serve("PATCH")

        def do_DELETE(self) -> None:
            self._serve("DELETE")

        def _serve(self, method: str) -> None:
            parts = urlsplit(self.path)
            path = unquote(parts.path)
            self.query = {k: v[0] for k, v in parse_qs(parts.query, keep_blank_values=True).items()}
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            fault = self._fault(method, path)
            if fault == "refuse":
                return self._hang_up()
            if isinstance(fault, int):
                return self._answer(fault, {"detail": f"failing on purpose, {COOKIE}"})
            with server._guard:
                server.requests.append(f"{method} {path}")
                try:
                    status, body = self._route(method, path, raw)
                except _Refused as refused:
                    status, body = refused.status, refused.body
            if fault == "drop":
                return self._hang_up()
            return self._answer(status, body, half=fault == "half")

        def _fault(self, method: str, path: str) -> Any:
            for fault in server.faults:
                if fault[0] in path and fault[1] == method and fault[3] > 0:
                    fault[3] -= 1
                    return fault[2]
            return None

        def _hang_up(self) -> None:
            self.close_connection = True
            self.connection.close()

        def _answer(self, status: int, body: Any, *, half: bool = False) -> None:
            content = b"" if body is None else json.dumps(body).encode()
            content = content[: len(content) // 2] if half else content
            self.send_response(status)
            if status == 302:
                self.send_header("Location", "/")
            self.send_header("Set-Cookie", f"{COOKIE}; path=/")
            if self.path.startswith("/user/login"):
                self.send_header("Set-Cookie", "csrftoken=fakecsrf; path=/")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def _user(self) -> int:
            said = self.headers.get("Authorization", "")
            if not said and COOKIE in self.headers.get("Cookie", ""):
                return 1
            kind, _, token = said.partition(" ")
            if kind == "Bearer" and server.access.get(token, 0) > time.time():
                return 1
            if kind == "Token" and token == server.legacy:
                if server.legacy_allowed:
                    return 1
                raise _Refused(
                    401,
                    "Authentication token no longer valid: legacy token authentication has been disabled for this "
                    "organization",
                )
            raise _Refused(
                401, "Invalid token." if kind == "Token" else "Authentication credentials were not provided."
            )

        def _route(self, method: str, path: str, raw: bytes) -> tuple[int, Any]:
            if path == "/health":
                return 200, {"status": "UP"}
            if path == "/api/version":
                return 200, {"release": "1.23.2"}
            if path == "/user/login/":
                good = f"email={server.email}".replace("@", "%40").encode() in raw and server.password.encode() in raw
                return (302 if good else 200), None
            if path == "/api/token/refresh/":
                if json.loads(raw).get("refresh") != server.token:
                    raise _Refused(401, "Token is invalid")
                access = _jwt("access", server.access_seconds)
                server.access[access] = time.time() + server.access_seconds
                return 200, {"access": access}
            user = self._user()
            multipart = "multipart" in (self.headers.get("Content-Type") or "")
            body = json.loads(raw) if raw and not multipart else None
            if path == "/api/current-user/whoami":
                return 200, server.users[0]
            if path == "/api/users/":
                return 200, server.users
            if path == "/api/storages/localfiles":
                if method == "POST":
                    server.storages.append(body)
                    return 201, body
                return 200, [s for s in server.storages if str(s["project"]) == self.query["project"]]
            if path.startswith("/api/dm/views"):
                return self._views(method, path, body)
            if path.startswith("/api/projects"):
                return self._projects(method, path, body, raw if multipart else b"", user)
            if path == "/api/tasks":
                return 200, self._list(body)
            found = re.fullmatch(r"/api/(tasks|predictions|annotations)/(\d+)/?(annotations/?)?", path)
            if not found:
                raise _Refused(404, "Not found.")
            return self._row(method, found[1], int(found[2]), bool(found[3]), body, user)

        def _views(self, method: str, path: str, body: Any) -> tuple[int, Any]:
            if method == "GET":
                return 200, [v for v in server.views.values() if str(v["project"]) == self.query["project"]]
            if method == "DELETE":
                del server.views[int(path.rstrip("/").rpartition("/")[2])]
                return 204, None
            number = server.number("view")
            server.views[number] = {"id": number} | body
            return 201, server.views[number]

        def _list(self, body: Any) -> dict[str, Any]:
            asked = json.loads(self.query["query"]) if "query" in self.query else body or {}
            filters = (asked.get("filters") or {}).get("items") or []
            join = any if (asked.get("filters") or {}).get("conjunction") == "or" else all
            tasks = [
                t
                for t in server.tasks.values()
                if str(t["project"]) == self.query["project"]
                and (not filters or join(server.matches(t, row) for row in filters))
            ]
            if asked.get("ordering") == ["tasks:predictions_score"]:
                active = server.projects[int(self.query["project"])]["model_version"]

                def score(task: dict[str, Any]) -> float:
                    scored = [p for p in server.of_task(server.predictions, task["id"]) if p["model_version"] == active]
                    return min((p["score"] for p in scored), default=9.0)

                tasks.sort(key=score)
            page, size = int(self.query.get("page", 1)), int(self.query.get("page_size", 100))
            if page > 1 and (page - 1) * size >= len(tasks):
                raise _Refused(404, "Invalid page.")
            shown = tasks[(page - 1) * size : page * size]
            everything = self.query.get("fields") == "all"
            return {"total": len(tasks), "tasks": [server.counted(t, everything=everything) for t in shown]}

        def _projects(self, method: str, path: str, body: Any, files: bytes, user: int) -> tuple[int, Any]:
            if path == "/api/projects/":
                if method == "POST":
                    number = server.number("project")
                    server.projects[number] = {
                        "id": number,
                        "created_at": server.now(),
                        "model_version": "",
                        "sampling": "Sequential sampling",
                        "show_collab_predictions": True,
                        "enable_empty_annotation": True,
                    } | body
                    return 201, server.project_row(server.projects[number])
                rows = [p for p in server.projects.values() if self.query.get("title", "") in p["title"]]
                return 200, {"results": rows, "count": len(rows)}
            found = re.fullmatch(r"/api/projects/(\d+)/?(.*?)/?", path)
            if not found or int(found[1]) not in server.projects:
                raise _Refused(404, "Not found.")
            project, rest = server.projects[int(found[1])], found[2]
            if rest == "":
                if method == "PATCH":
                    if "model_version" in body and body["model_version"] not in server.versions(project["id"]):
                        raise _Refused(
                            400,
                            "Validation error",
                            validation_errors={"model_version": ["Model version doesn't exist"]},
                        )
                    if body.get("show_collab_predictions") is False:
                        body["model_version"] = ""
                    project |= body
                    server.projects[project["id"]] = project
                return 200, server.project_row(project)
            if rest == "next":
                task, queue = server.next_task(project, user)
                if task is None:
                    raise _Refused(404, "There are no tasks")
                row = server.counted(task, everything=True) | {"queue": queue, "annotations": []}
                shown = [p for p in row["predictions"] if p["model_version"] == project["model_version"]]
                return 200, row | {"predictions": shown if project["show_collab_predictions"] else []}
            if rest == "model-versions":
                if method == "DELETE":
                    gone = [
                        k
                        for k, p in server.predictions.items()
                        if p["model_version"] == body["model_version"]
                        and server.tasks[p["task"]]["project"] == project["id"]
                    ]
                    for k in gone:
                        del server.predictions[k]
                    if project["model_version"] == body["model_version"]:
                        project["model_version"] = None
                    return 200, {"deleted_predictions": len(gone)}
                return 200, server.versions(project["id"])
            if rest == "file-uploads":
                ids = json.loads(self.query["ids"])
                return 200, [{"id": i, "file": server.uploads[i][1]} for i in ids if i in server.uploads]
            if rest == "import/predictions":
                for row in body:
                    if row["task"] not in server.tasks:
                        raise _Refused(400, "Validation error", validation_errors={"predictions": ["Invalid task ID"]})
                for row in body:
                    server.add_prediction(row["task"], row)
                return 201, {"created": len(body)}
            if rest == "import" and files:
                numbers = []
                names = re.findall(rb'filename="([^"]+)"', files)
                if len(names) > 100:
                    raise _Refused(400, "too many files")
                for name in names:
                    numbers.append(server.number("upload"))
                    stored = f"upload/{project['id']}/{uuid.uuid4().hex[:8]}-{name.decode()}"
                    server.uploads[numbers[-1]] = (project["id"], stored)
                return 201, {"file_upload_ids": numbers, "task_count": 0}
            if rest == "import":
                return 201, self._import(project, body)
            raise _Refused(404, "Not found.")

        def _import(self, project: dict[str, Any], body: list[dict[str, Any]]) -> dict[str, Any]:
            numbers = []
            for row in body:
                number, now = server.number("task"), server.now()
                numbers.append(number)
                server.tasks[number] = {
                    "id": number,
                    "project": project["id"],
                    "data": row["data"],
                    "meta": row.get("meta", {}),
                    "created_at": now,
                    "updated_at": now,
                }
                for p in row.get("predictions", []):
                    server.add_prediction(number, p)
                    project["model_version"] = project["model_version"] or p["model_version"]
                for a in row.get("annotations", []):
                    self._annotate(number, {"ground_truth": True} | a, 1)
            answer: dict[str, Any] = {"task_count": len(body)}
            if self.query.get("return_task_ids") == "true":
                answer["task_ids"] = numbers
            return answer

        def _annotate(self, task: int, body: dict[str, Any], user: int) -> dict[str, Any]:
            number, now = server.number("annotation"), server.now()
            server.annotations[number] = {
                "id": number,
                "task": task,
                "completed_by": user,
                "result": body.get("result", []),
                "was_cancelled": bool(body.get("was_cancelled")),
                "ground_truth": bool(body.get("ground_truth")),
                "lead_time": body.get("lead_time"),
                "parent_prediction": body.get("parent_prediction"),
                "created_at": now,
                "updated_at": now,
            }
            server.tasks[task]["updated_at"] = server.now()
            return server.annotations[number]

        def _row(self, method: str, kind: str, number: int, under: bool, body: Any, user: int) -> tuple[int, Any]:
            rows = getattr(server, kind)
            if number not in rows:
                raise _Refused(404, "Not found.")
            if under:
                if method == "GET":
                    given = server.of_task(server.annotations, number)
                    return 200, [a for a in given if not a["was_cancelled"]]
                if body.get("unique_id") in server.unique:
                    raise _Refused(409, "Annotation with this unique id already exists")
                if body.get("unique_id"):
                    server.unique.add(body["unique_id"])
                server.locks.pop(number, None)
                return 201, self._annotate(number, body, user)
            row = rows[number]
            if method == "GET":
                return 200, server.counted(row, everything=True) if kind == "tasks" else row
            if method == "PATCH":
                row |= body | {"updated_at": server.now()}
            if method == "DELETE":
                del rows[number]
                if kind == "tasks":
                    for other in (server.predictions, server.annotations):
                        for key in [k for k, v in other.items() if v["task"] == number]:
                            del other[key]
            if kind == "annotations":
                server.tasks[row["task"]]["updated_at"] = server.now()
            if kind == "predictions" and method == "DELETE":
                for a in server.annotations.values():
                    if a["parent_prediction"] == number:
                        a["parent_prediction"] = None
            return (204, None) if method == "DELETE" else (200, row)

    return Handler
