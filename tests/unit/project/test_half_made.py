"""What was killed between two writes is completed by the next verb."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from activessl.ledger.store import Ledger
from activessl.project.folder import Project
from activessl.session import Session
from activessl_cli.main import run
from activessl_label_studio.service import keep_secret


@pytest.fixture
def killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose ``init`` was killed between config and ledger."""
    np.savez(tmp_path / "pool.npz", vectors=np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32))
    with monkeypatch.context() as patch:

        def die(*_: object) -> None:
            raise SystemExit(9)

        patch.setattr(Ledger, "append", die)
        with pytest.raises(SystemExit):
            Session.create(tmp_path / "p", data=tmp_path / "pool.npz", classes=["a", "b"])
    assert (tmp_path / "p" / "activessl.toml").is_file()
    return tmp_path / "p"


def test_an_init_that_was_killed_before_the_ledger_is_completed_by_a_second_one(killed: Path) -> None:
    assert run("init", str(killed.parent / "pool.npz"), "-p", str(killed), "--classes", "a,b") == 0
    history = Project.open(killed).history()
    assert history.created is not None and history.started is not None
    assert (history.created.classes, history.events) == (("a", "b"), 1)


def test_an_init_that_was_killed_before_the_ledger_is_completed_by_any_verb_that_writes(killed: Path) -> None:
    Session.open(killed).encode()
    history = Project.open(killed).history()
    assert history.created is not None and history.started is not None
    Session.open(killed).query(4)
    with Project.open(killed).ledger() as ledger:
        assert [recorded.event.kind for recorded in ledger] == ["created", "encoded", "queried"]


@pytest.mark.parametrize("left", [b"", b"\n", b"\xff\xfe"])
def test_a_secret_that_was_not_written_to_the_end_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: bytes
) -> None:
    monkeypatch.delenv("ACTIVESSL_SERVE_SECRET", raising=False)
    (tmp_path / "serve.secret").write_bytes(left)
    secret = keep_secret(tmp_path)
    assert len(secret) >= 16 and keep_secret(tmp_path) == secret
    assert (tmp_path / "serve.secret").stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["serve.secret"]
