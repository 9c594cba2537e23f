"""Seconds and memory of each verb, from ``init`` to the second ``status``, by the number of items of a pool.

Usage: ``python tests/benchmarks/large.py --items 100000 1000000 --work FOLDER``

Vectors of 384 numbers in half precision, 200 clusters of 20 classes; the encoder passes them through. Each verb is a
process of its own; an oracle answers. ``own MB`` is the most memory that a process had beside the files that it maps
(``RssAnon``, read every 20 ms), ``with files MB`` the most with them. ``teach`` follows a round of ``--size`` questions
that the oracle has answered. Then a line is fitted to the logarithms of items and of figures.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
LENGTH, CLUSTERS, CLASSES = 384, 200, tuple(f"c{i:02d}" for i in range(20))

#: Pushes all questions of the open round, and keeps none of them: the pull's oracle is given them again.
ORACLE = """
import sys
import numpy as np
from activessl import Oracle, Session
folder, verb, labels = sys.argv[1:]
session, y = Session.open(folder), np.load(labels)
asked = [item for q in session.project.history().rounds[-1].questions for item in q.items]
truth = {item: f"c{y[int(item.rpartition(':')[2])]:02d}" for item in asked}
oracle = Oracle(truth, tuple(f"c{i:02d}" for i in range(20)))
session.push(oracle)
if verb == "pull":
    Session.open(folder).pull(oracle)
"""


def make(folder: Path, items: int, given: Path | None) -> None:
    """Write the vectors and their classes, or take those of a file."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(CLUSTERS, LENGTH)).astype(np.float32)
    out, y = np.empty((items, LENGTH), dtype=np.float16), np.empty(items, dtype=np.int64)
    for start in range(0, items, 50_000):
        part = slice(start, min(start + 50_000, items))
        which = rng.integers(CLUSTERS, size=part.stop - start)
        y[part] = which % len(CLASSES)
        out[part] = centres[which] * 0.5 + rng.normal(size=(len(which), LENGTH)) if given is None else 0
    if given is not None:
        out, y = np.load(given, mmap_mode="r")[:items], np.load(str(given).replace(".npy", "-labels.npy"))[:items]
    np.savez(folder / "v.npz", vectors=out)
    np.save(folder / "y.npy", y)


def measured(argv: list[str], cwd: Path) -> dict[str, float]:
    """Run a process: wall seconds, CPU seconds, and the most megabytes it had."""
    env = os.environ | {"PYTHONPATH": os.pathsep.join(str(ROOT / p) for p in (".", "cli", "integrations"))}
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    most = {"RssAnon": 0, "VmHWM": 0}
    with subprocess.Popen(argv, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as child:

        def watch() -> None:
            while child.poll() is None:
                try:
                    told = Path(f"/proc/{child.pid}/status").read_text()
                except OSError:
                    return
                for name in most:
                    found = re.search(rf"{name}:\s+(\d+)", told)
                    most[name] = max(most[name], int(found[1]) if found else 0)
                time.sleep(0.02)

        watcher = threading.Thread(target=watch)
        watcher.start()
        said, _ = child.communicate()
        watcher.join()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if child.returncode:
        sys.exit(f"{' '.join(argv)[:100]} failed:\n{said}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    own, files = most["RssAnon"] / 1024, most["VmHWM"] / 1024
    return {"wall s": time.perf_counter() - started, "CPU s": cpu, "own MB": own, "with files MB": files}


def main() -> None:
    """Measure pools of several sizes."""
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("--items", type=int, nargs="+", default=[100_000, 1_000_000])
    parse.add_argument("--size", type=int, default=1_000, help="questions of a round")
    parse.add_argument("--work", type=Path, required=True, help="an empty folder for the projects")
    parse.add_argument("--vectors", type=Path, help="a .npy of vectors, beside its labels, instead of new ones")
    parse.add_argument("--to", type=int, default=10_000_000, help="size to which the fit is continued")
    given = parse.parse_args()
    rows: dict[str, dict[int, dict[str, float]]] = {}
    for items in given.items:
        work = (given.work / str(items)).resolve()
        work.mkdir(parents=True)
        make(work, items, given.vectors)
        verb = [sys.executable, "-m", "activessl_cli"]
        oracle = [sys.executable, "-c", ORACLE, "p"]
        start = [*verb, "init", "v.npz", "-p", "p", "--classes", ",".join(CLASSES), "--query-size", str(given.size)]
        steps: list[tuple[str, list[str]]] = [
            ("init", start),
            ("encode", [*verb, "encode", "-p", "p"]),
            ("query, the first", [*verb, "query", "-p", "p"]),
            ("push", [*oracle, "push", "y.npy"]),
            ("pull", [*oracle, "pull", "y.npy"]),
            ("teach", [*verb, "teach", "-p", "p"]),
            ("status", [*verb, "status", "-p", "p"]),
            ("query", [*verb, "query", "-p", "p"]),
            ("status, again", [*verb, "status", "-p", "p"]),
        ]
        for name, argv in steps:
            found = measured(argv, work)
            rows.setdefault(name, {})[items] = found
            print(json.dumps({"items": items, "verb": name} | {k: round(v, 1) for k, v in found.items()}), flush=True)
    if len(given.items) > 1:
        for name, by in rows.items():
            sizes = np.log(sorted(by))
            for figure in ("CPU s", "own MB"):
                slope, at = np.polyfit(sizes, np.log([by[n][figure] for n in sorted(by)]), 1)
                there = np.exp(at + slope * np.log(given.to))
                print(f"{name}: {figure} grows like n^{slope:.2f}, {there:,.0f} at {given.to:,}", flush=True)


if __name__ == "__main__":
    main()
