from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from activessl.encoders.registry import fit_encoder, load_encoder
from activessl.encoders.sound.mel import MelInput, choose_mel, mel_filters
from activessl.errors import EncoderError
from activessl.pool.pool import Pool
from activessl.pool.sources import NpzSource, Sampled, load_pool


def pool_of(path: Path, clips: list[np.ndarray], rate: int = 8000) -> Pool:
    np.savez(
        path,
        data=np.concatenate([(clip * 20000).astype(np.int16) for clip in clips]),
        offsets=np.cumsum([0, *map(len, clips)]),
        sample_rate=rate,
    )
    return load_pool(path)


def tone(hertz: float, seconds: float = 0.3, rate: int = 8000) -> np.ndarray:
    return np.sin(np.arange(int(seconds * rate)) * 2 * np.pi * hertz / rate)


def test_a_higher_tone_lies_higher_and_loudness_does_not_count() -> None:
    mel = MelInput(rate=8000, side=32)
    pictures = [mel.tensor(tone(hertz)[None].astype(np.float32)) for hertz in (200, 800, 3000)]
    middles = [int(picture[0, :, 16].argmax()) for picture in pictures]
    assert middles == sorted(set(middles))
    soft = mel.tensor(0.1 * tone(800)[None].astype(np.float32))
    assert np.abs(soft.astype(int) - pictures[1].astype(int)).max() <= 2


@pytest.mark.parametrize(
    ("rate", "window", "bands"), [(8000, 256, 64), (44100, 2048, 64), (16000, 512, 128), (50, 16, 8)]
)
def test_every_band_hears_something_and_bands_rise(rate: int, window: int, bands: int) -> None:
    filters = mel_filters(rate, window, bands)
    assert np.allclose(filters.sum(1), 1, atol=1e-5)
    assert (np.diff(filters @ np.arange(window // 2 + 1)) >= 0).all()


@pytest.mark.parametrize("length", [1, 255, 256, 257, 600_000], ids=str)
def test_clips_of_any_length_become_one_picture(length: int) -> None:
    clip = np.random.default_rng(0).normal(0, 0.1, (2, length)).astype(np.float32)
    picture = MelInput(rate=8000).tensor(clip)
    assert (picture.shape, picture.dtype) == ((1, 32, 32), np.uint8)
    assert picture.max() > 0


def test_silence_is_black() -> None:
    assert MelInput(rate=8000).tensor(np.zeros((1, 4000), np.float32)).max() == 0


def test_tones_of_one_pitch_are_neighbours_whatever_their_length_and_silence_is_finite(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    clips = [tone(300 * 3 ** (i % 3), rng.uniform(0.1, 0.5)) * rng.uniform(0.1, 0.9) for i in range(18)]
    clips = [clip + rng.normal(0, 0.01, len(clip)) for clip in clips]
    pool = pool_of(tmp_path / "a.npz", [*clips, np.zeros(900)])
    encoder = fit_encoder("melpatches", pool, folder=tmp_path / "e", centroids=30, side=32)
    vectors = np.concatenate(list(encoder.batches(pool, 5)))
    assert np.isfinite(vectors).all()
    distances = np.linalg.norm(vectors[:18, None] - vectors[None, :18], axis=2)
    np.fill_diagonal(distances, np.inf)
    assert (distances.argmin(1) % 3 == np.arange(18) % 3).mean() > 0.8
    assert load_encoder(tmp_path / "e" / encoder.fingerprint).name == "melpatches"


def test_the_window_follows_the_sample_rate_and_a_rate_that_is_not_known_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert choose_mel(pool_of(tmp_path / "a.npz", [tone(500)])).window == 256
    pool = pool_of(tmp_path / "b.npz", [tone(500)], rate=44100)
    assert isinstance(pool.source, Sampled)
    assert choose_mel(pool).window == 1024
    with pytest.raises(EncoderError, match="side"):
        choose_mel(pool, side=4)
    assert isinstance(pool.source, NpzSource)
    monkeypatch.setattr(pool.source, "sample_rate", None)
    with pytest.raises(EncoderError, match="sample rate") as caught:
        choose_mel(pool)
    assert caught.value.hint


def test_sounds_of_another_rate_are_refused_and_not_taken_for_lower_ones(tmp_path: Path) -> None:
    low, high = (pool_of(tmp_path / f"{rate}.npz", [tone(400, rate=rate)] * 2, rate) for rate in (8_000, 16_000))
    mel = choose_mel(low)
    assert len(next(mel.batches(low, 2))) == 2
    with pytest.raises(EncoderError, match="16,000 samples a second; the encoder needs 8,000"):
        next(mel.batches(high, 2))
