"""What Hugging Face `datasets` loads from an exported folder is what people said, also after a second export.

ACTIVESSL_DATASETS_PYTHON names the python of an environment with `datasets` and Pillow; several are separated as in
PATH. Tried with 3.6.0 and 5.2.0.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from activessl.pool.pool import Modality
from activessl.pool.sources import load_pool
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
    stored = folder.parent / ("items.csv" if modality == "text" else "items.npz")
    if modality == "text":
        stored.write_text("".join(["id,text\n", *(f"{name},{i}\n" for i, name in enumerate(labels))]))
    else:
        images = np.full((len(labels), 4, 6), np.arange(len(labels))[:, None, None], dtype=np.uint8)
        np.savez(stored, images=images, ids=np.array(list(labels)))
    rows = [
        {"id": name, "class": label, "source": "person", "probability": None, "votes": 1, "annotators": 1}
        for name, label in labels.items()
    ]
    shutil.rmtree(folder, ignore_errors=True)
    write_layout(folder, layout, load_pool(stored), rows, sorted(set(labels.values())))
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
