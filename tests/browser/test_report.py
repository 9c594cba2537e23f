"""The map of the report in a real browser: nothing is loaded, nothing in the data runs, and its list opens a round."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from activessl import Session
from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl.project.snapshot import Snapshot
from activessl.steps.listed import ids_of

pytestmark = pytest.mark.browser
EVIL = "<img src=x onerror='document.title=1'></script><script>document.title=1</script>"


@pytest.fixture
def session(tmp_path: Path) -> Session:
    lines = [f'"{i} {EVIL}","the {["cat", "dog"][i % 2]} number {i} {EVIL}"' for i in range(80)]
    (tmp_path / "texts.csv").write_text("\n".join(["id,text", *lines]) + "\n", encoding="utf-8")
    config = check_config({"data": {"path": "../texts.csv", "modality": "text", "classes": ("cat", "dog")}})
    made = Session(Project.create(tmp_path / "p", config, version="0"))
    made.encode()
    return made


@pytest.fixture
def page(browser: Any, session: Session) -> Iterator[Any]:
    """The report, in a tab without a network."""
    path = session.report().save(session.project.folder / "reports")
    context = browser.new_context(viewport={"width": 390, "height": 900}, offline=True)
    tab = context.new_page()
    tab.said = []
    tab.on("console", lambda message: tab.said.append(message.text))
    tab.on("pageerror", lambda error: tab.said.append(str(error)))
    tab.on("request", lambda request: tab.said.append(request.url) if request.url.startswith("http") else None)
    tab.goto(path.as_uri())
    yield tab
    context.close()


def test_a_list_of_the_map_opens_a_round_about_these_items(page: Any, session: Session, tmp_path: Path) -> None:
    canvas = page.locator("[data-map=canvas]")
    canvas.scroll_into_view_if_needed()
    page.click("[data-map=lasso]")
    box = canvas.bounding_box()
    corners = [(0.02, 0.02), (0.98, 0.02), (0.98, 0.98), (0.02, 0.98)]
    for k, (x, y) in enumerate(corners):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=4)
        if k == 0:
            page.mouse.down()
    page.mouse.up()
    with page.expect_download() as download:
        page.click("[data-map=download]")
    download.value.save_as(tmp_path / "items.txt")
    ids = Snapshot.of(session.project).embeddings.ids
    found = ids_of((tmp_path / "items.txt").read_text(encoding="utf-8"), frozenset(ids))
    assert len(found) > 70 and set(found) <= set(ids)
    assert set(session.query(items=found).items) == set(found)
    assert page.title() != "1" and page.said == []


def test_items_are_found_by_words_and_shown_with_those_nearest(page: Any) -> None:
    page.fill("[data-map=search]", "dog 17")
    page.locator("[data-map=list] li").first.wait_for()
    assert page.locator("[data-map=list] li").count() == 1
    page.click("[data-map=list] button")
    assert "Nearest to 17 " in page.locator("[data-map=list] .lead").inner_text()
    assert page.locator("[data-map=list] li").count() == 8
    assert EVIL in page.locator("[data-map=card]").inner_text()
    assert page.title() != "1" and page.said == []


def test_the_page_fits_a_phone_and_is_whole_without_scripts(page: Any, browser: Any, session: Session) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto((session.project.folder / "reports" / "report.html").as_uri())
    assert tab.locator("[data-map=still]").is_visible() and not tab.locator("[data-map=tools]").is_visible()
    context.close()


def test_a_frame_of_many_items_is_drawn_in_time(browser: Any, tmp_path: Path) -> None:
    np.savez(tmp_path / "pool.npz", vectors=np.random.default_rng(0).normal(size=(2000, 8)).astype(np.float32))
    config = check_config({"data": {"path": "../pool.npz", "modality": "vector", "classes": ("a", "b")}})
    session = Session(Project.create(tmp_path / "p", config, version="0"))
    session.encode()
    tab = browser.new_page(viewport={"width": 1200, "height": 900})
    tab.goto(session.report().save(tmp_path).as_uri())
    seconds = tab.evaluate(
        """async () => {
          const canvas = document.querySelector('[data-map=canvas]'), next = () => new Promise(requestAnimationFrame);
          const start = performance.now();
          for (let k = 0; k < 60; k++) {
            canvas.dispatchEvent(new WheelEvent('wheel', {deltaY: k % 20 < 10 ? -30 : 30, cancelable: true}));
            await next();
          }
          return (performance.now() - start) / 1000;
        }"""
    )
    assert seconds < 60 / 20
    tab.close()
