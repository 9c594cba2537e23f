"""Items a second and memory of encoding on Ray, against the loop in one process, in one run.

Usage: ``python tests/benchmarks/scale.py --items 10000 100000 1000000 --out scale.jsonl`` (needs the extra ``ray``)

Synthetic vectors of 16 numbers (all overhead) and, with ``--pictures``, tiny pictures through the encoder ``pixels``.
Each measurement is a process of its own; the loop, one worker and two workers take turns. Seconds are those from the
call of ``embed``: ``start`` until the first block is there, ``rest`` after it, so that the start of Ray and of its
workers, which is the same for any number of items, is apart. Memory is the peak of the resident set in MB; ``pool`` is
that of the driver before it encodes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np


def make(folder: Path, items: int, *, pictures: bool) -> Path:
    """Write the data, once."""
    path = folder / f"{'i' if pictures else 'v'}{items}.npz"
    if not path.exists():
        rng = np.random.default_rng(0)
        made = (
            {"images": rng.integers(0, 255, (items, 32, 32, 3), dtype=np.uint8)}
            if pictures
            else {"vectors": rng.normal(size=(items, 16)).astype(np.float32)}
        )
        np.savez(path, **made)
    return path


def peak(pid: int | str = "self") -> float:
    """Peak of the resident set in MB; 0 for a process that has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


def one(data: Path, workers: int, block: int) -> dict[str, Any]:
    """Encode the data in this process, or by workers of Ray, and return the figures."""
    from activessl.encoders.embeddings import embed
    from activessl.encoders.executors import Elsewhere
    from activessl.encoders.registry import fit_encoder
    from activessl.encoders.shards import shards_folder
    from activessl.pool.pool import Item, Pool
    from activessl.pool.progress import Progress
    from activessl.pool.sources import open_source
    from activessl_ray import RayExecutor

    source: Any = open_source(data)
    shape = source.read(next(iter(source.stamps()))).shape
    pool = Pool(tuple(Item(i, source._digest(i), shape) for i in source.stamps()), source)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        encoder = fit_encoder("vectors" if pool.modality == "vector" else "pixels", pool, folder=folder / "encoders")
        at = folder / "embeddings" / encoder.fingerprint
        times, memory, before = list[float](), dict[str, float](), peak()

        def on_progress(step: Progress) -> None:
            if step.total:
                times.append(time.perf_counter())
                if workers and len(times) % 8 == 0:
                    for file in shards_folder(at).glob("begun.*.txt"):
                        pid = file.name.split(".")[-3]
                        memory[pid] = max(memory.get(pid, 0.0), peak(pid))

        elsewhere = Elsewhere(RayExecutor("", workers), folder / "encoders", block) if workers else None
        started, cpu = time.perf_counter(), time.process_time()
        found = embed(encoder, pool, at, elsewhere=elsewhere, on_progress=on_progress)
        ended = time.perf_counter()
        note = found.provenance["embedding"]
        first = block if workers else 256
        rest = times[-1] - times[0]
        return {
            "data": pool.modality,
            "items": len(pool),
            "workers": workers,
            "blocks": note.get("blocks", 0),
            "start": round(times[0] - started, 2),
            "rest": round(rest, 3),
            "end": round(ended - times[-1], 2),
            "items a second": round((len(pool) - first) / max(rest, 1e-9)),
            "driver's CPU": round(time.process_time() - cpu, 2),
            "begun again": note.get("begun again", 0),
            "pool MB": round(before),
            "driver MB": round(peak()),
            "worker MB": round(max(memory.values(), default=0)),
            "load": round(os.getloadavg()[0], 1),
        }


def main() -> None:
    """Measure each size with the loop, one worker and two."""
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("--items", type=int, nargs="*", default=[10_000, 100_000])
    parse.add_argument("--pictures", type=int, nargs="*", default=[])
    parse.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2], help="0: the loop in one process")
    parse.add_argument("--block", type=int, default=2048)
    parse.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "activessl-scale")
    parse.add_argument("--out", type=Path, required=True)
    parse.add_argument("--one", type=json.loads, help=argparse.SUPPRESS)
    given = parse.parse_args()
    if given.one:
        print(json.dumps(one(Path(given.one["data"]), given.one["workers"], given.block)))
        return
    given.work.mkdir(parents=True, exist_ok=True)
    for items, pictures in [(n, True) for n in given.pictures] + [(n, False) for n in given.items]:
        data = make(given.work, items, pictures=pictures)
        for workers in given.workers:
            argv = ["--out", str(given.out), "--block", str(given.block)]
            argv += ["--one", json.dumps({"data": str(data), "workers": workers})]
            done = subprocess.run([sys.executable, __file__, *argv], capture_output=True, text=True)
            if done.returncode:
                sys.exit(done.stderr)
            line = done.stdout.strip().splitlines()[-1]
            print(line, flush=True)
            with given.out.open("a") as out:
                out.write(line + "\n")


if __name__ == "__main__":
    main()
