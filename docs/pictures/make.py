"""Makes the pictures of README from a real run: ``make demo ARGS=--keep``, then this, with playwright and Chromium.

python docs/pictures/make.py .demo ADDRESS-THAT-PUSH-PRINTS
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

from activessl_label_studio import studio
from activessl_label_studio.process import studio_folder

HERE = Path(__file__).parent


def shrink(path: Path, width: int) -> None:
    """Write a picture smaller, with few colors, so that the repository stays small."""
    with Image.open(path) as picture:
        small = picture.convert("RGB").resize((width, round(picture.height * width / picture.width)))
    small.quantize(128).save(path, optimize=True)


def report(browser: Any, project: Path) -> None:
    """The head of the report and its first section."""
    tab = browser.new_page(viewport={"width": 1100, "height": 1250}, device_scale_factor=1.5)
    tab.goto((project / "reports" / "report.html").absolute().as_uri())
    tab.screenshot(path=HERE / "report.png")
    shrink(HERE / "report.png", 1100)


def labeling(browser: Any, project: Path) -> None:
    """What an annotator sees: an item with the model's class already selected."""
    info = studio.status(studio_folder(project))
    if info is None:
        raise SystemExit("error: no server runs\n hint: make demo ARGS=--keep")
    tab = browser.new_page(viewport={"width": 1100, "height": 700}, device_scale_factor=1.5)
    tab.goto(f"{info.url}/user/login/")
    tab.fill("input[name=email]", info.email)
    tab.fill("input[name=password]", info.password)
    tab.click("button[type=submit]")
    tab.wait_for_url(lambda url: "/user/login" not in url)
    tab.goto(sys.argv[2])  # the address that push prints
    tab.get_by_role("button", name="Submit").first.wait_for(timeout=90_000)
    tab.wait_for_timeout(3_000)  # the picture
    tab.screenshot(path=HERE / "label-studio.png")
    shrink(HERE / "label-studio.png", 1100)


def main() -> None:
    """Take both pictures; without an address of Label Studio only that of the report."""
    project = Path(sys.argv[1]) / "project"
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        report(browser, project)
        if len(sys.argv) > 2:
            labeling(browser, project)
        browser.close()


if __name__ == "__main__":
    main()
