"""A day of ``activessl serve`` in accelerated time, and its latency at 200 requests at once.

    python tests/benchmarks/serve_day.py day --minutes 8 --out bench/serve
    python tests/benchmarks/serve_day.py latency --against /tmp/base --out bench/serve

``day`` runs the real command in a process of its own, against a stand-in for Label Studio that speaks its HTTP (the one
of ``tests/contracts``). People answer all the time; webhooks come, come twice, or get lost; Label Studio is restarted;
connections send half a request and stay; predictions are asked for. Memory and descriptors of the service are read from
``/proc``. At the end every label is there once.

``latency`` sends 200 requests at once, webhooks and predictions mixed, to the service of this version and to that of
another checkout, in turns in one run, and prints p50 and p99 of both.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "contracts"))

CLASSES = ("even", "odd")
SECRET = "s" * 24


def texts(folder: Path, n: int) -> None:
    rng = np.random.default_rng(0)
    words = [[f"{name}{i}" for i in range(40)] for name in CLASSES]
    folder.mkdir(parents=True)
    for i in range(n):
        said = " ".join(rng.choice(words[i % 2], 12)) + " " + " ".join(rng.choice(words[1 - i % 2], 3))
        (folder / f"{i:05}.txt").write_text(said)


def class_of(item: str) -> str:
    return CLASSES[int("".join(c for c in item if c.isdigit())[:5]) % 2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(tree: Path, token: str) -> dict[str, str]:
    path = os.pathsep.join(str(tree / part) for part in ("", "cli", "integrations"))
    return os.environ | {
        "PYTHONPATH": path,
        "LABEL_STUDIO_TOKEN": token,
        "ACTIVESSL_SERVE_SECRET": SECRET,
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
    }


def verb(tree: Path, token: str, *argv: str) -> str:
    command = [sys.executable, "-m", "activessl_cli.main", *argv]
    done = subprocess.run(command, env=environment(tree, token), cwd=tree, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(argv)}: {done.stderr}")
    return done.stdout


class Stand:
    """The stand-in for Label Studio, in this process, which can be stopped and started again at its port."""

    def __init__(self) -> None:
        from fake_label_studio import FakeLabelStudio

        self.server = FakeLabelStudio(access_seconds=1e9)
        self.server.__enter__()
        self.url, self.token = self.server.url, self.server.token

    def restart(self, seconds: float) -> None:
        """Nothing answers for some time; all that it keeps stays."""
        from http.server import ThreadingHTTPServer
        from threading import Thread

        from fake_http import handler_of

        self.server._http.shutdown()
        self.server._http.server_close()
        time.sleep(seconds)
        port = int(self.url.rpartition(":")[2])
        self.server._http = ThreadingHTTPServer(("127.0.0.1", port), handler_of(self.server))
        self.server._http.daemon_threads = True
        Thread(target=self.server._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def open_tasks(self) -> list[int]:
        done = {row["task"] for row in list(self.server.annotations.values())}
        return [number for number in list(self.server.tasks) if number not in done]

    def answer(self, task: int, name: str | None) -> dict[str, Any]:
        server = self.server
        with server._guard:
            number, now = server.number("annotation"), server.now()
            result = {"from_name": "label", "to_name": "item", "type": "choices", "value": {"choices": [name]}}
            row = {
                "id": number, "task": task, "completed_by": 1, "result": [] if name is None else [result],
                "was_cancelled": name is None, "ground_truth": False, "lead_time": 3.0, "parent_prediction": None,
                "created_at": now, "updated_at": now,
            }  # fmt: skip
            server.annotations[number] = row
            server.tasks[task]["updated_at"] = now
        return row

    def item_of(self, task: int) -> str:
        return str(self.server.tasks[task]["data"]["activessl_id"])


def project(tree: Path, folder: Path, stand: Stand, size: int) -> Path:
    """A project with one round, answered and taught, and a second one that is open."""
    made = folder / "p"
    where = ("--project", str(made))
    classes = ",".join(CLASSES)
    verb(tree, stand.token, "init", str(folder / "texts"), "--classes", classes, "--query-size", str(size), *where)
    import tomlkit

    path = made / "activessl.toml"
    config: Any = tomlkit.parse(path.read_text())
    config.setdefault("annotator", tomlkit.table())
    config["annotator"]["url"] = stand.url
    config["annotator"]["token_env"] = "LABEL_STUDIO_TOKEN"
    config["annotator"]["title"] = folder.name[-40:]
    config.setdefault("stop", tomlkit.table())
    config["stop"]["stable_kappa"] = False
    path.write_text(tomlkit.dumps(config))
    verb(tree, stand.token, "encode", *where)
    verb(tree, stand.token, "query", *where)
    verb(tree, stand.token, "push", *where)
    for task in stand.open_tasks():
        stand.answer(task, class_of(stand.item_of(task)))
    verb(tree, stand.token, "pull", *where)
    verb(tree, stand.token, "teach", *where)
    return made


@contextmanager
def serving(
    tree: Path, made: Path, token: str, every: float, memory: float = 0.0
) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """The service in a process of its own; with ``memory``, it writes where its memory is every so many seconds."""
    port = free_port()
    probe = [str(Path(__file__).with_name("serve_memory.py")), str(made / "memory.jsonl"), str(memory)]
    start = probe if memory else ["-m", "activessl_cli.main"]
    command = [sys.executable, *start, "serve", "--port", str(port), "--every", str(every)]
    log = (made / "serve.log").open("ab")
    process = subprocess.Popen(
        [*command, "--project", str(made)], env=environment(tree, token), cwd=tree, stdout=log, stderr=log
    )
    try:
        for _ in range(600):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            if process.poll() is not None:
                raise SystemExit((made / "serve.log").read_text()[-2000:])
            time.sleep(0.1)
        yield port, process
    finally:
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()
        log.close()


# -- requests ---------------------------------------------------------------------------------------------------------


async def post(port: int, path: str, body: bytes) -> tuple[float, int]:
    """One request over a new connection: seconds, and status (0: none)."""
    begun = time.perf_counter()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX-Activessl-Secret: {SECRET}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head.encode() + body)
        await writer.drain()
        said = await reader.read()
        writer.close()
        status = int(said.split(b" ", 2)[1]) if said.startswith(b"HTTP/1.1 ") else 0
    except (OSError, ValueError, IndexError):
        status = 0
    return time.perf_counter() - begun, status


def webhook(number: int, at: str = "") -> bytes:
    body = {
        "action": "ANNOTATION_CREATED",
        "annotation": {"id": number, "updated_at": at or f"2026-01-01T00:00:00.{number:06}Z", "result": []},
        "project": {"id": 1, "title": "t" * 40, "label_config": "<View/>" * 20},
    }
    return json.dumps(body).encode()


def prediction(stand: Stand, tasks: list[int]) -> bytes:
    server = stand.server
    rows = [{k: v for k, v in server.tasks[task].items() if k in ("id", "data", "meta")} for task in tasks]
    config = next(iter(server.projects.values()))["label_config"]
    return json.dumps({"tasks": rows, "label_config": config, "project": "1.1", "params": {}}).encode()


async def burst(port: int, bodies: list[tuple[str, bytes]]) -> list[tuple[str, float, int]]:
    said = await asyncio.gather(*(post(port, path, body) for path, body in bodies))
    return [(path, seconds, status) for (path, _), (seconds, status) in zip(bodies, said, strict=True)]


# -- latency ----------------------------------------------------------------------------------------------------------


def latency(args: argparse.Namespace) -> None:
    trees = {"now": ROOT, "before": args.against.resolve()} if args.against else {"now": ROOT}
    folder = Path(tempfile.mkdtemp(prefix="activessl-serve-"))
    stands, made = {}, {}
    for name, tree in trees.items():
        stands[name] = Stand()
        texts(folder / name / "texts", args.items)
        made[name] = project(tree, folder / name, stands[name], size=20)
    rows: list[dict[str, Any]] = []
    try:
        with serving(trees["now"], made["now"], stands["now"].token, 600.0) as now:
            if args.against:
                with serving(trees["before"], made["before"], stands["before"].token, 600.0) as before:
                    rows = _bursts({"now": now[0], "before": before[0]}, stands, args)
            else:
                rows = _bursts({"now": now[0]}, stands, args)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print("| 200 requests at once | version | p50, s | p99, s | not answered |")
    print("|---|---|---:|---:|---:|")
    for mix in ("webhook", "predict", "both"):
        for path in ("/webhook", "/predict"):
            for name in trees:
                mine = [r for r in rows if (r["mix"], r["path"], r["version"]) == (mix, path, name)]
                if mine:
                    p50, p99 = np.percentile([r["seconds"] for r in mine], [50, 99])
                    lost = sum(r["status"] != 200 for r in mine)
                    what = path[1:] if mix != "both" else f"{path[1:]}, with 100 of the other"
                    print(f"| {what} | {name} | {p50:.3f} | {p99:.3f} | {lost} of {len(mine)} |")
    if args.out is not None:
        args.out.mkdir(parents=True, exist_ok=True)
        (args.out / "latency.json").write_text(json.dumps(rows))


def _bursts(ports: dict[str, int], stands: dict[str, Stand], args: argparse.Namespace) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    number = 0
    time.sleep(8)  # both have looked once
    for turn in range(args.turns + 1):
        for mix in ("webhook", "predict", "both"):
            for name, port in ports.items():
                tasks = list(stands[name].server.tasks)
                bodies = []
                for i in range(200):
                    number += 1
                    if mix == "webhook" or (mix == "both" and i % 2):
                        bodies.append(("/webhook", webhook(number)))
                    else:
                        bodies.append(("/predict", prediction(stands[name], [tasks[number % len(tasks)]])))
                for path, seconds, status in asyncio.run(burst(port, bodies)):
                    if turn:  # the first is to warm up
                        rows.append({"mix": mix, "path": path, "version": name, "seconds": seconds, "status": status})
                time.sleep(4)  # the worker looks, and is quiet again
    return rows


# -- a day ------------------------------------------------------------------------------------------------------------


def held(pid: int) -> tuple[float, int, int]:
    """Resident memory in MB, descriptors, and threads of a process."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line)
    return int(status["VmRSS"].split()[0]) / 1024, len(list(Path(f"/proc/{pid}/fd").iterdir())), int(status["Threads"])


def day(args: argparse.Namespace) -> None:
    folder = Path(tempfile.mkdtemp(prefix="activessl-day-"))
    stand, rng = Stand(), random.Random(args.seed)
    texts(folder / "texts", args.items)
    made = project(ROOT, folder, stand, size=20)
    said: dict[str, str | None] = {
        stand.item_of(row["task"]): class_of(stand.item_of(row["task"])) for row in stand.server.annotations.values()
    }
    counts = dict.fromkeys(("webhooks", "lost", "repeated", "predictions", "restarts", "half-open", "refused"), 0)
    held_rows: list[tuple[float, float, int, int]] = []
    times: dict[str, list[float]] = {"/webhook": [], "/predict": []}
    half: list[socket.socket] = []
    with serving(ROOT, made, stand.token, 2.0, args.memory) as (port, process):
        begun = time.monotonic()
        end, next_restart, looked = begun + 60 * args.minutes, begun + 40, 0.0
        while time.monotonic() < end:
            bodies: list[tuple[str, bytes]] = []
            for task in stand.open_tasks()[: rng.randint(0, 4)]:
                item = stand.item_of(task)
                name = None if rng.random() < 0.05 else class_of(item)
                row = stand.answer(task, name)
                said[item] = name
                if rng.random() < 0.2:
                    counts["lost"] += 1
                    continue
                bodies.append(("/webhook", webhook(row["id"], row["updated_at"])))
                if rng.random() < 0.2:
                    counts["repeated"] += 1
                    bodies.append(bodies[-1])
            # what hooks of other projects of the server say, and what people look at
            bodies += [("/webhook", webhook(rng.randrange(10**6, 10**9))) for _ in range(rng.randint(0, 20))]
            tasks = list(stand.server.tasks)
            bodies += [
                ("/predict", prediction(stand, rng.sample(tasks, min(len(tasks), 5))))
                for _ in range(rng.randint(0, 20))
            ]
            for path, seconds, status in asyncio.run(burst(port, bodies)):
                counts["webhooks" if path == "/webhook" else "predictions"] += 1
                counts["refused"] += status != 200
                times[path].append(seconds)
            for _ in range(rng.randint(0, 6)):  # they hold a connection until the service ends it
                with suppress(OSError):
                    one = socket.create_connection(("127.0.0.1", port), 1)
                    one.sendall(b"POST /webhook HTTP/1.1\r\nContent-Le")
                    half.append(one)
                    counts["half-open"] += 1
            half = half[-2000:]
            if time.monotonic() > next_restart:
                stand.restart(rng.uniform(0.5, 6.0))
                counts["restarts"] += 1
                next_restart = time.monotonic() + rng.uniform(20, 50)
            if time.monotonic() - looked > 5:
                looked = time.monotonic()
                held_rows.append((looked - begun, *held(process.pid)))
            time.sleep(0.15)
        for one in half:
            one.close()
        # quiet: what was lost is found by the regular look
        for _ in range(60):
            time.sleep(1)
            if _labels(made) == {item: name for item, name in said.items() if name}:
                break
        time.sleep(15)
        held_rows.append((time.monotonic() - begun, *held(process.pid)))
    labels = _labels(made)
    right = {item: name for item, name in said.items() if name}
    lost, other = right.keys() - labels.keys(), [k for k in labels if labels[k] != right.get(k)]
    keys = _keys(made)
    questions = [stand.item_of(task) for task in stand.server.tasks]
    print(f"{args.minutes:g} minutes, {len(right)} labels, {len(said) - len(right)} skips;", counts)
    print(
        f"labels that are missing: {len(lost)}, that differ: {len(other)}, answers twice: {len(keys) - len(set(keys))}"
    )
    print(f"tasks: {len(questions)}, twice: {len(questions) - len(set(questions))}")
    for path, seconds in times.items():
        p50, p99 = np.percentile(seconds, [50, 99])
        print(f"{path[1:]}: {len(seconds):,} requests, p50 {p50:.3f} s, p99 {p99:.3f} s")
    print("| minute | memory, MB | descriptors | threads |\n|---:|---:|---:|---:|")
    for row in held_rows[:: max(1, len(held_rows) // 12)] + held_rows[-1:]:
        print(f"| {row[0] / 60:.1f} | {row[1]:.0f} | {row[2]} | {row[3]} |")
    if args.memory:
        import serve_memory

        print(serve_memory.table(made / "memory.jsonl"))
    log = (made / "serve.log").read_text(errors="replace")
    print("tracebacks in the log:", log.count("Traceback"), "; unexpected:", log.count("unexpected"))
    if args.out is not None:
        args.out.mkdir(parents=True, exist_ok=True)
        (args.out / "day.json").write_text(json.dumps({"counts": counts, "held": held_rows, "times": times}))
        (args.out / "serve.log").write_text(log)
        if args.memory:
            shutil.copy(made / "memory.jsonl", args.out / "memory.jsonl")
    shutil.rmtree(folder, ignore_errors=True)
    sys.exit(int(bool(lost or other or len(keys) != len(set(keys)) or len(questions) != len(set(questions)))))


def _labels(made: Path) -> dict[str, str]:
    from activessl.project.folder import Project

    return {item: label.classes[0] for item, label in Project.open(made).history().labels.items()}


def _keys(made: Path) -> list[str]:
    from activessl.ledger.schema import Answered
    from activessl.project.folder import Project

    with Project.open(made).ledger() as ledger:
        return [one.event.answer.key for one in ledger if isinstance(one.event, Answered)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="what", required=True)
    one = verbs.add_parser("day")
    one.add_argument("--minutes", type=float, default=8.0)
    one.add_argument("--items", type=int, default=3000)
    one.add_argument("--seed", type=int, default=0)
    one.add_argument("--memory", type=float, default=0.0, help="seconds between looks at where its memory is")
    one.add_argument("--out", type=Path)
    other = verbs.add_parser("latency")
    other.add_argument("--against", type=Path, help="another checkout, such as one of commit aed2e2a")
    other.add_argument("--items", type=int, default=2000)
    other.add_argument("--turns", type=int, default=5)
    other.add_argument("--out", type=Path)
    args = parser.parse_args()
    {"day": day, "latency": latency}[args.what](args)


if __name__ == "__main__":
    main()
