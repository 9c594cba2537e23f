"""Several `activessl serve` behind one address, each with its own folder, on one ledger in PostgreSQL."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from balancing import Balancer
from clusters import Cluster
from couple import CLASSES, ITEMS, Labelers
from fake_label_studio import FakeLabelStudio

from activessl.ledger.schema import Answered, Pulled
from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl.session import Session
from activessl_label_studio.mapping import question_of
from activessl_label_studio.service import SECRET_HEADER

SECRET, TOKEN = "a-secret-of-two-workers", "a-token-of-the-live-page"
PAGE = {"accept": "text/html"}


def wait_for(true: Callable[[], bool], seconds: float = 90.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


class Workers:
    """Two processes, a person's view of the page, and Label Studio's webhooks."""

    def __init__(self, folders: list[Path], ports: list[int], processes: list[subprocess.Popen[str]], url: str) -> None:
        self.folders, self.ports, self.processes, self.url = folders, ports, processes, url
        self.project = Project.open(folders[0])

    def hook(self) -> None:
        body = {"action": "ANNOTATION_CREATED", "annotation": {"id": time.monotonic_ns(), "updated_at": "now"}}
        answer = httpx.post(f"{self.url}/webhook", json=body, headers={SECRET_HEADER: SECRET})
        assert answer.json() == {"status": "queued"}

    def metric(self, of: int, name: str) -> float:
        said = httpx.get(f"http://127.0.0.1:{self.ports[of]}/metrics", headers={"authorization": f"Bearer {SECRET}"})
        return float(next(line for line in said.text.splitlines() if line.startswith(f"activessl_{name}")).split()[-1])


@pytest.fixture
def studio() -> Iterator[FakeLabelStudio]:
    with FakeLabelStudio() as running:
        yield running


@pytest.fixture
def workers(
    server: Cluster, studio: FakeLabelStudio, tmp_path: Path, pictures: Callable[[int], dict[str, str]]
) -> Iterator[Workers]:
    pytest.importorskip("fastapi")
    pictures(ITEMS)
    url = server.create(f"workers {time.monotonic_ns()}")
    folders, ports = [], []
    for who in ("one", "two"):
        config = check_config(
            {
                "data": {"path": "../pictures", "modality": "image", "classes": list(CLASSES)},
                "encoder": {"name": "pixels"},
                "annotator": {"url": studio.url, "title": "two workers"},
                "query": {"size": 6, "random_share": 0.0, "strategy": "max_herding"},
                "stop": {"stable_kappa": False},
                "ledger": url,
            }
        )
        made = Project.create(tmp_path / who, config, version="test")
        Session(made).encode()
        folders.append(made.folder)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            ports.append(int(probe.getsockname()[1]))
    environment = os.environ | {
        "LABEL_STUDIO_API_KEY": studio.token,
        "ACTIVESSL_SERVE_SECRET": SECRET,
        "ACTIVESSL_PAGE_SECRET": TOKEN,
    }
    with Balancer(ports) as balancer, contextlib.ExitStack() as stack:
        processes = []
        for folder, port in zip(folders, ports, strict=True):
            verb = ["serve", "-p", str(folder), "--port", str(port), "--every", "2", "--public-url", balancer.url]
            log = stack.enter_context((tmp_path / f"{port}.log").open("w"))
            command = [sys.executable, "-m", "activessl_cli.main", *verb]
            processes.append(subprocess.Popen(command, env=environment, stderr=log, stdout=log, text=True))
            stack.callback(processes[-1].wait)
            stack.callback(processes[-1].kill)
        found = Workers(folders, ports, processes, balancer.url)

        def up() -> bool:
            assert all(process.poll() is None for process in processes), "one has ended"
            with contextlib.suppress(httpx.HTTPError):
                return all(httpx.get(f"http://127.0.0.1:{port}/health").status_code == 200 for port in ports)
            return False

        wait_for(up)
        yield found
        for port in ports:
            print((tmp_path / f"{port}.log").read_text())


def test_webhooks_arrive_at_either_and_each_label_is_there_once(workers: Workers, studio: FakeLabelStudio) -> None:
    people = Labelers(studio)
    killed = False

    def labeled() -> bool:
        nonlocal killed
        before = len(people.given)
        people.label(2)
        for _ in range(len(people.given) - before):
            workers.hook()
        if not killed and len(people.given) > ITEMS // 2 and workers.metric(0, 'steps_total{what="pulls"}'):
            workers.processes[0].send_signal(signal.SIGKILL)  # the other one does its work
            workers.processes[0].wait()
            killed = True
        return len(workers.project.history().labels) == ITEMS

    wait_for(lambda: bool(studio.tasks))
    wait_for(labeled)
    assert killed and people.twice == []
    tasks = Counter(question_of(task) for task in studio.tasks.values())
    assert len(tasks) == ITEMS and set(tasks.values()) == {1}
    history = workers.project.history()
    assert {item: label.classes for item, label in history.labels.items()} == {
        item: (name,) for item, name in people.given.items()
    }
    assert [r.number for r in history.rounds] == list(range(1, ITEMS // 6 + 1))
    with workers.project.ledger() as ledger:
        keys = Counter(r.event.answer.key for r in ledger if isinstance(r.event, Answered))
    assert len(keys) == ITEMS and set(keys.values()) == {1}
    assert workers.metric(1, 'steps_total{what="pulls"}') > 0


def test_the_live_page_and_its_buttons_are_those_of_both(workers: Workers, studio: FakeLabelStudio) -> None:
    people = Labelers(studio)
    wait_for(lambda: len(studio.tasks) == 6)
    # each request is a connection of its own, so one goes here and the next there
    login = httpx.post(f"{workers.url}/login", data={"token": TOKEN}, headers={"sec-fetch-site": "same-origin"})
    assert login.status_code == 303
    cookie = {"cookie": login.headers["set-cookie"].partition(";")[0]}
    pages = [httpx.get(f"http://127.0.0.1:{port}/", headers=cookie | PAGE) for port in workers.ports]
    words = {re.search(r'name="form" value="([^"]+)"', page.text)[1] for page in pages}  # type: ignore[index]
    assert [page.status_code for page in pages] == [200, 200] and len(words) == 1

    def order(port: int, what: str) -> None:
        sent = {"what": what, "form": next(iter(words))}
        assert httpx.post(f"http://127.0.0.1:{port}/order", data=sent, headers=cookie).status_code == 303

    def shown(port: int) -> str:
        return httpx.get(f"http://127.0.0.1:{port}/live", headers=cookie | PAGE).text

    order(workers.ports[0], "stop")
    wait_for(lambda: all("No further round is opened" in shown(port) for port in workers.ports))
    people.label(6)
    workers.hook()
    workers.hook()
    wait_for(lambda: len(workers.project.history().labels) == 6)
    time.sleep(3)  # both have looked since
    assert len(workers.project.history().rounds) == 1
    order(workers.ports[1], "go on")
    wait_for(lambda: len(studio.tasks) == 12)
    assert len(workers.project.history().rounds) == 2
    wait_for(lambda: not any("No further round is opened" in shown(port) for port in workers.ports))
    # an open page at one worker is told what the other one did
    with httpx.stream("GET", f"http://127.0.0.1:{workers.ports[0]}/events", headers=cookie, timeout=30) as stream:
        told = stream.iter_lines()
        first = next(told)
        workers.project.append(Pulled(watermark="of another worker"))
        assert next(line for line in told if line.startswith("data: ") and line != first)
    # no cookie of another token, and none that was changed, is let in
    broken = cookie["cookie"][:-1] + ("0" if cookie["cookie"][-1] != "0" else "1")
    for port in workers.ports:
        assert httpx.get(f"http://127.0.0.1:{port}/live", headers={"cookie": broken}).status_code == 401
