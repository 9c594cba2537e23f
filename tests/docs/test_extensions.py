"""Each extension of docs/how-to/extend.md works once its file is there and its line is registered."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

PAGE = Path(__file__).parents[2] / "docs/how-to/extend.md"
FILE = re.compile(r"^```python\n# (mypackage/\w+\.py)\n(.*?)^```", re.M | re.S)
LINES = re.compile(r"^```toml\n(.*?)^```", re.M | re.S)

#: What a person would type, in one process: starting one a verb takes longer than all of them.
LOOP = """
import csv
from activessl_cli.main import main

def say(*argv):
    print("$", *argv, flush=True)
    try:
        code = main([*argv])
    except SystemExit as end:
        code = end.code
    assert not code, (argv, code)

def answer():
    with open("questions.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    with open("questions.csv", "w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, rows[0].keys())
        table.writeheader()
        for row in rows:
            table.writerow(row | {"class": "bad" if row["item"].startswith("bad") else "good", "annotator": "ann"})

say("check")
say("encode")
for _ in range(2):
    say("query", "--strategy", "farthest_from_mean", "--json")
    say("push")
    answer()
    say("pull")
    say("teach")
say("export", "labels.csv")
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A folder with the package of the page, as ``pip install`` leaves it."""
    text = PAGE.read_text(encoding="utf-8")
    site = tmp_path / "site"
    (site / "mypackage").mkdir(parents=True)
    (site / "mypackage/__init__.py").write_text("")
    for name, code in FILE.findall(text):
        (site / name).write_text(code)
    sections = [
        re.sub(r'^\[project\.entry-points\."(.*)"\]$', r"[\1]", block, flags=re.M).replace('"', "")
        for block in LINES.findall(text)
    ]
    installed = site / "mypackage-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: mypackage\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text("\n".join(sections))
    return site


def test_each_is_one_file_of_less_than_forty_lines_and_one_line() -> None:
    text = PAGE.read_text(encoding="utf-8")
    files, blocks = FILE.findall(text), LINES.findall(text)
    assert len(files) == len(blocks) == 6
    assert [name for name, code in files if code.count("\n") >= 40] == []
    assert all(block.count("\n") == 2 for block in blocks)


@pytest.mark.slow
def test_a_project_uses_all_of_them(package: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "spectra").mkdir()
    for i in range(40):
        values = rng.normal(size=64) + (np.arange(64) > 32) * (i % 2) * 3
        np.save(tmp_path / "spectra" / f"{'bad' if i % 2 else 'good'}{i:02}.npy", values)
    np.save(tmp_path / "spectra" / "flat.npy", np.ones(64))
    (tmp_path / "spectra" / "note.npy").write_bytes(b"no array")

    def run(*argv: str) -> str:
        path = f"{package}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
        done = subprocess.run(
            [sys.executable, *argv],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    init = ("init", "spectra", "--classes", "good,bad", "--query-size", "8")
    assert "41 items of kind spectrum" in run("-m", "activessl_cli", *init)
    config = tmp_path / "activessl.toml"
    text = config.read_text(encoding="utf-8")
    for section, old, new in (("annotator", "kind", "table"), ("head", "name", "nearest_mean")):
        text, count = re.subn(rf'(^\[{section}\]\n(?:.*\n)*?{old} = )"[\w-]+"', rf'\1"{new}"', text, flags=re.M)
        assert count == 1, section
    assert "suggest_above = 0.8" in text
    config.write_text(text.replace("suggest_above = 0.8", "suggest_above = 0"), encoding="utf-8")

    said = run("-c", LOOP)
    assert "1 item is saturated: flat.npy (100% of its values are the largest one)" in said
    assert "1 item is unreadable: note.npy (not a .npy file)" in said
    assert "auto uses bands: averages of bands need no training" in said
    assert "from the mean of the pool" in said
    rows = list(csv.DictReader((tmp_path / "questions.csv").open(encoding="utf-8")))
    assert len(rows) == 16
    assert any(row["suggestion"] for row in rows[8:])
    taught = [json.loads(path.read_text())["head"] for path in (tmp_path / "heads").rglob("config.json")]
    assert set(taught) == {"nearest_mean"}
    exported = list(csv.DictReader((tmp_path / "labels.csv").open(encoding="utf-8")))
    named = [row for row in exported if row["class"] and not row["id"].startswith("flat")]
    assert len(named) == 40
    assert sum(row["id"].startswith(row["class"]) for row in named) / 40 > 0.9
