"""Labels that each strategy needs on real embeddings, with strategies of other packages.

    python tests/benchmarks/selection.py run   --data FOLDER --work FOLDER [--seeds 20] [--pool 3000] [--minutes 20]
    python tests/benchmarks/selection.py boss  --data FOLDER --work FOLDER [--seeds 3]
    python tests/benchmarks/selection.py report --work FOLDER --out docs/results/selection.md

FOLDER holds ``*.npz`` files with ``vectors`` (n, d), ``labels`` and ``split`` (0 = pool). Finished runs are stored as
JSON lines in the work folder, so a stopped run can be resumed. Strategies of other packages need scikit-activeml,
small-text and modAL-python; one that fails is reported as failed. Seconds and memory: ``strategy_speed.py``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from selection_peers import PEERS, Peer  # in the folder of this script, which Python adds to the path
from selection_report import write_report
from threadpoolctl import threadpool_limits

from activessl.heads.registry import make_head
from activessl.measuring.simulation.replay import Arena, arrange, replay
from activessl.strategies.base import QueryStrategy, State
from activessl.strategies.random_share import RandomShare
from activessl.strategies.registry import get_strategy, strategy_names

#: Labels a class at which accuracy is measured; the first is the first batch.
PER_CLASS = (1, 1.5, 2, 3, 5, 7, 10, 14, 20, 28, 40)
#: Strategies that run first, so that the most important runs are finished if time runs out.
FIRST = ("random", "auto", "uherding_published", "bait_binary", "uherding", "max_herding", "typiclust", "drop_query")
TEST_ITEMS = 2_000
#: Strategies that propose batches for the ceiling, each on its own random part of the pool.
BOSS = ("auto", "uherding", "max_herding", "typiclust", "badge", "bait_binary", "drop_query", "margin", "random")


def arena_of(
    path: Path, seed: int, pool: int, *, smoothing: bool = True, query_size: int = 0, balanced: bool = False
) -> Arena:
    """One seed's task: 80 % of the pool, at most ``pool`` items, and the same test items for all seeds.

    Rounds end where accuracy is measured and, with a ``query_size``, in between, so that no round is larger than it.
    ``balanced``: equally many test items of each class, so that accuracy is the mean over classes.
    """
    with np.load(path) as stored:
        vectors, labels, split = stored["vectors"], stored["labels"].astype(np.int64), stored["split"]
    k = int(labels.max()) + 1
    rows, test = np.flatnonzero(split == 0), np.flatnonzero(split != 0)
    rng = np.random.default_rng([seed, 101])
    rows = np.sort(rng.choice(rows, min(pool, int(0.8 * len(rows))), replace=False))
    chosen = np.random.default_rng(101)
    if balanced:
        own = [chosen.permutation(test[labels[test] == c]) for c in range(k)]
        test = np.sort(np.concatenate([rows_of[: min(map(len, own))] for rows_of in own]))
    if len(test) > TEST_ITEMS:
        test = np.sort(chosen.choice(test, TEST_ITEMS, replace=False))
    some = np.concatenate([rows, test])
    budgets = measured_at(k, len(rows))
    if query_size:
        between = (b for a, z in pairwise(budgets) for b in range(a + query_size, z, query_size))
        budgets = sorted({*budgets, *between})
    return arrange(
        vectors[some],
        labels[some],
        n_classes=k,
        split=(np.arange(len(some)) >= len(rows)).astype(int),
        budgets=budgets,
        head="logistic",
        seed=seed,
        habits=None,
        smoothing=smoothing,
    )


def measured_at(k: int, items: int) -> list[int]:
    """The label counts at which accuracy is measured."""
    return [round(b * k) for b in PER_CLASS if b * k <= 0.8 * items]


def contestants() -> dict[str, QueryStrategy | Peer]:
    """The strategies of activessl, then those of other packages."""
    names = [*FIRST, *(name for name in strategy_names() if name not in FIRST)]
    found: dict[str, QueryStrategy | Peer] = {name: get_strategy(name) for name in names}
    shared = RandomShare(get_strategy("auto"), 0.1)  # as projects run it
    found = {**dict(list(found.items())[:4]), "auto with a tenth at random": shared, **found}
    return {**found, **PEERS}


class Kept:
    """Finished runs, one JSON object per line."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"{name}.jsonl"
        self.seen = {self._key(row) for row in self.rows()}

    def rows(self) -> list[dict[str, Any]]:
        if not self.path.exists():
            return []
        return [json.loads(line) for line in self.path.read_text().splitlines() if line.strip()]

    @staticmethod
    def _key(row: dict[str, Any]) -> tuple[Any, ...]:
        return (row["set"], row["strategy"], row["seed"], row.get("version", ""))

    def __contains__(self, key: tuple[Any, ...]) -> bool:
        return key in self.seen

    def add(self, row: dict[str, Any]) -> None:
        with self.path.open("a") as file:
            file.write(json.dumps(row) + "\n")
        self.seen.add(self._key(row))


def version_of(name: str) -> str:
    """Hash of the sources of `auto`, so that runs of older versions are not used; empty for other strategies."""
    if not name.startswith("auto"):
        return ""
    parts = (type(get_strategy("auto")).__module__, "activessl.strategies.rare")
    source = b"".join(Path(sys.modules[part].__file__ or "").read_bytes() for part in parts)
    return hashlib.sha256(source).hexdigest()[:12]


def run(args: argparse.Namespace) -> None:
    """Replay all strategies, seed by seed, until time is up."""
    kept = Kept(args.work, f"runs{args.part}")
    other = [Kept(args.work, path.stem) for path in sorted(args.work.glob("runs*.jsonl"))]
    until = time.time() + 60 * args.minutes
    entrants = contestants()
    names = args.strategies.split(",") if args.strategies else list(entrants)
    for seed in range(args.seeds):
        for path in sets_of(args):
            arena = None
            for name in names:
                if name in args.skip.split(",") or (name not in FIRST[:4] and seed >= args.others):
                    continue
                key = (path.stem, name, seed, version_of(name))
                if any(key in shelf for shelf in other) or key in kept:
                    continue
                if time.time() > until:
                    return
                if arena is None:
                    arena = arena_of(
                        path,
                        seed,
                        args.pool,
                        smoothing=not args.plain,
                        query_size=args.query_size,
                        balanced=args.balanced,
                    )
                start = time.perf_counter()
                try:
                    track = replay(arena, entrants[name], seed)
                except Exception as error:  # a failure of another package's strategy is a result
                    if name not in PEERS:
                        raise
                    kept.add(_failed(key, error))
                    continue
                size = len(arena.parts(seed)[0])
                shown = [arena.budgets.index(b) for b in measured_at(arena.n_classes, size)]
                kept.add(
                    {
                        "set": path.stem,
                        "strategy": name,
                        "seed": seed,
                        "version": key[3],
                        "budgets": [arena.budgets[i] for i in shown],
                        "accuracy": [track.accuracy[i] for i in shown],
                        "seconds": track.seconds,
                        "start": track.cold_start,
                        "pool": size,
                        "query_size": args.query_size,
                    }
                )
                if args.verbose:
                    print(path.stem, seed, name, np.round(track.accuracy, 3), f"{time.perf_counter() - start:.1f} s")


def _failed(key: tuple[Any, ...], error: Exception) -> dict[str, Any]:
    return {"set": key[0], "strategy": key[1], "seed": key[2], "version": key[3], "error": str(error)[:200]}


def sets_of(args: argparse.Namespace) -> list[Path]:
    found = sorted(args.data.glob("*.npz"))
    wanted = args.sets.split(",") if args.sets else [path.stem for path in found]
    return [path for path in found if path.stem in wanted]


def boss(args: argparse.Namespace) -> None:
    """Ceiling after BoSS (arXiv 2603.13109): in each round, the best of many batches by accuracy on the test items."""
    kept = Kept(args.work, "boss")
    until = time.time() + 60 * args.minutes
    for seed in range(args.seeds):
        for path in sets_of(args):
            if (path.stem, "boss", seed, "") in kept or time.time() > until:
                continue
            arena = arena_of(path, seed, args.pool, smoothing=not args.plain)
            kept.add(
                {
                    "set": path.stem,
                    "strategy": "boss",
                    "seed": seed,
                    "budgets": arena.budgets,
                    "accuracy": _best_batches(arena, seed, args.batches),
                }
            )


def _best_batches(arena: Arena, seed: int, batches: int) -> list[float]:
    pool, test = arena.parts(seed)
    views = arena.views(seed)
    vectors, tested = views.smoothed or views.plain
    truth, expected = arena.labels[pool], arena.labels[test]
    none = np.empty(0, dtype=np.int64)
    state = State(vectors, none, none, arena.n_classes, np.random.default_rng([seed, 103]))
    accuracy = []
    for budget in arena.budgets:
        size, best = budget - len(state.labeled), (-1.0, none, np.empty((0, 0)))
        for turn in range(batches):
            rng = np.random.default_rng([seed, 104, budget, turn])
            name = BOSS[turn % len(BOSS)]
            if state.probs is None and name in ("badge", "bait_binary", "margin"):
                name = "random"
            hidden = np.zeros(len(pool), dtype=bool)
            if turn >= len(BOSS):  # a random part of the pool, so that no strategy proposes a batch twice
                keep = max(int(rng.uniform(0.2, 0.8) * len(pool)), 2 * size)
                hidden[rng.permutation(len(pool))[keep:]] = True
            picks = get_strategy(name).query(state.replace(rng=rng, excluded=hidden), size).indices
            rows = np.concatenate([state.labeled, picks])
            head = make_head("logistic", arena.n_classes, seed).fit(vectors[rows], truth[rows])
            score = float(np.mean(head.predict_proba(tested).argmax(axis=1) == expected))
            if score > best[0]:
                best = (score, rows, head.predict_proba(vectors))
                predict = head.predict_proba
        state = state.replace(labeled=best[1], labels=truth[best[1]], probs=best[2], predict=predict)
        accuracy.append(best[0])
    return accuracy


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("verb", choices=("run", "boss", "report"))
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("ACTIVESSL_DATA", "data")) / "vectors")
    parser.add_argument("--work", type=Path, default=Path("bench"))
    parser.add_argument("--out", type=Path, default=Path("docs/results/selection.md"))
    parser.add_argument("--sets", default="")
    parser.add_argument("--strategies", default="")
    parser.add_argument("--skip", default="")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--others", type=int, default=20, help="seeds of all but the first four strategies")
    parser.add_argument("--pool", type=int, default=3_000)
    parser.add_argument(
        "--query-size", type=int, default=0, help="most items per round; 0: rounds end only at the budgets"
    )
    parser.add_argument("--plain", action="store_true", help="unsmoothed vectors")
    parser.add_argument("--balanced", action="store_true", help="equally many test items of each class")
    parser.add_argument("--minutes", type=float, default=600)
    parser.add_argument("--batches", type=int, default=36)
    parser.add_argument(
        "--part",
        default="",
        metavar="NAME",
        help="suffix of the file of runs, so that several processes can use one folder",
    )
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    threadpool_limits(1)
    if args.verb == "report":
        write_report(args.work, args.out, version_of("auto"), plain=args.plain)
    else:
        {"run": run, "boss": boss}[args.verb](args)


if __name__ == "__main__":
    main()
