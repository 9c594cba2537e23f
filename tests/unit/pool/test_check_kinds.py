"""Each kind of finding, in small pools with files that Pillow, NumPy and wave have written."""

from __future__ import annotations

import io
import json
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter

from activessl.pool.checks.base import Material
from activessl.pool.checks.pictures import bright_rows, dark_rows
from activessl.pool.checks.signals import clipped_rows, flat_rows
from activessl.pool.checks.sizes import odd_sizes
from activessl.pool.quality import check_pool
from activessl.pool.sources import load_pool
from activessl.pool.traits.pictures import measure
from activessl.steps.check import examined

Array = np.ndarray[Any, np.dtype[Any]]


def _scene(seed: int, side: int = 48, channels: int = 3) -> Array:
    """A picture with large parts and sharp edges, of light and dark colors."""
    rng = np.random.default_rng(seed)
    image = np.full((side, side, channels), rng.integers(30, 220, channels), dtype=np.uint8)
    for _ in range(12):
        top, left = rng.integers(0, side - 8, 2)
        height, width = rng.integers(6, 20, 2)
        image[top : top + height, left : left + width] = rng.integers(0, 256, channels)
    noisy = image + rng.normal(0, 3, image.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i in range(30):
        Image.fromarray(_scene(i)).save(folder / f"{i:02}.png")
    return folder


def _found(location: Path, test: Path | None = None, group: str | None = None) -> dict[str, dict[str, str]]:
    """Kind to item to its original, as JSON says it."""
    tested = None if test is None else load_pool(test)
    said = check_pool(examined(Material(load_pool(location)), tested, group)).to_json()
    said = json.loads(json.dumps(said, allow_nan=False))
    for one in said["findings"]:
        assert set(one) == {"kind", "severity", "remedy", "items", "of", "why"}
        assert one["severity"] in ("error", "warning", "note") and one["remedy"]
        assert len(one["why"]) == len(one["items"]) and len(one["of"]) in (0, len(one["items"]))
    return {
        one["kind"]: dict(zip(one["items"], one["of"] or [""] * len(one["items"]), strict=True))
        for one in said["findings"]
    }


def test_clean_pictures_have_no_findings(scenes: Path) -> None:
    assert _found(scenes) == {}


def test_each_fault_of_a_picture_is_found_as_its_kind_alone(scenes: Path) -> None:
    dark, bright, soft = _scene(40), _scene(41), Image.fromarray(_scene(42))
    Image.fromarray((dark * 0.08).astype(np.uint8)).save(scenes / "dark.png")
    Image.fromarray((255 - (255 - bright) * 0.08).astype(np.uint8)).save(scenes / "bright.png")
    soft.filter(ImageFilter.GaussianBlur(4)).save(scenes / "soft.png")
    Image.fromarray(np.full((48, 48, 3), 90, np.uint8)).save(scenes / "blank.png")
    Image.fromarray(_scene(43)).resize((160, 48)).save(scenes / "wide.png")
    Image.fromarray(_scene(44)).convert("L").save(scenes / "gray.png")
    Image.fromarray(_scene(45, channels=1)[:, :, 0].astype(np.uint16) * 257).save(scenes / "deep.png")
    (scenes / "bad.png").write_bytes((scenes / "00.png").read_bytes()[:300])
    assert _found(scenes) == {
        "unreadable": {"bad.png": ""},
        "blank": {"blank.png": ""},
        "dark": {"dark.png": ""},
        "bright": {"bright.png": ""},
        "blurred": {"soft.png": ""},
        "odd_size": {"wide.png": ""},
        "mixed_depth": {"deep.png": "", "gray.png": ""},
    }


@pytest.mark.parametrize(("suffix", "options"), [("jpg", {"quality": 75}), ("webp", {"quality": 85}), ("bmp", {})])
def test_a_picture_saved_anew_in_another_format_is_a_near_duplicate_before_encode(
    scenes: Path, suffix: str, options: dict[str, Any]
) -> None:
    Image.open(scenes / "07.png").save(scenes / f"again.{suffix}", **options)
    assert _found(scenes) == {"near_duplicate": {f"again.{suffix}": "07.png"}}


def test_a_copy_has_the_first_of_its_kind_as_original_whatever_comes_between(scenes: Path) -> None:
    content = (scenes / "05.png").read_bytes()
    (scenes / "00-copy.png").write_bytes(content)
    Image.open(scenes / "05.png").save(scenes / "zz.jpg", quality=90)
    found = _found(scenes)
    assert found == {"exact_duplicate": {"05.png": "00-copy.png"}, "near_duplicate": {"zz.jpg": "00-copy.png"}}


def test_blank_pictures_are_listed_once_and_not_as_copies_of_each_other(scenes: Path) -> None:
    for name in ("a", "b"):
        Image.new("RGB", (48, 48), (9, 9, 9)).save(scenes / f"{name}.png")
    assert _found(scenes) == {"blank": {"a.png": "", "b.png": ""}}


def test_pictures_of_the_test_data_are_leaks_by_bytes_and_by_what_they_show(scenes: Path, tmp_path: Path) -> None:
    test = tmp_path / "test"
    test.mkdir()
    (test / "t0.png").write_bytes((scenes / "03.png").read_bytes())
    Image.open(scenes / "04.png").save(test / "t1.jpg", quality=80)
    Image.fromarray(_scene(60)).save(test / "t2.png")
    assert _found(scenes, test) == {"leak": {"03.png": "t0.png", "04.png": "t1.jpg"}}


def test_items_of_a_group_of_the_test_data_are_leaks_that_no_fix_sets_aside(tmp_path: Path) -> None:
    for part, names in (("pool", ("p1_a", "p1_b", "p2_a", "alone")), ("test", ("p1_c", "other"))):
        (tmp_path / part).mkdir()
        for name in names:
            Image.fromarray(_scene(sum(name.encode()))).save(tmp_path / part / f"{name}.png")
    pool, test = load_pool(tmp_path / "pool"), load_pool(tmp_path / "test")
    leaks = check_pool(examined(Material(pool), test, r"^(p\d)_")).findings["leak"]
    assert [(one.id, one.of, one.aside) for one in leaks] == [
        ("p1_a.png", "p1_c.png", False),
        ("p1_b.png", "p1_c.png", False),
    ]


def test_pictures_of_a_dark_pool_are_not_dark_and_of_white_paper_not_bright() -> None:
    seen = np.ones(50, dtype=bool)
    assert not dark_rows(np.full(50, 20.0), np.full(50, 20.0), seen).any()
    assert not bright_rows(np.full(50, 240.0), np.full(50, 40.0), np.full(50, 0.9), seen).any()


def test_the_light_of_a_16_bit_picture_is_that_of_its_depth() -> None:
    deep = _scene(1, channels=1).astype(np.uint16) * 16
    figures, plain = measure(deep).figures, measure(_scene(1, channels=1)).figures
    assert figures["depth"] == 16 and plain["depth"] == 8
    assert figures["high"] == pytest.approx(plain["high"], abs=2)


def test_a_second_usual_size_is_not_odd_and_the_ratio_of_sides_counts() -> None:
    two = [(480, 640)] * 70 + [(640, 480)] * 30
    assert odd_sizes(two).tolist() == []
    assert odd_sizes([*two, (480, 2000), (100, 100)]).tolist() == [100, 101]
    spread = [(s, s) for s in range(100, 300)]
    assert odd_sizes([*spread, (100, 300)]).tolist() == [200]  # each side is usual, the ratio is not


def _waves(n: int = 40, length: int = 200) -> Array:
    rng = np.random.default_rng(0)
    at = np.arange(length) / length
    rows = [
        np.sin(2 * np.pi * (rng.uniform(1, 5) * at + rng.random())) + 0.3 * rng.normal(size=length).cumsum() / 10
        for _ in range(n)
    ]
    return (np.stack(rows) + rng.normal(0, 0.02, (n, length))).astype(np.float32)[:, None]


def test_each_fault_of_a_series_is_found_as_its_kind_alone(tmp_path: Path) -> None:
    rows = _waves()
    assert _found(_npz(tmp_path / "clean.npz", rows)) == {}
    rows[1, 0, 50:60] = np.nan
    rows[2, 0, 60:120] = rows[2, 0, 60]
    rows[3] = np.clip(rows[3], np.quantile(rows[3], 0.15), np.quantile(rows[3], 0.85))
    rows[4] = 2.5
    rows[6] = rows[5]
    rows[8] = 0.9 * rows[7] + np.random.default_rng(1).normal(0, 0.003, rows[7].shape)
    assert _found(_npz(tmp_path / "s.npz", rows)) == {
        "exact_duplicate": {"s:6": "s:5"},
        "near_duplicate": {"s:8": "s:7"},
        "blank": {"s:4": ""},
        "missing": {"s:1": ""},
        "flat": {"s:2": ""},
        "clipped": {"s:3": ""},
    }


def _npz(path: Path, rows: Array) -> Path:
    np.savez(path, X=rows)
    return path


def test_missing_values_at_the_ends_of_a_series_are_no_flat_run(tmp_path: Path) -> None:
    rows = _waves()
    rows[0, 0, :80] = rows[1, 0, 120:] = np.nan
    assert set(_found(_npz(tmp_path / "s.npz", rows))) == {"missing"}


def test_signals_that_usually_switch_between_levels_are_neither_flat_nor_clipped() -> None:
    usual = np.full(50, 0.3)
    assert not flat_rows(usual, np.full(50, 100.0)).any()
    assert not clipped_rows(usual, np.full(50, 100.0)).any()


def test_sounds_of_another_rate_are_measured_as_they_were_recorded(tmp_path: Path) -> None:
    folder, rng = tmp_path / "sounds", np.random.default_rng(0)
    folder.mkdir()
    at = np.arange(4000) / 8000
    for i in range(24):
        tone = sum(rng.uniform(0.2, 1) * np.sin(2 * np.pi * rng.uniform(100, 3000) * at) for _ in range(4))
        sound = 9000 * tone * np.exp(-((at - rng.uniform(0.1, 0.4)) ** 2) / 0.02) / np.abs(tone).max()
        sound += rng.normal(0, 20, len(at))
        if i == 3:
            sound = np.clip(sound, -2500, 2500)
        if i == 4:
            sound[1000:2500] = 0
        if i == 5:
            sound[:] = 0
        _write(folder / f"{i:02}.wav", sound)
        if i == 6:
            _write(folder / "quiet.wav", 0.6 * sound)
    assert _found(folder) == {
        "near_duplicate": {"quiet.wav": "06.wav"},
        "blank": {"05.wav": ""},
        "flat": {"04.wav": ""},
        "clipped": {"03.wav": ""},
    }


def _write(path: Path, sound: Array) -> None:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(np.round(sound).astype("<i2").tobytes())
    path.write_bytes(out.getvalue())


def test_texts_are_empty_or_repeat_the_words_of_an_earlier_one(tmp_path: Path) -> None:
    texts = ["A good film!", "\u200b \u200b", "a  GOOD film", "A good film!", "A bad film!", " \n"]
    folder = tmp_path / "texts"
    folder.mkdir()
    for name, text in zip("abcdef", texts, strict=True):
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")
    assert _found(folder) == {
        "exact_duplicate": {"d.txt": "a.txt"},
        "near_duplicate": {"c.txt": "a.txt"},
        "empty": {"f.txt": "", "b.txt": ""},
        "repeated": {"c.txt": "a.txt", "d.txt": "a.txt"},
    }


def test_a_text_that_is_in_the_test_data_is_a_leak_whatever_its_case(tmp_path: Path) -> None:
    (tmp_path / "pool.csv").write_text("id,text\n1,One thing\n2,Another thing\n3,A third thing\n", encoding="utf-8")
    (tmp_path / "test.csv").write_text("id,text\n9,another  thing.\n", encoding="utf-8")
    assert list(_found(tmp_path / "pool.csv", tmp_path / "test.csv")["leak"].values()) == [
        load_pool(tmp_path / "test.csv").ids[0]
    ]


def test_what_is_kept_of_an_item_does_not_depend_on_its_size() -> None:
    small, large = (measure(_scene(1, side)).print for side in (48, 480))
    assert small is not None and large is not None and small.shape == large.shape
    assert small.nbytes < 10_000
