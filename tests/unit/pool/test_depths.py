"""16-bit images of several depths: TIFF by tifffile (see ``tests/data/forms``) beside 12-bit PNG by Pillow."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from activessl.encoders.images.tensors import choose_input
from activessl.pool.manifest import load_manifest, save_manifest
from activessl.pool.pool import Pool
from activessl.pool.sources import load_pool, open_source
from activessl.session import Session
from activessl_cli.main import app

FORMS = Path(__file__).parents[2] / "data" / "forms" / "tifffile-2026.3.3"


def twelve_bits(seed: int, brightest: int = 4_000) -> np.ndarray:
    y, x = np.mgrid[:24, :24] / 24
    rng = np.random.default_rng(seed)
    wave = np.sin(9 * (rng.uniform(0.5, 2) * x + rng.uniform(0.5, 2) * y)) + 1
    return np.asarray(brightest * wave / wave.max(), np.uint16)


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    for path in FORMS.glob("deep*.tif"):
        shutil.copy(path, folder)
    for seed in range(2):
        Image.fromarray(twelve_bits(seed)).save(folder / f"twelve{seed}.png")
    return folder


def visible(pool: Pool) -> np.ndarray:
    """How much of its range each image uses after it became a tensor."""
    pictures = next(choose_input(pool).batches(pool, len(pool)))
    return pictures.flatten(1).float().std(dim=1).numpy()


def test_no_image_becomes_all_white_or_all_black_beside_images_of_another_depth(mixed: Path, tmp_path: Path) -> None:
    pool = load_pool(mixed)
    assert len(pool) == 10 and visible(pool).min() > 30
    save_manifest(pool, tmp_path / "pool.parquet")
    again = load_manifest(tmp_path / "pool.parquet", open_source(mixed))
    assert again.items == pool.items and choose_input(again) == choose_input(pool)

    # an encoder that was fitted to 12 bits alone reads true 16 bits
    twelve = pool.subset(name for name in pool.ids if name.startswith("twelve"))
    deep = pool.subset(name for name in pool.ids if name.startswith("deep"))
    pictures = next(choose_input(twelve).batches(deep, 8))
    assert pictures.flatten(1).float().std(dim=1).min() > 30


def test_different_images_are_not_taken_for_copies_and_the_depths_are_told(mixed: Path, tmp_path: Path) -> None:
    Image.fromarray(np.asarray(twelve_bits(7) >> 4, np.uint8)).save(mixed / "eight.png")
    said = CliRunner().invoke(app, ["init", str(mixed), "--classes", "a,b", "-p", str(tmp_path / "p")]).output
    assert "images of 3 depths: 1 of 8 bits, 2 of 12 bits, 8 of 16 bits; each has its own white level" in said
    Session.open(tmp_path / "p").encode()
    assert "identical" not in CliRunner().invoke(app, ["check", "-p", str(tmp_path / "p")]).output


def test_images_of_one_camera_keep_their_brightness(tmp_path: Path) -> None:
    for i, brightest in enumerate((1_500, 2_500, 4_000, 900, 60)):
        Image.fromarray(twelve_bits(0, brightest)).save(tmp_path / f"{i}.png")
    pool = load_pool(tmp_path)
    image = choose_input(pool)
    means = next(image.batches(pool, 5)).flatten(1).float().mean(dim=1).numpy()
    assert np.allclose(means[:3] / means[2], np.array([1_500, 2_500, 4_000]) / 4_000, atol=0.02)
    assert means[4] < 0.3 * means[2]  # nearly black stays dark


def test_hot_pixels_do_not_decide_which_depth_an_image_has(tmp_path: Path) -> None:
    for i in range(4):
        values = np.kron(twelve_bits(i), np.ones((5, 5), np.uint16))
        values[i, i] = 65_535
        Image.fromarray(values).save(tmp_path / f"{i}.png")
    pool = load_pool(tmp_path)
    assert choose_input(pool).scale16 <= 4_095 and visible(pool).min() > 30
