"""A person in a real browser: sees the round in our order with our answers, corrects, skips; and the model learns."""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import Any

import pytest
from pictures import CLASSES

from activessl.annotators.base import Asked, Suggestion
from activessl.labels.questions import Question
from activessl.labels.several_classes import SEVERAL
from activessl.project.config import check_config
from activessl.project.folder import Project
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
            "annotator": {
                "url": server.url,
                "title": f"browser {uuid.uuid4().hex[:8]}",
                "blind_share": 0.0,
                "suggest_above": 0.0,  # every task has a suggestion
            },
            "query": {"size": SIZE, "random_share": 0.0, "strategy": "max_herding"},
        }
    )
    opened = Session(Project.create(tmp_path / "project", config, version="test"))
    opened.encode()
    return opened


@pytest.fixture
def people(session: Session, server: StudioInfo) -> LabelStudioAnnotator:
    annotator = session.project.config.annotator
    config = LabelStudioConfig(server.url, server.token, annotator.title, CLASSES, tabs="round")
    history = session.project.history
    return LabelStudioAnnotator(config, known=lambda: history().answers)


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
        kept = answer(page, truth[first.items[i]])
        offered.append(item[kept["task"]])
        page.wait_for_timeout(1000)
    assert tuple(offered) == first.items
    assert session.pull(people) == SIZE
    history = session.project.history()
    assert {i: label.classes for i, label in history.labels.items()} == {i: (truth[i],) for i in first.items}
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
        asked = second.items[i]
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
    assert history.skipped == {second.items[2]}
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
    assert task["data"]["activessl_id"] == third.items[0]
    assert [p["model_version"] for p in task["predictions"]] == [newer]
    see(page)
    assert chosen(page) == task["predictions"][0]["result"][0]["value"]["choices"][0]


def said_above(page: Any) -> str:
    """What stands above the choices, as a person sees it."""
    assert not page.locator(".activessl-hint").locator("input, textarea, button").locator("visible=true").count()
    text: str = page.locator(".activessl-hint").first.inner_text()
    return text.strip()


def test_what_else_the_model_considers_stands_above_the_choices_but_of_a_blind_item_nothing(
    page: Any, session: Session, people: LabelStudioAnnotator
) -> None:
    pool, (first, second, third) = session.project.pool(), CLASSES[:3]

    def push(rows: list[int], probs: tuple[float, ...], model: str, blind: int) -> str:
        ids = tuple(pool.ids[row] for row in rows)
        query = Asked(tuple(Question(kind="new", items=(item,)) for item in ids), "random")
        names = (first, second, third)
        said = [Suggestion(i, names, probs, blind=pool.row(i) == blind) for i in ids]
        return people.push(pool, query, said, model=model).where

    page.goto(push([0, 1, 2], (0.61, 0.27, 0.08), "round-1", blind=1), wait_until="domcontentloaded")
    see(page)
    page.get_by_text(f"model: {first} 61 %, or {second} 27 %, or {third} 8 %").wait_for()
    assert said_above(page).startswith("model: ") and chosen(page) == first
    if picture := os.environ.get("ACTIVESSL_SCREENSHOT"):
        page.screenshot(path=f"{picture}.hint.png")
    # the class that is selected is taken away: the line that is left is not submitted as an answer
    page.keyboard.press("1")
    page.wait_for_timeout(500)
    assert chosen(page) is None
    posts: list[str] = []
    page.on("request", lambda r: posts.append(r.url) if r.method == "POST" and "/annotations" in r.url else None)
    page.get_by_role("button", name="Submit").first.click()
    page.wait_for_timeout(1500)
    assert posts == []
    if picture:
        page.screenshot(path=f"{picture}.required.png")
    page.keyboard.press("Escape")
    page.wait_for_timeout(500)
    kept = answer(page, second)
    assert {part["from_name"] for part in kept["result"]} == {"label", "activessl_hint"}
    page.wait_for_timeout(1000)

    see(page)
    assert chosen(page) is None and said_above(page) == ""
    if picture:
        page.screenshot(path=f"{picture}.blind.png")
    answer(page, third)
    assert [a.classes for a in people.pull()[0]] == [(second,), (third,)]

    # a new model: nearly certain of one, of another opinion on the other
    page.goto(push([2, 3], (0.97, 0.02, 0.01), "round-2", blind=3), wait_until="domcontentloaded")
    see(page)
    page.wait_for_timeout(1000)
    assert chosen(page) == first and said_above(page) == ""
    page.goto(push([2, 3], (0.5, 0.45, 0.05), "round-3", blind=3), wait_until="domcontentloaded")
    see(page)
    page.get_by_text(f"model: {first} 50 %, or {second} 45 %").wait_for()


def test_keys_do_what_the_instructions_say_where_a_class_is_selected_and_where_none_is(
    page: Any, session: Session, people: LabelStudioAnnotator
) -> None:
    pool, (first, second, third) = session.project.pool(), CLASSES[:3]
    query = Asked(tuple(Question(kind="new", items=(item,)) for item in pool.ids[:3]), "random")
    said = [Suggestion(i, (first, second, third), (0.9, 0.08, 0.02), blind=i == pool.ids[2]) for i in query.ids]
    page.goto(people.push(pool, query, said, model="round-1").where, wait_until="domcontentloaded")
    # right: no key of a class; wrong, and not suggested: the key of the right class
    for before, keys, after in ((first, "", first), (first, "2", second), (None, "3", third)):
        see(page)
        page.wait_for_timeout(1000)
        assert chosen(page) == before
        for key in keys:
            page.keyboard.press(key)
        page.wait_for_timeout(500)
        assert chosen(page) == after
        with page.expect_response(lambda r: "/annotations" in r.url and r.request.method == "POST"):
            page.keyboard.press("Control+Enter")
        page.wait_for_timeout(1000)
    assert [a.classes for a in people.pull()[0]] == [(first,), (second,), (third,)]


def test_where_an_item_may_have_several_classes_a_person_adds_takes_away_and_says_none(
    page: Any, server: StudioInfo, session: Session
) -> None:
    title = f"several {uuid.uuid4().hex[:8]}"
    people = LabelStudioAnnotator(LabelStudioConfig(server.url, server.token, title, CLASSES, label_kind=SEVERAL))
    pool, (first, second, third) = session.project.pool(), CLASSES[:3]
    ids = pool.ids[:3]
    query = Asked(tuple(Question(kind="new", items=(item,)) for item in ids), "random")
    said = [Suggestion(i, (first, second, third), (0.9, 0.8, 0.1)) for i in ids]
    page.goto(people.push(pool, query, said, model="round-1").where, wait_until="domcontentloaded")

    def selected() -> list[str]:
        return [name for name in CLASSES if choice(page, name).locator("input").first.is_checked()]

    def submit() -> None:
        with page.expect_response(lambda r: "/annotations" in r.url and r.request.method == "POST"):
            page.get_by_role("button", name="Submit").first.click()
        page.wait_for_timeout(1000)

    see(page)
    assert selected() == [first, second]
    if picture := os.environ.get("ACTIVESSL_SCREENSHOT"):
        page.screenshot(path=f"{picture}.several.png")
    submit()  # both, as they are
    see(page)
    choice(page, first).click()
    choice(page, third).click()
    assert selected() == [second, third]
    submit()  # one taken away, one added
    see(page)
    for name in (first, second):
        choice(page, name).click()
    assert selected() == []
    submit()  # none of them
    answers = people.pull()[0]
    assert [(a.kind, set(a.classes)) for a in answers] == [
        ("label", {first, second}),
        ("label", {second, third}),
        ("label", set()),
    ]
    assert [a.suggested for a in answers] == [f"{first}|{second}"] * 3
