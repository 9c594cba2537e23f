"""Write the page of results from the finished runs of ``selection.py``."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from activessl.measuring.savings.curves import Curve, win_rate
from activessl.measuring.savings.savings import savings

#: Strategies whose full curves and pairwise win rates are shown.
SHOWN = ("random", "auto", "uherding_published", "uherding", "max_herding", "bait_binary", "typiclust", "drop_query",
         "badge", "margin", "refine")  # fmt: skip

Runs = dict[str, dict[str, dict[int, list[float]]]]


def write_report(work: Path, out: Path, auto_version: str, *, plain: bool = False) -> None:
    """Read the work folder and write the page; ``plain``: its runs were made on unsmoothed vectors."""
    runs, budgets, pools, failed, cold = _read(work, auto_version)
    boss = _boss(work)
    names = sorted({name for of_set in runs.values() for name in of_set}, key=_order)
    lines = [*_head(runs, pools, names, plain=plain)]
    lines += _bars(runs, budgets)
    lines += _needs(runs, budgets, names, cold)
    lines += _wins(runs, budgets, names)
    lines += _worst(runs, budgets, names)
    lines += _ceiling(runs, boss)
    lines += _curves(runs, budgets)
    if failed:
        lines += ["## Failed runs", ""] + [f"* {name}: {why}" for name, why in sorted(failed.items())] + [""]
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("\n".join(lines).rstrip() + "\n")


def _order(name: str) -> tuple[int, str]:
    return (SHOWN.index(name) if name in SHOWN else len(SHOWN), name)


def _read(work: Path, auto_version: str) -> Any:
    runs: Runs = defaultdict(lambda: defaultdict(dict))
    budgets: dict[str, np.ndarray] = {}
    pools: dict[str, int] = {}
    failed: dict[str, str] = {}
    cold: set[str] = set()
    for path in sorted(work.glob("runs*.jsonl")):
        for line in path.read_text().splitlines():
            row = json.loads(line)
            if row["strategy"].startswith("auto") and row.get("version") != auto_version:
                continue
            if "error" in row:
                failed[row["strategy"]] = row["error"]
                continue
            runs[row["set"]][row["strategy"]][row["seed"]] = row["accuracy"]
            budgets[row["set"]] = np.array(row["budgets"])
            pools[row["set"]] = row["pool"]
            if row["start"] == "random":
                cold.add(row["strategy"])
    return runs, budgets, pools, failed, cold


def _boss(work: Path) -> dict[str, dict[int, list[float]]]:
    found: dict[str, dict[int, list[float]]] = defaultdict(dict)
    path = work / "boss.jsonl"
    if path.exists():
        for line in path.read_text().splitlines():
            row = json.loads(line)
            found[row["set"]][row["seed"]] = row["accuracy"]
    return found


def _pair(of_set: dict[str, dict[int, list[float]]], a: str, b: str) -> tuple[np.ndarray, np.ndarray] | None:
    seeds = sorted(set(of_set.get(a, {})) & set(of_set.get(b, {})))
    if not seeds:
        return None
    return np.array([of_set[a][s] for s in seeds]), np.array([of_set[b][s] for s in seeds])


def _head(runs: Runs, pools: dict[str, int], names: list[str], *, plain: bool) -> list[str]:
    seeds = {key: [len(of_set.get(name, {})) for name in names if name in of_set] for key, of_set in runs.items()}
    text = ", ".join(f"{key} {min(counts)} to {max(counts)}" for key, counts in sorted(seeds.items()))
    return [
        "# Selection on unsmoothed vectors" if plain else "# Selection: how many labels each strategy needs",
        "",
        f"Made by `python tests/benchmarks/selection.py run`, `boss` and `report{' --plain' if plain else ''}`.",
        "",
        f"- Frozen embeddings, {'unsmoothed' if plain else 'smoothed over neighbours'}, the default head. "
        "All strategies of a seed have the same vectors, test items and random numbers.",
        f"- Each seed draws 80 % of a set's pool, at most {max(pools.values(), default=0):,} items.",
        "- Accuracy is measured at 1, 1.5, 2, 3, 5, 7, 10, 14, 20, 28 and 40 labels a class.",
        "- Every strategy chooses its own first batch; those that need a head start from a random one (marked *).",
        f"- Seeds, from the least to the most of any strategy: {text}.",
        "",
        "A *cell* is one budget of one set; in win rates, of one seed too.",
        "",
    ]


def _needs(runs: Runs, budgets: dict[str, np.ndarray], names: list[str], cold: set[str]) -> list[str]:
    sets = sorted(runs)
    lines = [
        "## Labels needed",
        "",
        "Share of random's labels that a strategy needs to reach the accuracy that random reaches with all of its "
        "labels (isotonic curves of the means over seeds; 90 % interval from resampling paired seeds).",
        "`> 1`: not reached within the budget. It counts as 1 in the geometric mean, which is then a lower bound (≥).",
        f"The mean is over the sets that all strategies ran on: {', '.join(_common(runs))}.",
        "",
        "| strategy | geometric mean | " + " | ".join(sets) + " |",
        "|---|---|" + "---|" * len(sets),
    ]
    everywhere = _common(runs)
    table = []
    for name in names:
        if name == "random" or not all(name in runs[key] for key in everywhere):
            continue
        cells, logs, censored = [], [], False
        for key in sets:
            pair = _pair(runs[key], name, "random")
            if pair is None:
                cells.append("")
                continue
            ours, theirs = Curve(budgets[key], pair[0]), Curve(budgets[key], pair[1])
            found = savings(ours, theirs, rng=np.random.default_rng(0), resamples=1000)
            if found.kind == "measured" and found.saved is not None:
                ratio = 1 - found.saved
                low = "?" if found.high is None else f"{1 - found.high:.2f}"
                high = "> 1" if found.low is None else f"{1 - found.low:.2f}"
                cells.append(f"{ratio:.2f} ({low} to {high})")
            else:
                ratio = 1.0
                cells.append("> 1")
            if key in everywhere:
                censored |= found.kind != "measured"
                logs.append(np.log(max(ratio, 1e-6)))
        mean = float(np.exp(np.mean(logs)))
        told = f"{'≥ ' if censored else ''}{mean:.3f}"
        table.append((mean, f"| {name}{'*' if name in cold else ''} | {told} | " + " | ".join(cells) + " |"))
    return lines + [line for _, line in sorted(table, key=lambda row: row[0])] + [""]


def _common(runs: Runs) -> list[str]:
    """Sets on which all strategies of ``SHOWN`` ran."""
    present = {name for of_set in runs.values() for name in of_set if name in SHOWN}
    found = [key for key in sorted(runs) if present <= set(runs[key])]
    return found or sorted(runs)


def _bars(runs: Runs, budgets: dict[str, np.ndarray]) -> list[str]:
    """The targets for `auto`, and the measured figures."""
    lines = ["## Targets", "", "| target for `auto` | measured | |", "|---|---|---|"]
    needs, below, worst = {}, 0, []
    for key, of_set in sorted(runs.items()):
        pair = _pair(of_set, "auto", "random")
        if pair is None:
            continue
        found = savings(Curve(budgets[key], pair[0]), Curve(budgets[key], pair[1]), rng=np.random.default_rng(0))
        needs[key] = 1.0 if found.saved is None else max(1 - found.saved, 1e-6)
        difference = pair[0] - pair[1]
        if len(difference) > 2:
            low = difference.mean(axis=0) + 1.96 * difference.std(axis=0, ddof=1) / np.sqrt(len(difference)) < 0
            below += int(low.sum())
            worst += [f"{key} at {b}" for b in budgets[key][low]]
    mean = float(np.exp(np.mean(np.log(list(needs.values())))))
    met = "met" if mean <= 0.27 else "missed"
    lines.append(f"| at most 0.27 of random's labels, geometric mean over {len(needs)} sets | {mean:.2f} | {met} |")
    told = f"{below} such cell{'' if below == 1 else 's'}" + (f" ({', '.join(worst)})" if worst else "")
    lines.append(f"| no budget whose 95 % interval lies below random | {told} | {'missed' if below else 'met'} |")
    for other in ("uherding_published", "bait_binary"):
        rates = []
        for key, of_set in runs.items():
            pair = _pair(of_set, "auto", other)
            if pair is not None:
                rates.append(win_rate(Curve(budgets[key], pair[0]), Curve(budgets[key], pair[1])))
        rate = float(np.mean(rates))
        met = "met" if rate >= 0.8 else "missed"
        lines.append(f"| wins 0.8 of the cells against {other} | {rate:.2f} | {met} |")
    gains = []
    for of_set in runs.values():
        pair = _pair(of_set, "auto", "auto with a tenth at random")
        if pair is not None:
            gains.append(100 * float(np.mean(pair[0] - pair[1])))
    if gains:
        lines += ["", f"The random share costs {np.mean(gains):.2f} points of accuracy, mean over sets and budgets."]
    return [*lines, ""]


def _wins(runs: Runs, budgets: dict[str, np.ndarray], names: list[str]) -> list[str]:
    shown = [name for name in SHOWN if name in names]
    lines = [
        "## Pairwise win rates",
        "",
        "Share of (set, seed, budget) cells in which the row is more accurate than the column; ties count half, and "
        "each set has the same weight.",
        "",
        "| | " + " | ".join(shown) + " |",
        "|---|" + "---|" * len(shown),
    ]
    for a in shown:
        cells = []
        for b in shown:
            rates = []
            for key, of_set in runs.items():
                pair = _pair(of_set, a, b)
                if a != b and pair is not None:
                    rates.append(win_rate(Curve(budgets[key], pair[0]), Curve(budgets[key], pair[1])))
            cells.append(f"{np.mean(rates):.2f}" if rates else "")
        lines.append(f"| {a} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def _worst(runs: Runs, budgets: dict[str, np.ndarray], names: list[str]) -> list[str]:
    lines = [
        "## Worst cell against random",
        "",
        "Points of accuracy, mean of paired seeds with its 95 % interval (normal); the last column counts the cells "
        "whose whole interval lies below random.",
        "",
        "| strategy | mean over cells | worst cell | points | cells below random |",
        "|---|---|---|---|---|",
    ]
    for name in names:
        if name == "random":
            continue
        worst: tuple[float, str, str] = (np.inf, "", "")
        below, cells, total = 0, 0, []
        for key, of_set in runs.items():
            pair = _pair(of_set, name, "random")
            if pair is None:
                continue
            difference = 100 * (pair[0] - pair[1])
            middle = difference.mean(axis=0)
            half = 1.96 * difference.std(axis=0, ddof=1) / np.sqrt(len(difference)) if len(difference) > 1 else np.inf
            below += int(np.sum(middle + half < 0))
            cells += len(middle)
            total.append(middle.mean())
            at = int(np.argmin(middle))
            if middle[at] < worst[0]:
                width = float(np.broadcast_to(half, middle.shape)[at])
                worst = (middle[at], f"{key} at {budgets[key][at]}", f"{middle[at]:.1f} ± {width:.1f}")
        lines.append(f"| {name} | {np.mean(total):+.2f} | {worst[1]} | {worst[2]} | {below} of {cells} |")
    return [*lines, ""]


def _ceiling(runs: Runs, boss: dict[str, dict[int, list[float]]]) -> list[str]:
    if not boss:
        return []
    lines = [
        "## Share of the ceiling",
        "",
        "The ceiling follows BoSS: in each round it takes the best of many batches by accuracy on the test items.",
        "The columns of strategies are the share of the gap between random and the ceiling that a strategy closes "
        "(areas under the curves, all budgets).",
        "",
        "| set | seeds | random | ceiling | " + " | ".join(n for n in SHOWN[1:]) + " |",
        "|---|---|---|---|" + "---|" * (len(SHOWN) - 1),
    ]
    for key in sorted(boss):
        seeds = sorted(set(boss[key]) & set(runs[key].get("random", {})))
        if not seeds:
            continue
        top = np.mean([boss[key][s] for s in seeds])
        base = np.mean([runs[key]["random"][s] for s in seeds])
        cells = []
        for name in SHOWN[1:]:
            own = [np.mean(runs[key][name][s]) for s in seeds if s in runs[key].get(name, {})]
            cells.append(f"{(np.mean(own) - base) / (top - base):.2f}" if len(own) == len(seeds) and top > base else "")
        lines.append(f"| {key} | {len(seeds)} | {base:.3f} | {top:.3f} | " + " | ".join(cells) + " |")
    wins = {name: _beaten(runs, boss, name) for name in ("auto", "uherding_published", "bait_binary")}
    told = ", ".join(f"{rate:.2f} against {name}" for name, rate in wins.items() if rate is not None)
    return [*lines, "", f"Share of cells that the ceiling itself wins, which uses the test items: {told}.", ""]


def _beaten(runs: Runs, boss: dict[str, dict[int, list[float]]], name: str) -> float | None:
    rates = []
    for key, of_set in boss.items():
        seeds = sorted(set(of_set) & set(runs[key].get(name, {})))
        if seeds:
            above = np.array([of_set[s] for s in seeds]) - np.array([runs[key][name][s] for s in seeds])
            rates.append(np.mean(above > 0) + 0.5 * np.mean(above == 0))
    return float(np.mean(rates)) if rates else None


def _curves(runs: Runs, budgets: dict[str, np.ndarray]) -> list[str]:
    lines = ["## Accuracy curves", "", "Percent, mean over the seeds that all of these share.", ""]
    for key in sorted(runs):
        shown = [name for name in SHOWN if name in runs[key]]
        seeds = sorted(set.intersection(*(set(runs[key][name]) for name in shown)))
        if not seeds:
            continue
        lines += [f"### {key} ({len(seeds)} seeds)", "", "| labels | " + " | ".join(map(str, budgets[key])) + " |"]
        lines += ["|---|" + "---|" * len(budgets[key])]
        for name in shown:
            mean = 100 * np.mean([runs[key][name][s] for s in seeds], axis=0)
            lines.append(f"| {name} | " + " | ".join(f"{value:.1f}" for value in mean) + " |")
        lines.append("")
    return lines
