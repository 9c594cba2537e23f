"""Seconds and memory of the choice and of teaching in ten million memory-mapped vectors, without a project around them.

Usage: ``python tests/benchmarks/ten_million.py --vectors V.npy --labels Y.npy --times 10 --work FOLDER``

The vectors of a file are written ``--times`` times one after the other, each time with their columns moved by one, so
that no two rows are the same. Then the steps of ``query`` and ``teach`` run as projects run them. ``own MB`` is the
memory beside the mapped files (``RssAnon``), the most since the start.
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from pathlib import Path

import numpy as np

from activessl.geometry.core import Cored, core_of
from activessl.geometry.smoothing import smooth
from activessl.geometry.units import centred_rows
from activessl.heads.evidence import evidence_of
from activessl.heads.registry import make_head
from activessl.strategies.base import State
from activessl.strategies.field import Field, Sight
from activessl.strategies.random_share import RandomShare
from activessl.strategies.registry import get_strategy

most = [0.0]


def watch() -> None:
    """Read the memory of this process until it ends."""
    while True:
        told = Path("/proc/self/status").read_text()
        most[0] = max(most[0], int(told.split("RssAnon:")[1].split()[0]) / 1024)
        time.sleep(0.02)


def main() -> None:
    """Measure."""
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("--vectors", type=Path, required=True)
    parse.add_argument("--labels", type=Path, required=True)
    parse.add_argument("--times", type=int, default=10)
    parse.add_argument("--work", type=Path, required=True)
    given = parse.parse_args()
    threading.Thread(target=watch, daemon=True).start()
    source, y = np.load(given.vectors, mmap_mode="r"), np.tile(np.load(given.labels), given.times)
    n, d = len(source) * given.times, source.shape[1]
    path = given.work / "vectors.npy"
    if not path.exists():
        out = np.lib.format.open_memmap(path, mode="w+", dtype=source.dtype, shape=(n, d))
        for turn in range(given.times):
            for first in range(0, len(source), 50_000):
                block = np.roll(source[first : first + 50_000], turn, axis=1)
                out[turn * len(source) + first :][: len(block)] = block
        out.flush()
        del out
    vectors = np.load(path, mmap_mode="r")
    clock = [time.perf_counter(), time.process_time()]

    def tell(step: str) -> None:
        now = [time.perf_counter(), time.process_time()]
        wall, cpu = (round(a - b, 1) for a, b in zip(now, clock, strict=True))
        print(
            json.dumps({"items": n, "step": step, "wall s": wall, "CPU s": cpu, "own MB": round(most[0])}), flush=True
        )
        clock[:] = now

    rows = core_of(n)
    some = np.sort(np.random.default_rng(0).choice(n, 50_000, replace=False))
    mean = np.mean(vectors[some], axis=0, dtype=np.float64)
    tell("the mean")
    points = centred_rows(vectors[rows], mean)
    pool = Cored(smooth(points), rows, vectors, mean)
    del points
    tell("smoothing the core, once for a pool")

    rng, none = np.random.default_rng(1), np.array([], dtype=np.int64)
    k = int(y.max()) + 1
    bare = RandomShare(Field(get_strategy("auto"), rows, lambda at: Sight(pool.at(at), None)), 0.1)
    found = bare.query(State(vectors, none, none, k, rng, checked=True), 1_000)
    tell("auto, 1,000 without labels, a tenth of them at random")

    for labels in (found.indices, np.sort(rng.choice(n, 1_000, replace=False))):
        evidence_of(pool.at(labels), pool.plain.at(labels), y[labels])
        head = make_head("logistic", k).partial_fit(pool.at(labels), y[labels], classes=np.arange(k))
        head.predict_proba(pool.core.points)
        tell("teach, 1,000 labels " + ("of the round" if labels is found.indices else "at random from the whole pool"))
    test = rng.choice(n, 2_000, replace=False)
    right = float(np.mean(head.predict_proba(pool.at(test)).argmax(axis=1) == y[test]))
    tell(f"2,000 other items placed and predicted, accuracy {right:.3f}")

    def look(at: np.ndarray) -> Sight:
        seen = pool.at(at)
        return Sight(seen, head.predict_proba(seen))

    RandomShare(Field(get_strategy("auto"), rows, look), 0.1).query(
        State(vectors, labels, y[labels], k, rng, checked=True), 1_000
    )
    tell("auto, 1,000 with 1,000 labels")


if __name__ == "__main__":
    main()
