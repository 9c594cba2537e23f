"""Rare classes: how soon each strategy finds the items of a class that is one item in a hundred or in a thousand.

    OMP_NUM_THREADS=1 python tests/benchmarks/rare.py run    --data FOLDER [--seeds 10] [--work rare.jsonl]
    OMP_NUM_THREADS=1 python tests/benchmarks/rare.py report --work rare.jsonl

FOLDER holds ``*.npz`` files with ``vectors``, ``labels`` and ``split`` (0 = pool). A pool is made from each set: the
items of one class, drawn anew for each seed, are one in a hundred (or in a thousand) of its items; the other classes
keep their shares. It is labeled in rounds of 20, with the default head, on smoothed or plain vectors as the labels ask
for. All strategies of a seed have the same pool, test items and random numbers.

*Known*: one item of the rare class is labeled before the first round. *Unknown*: nothing is labeled, but the class is
among the project's classes. The test items are all of the rare class that are not in the pool, and as many of others.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from activessl.errors import QueryError
from activessl.geometry.smoothing import smooth
from activessl.heads.evidence import smoothing_pays
from activessl.heads.registry import make_head
from activessl.strategies import rare as rare_classes
from activessl.strategies.base import Query, QueryStrategy, State
from activessl.strategies.registry import get_strategy

#: One rare item in so many, and the items of the pool.
POOLS = {100: 2_000, 1_000: 4_000}
BUDGETS = (20, 40, 60, 100, 160)
STEP = 20
#: Most test items of the rare class, and of the others.
TESTED = 400
STRATEGIES = ("auto", "auto without search", "random", "uherding_published", "margin")
#: The sets with enough items, by how rare the class is.
SETS = {
    100: ("cifar10", "fashion_mnist", "text_agnews", "text_sms_spam", "pneumoniamnist"),
    1_000: ("cifar10", "fashion_mnist", "text_agnews"),
}


class Task(NamedTuple):
    """A pool with a rare class: vectors (smoothed, plain) of pool and test items, and their classes."""

    pool: dict[bool, np.ndarray]
    test: dict[bool, np.ndarray]
    labels: np.ndarray
    expected: np.ndarray
    classes: int
    rare: int


def task_of(path: Path, seed: int, rarity: int) -> Task:
    """The task of one set and seed."""
    with np.load(path, allow_pickle=False) as stored:
        x, y, split = stored["vectors"].astype(np.float32), stored["labels"].astype(int), stored["split"]
    k = int(y.max()) + 1
    rng = np.random.default_rng([seed, 41, rarity])
    # of two classes the smaller one, so that the other one can fill the pool
    rare = int(rng.integers(k)) if k > 2 else int(np.bincount(y).argmin())
    own, others = (rng.permutation(np.flatnonzero((split == 0) & hit)) for hit in (y == rare, y != rare))
    size = min(POOLS[rarity], len(others) * rarity // (rarity - 1))
    few = max(2, size // rarity)
    rows = rng.permutation(np.concatenate([own[:few], others[: size - few]]))
    test_own, test_others = (rng.permutation(np.flatnonzero((split != 0) & hit)) for hit in (y == rare, y != rare))
    each = min(TESTED, len(test_own), len(test_others))
    test = np.concatenate([test_own[:each], test_others[:each]])
    mean = x[rows].mean(axis=0)
    found = smooth(x[rows] - mean)
    ways = {True: found, False: found.plain}
    return Task(
        {way: each.points for way, each in ways.items()},
        {way: each.transform(x[test] - mean) for way, each in ways.items()},
        y[rows],
        y[test],
        k,
        rare,
    )


def walk(task: Task, strategy: QueryStrategy, seed: int, *, known: bool) -> dict[str, list[float]]:
    """Found rare items (share of the pool's), recall and precision of the rare class on the test items, by budget."""
    truth = task.labels
    rare = np.flatnonzero(truth == task.rare)
    labeled = np.random.default_rng([seed, 42]).choice(rare, 1) if known else np.empty(0, dtype=np.int64)
    way, probs, predict = True, None, None
    head = make_head("logistic", task.classes, seed)
    out: dict[str, list[float]] = {"found": [], "recall": [], "precision": []}
    for turn, budget in enumerate(range(STEP, max(BUDGETS) + 1, STEP)):
        rng = np.random.default_rng([seed, 43, turn])
        state = State(task.pool[way], labeled, truth[labeled], task.classes, rng, probs=probs, predict=predict)
        size = budget - len(labeled) + known  # the known item is given, not asked about
        try:
            picks = strategy.query(state, size).indices
        except QueryError:
            if probs is not None:
                raise
            picks = get_strategy("random").query(state, size).indices  # this strategy needs a head
        labeled = np.concatenate([labeled, picks])
        y = truth[labeled]
        last, way = way, smoothing_pays(task.pool[True][labeled], task.pool[False][labeled], y)
        if way != last:  # the last weights belong to the other vectors
            head = make_head("logistic", task.classes, seed)
        head.partial_fit(task.pool[way][labeled], y)
        probs, predict = head.predict_proba(task.pool[way]), head.predict_proba
        if budget in BUDGETS:
            tested = head.predict_proba(task.test[way])
            said, right = tested.argmax(axis=1) == task.rare, task.expected == task.rare
            out["found"].append((int(np.sum(y == task.rare)) - known) / (len(rare) - known))
            out["recall"].append(float(np.mean(said[right])))
            out["precision"].append(float(np.mean(right[said])) if said.any() else 1.0)
    return out


@dataclass(frozen=True)
class WithoutSearch:
    """`auto` as it was: no part of a round looks for classes with few labels."""

    name: str = "auto without search"

    def query(self, state: State, query_size: int) -> Query:
        """The choice of `auto` with a share of 0."""
        kept, rare_classes.SHARE = rare_classes.SHARE, 0.0
        try:
            return get_strategy("auto").query(state, query_size)
        finally:
            rare_classes.SHARE = kept


def run(args: argparse.Namespace) -> None:
    """Walk all tasks with all strategies, and store each walk as a JSON line."""
    rows = read(args.work)
    done = {(r["set"], r["rarity"], r["known"], r["seed"], r["strategy"]) for r in rows}
    until = time.time() + 60 * args.minutes
    for seed in range(args.seeds):
        for rarity, names in SETS.items():
            for name in names:
                task: Task | None = None
                for known in (False, True):
                    for strategy in args.strategies.split(","):
                        key = (name, rarity, known, seed, strategy)
                        if key in done or time.time() > until:
                            continue
                        task = task or task_of(args.data / f"{name}.npz", seed, rarity)
                        chooses = WithoutSearch() if strategy == WithoutSearch().name else get_strategy(strategy)
                        found = walk(task, chooses, seed, known=known)
                        row = dict(zip(("set", "rarity", "known", "seed", "strategy"), key, strict=True)) | found
                        with args.work.open("a") as out:
                            out.write(json.dumps(row) + "\n")


def read(path: Path) -> list[dict[str, Any]]:
    """The walks that are stored."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def report(rows: list[dict[str, Any]]) -> str:
    """The tables, as Markdown: means over sets and seeds, and the difference to `auto` by paired walks."""
    lines = []
    for rarity in SETS:
        for known in (False, True):
            some = [r for r in rows if r["rarity"] == rarity and r["known"] == known]
            if not some:
                continue
            heading = "one item is labeled" if known else "no item is known"
            lines += ["", f"### One item in {rarity:,}, {heading}", ""]
            lines += [f"| strategy | {' | '.join(f'found at {b}' for b in BUDGETS)} | recall at {BUDGETS[-1]} |"]
            lines[-1] += " found: minus `auto` | recall: minus `auto` |"
            lines += ["|---" * (len(BUDGETS) + 4) + "|"]
            of = {(r["set"], r["seed"], r["strategy"]): r for r in some}
            for strategy in dict.fromkeys(r["strategy"] for r in some):
                mine = [(of[k], of[*k[:2], "auto"]) for k in of if k[2] == strategy and (*k[:2], "auto") in of]
                found = 100 * np.mean([r["found"] for r, _ in mine], axis=0)
                recall = 100 * np.mean([r["recall"][-1] for r, _ in mine])
                gaps = [
                    100 * np.array([np.mean(r[what]) - np.mean(a[what]) for r, a in mine])
                    for what in ("found", "recall")
                ]
                cells = [f"{value:.0f}" for value in found] + [f"{recall:.0f}"]
                cells += ["–" if strategy == "auto" else _interval(gap) for gap in gaps]
                lines.append(f"| {strategy} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _interval(values: np.ndarray) -> str:
    return f"{values.mean():+.1f} ± {1.96 * values.std(ddof=1) / np.sqrt(len(values)):.1f}"


def main() -> None:
    """Run the walks, or print the tables of those that are stored."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=("run", "report"))
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("ACTIVESSL_DATA", "data")) / "vectors")
    parser.add_argument("--work", type=Path, default=Path("rare.jsonl"))
    parser.add_argument("--strategies", default=",".join(STRATEGIES))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--minutes", type=float, default=600)
    args = parser.parse_args()
    with threadpool_limits(1):
        if args.verb == "run":
            run(args)
        else:
            print(report(read(args.work)))


if __name__ == "__main__":
    main()
