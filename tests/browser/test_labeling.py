"""A person in a real browser: sees the round in our order with our answers, corrects, skips; and the model learns."""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import Any

import pytest
from pictures import CLASSES

from activessl.config import check_config
from activessl.project import Project
from activessl.session import Session
from activessl_label_studio import LabelStudioAnnotator, LabelStudioConfig, StudioInfo

pytestmark = [pytest.mark.browser, pytest.mark.studio, pytest.mark.timeout(1500)]

SIZE = 6


@pytest.fixture
def session(tmp_path: Path, server: StudioInfo, truth: dict[str, str]) -> Session:
    config = check_config(
        {
            "data": {"path": "../pictures", "modality": "image", "classes": list(CLASSES)},
            "encoder": {"name": "pixels"},
            "annotator": {"url": server.url, "title": f"browser {uuid.uuid4().hex[:8]}", "blind_share": 0.0},
            "query": {"size": SIZE, "random_share": 0.0, "strategy": "max_herding"},
        }
    )
    opened = Session(Project.create(tmp_path / "project", config, version="test"))
    opened.encode()
    return opened


@pytest.fixture
def people(session: Session, server: StudioInfo) -> LabelStudioAnnotator:
    annotator = session.project.config.annotator
    config = LabelStudioConfig(server.url, server.token, annotator.title, CLASSES)
    history = session.project.history
    return LabelStudioAnnotator(
        config, known=lambda: {source: answer.item_id for source, answer in history().answers.items()}
    )


def choice(page: Any, name: str) -> Any:
    return page.locator(".lsf-choice__item, .lsf-choices label, label").filter(has_text=name).first


def chosen(page: Any) -> str | None:
    """Which class is selected on the page."""
    for name in CLASSES:
        if choice(page, name).locator("input").first.is_checked():
            return name
    return None


def see(page: Any) -> None:
    """Wait until the picture is there and the choices can be clicked."""
    choice(page, CLASSES[0]).wait_for()
    page.wait_for_function("() => [...document.images].some(i => i.complete && i.naturalWidth === 28)")


def answer(page: Any, name: str | None) -> dict[str, Any]:
    """Select a class, where another is selected, and submit; None skips. What the server kept."""
    if name is not None and chosen(page) != name:
        choice(page, name).click()
    button = page.get_by_role("button", name="Skip" if name is None else "Submit").first
    with page.expect_response(lambda r: "/annotations" in r.url and r.request.method == "POST") as kept:
        button.click()
    said: dict[str, Any] = kept.value.json()
    return said


def test_a_round_is_labeled_and_the_next_task_comes_from_the_new_model(
    page: Any, server: StudioInfo, session: Session, people: LabelStudioAnnotator, truth: dict[str, str]
) -> None:
    # the first round: nothing is suggested yet
    first = session.query()
    pushed = session.push(people)
    item = {int(task): item_id for item_id, task in pushed.tasks.items()}
    page.goto(pushed.where, wait_until="domcontentloaded")
    offered: list[str] = []
    for i in range(SIZE):
        see(page)
        assert chosen(page) is None
        kept = answer(page, truth[first.asked[i]])
        offered.append(item[kept["task"]])
        page.wait_for_timeout(1000)
    assert tuple(offered) == first.asked
    assert session.pull(people) == SIZE
    history = session.project.history()
    assert {i: label.classes for i, label in history.labels.items()} == {i: (truth[i],) for i in first.asked}
    assert all(label.answers[0].seconds for label in history.labels.values())
    session.teach()

    # the second: suggestions are selected already; one is corrected, one is skipped, the others confirmed
    second = session.query()
    pushed = session.push(people)
    item = {int(task): item_id for item_id, task in pushed.tasks.items()}
    model = session.project.history().rounds[-1].pushed[-1].model
    page.goto(pushed.where, wait_until="domcontentloaded")
    see(page)
    picture = os.environ.get("ACTIVESSL_SCREENSHOT")
    page.wait_for_timeout(2000)
    if picture:
        page.screenshot(path=picture)
    said: dict[str, str | None] = {}
    shown: dict[str, str | None] = {}
    for i in range(SIZE):
        see(page)
        asked = second.asked[i]
        shown[asked] = chosen(page)
        assert shown[asked] in CLASSES
        said[asked] = shown[asked]
        if i == 1:
            said[asked] = next(name for name in CLASSES if name != shown[asked])
        if i == 2:
            said[asked] = None
        kept = answer(page, said[asked])
        assert item[kept["task"]] == asked
        page.wait_for_timeout(1000)
    assert session.pull(people) == SIZE
    history = session.project.history()
    assert history.skipped == {second.asked[2]}
    for asked, name in said.items():
        if name is not None:
            label = history.labels[asked]
            assert (label.classes, label.answers[0].suggested) == ((name,), shown[asked])

    # the third comes from the new model
    session.teach()
    third = session.query()
    pushed = session.push(people)
    newer = session.project.history().rounds[-1].pushed[-1].model
    assert newer != model
    with page.expect_response(lambda r: "next_task" in r.url or r.url.split("?")[0].endswith("/next")) as offer:
        page.goto(pushed.where, wait_until="domcontentloaded")
    task = offer.value.json()
    assert task["data"]["activessl_id"] == third.asked[0]
    assert [p["model_version"] for p in task["predictions"]] == [newer]
    see(page)
    assert chosen(page) == task["predictions"][0]["result"][0]["value"]["choices"][0]
