"""What Hugging Face `datasets` loads from an exported folder is what people said, also after a second export.

ACTIVESSL_DATASETS_PYTHON names the python of an environment with `datasets` and Pillow; several are separated as in
PATH. Tried with 3.6.0 and 5.2.0.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from activessl.pool.pool import Item, Modality, Pool
from activessl.steps.layouts import Layout, write_layout

PYTHONS = [one for one in os.environ.get("ACTIVESSL_DATASETS_PYTHON", "").split(os.pathsep) if one]

LOAD = """
import json, sys, datasets
found = {}
for name, rows in datasets.load_dataset(sys.argv[1]).items():
    label = rows.features["label"]
    for row in rows:
        said = label.int2str(row["label"]) if hasattr(label, "int2str") else row["label"]
        shown = row["text"] if "text" in row else row["image"].getpixel((0, 0))
        found[f"{name} {shown}"] = said
print(json.dumps(found))
"""


class Source:
    location = Path("memory")

    def __init__(self, modality: Modality, ids: list[str]) -> None:
        self.modality, self.ids = modality, ids

    def scan(self) -> list[Item]:
        return [Item(name, f"{i:064}", (4, 6, 1)) for i, name in enumerate(self.ids)]

    def read(self, item_id: str) -> Any:
        at = self.ids.index(item_id)
        return str(at) if self.modality == "text" else np.full((4, 6), at, dtype=np.uint8)

    def path(self, item_id: str) -> None:
        return None

    def content(self, item_id: str) -> bytes:
        if self.modality == "text":
            return str(self.read(item_id)).encode()
        out = io.BytesIO()
        Image.fromarray(self.read(item_id)).save(out, "PNG")
        return out.getvalue()


@pytest.fixture(params=PYTHONS or [""])
def load(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Path], dict[str, str]]:
    if not request.param:
        pytest.skip("ACTIVESSL_DATASETS_PYTHON names no environment with datasets")

    def loaded(folder: Path) -> dict[str, str]:
        environment = os.environ | {"HF_HOME": str(tmp_path / "cache"), "HF_HUB_OFFLINE": "1", "PYTHONPATH": ""}
        done = subprocess.run([request.param, "-c", LOAD, str(folder)], capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr
        found: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
        return found

    return loaded


def write(folder: Path, layout: Layout, modality: Modality, labels: dict[str, str]) -> dict[str, str]:
    source = Source(modality, list(labels))
    rows = [
        {"id": name, "class": label, "source": "person", "probability": None, "votes": 1, "annotators": 1}
        for name, label in labels.items()
    ]
    shutil.rmtree(folder, ignore_errors=True)
    write_layout(folder, layout, Pool(tuple(source.scan()), source), rows, sorted(set(labels.values())))
    return {f"train {i}": label for i, label in enumerate(labels.values())}


@pytest.mark.parametrize(
    ("layout", "modality"), [("huggingface", "image"), ("huggingface", "text"), ("folders", "image")]
)
def test_a_corrected_label_and_another_project_are_not_those_of_an_earlier_export(
    tmp_path: Path, load: Callable[[Path], dict[str, str]], layout: Layout, modality: Modality
) -> None:
    out = tmp_path / "out"
    for labels in (
        {"a": "good", "b": "bad"},
        {"a": "bad", "b": "good"},
        {"c": "ant", "my test": "bee", "d": "bee"},  # another project, and a file that is called like a split
        {"a": "train", "b": "test"},
    ):
        assert write(out, layout, modality, labels) == load(out)
