"""The threat model, and the results on reliability, name tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ("docs/threat-model.md", "docs/results/reliability.md")
NAMED = sorted(
    {found for page in PAGES for found in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / page).read_text("utf-8"))}
)


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_every_test_that_these_pages_name_exists(file: str, name: str) -> None:
    assert re.search(rf"^def {name}\(", (ROOT / file).read_text("utf-8"), re.M)


def test_every_line_of_the_threat_model_names_a_test() -> None:
    text = (ROOT / "docs/threat-model.md").read_text("utf-8").partition("## Annotator")[2]
    lines = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith(("| could", "| ---"))]
    assert len(lines) > 20 and all("`tests/" in line for line in lines)


def test_each_of_the_ten_cases_of_the_results_names_a_test() -> None:
    text = (ROOT / "docs/results/reliability.md").read_text("utf-8").partition("## The ten cases")[2]
    assert [number for number in range(1, 11) if re.search(rf"^\| {number}\. .*`tests/", text, re.M)] == list(
        range(1, 11)
    )
