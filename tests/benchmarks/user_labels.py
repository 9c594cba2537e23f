"""Labels that a user needs: the default as a project has it, against random choice and scikit-learn's default.

    OMP_NUM_THREADS=1 python tests/benchmarks/user_labels.py run    --data FOLDER [--seeds 8] [--work user_labels.jsonl]
    OMP_NUM_THREADS=1 python tests/benchmarks/user_labels.py report --work user_labels.jsonl

FOLDER holds ``*.npz`` files with ``vectors``, ``labels`` and ``split`` (0 = pool). Pools of at most 1,500 items (80 %
of a set's pool, drawn anew for each seed), rounds of at most 20, the default head on smoothed or plain vectors as the
labels ask for. On the labels of each strategy scikit-learn's default logistic regression is fitted, too, on the
vectors as they are.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from rare import WithoutSearch
from selection import arena_of, measured_at  # in the folder of this script, which Python adds to the path
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from activessl.measuring.simulation.replay import Arena, replay
from activessl.strategies.base import Query, QueryStrategy, State
from activessl.strategies.registry import get_strategy

#: The sets that choices of this library were developed on, and those that were kept apart for one confirming run.
DEVELOPED = ("cifar10", "fashion_mnist", "magnetic_tile", "text_agnews", "text_reviews_polarity")
APART = ("elpv_solar", "neu_steel", "pneumoniamnist", "text_sms_spam")
STRATEGIES = ("random", "auto", "auto without search", "uherding_published")
POOL, RESAMPLES = 1_500, 2_000


class Recorder:
    """A strategy that remembers the rows that it chose, in order."""

    def __init__(self, strategy: QueryStrategy) -> None:
        self.strategy, self.name, self.rows = strategy, strategy.name, np.empty(0, dtype=np.int64)

    def query(self, state: State, query_size: int) -> Query:
        """The choice of the strategy."""
        found = self.strategy.query(state, query_size)
        self.rows = np.concatenate([self.rows, found.indices])
        return found


def plain_head(arena: Arena, seed: int, rows: np.ndarray) -> float:
    """Accuracy of scikit-learn's default logistic regression on these labels, on the vectors as they are."""
    pool, test = arena.parts(seed)
    x, y, expected = arena.vectors[pool][rows], arena.labels[pool][rows], arena.labels[test]
    if len(np.unique(y)) < 2:
        return float(np.mean(expected == y[0]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        said = LogisticRegression(max_iter=300).fit(x, y).predict(arena.vectors[test])
    return float(np.mean(said == expected))


def run(args: argparse.Namespace) -> None:
    """Replay all strategies, seed by seed, until time is up."""
    done = {(r["set"], r["seed"], r["strategy"]) for r in read(args.work)}
    until = time.time() + 60 * args.minutes
    for seed in range(args.seeds):
        for name in (*APART, *DEVELOPED):
            arena: Arena | None = None
            for strategy in STRATEGIES:
                if (name, seed, strategy) in done or time.time() > until:
                    continue
                arena = arena or arena_of(args.data / f"{name}.npz", seed, POOL, query_size=20)
                marks = measured_at(arena.n_classes, len(arena.parts(seed)[0]))
                recorder = Recorder(WithoutSearch() if strategy == WithoutSearch().name else get_strategy(strategy))
                track = replay(arena, recorder, seed)
                row = {
                    "set": name,
                    "seed": seed,
                    "strategy": strategy,
                    "labels": marks,
                    "accuracy": [track.accuracy[arena.budgets.index(b)] for b in marks],
                    "scikit-learn": [plain_head(arena, seed, recorder.rows[:b]) for b in marks],
                }
                with args.work.open("a") as out:
                    out.write(json.dumps(row) + "\n")


def read(path: Path) -> list[dict[str, Any]]:
    """The replays that are stored."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def labels_to(labels: np.ndarray, curve: np.ndarray, target: float) -> float:
    """Labels at which an isotonic curve reaches a target; infinite if it never does.

    Example:
        >>> round(labels_to(np.array([10, 20]), np.array([0.5, 0.7]), 0.6), 1)
        14.1
    """
    steady = IsotonicRegression().fit_transform(np.log(labels), curve)
    at = int(np.argmax(steady >= target))
    if steady[at] < target:
        return float("inf")
    if at == 0:
        return float(labels[0])
    share = (target - steady[at - 1]) / (steady[at] - steady[at - 1])
    return float(labels[at - 1] * (labels[at] / labels[at - 1]) ** share)


class Curves:
    """Accuracies by set, strategy and head, one row a seed; seeds that all strategies have."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.sets = [s for s in (*DEVELOPED, *APART) if any(r["set"] == s for r in rows)]
        self.labels = {r["set"]: np.array(r["labels"]) for r in rows}
        of = {(r["set"], r["strategy"], r["seed"]): r for r in rows}
        self.found: dict[tuple[str, str, str], np.ndarray] = {}
        for name in self.sets:
            seeds = [s for s in range(1_000) if all((name, one, s) in of for one in STRATEGIES)]
            for one in STRATEGIES:
                for head in ("accuracy", "scikit-learn"):
                    self.found[name, one, head] = np.array([of[name, one, s][head] for s in seeds])

    def ours(self, name: str, strategy: str, head: str = "accuracy") -> np.ndarray:
        """(seeds, budgets)."""
        return self.found[name, strategy, head]


def fewer(curves: Curves, name: str, strategy: str, aim: str, some: np.ndarray) -> float:
    """How many times fewer labels a strategy needs than random choice and a head (``aim``) with 40 labels a class."""
    labels = curves.labels[name]
    target = curves.ours(name, "random", aim)[some, -1].mean()
    return float(labels[-1] / labels_to(labels, curves.ours(name, strategy)[some].mean(axis=0), target))


def table_of(curves: Curves, aim: str, rivals: tuple[str, ...]) -> list[str]:
    """How many times fewer labels, by set, with 90 % intervals from resampled seeds; geometric means."""
    rng = np.random.default_rng(0)
    lines = ["| set | seeds | " + " | ".join(rivals) + " |", "|---|---|" + "---|" * len(rivals)]
    logs: dict[str, dict[str, np.ndarray]] = {one: {} for one in rivals}
    for name in curves.sets:
        n = len(curves.ours(name, "random"))
        draws = [np.arange(n), *rng.integers(n, size=(RESAMPLES // 10, n))]
        cells = []
        for one in rivals:
            values = np.array([fewer(curves, name, one, aim, some) for some in draws])
            values = np.maximum(values, 1.0)  # not reached with 40 labels a class: counted as 1
            logs[one][name] = np.log(values)
            cells.append(_between(values))
        lines.append(f"| {name} | {n} | {' | '.join(cells)} |")
    for told, names in (("developed on", DEVELOPED), ("kept apart", APART), ("all", curves.sets)):
        means = {one: np.mean([v for s, v in logs[one].items() if s in names], axis=0) for one in rivals}
        lines.append(f"| **{told}, geometric mean** | | {' | '.join(_between(np.exp(means[o])) for o in rivals)} |")
    ratio = np.exp(np.mean(list(logs["auto"].values()), axis=0))
    ratio = ratio / np.exp(np.mean(list(logs["uherding_published"].values()), axis=0))
    return [*lines, "", f"`auto` needs {_between(ratio)} times fewer labels than `uherding_published`."]


def _between(values: np.ndarray) -> str:
    low, high = np.quantile(values[1:], [0.05, 0.95])
    return f"{values[0]:.2f} ({low:.2f} to {high:.2f})"


def below_random(curves: Curves, strategy: str) -> list[str]:
    """Sets on which a strategy lies below random at some budget: simultaneous 95 % bands, Holm over sets."""
    rng = np.random.default_rng(0)
    found = []
    for name in curves.sets:
        gap = curves.ours(name, strategy) - curves.ours(name, "random")
        error = np.maximum(gap.std(axis=0, ddof=1), 1e-9) / np.sqrt(len(gap))
        lowest = float((gap.mean(axis=0) / error).min())
        flips = (
            rng.choice([-1.0, 1.0], size=(RESAMPLES, len(gap), 1)) * gap
        )  # signs are exchangeable if nothing is lost
        flat = np.maximum(flips.std(axis=1, ddof=1), 1e-9) / np.sqrt(len(gap))
        p = float(np.mean((flips.mean(axis=1) / flat).min(axis=1) <= lowest))
        at = int(np.argmin(gap.mean(axis=0)))
        found.append((p, name, 100 * gap.mean(axis=0)[at], curves.labels[name][at], 100 * gap.mean()))
    lines = ["| set | mean, points | worst budget | points there | p (some budget below random) | after Holm |"]
    lines.append("|---|---|---|---|---|---|")
    worst = 0.0
    for place, (p, name, points, labels, mean) in enumerate(sorted(found)):
        worst = max(worst, min(1.0, p * (len(found) - place)))
        lines.append(f"| {name} | {mean:+.1f} | {labels} labels | {points:+.1f} | {p:.3f} | {worst:.2f} |")
    return lines


def report(rows: list[dict[str, Any]]) -> str:
    """All tables, as Markdown."""
    curves = Curves(rows)
    rivals = ("auto", "auto without search", "uherding_published", "random")
    lines = ["### Random choice and scikit-learn with 40 labels a class", "", *table_of(curves, "scikit-learn", rivals)]
    lines += [
        "",
        "### Random choice and our head with 40 labels a class",
        "",
        *table_of(curves, "accuracy", rivals[:3]),
    ]
    lines += ["", "### Against random choice", "", *below_random(curves, "auto")]
    for title, one, pairs in (
        ("`auto` minus another, same head, points", "auto", (("auto without search", ""), ("uherding_published", ""))),
        ("Our head minus scikit-learn's on random labels, points", "random", (("random", "scikit-learn"),)),
    ):
        lines += ["", f"### {title}", ""]
        for other, head in pairs:
            lines += [f"{one} minus {head or other}:", ""] * (len(pairs) > 1)
            lines += ["| set | mean | by budget |", "|---|---|---|"]
            means = []
            for name in curves.sets:
                gap = 100 * (curves.ours(name, one) - curves.ours(name, other, head or "accuracy"))
                means.append(gap.mean(axis=1))
                each = [f"{m:+.1f}" for m in gap.mean(axis=0)]
                lines.append(f"| {name} | {_pm(gap.mean(axis=1))} | {' '.join(each)} |")
            spread = np.sqrt(np.mean([m.var(ddof=1) / len(m) for m in means]) / len(means))
            lines += [f"| **mean** | {np.mean([m.mean() for m in means]):+.2f} ± {1.96 * spread:.2f} | |", ""]
    return "\n".join(lines)


def _pm(values: np.ndarray) -> str:
    return f"{values.mean():+.1f} ± {1.96 * values.std(ddof=1) / np.sqrt(len(values)):.1f}"


def main() -> None:
    """Run the replays, or print the tables of those that are stored."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=("run", "report"))
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("ACTIVESSL_DATA", "data")) / "vectors")
    parser.add_argument("--work", type=Path, default=Path("user_labels.jsonl"))
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--minutes", type=float, default=600)
    args = parser.parse_args()
    with threadpool_limits(1):
        if args.verb == "run":
            run(args)
        else:
            print(report(read(args.work)))


if __name__ == "__main__":
    main()
