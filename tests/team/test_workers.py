"""Several `activessl serve` behind one address, on one ledger in PostgreSQL."""

from __future__ import annotations

import re
import signal
import time
from collections import Counter

import httpx
import pytest
from couple import ITEMS, Labelers
from fake_label_studio import FakeLabelStudio
from serving import TOKEN, Workers, wait_for

from activessl.ledger.schema import Answered, Pulled
from activessl_label_studio.mapping import question_of

PAGE = {"accept": "text/html"}


@pytest.mark.parametrize("workers", ["own", "shared"], indirect=True)
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
