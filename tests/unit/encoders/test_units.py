"""Values in small units, as pandas and scipy write them, count as much as others."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.io import wavfile

from activessl.encoders.registry import fit_encoder
from activessl.encoders.sound.mel import MelInput
from activessl.pool.decoders.sounds import decode_wav
from activessl.pool.sources import load_pool
from activessl.reports.pictures import numbers
from activessl_label_studio.media import _series


def neighbours_agree(rows: np.ndarray, kinds: np.ndarray) -> float:
    distances = np.linalg.norm(rows[:, None] - rows[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    return float((kinds[distances.argmin(1)] == kinds).mean())


@pytest.mark.parametrize("unit", [1.0, 1e-13, 1e-25, 1e12])
def test_a_channel_in_any_unit_beside_an_ordinary_one_tells_classes_apart(tmp_path: Path, unit: float) -> None:
    rng = np.random.default_rng(0)
    for i in range(40):
        time = np.arange(80)
        wave = np.sin(time * (0.2, 0.9)[i % 2] + rng.uniform(0, 6)) + 0.05 * rng.normal(size=80)
        table = pd.DataFrame({"current": unit * wave, "temperature": 1 + 0.01 * rng.normal(size=80)})
        table.to_csv(tmp_path / f"{i:02}.csv", index=False)
    pool = load_pool(tmp_path)
    fitted = fit_encoder("rocket", pool, folder=tmp_path / "encoders", features=800, dim=16)
    assert neighbours_agree(np.concatenate(list(fitted.batches(pool, 20))), np.arange(40) % 2) == 1.0


def test_a_constant_channel_is_no_signal_whatever_its_value(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for i in range(12):
        table = pd.DataFrame({"a": rng.normal(size=50), "b": 101325.1, "c": 0.1e-13, "d": 0.0})
        table.to_csv(tmp_path / f"{i:02}.csv", index=False)
    pool = load_pool(tmp_path)
    fitted = fit_encoder("rocket", pool, folder=tmp_path / "encoders", features=200, dim=8)
    assert fitted.rocket.std[1:].tolist() == [1.0, 1.0, 1.0]  # type: ignore[attr-defined]


@pytest.mark.parametrize("unit", [1e-3, 1e-6, 1e-13, 1e-25])
def test_a_sound_in_a_small_unit_looks_as_it_does_in_an_ordinary_one(unit: float) -> None:
    rng = np.random.default_rng(0)
    tone = np.sin(np.arange(8_000) * np.linspace(0.1, 0.4, 8_000)) + 0.01 * rng.normal(size=8_000)

    def picture(factor: float) -> np.ndarray:
        out = io.BytesIO()
        wavfile.write(out, 8_000, (factor * tone).astype(np.float32))
        return MelInput(rate=8_000).tensor(decode_wav(out.getvalue(), 8_000)).astype(int)

    assert np.abs(picture(unit) - picture(1.0)).max() <= 1 < picture(unit).std()


@pytest.mark.parametrize("unit", [1.0, 1e-13])
def test_people_see_a_channel_in_a_small_unit_and_a_small_change_of_a_large_value(unit: float) -> None:
    values = np.stack([unit * np.sin(np.arange(40) / 3), 101_325 + 0.01 * np.cos(np.arange(40) / 3)])
    for shown in (_series(values)["channel_0"], numbers(values)[0]):
        assert np.allclose(np.array(shown, float), values[0], atol=1e-4 * unit)
    for shown in (_series(values)["channel_1"], numbers(values)[1]):
        assert np.allclose(np.array(shown, float), values[1], atol=1e-5)
