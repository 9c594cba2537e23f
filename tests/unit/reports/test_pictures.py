"""What a report shows of the encoder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from activessl.encoders.pretrain import pretrain
from activessl.encoders.reconstruction import reconstruct
from activessl.pool.sources import load_pool
from activessl.project.config import check_config
from activessl.project.folder import Project
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
        assert sight.thumbnail is not None
        assert sight.id not in {one.id for one in sight.alike}
        assert {one.id.split("-")[0] for one in sight.alike} == {sight.id.split("-")[0]}
    assert "Nearest items in the embedding" in page.read_text(encoding="utf-8")
    again = session.report()
    assert [s.id for s in again.section(Nearest).sights] == [s.id for s in report.section(Nearest).sights]


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
