"""Lists every page of results and of decisions in the navigation of the site, so that none is forgotten."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def on_config(config: Any) -> Any:
    """Put the pages of two folders where the navigation names the folders."""
    folder = Path(config["docs_dir"])
    for entry in config["nav"]:
        for title, pages in entry.items() if isinstance(entry, dict) else ():
            if isinstance(pages, str) and pages.endswith("/"):
                found = sorted((folder / pages).glob("*.md"), key=lambda page: (page.name != "README.md", page.name))
                entry[title] = [f"{pages}{page.name}" for page in found]
    return config
