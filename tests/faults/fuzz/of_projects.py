"""Parsers of what a project keeps, which another program, a disk or a person may have changed."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

from fuzz.home import aside, config, events, ledger_file, model_files, model_folder, note, watch_state
from fuzz.parsers import parser


def _real_seal() -> bytes:
    one = {"bytes": 1, "sha256": hashlib.sha256(b"a").hexdigest(), "seen": [1, 2, 3]}
    return json.dumps({"files": {"a.txt": one}}).encode()


@parser("seal", lambda: [_real_seal()])
def _seal(content: bytes, folder: Path) -> object:
    from activessl.sealed import check_seal

    (folder / "a.txt").write_text("a")
    (folder / "seal.json").write_bytes(content)
    try:
        return check_seal(folder)
    except (ValueError, OSError) as error:  # as it states
        return error


@parser("config", lambda: [config()])
def _read_config(content: bytes, folder: Path) -> object:
    from activessl.project.config_file import read_config

    path = folder / "activessl.toml"
    path.write_bytes(content)
    return read_config(path)


@parser("list of set aside items", lambda: [aside()])
def _read_aside(content: bytes, folder: Path) -> object:
    from activessl.project.set_aside import NAME, read_aside

    (folder / NAME).write_bytes(content)
    return read_aside(folder)


@parser("ledger row", lambda: events())
def _ledger_row(content: bytes, folder: Path) -> object:
    from activessl.ledger.store import recorded

    return recorded("ledger", 1, "2026-11-24T11:17:11+00:00", content.decode("utf-8", "replace"))


@parser("ledger file", lambda: [ledger_file()])
def _read_ledger(content: bytes, folder: Path) -> object:
    from activessl.ledger.fold import fold
    from activessl.ledger.store import Ledger

    path = folder / "ledger.db"
    path.write_bytes(content)
    try:
        with Ledger(path) as ledger:
            ledger.problems()
            return fold(list(ledger), classes=("a", "b"))
    finally:
        for ending in ("-wal", "-shm", "-journal"):
            path.with_name(path.name + ending).unlink(missing_ok=True)


@parser("encoder note", lambda: [note()])
def _encoder_note(content: bytes, folder: Path) -> object:
    from activessl.encoders.store import read_note

    (folder / "config.json").write_bytes(content)
    return read_note(folder)


@parser("model folder", lambda: model_files())
def _model(content: bytes, folder: Path) -> object:
    from activessl.scoring.model import Model

    model = folder / "model"
    shutil.copytree(model_folder(), model, dirs_exist_ok=True)
    name, _, content = content.partition(b"\n")
    path = model / name.decode("ascii", "ignore").replace("\x00", "")[:100]
    if path.resolve().is_relative_to(model.resolve()) and path.is_file():
        path.write_bytes(content)
    try:
        return Model.load(model)
    finally:
        shutil.rmtree(model, ignore_errors=True)


@parser("state of watch", lambda: [watch_state()])
def _watch(content: bytes, folder: Path) -> object:
    from activessl.scoring.watch_state import WatchState

    path = folder / "state.json"
    path.write_bytes(content)
    return WatchState.load(path)
