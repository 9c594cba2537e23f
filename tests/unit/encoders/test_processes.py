"""Processes that torchrun starts end where one process with the whole batch ends."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from activessl.encoders.compute.device import best_device, encoding_device
from activessl.encoders.compute.processes import count, decided, leads
from activessl.encoders.registry import fit_encoder
from activessl.encoders.training.sharing import Share
from activessl.errors import EncoderError
from activessl.pool.sources import load_pool
from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl_cli.main import main

TOGETHER = Path(__file__).with_name("together.py")
_spec = importlib.util.spec_from_file_location("together", TOGETHER)
assert _spec is not None and _spec.loader is not None
together = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(together)

RUNS = ("images-hybrid", "images-masked", "images-contrastive", "series-hybrid", "adapt")


def torchrun(processes: int, *command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    started = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("ACTIVESSL")} | {"OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    return subprocess.run(
        [*started, *command], cwd=cwd, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture(scope="module")
def pools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stripes of two directions, and waves of two speeds, of any length, with gaps."""
    folder = tmp_path_factory.mktemp("pools")
    rng = np.random.default_rng(0)
    at, odd = np.arange(16) * 0.8, (np.arange(40) % 2)[:, None, None]
    wave = np.sin(np.where(odd, at[None, :, None], at[None, None, :]) + rng.uniform(0, 6, (40, 1, 1)))
    images = 127 + 80 * np.broadcast_to(wave, (40, 16, 16)) + rng.normal(0, 20, (40, 16, 16))
    np.savez(folder / "images.npz", images=np.clip(images, 0, 255).astype(np.uint8))
    series = np.sin(np.arange(48) * np.where(odd, 0.3, 0.9) + rng.uniform(0, 6, (40, 2, 1)))
    series = np.where(rng.random(series.shape) < 0.1, np.nan, series + rng.normal(0, 0.1, series.shape))
    for i in range(40):
        series[i, :, 16 + i % 30 :] = np.nan
    np.savez(folder / "series.npz", X=series.astype(np.float32))
    return folder


@pytest.fixture(scope="module")
def alone(pools: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one process learns."""
    results = tmp_path_factory.mktemp("alone")
    for name in RUNS:
        together.train(pools, results, name)
    return results


@pytest.fixture(scope="module")
def shared(pools: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes learn together."""
    results = tmp_path_factory.mktemp("shared")
    done = torchrun(2, str(TOGETHER), str(pools), str(results), ",".join(RUNS), cwd=results)
    assert done.returncode == 0, done.stderr
    return results


def learned(results: Path, name: str) -> tuple[dict[str, np.ndarray], float]:
    """Weights by which anything is computed, and the loss they ended with."""
    if name == "adapt":
        return load_file(results / "adapt.safetensors"), 0.0
    (folder,) = (path for path in (results / name).iterdir() if not path.name.startswith("."))
    note = json.loads((folder / "config.json").read_text())
    return load_file(folder / "weights.safetensors"), note["provenance"]["loss"]


def no_further_apart(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> None:
    assert a.keys() == b.keys()
    for name in a:
        # principal components have no sign of their own; what shifts all keys, or all vectors before they are
        # normalised, has no gradient but rounding, of which AdamW makes whole steps
        if not name.startswith("pca") and not name.endswith(("qkv.bias", "norm.bias")) and name != "1.bias":
            np.testing.assert_allclose(a[name], b[name], atol=2e-4, err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_two_processes_learn_what_one_learns(alone: Path, shared: Path, name: str) -> None:
    (one, loss), (two, again) = learned(alone, name), learned(shared, name)
    no_further_apart(one, two)
    assert again == pytest.approx(loss, rel=1e-5)


@pytest.mark.slow
def test_a_process_that_is_killed_ends_all_and_any_number_of_them_goes_on(
    pools: Path, alone: Path, tmp_path: Path
) -> None:
    done = torchrun(2, str(TOGETHER), str(pools), str(tmp_path), "images-hybrid", "1", cwd=tmp_path)
    assert done.returncode != 0
    assert all(path.name.startswith(".training-") for path in (tmp_path / "images-hybrid").iterdir())

    told: list[float] = []
    together.train(pools, tmp_path, "images-hybrid", lambda step: told.append(step.done))
    assert told[1] in (together.KILLED_AT, together.KILLED_AT + 1)  # whether the other had written it by then
    (one, loss), (two, again) = learned(alone, "images-hybrid"), learned(tmp_path, "images-hybrid")
    no_further_apart(one, two)
    assert again == pytest.approx(loss, rel=1e-5)


@pytest.mark.slow
def test_encode_under_torchrun_writes_and_prints_once(pools: Path, tmp_path: Path) -> None:
    config = check_config(
        {
            "data": {"path": str(pools / "images.npz"), "modality": "image", "classes": ["across", "down"]},
            "encoder": {"name": "hybrid", "minutes": 0.01},
        }
    )
    project = Project.create(tmp_path / "project", config, version="test")
    done = torchrun(2, "-m", "activessl_cli", "encode", "--json", cwd=project.folder)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["items"], told["encoder"]["processes"]) == (40, 2)
    assert done.stderr.count("next: activessl query") == 1
    assert len(list(project.ledger().read(kind="encoded"))) == 1
    assert project.history().encoded.fingerprint == told["fingerprint"]  # type: ignore[union-attr]
    assert [path.name for path in (project.folder / "encoders").iterdir()] == [told["fingerprint"]]


def test_without_torchrun_there_is_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "4")  # some clusters set it for everything
    assert (count(), leads(), decided(lambda: 3), Share.of(5).mine) == (1, True, 3, slice(0, 5))


def test_other_verbs_are_left_to_one_process(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for rank, code in (("0", 2), ("1", 0)):
        for name, value in {"RANK": rank, "WORLD_SIZE": "2", "MASTER_ADDR": "x", "MASTER_PORT": "1"}.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit) as caught:
            main(["status", "--json"])
        assert caught.value.code == code
    assert capsys.readouterr() == (
        "",
        "error: status runs in one process, not in 2\n hint: start status without torchrun\n",
    )


def test_more_processes_than_items_or_gpus_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "RANK": "3",
        "LOCAL_RANK": "1",
        "WORLD_SIZE": "4",
        "MASTER_ADDR": "x",
        "MASTER_PORT": "1",
    }.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(EncoderError, match="4 processes cannot share a step of 3 items"):
        Share.of(3)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert best_device() == torch.device("cuda", 1)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(EncoderError, match="process 1 of this machine has no GPU") as caught:
        best_device()
    assert caught.value.hint == "set the number of processes on this machine to 1, one for each GPU"


def test_a_gpu_that_cannot_compute_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    if torch.cuda.is_available():
        pytest.skip("the GPU here computes")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert best_device().type != "cuda"
    assert encoding_device() == torch.device("cpu")


@pytest.mark.parametrize("items, processes", [(7, 2), (7, 3), (3, 3), (256, 5)])
def test_shares_cover_a_step_once(items: int, processes: int) -> None:
    taken = [i for rank in range(processes) for i in range(items)[Share(items, rank, processes).mine]]
    assert taken == list(range(items))


def test_a_process_that_sees_other_files_than_the_first_one_stops(
    pools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("activessl.encoders.training.loop.count", lambda: 2)
        patch.setattr("activessl.encoders.training.loop.decided", lambda make: 7)
        with pytest.raises(EncoderError, match="a checkpoint of step 0, the first process has one of step 7"):
            together.train(pools, tmp_path, "images-hybrid")
    monkeypatch.setattr("activessl.encoders.store.decided", lambda make: ("another key", None))
    with pytest.raises(EncoderError, match="process 0 has different items or settings"):
        together.train(pools, tmp_path, "images-hybrid")


def test_what_cannot_be_shared_is_fitted_by_the_first_process(
    pools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = load_pool(pools / "images.npz")
    made: list[str] = []
    monkeypatch.setattr("activessl.encoders.registry.count", lambda: 2)
    monkeypatch.setattr("activessl.encoders.registry.decided", lambda make: made.append(make()))
    first = fit_encoder("pixels", pool, folder=tmp_path)
    assert made == [str(tmp_path / first.fingerprint)]

    monkeypatch.setattr("activessl.encoders.registry.leads", lambda: False)
    monkeypatch.setattr("activessl.encoders.registry.decided", lambda make: made[0])
    monkeypatch.setattr("activessl.encoders.images.pixels.save_encoder", None)  # it fits and writes nothing
    assert fit_encoder("pixels", pool, folder=tmp_path).fingerprint == first.fingerprint
