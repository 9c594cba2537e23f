"""One law for every registered encoder: a new one is tested by being registered."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from activessl.encoders.base import Encoder
from activessl.encoders.embeddings import embed
from activessl.encoders.registry import fit_encoder, get, load_encoder, names
from activessl.encoders.store import read_note
from activessl.encoders.wheels.catalogue import wheels_for
from activessl.errors import EncoderError
from activessl.pool.pool import Modality, Pool
from activessl.pool.sources import load_pool

#: Needs weights from outside; what can be tested without them is in the unit tests.
OUTSIDE = {"backbone", "sentence"}


def wheel_of(modality: Modality) -> tuple[pytest.MarkDecorator, ...]:
    """Leaves a test out without the wheel; `make pretrained-test` has all of them."""
    missing = [wheel.package for wheel in wheels_for(modality)[:1] if not wheel.installed()]
    if not missing or "ACTIVESSL_WHEELS" in os.environ:
        return ()
    return (pytest.mark.skip(reason=f"the package {missing[0]} of the extra `pretrained` is not installed"),)


CASES = [
    pytest.param(name, modality, marks=wheel_of(modality) if name == "pretrained" else ())
    for name in names()
    if name not in OUTSIDE
    for modality in get(name).modalities
]
#: Settings that keep a training run below a second; encoders without such a setting take none.
QUICK = {name: {"steps": 2, "batch_size": 8} for name in ("contrastive", "hybrid", "masked")}


def make_pool(folder: Path, modality: Modality, n: int = 12) -> Pool:
    rng = np.random.default_rng(0)
    arrays: dict[str, dict[str, np.ndarray]] = {
        "audio": {
            "data": rng.integers(-9000, 9000, n * 2000, dtype=np.int16),
            "offsets": np.arange(n + 1) * 2000,
            "sample_rate": np.array(8000),
        },
        "image": {"images": rng.integers(0, 255, (n, 13, 10, 3), dtype=np.uint8)},
        "series": {"X": rng.normal(size=(n, 2, 20)).astype(np.float32)},
        "vector": {"vectors": rng.normal(size=(n, 5)).astype(np.float32)},
    }
    folder.mkdir(parents=True, exist_ok=True)
    if modality == "text":
        words = ["valve", "pump", "leak", "crack", "noise", "heat"]
        texts = [" ".join(rng.choice(words, 6)) for _ in range(n)]
        pq.write_table(pa.table({"text": texts}), folder / "text.parquet")
        return load_pool(folder / "text.parquet")
    path = folder / f"{modality}.npz"
    np.savez(path, **arrays[modality])
    return load_pool(path)


def encode(encoder: Encoder, pool: Pool, batch_size: int = 5) -> np.ndarray:
    return np.concatenate(list(encoder.batches(pool, batch_size)))


@pytest.mark.parametrize(("name", "modality"), CASES)
def test_an_encoder_gives_a_finite_vector_for_each_item_and_says_where_it_comes_from(
    tmp_path: Path, name: str, modality: Modality
) -> None:
    pool = make_pool(tmp_path, modality)
    encoder = fit_encoder(name, pool, folder=tmp_path / "encoders", **QUICK.get(name, {}))
    assert isinstance(encoder, Encoder)
    vectors = encode(encoder, pool)
    assert vectors.shape == (len(pool), encoder.dim)
    assert np.isfinite(vectors).all()
    assert json.loads(json.dumps(encoder.provenance, allow_nan=False))
    assert encoder.fingerprint.isalnum()


@pytest.mark.parametrize(("name", "modality"), CASES)
def test_the_same_request_gives_the_same_encoder_and_another_seed_does_not_change_its_shape(
    tmp_path: Path, name: str, modality: Modality
) -> None:
    pool = make_pool(tmp_path, modality)
    quick = QUICK.get(name, {})
    one = fit_encoder(name, pool, folder=tmp_path / "a", seed=3, **quick)
    two = fit_encoder(name, pool, folder=tmp_path / "b", seed=3, **quick)
    assert one.fingerprint == two.fingerprint
    assert np.array_equal(encode(one, pool), encode(two, pool))
    assert fit_encoder(name, pool, folder=tmp_path / "a", seed=4, **quick).dim == one.dim


@pytest.mark.parametrize(("name", "modality"), CASES)
def test_an_encoder_comes_back_from_its_folder_and_a_changed_one_does_not(
    tmp_path: Path, name: str, modality: Modality
) -> None:
    pool = make_pool(tmp_path, modality)
    encoder = fit_encoder(name, pool, folder=tmp_path / "encoders", **QUICK.get(name, {}))
    folder = tmp_path / "encoders" / encoder.fingerprint
    again = load_encoder(folder)
    assert again.fingerprint == encoder.fingerprint
    assert np.array_equal(encode(again, pool), encode(encoder, pool))
    assert {path.suffix for path in folder.iterdir()} == {".safetensors", ".json"}

    note = json.loads((folder / "config.json").read_text())
    note["config"]["more"] = 1
    (folder / "config.json").write_text(json.dumps(note))
    with pytest.raises(EncoderError, match="fingerprint"):
        load_encoder(folder)
    (folder / "weights.safetensors").write_bytes(b"no")
    with pytest.raises(EncoderError, match="damaged"):
        load_encoder(folder)


@pytest.mark.parametrize(("name", "modality"), CASES)
def test_vectors_do_not_depend_on_the_mini_batch_nor_on_who_else_is_in_the_pool(
    tmp_path: Path, name: str, modality: Modality
) -> None:
    pool = make_pool(tmp_path, modality)
    encoder = fit_encoder(name, pool, folder=tmp_path / "encoders", **QUICK.get(name, {}))
    whole = encode(encoder, pool, 100)
    assert np.allclose(encode(encoder, pool, 1), whole, atol=1e-4)
    turned = pool.subset(reversed(pool.ids))
    assert np.allclose(encode(encoder, turned), whole[::-1], atol=1e-4)


@pytest.mark.parametrize(("name", "modality"), CASES)
def test_a_pool_of_three_items_can_be_encoded(tmp_path: Path, name: str, modality: Modality) -> None:
    pool = make_pool(tmp_path, modality, n=3)
    encoder = fit_encoder(name, pool, folder=tmp_path / "encoders", **QUICK.get(name, {}))
    assert len(embed(encoder, pool, tmp_path / "vectors").vectors) == 3


@pytest.mark.parametrize("name", names())
def test_an_encoder_refuses_what_it_cannot_read_and_names_those_that_can(tmp_path: Path, name: str) -> None:
    for modality in ("image", "vector"):
        if modality not in get(name).modalities:
            with pytest.raises(EncoderError, match="cannot encode") as caught:
                fit_encoder(name, make_pool(tmp_path, modality), folder=tmp_path / "encoders")
            assert "auto" in caught.value.hint


def test_an_unknown_name_is_an_error_that_lists_the_names(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="resnet") as caught:
        get("resnet")
    assert "patches" in caught.value.hint
    with pytest.raises(EncoderError, match="no encoder in"):
        read_note(tmp_path)
