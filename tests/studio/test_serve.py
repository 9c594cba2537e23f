"""``activessl serve`` beside a real Label Studio: webhooks open rounds, and a restart loses nothing."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from activessl.errors import AnnotatorError
from activessl.project.annotators import annotator_of
from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl.project.regions.snapshot import RegionSnapshot
from activessl.session import Session
from activessl_label_studio import Habits, ScriptedAnnotator, StudioInfo, connect
from activessl_label_studio.regions.extents import extent_in_pool
from activessl_label_studio.regions.results import read_result
from activessl_label_studio.regions.scripted import DrawingHabits, ScriptedDrawer
from activessl_label_studio.regions.tags import read_region_config
from tests.unit.steps.regions.projects import set_, spans

pytestmark = [pytest.mark.studio, pytest.mark.timeout(900)]

SIZE = 6


@pytest.fixture
def project(server: StudioInfo, tmp_path: Path, pictures: Callable[[int], dict[str, str]]) -> Project:
    pictures(40)
    config = check_config(
        {
            "data": {"path": "../pictures", "modality": "image", "classes": ["dark", "light"]},
            "encoder": {"name": "pixels"},
            "annotator": {"url": server.url, "title": f"serve {uuid.uuid4().hex[:8]}"},
            "query": {"size": SIZE, "random_share": 0.0, "strategy": "max_herding"},
        }
    )
    made = Project.create(tmp_path / "project", config, version="test")
    Session(made).encode()
    return made


def wait_for(true: Callable[[], bool], seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)


@contextlib.contextmanager
def serving(project: Project, server: StudioInfo, every: float) -> Iterator[str]:
    if os.environ.get("CI") != "true":
        pytest.importorskip("fastapi")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    verb = ["serve", "--project", str(project.folder), "--port", str(port), "--every", str(every)]
    environment = os.environ | {"LABEL_STUDIO_API_KEY": server.token}
    with subprocess.Popen(
        [sys.executable, "-m", "activessl_cli.main", *verb], env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        url = f"http://127.0.0.1:{port}"

        def up() -> bool:
            assert process.poll() is None, "it ended"
            try:
                with urllib.request.urlopen(f"{url}/health", timeout=5) as answer:
                    return json.load(answer)["status"] == "UP"
            except OSError:
                return False

        try:
            wait_for(up)
            yield url
        finally:
            process.send_signal(signal.SIGKILL)  # the worst moment is any moment
            if process.stderr is not None:
                print(process.stderr.read())


def predict_as_an_ml_backend(server: StudioInfo, project: Project, number: int, url: str) -> None:
    """The service is added in the project's settings, as its password has it, and asked for a prediction."""
    client = connect(server.url, server.token)
    backend = {"project": number, "url": url, "title": "activessl", "auth_method": "BASIC_AUTH", "basic_auth_user": "x"}
    with pytest.raises(AnnotatorError, match="400"):
        client.post("/api/ml", backend | {"basic_auth_pass": "wrong"})
    made = client.post("/api/ml", backend | {"basic_auth_pass": (project.folder / "serve.secret").read_text()})
    assert made["state"] == "CO"  # connected
    asked = {item for r in project.history().rounds for item in r.items}
    item = next(item for item in project.pool().ids if item not in asked)
    rows = [{"data": {"activessl_id": item, "image": "data:,"}}, {"data": {"image": "data:,"}}]
    ours, theirs = client.post(f"/api/projects/{number}/import", rows, return_task_ids="true")["task_ids"]
    picked = {"selectedItems": {"all": False, "included": [ours, theirs]}}
    client.post("/api/dm/actions", picked, id="retrieve_tasks_predictions", project=number)
    (said,) = client.get(f"/api/tasks/{ours}")["predictions"]
    assert said["model_version"] == project.history().model
    assert said["result"][0]["value"]["choices"][0] in ("dark", "light")
    (unknown,) = client.get(f"/api/tasks/{theirs}")["predictions"]
    assert unknown["result"] == []
    client.delete(f"/api/tasks/{ours}/")
    client.delete(f"/api/tasks/{theirs}/")


def test_rounds_follow_each_other_by_webhooks_alone_and_a_killed_service_goes_on(
    project: Project, server: StudioInfo
) -> None:
    truth = {f"{i:02}.png": ("dark", "light")[i % 2] for i in range(40)}
    habits = Habits(mistakes=0.0, anchoring=0.0, skips=0.0)
    with serving(project, server, every=600.0) as url:
        wait_for(lambda: bool(project.history().rounds) and bool(project.history().rounds[0].pushed))
        number = int(project.history().rounds[-1].pushed[-1].project)
        person = ScriptedAnnotator(server.url, server.email, server.password, number, truth, habits=habits)
        assert person.work(SIZE - 2).labeled == SIZE - 2
        # nobody looks for ten minutes, unless a webhook comes
        wait_for(lambda: len(project.history().rounds) == 2 and bool(project.history().rounds[1].pushed))
        secret = (project.folder / "serve.secret").read_text()
        scrape = urllib.request.Request(f"{url}/metrics", headers={"Authorization": f"Bearer {secret}"})
        with urllib.request.urlopen(scrape, timeout=5) as answer:
            said = answer.read().decode()
        assert 'result="refused"} 0' in said
        assert f"activessl_labels {SIZE - 2}\n" in said
        predict_as_an_ml_backend(server, project, number, url)

    person.work(3)  # while no service runs
    with serving(project, server, every=600.0):
        person.work(3)
        wait_for(lambda: len(project.history().rounds) == 3 and bool(project.history().rounds[2].pushed))
    person.close()
    history = project.history()
    assert len(history.labels) == len(history.answers) == SIZE - 2 + 6
    assert all(label.classes == (truth[item],) for item, label in history.labels.items())
    hooks = connect(server.url, server.token).get("/api/webhooks/", project=number)
    assert len({hook["url"] for hook in hooks}) == len(hooks)


def test_answers_to_groups_come_by_webhooks_too_also_where_another_process_shows_the_groups(
    project: Project, server: StudioInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", server.token)
    truth = {f"{i:02}.png": ("dark", "light")[i % 2] for i in range(40)}
    habits = Habits(mistakes=0.0, anchoring=0.0, skips=0.0)
    client = connect(server.url, server.token)

    def confirm_the_first_of(number: int) -> set[str]:
        (task, *_) = client.get("/api/tasks", project=number, page_size=10, fields="all")["tasks"]
        verdict = {"from_name": "verdict", "to_name": "group", "type": "choices", "value": {"choices": ["yes"]}}
        client.post(f"/api/tasks/{task['id']}/annotations/", {"result": [verdict], "lead_time": 8.0})
        return {row["value"] for row in task["data"]["items"]}

    def hooks_of(number: int) -> list[str]:
        return [hook["url"] for hook in client.get("/api/webhooks/", project=number)]

    with serving(project, server, every=600.0) as url:
        wait_for(lambda: bool(project.history().rounds) and bool(project.history().rounds[0].pushed))
        number = int(project.history().rounds[-1].pushed[-1].project)
        person = ScriptedAnnotator(server.url, server.email, server.password, number, truth, habits=habits)
        person.work(SIZE - 2)
        wait_for(lambda: len(project.history().rounds) == 2 and bool(project.history().rounds[1].pushed))
        # somebody asks for groups by hand, while the service runs
        session = Session(project)
        session.close("for groups")
        opened = session.query(1, confirm=True)
        pushed = session.push(annotator_of(project))
        assert opened.confirms and int(pushed.project) != number
        # the service meets their project at its next look, and is called for it from then on
        person.work(1)
        wait_for(lambda: hooks_of(int(pushed.project)) == [f"{url}/webhook"])
        confirmed = confirm_the_first_of(int(pushed.project))
        wait_for(lambda: confirmed <= project.history().labels.keys())
    person.close()
    history = project.history()
    given = [a for a in history.answers.values() if a.cluster]
    assert {a.item for a in given} == confirmed and len(given) == len(confirmed) >= 4
    assert all(history.labels[item].classes == (truth[item],) for item in confirmed)
    assert hooks_of(number) == [f"{url}/webhook"]


def test_a_service_of_regions_teaches_opens_rounds_and_draws_what_label_studio_asks_for(
    server: StudioInfo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", server.token)
    session, truth = spans(tmp_path, 30, query_size=8)
    set_(session, '# url = "https://labels.example.com"', f'url = "{server.url}"')
    set_(session, 'title = "activessl', f'title = "{uuid.uuid4().hex[:8]}')
    project = session.project
    habits = DrawingHabits(spread=0.0)
    with serving(project, server, every=600.0) as url:
        wait_for(lambda: bool(project.history().rounds) and bool(project.history().rounds[0].pushed))
        number = int(project.history().rounds[-1].pushed[-1].project)
        person = ScriptedDrawer(server.url, server.email, server.password, number, "spans", truth, habits=habits)
        assert person.work(6).answered == 6
        # by webhooks alone: six answers, a model, and the next round with its regions
        wait_for(lambda: len(project.history().rounds) == 2 and bool(project.history().rounds[1].pushed), 300.0)
        history = project.history()
        assert history.taught is not None and len(history.labels) == 6

        client = connect(server.url, server.token)
        backend = {"project": number, "url": url, "title": "activessl", "auth_method": "BASIC_AUTH"}
        secret = (project.folder / "serve.secret").read_text()
        made = client.post("/api/ml", backend | {"basic_auth_user": "x", "basic_auth_pass": secret})
        assert made["state"] == "CO"  # connected
        snapshot, pool = RegionSnapshot.of(project), project.pool()
        asked = {item for r in history.rounds for item in r.items}
        free = [item for item in pool.ids if item not in asked]
        found = dict(zip(free, snapshot.predicted(free), strict=True))
        item = max(free, key=lambda name: len(snapshot.worth_showing(found[name][0])))
        rows = [{"data": {"activessl_id": item, "text": str(pool.read(pool.row(item)))}}]
        (task,) = client.post(f"/api/projects/{number}/import", rows, return_task_ids="true")["task_ids"]
        picked = {"selectedItems": {"all": False, "included": [task]}}
        client.post("/api/dm/actions", picked, id="retrieve_tasks_predictions", project=number)
        (said,) = client.get(f"/api/tasks/{task}")["predictions"]
        control = read_region_config(client.get(f"/api/projects/{number}/")["label_config"], "spans")
        read = read_result(said["result"], control, extent_in_pool(pool, pool.row(item))).regions
        assert said["model_version"] == history.model
        assert [(one.place, one.classes) for one in read] == [
            (one.place, one.classes) for one in snapshot.worth_showing(found[item][0])
        ]
        client.delete(f"/api/tasks/{task}/")
        person.close()
