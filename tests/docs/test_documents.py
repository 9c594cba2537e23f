"""Every Python block of the README and the documents runs, top to bottom; every verb is documented."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
BLOCK = re.compile(r"^```python\n(.*?)^```", re.M | re.S)
NEEDS_SERVER = "LABEL_STUDIO_URL"
WITH_CODE = [d for d in DOCUMENTS if BLOCK.search(d.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("document", WITH_CODE, ids=lambda d: str(d.relative_to(ROOT)))
def test_the_python_of_a_document_runs(document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = document.read_text(encoding="utf-8")
    namespace: dict[str, object] = {"__name__": "document"}
    for block in BLOCK.finditer(text):
        if NEEDS_SERVER in block.group(1):
            continue  # run by tests/contracts/test_readme.py, on the fake server and on real ones
        # as many empty lines before it as there are in the document, so that a traceback names the right line
        code = "\n" * text.count("\n", 0, block.start(1)) + block.group(1)
        exec(compile(code, str(document), "exec", dont_inherit=True), namespace)


def test_documents_import_public_names_only() -> None:
    public = {"activessl", "activessl.errors", "activessl_label_studio", "activessl_modal"}
    private = {
        f"{document.relative_to(ROOT)}: {module}"
        for document in WITH_CODE
        for block in BLOCK.findall(document.read_text(encoding="utf-8"))
        for module in re.findall(r"^\s*(?:from|import) (activessl[\w.]*)", block, re.M)
        if module not in public
    }
    assert private == set()


def test_a_link_between_documents_leads_somewhere() -> None:
    broken = [
        f"{document.relative_to(ROOT)}: {target}"
        for document in DOCUMENTS
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text(encoding="utf-8"))
        if not (document.parent / target).exists()
    ]
    assert broken == []


def test_the_results_list_every_page_and_the_command_of_its_figures() -> None:
    folder = ROOT / "docs/results"
    pages, _, figures = (folder / "README.md").read_text(encoding="utf-8").partition("## Which figure comes from")
    there = {page.name for page in folder.glob("*.md")} - {"README.md"}
    for part in (pages, figures):
        assert there - set(re.findall(r"\]\(([\w-]+\.md)", part)) == set()


def test_every_verb_is_documented() -> None:
    from typer.main import get_command

    from activessl_cli.main import app

    command = get_command(app)
    text = (ROOT / "docs/reference/cli.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^## `activessl ([\w-]+)", text, re.M))
    assert documented == set(command.commands)  # type: ignore[attr-defined]


def test_the_reference_of_python_has_each_public_name_once() -> None:
    import activessl

    text = (ROOT / "docs/reference/python.md").read_text(encoding="utf-8")
    named = [line.rpartition(".") for line in re.findall(r"^::: (\S+)$", text, re.M)]
    assert sorted(name for _, _, name in named) == sorted(activessl.__all__)
    # where it is defined, so that a page that was moved says so
    assert all(getattr(activessl, name).__module__ == home for home, _, name in named)
