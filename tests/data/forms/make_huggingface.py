"""Write the tables of this folder with Hugging Face datasets, in an environment of its own.

    python -m venv writers && writers/bin/pip install "datasets==5.2.0" pillow soundfile
    writers/bin/python tests/data/forms/make_huggingface.py

The same with ``datasets==3.6.0`` and librosa.
"""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import datasets
import numpy as np
import pyarrow.parquet as pq
import soundfile
from PIL import Image

HERE = Path(__file__).parent / f"datasets-{datasets.__version__}"
NAMES = ["good", "defect"]
GREYS = (10, 240, 20, 250)  # bright: defect


def picture(value: int) -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.full((9, 9), value, np.uint8)).save(out, "PNG")
    return out.getvalue()


def sound(pitch: float, kind: str = "WAV") -> bytes:
    out = io.BytesIO()
    soundfile.write(out, 0.5 * np.sin(2 * np.pi * pitch * np.arange(800) / 8000), 8000, format=kind)
    return out.getvalue()


def write(name: str, columns: dict, features: dict) -> None:
    datasets.Dataset.from_dict(columns, features=datasets.Features(features)).to_parquet(HERE / f"{name}.parquet")


def main() -> None:
    shutil.rmtree(HERE, ignore_errors=True)
    HERE.mkdir()
    label, labels = datasets.ClassLabel(names=NAMES), [0, 1, 0, 1]
    images = [{"bytes": picture(v), "path": None} for v in GREYS]
    write("images", {"image": images, "label": labels}, {"image": datasets.Image(), "label": label})
    write("unlabeled", {"image": images, "label": [0, 1, -1, None]}, {"image": datasets.Image(), "label": label})
    several = getattr(datasets, "List", datasets.Sequence)(label)  # List since version 4
    write("several", {"image": images, "label": [[0], [1, 0], [], [1]]}, {"image": datasets.Image(), "label": several})
    texts = ["fine", "broken", "ok", "torn"]
    write("texts", {"text": texts, "kind": labels}, {"text": datasets.Value("string"), "kind": label})
    said = ["defect", "good", "defect", "good"]
    write(
        "contradiction",
        {"image": images, "label": labels, "label_name": said},
        {"image": datasets.Image(), "label": label, "label_name": datasets.Value("string")},
    )
    (HERE / "files").mkdir()
    for i, value in enumerate(GREYS):
        (HERE / "files" / f"{i}.png").write_bytes(picture(value))
    paths = ["files/0.png", "files/1.png", "files/gone.png", "../make_huggingface.py"]
    by_path = datasets.Dataset.from_dict(
        {"image": [{"bytes": None, "path": path} for path in paths], "label": labels},
        features=datasets.Features({"image": datasets.Image(decode=False), "label": label}),
    )
    pq.write_table(by_path.data.table, HERE / "paths.parquet")  # to_parquet puts the files into the table
    if datasets.__version__ >= "4":
        return  # these encode sounds with torch and torchcodec
    sounds = [{"bytes": sound(p), "path": f"{i}.wav"} for i, p in enumerate((200, 2000, 300, 2500))]
    write("sounds", {"audio": sounds, "label": labels}, {"audio": datasets.Audio(), "label": label})
    flacs = [{"bytes": sound(p, "FLAC"), "path": f"{i}.flac"} for i, p in enumerate((200, 2000))]
    write("flac", {"recording": flacs}, {"recording": datasets.Audio(decode=False)})


if __name__ == "__main__":
    main()
