"""Every file that can be made again may be empty, cut, changed or random: it is made again, by itself."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from activessl.annotators.oracle import Oracle
from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl.session import Session
from activessl_cli.main import run

CLASSES = ("even", "odd")
#: The record of the project, and the lock: not made again.
RECORD = ("activessl.toml", "ledger.db", "ledger.db-wal", "ledger.db-shm", ".lock")


def _changed(content: bytes) -> bytes:
    middle = len(content) * 2 // 3
    return content[:middle] + bytes([content[middle] ^ 0x55]) + content[middle + 1 :]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "random": lambda content: np.random.default_rng(len(content)).bytes(max(8, len(content))),
    "cut": lambda content: content[: len(content) // 2],
    "changed": _changed,
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with every cache that its verbs make."""
    folder = tmp_path_factory.mktemp("whole")
    rng = np.random.default_rng(0)
    y = np.arange(80) % 2
    x = (2 * y[:, None] + rng.normal(size=(80, 6))).astype(np.float32)
    np.savez(folder / "pool.npz", vectors=x, ids=np.array([f"i{i}" for i in range(80)]))
    data = {"path": "../pool.npz", "modality": "vector", "classes": list(CLASSES)}
    config = check_config({"data": data, "query": {"size": 20, "random_share": 0.5}})
    session = Session(Project.create(folder / "p", config, version="0"))
    session.encode()
    people = Oracle({f"i{i}": CLASSES[i % 2] for i in range(80)}, CLASSES)
    session.round(people)
    session.round(people)
    session.measure()
    session.report().save(folder / "p" / "reports")
    return folder


def caches(project: Path) -> list[str]:
    files = (path.relative_to(project).as_posix() for path in sorted(project.rglob("*")) if path.is_file())
    return [name for name in files if name not in RECORD]


def result(project: Path) -> list[object]:
    return [(row["id"], row["class"], row["source"]) for row in Session.open(project).table()]


VERBS = ("report", "teach", "export", "status", "encode")


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGES)
def test_every_cache_is_made_again_whatever_happened_to_it(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    expected, failed, names = result(whole / "p"), [], caches(whole / "p")
    every = bool(os.environ.get("ACTIVESSL_EVERY_FAULT"))  # else two damages and one verb for each file
    for turn, name in enumerate(names):
        if not every and (turn + list(DAMAGES).index(damage)) % 2:
            continue
        folder = tmp_path / f"{turn}"
        shutil.copytree(whole, folder)
        file = folder / "p" / name
        file.write_bytes(DAMAGES[damage](file.read_bytes()))
        for verb in VERBS if every else (VERBS[(turn + list(DAMAGES).index(damage)) % len(VERBS)],):
            capsys.readouterr()
            try:
                code = run(verb, *([str(tmp_path / "out.csv")] if verb == "export" else []), "-p", str(folder / "p"))
            except Exception as error:  # a traceback is what is looked for
                failed.append((name, verb, repr(error)))
                continue
            if code:
                failed.append((name, verb, capsys.readouterr().err))
        if not failed and result(folder / "p") != expected:
            failed.append((name, "table", "other predictions"))
        shutil.rmtree(folder)
    assert not failed, json.dumps(failed, indent=1)
    assert len(names) > 15
