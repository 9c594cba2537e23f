"""What ``make faults`` has found, each as a test that needs no campaign."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from fuzz.answers import Answering, task

from activessl.annotators.oracle import Oracle
from activessl.errors import AnnotatorError, ConfigError, HeadError, LabelError, LedgerError, PoolError, ProjectError
from activessl.heads import files as head_files
from activessl.labels.files.opened import Options, open_labels
from activessl.labels.files.registry import form_of
from activessl.labels.kinds import kind_named
from activessl.ledger.store import Ledger, recorded
from activessl.pool.columns import read_columns
from activessl.pool.sources import load_pool
from activessl.project.config import check_config
from activessl.project.config_file import read_config as read_config_file
from activessl.project.folder import Project
from activessl.project.set_aside import NAME as ASIDE
from activessl.project.set_aside import read_aside
from activessl.sealed import beside, check_seal, read_array, replaced, sweep
from activessl.session import Session
from activessl.steps import backup as backup_step
from activessl.steps import layouts
from activessl.steps.forget import forget
from activessl_label_studio.labels import read_config
from activessl_label_studio.mapping import seconds_of
from activessl_label_studio.project import find_project, list_tasks
from activessl_label_studio.together import Together
from activessl_machines.scores import by_first_token


@pytest.fixture
def session(tmp_path: Path) -> Session:
    x = (2 * (np.arange(40) % 2)[:, None] + np.random.default_rng(0).normal(size=(40, 5))).astype(np.float32)
    np.savez(tmp_path / "pool.npz", vectors=x, ids=np.array([f"i{i}" for i in range(40)]))
    data = {"path": "../pool.npz", "modality": "vector", "classes": ["a", "b"]}
    made = Session(Project.create(tmp_path / "p", check_config({"data": data, "query": {"size": 8}}), version="0"))
    made.encode()
    made.round(Oracle({f"i{i}": "ab"[i % 2] for i in range(40)}, ("a", "b")))
    return made


def labels(session: Session) -> dict[str, Any]:
    return {item: label.classes for item, label in Project.open(session.project.folder).history().labels.items()}


@pytest.mark.parametrize("at", ["aside", "ledger", "config"])
def test_a_restore_that_is_interrupted_leaves_a_ledger_and_what_was_forgotten_stays_forgotten(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    folder = session.project.folder
    backup_step.backup(session.project, tmp_path / "kept")
    item = sorted(labels(session))[0]
    erased = forget(session.project, item, what="item")
    before = labels(session)
    assert item not in before and erased.name in before

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        name = {"aside": "shutil.copy", "ledger": "Path.unlink", "config": "shutil.copyfile"}[at]
        owner = backup_step.shutil if name.startswith("shutil") else backup_step.Path
        broken.setattr(owner, name.partition(".")[2], full)
        with pytest.raises((OSError, RuntimeError)):
            backup_step.restore(folder, tmp_path / "kept")
    assert labels(session) == before  # at every moment there is a whole ledger
    backup_step.restore(folder, tmp_path / "kept")
    assert labels(session) == before


def test_files_that_sqlite_left_beside_a_part_are_swept(tmp_path: Path) -> None:
    part = beside(tmp_path / "ledger.db")
    for ending in ("", "-journal", "-wal", "-shm"):
        path = part.with_name(part.name + ending)
        path.write_bytes(b"x")
        os.utime(path, (1e9, 1e9))
    mine = tmp_path / ".ledger.db.note.part"
    mine.write_bytes(b"a person's")
    os.utime(mine, (1e9, 1e9))
    sweep(tmp_path, "ledger.db")
    assert [path.name for path in tmp_path.iterdir()] == [mine.name]
    with pytest.raises(ValueError, match="stop"), replaced(tmp_path / "a.db") as part:
        part.with_name(f"{part.name}-wal").write_bytes(b"x")
        raise ValueError("stop")
    assert [path.name for path in tmp_path.iterdir()] == [mine.name]


def test_a_backup_and_an_export_that_were_killed_are_swept_by_the_next(session: Session, tmp_path: Path) -> None:
    left = beside(tmp_path / "kept")
    left.mkdir()
    (left / "ledger.db").write_bytes(b"half")
    os.utime(left, (1e9, 1e9))
    backup_step.backup(session.project, tmp_path / "kept")
    assert not left.exists()


def test_an_export_that_fails_leaves_no_folder(pictures: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    truth = pictures(4)
    pool = load_pool(tmp_path / "pictures", "image")
    rows = [
        {"id": item, "class": name, "source": "person", "probability": None, "votes": 1, "annotators": []}
        for item, name in truth.items()
    ]

    def full(*_: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(layouts, "_write", full)
    with pytest.raises(OSError, match="No space"):
        layouts.write_layout(tmp_path / "out" / "x", "folders", pool, rows, ("dark", "light"))
    assert list((tmp_path / "out").iterdir()) == []


def test_a_full_disk_under_safetensors_is_an_error_of_two_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise head_files.SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(head_files, "save_file", full)
    with pytest.raises(HeadError, match="No space left"):
        head_files.write_head(tmp_path / "h", "linear", {"a": np.zeros(2)}, {})


@pytest.mark.parametrize(
    "content", [b"", b"\x93NUMPY\x01\x00v\x00{'descr': '<f4', \"\xf4 ['x': (3, 4), }" + b"\xff" * 90]
)
def test_an_array_with_a_broken_head_is_an_error_of_two_lines(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.npy is empty or cut"):
        read_array(tmp_path / "a.npy")
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(PoolError):
        load_pool(tmp_path / "a.npz")


@pytest.mark.parametrize(
    "odd",
    [
        {"version": "5", "flags": {"cat": True}, "shapes": 1e308, "imagePath": "a.png"},
        {"images": [{"id": {}, "file_name": "a"}], "annotations": [], "categories": []},
        [{"answer": {"a": {}}, "_input_hash": 1, "label": "cat"}],
    ],
)
def test_odd_values_in_files_of_labels_are_errors_of_two_lines(tmp_path: Path, odd: Any) -> None:
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(odd))
    with pytest.raises((LabelError, ConfigError)):
        opened = open_labels(path)
        form_of(opened).read(opened, Options(kind_named("one"), ("cat",), None, False))
        raise LabelError("it is a table of one row", hint="fine, too")  # the last is no Prodigy, and a table


def test_a_label_config_that_is_no_xml_or_names_no_tag_is_refused() -> None:
    choices = '<Choices name="label" toName="item"><Choice value="a"/><Choice value="b"/></Choices>'
    for config in (
        f'<View>mage name="item"/>{choices}</View>',
        f'<View><Image name="item" value="$i">{choices}</View>',
    ):
        with pytest.raises(ConfigError):
            read_config(config)


@pytest.mark.parametrize("answer", ["/etc/passwd", None, {}, {"id": "7"}, {"id": True}, [1]])
def test_a_server_that_answers_with_another_shape_is_an_error_of_two_lines(answer: Any) -> None:
    client: Any = Answering({"tasks": [], "total": 0}, answer if answer is not None else [])
    with pytest.raises((AnnotatorError, ConfigError)):
        find_project(client, number=1, title="title")


def test_a_server_that_never_comes_to_an_end_is_not_asked_without_end() -> None:
    client: Any = Answering({"tasks": [task()], "total": 2**31})
    with pytest.raises(AnnotatorError, match="with those of earlier pages"):
        list(list_tasks(client, 1, everything=True))
    for page in ({"tasks": [{"id": 1}], "total": 1}, {"tasks": {}, "total": 1}, {"tasks": [], "total": "many"}):
        odd: Any = Answering(page)
        with pytest.raises(AnnotatorError, match="did not answer with"):
            list(list_tasks(odd, 1, everything=True))


def test_requests_that_wait_are_answered_together_and_one_thread_computes() -> None:
    seen: list[tuple[int, str]] = []

    def work(bodies: Sequence[bytes]) -> list[tuple[int, dict[str, Any]]]:
        seen.append((len(bodies), threading.current_thread().name))
        if bodies[0] == b"bad":
            raise ValueError("a defect")
        time.sleep(0.01)
        return [(200, {"body": body.decode()}) for body in bodies]

    async def ask() -> list[Any]:
        together = Together(work)
        first = await asyncio.gather(*(together.ask(str(i).encode()) for i in range(40)))
        bad = await asyncio.gather(together.ask(b"bad"), return_exceptions=True)
        return [*first, *bad, await together.ask(b"after")]

    said = asyncio.run(ask())
    assert said[:40] == [(200, {"body": str(i)}) for i in range(40)]
    assert isinstance(said[40], ValueError) and said[41] == (200, {"body": "after"})
    assert [n for n, _ in seen] == [16, 16, 8, 1, 1] and len({name for _, name in seen}) == 1


def test_xml_in_an_unknown_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(b'<?xml version="1.0" encoding="utf4294967296"?><annotations/>')
    with pytest.raises(ConfigError, match="not XML"):
        opened = open_labels(tmp_path / "a.xml")
        form_of(opened, None).read(opened, Options(kind_named("one"), ("cat", "dog"), None, True))


def _parquet_with_a_text_that_is_none(path: Path, name: str) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    bad = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.py_buffer(np.array([0, 2], dtype=np.int32).tobytes()), pa.py_buffer(b"\xe2.")]
    )
    pq.write_table(pa.table({name: bad}), path)


def test_a_parquet_file_with_texts_that_are_none_is_refused(tmp_path: Path) -> None:
    _parquet_with_a_text_that_is_none(tmp_path / "a.parquet", "site")
    with pytest.raises(PoolError, match="parquet"):
        read_columns(tmp_path / "a.parquet")


def test_a_row_of_a_parquet_file_whose_text_is_none_is_unreadable_and_no_traceback(tmp_path: Path) -> None:
    _parquet_with_a_text_that_is_none(tmp_path / "a.parquet", "text")
    with pytest.raises(PoolError, match=r"row 0 of .* cannot be read"):
        load_pool(tmp_path / "a.parquet", "text")


@pytest.mark.parametrize("shape", ["(10**50, 4)", "(3, 4), B'x': 1"], ids=["too large", "keys of two types"])
def test_an_array_whose_head_numpy_cannot_take_is_refused(tmp_path: Path, shape: str) -> None:
    shape = shape.replace("10**50", "1" + "0" * 50)
    head = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    (tmp_path / "a.npy").write_bytes(b"\x93NUMPY\x01\x00v\x00" + head.encode() + bytes(48))
    with pytest.raises(ValueError, match="empty or cut"):
        read_array(tmp_path / "a.npy")


def test_a_seal_with_an_infinite_size_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "seal.json").write_text('{"files": {"a.txt": {"bytes": 1e999, "sha256": "0", "seen": []}}}')
    with pytest.raises(ValueError, match="damaged"):
        check_seal(tmp_path)


def test_lists_in_lists_in_a_config_or_a_list_of_items_are_refused(tmp_path: Path) -> None:
    (tmp_path / "activessl.toml").write_text("format = " + "[" * 5000)
    with pytest.raises(ConfigError, match="too deep"):
        read_config_file(tmp_path / "activessl.toml")
    (tmp_path / "activessl.toml").write_text('[data]\npath = "x"\n' + "a." * 3000 + "b = 1\n")
    with pytest.raises(ConfigError, match="too deep"):
        read_config_file(tmp_path / "activessl.toml")
    (tmp_path / ASIDE).write_text('{"items": [' + "[" * 5000)
    with pytest.raises(ProjectError, match="cannot be read"):
        read_aside(tmp_path)


@pytest.mark.parametrize("number", ["Infinity", "1e999"])
def test_an_event_of_an_infinite_format_is_damaged(number: str) -> None:
    with pytest.raises(LedgerError, match="event 1 cannot be read"):
        recorded("ledger", 1, "2026-11-24T11:17:11+00:00", f'{{"format": {number}, "kind": "pulled"}}')


def test_a_ledger_whose_tables_have_names_that_are_no_text_is_damaged(session: Session) -> None:
    path = session.project.folder / "ledger.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    content = path.read_bytes()
    assert b"CREATE TABLE events" in content
    path.write_bytes(content.replace(b"CREATE TABLE events", b"CREATE TABL\xd4 events"))
    with pytest.raises(LedgerError, match="no text"):
        Ledger(path)


def test_a_log_probability_of_hundreds_of_digits_is_no_traceback() -> None:
    top = [{"token": "A", "logprob": 10**400}, {"token": "B", "logprob": -(10**400)}]
    assert by_first_token(top, ["A", "B"]) == [1.0, 0.5]
    assert by_first_token([{"token": "A", "logprob": float("inf")}], ["A", "B"]) is None
    assert by_first_token([{"token": "A", "logprob": float("nan")}], ["A", "B"]) is None


def test_a_matlab_file_that_ends_the_process_of_its_reader_is_refused(tmp_path: Path) -> None:
    content = bytearray((Path(__file__).parents[1] / "formats" / "files" / "mat" / "three.mat").read_bytes())
    for at in (820, 821, 824):  # SciPy 1.17 ends with a segmentation fault
        content[at] = 0
    (tmp_path / "a.mat").write_bytes(content)
    with pytest.raises(PoolError, match="damaged"):
        load_pool(tmp_path / "a.mat", "series")


def test_a_lead_time_of_hundreds_of_digits_is_no_time() -> None:
    assert seconds_of(10**400) is None
    assert seconds_of(2) == 2.0


def test_a_number_of_thousands_of_digits_in_a_config_is_refused(tmp_path: Path) -> None:
    (tmp_path / "activessl.toml").write_text("format = " + "9" * 5000)
    with pytest.raises(ConfigError, match="not valid TOML"):
        read_config_file(tmp_path / "activessl.toml")


def test_a_task_that_is_a_list_is_refused() -> None:
    with pytest.raises(ConfigError, match="task"):
        check_config({"data": {"path": "x", "modality": "image", "classes": ["a", "b"], "task": ["boxes"]}})
