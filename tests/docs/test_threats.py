"""The threat model names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / "docs/threat-model.md").read_text("utf-8"))))


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_every_test_that_the_threat_model_names_exists(file: str, name: str) -> None:
    assert re.search(rf"^def {name}\(", (ROOT / file).read_text("utf-8"), re.M)


def test_every_line_of_the_threat_model_names_a_test() -> None:
    text = (ROOT / "docs/threat-model.md").read_text("utf-8").partition("## Annotator")[2]
    lines = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith(("| could", "| ---"))]
    assert len(lines) > 20 and all("`tests/" in line for line in lines)
