"""Going on with the training of networks of the package `transformers`, small and with random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import CLIPConfig, CLIPModel, ConvNextConfig, ConvNextModel, Dinov2Config, Dinov2Model

from activessl.encoders.images import adapt as adapting
from activessl.encoders.images.adapt import last_weights, no_worse
from activessl.encoders.registry import fit_encoder, load_encoder
from activessl.errors import EncoderError
from activessl.pool.pool import Pool
from activessl.pool.progress import Progress
from activessl.pool.sources import load_pool

SMALL = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 32, "patch_size": 8}


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Pool:
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("images") / "images.npz"
    np.savez(path, images=rng.integers(0, 255, (24, 16, 16, 3), dtype=np.uint8))
    return load_pool(path)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("model")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        Dinov2Model(Dinov2Config(image_size=16, **SMALL)).save_pretrained(folder)
    return str(folder)


@pytest.fixture
def always_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapting, "no_worse", lambda before, after: (True, "kept by the test"))


def encode(encoder: Any, pool: Pool) -> np.ndarray:
    return np.concatenate(list(encoder.batches(pool, 8)))


@pytest.mark.usefixtures("always_kept")
def test_an_adapted_network_is_another_encoder_and_comes_back_from_its_folder(
    pool: Pool, model: str, tmp_path: Path
) -> None:
    plain = fit_encoder("backbone", pool, folder=tmp_path, model=model)
    told: list[Progress] = []
    adapted = fit_encoder(
        "backbone", pool, folder=tmp_path, model=model, adapt_steps=3, adapt_lr=1e-3, on_progress=told.append
    )
    assert adapted.fingerprint != plain.fingerprint
    assert np.abs(encode(adapted, pool) - encode(plain, pool)).max() > 1e-3
    assert np.array_equal(encode(load_encoder(tmp_path / adapted.fingerprint), pool), encode(adapted, pool))
    assert adapted.provenance["adapted"]["steps"] == 3
    assert adapted.provenance["sha256"] == plain.provenance["sha256"]  # of the network as it came
    assert [step.stage for step in told] == ["plan", *["adapt"] * 3, "adapted"]
    assert told[-1].note == "adapted weights are used: kept by the test"
    assert not list(tmp_path.glob(".training-*"))


@pytest.mark.usefixtures("always_kept")
def test_adapting_that_was_killed_goes_on_to_the_same_weights(pool: Pool, model: str, tmp_path: Path) -> None:
    asked: dict[str, Any] = {"model": model, "adapt_steps": 4, "adapt_lr": 1e-3}
    whole = fit_encoder("backbone", pool, folder=tmp_path / "a", **asked)

    def kill(step: Progress) -> None:
        if step.done == 3:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("activessl.encoders.training.loop.time.perf_counter", iter(range(0, 100_000, 100)).__next__)
        with pytest.raises(KeyboardInterrupt):
            fit_encoder("backbone", pool, folder=tmp_path / "b", on_progress=kill, **asked)
    told: list[Progress] = []
    again = fit_encoder("backbone", pool, folder=tmp_path / "b", on_progress=told.append, **asked)
    assert told[1].done == 3  # two steps were on disk
    assert again.fingerprint == whole.fingerprint


def test_what_makes_the_figures_fall_is_not_kept(
    pool: Pool, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = fit_encoder("backbone", pool, folder=tmp_path / "a", model=model)
    monkeypatch.setattr(adapting, "no_worse", lambda before, after: (False, "it fell"))
    told: list[Progress] = []
    left = fit_encoder(
        "backbone", pool, folder=tmp_path / "b", model=model, adapt_steps=2, adapt_lr=1e-2, on_progress=told.append
    )
    assert left.fingerprint == plain.fingerprint
    assert np.array_equal(encode(left, pool), encode(plain, pool))
    assert left.provenance["adapted"]["kept"] is False
    assert told[-1].note == "pretrained weights are used: it fell"


def test_figures_may_rise_or_stay_but_not_fall() -> None:
    was = {"neighbour_agreement": 0.5, "effective_rank": 10.0}
    assert no_worse(was, was)[0]
    assert no_worse(was, {"neighbour_agreement": 0.7, "effective_rank": 9.6})[0]
    assert not no_worse(was, {"neighbour_agreement": 0.49, "effective_rank": 20.0})[0]
    assert not no_worse(was, {"neighbour_agreement": 0.9, "effective_rank": 9.4})[0]


def test_only_the_last_blocks_and_what_follows_them_learn(model: str) -> None:
    dino = set(last_weights(Dinov2Model.from_pretrained(model), 1))
    assert {name.rsplit(".layer.", 1)[-1][:1] for name in dino if ".layer." in name} == {"2"}
    assert "layernorm.weight" in dino
    assert not any(name.startswith("embeddings") for name in dino)
    text = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    clip = CLIPModel(CLIPConfig(text_config={**text, "vocab_size": 50}, vision_config={**SMALL, "image_size": 16}))
    seeing = set(last_weights(clip.vision_model, 2))
    assert not any("layers.0." in name or name.startswith(("embeddings", "pre_layrnorm")) for name in seeing)
    assert any("layers.1." in name for name in seeing)
    conv = ConvNextModel(ConvNextConfig(hidden_sizes=[8, 16], depths=[1, 1], num_stages=2, image_size=16))
    assert not any("stages.0" in name for name in last_weights(conv, 1))
    assert any("stages.1" in name for name in last_weights(conv, 1))


@pytest.mark.parametrize(
    "bad",
    [
        {"adapt_minutes": -1.0},
        {"adapt_steps": 0},
        {"adapt_steps": 2, "adapt_blocks": 0},
        {"adapt_minutes": 1.0, "adapt_lr": 0.0},
    ],
)
def test_settings_that_cannot_be_used_are_refused_with_a_hint(
    pool: Pool, model: str, tmp_path: Path, bad: dict[str, Any]
) -> None:
    with pytest.raises(EncoderError) as caught:
        fit_encoder("backbone", pool, folder=tmp_path, model=model, **bad)
    assert caught.value.hint


def test_a_pool_without_pretrained_models_refuses_to_adapt_one(tmp_path: Path) -> None:
    np.savez(tmp_path / "v.npz", vectors=np.eye(4))
    with pytest.raises(EncoderError, match="no setting 'adapt_minutes'"):
        fit_encoder("auto", load_pool(tmp_path / "v.npz"), folder=tmp_path, adapt_minutes=1.0)
