from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from activessl.labels.files.reading import read_rows
from activessl.project.folder import Project
from activessl_cli.files import as_csv, write_rows
from activessl_cli.main import run


def test_formulas_are_made_harmless_and_numbers_are_left_alone() -> None:
    cells = ["=1+1", "@x", "-1", "+2.5", "-1-1", "- item", "a"]
    said = as_csv([{"class": cell} for cell in cells]).splitlines()[1:]
    assert said == ["'=1+1", "'@x", "-1", "+2.5", "'-1-1", "'- item", "a"]


@settings(deadline=None)  # it writes files, and the machine may be busy
@given(
    st.lists(st.text(st.sampled_from("'=+-@\t\r\n a1.\uff1d\"") | st.characters(codec="utf-8"), max_size=6), min_size=1)
)
def test_whatever_a_cell_holds_comes_back_from_the_csv(cells: list[str]) -> None:
    rows = [{"id": cell, "class": cell} for cell in cells]
    with TemporaryDirectory() as folder:
        write_rows(Path(folder) / "a.csv", rows)
        assert read_rows(Path(folder) / "a.csv") == rows


def test_items_that_look_like_formulas_keep_their_labels_through_a_csv(tmp_path: Path) -> None:
    names = ["'=1.png", "=1.png", "''=1.png", "'tis.png", "-2.5", "'-2.5", "@x", "\uff1d1"]
    lines = [json.dumps({"id": name, "text": f"text {i}"}) for i, name in enumerate(names)]
    (tmp_path / "pool.jsonl").write_text("\n".join(lines), encoding="utf-8")
    given = {name: ("=a", "'=a", "b")[i % 3] for i, name in enumerate(names)}
    for project in ("one", "two"):
        code = run("init", str(tmp_path / "pool.jsonl"), "-p", str(tmp_path / project), "--classes", "=a,'=a,b")
        assert code == 0
    (tmp_path / "labels.jsonl").write_text(
        "\n".join(json.dumps({"id": name, "label": label}) for name, label in given.items()), encoding="utf-8"
    )
    assert run("import", str(tmp_path / "labels.jsonl"), "-p", str(tmp_path / "one")) == 0
    assert run("export", str(tmp_path / "out.csv"), "-p", str(tmp_path / "one")) == 0
    assert run("import", str(tmp_path / "out.csv"), "-p", str(tmp_path / "two")) == 0
    history = Project.open(tmp_path / "two").history()
    assert {item: label.classes[0] for item, label in history.labels.items()} == given


def test_a_class_that_looks_like_a_formula_is_harmless_as_a_column(tmp_path: Path) -> None:
    said = as_csv([{"id": "a", "=cmd": 0.5}])
    assert said.splitlines()[0] == "id,'=cmd"
