"""Times of push, pull and webhook against a real Label Studio server.

    python tests/benchmarks/label_studio.py push --folder SERVER     # the server's data; its environment is
    python tests/benchmarks/label_studio.py pull --folder SERVER     # found as `activessl studio install` leaves it
    python tests/benchmarks/label_studio.py webhook --folder WORK

Add ``--database postgresql://…`` for a server on PostgreSQL.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from activessl.annotators.base import Asked, Suggestion
from activessl.labels.questions import Question
from activessl.ledger.schema import Answered
from activessl.pool.pool import Item, Modality, Pool
from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl.session import Session
from activessl_label_studio import LabelStudioAnnotator, LabelStudioConfig, StudioInfo, studio
from activessl_label_studio.mapping import to_prediction, to_result, to_task
from activessl_label_studio.service import SECRET_HEADER, Service
from activessl_label_studio.web import run_server
from activessl_label_studio.worker import Worker

CLASSES = tuple(f"class {i}" for i in range(10))


class Texts:
    """Texts of about a hundred characters."""

    modality: Modality = "text"
    location = Path("texts")

    def __init__(self, n: int) -> None:
        self.texts = {f"{i:06}.txt": f"{i} " + "a short text such as people label, " * 3 for i in range(n)}

    def scan(self) -> Iterator[Item]:
        for name, text in self.texts.items():
            yield Item(name, hashlib.sha256(text.encode()).hexdigest(), (len(text),))

    def read(self, item_id: str) -> str:
        return self.texts[item_id]

    def path(self, item_id: str) -> None:
        return None

    def content(self, item_id: str) -> bytes:
        return self.texts[item_id].encode()


def pool_of(n: int) -> Pool:
    source = Texts(n)
    return Pool(tuple(source.scan()), source)


def ask(pool: Pool, n: int) -> tuple[Asked, list[Suggestion]]:
    ids = pool.ids[:n]
    query = Asked(tuple(Question(kind="new", items=(item,), reason="because") for item in ids), "random")
    return query, [Suggestion(item, CLASSES[:4], (0.4, 0.3, 0.2, 0.1)) for item in ids]


def people_of(info: StudioInfo) -> LabelStudioAnnotator:
    return LabelStudioAnnotator(
        LabelStudioConfig(info.url, info.token, f"bench {uuid.uuid4().hex[:8]}", CLASSES, "text")
    )


def push(info: StudioInfo, tasks: int, repeats: int) -> dict[str, Any]:
    """Time the same tasks with predictions: by the bare import call, and by a push, which also checks them."""
    pool = pool_of(tasks)
    query, suggestions = ask(pool, tasks)
    bare, ours = [], []
    for _ in range(repeats):
        people = people_of(info)
        project, control = people.project()
        body = [
            to_task(Question(kind="new", items=(item,), reason="because"), pool.read(i), control.key)
            | {"predictions": [to_prediction(suggestions[i], (i + 0.5) / (tasks + 1), "round-0", control)]}
            for i, item in enumerate(query.ids)
        ]
        path = f"/api/projects/{project['id']}/import"
        start = time.perf_counter()
        people.client.post(path, body, timeout=600, return_task_ids="true")
        bare.append(time.perf_counter() - start)
        people = people_of(info)
        start = time.perf_counter()
        people.push(pool, query, suggestions, model="round-0")
        ours.append(time.perf_counter() - start)
        print(f"bare {bare[-1]:.1f} s, push {ours[-1]:.1f} s", file=sys.stderr)
    ratios = [b / o for b, o in zip(bare, ours, strict=True)]
    return {
        "tasks": tasks,
        "bare_tasks_per_s": tasks / float(np.median(bare)),
        "push_tasks_per_s": tasks / float(np.median(ours)),
        "push_rate_of_bare": float(np.median(ratios)),
        "lowest_and_highest": [min(ratios), max(ratios)],
    }


def pull(info: StudioInfo, tasks: int, new: int, repeats: int) -> dict[str, Any]:
    """Time a pull after some new labels in a project of many tasks, half of them labeled."""
    people = people_of(info)
    project, control = people.project()
    pool = pool_of(tasks)
    numbers: list[int] = []
    for start in range(0, tasks, 5_000):
        body = []
        for i in range(start, min(start + 5_000, tasks)):
            task = to_task(Question(kind="new", items=(pool.ids[i],)), pool.read(i), control.key)
            labeled = [{"result": to_result([CLASSES[i % 10]], control), "ground_truth": False}] if i % 2 else []
            body.append(task | {"annotations": labeled})
        made = people.client.post(f"/api/projects/{project['id']}/import", body, timeout=600, return_task_ids="true")
        numbers += made["task_ids"]
    start_all = time.perf_counter()
    answers, mark = people.pull()
    whole = time.perf_counter() - start_all
    assert len(answers) == tasks // 2
    took = []
    free = iter(numbers[::2])
    # the first pull looks back and reads the new import again, so it does not count
    for attempt in range(repeats + 1):
        for _ in range(new):
            body_of_one = {"result": to_result([CLASSES[0]], control), "lead_time": 3.0}
            people.client.post(f"/api/tasks/{next(free)}/annotations/", body_of_one)
        start = time.perf_counter()
        answers, mark = people.pull(mark)
        if attempt:
            took.append(time.perf_counter() - start)
            print(f"pull of {len(answers)} answers {took[-1]:.2f} s", file=sys.stderr)
        assert len(answers) >= new
    return {
        "tasks": tasks,
        "new_labels": new,
        "median_s": float(np.median(took)),
        "longest_s": max(took),
        "whole_project_s": whole,
    }


class Trainer(Worker):
    """A worker that teaches without pause."""

    def step(self) -> None:
        while not self._ending.is_set():
            self._timed("teach", self.session.teach)
            self.counts["teaches"] += 1


def serve_and_train(folder: Path, port: int, secret: str, n: int) -> None:
    """Run a service whose worker teaches all labels of a pool of vectors repeatedly."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    vectors = rng.normal(size=(10, 128))[np.arange(n) % 10] + rng.normal(size=(n, 128))
    np.savez(folder / "pool.npz", vectors=vectors.astype(np.float32))
    data = {"path": "../pool.npz", "modality": "vector", "classes": list(CLASSES)}
    config = check_config({"data": data, "query": {"strategy": "random", "size": n // 5}})
    session = Session(Project.create(folder / "project", config, version="0"))
    session.encode()
    from datetime import UTC, datetime

    from activessl.labels.answers import Answer

    with session.project.ledger() as ledger:
        at = datetime.now(UTC)
        said = [
            Answer(i, i, i, "label", (CLASSES[int(i.rsplit(":", 1)[1]) % 10],), "ann", 3.0, at)
            for i in session.query().items
        ]
        ledger.append([Answered(answer=a) for a in said])
    nobody: Any = None
    run_server(Service(Trainer(session, nobody), secret), "127.0.0.1", port)


def webhook(folder: Path, hooks: int, n: int) -> dict[str, Any]:
    """Time the answers to webhooks while the service trains; one connection each, as Label Studio does."""
    secret = uuid.uuid4().hex
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [sys.executable, __file__, "serve-and-train", "--folder", str(folder / uuid.uuid4().hex[:8])]
    with subprocess.Popen([*command, "--port", str(port), "--secret", secret, "--items", str(n)]) as service:
        try:

            def call(method: str, path: str, body: bytes = b"") -> tuple[float, bytes]:
                start = time.perf_counter()
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
                connection.request(method, path, body or None, {SECRET_HEADER: secret})
                answer = connection.getresponse()
                content = answer.read()
                connection.close()
                assert answer.status == 200, content
                return time.perf_counter() - start, content

            def teaches() -> int:
                try:
                    said = call("GET", "/metrics")[1].decode()
                except OSError:
                    return -1
                return int(said.partition('steps_total{what="teaches"} ')[2].split()[0])

            while teaches() < 1:
                time.sleep(0.5)
            before, took, start = teaches(), [], time.perf_counter()
            for i in range(hooks):
                said = {"action": "ANNOTATION_CREATED", "annotation": {"id": i, "updated_at": "x", "result": [{}] * 20}}
                took.append(call("POST", "/webhook", json.dumps(said).encode())[0] * 1000)
                time.sleep(0.02)
            seconds, trained = time.perf_counter() - start, teaches() - before
        finally:
            service.terminate()
    return {
        "webhooks": hooks,
        "median_ms": float(np.median(took)),
        "p95_ms": float(np.quantile(took, 0.95)),
        "longest_ms": max(took),
        "teaches_meanwhile": trained,
        "seconds": seconds,
        "pool": n,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["push", "pull", "webhook", "serve-and-train"])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--database")
    parser.add_argument("--tasks", type=int)
    parser.add_argument("--new", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--secret", default="")
    said = parser.parse_args()
    if said.what == "serve-and-train":
        serve_and_train(said.folder, said.port, said.secret, said.items)
        return
    if said.what == "webhook":
        print(json.dumps(webhook(said.folder, 300, said.items), indent=1))
        return
    was_running = studio.status(said.folder) is not None
    info = studio.start(said.folder, python=studio.ensure_installed(studio.environments()), database=said.database)
    try:
        if said.what == "push":
            print(json.dumps(push(info, said.tasks or 10_000, said.repeats), indent=1))
        else:
            print(json.dumps(pull(info, said.tasks or 20_000, said.new, said.repeats), indent=1))
    finally:
        if not was_running:
            studio.stop(said.folder)


if __name__ == "__main__":
    main()
