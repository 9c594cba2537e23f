"""The labels choose between the vectors of several encoders."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from activessl.annotators.oracle import Oracle
from activessl.encoders.registry import ENCODERS, EncoderEntry
from activessl.encoders.store import read_encoder, save_encoder
from activessl.ledger.schema import Encoded
from activessl.pool.pool import Pool
from activessl.project.config_file import write_config
from activessl.project.snapshot import Snapshot
from activessl.session import Session
from activessl.steps.choose_encoder import choose_encoder
from activessl_cli.main import main

CLASSES = ("no", "yes")
N, D = 400, 16


@dataclass(frozen=True)
class Part:
    """Encodes a vector by a part of it."""

    fingerprint: str
    provenance: dict[str, Any]
    start: int
    name: str
    dim: int = D

    def batches(self, pool: Pool, batch_size: int) -> Iterator[np.ndarray]:
        for first in range(0, len(pool), batch_size):
            rows = range(first, min(first + batch_size, len(pool)))
            yield np.stack([np.asarray(pool.read(row))[self.start : self.start + D] for row in rows])


def entry(name: str, start: int) -> EncoderEntry:
    def fit(pool: Pool, *, folder: Path, seed: int, minutes: float, on_progress: object = None) -> Part:
        return load(save_encoder(folder, name, {"start": start}, {}, {"objective": "none"}))

    def load(folder: Path) -> Part:
        note, _ = read_encoder(folder)
        return Part(note["fingerprint"], note["provenance"], note["config"]["start"], name)

    return EncoderEntry(fit=fit, load=load, modalities=("vector",), summary="a part of the vectors")


@pytest.fixture(autouse=True)
def parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three encoders of one pool; only the vectors of ``telling`` tell the classes apart."""
    module = ModuleType("encoders_of_parts")
    for i, name in enumerate(("telling", "noise", "other_noise")):
        setattr(module, name, entry(name, i * D))
        monkeypatch.setitem(ENCODERS.built_in, name, f"encoders_of_parts:{name}")  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "encoders_of_parts", module)


def project(folder: Path, name: str, also: tuple[str, ...]) -> tuple[Session, np.ndarray]:
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=N)
    vectors = rng.normal(size=(N, 3 * D)).astype(np.float32)
    vectors[:, :D] += 0.9 * rng.normal(size=(2, D))[y].astype(np.float32)
    np.savez(folder / "items.npz", vectors=vectors)
    made = Session.create(folder / "project", folder / "items.npz", CLASSES, query_size=40)
    own = made.project.own
    changed = own.model_copy(update={"encoder": own.encoder.model_copy(update={"name": name, "also": also})})
    (made.project.folder / "activessl.toml").write_text(write_config(changed))
    return Session.open(made.project.folder), y


def rounds(session: Session, y: np.ndarray, count: int) -> None:
    ids = session.project.pool().ids
    people = Oracle({item: CLASSES[k] for item, k in zip(ids, y, strict=True)}, CLASSES, seed=0)
    for _ in range(count):
        session.round(people)


def used(session: Session) -> str:
    encoded = session.project.history().encoded
    assert encoded is not None
    return encoded.encoder


def test_the_labels_choose_the_encoder_that_tells_the_classes_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session, y = project(tmp_path, "noise", ("telling", "other_noise"))
    session.encode()
    assert used(session) == "noise"
    rounds(session, y, 2)
    history = session.project.history()
    assert used(session) == "telling"
    assert history.encoded is not None
    assert {other.encoder for other in history.encoded.others} == {"noise", "other_noise"}
    assert history.encoded.log_odds is not None
    assert history.encoded.log_odds > 3
    assert history.taught is not None
    assert history.taught.fingerprint == history.encoded.fingerprint
    assert not history.untaught
    # no item is new, and the draws from before the change still measure
    assert not any(history.late.values())
    assert not history.removed
    assert history.forgotten == 0
    scores = session.model().predict_proba(np.load(tmp_path / "items.npz")["vectors"][:, :D])
    assert np.mean(scores.argmax(axis=1) == y) > 0.8
    with pytest.raises(SystemExit):
        main(["status", "--project", str(session.project.folder)])
    assert "vectors of noise, other_noise are kept, and the labels choose between them; the labels chose telling" in (
        " ".join(capsys.readouterr().out.split())
    ).replace("other_noise, noise", "noise, other_noise")


def test_the_choice_stands_when_the_pool_is_encoded_again_and_grows(tmp_path: Path) -> None:
    session, y = project(tmp_path, "noise", ("telling",))
    session.encode()
    rounds(session, y, 2)
    assert used(session) == "telling"
    events = session.project.history().events
    session.encode()
    assert session.project.history().events == events
    vectors = np.load(tmp_path / "items.npz")["vectors"]
    np.savez(tmp_path / "items.npz", vectors=np.concatenate([vectors, vectors[:5] + 1]))
    session.encode()
    history = session.project.history()
    assert used(session) == "telling"
    assert history.encoded is not None
    assert [other.encoder for other in history.encoded.others] == ["noise"]
    assert sum(number > 0 for number in history.late.values()) == 5


@pytest.mark.slow
def test_vectors_that_are_as_good_are_not_changed(tmp_path: Path) -> None:
    session, y = project(tmp_path, "telling", ("noise", "other_noise"))
    session.encode()
    rounds(session, y, 2)
    assert used(session) == "telling"
    session, y = project(
        tmp_path / "second" if (tmp_path / "second").mkdir() is None else tmp_path, "noise", ("other_noise",)
    )
    session.encode()
    rounds(session, y, 2)
    assert used(session) == "noise"


def test_vectors_that_are_gone_or_of_other_items_are_no_choice(tmp_path: Path) -> None:
    session, y = project(tmp_path, "noise", ("telling",))
    session.encode()
    history = session.project.history()
    assert history.encoded is not None
    other = history.encoded.others[0].fingerprint
    folder = session.project.folder / "embeddings" / other
    kept = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    for path in list(folder.iterdir()):
        if path.is_file():
            path.unlink()
    rounds(session, y, 2)
    assert used(session) == "noise"
    for name, content in kept.items():
        (folder / name).write_bytes(content)
    session.teach()
    assert used(session) == "telling"


def test_an_encoder_that_the_config_names_alone_is_not_exchanged(tmp_path: Path) -> None:
    session, y = project(tmp_path, "noise", ("telling",))
    session.encode()
    own = session.project.own
    alone = own.model_copy(update={"encoder": own.encoder.model_copy(update={"also": ()})})
    (session.project.folder / "activessl.toml").write_text(write_config(alone))
    session = Session.open(session.project.folder)
    session.encode()
    history = session.project.history()
    assert history.encoded is not None
    assert history.encoded.others == ()
    rounds(session, y, 2)
    assert used(session) == "noise"


def test_random_labels_have_to_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session, y = project(tmp_path, "noise", ("telling",))
    session.encode()
    monkeypatch.setattr("activessl.steps.teach.choose_encoder", lambda _project, snapshot: snapshot)
    rounds(session, y, 2)
    snapshot = Snapshot.of(session.project)
    # the labels that a strategy chose are for the other vectors, those that chance chose against them
    rows, labels = snapshot.training
    drawn = np.array([snapshot.embeddings.ids[row] in snapshot.history.drawn for row in rows])
    assert 0 < drawn.sum() < len(drawn)
    monkeypatch.setattr(Snapshot, "training", (rows, np.where(drawn, 1 - labels, labels)))
    assert choose_encoder(session.project, snapshot) is snapshot
    monkeypatch.setattr(Snapshot, "training", (rows, labels))
    assert choose_encoder(session.project, snapshot) is not snapshot


def test_ledgers_from_before_have_one_encoder() -> None:
    old = {"kind": "encoded", "fingerprint": "f", "encoder": "e", "items": 3, "dim": 2, "seconds": 1.0}
    assert Encoded.model_validate(old).others == ()
