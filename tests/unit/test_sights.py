"""What a report shows of the encoder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from activessl.config import check_config
from activessl.project import Project
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
    report, page = session.report()
    assert len(report.sights) == 6
    for sight in report.sights:
        assert sight.thumbnail is not None
        assert sight.id not in {one.id for one in sight.alike}
        assert {one.id.split("-")[0] for one in sight.alike} == {sight.id.split("-")[0]}
    assert "takes for alike" in page.read_text(encoding="utf-8")
    again, _ = session.report()
    assert [s.id for s in again.sights] == [s.id for s in report.sights]
