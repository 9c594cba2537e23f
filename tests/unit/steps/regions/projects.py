"""Small projects of regions with known answers: texts with names, and pictures with blocks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from activessl.heads.dense import head
from activessl.labels.regions.places import Box, Mask, Segment, Span
from activessl.labels.regions.region import Region, Regions
from activessl.session import Session

PEOPLE, PLACES = ("Anna", "Bruno", "Clara", "Dmitri"), ("Oslo", "Porto", "Quito", "Riga")
WORDS = ("we", "saw", "the", "old", "house", "near", "a", "river", "and", "then", "came", "home")


def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Train small networks for a tenth of the usual steps."""
    monkeypatch.setattr(head, "ROWS", replace(head.ROWS, steps=16, hidden=16, rate=1e-2))
    monkeypatch.setattr(head, "PICTURES", replace(head.PICTURES, steps=12, hidden=16, rate=1e-2))


def texts(folder: Path, n: int = 40, *, empty: int = 3) -> dict[str, Regions]:
    """Write ``texts.parquet``; every ``empty``-th text has no name. Returns the names in each."""
    rng = np.random.default_rng(0)
    rows, truth = [], {}
    for number in range(n):
        words = [str(word) for word in rng.choice(WORDS, 6)]
        named: dict[int, str] = {}
        if number % empty:
            for names, kind in ((PEOPLE, "person"), (PLACES, "place")):
                at = int(rng.integers(len(words)))
                if at not in named:
                    words[at], named[at] = str(rng.choice(names)), kind
        starts = np.cumsum([0, *(len(word) + 1 for word in words)])
        rows.append(" ".join(words) + f" {number}")
        truth[f"texts:{number}"] = tuple(
            Region(Span(int(starts[at]), int(starts[at]) + len(words[at])), (kind,))
            for at, kind in sorted(named.items())
        )
    pq.write_table(pa.table({"text": rows}), folder / "texts.parquet")
    return truth


def spans(folder: Path, n: int = 40, *, encode: bool = True, **settings: Any) -> tuple[Session, dict[str, Regions]]:
    """A project of spans with hashed n-grams, by default encoded."""
    truth = texts(folder, n)
    settings = {"task": "spans", "query_size": 12} | settings
    session = Session.create(folder / "project", folder / "texts.parquet", ["person", "place"], **settings)
    set_(session, 'name = "auto"', 'name = "ngrams"')
    if encode:
        session.encode()
    return session, truth


def blocks(folder: Path, n: int = 16, *, masks: bool = False) -> dict[str, Regions]:
    """Write pictures of 40 × 48 pixels with bright or dark blocks; every third has none."""
    rng = np.random.default_rng(1)
    (folder / "images").mkdir(parents=True, exist_ok=True)
    truth: dict[str, Regions] = {}
    for number in range(n):
        pixels = rng.integers(90, 130, (40, 48)).astype(np.uint8)
        regions = []
        for side, kind in ((0, "bright"), (24, "dark"))[: number % 3]:
            width, height = (int(value) for value in rng.integers(9, 16, 2))
            x, y = side + int(rng.integers(0, 24 - width)), int(rng.integers(0, 40 - height))
            pixels[y : y + height, x : x + width] = 240 if kind == "bright" else 5
            if masks:
                inside = np.zeros((40, 48), dtype=bool)
                inside[y : y + height, x : x + width] = True
                regions.append(Region(Mask.of(inside), (kind,)))
            else:
                regions.append(Region(Box(x, y, width, height), (kind,)))
        Image.fromarray(pixels).save(folder / "images" / f"{number:02}.png")
        truth[f"{number:02}.png"] = tuple(regions)
    return truth


def courses(folder: Path, n: int = 18) -> dict[str, Regions]:
    """Write ``series.npz``: noise with one stretch of a fast or a slow wave; every third series has none."""
    rng = np.random.default_rng(2)
    series = 0.1 * rng.normal(size=(n, 1, 256)).astype(np.float32)
    truth: dict[str, Regions] = {}
    for number in range(n):
        kind = ("none", "fast", "slow")[number % 3]
        start, length = (int(value) for value in rng.integers((10, 60), (120, 120)))
        if kind != "none":
            series[number, 0, start : start + length] += np.sin(np.arange(length) * (2.0 if kind == "fast" else 0.4))
        truth[f"series:{number}"] = () if kind == "none" else (Region(Segment(start, start + length), (kind,)),)
    np.savez(folder / "series.npz", X=series)
    return truth


def set_(session: Session, old: str, new: str) -> None:
    """Edit ``activessl.toml``."""
    path = session.project.folder / "activessl.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    session.project.reread()
