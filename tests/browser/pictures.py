"""Real pictures of four kinds, from the demonstration's data."""

from __future__ import annotations

import io
from pathlib import Path

import pyarrow.parquet as pq
from PIL import Image

import activessl_cli

DEMO = Path(activessl_cli.__file__).parent / "demo_data"
CLASSES = ("bag", "coat", "sandal", "trouser")


def write_pictures(folder: Path, count: int) -> dict[str, str]:
    """Write some as files; the name of each to what it shows."""
    kinds = {row["id"]: str(row["label"]).lower() for row in pq.read_table(DEMO / "truth.parquet").to_pylist()}
    shown: dict[str, str] = {}
    folder.mkdir()
    for row in pq.read_table(DEMO / "fashion.parquet").to_pylist():
        if (kind := kinds[row["id"]]) in CLASSES and len(shown) < count:
            Image.open(io.BytesIO(row["image"])).save(folder / f"{row['id']}.png")
            shown[f"{row['id']}.png"] = kind
    return shown
