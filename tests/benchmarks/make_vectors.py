"""Encode series and recordings with the default encoders, and store the vectors as ``.npz``.

    python tests/benchmarks/make_vectors.py --data DATA --out FOLDER [--own]

The files of ``DATA/vectors`` (images and texts) are linked into the folder, so that it holds all sets; with ``--own``
images and texts are encoded by our default encoders, too, so that every vector is made by this script. At most 4,000
random items of a set are used; the encoder is fitted to them without their labels. Seconds are processor seconds of one
thread.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from activessl.encoders.registry import fit_encoder
from activessl.pool.sources import load_pool
from activessl.pool.stored_labels import read_labels

ITEMS = 4000
IMAGES = ("cifar10", "fashion_mnist", "neu_steel", "magnetic_tile", "elpv_solar", "pneumoniamnist")
TEXTS = ("text_agnews_test7600", "text_sms_spam")


def main() -> None:
    """Encode every set that has no vectors yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("ACTIVESSL_DATA"), help="folder of the data sets")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--own", action="store_true", help="encode images and texts, too, and link nothing")
    given = parser.parse_args()
    if given.data is None:
        parser.error("name the folder of data sets with --data or ACTIVESSL_DATA")
    torch.set_num_threads(1)
    given.out.mkdir(parents=True, exist_ok=True)
    data = Path(given.data)
    for path in () if given.own else sorted((data / "vectors").glob("*.npz")):
        if not (given.out / path.name).exists():
            (given.out / path.name).symlink_to(path.resolve())
    kinds = ["ts_*.npz", "audio_*.npz"]
    if given.own:
        kinds = [*(f"{name}.npz" for name in IMAGES), *(f"{name}.parquet" for name in TEXTS), *kinds]
    for path in [path for kind in kinds for path in sorted(data.glob(kind))]:
        out = given.out / f"{path.stem}.npz"
        if out.exists():
            continue
        whole = load_pool(path)
        stored = read_labels(whole)
        if stored is None:
            raise SystemExit(f"{path} has no labels")
        rows = np.sort(np.random.default_rng(0).permutation(len(whole))[:ITEMS])
        pool = whole.subset(whole.ids[row] for row in rows)
        started = time.process_time()
        with tempfile.TemporaryDirectory() as scratch:
            encoder = fit_encoder("auto", pool, folder=Path(scratch), seed=0)
            vectors = np.concatenate(list(encoder.batches(pool, 256))).astype(np.float32)
        np.savez(out, vectors=vectors, labels=stored.labels[rows])
        print(f"{path.stem}: {encoder.name}, {vectors.shape}, {time.process_time() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
