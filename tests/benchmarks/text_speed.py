"""Seconds and peak memory of the text encoder on short texts.

    python tests/benchmarks/text_speed.py --texts 100000

Run it in two checkouts to compare them. The texts are sentences of twelve made-up words out of 30,000, as frequent as
the words of a language (Zipf). Seconds are processor time; memory is the peak of the process, less that before.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from activessl.encoders.embeddings import embed
from activessl.encoders.registry import fit_encoder
from activessl.pool.sources import load_pool


def sentences(number: int) -> list[str]:
    """Sentences of twelve words; the same on every machine."""
    rng = np.random.default_rng(0)
    letters = np.array(list("eeeettaaooiinnsshhrrdlcumwfgypbvk"))
    words = np.array(["".join(rng.choice(letters, rng.integers(2, 9))) for _ in range(30_000)], dtype=object)
    share = 1 / (np.arange(len(words)) + 10.0)
    drawn = rng.choice(len(words), (number, 12), p=share / share.sum())
    return [" ".join(words[row]) for row in drawn]


def peak() -> int:
    """Largest memory of the process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main() -> None:
    """Fit and encode once, and print both costs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=100_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        pq.write_table(pa.table({"text": sentences(asked.texts)}), folder / "texts.parquet")
        pool = load_pool(folder / "texts.parquet")
        before, started = peak(), time.process_time()
        encoder = fit_encoder("tfidf", pool, folder=folder / "encoders")
        fitted = time.process_time()
        embed(encoder, pool, folder / "embeddings")
        ended = time.process_time()
    print(f"fit {fitted - started:.1f} s, encode {ended - fitted:.1f} s, peak +{peak() - before} MB on {before} MB")


if __name__ == "__main__":
    main()
