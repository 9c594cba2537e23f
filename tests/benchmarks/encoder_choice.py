"""Whether the labels choose the better of two encoders of the same items, as Markdown.

    OMP_NUM_THREADS=1 python tests/benchmarks/encoder_choice.py --first FOLDER --second FOLDER [--seeds 3]

Both folders hold ``NAME.npz`` with ``vectors`` and ``labels``; the first those of a pretrained network, the second
those of ``make_vectors.py --own``, which takes at most 4,000 items of a set (the same are taken of the first). Sets
whose labels differ are left out.

Labels are drawn at random, or chosen by ``auto`` on the vectors of one encoder: then they are the hard ones of these
vectors. For each: the log odds of the first encoder, and by how many points its head is more accurate on test items.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from activessl.geometry.smoothing import Smoothed, smooth
from activessl.heads.evidence import evidence_of
from activessl.heads.registry import make_head
from activessl.strategies.base import State
from activessl.strategies.registry import get_strategy

ITEMS, POOL, TEST, MOST = 4000, 1500, 1500, 400
EACH = (1, 2, 5, 10, 20, 40)
#: Log odds that a project needs to change its encoder.
SWITCH = 3.0


def pairs(first: Path, second: Path) -> Iterator[tuple[str, np.ndarray, np.ndarray, np.ndarray]]:
    """Name, the vectors of both encoders, and the classes of each set that both folders have."""
    for path in sorted(first.glob("*.npz")):
        other = next(iter(sorted(second.glob(f"{path.stem}*.npz"))), None)
        if other is None:
            continue
        with np.load(path) as a, np.load(other) as b:
            rows = np.sort(np.random.default_rng(0).permutation(len(a["labels"]))[:ITEMS])
            y, again = (np.unique(labels, return_inverse=True)[1] for labels in (a["labels"][rows], b["labels"]))
            if len(y) == len(again) and np.array_equal(y, again):
                yield path.stem, a["vectors"][rows].astype(np.float32), b["vectors"].astype(np.float32), y


def measured(one: np.ndarray, other: np.ndarray, y: np.ndarray, seed: int) -> Iterator[tuple[str, int, float, float]]:
    """The way to get labels, labels a class, log odds of the first encoder, and its lead in points."""
    order = np.random.default_rng([7, seed]).permutation(len(y))
    size = min(POOL, int(0.6 * len(y)))
    rows, rest, k = order[:size], order[size : size + TEST], int(y.max()) + 1
    pools: list[Smoothed] = [smooth(x[rows] - x[rows].mean(axis=0)) for x in (one, other)]
    tests = [x[rest] - x[rows].mean(axis=0) for x in (one, other)]
    budgets = [each * k for each in EACH if each * k <= min(MOST, 0.6 * size)]
    asked = {"random": np.random.default_rng([1, seed]).permutation(size)}
    for name, pool in zip(("auto on the first", "auto on the second"), pools, strict=True):
        labeled, probs = np.empty(0, dtype=np.int64), None
        while len(labeled) < budgets[-1]:
            step = min(20, budgets[-1] - len(labeled)) if len(labeled) else k
            rng = np.random.default_rng([seed, len(labeled)])
            state = State(pool.points, labeled, y[rows][labeled], k, rng, probs=probs)
            labeled = np.concatenate([labeled, get_strategy("auto").query(state, step).indices])
            probs = make_head("logistic", k).fit(pool.points[labeled], y[rows][labeled]).predict_proba(pool.points)
        asked[name] = labeled
    for name, chosen in asked.items():
        for budget in budgets:
            some, odds, right = chosen[:budget], [], []
            for pool, test in zip(pools, tests, strict=True):
                smoothed, plain = pool.points[some], pool.plain.points[some]
                evidence = evidence_of(smoothed, plain, y[rows][some])
                odds.append(evidence.best)
                view = pool if evidence.smoothing_pays else pool.plain
                head = make_head("logistic", k).fit(view.points[some], y[rows][some])
                right.append(np.mean(head.predict_proba(view.transform(test)).argmax(axis=1) == y[rest]))
            yield name, budget // k, odds[0] - odds[1], 100 * float(right[0] - right[1])


def main() -> None:
    """Print one row for each set and way to get labels."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first", type=Path, required=True)
    parser.add_argument("--second", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    found: dict[tuple[str, str], dict[int, list[tuple[float, float]]]] = defaultdict(lambda: defaultdict(list))
    with threadpool_limits(1):
        for name, one, other, y in pairs(given.first, given.second):
            for seed in range(given.seeds):
                for way, each, odds, lead in measured(one, other, y, seed):
                    found[name, way][each].append((odds, lead))
    print(f"| set | labels | {' | '.join(f'{each} a class' for each in EACH)} |")
    print("|---|---|" + "---|" * len(EACH))
    beyond: list[tuple[int, bool, float]] = []
    for (name, way), cells in found.items():
        shown = []
        for each in EACH:
            values = np.array(cells.get(each, ()))
            shown.append(f"{values[:, 0].mean():+.0f} / {values[:, 1].mean():+.1f}" if len(values) else "–")
            for odds, lead in values:
                if abs(odds) > SWITCH:
                    beyond.append((each, odds * lead < 0, abs(lead)))
        print(f"| {name} | {way} | {' | '.join(shown)} |")
    print(f"\nLog odds beyond {SWITCH:.0f}:\n")
    print(
        "| labels a class | cases | wrong sign | points that these cost, mean and most | points gained by the others |"
    )
    print("|---|---|---|---|---|")
    for each in EACH:
        lost = [lead for at, wrong, lead in beyond if at == each and wrong]
        won = [lead for at, wrong, lead in beyond if at == each and not wrong]
        if lost or won:
            cost = f"{np.mean(lost):.1f}, {max(lost):.1f}" if lost else "–"
            print(f"| {each} | {len(lost) + len(won)} | {len(lost)} | {cost} | {np.mean(won or [0]):.1f} |")


if __name__ == "__main__":
    main()
