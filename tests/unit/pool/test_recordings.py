"""Windows of long recordings and frames of videos, in files that the real libraries wrote."""

from __future__ import annotations

import hashlib
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from activessl.errors import PoolError
from activessl.pool.decoders.readers import installed
from activessl.pool.decoders.sounds import at_rate, decode_sound
from activessl.pool.groups import group_names
from activessl.pool.manifest import load_manifest, save_manifest
from activessl.pool.pool import Pool
from activessl.pool.recordings.cut import Cut, recording_of
from activessl.pool.recordings.source import CutSource
from activessl.pool.sources import load_pool, open_source

Array = np.ndarray[Any, np.dtype[Any]]
RATE = 8_000


def cut(window: str | None = None, step: str | None = None, frames: str | None = None) -> Cut:
    found = Cut.of(window, step, frames)
    assert found is not None
    return found


def tones(seconds: float, rate: int = RATE, channels: int = 1, seed: int = 0) -> Array:
    rng = np.random.default_rng(seed)
    return rng.uniform(-0.3, 0.3, (round(seconds * rate), channels)).astype(np.float32)


def write_sound(path: Path, samples: Array, rate: int = RATE, subtype: str | None = None) -> None:
    import soundfile

    path.parent.mkdir(parents=True, exist_ok=True)
    with soundfile.SoundFile(path, "w", rate, samples.shape[1], subtype) as file:
        for start in range(0, len(samples), 4_096):  # libsndfile crashes on a minute of Vorbis in one block
            file.write(samples[start : start + 4_096])


@pytest.mark.parametrize(
    ("name", "subtype"),
    [("a.wav", "PCM_16"), ("a.wav", "PCM_24"), ("a.wav", "FLOAT"), ("a.flac", "PCM_16"), ("a.ogg", None)],
)
def test_windows_of_a_sound_are_what_the_whole_file_has_there(tmp_path: Path, name: str, subtype: str | None) -> None:
    import soundfile

    write_sound(tmp_path / name, tones(3.3, channels=2), subtype=subtype)
    pool = load_pool(tmp_path, cut=cut("1 s", "0.5 s"))
    assert pool.ids == tuple(f"{name}#t={place}" for place in ("0,1", "0.5,1.5", "1,2", "1.5,2.5", "2,3", "2.3,3.3"))
    whole = soundfile.read(tmp_path / name, dtype="float32")[0].mean(axis=1)
    for row, start in enumerate((0.0, 0.5, 1.0, 1.5, 2.0, 2.3)):
        here = whole[round(start * RATE) :][:RATE]
        np.testing.assert_allclose(pool.read(row), at_rate(here[None], RATE, 16_000), atol=4e-4)
        # what people hear, and what an export has, is the same
        np.testing.assert_allclose(decode_sound(pool.content(row)), pool.read(row), atol=1e-6)
    assert len({item.sha256 for item in pool.items}) == len(pool)
    assert pool.path(0) is None


def test_an_mp3_is_read_from_the_middle(tmp_path: Path) -> None:
    import soundfile

    t = np.arange(9 * 16_000) / 16_000
    write_sound(
        tmp_path / "a.mp3", (0.4 * np.sin(2 * np.pi * 440 * t * (1 + t / 9)))[:, None].astype(np.float32), 16_000
    )
    pool = load_pool(tmp_path, cut=cut("1 s"))
    whole = soundfile.read(tmp_path / "a.mp3", dtype="float32")[0]
    for row in (6, 0, 3, 8):  # libsndfile begins with silence after a seek
        np.testing.assert_allclose(pool.read(row)[0], whole[row * 16_000 :][:16_000], atol=1e-4)


@pytest.mark.slow
def test_a_long_sound_is_never_in_memory_as_a_whole(tmp_path: Path) -> None:
    write_sound(tmp_path / "night.wav", np.tile(tones(60), (20, 1)))  # 20 minutes, 19 MB
    tracemalloc.start()
    pool = load_pool(tmp_path, cut=cut("10 s"))
    pool.read(100)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(pool) == 120 and peak < 8_000_000


def test_without_a_window_the_message_about_a_long_sound_names_the_option(tmp_path: Path) -> None:
    write_sound(tmp_path / "night.wav", np.zeros((11 * 60 * 1_000, 1), np.float32), 1_000)
    with pytest.raises(PoolError, match=r"11.0 minutes long.*--window"):
        load_pool(tmp_path)


def test_wav_files_are_cut_without_the_package_soundfile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_sound(tmp_path / "a.wav", tones(2.0))
    there = load_pool(tmp_path, cut=cut("1 s"))
    monkeypatch.setattr("activessl.pool.recordings.sounds.installed", lambda: ())
    without = load_pool(tmp_path, cut=cut("1 s"))
    assert [item.sha256 for item in without.items] == [item.sha256 for item in there.items]
    write_sound(tmp_path / "b.flac", tones(2.0))
    assert load_pool(tmp_path, cut=cut("1 s")).unreadable[0].why.endswith("`pip install 'activessl[sound]'`")


def test_a_short_rest_is_left_out_and_a_short_recording_is_one_item(tmp_path: Path) -> None:
    write_sound(tmp_path / "long.wav", tones(2.4))
    write_sound(tmp_path / "short.wav", tones(0.25))
    pool = load_pool(tmp_path, cut=cut("1 s"))
    assert pool.ids == ("long.wav#t=0,1", "long.wav#t=1,2", "short.wav#t=0,0.25")
    assert pool.read(2).shape == (1, 4_000)


def write_edf(path: Path, rates: tuple[int, ...], seconds: int = 20) -> None:
    import pyedflib

    writer = pyedflib.EdfWriter(str(path), len(rates))
    rng = np.random.default_rng(0)
    for i, rate in enumerate(rates):
        writer.setSignalHeader(
            i,
            {
                "label": f"c{i}",
                "dimension": "uV",
                "sample_frequency": rate,
                "physical_max": 100,
                "physical_min": -100,
                "digital_max": 32767,
                "digital_min": -32768,
                "transducer": "",
                "prefilter": "",
            },
        )
    writer.writeSamples([np.cumsum(rng.normal(0, 0.2, rate * seconds)) for rate in rates])
    writer.close()


def test_windows_of_edf_are_ranges_of_the_file_also_where_channels_have_other_rates(tmp_path: Path) -> None:
    write_edf(tmp_path / "a.edf", (100, 20))
    whole = load_pool(tmp_path)
    windows = load_pool(tmp_path, cut=cut("5 s", "2.5 s"))
    assert windows.items[0].channels == ("c0", "c1") and windows.items[0].step == 0.01
    assert windows.ids[:3] == ("a.edf#t=0,5", "a.edf#t=2.5,7.5", "a.edf#t=5,10")
    for row in range(len(windows) - 1):
        start = round(row * 2.5 * 100)
        np.testing.assert_allclose(windows.read(row), whole.read(0)[:, start : start + 500], atol=1e-4)


def test_windows_of_wfdb_are_ranges_of_the_record(tmp_path: Path) -> None:
    import wfdb

    values = np.cumsum(np.random.default_rng(0).normal(size=(2_000, 2)), axis=0)
    wfdb.wrsamp("r1", 200, ["mV", "mV"], ["I", "II"], p_signal=values, fmt=["16", "16"], write_dir=str(tmp_path))
    whole = load_pool(tmp_path)
    windows = load_pool(tmp_path, cut=cut("2 s"))
    assert windows.ids == tuple(f"r1.hea#t={i},{i + 2}" for i in range(0, 10, 2))
    np.testing.assert_array_equal(windows.read(3), whole.read(0)[:, 1_200:1_600])
    (tmp_path / "r1.dat").unlink()
    with pytest.raises(PoolError, match=r"r1.dat is missing"):
        load_pool(tmp_path, cut=cut("2 s"))


def test_windows_of_tables_are_in_seconds_if_they_have_times_else_in_values(tmp_path: Path) -> None:
    lines = [f"{i / 10:.1f},{i},{-i}" for i in range(100)]
    (tmp_path / "a.csv").write_text("\n".join(["time,x,y", *lines]) + "\n")
    pool = load_pool(tmp_path, cut=cut("2 s", "1 s"))
    assert pool.ids[:2] == ("a.csv#t=0,2", "a.csv#t=1,3") and len(pool) == 9
    np.testing.assert_array_equal(pool.read(3)[0], np.arange(30, 50))
    assert load_pool(tmp_path, cut=cut("50 values")).ids == ("a.csv#values=0,50", "a.csv#values=50,100")
    (tmp_path / "a.csv").write_text("\n".join(["x,y", *(line.partition(",")[2] for line in lines)]) + "\n")
    with pytest.raises(PoolError, match=r"no times.*in values, such as '500 values'"):
        load_pool(tmp_path, cut=cut("2 s"))


def test_rows_of_arrays_and_of_long_tables_are_cut(tmp_path: Path) -> None:
    values = np.arange(2 * 3 * 40, dtype=np.float32).reshape(2, 3, 40)
    np.savez(tmp_path / "x.npz", X=values, ids=np.array(["p", "q"]))
    pool = load_pool(tmp_path / "x.npz", cut=cut("20 values"))
    assert pool.ids == ("p#values=0,20", "p#values=20,40", "q#values=0,20", "q#values=20,40")
    np.testing.assert_array_equal(pool.read(3), values[1, :, 20:])
    rows = [f"{name},{i},{i * k}" for k, name in ((1, "p"), (2, "q")) for i in range(40)]
    (tmp_path / "long.csv").write_text("\n".join(["id,time,x", *rows]) + "\n")
    pool = load_pool(tmp_path / "long.csv", "series", cut=cut("10 s"))
    assert len(pool) == 8 and pool.ids[-1] == "q#t=30,40"
    np.testing.assert_array_equal(pool.read(7)[0], 2 * np.arange(30, 40))


def test_texts_are_cut_between_words(tmp_path: Path) -> None:
    words = [f"word{i}" for i in range(95)]
    text = "  " + " ".join(words[:50]) + "\n\n" + " ".join(words[50:])
    (tmp_path / "a.txt").write_text(text)
    pool = load_pool(tmp_path, cut=cut("20 words", "10 words"))
    assert [str(pool.read(row)).split() for row in (0, 4, len(pool) - 1)] == [words[:20], words[40:60], words[75:]]
    start, stop = (int(n) for n in pool.ids[4].partition("#char=")[2].split(","))
    assert text[start:stop] == pool.read(4)
    assert {word for row in range(len(pool)) for word in str(pool.read(row)).split()} == set(words)
    short = load_pool(tmp_path, cut=cut("100 characters"))
    assert all(len(str(short.read(row))) <= 100 for row in range(len(short)))
    assert all(str(short.read(row)).split()[0] in words for row in range(len(short)))


def write_video(path: Path, code: str, count: int = 100, rate: float = 25.0) -> None:
    cv2 = pytest.importorskip("cv2")
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*code), rate, (64, 48))
    assert writer.isOpened()
    rng = np.random.default_rng(0)
    for i in range(count):
        frame = np.full((48, 64, 3), 2 * i, np.uint8)
        frame[:24, :32] = rng.integers(0, 255, 3)
        frame[:, 50:] = (0, 0, 255)  # red, as OpenCV orders the colours
        writer.write(frame)
    writer.release()


@pytest.mark.parametrize(
    ("name", "code"), [("a.mp4", "mp4v"), ("a.avi", "MJPG"), ("a.mkv", "mp4v"), ("a.mov", "mp4v"), ("a.webm", "VP80")]
)
def test_frames_of_a_video_are_the_same_in_one_pass_and_in_any_order(tmp_path: Path, name: str, code: str) -> None:
    write_video(tmp_path / name, code)
    pool = load_pool(tmp_path, cut=cut(frames="0.5 s"))
    assert pool.ids == tuple(f"{name}#t={t}" for t in ("0", "0.5", "1", "1.5", "2", "2.5", "3", "3.5"))
    for row in (6, 1, 7, 0, 3):
        seen = pool.read(row)
        # frame 12.5 is shown from 0.52 on
        assert abs(int(np.median(seen[30:, :40])) - 2 * int(np.ceil(row * 12.5))) <= 6
        assert seen[20, 60, 0] > 200 > 60 > seen[20, 60, 2]
        source = open_source(tmp_path, cut=cut(frames="0.5 s"))
        assert isinstance(source, CutSource)
        again = {item.id: item for item in source.windows(name)}[pool.ids[row]]
        digest = hashlib.sha256(f"{seen.shape}".encode() + np.ascontiguousarray(seen).tobytes()).hexdigest()
        assert digest == pool.items[row].sha256 == again.sha256  # type: ignore[union-attr]
    assert pool.content(0).startswith(b"\x89PNG")


def test_opencv_is_found_while_another_thread_imports_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its loader puts its binary module, which has no spec, into ``sys.modules`` for a moment."""
    half = ModuleType("cv2")
    assert half.__spec__ is None
    monkeypatch.setitem(sys.modules, "cv2", half)
    assert "cv2" in installed.__wrapped__()


def test_slow_videos_are_read_in_any_order(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", "mp4v", count=20, rate=1.0)
    pool = load_pool(tmp_path, cut=cut(frames="2 s"))
    import cv2

    video, whole = cv2.VideoCapture(str(tmp_path / "a.mp4")), []
    while (read := video.read())[0]:
        whole.append(read[1][:, :, ::-1])
    for row in (9, 4, 5):
        np.testing.assert_array_equal(pool.read(row), whole[2 * row])


def test_a_folder_of_videos_without_frames_names_the_option(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", "mp4v", count=3)
    with pytest.raises(PoolError) as caught:
        load_pool(tmp_path)
    assert "--frames" in caught.value.hint


def test_a_folder_of_pictures_with_frames_is_told_that_they_are_items(tmp_path: Path) -> None:
    from PIL import Image

    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    with pytest.raises(PoolError, match=r"no recordings to cut in .*, but 1 .png files"):
        load_pool(tmp_path, cut=cut(frames="1 s"))


def test_a_list_of_addresses_under_the_name_of_a_video_is_never_opened(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", "mp4v", count=30)
    (tmp_path / "b.mp4").write_text("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n")
    (tmp_path / "c.mp4").write_bytes((tmp_path / "a.mp4").read_bytes()[:300])
    pool = load_pool(tmp_path, cut=cut(frames="1 s"))
    assert [bad.id for bad in pool.unreadable] == ["b.mp4", "c.mp4"]
    assert pool.unreadable[0].why == "file is no MP4, MOV, AVI, Matroska or WebM video"


def test_a_list_of_recordings_is_cut_and_its_columns_stay(tmp_path: Path) -> None:
    write_sound(tmp_path / "snd/a.wav", tones(2.0))
    write_sound(tmp_path / "snd/b.wav", tones(2.0, seed=1))
    (tmp_path / "list.csv").write_text("path,site,label\nsnd/a.wav,north,dog\nsnd/b.wav,south,cat\n")
    pool = load_pool(tmp_path / "list.csv", cut=cut("1 s"))
    assert pool.ids[1] == "snd/a.wav#t=1,2"
    from activessl.pool.metadata.gather import gather_metadata
    from activessl.pool.stored_labels import read_labels

    found = gather_metadata(tmp_path / "list.csv", pool.ids, source=pool.source).column("site")
    assert found.values == ("north", "north", "south", "south")
    labels = read_labels(pool)
    assert labels is not None and labels.class_names is not None
    assert [labels.class_names[k] for k in labels.labels] == ["dog", "dog", "cat", "cat"]


def test_a_link_out_of_the_folder_is_not_opened(tmp_path: Path) -> None:
    write_sound(tmp_path / "in/a.wav", tones(2.0))
    write_sound(tmp_path / "out/secret.wav", tones(2.0))
    (tmp_path / "in/b.wav").symlink_to(tmp_path / "out/secret.wav")
    pool = load_pool(tmp_path / "in", cut=cut("1 s"))
    assert [bad.id for bad in pool.unreadable] == ["b.wav"] and "outside" in pool.unreadable[0].why


def known(folder: Path, manifest: Path, how: Cut) -> tuple[Pool, list[str]]:
    """The pool by its manifest, and which recordings were read."""
    source = open_source(folder, cut=how)
    assert isinstance(source, CutSource)
    read: list[str] = []
    windows: Callable[[str], Any] = source.windows

    def spy(recording: str) -> Any:
        read.append(recording)
        return windows(recording)

    source.windows = spy  # type: ignore[method-assign]
    pool = load_manifest(manifest, source)
    save_manifest(pool, manifest)
    return pool, read


def test_only_changed_recordings_are_read_again_and_another_step_keeps_the_ids_of_common_windows(
    tmp_path: Path,
) -> None:
    data, manifest = tmp_path / "data", tmp_path / "pool.parquet"
    write_sound(data / "a.wav", tones(4.0))
    write_sound(data / "b.wav", tones(4.0, seed=1))
    first, read = known(data, manifest, cut("1 s"))
    assert sorted(read) == ["a.wav", "b.wav"]
    second, read = known(data, manifest, cut("1 s"))
    assert read == [] and second.items == first.items
    write_sound(data / "b.wav", tones(3.0, seed=2))
    _, read = known(data, manifest, cut("1 s"))
    assert read == ["b.wav"]
    other, read = known(data, manifest, cut("1 s", "0.5 s"))
    assert sorted(read) == ["a.wav", "b.wav"]
    same = {item.id: item.sha256 for item in first.items if item.id.startswith("a.wav")}
    assert same.items() <= {item.id: item.sha256 for item in other.items}.items()


def test_windows_are_never_in_several_groups() -> None:
    ids = ["p1/a.wav#t=0,1", "p1/b.wav#t=0,1", "c.wav#t=0,1", "c.wav#t=1,2"]
    assert group_names(None, ids) == ["p1/a.wav", "p1/b.wav", "c.wav", "c.wav"]
    assert group_names(r"(p\d)/", ids) == ["p1", "p1", "c.wav", "c.wav"]
    assert group_names(r"t=(\d)", ids)[2:] == ["c.wav", "c.wav"]
    assert recording_of("a#b.wav#t=0,1") == "a#b.wav"


@pytest.mark.parametrize(
    ("window", "step", "frames", "why"),
    [
        ("soon", None, None, "no length"),
        ("0 s", None, None, "not above zero"),
        ("1.5 words", None, None, "whole number"),
        ("10 s", "5 words", None, "one unit"),
        (None, "5 s", None, "needs a window"),
        ("10 s", None, "1 s", "exclude"),
        (None, None, "3 words", "at times"),
    ],
)
def test_lengths_that_cannot_be_used_are_refused(
    window: str | None, step: str | None, frames: str | None, why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        Cut.of(window, step, frames)


def test_a_unit_that_the_data_do_not_have_and_far_too_many_windows_are_refused(tmp_path: Path) -> None:
    write_sound(tmp_path / "a.wav", tones(60.0))
    with pytest.raises(PoolError, match="windows of audio are in s, not in words"):
        load_pool(tmp_path, cut=cut("20 words"))
    with pytest.raises(PoolError, match=r"more than 200,000 windows"):
        load_pool(tmp_path, cut=cut("1 ms", "0.2 ms"))


def test_a_damaged_recording_is_unreadable_and_the_others_are_cut(tmp_path: Path) -> None:
    write_sound(tmp_path / "a.wav", tones(2.0))
    (tmp_path / "b.flac").write_bytes(b"fLaC but no more")
    write_edf(tmp_path / "c.edf", (100,))
    (tmp_path / "c.edf").write_bytes((tmp_path / "c.edf").read_bytes()[:200])
    pool = load_pool(tmp_path, "audio", cut=cut("1 s"))
    assert len(pool) == 2 and pool.unreadable[0].id == "b.flac"
    with pytest.raises(PoolError, match="recording cannot be decoded"):
        load_pool(tmp_path, "series", cut=cut("1 s"))
