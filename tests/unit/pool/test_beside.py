"""Files beside those that are read, kinds that need a package, and folders for training above the classes.

The files are by pillow-heif and soundfile (see ``tests/data/forms``) and Pillow.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from activessl.pool import manifest
from activessl.pool.decoders import decode, sounds
from activessl.pool.decoders.readers import installed
from activessl.pool.manifest import load_manifest, save_manifest
from activessl.pool.portable import portable
from activessl.pool.sources import load_pool, open_source
from activessl.pool.stored_labels import read_labels
from activessl_cli.main import app

FORMS = Path(__file__).parents[2] / "data" / "forms"
HEIC, SOUNDS = FORMS / "pillow-heif-1.8.1", FORMS / "soundfile-0.14.0"


def pictures(folder: Path, *names: str) -> None:
    for i, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(i).integers(0, 255, (12, 12), np.uint8)).save(folder / name)


def without(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if no extra was installed."""
    for module in (decode, sounds, manifest):
        monkeypatch.setattr(module, "installed", lambda: ())
    for cached in (decode.image_formats, decode.image_suffixes):
        cached.cache_clear()
    Image.init()
    monkeypatch.setattr(Image, "OPEN", {name: one for name, one in Image.OPEN.items() if name != "HEIF"})


@pytest.fixture(autouse=True)
def _formats() -> object:
    yield
    for cached in (decode.image_formats, decode.image_suffixes):
        cached.cache_clear()


def init(folder: Path, *more: str) -> str:
    project = str(folder.parent / "project")
    found = CliRunner().invoke(app, ["init", str(folder), "--classes", "a,b", "-p", project, *more])
    return found.output + str(found.exception or "")


def test_heic_beside_readable_pictures_is_counted_with_what_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch)
    pictures(tmp_path / "data", *(f"{i}.png" for i in range(4)))
    for i in range(40):
        shutil.copy(HEIC / "0.heic", tmp_path / "data" / f"phone{i:02}.heic")
    said = init(tmp_path / "data")
    assert "4 items of kind image" in said and "40 items could not be read" in said
    assert "phone00.heic: reading HEIC pictures needs `pip install 'activessl[heic]'`" in said


def test_mp3_beside_wav_is_counted_with_what_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from scipy.io import wavfile

    without(monkeypatch)
    (tmp_path / "data").mkdir()
    wavfile.write(tmp_path / "data" / "a.wav", 8_000, np.int16(9_000 * np.sin(np.arange(4_000))))
    for name in ("tone.mp3", "tone.flac", "tone.ogg"):
        shutil.copy(SOUNDS / name, tmp_path / "data")
    said = init(tmp_path / "data")
    assert "1 item of kind audio" in said.replace("1 items", "1 item") and "3 items could not be read" in said
    assert "tone.flac: reading sounds other than WAV needs `pip install 'activessl[sound]'`" in said


def test_what_could_not_be_read_is_tried_again_once_the_package_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures(tmp_path / "data", "a.png", "broken.png")
    (tmp_path / "data" / "broken.png").write_bytes(b"no")
    kept = tmp_path / "pool.parquet"
    with monkeypatch.context() as patched:
        patched.setattr(manifest, "installed", lambda: ())
        save_manifest(load_pool(tmp_path / "data"), kept)
    monkeypatch.setattr(manifest, "installed", lambda: ("pillow_heif",))
    tried = []
    source = open_source(tmp_path / "data")
    describe = type(source).describe
    monkeypatch.setattr(type(source), "describe", lambda self, one: (tried.append(one), describe(self, one))[1])
    assert load_manifest(kept, source).ids == ("a.png",) and tried == ["broken.png"]


@pytest.mark.skipif("pillow_heif" not in installed(), reason="pillow-heif is not installed")
def test_heic_pictures_are_read_upright_and_shown_as_png() -> None:
    pool = load_pool(HEIC)
    assert pool.ids == ("0.heic", "1.heic", "turned.heic")
    red, blue = (np.asarray(pool.read(row)).reshape(-1, 3).mean(axis=0) for row in (0, 1))
    assert red[0] > 230 > 40 > red[2] and blue[2] > 230 > 40 > blue[0]
    turned = np.asarray(pool.read(2))
    assert turned.shape == (64, 48, 3) and turned[:, 40:].mean() > 240 and turned[:, :8].mean() < 15
    assert portable(pool, 0)[1:] == ("png", "image/png")


@pytest.mark.skipif("soundfile" not in installed(), reason="soundfile is not installed")
def test_flac_ogg_and_mp3_are_read_as_wav_is() -> None:
    pool = load_pool(SOUNDS)
    assert pool.ids == ("stereo.flac", "tone.flac", "tone.mp3", "tone.ogg")
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)
    for row in (1, 2, 3):
        found = np.asarray(pool.read(row))[0]
        assert len(found) == pytest.approx(16_000, abs=400)
        pitch = np.abs(np.fft.rfft(found)).argmax() * 16_000 / len(found)
        assert pitch == pytest.approx(440, abs=2) and found.std() == pytest.approx(tone.std(), rel=0.1)
    assert np.abs(np.asarray(pool.read(0))).max() < 1e-3  # the two channels cancel
    assert [portable(pool, row)[1] for row in range(4)] == ["flac", "flac", "mp3", "ogg"]
    assert len(load_pool(FORMS / "datasets-3.6.0" / "flac.parquet")) == 2


def test_files_of_other_kinds_are_told_by_init_check_and_predict(tmp_path: Path) -> None:
    pictures(tmp_path / "data", "a.png", "b.png")
    for name in ("x.m4a", "y.m4a", "notes.txt", "README"):
        (tmp_path / "data" / name).write_bytes(b"?")
    told = "not read, beside the images: 2 .m4a, 1 without a suffix, 1 .txt"
    said = init(tmp_path / "data")
    assert any(line in said for line in (told, "not read, beside the images: 2 .m4a, 1 .txt, 1 without a suffix"))
    project = str(tmp_path / "project")
    assert "not read, beside the images: 2 .m4a" in CliRunner().invoke(app, ["check", "-p", project]).output
    listed = json.loads(CliRunner().invoke(app, ["check", "-p", project, "--json"]).stdout)
    assert listed["remarks"][0].startswith("not read, beside the images: 2 .m4a")
    (tmp_path / "clean").mkdir()
    pictures(tmp_path / "clean", "a.png")
    assert "not read" not in init(tmp_path / "clean", "-p", str(tmp_path / "other"))


def test_classes_lie_below_train_and_val(tmp_path: Path) -> None:
    pictures(
        tmp_path, *(f"{part}/{kind}/{i}.png" for part in ("train", "val") for kind in ("cat", "dog") for i in "12")
    )
    pool = load_pool(tmp_path)
    found = read_labels(pool)
    assert found is not None and found.class_names == ("cat", "dog")
    assert found.labels.tolist() == [0, 0, 1, 1, 0, 0, 1, 1]
    assert found.split is not None and found.split.tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    alone = read_labels(load_pool(tmp_path / "val"))
    assert alone is not None and alone.class_names == ("cat", "dog") and alone.split is None
    assert "the folders train, val are all in the pool" in init(tmp_path)


@pytest.mark.parametrize(
    ("names", "classes", "split"),
    [
        (("train/cat/1.png", "train/dog/1.png"), ("cat", "dog"), None),
        (("Training/cat/1.png", "Validation/dog/1.png", "test/dog/2.png"), ("cat", "dog"), [0, 1, 1]),
        (("train/cat/front/1.png", "test/dog/side/1.png"), ("cat", "dog"), [1, 0]),
        (("train/1.png", "bus/1.png"), ("bus", "train"), None),
        (("train/1.png", "val/1.png"), None, None),
        (("train/cat/1.png", "test/1.png"), None, None),
    ],
)
def test_which_folders_are_classes(
    tmp_path: Path, names: tuple[str, ...], classes: tuple[str, ...] | None, split: list[int] | None
) -> None:
    pictures(tmp_path, *names)
    found = read_labels(load_pool(tmp_path))
    assert (None if found is None else found.class_names) == classes
    told = None if found is None or found.split is None else sorted(found.split.tolist())
    assert told == (None if split is None else sorted(split))
