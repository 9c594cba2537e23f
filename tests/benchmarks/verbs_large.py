"""Wall seconds of each verb on a project of 100,000 vectors with 5,000 labels, for two checkouts.

Usage: ``python tests/benchmarks/verbs_large.py --base CHECKOUT --new CHECKOUT --items 100000 --labels 5000 --runs 3``

Each checkout makes its own project from the same vectors, because the formats of the ledger may differ: most labels are
imported, the last 500 are a round. Each verb is a process of its own, on a copy of that project, in the order of a
round; the checkouts take turns. The first report makes the map of the items, and later ones read it: the sum has the
later one, and the first stands beside it. An oracle stands in for the server of annotators: its own seconds are
subtracted. Rows are appended to ``--out`` as they come; the table shows medians, and the ratio of base to new.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from verbs import Checkout

CLASSES = tuple("abcdefghij")
#: Questions of a round.
SIZE = 500

#: Pushes or pulls with an oracle, and prints the seconds that are the oracle's.
ORACLE = """
import csv, json, sys, time
from activessl import Oracle, Session
folder, verb = sys.argv[1:]
own = [0.0, 0.0]
def clock():
    return time.perf_counter(), time.process_time()
def add(since):
    for i, now in enumerate(clock()):
        own[i] += now - since[i]
before = clock()
with open("truth.csv", newline="") as file:
    truth = {row["id"]: row["class"] for row in csv.DictReader(file)}

class Timed(Oracle):
    def push(self, *a, **k):
        at = clock()
        try:
            return super().push(*a, **k)
        finally:
            add(at)

    def pull(self, *a, **k):
        at = clock()
        try:
            return super().pull(*a, **k)
        finally:
            add(at)

oracle = Timed(truth, tuple("abcdefghij"))
add(before)
if verb != "push":  # the oracle has the questions only in memory
    before, spent = clock(), list(own)
    Session.open(folder).push(oracle)
    own[:] = spent
    add(before)
if verb != "round":
    getattr(Session.open(folder), verb)(oracle)
else:
    Session.open(folder).pull(oracle)
print(json.dumps(own), file=sys.stderr)
"""

#: The measured verbs, in the order of a round: name, and the arguments of the command; None for the oracle's.
VERBS: tuple[tuple[str, tuple[str, ...] | None], ...] = (
    ("status", ("status",)),
    ("query", ("query",)),
    ("push", None),
    ("pull", None),
    ("teach", ("teach",)),
    ("status, after teach", ("status",)),
    ("report, the first", ("report",)),
    ("report", ("report",)),
)


def vectors(folder: Path, items: int, length: int = 64) -> None:
    """Write vectors of ten overlapping classes, each of three clusters, and their classes."""
    rng = np.random.default_rng(0)
    centres = rng.normal(0, 1, (3 * len(CLASSES), length))
    which = rng.integers(len(centres), size=items)
    made = (centres[which] + rng.normal(0, 1.6, (items, length))).astype(np.float32)
    np.savez(folder / "vectors.npz", vectors=made)
    lines = [f"vectors:{i},{CLASSES[k % len(CLASSES)]}" for i, k in enumerate(which)]
    (folder / "truth.csv").write_text("\n".join(["id,class", *lines]) + "\n")


def prepare(one: Checkout, labels: int) -> None:
    """Make the project ``taught``: encoded, with labels, of which the last are a round, and taught."""
    lines = (one.work / "truth.csv").read_text().splitlines()
    rng = np.random.default_rng(1)
    some = np.sort(rng.choice(len(lines) - 1, labels - SIZE, replace=False)) + 1
    (one.work / "some.csv").write_text("\n".join([lines[0], *(lines[i] for i in some)]) + "\n")
    one.must("init", "vectors.npz", "-p", "taught", "--classes", ",".join(CLASSES), "--query-size", str(SIZE))
    one.must("encode", "-p", "taught")
    one.must("import", "some.csv", "-p", "taught")
    one.must("query", "-p", "taught")
    if one.run("-c", ORACLE, "taught", "round")[1]:
        sys.exit(f"{one.root}: the round failed:\n{one.__dict__['last']}")
    one.must("teach", "-p", "taught")


def measure(one: Checkout, name: str, argv: tuple[str, ...] | None) -> tuple[float, float]:
    """Return the wall seconds and the CPU seconds of one verb."""
    started = time.perf_counter()
    cpu, code = one.run("-c", ORACLE, "p", name) if argv is None else one.verb(*argv, "-p", "p")
    took = time.perf_counter() - started
    if code:
        sys.exit(f"{one.root}: {name} failed:\n{one.__dict__['last']}")
    own = [0.0, 0.0] if argv is not None else json.loads(one.__dict__["last"].strip().splitlines()[-1])
    return took - own[0], cpu - own[1]


def main() -> None:
    """Compare two checkouts."""
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("--base", type=Path, help="checkout to compare with")
    parse.add_argument("--new", type=Path, required=True, help="checkout to measure")
    parse.add_argument("--items", type=int, default=100_000)
    parse.add_argument("--labels", type=int, default=5_000)
    parse.add_argument("--runs", type=int, default=3)
    parse.add_argument("--work", type=Path, help="folder that keeps the projects; by default a new one")
    parse.add_argument("--out", type=Path, help="file to which each figure is appended")
    given = parse.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = (given.work or Path(temporary)).resolve()
        both = {}
        for name in ("base", "new"):
            root = getattr(given, name)
            if root is None:
                continue
            both[name] = one = Checkout(root.resolve(), work / name)
            if not (one.work / "made").exists():
                shutil.rmtree(one.work, ignore_errors=True)
                one.work.mkdir(parents=True)
                vectors(one.work, given.items)
                prepare(one, given.labels)
                (one.work / "made").touch()
        spent: dict[str, dict[str, list[float]]] = {which: {} for which in both}
        for run in range(given.runs):
            for one in both.values():
                one.copy("taught")
            for name, argv in VERBS:
                for which, one in both.items():
                    took, cpu = measure(one, name, argv)
                    one.spent.setdefault(name, []).append(took)
                    spent[which].setdefault(name, []).append(cpu)
                    told = {"run": run, "which": which, "verb": name, "seconds": round(took, 3), "cpu": round(cpu, 3)}
                    row = json.dumps(told)
                    print(row, file=sys.stderr, flush=True)
                    if given.out:
                        with given.out.open("a") as out:
                            out.write(row + "\n")
        print(f"{given.items:,} vectors, {given.labels:,} labels: medians of {given.runs} runs")
        print(f"wall seconds\n{table({which: one.spent for which, one in both.items()})}")
        print(f"CPU seconds\n{table(spent)}")


def table(both: dict[str, dict[str, list[float]]]) -> str:
    """Format the medians, their sum without the first report, and the ratio of base to new."""
    told = {which: {name: statistics.median(s) for name, s in of.items()} for which, of in both.items()}
    lines = [f"{'verb':<22}" + "".join(f"{which:>9}" for which in both) + f"{'base/new':>10}"]
    sums = {which: sum(of.values()) - of["report, the first"] for which, of in told.items()}
    for name in [*next(iter(told.values())), "sum"]:
        row = [sums[which] if name == "sum" else told[which][name] for which in both]
        ratio = f"{row[0] / row[1]:>10.2f}" if len(row) == 2 else ""
        lines.append(f"{name:<22}" + "".join(f"{value:>9.2f}" for value in row) + ratio)
    return "\n".join(lines)


if __name__ == "__main__":
    main()
