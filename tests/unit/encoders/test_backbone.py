"""Pretrained networks: real ones of the package `transformers`, small and with random weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from transformers import (
    CLIPConfig,
    CLIPModel,
    ConvNextConfig,
    ConvNextModel,
    Dinov2Config,
    Dinov2Model,
    ViTMAEConfig,
    ViTMAEModel,
)

from activessl.encoders.registry import fit_encoder, load_encoder
from activessl.errors import EncoderError
from activessl.pool.pool import Pool
from activessl.pool.sources import load_pool

SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32, "patch_size": 8}


@pytest.fixture
def pool(tmp_path: Path) -> Pool:
    folder = tmp_path / "images"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(5):
        Image.fromarray(rng.integers(0, 255, (20 + i, 30, 3), dtype=np.uint8)).save(folder / f"{i}.png")
    Image.fromarray(rng.integers(0, 65535, (40, 40), dtype=np.uint16)).save(folder / "deep.png")
    return load_pool(folder)


def dinov2(folder: Path) -> Path:
    Dinov2Model(Dinov2Config(image_size=32, **SMALL)).save_pretrained(folder)
    return folder


def clip(folder: Path) -> Path:
    text = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    CLIPModel(
        CLIPConfig(text_config={**text, "vocab_size": 50}, vision_config={**SMALL, "image_size": 32})
    ).save_pretrained(folder)
    return folder


def mae(folder: Path) -> Path:
    ViTMAEModel(ViTMAEConfig(image_size=32, **SMALL)).save_pretrained(folder)
    return folder


def convnext(folder: Path) -> Path:
    ConvNextModel(ConvNextConfig(hidden_sizes=[8, 16], depths=[1, 1], num_stages=2, image_size=32)).save_pretrained(
        folder
    )
    return folder


def encode(encoder: Any, pool: Pool, batch_size: int = 4) -> np.ndarray:
    return np.concatenate(list(encoder.batches(pool, batch_size)))


@pytest.mark.parametrize("make", [dinov2, clip, mae, convnext])
def test_networks_of_every_kind_give_the_same_vectors_again(make: Any, pool: Pool, tmp_path: Path) -> None:
    model = make(tmp_path / "model")
    # in bfloat16 a batch of another size may be rounded in another order
    encoder = fit_encoder("backbone", pool, folder=tmp_path / "e", model=str(model), precision="float32")
    vectors = encode(encoder, pool)
    assert vectors.shape == (6, encoder.dim) == (6, 16)
    assert np.isfinite(vectors).all()
    assert np.ptp(vectors, axis=0).max() > 0
    again = load_encoder(tmp_path / "e" / encoder.fingerprint)
    # nothing is hidden or dropped at random, and the batch does not matter
    assert np.allclose(encode(again, pool, 3), vectors, atol=1e-5)


def test_images_are_prepared_as_the_network_was_trained(pool: Pool, tmp_path: Path) -> None:
    model = dinov2(tmp_path / "model")
    prepared = {"image_mean": [0.1, 0.2, 0.3], "image_std": [0.4, 0.5, 0.6], "crop_size": {"height": 24, "width": 24}}
    (model / "preprocessor_config.json").write_text(
        json.dumps({"image_processor_type": "BitImageProcessor", **prepared})
    )
    encoder: Any = fit_encoder("backbone", pool, folder=tmp_path / "e", model=str(model))
    assert (encoder.mean, encoder.std, encoder.image.side) == ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6), 24)
    assert encoder.image.channels == 3  # also where the pool is grey


def test_its_provenance_names_source_licence_and_weights(pool: Pool, tmp_path: Path) -> None:
    model = dinov2(tmp_path / "model")
    (model / "README.md").write_text("---\ntags: [x]\nlicense: apache-2.0\n---\n# card\n")
    told = fit_encoder("auto", pool, folder=tmp_path / "e", model=str(model)).provenance
    assert (told["licence"], told["architecture"], told["source"]) == ("apache-2.0", "Dinov2Model", str(model))
    assert len(told["sha256"]) == 64


def test_other_weights_in_the_same_folder_are_noticed(pool: Pool, tmp_path: Path) -> None:
    model = dinov2(tmp_path / "model")
    encoder = fit_encoder("backbone", pool, folder=tmp_path / "e", model=str(model))
    dinov2(model)  # random weights: others each time
    with pytest.raises(EncoderError, match="differ from the weights"):
        load_encoder(tmp_path / "e" / encoder.fingerprint)


def test_a_pickle_is_never_opened(pool: Pool, tmp_path: Path) -> None:
    model = dinov2(tmp_path / "model")
    (model / "model.safetensors").rename(model / "pytorch_model.bin")
    with pytest.raises(EncoderError, match="cannot be opened"):
        fit_encoder("backbone", pool, folder=tmp_path / "e", model=str(model))


def test_code_that_comes_with_a_model_never_runs(pool: Pool, tmp_path: Path) -> None:
    model = dinov2(tmp_path / "model")
    config = json.loads((model / "config.json").read_text())
    config.update(model_type="mine", auto_map={"AutoConfig": "evil.Config", "AutoModel": "evil.Model"})
    (model / "config.json").write_text(json.dumps(config))
    (model / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(EncoderError):
        fit_encoder("backbone", pool, folder=tmp_path / "e", model=str(model))
    assert not (tmp_path / "ran").exists()


def test_where_the_hub_cannot_be_reached_there_is_a_way_out(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(EncoderError, match="cannot be opened") as caught:
        fit_encoder("backbone", pool, folder=tmp_path / "e", model="nobody/has-this")
    assert "\n" not in caught.value.message
    assert "folder" in caught.value.hint


def test_a_setting_that_an_encoder_does_not_have_is_refused_by_name(pool: Pool, tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="no setting 'model'") as caught:
        fit_encoder("pixels", pool, folder=tmp_path / "e", model="facebook/dinov2-small")
    assert "dim" in caught.value.hint


def test_the_precision_is_a_part_of_the_encoder_and_not_of_the_machine_that_reads_it(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = {}
    for has_it in (False, True):
        monkeypatch.setattr("activessl.encoders.compute.precision.has_bfloat16", lambda device, has_it=has_it: has_it)
        told: list[str] = []
        folder = tmp_path / str(has_it)
        encoder = fit_encoder(
            "backbone",
            pool,
            folder=folder,
            model=str(dinov2(tmp_path / "m")) if not has_it else str(tmp_path / "m"),
            on_progress=lambda step, told=told: told.append(step.note),
        )
        made[has_it] = encoder
        assert ["computed in bfloat16" in note for note in told] == [True] * has_it
    wide, narrow = (np.concatenate(list(made[has_it].batches(pool, 4))) for has_it in (False, True))
    assert made[False].fingerprint != made[True].fingerprint
    assert 0 < np.abs(wide - narrow).max() < 0.05 * wide.std()

    # read where there is no bfloat16, and asked for by name
    monkeypatch.setattr("activessl.encoders.compute.precision.has_bfloat16", lambda device: False)
    again = load_encoder(tmp_path / "True" / made[True].fingerprint)
    np.testing.assert_array_equal(np.concatenate(list(again.batches(pool, 4))), narrow)
    named = fit_encoder("backbone", pool, folder=tmp_path, model=str(tmp_path / "m"), precision="bfloat16")
    assert named.fingerprint == made[True].fingerprint
    with pytest.raises(EncoderError, match="unknown precision 'half'"):
        fit_encoder("backbone", pool, folder=tmp_path, model=str(tmp_path / "m"), precision="half")
