"""A model of regions as a folder: it finds what the project finds, without the project."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from activessl.encoders.parts import pictures
from activessl.encoders.parts.portable import load_parts, save_parts
from activessl.encoders.parts.registry import PARTS
from activessl.errors import EncoderError, HeadError
from activessl.heads.dense import head
from activessl.labels.regions.matching import counted
from activessl.labels.regions.places import Box, Segment
from activessl.labels.regions.region import Region, Regions
from activessl.labels.regions.stored import stored
from activessl.pool.sources import load_pool
from activessl.scoring.model import Model
from activessl.scoring.region_onnx import onnx_network
from activessl.scoring.regions import RegionModel
from activessl.session import Session
from activessl_cli.main import run
from tests.unit.steps.regions.projects import blocks, fast, spans
from tests.unit.steps.regions.test_files import told


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    fast(monkeypatch)
    monkeypatch.setattr(head, "PICTURES", replace(head.PICTURES, steps=40))


def project(folder: Path, task: str) -> Session:
    """A taught project."""
    if task == "spans":
        session, truth = spans(folder, 30)
    elif task == "segments":
        rng = np.random.default_rng(0)
        values = rng.normal(size=(12, 2, 300)).astype(np.float32)
        truth = {}
        for number in range(12):
            start = int(rng.integers(0, 200))
            values[number, :, start : start + 80] += 4
            found: Regions = (Region(Segment(start, start + 80), ("high",)),)
            truth[f"series:{number}"] = found
        np.savez(folder / "series.npz", X=values)
        session = Session.create(folder / "project", folder / "series.npz", ["high", "low"], task="segments")
        session.encode()
    else:
        truth = blocks(folder, 12, masks=task == "masks")
        session = Session.create(folder / "project", folder / "images", ["bright", "dark"], task=task)
        session.encode()
    session.query(6)
    told(session, {item: regions for item, regions in truth.items() if item in set(list(truth)[:9])})
    session.teach()
    return session


@pytest.mark.parametrize(
    "task", ["spans", "boxes", *(pytest.param(name, marks=pytest.mark.slow) for name in ("masks", "segments"))]
)
def test_an_exported_model_and_its_onnx_file_find_what_the_project_finds(
    task: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session = project(tmp_path, task)
    items = session.project.pool()
    ours = session.predict_regions(items)
    assert any(ours)
    made = session.export_model(tmp_path / "model", onnx=True)
    assert made.onnx is not None and made.checked is not None and made.checked.difference < 1e-4
    # the project is not needed
    data = session.project.config.data.path
    source = (session.project.folder / data).resolve()
    shutil.rmtree(tmp_path / "project")
    items = load_pool(source)
    model = RegionModel.load(tmp_path / "model")
    theirs = model.predict(items)
    assert [stored(one) for one in theirs] == [stored(one) for one in ours]
    by_onnx = model.predict(items, network=onnx_network(model, tmp_path / "model"))
    # but for the last digits of a box
    assert all(counted(one, other, overlap=0.999).f1 in (1.0, None) for one, other in zip(ours, by_onnx, strict=True))

    argv = ("predict", str(source), "--model", str(tmp_path / "model"), "--json")
    capsys.readouterr()
    assert run(*argv) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["id"]: row["regions"] for row in rows} == {
        item: json.loads(json.dumps(stored(found))) for item, found in zip(items.ids, ours, strict=True)
    }
    assert run(*argv, "--onnx") == 0
    assert [row["count"] for row in json.loads(capsys.readouterr().out)] == [row["count"] for row in rows]


def test_what_cannot_be_read_is_refused_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    session = project(tmp_path, "spans")
    folder = session.export_model(tmp_path / "model", onnx=False).folder
    with pytest.raises(HeadError, match="finds regions, and this needs classes"):
        Model.load(folder)
    assert run("predict", str(tmp_path / "texts.parquet"), "--model", str(folder), "--onnx") == 1
    assert "has no ONNX file" in capsys.readouterr().err
    blocks(tmp_path, 2)
    assert run("predict", str(tmp_path / "images"), "--model", str(folder)) == 1
    assert "error: " in capsys.readouterr().err
    # written anew in place, never over something else
    session.export_model(tmp_path / "model", onnx=False)
    with pytest.raises(HeadError, match="holds something else than a model"):
        session.export_model(tmp_path / "images", onnx=False)
    note = folder / "encoder" / "parts.json"
    whole = note.read_text()
    note.write_text(whole.replace('"fingerprint": "', '"fingerprint": "0'))
    with pytest.raises(EncoderError, match="does not match its fingerprint"):
        RegionModel.load(folder)
    note.write_text(whole)
    (folder / "model.json").write_text((folder / "model.json").read_text().replace('"person"', '"bird"'))
    with pytest.raises(HeadError, match="of other classes or regions"):
        RegionModel.load(folder)
    (folder / "model.json").write_text("{")
    with pytest.raises(HeadError, match="no complete model"):
        RegionModel.load(folder)


@pytest.mark.slow
def test_a_model_of_frames_takes_the_frames_of_new_videos(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without the cut in the model, a folder of videos would have no items."""
    rng = np.random.default_rng(0)
    (tmp_path / "videos").mkdir()
    truth: dict[str, Regions] = {}
    for k in range(3):
        writer = cv2.VideoWriter(str(tmp_path / f"videos/v{k}.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 1, (48, 40))
        for at in range(4):
            x, y = (int(value) for value in rng.integers(0, 24, 2))
            pixels = np.full((40, 48, 3), 110, np.uint8)
            pixels[y : y + 14, x : x + 14] = 240
            truth[f"v{k}.mp4#t={at}"] = (Region(Box(x, y, 14, 14), ("bright",)),)
            writer.write(pixels)
        writer.release()
    session = Session.create(
        tmp_path / "project", tmp_path / "videos", ["bright", "dark"], task="boxes", modality="image", frames="1 s"
    )
    session.encode()
    assert sorted(session.project.pool().ids) == sorted(truth)
    session.query(9)
    told(session, truth)
    session.teach()
    folder = session.export_model(tmp_path / "model", onnx=False).folder
    ours = session.predict_regions(session.project.pool())
    shutil.rmtree(tmp_path / "project")
    assert json.loads((folder / "model.json").read_text())["format"] == 2  # earlier versions refuse it
    assert run("predict", str(tmp_path / "videos"), "--model", str(folder), "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["count"] for row in rows] == [len(found) for found in ours] and len(rows) == len(truth)


def test_every_encoder_of_parts_can_leave_its_project(tmp_path: Path) -> None:
    for name in PARTS.names():
        entry = PARTS.get(name)
        assert entry.stored is not None and entry.load is not None, name
    blocks(tmp_path, 3)
    pool = load_pool(tmp_path / "images")
    for name, settings in (("patches", {}), ("hybrid", {"minutes": 0.01})):
        encoder = PARTS.get(name).fit(pool, folder=tmp_path / "encoders", seed=0, **settings)
        save_parts(encoder, tmp_path / "encoders", tmp_path / name)
        again = load_parts(tmp_path / name)
        assert again.fingerprint == encoder.fingerprint
        one, other = (next(iter(some.parts(pool, 8))).levels[0] for some in (encoder, again))
        np.testing.assert_array_equal(one, other)
    with pytest.raises(EncoderError, match="is missing"):
        save_parts(encoder, tmp_path / "nowhere", tmp_path / "copy")
    assert pictures.PATCHES.load is not None
    with pytest.raises(EncoderError, match="do not belong together"):
        other = next(one for one in (tmp_path / "hybrid").iterdir() if one.is_dir())
        pictures.PATCHES.load([other, other], {})
