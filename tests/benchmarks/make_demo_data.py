"""Make the data of `activessl demo`: a stratified random sample of Fashion-MNIST as PNG bytes.

    python tests/benchmarks/make_demo_data.py DATA/fashion_mnist.npz cli/activessl_cli/demo_data

The input holds ``images`` (n, 28, 28) uint8, ``labels`` (n,) and ``class_names``. The output is
``fashion.parquet`` (id, image), the pool without its classes, and ``truth.parquet`` (id, label) for the scripted
annotator.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image


def sample(labels: np.ndarray, per_class: int, rng: np.random.Generator) -> np.ndarray:
    """Draw ``per_class`` random rows of each class, in random order."""
    rows = [rng.choice(np.flatnonzero(labels == c), per_class, replace=False) for c in np.unique(labels)]
    return rng.permutation(np.concatenate(rows))


def png(image: np.ndarray) -> bytes:
    """Encode the image as the smallest PNG that Pillow makes."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def main() -> None:
    """Read the arguments and write both files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--per-class", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()

    with np.load(arguments.source, allow_pickle=False) as archive:
        images, labels, names = archive["images"], archive["labels"], archive["class_names"]
    rows = sample(labels, arguments.per_class, np.random.default_rng(arguments.seed))
    ids = [f"fashion-{i:04d}" for i in range(len(rows))]  # numbered after mixing: ids do not show classes

    arguments.folder.mkdir(parents=True, exist_ok=True)
    pool = pa.table({"id": ids, "image": pa.array([png(images[row]) for row in rows], type=pa.binary())})
    truth = pa.table({"id": ids, "label": [str(names[labels[row]]) for row in rows]})
    pq.write_table(pool, arguments.folder / "fashion.parquet", compression="zstd", use_dictionary=False)
    pq.write_table(truth, arguments.folder / "truth.parquet", compression="zstd")


if __name__ == "__main__":
    main()
