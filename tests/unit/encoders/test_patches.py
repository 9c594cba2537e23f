from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from activessl.encoders.images import patches
from activessl.encoders.images.patches import SIZES, Size, affordable, at_once, seconds
from activessl.encoders.images.tensors import ImageInput
from activessl.encoders.registry import fit_encoder, load_encoder
from activessl.pool.pool import Pool
from activessl.pool.progress import Progress
from activessl.pool.sources import load_pool

SMALL = ImageInput(side=32, channels=3)


@pytest.fixture
def pool(tmp_path: Path) -> Pool:
    np.savez(tmp_path / "x.npz", images=np.random.default_rng(0).integers(0, 255, (30, 12, 12), dtype=np.uint8))
    return load_pool(tmp_path / "x.npz")


def test_more_minutes_never_mean_fewer_centroids_and_a_larger_pool_never_more() -> None:
    for items in (100, 8_000, 1_000_000):
        sizes = [affordable(minutes, items, SMALL, 3).centroids for minutes in (0.1, 1, 2, 5, 20, 60, 600)]
        assert sizes == sorted(sizes)
        assert sizes[:2] == [400, 400]
    shrinking = [affordable(20, items, SMALL, 3).centroids for items in (1_000, 60_000, 10_000_000)]
    assert shrinking == sorted(shrinking, reverse=True)
    assert shrinking[-1] == 400
    for minutes in (2, 5, 20):
        size = affordable(minutes, 8_000, SMALL, 3)
        assert size == SIZES[0] or seconds(size, 8_000, SMALL, 3) <= 60 * minutes


def test_minutes_choose_the_size_unless_it_is_given(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patches, "SIZES", (Size(4, 3), Size(8, 5)))
    told: list[Progress] = []
    one: Any = fit_encoder("patches", pool, folder=tmp_path / "e", minutes=1.0, on_progress=told.append)
    more: Any = fit_encoder("patches", pool, folder=tmp_path / "e", minutes=2.0)
    given: Any = fit_encoder("patches", pool, folder=tmp_path / "e", minutes=2.0, centroids=6, dim=2)
    assert [(len(e.codes.centroids), e.dim) for e in (one, more, given)] == [(4, 3), (8, 5), (6, 2)]
    assert told[0].note == "patches: learning 4 centroids and encoding 30 items, seconds on a CPU core"
    again: list[Progress] = []
    assert fit_encoder("patches", pool, folder=tmp_path / "e", minutes=0.5, on_progress=again.append).fingerprint == (
        one.fingerprint
    )
    assert again == []  # the same size: what was fitted is found again
    assert load_encoder(tmp_path / "e" / more.fingerprint).dim == 5


def test_vectors_do_not_depend_on_how_many_images_are_worked_on_at_once(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = fit_encoder("patches", pool, folder=tmp_path / "e", centroids=8)
    usual = np.concatenate(list(encoder.batches(pool, 30)))
    codes = encoder.codes
    sizes = [at_once(codes._replace(centroids=torch.zeros(k, 1)), 32) for k in (1, 400, 3200, 100_000)]
    assert sizes == [8, 8, 4, 1]
    monkeypatch.setattr(patches, "at_once", lambda *_: 7)
    assert np.allclose(np.concatenate(list(encoder.batches(pool, 30))), usual, atol=1e-5)


def test_the_layout_counts_as_far_as_the_pictures_say(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    # of waves all over a picture any part says what it is; of unrelated quarters none says what the others are
    waves = np.sin(np.arange(12)[None, :, None] * rng.uniform(0.5, 3, (400, 1, 1))) + np.zeros((400, 12, 12))
    a, b, c, d = np.split(waves, 4)
    pictures = {"wholes": np.block([[a, a], [a, a]]), "parts": np.block([[a, b], [c, d]])}
    found = {}
    for name, values in pictures.items():
        np.savez(tmp_path / f"{name}.npz", images=(100 * values + 128).astype(np.uint8))
        pool = load_pool(tmp_path / f"{name}.npz")
        found[name] = fit_encoder("patches", pool, folder=tmp_path / name, centroids=16).provenance["layout"]
    assert found["wholes"] + 0.2 < found["parts"] <= 1
    assert found["wholes"] < 0.3


def test_without_layout_a_picture_and_its_parts_in_other_places_are_alike(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (40, 24, 24), dtype=np.uint8)
    moved = np.roll(images, 12, axis=2)
    np.savez(tmp_path / "x.npz", images=np.concatenate([images, moved]))
    pool = load_pool(tmp_path / "x.npz")

    def nearness(layout: float) -> float:
        encoder = fit_encoder("patches", pool, folder=tmp_path / "e", centroids=16, views=0, layout=layout)
        vectors = np.concatenate(list(encoder.batches(pool, 80)))
        return float(np.corrcoef(vectors[:40].ravel(), vectors[40:].ravel())[0, 1])

    assert nearness(0.0) > nearness(0.5) > nearness(1.0)
    assert nearness(0.0) > nearness(1.0) + 0.2
