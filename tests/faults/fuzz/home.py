"""A whole project, made once, and real inputs from it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

KEPT: dict[str, Any] = {}


def home() -> Path:
    """A folder with a whole project, made once."""
    if "home" not in KEPT:
        import numpy as np

        from activessl.annotators.oracle import Oracle
        from activessl.project.config import check_config
        from activessl.project.folder import Project
        from activessl.session import Session

        folder = Path(tempfile.mkdtemp(prefix="activessl-fuzz-home-"))
        x = np.random.default_rng(0).normal(size=(30, 4)) + 3 * np.eye(2, 4)[np.arange(30) % 2]
        np.savez(folder / "pool.npz", vectors=x.astype(np.float32))
        data = {"path": "../pool.npz", "modality": "vector", "classes": ["cat", "dog"]}
        project = Project.create(folder / "p", check_config({"data": data, "query": {"size": 8}}), version="test")
        session = Session(project)
        session.encode()
        session.round(
            Oracle({item: ("cat", "dog")[i % 2] for i, item in enumerate(project.pool().ids)}, ("cat", "dog"))
        )
        session.export_model(folder / "model", onnx=False)
        KEPT["home"] = folder
    return Path(KEPT["home"])


def service() -> Any:
    if "service" not in KEPT:
        from activessl.session import Session
        from activessl_label_studio.service import Service
        from activessl_label_studio.worker import Worker

        KEPT["service"] = Service(Worker(Session.open(home() / "p"), None), "s" * 20)  # type: ignore[arg-type]
    return KEPT["service"]


def model_folder() -> Path:
    return home() / "model"


def model_files() -> list[bytes]:
    """Each file of a model, after its name."""
    base = model_folder()
    files = [path for path in sorted(base.rglob("*")) if path.is_file()]
    return [f"{path.relative_to(base).as_posix()}\n".encode() + path.read_bytes()[:20_000] for path in files]


def events() -> list[bytes]:
    from activessl.ledger.schema import EVENT
    from activessl.ledger.store import Ledger

    with Ledger(home() / "p" / "ledger.db") as ledger:
        found = {one.event.kind: EVENT.dump_json(one.event) for one in ledger}
    return list(found.values())


def ledger_file() -> bytes:
    import sqlite3
    from contextlib import closing

    copy = home() / "copy.db"
    with closing(sqlite3.connect(home() / "p" / "ledger.db")) as there, closing(sqlite3.connect(copy)) as here:
        there.backup(here)
        here.execute("PRAGMA journal_mode=DELETE")
    return copy.read_bytes()


def config() -> bytes:
    return (home() / "p" / "activessl.toml").read_bytes()


def aside() -> bytes:
    from activessl.project.set_aside import NAME, Aside, write_aside

    folder = home() / "aside"
    folder.mkdir(exist_ok=True)
    write_aside(folder, {"a.png": Aside(**dict.fromkeys(Aside.__dataclass_fields__, "x"))})
    return (folder / NAME).read_bytes()


def note() -> bytes:
    return next((home() / "p" / "encoders").glob("*/config.json")).read_bytes()


def watch_state() -> bytes:
    from activessl.scoring.watch_state import WatchState

    path = home() / "state.json"
    WatchState().of("0" * 64).save(path)
    return path.read_bytes()


def npy() -> bytes:
    import io

    import numpy as np

    out = io.BytesIO()
    np.save(out, np.arange(12, dtype=np.float32).reshape(3, 4))
    return out.getvalue()
