"""What a report shows of the encoder."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import wavfile

from activessl.encoders.pretrain import pretrain
from activessl.encoders.reconstruction import reconstruct
from activessl.pool.sources import load_pool
from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl.reports.looks import look, playable
from activessl.reports.sections.nearest import Nearest
from activessl.reports.sections.rebuilt import Rebuilt
from activessl.session import Session


def test_the_report_shows_items_beside_those_that_look_alike(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    data = tmp_path / "images"
    data.mkdir()
    for i in range(40):  # dark and light ones
        shade = 40 if i % 2 else 200
        pixels = np.clip(shade + rng.normal(0, 8, (16, 16)), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(data / f"{'dark' if i % 2 else 'light'}-{i}.png")
    config = check_config(
        {
            "data": {"path": "../images", "modality": "image", "classes": ("dark", "light")},
            "encoder": {"name": "pixels"},
        }
    )
    session = Session(Project.create(tmp_path / "p", config, version="0"))
    session.encode()
    report = session.report()
    page = report.save(session.project.folder / "reports")
    assert len(report.section(Nearest).sights) == 6
    for sight in report.section(Nearest).sights:
        assert sight.look.picture is not None
        assert sight.look.id not in {one.look.id for one in sight.alike}
        assert {one.look.id.split("-")[0] for one in sight.alike} == {sight.look.id.split("-")[0]}
    assert "Nearest items in the embedding" in page.read_text(encoding="utf-8")
    again = session.report()
    assert [s.look.id for s in again.section(Nearest).sights] == [s.look.id for s in report.section(Nearest).sights]


def _project(tmp_path: Path, data: str, modality: str, encoder: str) -> Session:
    config = check_config(
        {
            "data": {"path": data, "modality": modality, "classes": ("a", "b")},
            "encoder": {"name": encoder, "minutes": 0.005},
        }
    )
    session = Session(Project.create(tmp_path / "p", config, version="0"))
    session.encode()
    return session


@pytest.mark.slow
@pytest.mark.parametrize("modality", ["image", "series", "audio"])
def test_the_report_shows_what_the_encoder_makes_of_what_it_does_not_see(tmp_path: Path, modality: str) -> None:
    rng = np.random.default_rng(0)
    arrays: dict[str, dict[str, np.ndarray]] = {
        "image": {"images": rng.integers(0, 255, (20, 16, 16, 3), dtype=np.uint8)},
        "series": {"X": np.where(rng.random((20, 2, 50)) < 0.1, np.nan, rng.normal(size=(20, 2, 50)))},
        "audio": {
            "data": rng.integers(-9000, 9000, 20 * 2000, dtype=np.int16),
            "offsets": np.arange(21) * 2000,
            "sample_rate": np.array(8000),
        },
    }
    np.savez(tmp_path / "items.npz", **arrays[modality])
    session = _project(tmp_path, "../items.npz", modality, "masked")
    report = session.report()
    page = report.save(session.project.folder / "reports")
    assert len(report.section(Rebuilt).drawn) == 6
    for one in report.section(Rebuilt).drawn:
        if modality == "series":
            assert len(one.series) == len(one.drawn) == 2
            assert any(one.hidden) and not all(one.hidden)
            made = [value is not None for value in one.drawn[0]]
            assert made == list(one.hidden)
        else:
            assert len(set(one.pictures)) == 3
    text = page.read_text(encoding="utf-8")
    assert "Reconstruction of hidden parts" in text
    assert ("<path" in text.split("Reconstruction of hidden parts")[1]) == (modality == "series")
    again = session.report()
    assert again.section(Rebuilt).drawn == report.section(Rebuilt).drawn


def test_an_encoder_that_does_not_draw_leaves_the_picture_out(tmp_path: Path) -> None:
    np.savez(tmp_path / "items.npz", X=np.random.default_rng(0).normal(size=(12, 1, 30)))
    session_ = _project(tmp_path, "../items.npz", "series", "rocket")
    report = session_.report()
    page = report.save(session_.project.folder / "reports")
    assert report.section(Rebuilt).drawn == ()
    assert "does not see" not in page.read_text(encoding="utf-8")


def test_what_was_seen_is_drawn_as_it_is(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 255, (8, 16, 16, 1), dtype=np.uint8)
    np.savez(tmp_path / "items.npz", images=images)
    pool = load_pool(tmp_path / "items.npz")
    encoder = pretrain(pool, folder=tmp_path / "e", encoder="masked", steps=2)
    for one in reconstruct(encoder, pool, pool.ids[:3]):
        gap = np.abs(one.drawn.astype(int) - one.item.astype(int))[..., 0]
        assert one.hidden.mean() == 0.75
        assert gap[~one.hidden].max() <= 1
        assert gap[one.hidden].max() > 1
    contrastive = pretrain(pool, folder=tmp_path / "e", encoder="contrastive", steps=2)
    assert reconstruct(contrastive, pool, pool.ids[:3]) == ()


@pytest.mark.parametrize(("rate", "heard_rate"), [(4_000, 4_000), (44_100, 8_000)])
def test_a_sound_can_be_heard_for_its_first_seconds(tmp_path: Path, rate: int, heard_rate: int) -> None:
    (tmp_path / "sounds").mkdir()
    time = np.arange(5 * rate) / rate
    wavfile.write(tmp_path / "sounds" / "quiet.wav", rate, (300 * np.sin(2 * np.pi * 440 * time)).astype(np.int16))
    np.savez(
        tmp_path / "raw.npz",
        data=(300 * np.sin(2 * np.pi * 440 * time)).astype(np.int16),
        offsets=np.array([0, len(time)]),
        sample_rate=rate,
    )
    files, stored = load_pool(tmp_path / "sounds"), load_pool(tmp_path / "raw.npz")
    for pool in (files, stored):
        found = look(pool, pool.ids[0], heard=True)
        assert found.sound is not None and found.sound.startswith("data:audio/wav;base64,")
        played, samples = wavfile.read(io.BytesIO(base64.b64decode(found.sound.split(",")[1])))
        assert played == (heard_rate if pool is stored else 8_000)  # files are read at 16,000 samples a second
        assert len(samples) == pytest.approx(3 * played, rel=0.01)
        assert 28_000 < np.abs(samples).max() <= 32_767
        note = np.abs(np.fft.rfft(samples[:played])).argmax()
        assert note == 440  # hertz: neither faster nor slower than it was recorded
        assert look(pool, pool.ids[0]).sound is None


def test_silence_and_missing_values_can_be_heard_too(tmp_path: Path) -> None:
    np.savez(
        tmp_path / "raw.npz",
        data=np.zeros(800, dtype=np.int16),
        offsets=np.array([0, 800]),
        sample_rate=np.array(8_000),
    )
    pool = load_pool(tmp_path / "raw.npz")
    for sound in (np.zeros((1, 800), np.float32), np.full((1, 800), np.nan, np.float32)):
        uri = playable(pool, sound)
        assert uri is not None and not wavfile.read(io.BytesIO(base64.b64decode(uri.split(",")[1])))[1].any()
