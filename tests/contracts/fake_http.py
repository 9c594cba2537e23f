"""How the fake Label Studio is spoken to: its addresses, what each answers, and how it misbehaves when told to."""

from __future__ import annotations

import base64
import json
import re
import time
import uuid
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

if TYPE_CHECKING:
    from fake_label_studio import FakeLabelStudio

COOKIE = "sessionid=verysecretsession123"


def jwt(kind: str, seconds: float) -> str:
    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    claims = {"token_type": kind, "exp": int(time.time() + seconds), "jti": uuid.uuid4().hex}
    return f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part(claims)}.c2lnbmF0dXJl"


class Refused(Exception):
    def __init__(self, status: int, detail: str, **more: Any) -> None:
        super().__init__(detail)
        self.status, self.body = status, {"status_code": status, "detail": detail, "version": "1.23.2", **more}


def handler_of(server: FakeLabelStudio) -> type[BaseHTTPRequestHandler]:
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
            if len(raw) < int(self.headers.get("Content-Length") or 0):  # its sender died
                return self._hang_up()
            if fault == "refuse":
                return self._hang_up()
            if isinstance(fault, int):
                return self._answer(fault, {"detail": f"failing on purpose, {COOKIE}"})
            with server._guard:
                server.requests.append(f"{method} {path}")
                try:
                    status, body = self._route(method, path, raw)
                except Refused as refused:
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
            content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
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
                raise Refused(
                    401,
                    "Authentication token no longer valid: legacy token authentication has been disabled for this "
                    "organization",
                )
            raise Refused(401, "Invalid token." if kind == "Token" else "Authentication credentials were not provided.")

        def _route(self, method: str, path: str, raw: bytes) -> tuple[int, Any]:
            if "/api/" in path and not path.startswith("/api/"):
                # as the real one: below any path it answers this, and all else with a page
                return (200, {"release": "1.23.2"}) if path.endswith("/api/version") else (404, b"<!doctype html>")
            if path == "/health":
                return 200, {"status": "UP"}
            if path.endswith("/api/version"):  # below every path, as in the real one
                return 200, {"release": "1.23.2"}
            if path == "/user/login/":
                good = f"email={server.email}".replace("@", "%40").encode() in raw and server.password.encode() in raw
                return (302 if good else 200), None
            if path == "/api/token/refresh/":
                if json.loads(raw).get("refresh") != server.token:
                    raise Refused(401, "Token is invalid")
                access = jwt("access", server.access_seconds)
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
                    server.storages.append({"id": server.number("storage"), **body})
                    return 201, server.storages[-1]
                return 200, [s for s in server.storages if str(s["project"]) == self.query["project"]]
            if (row := re.fullmatch(r"/api/storages/localfiles/(\d+)", path)) and method == "DELETE":
                server.storages = [s for s in server.storages if s["id"] != int(row[1])]
                return 204, None
            if path.startswith("/api/dm/views"):
                return self._views(method, path, body)
            if path == "/api/dm/actions" and self.query.get("id") == "next_task":
                return 200, self._next_of_tab(body, user)
            if path.startswith("/api/projects"):
                return self._projects(method, path, body, raw if multipart else b"", user)
            if path == "/api/tasks":
                return 200, self._list(body)
            if (drafted := re.fullmatch(r"/api/tasks/(\d+)/drafts/?", path)) and method == "POST":
                server.drafts.setdefault(int(drafted[1]), []).append(body)
                return 201, body
            found = re.fullmatch(r"/api/(tasks|predictions|annotations)/(\d+)/?(annotations/?)?", path)
            if not found:
                raise Refused(404, "Not found.")
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

        def _next_of_tab(self, body: Any, user: int) -> dict[str, Any]:
            """With filters, even without any in them, the order of the tab counts, and neither sampling nor locks."""
            for task in self._list({k: v for k, v in body.items() if k != "selectedItems"})["tasks"]:
                if not task["is_labeled"] and user not in task["annotators"]:
                    server.locks[task["id"]] = user
                    return task | {"queue": "Data manager queue"}
            raise Refused(404, "There are no tasks")

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
                raise Refused(404, "Invalid page.")
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
                raise Refused(404, "Not found.")
            project, rest = server.projects[int(found[1])], found[2]
            if rest == "":
                if method == "PATCH":
                    if "model_version" in body and body["model_version"] not in server.versions(project["id"]):
                        raise Refused(
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
                    raise Refused(404, "There are no tasks")
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
                        raise Refused(400, "Validation error", validation_errors={"predictions": ["Invalid task ID"]})
                for row in body:
                    server.add_prediction(row["task"], row)
                return 201, {"created": len(body)}
            if rest == "import" and files:
                numbers = []
                names = re.findall(rb'filename="([^"]+)"', files)
                if len(names) > 100:
                    raise Refused(400, "too many files")
                for name in names:
                    numbers.append(server.number("upload"))
                    stored = f"upload/{project['id']}/{uuid.uuid4().hex[:8]}-{name.decode()}"
                    server.uploads[numbers[-1]] = (project["id"], stored)
                return 201, {"file_upload_ids": numbers, "task_count": 0}
            if rest == "import":
                return 201, self._import(project, body)
            raise Refused(404, "Not found.")

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
                raise Refused(404, "Not found.")
            if under:
                if method == "GET":
                    given = server.of_task(server.annotations, number)
                    return 200, [a for a in given if not a["was_cancelled"]]
                if body.get("unique_id") in server.unique:
                    raise Refused(409, "Annotation with this unique id already exists")
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
