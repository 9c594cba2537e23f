"""A project of windows: every verb works on them, and no figure forgets that they are parts of few recordings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from activessl import Session
from activessl.annotators.oracle import Oracle
from activessl.errors import ConfigError, LabelError
from activessl.pool.recordings.cut import place_of, recording_of
from activessl.pool.sources import load_pool
from activessl.project.config_file import read_config
from activessl.project.data_now import data_now
from activessl.project.snapshot import Snapshot
from activessl.scoring.model import Model

RATE = 4_000
KINDS = ("hum", "beep", "noise")


def record(path: Path, first: int, seconds: int = 18) -> None:
    """Three seconds of each kind in turn."""
    rng = np.random.default_rng(first)
    t = np.arange(3 * RATE) / RATE
    parts = []
    for part in range(seconds // 3):
        pitch = {"hum": 150, "beep": 1_200}.get(KINDS[(first + part) % 3])
        parts.append(rng.normal(0, 0.1, len(t)) + (0 if pitch is None else 0.4 * np.sin(2 * np.pi * pitch * t)))
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.concatenate(parts).astype(np.float32), RATE)


def kind_at(item: str) -> str:
    place = place_of(item)
    assert place is not None
    return KINDS[(int(Path(place.recording).stem[1:]) + int(place.start // 3)) % 3]


def open_project(folder: Path, count: int = 6) -> Session:
    for i in range(count):
        record(folder / f"data/r{i}.flac", i)
    session = Session.create(folder / "p", folder / "data", list(KINDS), window="1.5 s", query_size=12)
    session.encode()
    return session


def labeled(folder: Path, rounds: int = 4) -> Session:
    session = open_project(folder)
    ids = session.project.pool().ids
    oracle = Oracle({item: kind_at(item) for item in ids}, KINDS)
    for _ in range(rounds):
        session.round(oracle)
    return session


@pytest.mark.slow
def test_a_project_of_windows_goes_round_and_its_model_scores_new_recordings(tmp_path: Path) -> None:
    session = labeled(tmp_path)
    config = read_config(tmp_path / "p/activessl.toml")
    assert (config.data.window, config.data.step) == ("1.5 s", "1.5 s") and config.data.grouped

    snapshot = Snapshot.of(session.project)
    assert len(snapshot.embeddings) == 72 and len(set(snapshot.groups.tolist())) == 6
    report = session.report()
    assert "labels" in report.to_text() and report.to_html()

    session.export_model(tmp_path / "model", onnx=False)
    model = Model.load(tmp_path / "model")
    record(tmp_path / "new/r7.flac", 7)
    rows = list(model.score(load_pool(tmp_path / "new", model.modality, cut=model.cut)).rows(model.classes))
    assert [(row["recording"], row["start"], row["end"]) for row in rows[:2]] == [
        ("r7.flac", 0.0, 1.5),
        ("r7.flac", 1.5, 3.0),
    ]
    assert sum(row["class"] == kind_at(row["id"]) for row in rows) >= 10


def test_windows_are_exported_with_their_place_and_as_sounds_of_their_own(tmp_path: Path) -> None:
    session = labeled(tmp_path, rounds=1)
    session.export_items(tmp_path / "out", "folders")
    files = sorted((tmp_path / "out").rglob("*.wav"))
    assert len(files) == 12 and all("flac_t_" in file.name for file in files)
    assert all(soundfile.info(file).duration == 1.5 and soundfile.info(file).samplerate == RATE for file in files)


def test_annotations_with_times_become_labels_of_the_windows_that_they_cover(tmp_path: Path) -> None:
    session = open_project(tmp_path, 2)
    table = tmp_path / "said.csv"
    table.write_text("path,start,end,label\ndata/r0.flac,0,3.5,hum\nr0.flac,3.5,6,beep\nr0.flac,9.1,9.2,hum\n")
    done = session.import_file(table)
    assert {item: label.classes for item, label in session.project.history().labels.items()} == {
        "r0.flac#t=0,1.5": ("hum",),
        "r0.flac#t=1.5,3": ("hum",),
        "r0.flac#t=3,4.5": ("beep",),
        "r0.flac#t=4.5,6": ("beep",),
    }
    assert any("1 of these annotations" in note for note in done.notes)
    assert session.import_file(table).new == 0  # repeated, nothing changes


def test_recordings_that_are_added_are_cut_and_those_that_are_there_are_not_copied(tmp_path: Path) -> None:
    session = open_project(tmp_path, 2)
    record(tmp_path / "more/r5.flac", 5)
    (tmp_path / "more/same.flac").write_bytes((tmp_path / "data/r0.flac").read_bytes())
    added = session.add(tmp_path / "more")
    assert (added.copied, added.there) == (("added/r5.flac",), 1)
    assert data_now(session.project, session.project.history()).new == 1
    session.encode()
    pool = session.project.pool()
    assert sum(recording_of(item) == "added/r5.flac" for item in pool.ids) == 12
    (tmp_path / "data/r1.flac").unlink()
    now = data_now(session.project, session.project.history())
    assert (now.new, now.gone) == (0, 1)


@pytest.mark.slow
def test_another_step_keeps_the_labels_of_the_windows_that_stay(tmp_path: Path) -> None:
    session = labeled(tmp_path, rounds=1)
    before = set(session.project.history().labels)
    path = tmp_path / "p/activessl.toml"
    path.write_text(path.read_text().replace('step = "1.5 s"', 'step = "0.75 s"'))
    session = Session.open(tmp_path / "p")
    session.encode()
    snapshot = Snapshot.of(session.project)
    assert len(snapshot.embeddings) == 6 * 23 and len(snapshot.training[0]) == len(before) == 12


@pytest.mark.slow
def test_a_renamed_recording_keeps_its_labels(tmp_path: Path) -> None:
    session = labeled(tmp_path, rounds=1)
    (tmp_path / "data/r0.flac").rename(tmp_path / "data/renamed.flac")
    session.encode()
    assert len(Snapshot.of(session.project).training[0]) == 12


def test_the_same_folder_with_another_window_is_refused_with_the_setting(tmp_path: Path) -> None:
    open_project(tmp_path, 1)
    with pytest.raises(ConfigError, match=r"already has this project with windows of 1.5 s, every 1.5 s"):
        Session.create(tmp_path / "p", tmp_path / "data", list(KINDS), window="2 s")


@pytest.mark.slow
def test_test_recordings_measure_though_they_have_the_names_of_those_of_the_pool(tmp_path: Path) -> None:
    for i in range(3):
        record(tmp_path / f"data/r{i}.flac", i)
    for name in ("hum", "beep"):
        record(tmp_path / f"test/{name}/r0.flac", KINDS.index(name) + 30, seconds=3)
    session = Session.create(
        tmp_path / "p", tmp_path / "data", list(KINDS), window="1.5 s", test=tmp_path / "test", query_size=12
    )
    session.encode()
    ids = session.project.pool().ids
    oracle = Oracle({item: kind_at(item) for item in ids}, KINDS)
    for _ in range(2):
        session.round(oracle)
    measured = session.report().to_text()
    assert "on test data" in measured and "4 test items" in measured


@pytest.mark.slow
def test_frames_of_videos_are_labeled_like_images(tmp_path: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    (tmp_path / "data").mkdir()
    for k in range(3):
        writer = cv2.VideoWriter(str(tmp_path / f"data/v{k}.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 10, (48, 32))
        for i in range(100):
            light = (i // 20) % 2
            writer.write(np.full((32, 48, 3), 220 if light else 20 + k, np.uint8))
        writer.release()
    session = Session.create(tmp_path / "p", tmp_path / "data", ["dark", "light"], frames="0.5 s", query_size=6)
    session.encode()
    ids = session.project.pool().ids
    assert len(ids) == 60

    def truth(item: str) -> str:
        place = place_of(item)
        return "light" if place is not None and int(place.start * 10) // 20 % 2 else "dark"

    oracle = Oracle({item: truth(item) for item in ids}, ("dark", "light"))
    for _ in range(2):
        session.round(oracle)
    assert sum(bool(one) for one in session.project.history().labels) == 12
    assert session.report().to_html()
    session.export_items(tmp_path / "out", "folders")
    assert len(list((tmp_path / "out").rglob("*.png"))) == 12


def test_a_model_of_series_keeps_its_time_step_and_its_cut(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "data").mkdir()
    for k in range(4):
        times = np.arange(240) / 10
        level = np.where((times // 2) % 2 == 1, 4.0, 0.0)
        lines = [f"{t:.1f},{v:.4f}" for t, v in zip(times, level + rng.normal(0, 0.3, 240), strict=True)]
        (tmp_path / f"data/r{k}.csv").write_text("\n".join(["time,x", *lines]) + "\n")
    session = Session.create(tmp_path / "p", tmp_path / "data", ["low", "high"], window="2 s", query_size=10)
    session.encode()
    ids = session.project.pool().ids

    def truth(item: str) -> str:
        place = place_of(item)
        return "high" if place is not None and int(place.start // 2) % 2 else "low"

    session.round(Oracle({item: truth(item) for item in ids}, ("low", "high")))
    session.export_model(tmp_path / "model", onnx=False)
    model = Model.load(tmp_path / "model")
    assert model.axes.step == pytest.approx(0.1) and str(model.cut) == "windows of 2 s, every 2 s"
    scores = model.score(load_pool(tmp_path / "data", cut=model.cut, axes=model.axes))
    assert (
        np.mean([model.classes[k] == truth(i) for i, k in zip(scores.ids, scores.probs.argmax(1), strict=True)]) > 0.9
    )


def test_a_window_is_forgotten_and_its_recording_is_named(tmp_path: Path) -> None:
    from activessl.steps.forget import forget

    session = open_project(tmp_path, 2)
    with pytest.raises(LabelError, match="a recording, whose windows are the items") as refused:
        forget(session.project, "r0.flac")
    assert refused.value.hint is not None and "'r0.flac#t=0,1.5'" in refused.value.hint
    done = forget(session.project, "r0.flac#t=1.5,3")
    assert any("cut that part out of r0.flac" in one and "overlap" in one for one in done.unreached)
    assert "r0.flac#t=1.5,3" not in session.project.pool() and len(session.project.pool()) == 23
