"""How often intervals of accuracy and promises of ``accept`` hold in projects with a machine, and how narrow they are.

    python tests/benchmarks/machine_intervals.py run --out intervals.jsonl [--projects 50] [--minutes 45]
    python tests/benchmarks/machine_intervals.py report --out intervals.jsonl
    python tests/benchmarks/machine_intervals.py shares

``run`` makes whole trial projects of simulated people: 12 rounds of 20, a quarter of each drawn at random, on a pool of
1,000 items of 4 classes; machines answered about every item before the first round, or about a half of them.
Each project is one line, and a project that is there is not repeated. ``shares`` draws labels and opinions only, 300
times a cell (``use_control`` and ``audit_accuracy``).
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np

from activessl.measuring.intervals import share_interval
from activessl.measuring.quality.audit import audit_accuracy
from activessl.measuring.quality.control import Control
from activessl.proof.controls import SILENT
from activessl.trials.people import People
from activessl.trials.project import Ground, TrialProject

ITEMS, CLASSES = 1000, 4
#: Most wrong items that ``accept`` promises.
ERRORS = (0.1, 0.2)
#: ``wrong`` is never right, ``next`` says the next class for each; ``blind`` takes one class for another, and is right
#: in 85 % of the others; ``copies`` are a machine that is right in 75 % and one that says the same in 95 %.
KINDS = (
    "none", "right 95 %", "right 75 %", "chance", "wrong", "next", "blind", "copies", "half", "silent on a class"
)  # fmt: skip


def pool() -> tuple[np.ndarray, np.ndarray]:
    """Vectors and classes."""
    rng = np.random.default_rng(5)
    y = rng.integers(CLASSES, size=ITEMS)
    return (1.0 * np.eye(CLASSES, 24)[y] + 0.55 * rng.normal(size=(ITEMS, 24))).astype(np.float32), y


def machines(kind: str, y: np.ndarray, seed: int) -> tuple[np.ndarray, ...]:
    """What the machines of this kind say of each item."""
    rng = np.random.default_rng([97, seed])
    wrong = (y + rng.integers(1, CLASSES, len(y))) % CLASSES
    share = {"right 95 %": 0.95, "chance": 1 / CLASSES, "wrong": 0.0, "half": 0.9, "blind": 0.85}.get(kind, 0.75)
    said = np.where(rng.random(len(y)) < share, y, wrong)
    match kind:
        case "none":
            return ()
        case "next":
            return ((y + 1) % CLASSES,)
        case "blind":
            return (np.where(y == 0, 1, said),)
        case "copies":
            return said, np.where(rng.random(len(y)) < 0.95, said, rng.integers(CLASSES, size=len(y)))
        case "half":
            return (np.where(rng.random(len(y)) < 0.5, said, -1),)
        case "silent on a class":
            return (np.where(y == 0, -1, said),)
    return (said,)


def run(args: argparse.Namespace) -> None:
    """Make the projects that are missing."""
    done, begun = {(r["machine"], r["seed"]) for r in read(args.out[0])}, time.monotonic()
    x, y = pool()
    with tempfile.TemporaryDirectory() as folder:
        ground = Ground.make("synthetic", x, y, Path(folder))
        for seed in range(args.first, args.projects):
            for kind in KINDS:
                if (kind, seed) in done:
                    continue
                if time.monotonic() - begun > 60 * args.minutes:
                    return
                line = {"machine": kind, "seed": seed, **figures(ground, kind, seed)}
                with args.out[0].open("a", encoding="utf-8") as out:
                    out.write(json.dumps(line) + "\n")


def figures(ground: Ground, kind: str, seed: int) -> dict:
    """The figures of a project at its end, beside the truth."""
    started = time.process_time()
    project = TrialProject(ground, People(), seed, machines(kind, ground.y, seed))
    project.run()
    evidence = project.evidence()
    snapshot = evidence.snapshot
    decided = np.array(snapshot.decided)
    decided[snapshot.training[0]] = evidence.said  # of a labeled item, as a head says that was not taught it
    audit, right = evidence.audit, decided == project.truth
    shares = snapshot.machine_shares.get(audit.machine)
    if shares is not None:
        thought = np.nan_to_num(shares[np.arange(len(right)), decided], nan=SILENT)
    plain = evidence._audited(None)
    return {
        "truth": float(np.mean(right)), "rho": None if shares is None else correlation(thought, right),
        "low": audit.low, "high": audit.high, "effective": audit.effective, "used": audit.machine,
        "plain": [plain.low, plain.high, plain.effective], "heeded": list(snapshot.heeds),
        "promises": [project.promise(snapshot, error) for error in ERRORS],
        "seconds": round(time.process_time() - started, 2),
    }  # fmt: skip


def correlation(thought: np.ndarray, right: np.ndarray) -> float:
    """Of what a machine thinks of the predictions and whether they are right, over the pool; 0 if one is constant."""
    return float(np.corrcoef(thought, right)[0, 1]) if np.std(thought) > 0 and np.std(right) > 0 else 0.0


def read(path: Path) -> list[dict]:
    """The projects so far."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def share(hits: list[bool]) -> str:
    """A share with its interval."""
    low, high = share_interval(sum(hits), len(hits))
    return f"{100 * np.mean(hits):.0f} % ({100 * low:.0f} to {100 * high:.0f})"


def report(args: argparse.Namespace) -> None:
    """Print the table."""
    rows = [row for path in args.out for row in read(path)]
    print(
        "| machine | projects | heeded | interval holds | width | width without it | gain in labels | attainable | "
        "promise broken | accepted |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for kind in (*KINDS, "all"):
        own = [row for row in rows if kind in ("all", row["machine"])]
        if not own:
            continue
        promises = [p for row in own for p in row["promises"] if "items" in p]
        broken = [bool(p["items"] and p["wrong"] > p["error"]) for p in promises]
        width = np.median([row["high"] - row["low"] for row in own])
        plain = np.median([row["plain"][1] - row["plain"][0] for row in own])
        gain = np.median([row["effective"] / row["plain"][2] for row in own])
        attainable = np.median([1 / max(1 - (row["rho"] or 0.0) ** 2, 1e-9) for row in own])
        print(
            f"| {kind} | {len(own)} | {100 * np.mean([bool(row['heeded']) for row in own]):.0f} % | "
            f"{share([row['low'] <= row['truth'] <= row['high'] for row in own])} | {100 * width:.1f} points | "
            f"{100 * plain:.1f} points | {gain:.2f} | {attainable:.2f} | {share(broken)} | "
            f"{np.mean([p['items'] for p in promises]):.0f} |"
        )


def shares(args: argparse.Namespace) -> None:
    """Print how often intervals hold, and what a label is worth, over draws of labels and opinions."""
    print("| accuracy | right | labels | holds | gain in labels | attainable 1/(1 − ρ²) |")
    print("|---|---|---|---|---|---|")
    for accuracy in (0.6, 0.8, 0.95):
        for known in (0.5, 0.75, 0.9, 0.99):
            for labels in (50, 200):
                rng = np.random.default_rng([3, round(1000 * accuracy), round(100 * known), labels])
                hits, gains, attainable = [], [], []
                for _ in range(args.projects):
                    right = rng.random(4000) < accuracy
                    thought = np.where(rng.random(4000) < known, right, ~right).astype(float)
                    at = rng.choice(4000, labels, replace=False)
                    control = Control("m", thought[at] - thought.mean(), float(thought.var()))
                    found = audit_accuracy(right[at], np.full(labels, labels / 4000), control=control)
                    hits.append(found.low <= right.mean() <= found.high)
                    gains.append(found.effective / labels)
                    attainable.append(1 / max(1 - np.corrcoef(right, thought)[0, 1] ** 2, 1e-9))
                print(
                    f"| {100 * accuracy:.0f} % | {100 * known:.0f} % | {labels} | {share(hits)} | "
                    f"{np.median(gains):.2f} | {np.median(attainable):.2f} |",
                    flush=True,
                )


def main() -> None:
    """Read the arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("run", "report", "shares"))
    parser.add_argument("--out", type=Path, nargs="+", default=[Path("intervals.jsonl")])
    parser.add_argument("--projects", type=int, default=300)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--minutes", type=float, default=1e9)
    args = parser.parse_args()
    {"run": run, "report": report, "shares": shares}[args.part](args)


if __name__ == "__main__":
    main()
