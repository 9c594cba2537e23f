"""A model in use is watched: what is compared, what is remembered, and what is refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from activessl import Session
from activessl.annotators.oracle import Oracle
from activessl.errors import EncoderError, HeadError
from activessl.measuring.drift.looks import level_of_look
from activessl.pool.sources import load_pool
from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl.project.snapshot import Snapshot
from activessl.scoring.digest import model_digest
from activessl.scoring.model import Model
from activessl.scoring.prometheus import metrics_text, write_metrics
from activessl.scoring.watch_state import Look, WatchState
from activessl.scoring.watching import watch
from activessl.steps.make_reference import make_reference
from activessl_cli.main import run


def vectors(seed: int, n: int, strange: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    labels = rng.integers(2, size=n)
    out = (4 * np.eye(2, 5)[labels] + rng.normal(size=(n, 5))).astype(np.float32)
    out[:strange] = -9 + 0.3 * rng.normal(size=(strange, 5))
    return out


def project(folder: Path, **settings: object) -> Session:
    np.savez(folder / "x.npz", vectors=vectors(0, 160))
    config = check_config(
        {"data": {"path": "../x.npz", "modality": "vector", "classes": ["a", "b"]} | settings, "query": {"size": 12}}
    )
    session = Session(Project.create(folder / "p", config, version="0"))
    session.encode()
    held = vectors(0, 160)
    truth = {i: "ab"[int(row[1] > row[0])] for i, row in zip(session.project.pool().ids, held, strict=True)}
    session.round(Oracle(truth, ("a", "b")))
    return session


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("watched")
    project(folder).export_model(folder / "m", onnx=False)
    np.savez(folder / "usual.npz", vectors=vectors(1, 100))
    np.savez(folder / "strange.npz", vectors=vectors(2, 100, 30))
    np.savez(folder / "few.npz", vectors=vectors(3, 19))
    np.savez(folder / "one.npz", vectors=vectors(3, 1))
    np.savez(folder / "equal.npz", vectors=np.ones((50, 5), dtype=np.float32))
    return folder


def look(made: Path, name: str, state: WatchState) -> tuple:
    return watch(Model.load(made / "m"), model_digest(made / "m"), load_pool(made / f"{name}.npz"), state)


def test_usual_items_are_no_drift_and_strange_ones_are(made: Path) -> None:
    usual, state = look(made, "usual", WatchState())
    assert usual.comparison is not None and not usual.drift and usual.look == 1 and usual.far <= 0.06
    assert usual.comparison.level == level_of_look(1) and 0.9 < usual.confidence <= 1
    found, state = look(made, "strange", state)
    assert found.drift and found.look == 2 and found.since == 2 and 0.2 < found.far < 0.4 and found.seen == 200
    assert len(found.regions[0]) >= 28
    again, after = look(made, "strange", state)
    assert again.repeated and again.look == 2 and after == state and again.comparison == found.comparison
    later, _ = look(made, "usual", state)
    assert later.look == 3 and later.drift and not later.comparison.drift  # an alarm stays


def test_too_few_items_are_not_compared_and_cost_no_look(made: Path) -> None:
    for name, why in (("few", "19 items, and a comparison needs 20"), ("one", "1 item, and a comparison needs 20")):
        found, state = look(made, name, WatchState())
        assert found.comparison is None and found.why == why and found.look == 0 and state.looks == ()
        assert "p_value" not in metrics_text(found, 0.0) and "nan" not in metrics_text(found, 0.0)
    found, state = look(made, "equal", WatchState())
    assert found.comparison is None and found.why.startswith("1 distinct new item") and state.looks == ()


def test_what_does_not_fit_the_model_is_refused(made: Path, tmp_path: Path) -> None:
    model, digest = Model.load(made / "m"), model_digest(made / "m")
    np.savez(tmp_path / "x.npz", X=np.random.default_rng(0).normal(size=(30, 40)))
    with pytest.raises(EncoderError, match="a model of vector cannot watch series"):
        watch(model, digest, load_pool(tmp_path / "x.npz"), WatchState())
    with pytest.raises(HeadError, match="no reference sample") as refused:
        watch(replace(model, reference=None), digest, load_pool(made / "usual.npz"), WatchState())
    assert "export model" in str(refused.value.hint)
    with pytest.raises(HeadError, match="that of the model other"):
        watch(model, digest, load_pool(made / "usual.npz"), WatchState("other"))


def test_a_model_without_a_reference_loads_and_a_damaged_one_does_not(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made / "m", tmp_path / "m")
    assert model_digest(tmp_path / "m") == model_digest(made / "m")
    note = tmp_path / "m" / "reference" / "reference.json"
    for damage in ("{", json.dumps(json.loads(note.read_text()) | {"group": "("})):
        note.write_text(damage)
        with pytest.raises(HeadError, match="damaged"):
            Model.load(tmp_path / "m")
    shutil.rmtree(tmp_path / "m" / "reference")  # a model of an earlier version
    assert Model.load(tmp_path / "m").reference is None


def test_the_reference_is_of_items_that_its_encoder_was_not_fitted_on(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "i.npz", images=rng.integers(0, 256, size=(100, 8, 8), dtype=np.uint8))
    data = {"path": "../i.npz", "modality": "image", "classes": ["a", "b"], "group": r":(\d+)\d"}
    config = check_config({"data": data, "encoder": {"name": "pixels"}})
    session = Session(Project.create(tmp_path / "p", config, version="0"))
    session.encode()
    found = make_reference(session.project, Snapshot.of(session.project))
    assert found is None  # 10 groups are too few, although there are 100 items
    config = config.model_copy(update={"data": config.data.model_copy(update={"group": r":(\d+)"})})
    alone = Project(session.project.folder, config)
    found = make_reference(alone, Snapshot.of(alone))
    assert found is not None and found.groups is not None and len(found.vectors) == 50
    if found.encoder is not None:  # fitted on the other half
        assert found.encoder.fingerprint != session.project.history().encoded.fingerprint
    again = make_reference(alone, Snapshot.of(alone))
    assert np.array_equal(again.vectors, found.vectors)


def test_the_state_survives_and_what_is_no_state_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "new" / "s.json"
    assert WatchState.load(path) == WatchState()
    state = WatchState("m").after(Look("l", 0.5, 0.0005, False), ["a" * 64]).after(Look("k", 0.0, 1e-4, True), [])
    state.save(path)
    assert WatchState.load(path) == state and state.alarm == 2 and len(state.seen) == 1
    for wrong in ("", "[]", '{"format": 1}', '{"format": 1, "model": "m", "looks": [[1]], "seen": []}'):
        path.write_text(wrong)
        with pytest.raises(HeadError, match="is no state of a watched model"):
            WatchState.load(path)
    path.write_text('{"format": 2, "model": "m", "looks": [], "seen": []}')
    with pytest.raises(HeadError, match="update activessl"):
        WatchState.load(path)


def test_the_command_remembers_writes_metrics_and_has_an_exit_code_for_drift(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state, metrics = tmp_path / "s.json", tmp_path / "out" / "a.prom"
    call = ("watch", str(made / "m"), str(made / "strange.npz"), "--state", str(state), "--metrics", str(metrics))
    assert run(*call, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["drift"] is True and told["look"] == 1 and told["comparison"]["p"] <= 0.0005
    text = metrics.read_text()
    assert "activessl_watch_drift{" in text and f'model="{model_digest(made / "m")[:12]}"' in text
    for line in text.splitlines():  # the format of the collector
        assert line.startswith("# ") or (len(line.split()) == 2 and np.isfinite(float(line.split()[1])))
    assert metrics.stat().st_mode & 0o044 == 0o044  # another user collects it
    assert run(*call, "--fail-on-drift") == 3
    out = capsys.readouterr()
    assert "the same items as before" in out.out and "labels are due" in out.err
    assert run("watch", str(made / "m"), str(made / "usual.npz"), "--fail-on-drift") == 0
    assert run("watch", str(made / "m"), str(made / "usual.npz"), "--metrics", str(tmp_path / "a.txt")) == 1
    assert "does not end with .prom" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert run("watch", str(made / "m"), str(tmp_path / "empty")) == 1


def test_metrics_that_cannot_be_written_are_an_error(made: Path, tmp_path: Path) -> None:
    found, _ = look(made, "few", WatchState())
    (tmp_path / "file").write_text("")
    with pytest.raises(HeadError, match="cannot write"):
        write_metrics(found, tmp_path / "file" / "a.prom", 0.0)
