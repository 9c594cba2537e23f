"""A person watches the live page in a real browser while somebody labels in a real Label Studio."""

from __future__ import annotations

import os
import re
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pictures import CLASSES

from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl.session import Session
from activessl_label_studio import Habits, LabelStudioAnnotator, LabelStudioConfig, ScriptedAnnotator, StudioInfo, web
from activessl_label_studio.live.access import Access
from activessl_label_studio.live.desk import Desk
from activessl_label_studio.service import Service
from activessl_label_studio.worker import Worker

pytestmark = [pytest.mark.browser, pytest.mark.studio, pytest.mark.timeout(1500)]

TOKEN = "the-token-of-this-test"


@pytest.fixture
def live(server: StudioInfo, tmp_path: Path, truth: dict[str, str]) -> Iterator[tuple[str, Worker, Any]]:
    """The address of a running service, its worker, and a function that labels so many tasks."""
    title = f"live {uuid.uuid4().hex[:8]}"
    config = check_config(
        {
            "data": {"path": "../pictures", "modality": "image", "classes": list(CLASSES)},
            "encoder": {"name": "pixels"},
            "annotator": {"url": server.url, "title": title},
            "query": {"size": 12},
        }
    )
    session = Session(Project.create(tmp_path / "project", config, version="test"))
    session.encode()
    people = LabelStudioAnnotator(LabelStudioConfig(server.url, server.token, title, CLASSES))
    worker = Worker(session, people, every=1.0, settle=0.1)
    worker.step()
    number = int(session.project.history().rounds[0].pushed[0].project)
    exact = Habits(mistakes=0.0, anchoring=0.0, skips=0.0)

    def label(tasks: int) -> None:
        hand = ScriptedAnnotator(server.url, server.email, server.password, number, truth, habits=exact)
        hand.work(tasks)
        hand.close()

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    service = Service(worker, "the-secret-of-label-studio")
    runs = web.make_server(service, "127.0.0.1", port, Desk(worker, Access(TOKEN)))
    thread = threading.Thread(target=runs.run, daemon=True)
    thread.start()
    worker.start()
    end = time.monotonic() + 30
    while not runs.started and time.monotonic() < end:
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}/", worker, label
    runs.should_exit = True
    worker.stop()
    thread.join(10)
    assert not thread.is_alive()


def test_the_page_follows_the_work_and_its_buttons_are_obeyed(live: Any, browser: Any) -> None:
    address, worker, label = live
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    tab = context.new_page()
    wrong: list[str] = []
    tab.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    tab.goto(address)
    assert tab.evaluate("document.activeElement.id") == "token"  # the field has the focus
    tab.get_by_label("Token").fill(TOKEN)
    tab.keyboard.press("Enter")
    tab.get_by_text("12 of 12 items of round 1 wait for an answer").wait_for()
    tab.get_by_text("live", exact=True).wait_for()

    label(5)
    tab.get_by_text("7 of 12 items of round 1 wait for an answer").wait_for(timeout=30_000)  # without reloading
    end = time.monotonic() + 10
    while (told := _new_answers(tab)) != 5:  # one pull or several: a matter of time
        assert told < 5 and time.monotonic() < end, told
        time.sleep(0.1)
    assert tab.get_by_role("link", name="Label in Label Studio").get_attribute("href").startswith("http://127.0.0.1")

    tab.get_by_role("button", name="Open no further round").press("Enter")
    tab.get_by_role("button", name="Go on").wait_for()
    label(7)
    tab.get_by_text("No round is open").wait_for(timeout=30_000)  # it was answered, and the head was taught
    assert worker.paused and worker.state.rounds == 1
    tab.get_by_role("button", name="Open a round").click()
    tab.get_by_text("12 of 12 items of round 2 wait for an answer").wait_for(timeout=60_000)

    axe = _axe(tab)
    assert [one["id"] for one in axe if one["impact"] in ("serious", "critical")] == []
    kept = os.environ.get("ACTIVESSL_BROWSER_PICTURES")
    for width in (1200, 600, 390):
        for scheme in ("light", "dark"):
            tab.set_viewport_size({"width": width, "height": 900})
            tab.emulate_media(color_scheme=scheme)
            assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth"), (width, scheme)
            assert [one["id"] for one in _axe(tab) if one["impact"] in ("serious", "critical")] == []
            if kept:
                tab.screenshot(path=Path(kept) / f"live-{width}-{scheme}.png", full_page=True)

    tab.get_by_role("link", name="full report").click()
    tab.get_by_text("labeling report").first.wait_for()
    tab.go_back()
    tab.get_by_role("link", name="log out").click()
    tab.get_by_label("Token").wait_for()
    assert wrong == []
    context.close()


def _new_answers(tab: Any) -> int:
    """How many new answers the diary of the page tells of."""
    told = re.findall(r"\b(\d+) new answers?\b", tab.locator("[data-part=said]").inner_text())
    return sum(int(number) for number in told)


def _axe(tab: Any) -> list[dict[str, Any]]:
    """What axe finds; its script is run by the browser, not by the page, whose policy refuses it."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
    return list(axe.Axe().run(tab).response["violations"])
