"""Pipes, devices, sparse and huge files, and names that are no UTF-8: set aside with the reason, or refused."""

from __future__ import annotations

import json
import os
import resource
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from activessl.pool.sources import load_pool
from activessl.project.folder import Project
from activessl_cli.main import run

pytestmark = [pytest.mark.timeout(60), pytest.mark.skipif(sys.platform == "win32", reason="POSIX files")]


def sparse(path: Path, size: int = 3_000_000_000) -> None:
    with path.open("wb") as file:
        file.truncate(size)


def bound(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        here = Path.cwd()
        os.chdir(path.parent)  # the path of a socket is short
        try:
            made.bind(path.name)
        finally:
            os.chdir(here)


ODD: dict[str, Callable[[Path], None]] = {
    "is a named pipe, not a file": lambda path: os.mkfifo(path),
    "has 3,000,000,000 bytes, more than": sparse,
    "is a device, not a file": lambda path: path.symlink_to("/dev/zero"),
    "is a socket, not a file": bound,
}
ENDINGS = {"image": ".png", "audio": ".wav", "text": ".txt", "series": ".csv"}


def fill(folder: Path, form: str) -> None:
    for i in range(8):
        path = folder / f"item{i}{ENDINGS[form]}"
        if form == "image":
            Image.fromarray(np.random.default_rng(i).integers(0, 255, (16, 16, 3), np.uint8)).save(path)
        elif form == "audio":
            from scipy.io import wavfile

            wavfile.write(path, 16_000, np.random.default_rng(i).integers(-9, 9, 800).astype(np.int16))
        else:
            path.write_text(f"some text {i}" if form == "text" else "x,y\n" + f"{i},2\n3,4\n" * 10, encoding="utf-8")


@pytest.fixture
def little_memory() -> Iterator[None]:
    """A file of 3 GB cannot be read into memory unnoticed."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1_000_000  # KB


@pytest.mark.parametrize("form", ENDINGS)
@pytest.mark.parametrize("why", ODD)
@pytest.mark.usefixtures("little_memory")
def test_what_is_no_usual_file_is_set_aside_with_the_reason(tmp_path: Path, form: str, why: str) -> None:
    fill(tmp_path, form)
    ODD[why](tmp_path / f"odd{ENDINGS[form]}")
    pool = load_pool(tmp_path, form)
    assert len(pool) == 8
    (bad,) = pool.unreadable
    # a device outside of the folder is a link that leaves it
    assert why in bad.why or "is a link to a file outside of" in bad.why


@pytest.mark.parametrize("name", ["pool.csv", "pool.jsonl", "pool.npz", "pool.parquet"])
@pytest.mark.parametrize("why", [why for why in ODD if "device" not in why])
@pytest.mark.usefixtures("little_memory")
def test_a_table_that_is_no_usual_file_is_two_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, why: str
) -> None:
    ODD[why](tmp_path / name)
    assert run("init", str(tmp_path / name), "-p", str(tmp_path / "p"), "--classes", "a,b") == 1
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 2 and told[0].startswith("error: ") and told[1].startswith(" hint: ")
    assert not (tmp_path / "p" / "activessl.toml").exists()


@pytest.mark.usefixtures("little_memory")
def test_a_small_archive_that_unpacks_to_more_than_the_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez_compressed(tmp_path / "pool.npz", vectors=np.zeros((2_000, 500), np.float32))
    monkeypatch.setattr("activessl.pool.arrays._memory", lambda: 1_000_000)
    assert run("init", str(tmp_path / "pool.npz"), "-p", str(tmp_path / "p"), "--classes", "a,b") == 1
    assert "more than this machine has memory" in capsys.readouterr().err


@pytest.mark.parametrize("why", [why for why in ODD if "device" not in why])
def test_labels_and_classes_are_not_read_from_what_is_no_usual_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], why: str
) -> None:
    (tmp_path / "data").mkdir()
    fill(tmp_path / "data", "text")
    ODD[why](tmp_path / "names.csv")
    arguments = [str(tmp_path / "data"), "-p", str(tmp_path / "p"), "--modality", "text", "--classes"]
    assert run("init", *arguments, f"@{tmp_path / 'names.csv'}") == 1
    assert run("init", *arguments, "a,b") == 0
    capsys.readouterr()
    assert run("import", str(tmp_path / "names.csv"), "-p", str(tmp_path / "p")) == 1
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_a_ledger_that_is_a_pipe_is_two_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "data").mkdir()
    fill(tmp_path / "data", "text")
    assert run("init", str(tmp_path / "data"), "-p", str(tmp_path / "p"), "--modality", "text", "--classes", "a,b") == 0
    for file in (tmp_path / "p").glob("ledger.db*"):
        file.unlink()
    os.mkfifo(tmp_path / "p" / "ledger.db")
    capsys.readouterr()
    assert run("status", "-p", str(tmp_path / "p")) == 1
    assert len(capsys.readouterr().err.splitlines()) == 2


@pytest.mark.slow
def test_a_file_whose_name_is_no_utf_8_is_set_aside_and_all_verbs_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    fill(data, "image")
    for name in (b"caf\xe9.png", b"\xff\xfe.png"):
        (Path(os.fsdecode(os.fsencode(data) + b"/" + name))).write_bytes((data / "item0.png").read_bytes())
    below = Path(os.fsdecode(os.fsencode(data) + b"/gr\xfcn"))
    below.mkdir()
    (below / "x.png").write_bytes((data / "item0.png").read_bytes())
    project = str(tmp_path / "p")
    assert run("init", str(data), "-p", project, "--classes", "a,b") == 0
    (tmp_path / "labels.csv").write_text("id,label\nitem1.png,a\nitem2.png,b\n", encoding="utf-8")
    for verb in (
        ["encode"], ["check"], ["status"], ["import", str(tmp_path / "labels.csv")], ["query", "-n", "2"], ["teach"],
        ["report"], ["export", str(tmp_path / "out.csv")], ["encode"],
    ):  # fmt: skip
        assert run(*verb, "-p", project) == 0, (verb, capsys.readouterr().err)
    capsys.readouterr()
    assert run("check", "-p", project, "--json") == 0
    assert "no UTF-8" in capsys.readouterr().out
    pool = Project.open(tmp_path / "p").pool()
    assert len(pool) == 8
    assert {bad.id for bad in pool.unreadable} == {"caf\\xe9.png", "\\xff\\xfe.png", "gr\\xfcn/x.png"}
    assert run("status", "-p", project, "--json") == 0
    assert json.loads(capsys.readouterr().out)["data"]["new"] == 0


@pytest.mark.parametrize("where", ["data", "project", "table"])
def test_a_path_that_is_no_utf_8_is_two_lines_or_works(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], where: str
) -> None:
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    data, project = tmp_path / "data", tmp_path / "p"
    if where == "data":
        data = odd
    if where == "project":
        project = odd
    data.mkdir()
    fill(data, "text")
    if where == "table":
        data = Path(f"{odd}.csv")
        data.write_text("text\na\nb\nc\n", encoding="utf-8")
    code = run("init", str(data), "-p", str(project), "--modality", "text", "--classes", "a,b")
    told = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("read: ")]
    assert code == (0 if where == "project" else 1)
    if code:
        assert len(told) == 2 and "caf\\xe9" in told[0]
    else:
        assert run("encode", "-p", str(project)) == 0


@pytest.mark.parametrize("column", ["id", "annotator", "label"])
def test_half_a_character_in_json_is_two_lines_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], column: str
) -> None:
    (tmp_path / "pool.jsonl").write_text('{"id":"1","text":"a"}\n{"id":"2","text":"b"}\n', encoding="utf-8")
    (tmp_path / "odd.jsonl").write_text('{"id":"1\\ud800","text":"a"}\n{"id":"2","text":"b"}\n', encoding="utf-8")
    if column == "id":
        assert run("init", str(tmp_path / "odd.jsonl"), "-p", str(tmp_path / "o"), "--classes", "a,b") == 1
        assert len(capsys.readouterr().err.splitlines()) == 2
    assert run("init", str(tmp_path / "pool.jsonl"), "-p", str(tmp_path / "p"), "--classes", "a,b") == 0
    row = {"id": "1", "label": "a", "annotator": "ann"}
    row[column] += "\ud800"
    (tmp_path / "labels.jsonl").write_text(json.dumps(row), encoding="utf-8")
    capsys.readouterr()
    assert run("import", str(tmp_path / "labels.jsonl"), "-p", str(tmp_path / "p")) == 1
    assert len(capsys.readouterr().err.splitlines()) == 2
    assert not Project.open(tmp_path / "p").history().answers


def test_what_a_terminal_would_obey_is_printed_as_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    fill(tmp_path, "text")
    (tmp_path / "a\x1b]0;title\x07\x1b[2J\r.txt").write_bytes(b"\xff")
    (tmp_path / "two\nlines.txt").write_bytes(b"\xff")
    run("init", str(tmp_path), "-p", str(tmp_path / "p"), "--modality", "text", "--classes", "a,b")
    run("check", "-p", str(tmp_path / "p"))
    run("predict", str(tmp_path / "a\x1b[2J"), "-p", str(tmp_path / "p"))
    told = capsys.readouterr()
    assert not {"\x1b", "\x07", "\r"}.intersection(told.out + told.err)
