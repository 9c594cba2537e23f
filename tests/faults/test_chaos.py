"""Everything that can go wrong between activessl and a real server does, and what people said is what is kept."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from proxy import FAULTS, Proxy

from activessl.errors import AnnotatorError, AnnotatorUnreachable
from activessl.ledger.schema import Answered
from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl.session import Session
from activessl_label_studio import (
    Habits,
    LabelStudioAnnotator,
    LabelStudioConfig,
    ScriptedAnnotator,
    StudioInfo,
    studio,
)
from activessl_label_studio import push as push_module
from activessl_label_studio import scripted as scripted_module
from activessl_label_studio.mapping import question_of
from activessl_label_studio.project import list_tasks
from activessl_label_studio.stream import LabelStream
from activessl_label_studio.worker import Worker

pytestmark = [pytest.mark.studio, pytest.mark.timeout(900)]

ITEMS, SIZE, SHARE = 48, 8, 0.25
CLASSES = ("dark", "light")


class Server:
    """A server that can be killed, and comes back with another clock."""

    def __init__(self, folder: Path, python: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.python = folder, folder / "python"
        self._monkeypatch = monkeypatch
        self._thread: threading.Thread | None = None
        self.python.write_text(f'#!/bin/sh\nexec {python} {Path(__file__).with_name("skewed.py")} "$@"\n')
        self.python.chmod(0o755)
        self.kills = 0

    def start(self, skew: float, port: int | None = None) -> StudioInfo:
        self._monkeypatch.setenv("ACTIVESSL_TEST_SKEW", str(skew))
        self.info = studio.start(self.folder, python=self.python, port=port)
        return self.info

    def killer(self, skew: float) -> Callable[[], None]:
        """Kills it at once, and has it come back by itself."""

        def kill() -> None:
            os.kill(self.info.pid, signal.SIGKILL)
            self.kills += 1
            port = int(self.info.url.rpartition(":")[2])
            self._thread = threading.Thread(target=come_back, args=(port,))
            self._thread.start()

        def come_back(port: int) -> None:
            for _ in range(100):
                with contextlib.suppress(AnnotatorError):  # the dead one's port is not free at once
                    self.start(skew, port)
                    return
                time.sleep(0.2)

        return kill

    def wait(self) -> None:
        if self._thread is not None:
            self._thread.join()


@pytest.fixture
def server(
    sqlite_server: StudioInfo, environment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Server]:
    """One of our own, with a copy of the other's tables: making them anew would take most of the time."""
    there, here = sqlite_server.log.parent, tmp_path / "studio"
    shutil.copytree(there / "data", here / "data", ignore=shutil.ignore_patterns("*.sqlite3*", "media"))
    shutil.copy(there / "studio.json", here / "studio.json")
    with (
        contextlib.closing(sqlite3.connect(there / "data" / "label_studio.sqlite3")) as old,
        contextlib.closing(sqlite3.connect(here / "data" / "label_studio.sqlite3")) as new,
    ):
        old.backup(new)
    own = Server(here, environment, monkeypatch)
    own.start(3_600.0)
    yield own
    own.wait()
    studio.stop(here)


@pytest.fixture
def session(tmp_path: Path, pictures: Callable[[int], dict[str, str]]) -> Session:
    pictures(ITEMS)
    config = check_config(
        {
            "data": {"path": "../pictures", "modality": "image", "classes": list(CLASSES)},
            "encoder": {"name": "pixels"},
            "query": {"size": SIZE, "random_share": 0.0, "strategy": "max_herding"},
            "stop": {"stable_kappa": False},
        }
    )
    opened = Session(Project.create(tmp_path / "project", config, version="test"))
    opened.encode()
    return opened


class Patient(LabelStream):
    """Tries again until it works, and remembers what was said."""

    def __init__(self, *args: Any) -> None:
        for turn in range(100):  # what happens on the way may hit the login, too
            try:
                super().__init__(*args)
                break
            except AnnotatorError:
                if turn == 99:
                    raise
                time.sleep(0.2)
        self.said: dict[str, tuple[str, ...] | None] = {}
        self.times: Counter[str] = Counter()

    def _call(self, *args: Any, **more: Any) -> Any:
        for _ in range(100):
            with contextlib.suppress(AnnotatorUnreachable):
                return super()._call(*args, **more)
            time.sleep(0.5)
        raise AssertionError("the server does not come back")

    def submit(self, task: Any, result: Any, *, skipped: bool = False, **more: Any) -> None:
        super().submit(task, result, skipped=skipped, **more)
        self.said[str(question_of(task))] = None if skipped else tuple(result[0]["value"]["choices"])
        self.times[str(question_of(task))] += 1


class Person(ScriptedAnnotator):
    """Works in a patient stream."""

    def __init__(self, *args: Any, **more: Any) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(scripted_module, "LabelStream", Patient)
            super().__init__(*args, **more)
        self.stream: Any = self._stream
        self.said, self.times = self.stream.said, self.stream.times

    def annotation_of(self, item: str, tasks: list[dict[str, Any]]) -> int:
        return next(int(t["annotations"][0]["id"]) for t in tasks if question_of(t) == item and t["annotations"])


def until(true: Callable[[], bool], do: Callable[[], object], seconds: float = 240.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        do()


@pytest.mark.parametrize("seed", [int(s) for s in os.environ.get("ACTIVESSL_CHAOS_SEEDS", "1").split(",")])
def test_whatever_happens_on_the_way_exactly_the_labels_that_people_gave_are_kept(
    server: Server, session: Session, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    # what is waited out in minutes at work is waited out in seconds here
    nap = time.sleep
    monkeypatch.setattr(push_module.time, "sleep", lambda seconds: nap(seconds / 8))
    for name in ("_retry_timeout", "_retry_timeout_from_retries"):
        monkeypatch.setattr(f"label_studio_sdk.core.http_client.{name}", lambda **_: 0.05)
    told: list[str] = []

    def tell(line: str) -> None:
        told.append(line)
        print(line, flush=True)  # what a failing test shows

    title = f"chaos {uuid.uuid4().hex[:8]}"
    truth = {f"{i:02}.png": CLASSES[i % 2] for i in range(ITEMS)}
    known = session.project.history
    with Proxy(server.info.url, share=SHARE, seed=seed) as proxy:
        people = LabelStudioAnnotator(
            LabelStudioConfig(proxy.url, server.info.token, title, CLASSES),
            known=lambda: known().answers,
        )
        worker = Worker(session, people, tell=tell)
        until(lambda: bool(known().rounds and known().rounds[-1].pushed), worker.try_step)
        number = int(known().rounds[-1].pushed[-1].project)
        while True:
            try:
                person = Person(
                    proxy.url, server.info.email, server.info.password, number, truth,
                    habits=Habits(mistakes=0.1, skips=0.1, anchoring=0.0), seed=3,
                )  # fmt: skip
                break
            except AnnotatorUnreachable:
                continue

        def work() -> None:
            person.work(3)
            worker.try_step()

        def labels() -> dict[str, tuple[str, ...]]:
            return {item: label.classes for item, label in known().labels.items()}

        until(lambda: len(person.said) >= 10, work)

        # an edit and a deletion; the item of the latter will be asked about again
        tasks = list(list_tasks(_direct(server, people), number, everything=True))
        changed, withdrawn = [item for item, said in person.said.items() if said][:2]
        other = (next(name for name in CLASSES if (name,) != person.said[changed]),)
        body = {"result": [{"from_name": "label", "to_name": "item", "type": "choices", "value": {"choices": other}}]}
        person.stream._call("PATCH", f"/api/annotations/{person.annotation_of(changed, tasks)}/", body)
        person.said[changed] = other
        person.stream._call("DELETE", f"/api/annotations/{person.annotation_of(withdrawn, tasks)}/", none_on=404)
        del person.said[withdrawn], person.times[withdrawn]
        until(lambda: labels().get(changed) == other and withdrawn not in labels(), worker.try_step)

        # killed while it imports; when it comes back, its clock is two hours behind what it was
        proxy.strike = ("/import", server.killer(-3_600.0))
        until(lambda: server.kills == 1, work)
        until(lambda: len(person.said) >= 26, work)
        # killed while a person submits
        proxy.strike = ("/annotations", server.killer(0.0))
        until(lambda: server.kills == 2, work)
        until(lambda: len(person.said) >= ITEMS - SIZE, work)

        # quiet again: what is still under way arrives, and one more look and push find everything
        proxy.share = 0.0
        server.wait()
        proxy.settle()
        assert worker.try_step(), worker.problem
        session.push(people)
        session.pull(people)

        said = {item: chosen for item, chosen in person.said.items() if chosen}
        assert labels() == said
        assert known().skipped == {item for item, chosen in person.said.items() if not chosen}
        with session.project.ledger() as ledger:
            keys = [r.event.answer.key for r in ledger if isinstance(r.event, Answered)]
        assert len(keys) == len(set(keys))

        tasks = list(list_tasks(people.client, number, everything=True))
        items = [question_of(task) for task in tasks]
        # a second task of an item is there only where somebody labeled it before it was found
        assert all(count <= max(1, person.times[str(item)]) for item, count in Counter(items).items())
        assert set(items) == {item for r in known().rounds for item in r.items}
        assert all(len(task["annotations"]) <= 1 for task in tasks)
        for task in tasks:
            if not task["annotations"]:
                assert len(task["predictions"]) == 1, "an open task has another model's prediction, or two"
        print(sorted(proxy.happened.items()), worker.counts, worker.seconds)
        assert {name for name in FAULTS if not proxy.happened[name]} == set(), "not everything happened"
        shown = " ".join(told) + worker.problem + (server.folder / "studio.log").read_text(errors="replace")
        assert server.info.token not in shown and server.info.password not in shown
        person.close()


def _direct(server: Server, people: LabelStudioAnnotator) -> Any:
    from activessl_label_studio import connect

    return connect(server.info.url, people.config.token)
