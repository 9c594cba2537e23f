"""What people see in a browser after classes were renamed and merged."""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import Any

import pytest
from pictures import CLASSES

from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl.session import Session
from activessl.steps.classes import Classes
from activessl_label_studio import LabelStudio, StudioInfo

pytestmark = [pytest.mark.browser, pytest.mark.studio, pytest.mark.timeout(1500)]


def choice(page: Any, name: str) -> Any:
    return page.locator(".lsf-choice__item").filter(has_text=name).first


def test_new_names_are_shown_old_answers_are_selected_under_them_and_merged_choices_are_not_seen(
    page: Any, server: StudioInfo, tmp_path: Path, truth: dict[str, str]
) -> None:
    config = check_config(
        {
            "data": {"path": "../pictures", "modality": "image", "classes": list(CLASSES)},
            "annotator": {"url": server.url, "title": f"seen {uuid.uuid4().hex[:8]}", "tabs": "none"},
            "encoder": {"name": "pixels"},
            "query": {"size": 4, "strategy": "max_herding", "random_share": 0.0},
        }
    )
    session, people = (
        Session(Project.create(tmp_path / "project", config, version="t")),
        LabelStudio(server.url, server.token),
    )
    session.encode()
    session.query()
    pushed = session.push(people)
    number, client = int(pushed.project), people.annotator(session.project).client
    done = next(iter(pushed.tasks.values()))
    result = {"from_name": "label", "to_name": "item", "type": "choices", "value": {"choices": ["bag"]}}
    client.post(f"/api/tasks/{done}/annotations/", {"result": [result], "lead_time": 3.0})

    Classes(session.project).rename("bag", "handbag")
    Classes(session.project).merge(["sandal", "trouser"], "worn below")
    session.push(people)
    page.goto(f"{server.url}/projects/{number}/data?task={done}", wait_until="domcontentloaded")
    choice(page, "handbag").wait_for()
    assert choice(page, "handbag").locator("input").first.is_checked()
    page.goto(f"{server.url}/projects/{number}/data?labeling=1", wait_until="domcontentloaded")
    choice(page, "worn below").wait_for()
    page.wait_for_timeout(1500)
    if os.environ.get("ACTIVESSL_SCREENSHOT"):
        page.screenshot(path=os.environ["ACTIVESSL_SCREENSHOT"])
    seen = [box.inner_text().strip() for box in page.locator(".lsf-choice__item").all() if box.is_visible()]
    texts = " ".join(seen)
    assert "handbag" in texts and "worn below" in texts and "coat" in texts
    assert not any(name in texts for name in ("sandal", "trouser"))
    choice(page, "worn below").click()
    with page.expect_response(lambda r: "/annotations" in r.url and r.request.method == "POST") as kept:
        page.get_by_role("button", name="Submit").first.click()
    assert kept.value.json()["result"][0]["value"]["choices"] == ["worn below"]
    session.pull(people)
    assert sorted(label.classes for label in session.project.history().labels.values()) == [
        ("handbag",),
        ("worn below",),
    ]

    # the settings page saves such a config: the server refuses one that lacks a choice which results have
    now = client.get(f"/api/projects/{number}")["label_config"]
    client.post(f"/api/projects/{number}/validate/", {"label_config": now})
