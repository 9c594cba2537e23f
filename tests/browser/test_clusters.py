"""A person in a real browser confirms a group of pictures at a glance, and marks the one that does not belong."""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import Any

import pytest
from pictures import CLASSES

from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl.proof.confirmed import confirmed_count
from activessl.session import Session
from activessl_label_studio import Habits, LabelStudioAnnotator, LabelStudioConfig, ScriptedAnnotator, StudioInfo

pytestmark = [pytest.mark.browser, pytest.mark.studio, pytest.mark.timeout(1500)]


def test_a_grid_is_confirmed_with_one_key_but_for_what_was_clicked(
    page: Any, server: StudioInfo, tmp_path: Path, truth: dict[str, str]
) -> None:
    title = f"groups {uuid.uuid4().hex[:8]}"
    config = check_config(
        {
            "data": {"path": "../pictures", "modality": "image", "classes": list(CLASSES)},
            "encoder": {"name": "pixels"},
            "annotator": {"url": server.url, "title": title},
            "query": {"size": 24, "random_share": 0.0, "strategy": "max_herding", "confirm": 12},
        }
    )
    session = Session(Project.create(tmp_path / "project", config, version="test"))
    session.encode()
    people = LabelStudioAnnotator(LabelStudioConfig(server.url, server.token, title, CLASSES))
    session.query()
    number = int(session.push(people).project)
    exact = Habits(mistakes=0.0, anchoring=0.0, skips=0.0)
    hand = ScriptedAnnotator(server.url, server.email, server.password, number, truth, habits=exact)
    hand.work(24)
    hand.close()
    session.pull(people)
    session.teach()

    shown = session.query(2, confirm=True).questions
    pushed = session.push(people)
    page.goto(pushed.where, wait_until="domcontentloaded")
    pictures = page.locator(".activessl-picture")
    pictures.first.wait_for()
    page.wait_for_timeout(2000)
    assert pictures.count() == len(shown[0].items)
    # each is there to be seen: a background that was taken out by the page would have no size
    box = pictures.first.bounding_box()
    assert box["width"] == box["height"] == 120
    assert pictures.first.evaluate("e => getComputedStyle(e).backgroundImage").startswith("url(")
    assert page.get_by_role("button", name="Submit").first.is_disabled()

    pictures.nth(2).click()
    page.keyboard.press("1")
    if picture := os.environ.get("ACTIVESSL_SCREENSHOT"):
        page.screenshot(path=picture)
    with page.expect_response(lambda r: "/annotations" in r.url and r.request.method == "POST"):
        page.keyboard.press("Control+Enter")

    assert session.pull(people) == len(shown[0].items)
    history = session.project.history()
    marked = shown[0].items[2]
    assert history.apart == {marked} and marked not in history.labels
    confirmed = [item for item in shown[0].items if item != marked]
    assert {history.labels[item].classes for item in confirmed} == {(shown[0].proposed,)}
    assert history.only_confirmed == set(confirmed)
    assert sum(truth[item] == shown[0].proposed for item in confirmed) >= len(confirmed) - 1
    count = confirmed_count(history)
    assert count is not None and count.seconds > 0 and (count.clusters, count.apart) == (1, 1)

    # the other one is open: it is offered, and the marked item comes first of the next single questions
    page.goto(pushed.where, wait_until="domcontentloaded")
    pictures.first.wait_for()
    session.close("enough")
    assert marked in session.query(6, confirm=False).items
