"""A real browser, which reaches nothing but the server under test."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from pictures import write_pictures

from activessl_label_studio import StudioInfo

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]

#: Milliseconds: the pages are large, and a busy machine draws them slowly.
PATIENCE = 90_000


@pytest.fixture(scope="session")
def server(sqlite_server: StudioInfo) -> StudioInfo:
    """Which database lies behind it, a browser does not see."""
    return sqlite_server


@pytest.fixture(scope="session")
def browser(missing: Callable[[str], NoReturn]) -> Iterator[Any]:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("playwright is not installed")
    chromium = shutil.which("chromium")
    if chromium is None:
        missing("chromium is not installed")
    with sync_playwright() as play:
        started = play.chromium.launch(executable_path=chromium, args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def page(browser: Any, server: StudioInfo) -> Iterator[Any]:
    """A tab in which the server's user is signed in."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    tab = context.new_page()
    tab.set_default_timeout(PATIENCE)
    mine = (server.url, "data:", "blob:")
    tab.route("**/*", lambda route: route.continue_() if route.request.url.startswith(mine) else route.abort())
    tab.goto(f"{server.url}/user/login/", wait_until="domcontentloaded")
    tab.fill("input[name=email]", server.email)
    tab.fill("input[name=password]", server.password)
    tab.click("button[type=submit]")
    tab.wait_for_url(lambda url: "/user/login" not in url)
    yield tab
    if shot := os.environ.get("ACTIVESSL_SCREENSHOT"):
        tab.screenshot(path=f"{shot}.last.png")
    context.close()


@pytest.fixture
def truth(tmp_path: Path) -> dict[str, str]:
    """Pictures, beside the project; the name of each to what it shows."""
    return write_pictures(tmp_path / "pictures", 120)
