"""One word for one thing: what the glossary's table bans stands in no message, report, help text or document."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import get_args

import pytest

from activessl.labels.questions import QuestionKind

ROOT = Path(__file__).resolve().parents[2]
GLOSSARY = ROOT / "docs" / "glossary.md"
HISTORY = ("results", "decisions")  # pages that say what was said before
PACKAGES = ("activessl", "cli/activessl_cli", "integrations")


def banned() -> dict[str, str]:
    """The phrases of the glossary's second table, and what to write in their place."""
    _, _, table = GLOSSARY.read_text(encoding="utf-8").partition("\n## Write this, not that\n")
    lines = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("|")]
    return {not_this.strip(): but.strip() for not_this, but in lines[2:]}


@cache
def sentences() -> tuple[tuple[str, int, str], ...]:
    """Everything that a person may read: file, line and text; read once for all phrases."""
    return tuple((file, line, " ".join(text.split())) for file, line, text in _sentences())


def _sentences() -> Iterator[tuple[str, int, str]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield str(path.relative_to(ROOT)), node.lineno, node.value
    documents = [path for path in (ROOT / "docs").rglob("*.md") if path != GLOSSARY and path.parent.name not in HISTORY]
    templates = [path for package in PACKAGES for path in (ROOT / package).rglob("*.j2")]
    for path in (ROOT / "README.md", *documents, *templates):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            yield str(path.relative_to(ROOT)), number, line


def test_the_glossary_says_what_to_write() -> None:
    table = banned()
    assert len(table) >= 15
    assert all(table.values())


@pytest.mark.parametrize("phrase", sorted(banned()))
def test_no_sentence_uses_a_phrase_that_the_glossary_bans(phrase: str) -> None:
    word = re.compile(rf"(?<!\w){re.escape(phrase)}(?!\w)", re.IGNORECASE if phrase.islower() else 0)
    used = [f"{file}:{line}" for file, line, text in sentences() if word.search(text)]
    assert used == [], f"write {banned()[phrase]!r} instead of {phrase!r}"


def test_every_kind_of_question_of_the_code_is_in_the_glossary() -> None:
    words = GLOSSARY.read_text(encoding="utf-8")
    assert [kind for kind in get_args(QuestionKind) if f"`{kind}`" not in words] == []
