"""Throughput of ``embed`` relative to the encoder alone, and peak memory by the size of the pool.

    python tests/benchmarks/encoder_speed.py [--items 10000 100000]

Pools of PNG files of random pictures are made in a scratch folder. The figures are pictures per second of ``embed``
(reading, decoding, encoding, writing), and of the encoder on tensors in memory in two ways: with our division of the
work (one part for each thread), and with torch's default (all threads in every operation). The ways run in turns; the
ratios are medians. Peak memory is that of a separate process that embeds the whole pool, after it has read the list of
the pool.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from activessl.encoders.embeddings import embed
from activessl.encoders.images.patches import activations
from activessl.encoders.registry import fit_encoder, load_encoder
from activessl.pool.pool import Pool
from activessl.pool.sources import load_pool


def make_pictures(folder: Path, n: int, side: int = 32) -> Pool:
    """Write n smooth random pictures, a thousand in each subfolder."""
    rng = np.random.default_rng(0)
    for i in range(n):
        where = folder / f"{i // 1000:04d}"
        if i % 1000 == 0:
            where.mkdir(parents=True)
        small = Image.fromarray(rng.integers(0, 255, (6, 6, 3), dtype=np.uint8))
        small.resize((side, side), Image.Resampling.BICUBIC).save(where / f"{i:06d}.png", compress_level=1)
    return load_pool(folder)


def throughput(name: str, folder: Path, items: int, turns: int) -> None:
    """Print the throughput of ``embed`` and of the encoder alone, and their ratios."""
    pool = make_pictures(folder / "pictures", items)
    encoder: Any = fit_encoder(name, pool, folder=folder / "encoders")
    print(f"fit: peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB", flush=True)
    ready = list(encoder.image.batches(pool, 256))

    def shared() -> None:
        with torch.inference_mode():
            for batch in ready:
                for part in batch.split(32):
                    (activations(part, encoder.codes) - encoder.pca_mean) @ encoder.pca

    def bare() -> None:
        for _ in encoder.project(ready):
            pass

    found: dict[str, list[float]] = {}
    for turn in range(turns):
        ways: dict[str, Callable[[], object]] = {
            "encoder, torch's division": shared,
            "encoder, our division": bare,
            "embed": partial(embed, encoder, pool, folder / "vectors" / str(turn)),
        }
        for way, run in ways.items():
            start = time.perf_counter()
            run()
            found.setdefault(way, []).append(items / (time.perf_counter() - start))
        print(f"turn {turn + 1}: {', '.join(f'{way} {speed[-1]:,.0f}' for way, speed in found.items())}", flush=True)
    for way in list(found)[:2]:
        ratios = [w / b for w, b in zip(found["embed"], found[way], strict=True)]
        print(f"embed / {way}: {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})")


def peak(folder: Path) -> None:
    """Embed in this process, and print the peak memory before and after, in MB."""
    pool = load_pool(folder / "pictures")
    encoder = load_encoder(next(p for p in (folder / "encoders").iterdir() if p.is_dir()))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    embed(encoder, pool, folder / "peak")
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{len(pool):,} items: peak {before:,.0f} MB before, {after:,.0f} MB after embedding", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--peak", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.peak is not None:
        peak(given.peak)
        return
    print(f"{torch.get_num_threads()} threads")
    for turn, items in enumerate(given.items):
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            if turn == 0:
                throughput("patches", folder, items, given.turns)
            else:
                pool = make_pictures(folder / "pictures", items)
                fit_encoder("patches", pool, folder=folder / "encoders")
            subprocess.run([sys.executable, __file__, "--peak", str(folder)], check=True)


if __name__ == "__main__":
    main()
