"""Whether the 90 % interval of ``savings`` holds with few paired seeds, as Markdown.

Usage: ``OMP_NUM_THREADS=1 python tests/benchmarks/seeds.py --data folder/vectors --work WORK [--seeds 120]``

Many replays of ``auto`` and of random choice on each set are a population of seeds, whose mean curves have a saving.
Studies are drawn from it with 2 to 20 seeds each. The interval of a study holds if it contains the saving of the
population; half of the population is enough, drawn without replacement. An interrupted run can be resumed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from activessl.measuring.intervals import share_interval
from activessl.measuring.savings.curves import Curve
from activessl.measuring.savings.savings import savings
from activessl.measuring.simulation.simulate import Simulation, simulate

SETS = ("cifar10", "fashion_mnist", "text_agnews", "elpv_solar")
POOL, TEST = 1_000, 1_000
BUDGETS = (10, 15, 22, 32, 47, 70, 100, 150)
STUDIES = 400


def population(data: Path, name: str, seeds: int, work: Path) -> Simulation:
    """Replays of one set; each seed has the same items and another start."""
    with np.load(data / f"{name}.npz") as stored:
        rng = np.random.default_rng(0)
        rows = rng.permutation(len(stored["labels"]))[: POOL + TEST]
        x, y = stored["vectors"][rows].astype(np.float32), stored["labels"][rows].astype(int)
    return simulate(
        x, y, n_classes=int(y.max()) + 1, split=(np.arange(len(rows)) >= POOL).astype(int), seeds=seeds,
        budgets=BUDGETS, cache=work / name,
    )  # fmt: skip


def held(found: Simulation, seeds: int, target: float | None) -> tuple[list[bool], list[float], int]:
    """For many studies: whether the interval holds and how wide it is; and how many have no interval."""
    ours, theirs = found.arms["auto"].curve, found.baseline.curve
    whole = savings(ours, theirs, rng=np.random.default_rng(0), target=target, resamples=1).saved
    assert whole is not None
    holds, widths, without = [], [], 0
    for study in range(STUDIES):
        rng = np.random.default_rng([seeds, study])
        pick = rng.permutation(len(ours.accuracy))[:seeds]
        one = savings(
            Curve(ours.labels, ours.accuracy[pick]), Curve(ours.labels, theirs.accuracy[pick]),
            rng=rng, target=target, resamples=500,
        )  # fmt: skip
        holds.append((one.low is None or one.low <= whole) and (one.high is None or whole <= one.high))
        without += one.low is None
        if one.low is not None and one.high is not None:
            widths.append(one.high - one.low)
    return holds, widths, without


def main() -> None:
    """Replay, draw studies, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=120)
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    print("| set | target | saved, truth | " + " | ".join(f"{s} seeds" for s in (2, 3, 5, 10, 20)) + " |")
    print("|---|---|---|" + "---|" * 5)
    everything: dict[int, list[bool]] = {}
    for name in SETS:
        found = population(args.data, name, args.seeds, args.work)
        last = float(found.baseline.curve.smooth[-1])
        middle = float(found.baseline.curve.smooth[len(BUDGETS) * 5 // 8])
        for target, said in (
            (None, f"{100 * last:.0f} %, of random with all labels"),
            (middle, f"{100 * middle:.0f} %"),
        ):
            whole = savings(found.arms["auto"].curve, found.baseline.curve, rng=np.random.default_rng(0), target=target)
            cells = []
            for seeds in (2, 3, 5, 10, 20):
                holds, widths, without = held(found, seeds, target)
                everything.setdefault(seeds, []).extend(holds)
                open_ = f", {100 * without / STUDIES:.0f} % open" if without else ""
                width = f"{100 * np.median(widths):.0f}" if widths else "–"
                cells.append(f"{100 * np.mean(holds):.0f} % ({width}{open_})")
            print(f"| {name} | {said} | {100 * (whole.saved or 0):.0f} % | {' | '.join(cells)} |", flush=True)
    low = [share_interval(sum(h), len(h))[0] for h in everything.values()]
    print("| all | | | " + " | ".join(f"{100 * np.mean(h):.0f} %" for h in everything.values()) + " |")
    print(f"\nLowest lower end of these shares: {100 * min(low):.1f} %", file=sys.stderr)


if __name__ == "__main__":
    main()
