"""Maps of models whose reason is known, and what hiding does to an item of each form."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from activessl.explaining.deletion import deletion_test, drops_of, over_items
from activessl.explaining.hidden import hidden_probs
from activessl.explaining.occlusion import PlaceMap, occlusion_map
from activessl.explaining.pictures import picture_places
from activessl.explaining.places import places_of
from activessl.explaining.recordings import series_places
from activessl.explaining.sounds import sound_places
from activessl.explaining.windows import averaged, moved, strongest, windows
from activessl.explaining.words import word_places
from activessl.labels.one_class import ONE
from activessl.pool.sources import load_pool


class Knowing:
    """A model whose probability is a known function of the item."""

    kind = ONE

    def __init__(self, modality: str, evidence: Any) -> None:
        self.modality, self.evidence = modality, evidence
        self.encoder = SimpleNamespace(batches=self.batches)

    def batches(self, pool: Any, size: int) -> Iterator[np.ndarray]:
        yield np.array([[self.evidence(pool.read(row))] for row in range(len(pool))])

    def predict_proba(self, vectors: np.ndarray) -> np.ndarray:
        p = 1 / (1 + np.exp(-vectors[:, 0]))
        return np.stack([p, 1 - p], axis=1)


def spotted() -> np.ndarray:
    picture = np.full((48, 96, 3), 60, np.uint8)
    picture[8:16, 64:72] = 250
    return picture


BRIGHT = Knowing("image", lambda picture: (picture.astype(float).max() - 150) / 20)


def test_a_map_shows_the_spot_that_decides() -> None:
    places = picture_places(spotted())
    assert places.grid == (6, 12)
    found = occlusion_map(BRIGHT, places, 0)  # type: ignore[arg-type]
    assert strongest(found.values, 1 / 72 * 4)[1, 8]  # one of the four best
    assert found.values[1, 8] > 10 * abs(found.values[4, 2])
    drops = drops_of(BRIGHT, places, found, 0, np.random.default_rng(0))  # type: ignore[arg-type]
    assert drops.best > 0.9 and drops.worst < 0.01 and drops.random < 0.6
    assert not drops.small
    # the map of the other class is the opposite
    assert np.allclose(occlusion_map(BRIGHT, places, 1).values, -found.values)  # type: ignore[arg-type]


def pool_of(tmp_path: Path, pictures: list[np.ndarray]) -> Any:
    np.savez(tmp_path / "p.npz", images=np.array(pictures))
    return load_pool(tmp_path / "p.npz")


def test_the_deletion_test_passes_for_a_map_with_a_reason_and_fails_for_one_without(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pictures = []
    for _ in range(10):
        picture = rng.integers(40, 80, (48, 48, 1)).astype(np.uint8)
        y, x = rng.integers(0, 40, 2)
        picture[y : y + 8, x : x + 8] = 250
        pictures.append(picture)
    pool = pool_of(tmp_path, pictures)
    told = deletion_test(BRIGHT, pool, range(10), np.random.default_rng(1))  # type: ignore[arg-type]
    assert told.passed and told.items == 10 and told.best > 0.8 > told.random
    noise = Knowing("image", lambda picture: 3 * np.sin(float(picture.astype(float).sum())))
    chance = deletion_test(noise, pool, range(10), np.random.default_rng(1))  # type: ignore[arg-type]
    assert not chance.passed


def test_a_map_that_says_nothing_fails_the_test() -> None:
    places = picture_places(spotted())
    rng = np.random.default_rng(3)
    drops = []
    for _ in range(12):
        nothing = PlaceMap(rng.normal(size=places.grid), places.axes, 1.0, 0)
        drops.append(drops_of(BRIGHT, places, nothing, 0, rng))  # type: ignore[arg-type]
    assert not over_items(drops).passed


def test_hiding_nothing_leaves_an_item_as_it_is() -> None:
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 65535, (20, 30, 3)).astype(np.uint16)
    series = rng.normal(size=(3, 70)).astype(np.float32)
    sound = rng.normal(size=(1, 4000)).astype(np.float32)
    text = "  A scratch on\nthe lid. "
    for form, media in (("image", picture), ("series", series), ("audio", sound)):
        places = places_of(form, media, 8000)
        assert places is not None
        same = places.hide(np.zeros(places.grid))
        assert isinstance(same, np.ndarray) and same.dtype == media.dtype and np.array_equal(same, media)
    assert word_places(text).hide(np.zeros(5)) == text.strip()


def test_hidden_places_change_and_the_others_do_not() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (96, 96, 1)).astype(np.uint8)
    places = picture_places(picture)
    hidden = np.zeros(places.grid)
    hidden[0:2, 0:2] = 1
    changed = places.hide(hidden) != picture
    assert changed[:12, :12].mean() > 0.9 and not changed[24:, 24:].any()

    series = np.sin(np.arange(64, dtype=np.float32))[None] * np.array([[1.0], [2.0]], np.float32)
    places_of_series = series_places(series)
    hidden = np.zeros(places_of_series.grid)
    hidden[1, 4:8] = 1
    changed = places_of_series.hide(hidden) != series
    assert changed[1, 8:16].all() and changed.sum() == 8


def test_a_missing_value_of_a_series_stays_missing() -> None:
    series = np.arange(64, dtype=np.float32)[None].copy()
    series[0, 10] = np.nan
    places = series_places(series)
    out = places.hide(np.ones(places.grid))
    assert np.isnan(out).sum() == 1 and np.isnan(out[0, 10])
    assert np.isnan(series_places(np.full((1, 9), np.nan, np.float32)).hide(np.ones((1, 9)))).all()


def test_a_hidden_band_of_a_sound_is_quiet_where_it_is_hidden_only() -> None:
    time = np.arange(8000) / 8000
    sound = (np.sin(2 * np.pi * 300 * time) * (time > 0.5) + np.sin(2 * np.pi * 2500 * time) * (time > 0.5))[None]
    places = sound_places(sound.astype(np.float32), 8000)
    hidden = np.zeros(places.grid)
    hidden[(places.edges[:-1] > 1500) & (places.edges[:-1] < 3500)] = 1
    before, after = (np.abs(np.fft.rfft(wave[0])) for wave in (sound, places.hide(hidden)))
    assert after[2500] < 0.1 * before[2500] and after[300] > 0.9 * before[300]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("lid scratched", ("lid ", "scratched")),
        ("蓋に傷。", ("蓋", "に", "傷。")),
        ("กำลัง", ("กำ", "ลั", "ง")),
        ("", ()),
        ("   ", ()),
    ],
)
def test_a_text_is_divided_as_its_script_is_written(text: str, parts: tuple[str, ...]) -> None:
    assert word_places(text).parts == parts if parts else word_places(text).grid == (0,)


def test_a_long_text_has_spans_of_words_and_loses_none() -> None:
    text = " ".join(f"w{i}" for i in range(1000))
    places = word_places(text)
    assert places.grid[0] <= 96 and "".join(places.parts) == text


@pytest.mark.parametrize(
    ("form", "media"),
    [
        ("image", np.zeros((1, 1, 3), np.uint8)),
        ("text", "word"),
        ("text", ""),
        ("series", np.zeros((1, 1), np.float32)),
        ("audio", np.zeros((1, 2), np.float32)),
        ("vector", np.zeros(4, np.float32)),
    ],
)
def test_an_item_of_one_place_has_no_map(form: str, media: Any) -> None:
    assert places_of(form, media, 8000) is None


def test_every_scale_covers_every_place() -> None:
    for grid, sizes in (((7, 12), ((2, 2), (4, 4))), ((1, 5), ((1, 1), (1, 9))), ((3,), ((1,), (2,)))):
        hidden, scale = windows(grid, sizes)
        for one in np.unique(scale):
            assert hidden[scale == one].any(axis=0).all()
        assert averaged(hidden, scale, np.ones(len(scale))) == pytest.approx(np.ones(grid))


def test_a_random_fifth_has_the_size_of_the_best() -> None:
    best = strongest(np.random.default_rng(0).normal(size=(8, 8)))
    assert best.sum() == 13
    assert moved(best, np.random.default_rng(1)).sum() == 13


def test_copies_are_scored_as_the_item_itself() -> None:
    places = picture_places(spotted())
    whole = hidden_probs(BRIGHT, places, np.zeros((2, *places.grid)))  # type: ignore[arg-type]
    assert whole[0] == pytest.approx(BRIGHT.predict_proba(np.array([[5.0]]))[0])
