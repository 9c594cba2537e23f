"""Coverage of the intervals of accuracy and labels saved, and of the bound of accepted labels, in simulated projects.

    ACTIVESSL_DATA=folder python tests/benchmarks/coverage.py --work FOLDER [--seeds 4] [--head NAME --shipped]

The folder of data holds ``*.npz`` files with ``vectors`` and ``labels``, as ``make_vectors.py`` writes them. Projects
are made once and stored in the work folder.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from coverage_bank import SHAPES, World, make_bank, worlds  # beside this file
from scipy.optimize import minimize
from scipy.stats import norm

from activessl.errors import MeasureError
from activessl.heads.base import Head
from activessl.heads.linear import LogisticHead
from activessl.heads.registry import make_head
from activessl.measuring.quality.audit import audit_accuracy
from activessl.measuring.quality.autolabel import accept
from activessl.measuring.savings.curves import labels_to_target
from activessl.measuring.savings.live import LEAST_ERROR, PUBLIC, Prior, own_evidence, quantiles

#: Numbers of further random labels, and bounds on the share of wrong accepted labels.
JUDGES, ERRORS = (100, 300), (0.01, 0.02, 0.05, 0.1)


def judge(world: World, project: dict[str, np.ndarray], sizes: np.ndarray, curve: np.ndarray) -> dict[str, Any] | None:
    """The estimates for a project, and the true figures; None with too few random labels."""
    rows, chance = project["rows"], project["chance"]
    y, drawn, n = world.y[rows], np.isfinite(chance), len(rows)
    points = world.points[rows]
    rng = np.random.default_rng([5, n, len(np.flatnonzero(drawn))])
    fold, right = rng.permutation(n) % 5, np.zeros(n, dtype=bool)
    for f in range(5):
        inside = fold != f
        head = make_head(world.head, world.k).fit(points[inside], y[inside])
        right[~inside] = np.asarray(head.predict_proba(points[~inside])).argmax(axis=1) == y[~inside]
    at = np.flatnonzero(drawn)
    fold = rng.permutation(len(at)) % 5  # as in projects: the folds of random labels hold random labels only
    for f in np.unique(fold):
        inside = ~np.isin(np.arange(n), at[fold == f])
        head = make_head(world.head, world.k).fit(points[inside], y[inside])
        right[~inside] = np.asarray(head.predict_proba(points[~inside])).argmax(axis=1) == y[~inside]

    def learn(taught: np.ndarray, asked: np.ndarray) -> np.ndarray:
        if len(np.unique(y[taught])) < 2:
            return np.full(len(asked), y[taught[0]])
        if world.head == "logistic":  # its temperature changes no prediction
            head: Head = LogisticHead(classes=range(world.k), calibrate=False).fit(points[taught], y[taught])
        else:
            head = make_head(world.head, world.k).fit(points[taught], y[taught])
        return np.asarray(head.predict_proba(points[asked])).argmax(axis=1)

    before = project["turn"][None] < project["turn"][at][:, None]
    known = before.sum(axis=1) / len(world.y), (before @ right.astype(float)) / np.maximum(before.sum(axis=1), 1)
    found: dict[str, Any] = {"set": world.name.rsplit("-", 1)[0], "n": n, "m": len(at)}
    reached = float(labels_to_target(sizes, curve, float(project["accuracy"])))
    most = float(np.log(sizes[-1] / n))
    found["truth"] = float(np.log(reached / n)) if np.isfinite(reached) else most
    found["censored"] = bool(not np.isfinite(reached))
    found["at_first"] = bool(reached <= sizes[0])
    try:
        audit = audit_accuracy(right[drawn], chance[drawn], rounds=project["turn"][drawn], known=known)
    except MeasureError:
        return None
    pool = float(project["rest_accuracy"]) * (1 - n / len(world.y)) + right.sum() / len(world.y)
    found["audit"] = [audit.low, audit.high, pool]
    found["new"] = float(project["accuracy"])
    found["wrong"] = int(np.sum(~right[at]))
    found["own"] = own_evidence(learn, y, at, right[at].astype(float), rng).round(6).tolist()
    return found


def accepted(world: World, project: dict[str, np.ndarray], root: int) -> list[dict[str, Any]]:
    """The items accepted by a head taught a project's labels, with further random labels, and their true error."""
    rng = np.random.default_rng([6, root])
    rows = project["rows"]
    rest = np.setdiff1d(np.arange(len(world.y)), rows)
    head = make_head(world.head, world.k).fit(world.points[rows], world.y[rows])
    probs = np.asarray(head.predict_proba(world.points))
    wrong, sure = probs.argmax(axis=1) != world.y, probs.max(axis=1).astype(np.float64)
    found = []
    for m in JUDGES:
        drawn = rng.choice(rest, min(m, len(rest) // 2), replace=False)
        others = np.setdiff1d(rest, drawn)
        for error in ERRORS:
            one = accept(sure[others], sure[drawn], wrong[drawn], error=error, delta=0.1)
            above = np.zeros(len(others), dtype=bool) if one.threshold is None else sure[others] >= one.threshold
            true = float(wrong[others][above].mean()) if above.any() else 0.0
            found.append({"m": m, "error": error, "share": float(above.mean()), "true": true})
    return found


def fitted_prior(projects: list[dict[str, Any]]) -> Prior:
    """Fit the prior to projects of several sets, with equal weight for each set: a line with normal deviations.

    Projects in which random choice did not reach the accuracy, or reached it before its first count, are censored
    (Tobin 1958).
    """
    truth, accuracy = (np.array([one[name] for one in projects]) for name in ("truth", "new"))
    censored, at_first = (np.array([one[name] for one in projects], dtype=bool) for name in ("censored", "at_first"))
    counts = Counter(one["set"] for one in projects)
    weight = np.array([1 / counts[one["set"]] for one in projects])
    fewer = -np.log(np.maximum(1 - accuracy, LEAST_ERROR) / 0.1)

    def loss(told: np.ndarray) -> float:
        mean, slope, log_spread = told
        z = (truth - mean - slope * fewer) / np.exp(log_spread)
        known = np.where(at_first, norm.logcdf(z), norm.logpdf(z) - log_spread)
        return float(-(weight * np.where(censored, norm.logsf(z), known)).sum())

    mean, slope, log_spread = minimize(loss, [1.0, 0.0, -0.7]).x
    return Prior(float(mean), float(np.exp(log_spread)), "replays", float(slope))


def interval(one: dict[str, Any], prior: Prior) -> tuple[float, float]:
    """The 90 % interval of log(M / n)."""
    low, high = quantiles(np.array(one["own"]) * prior.belief(one["wrong"], one["m"]), (0.05, 0.95))
    return low, high


def holds(one: dict[str, Any], low: float, high: float) -> bool:
    """Whether an interval covers the truth; for censored projects, whether its upper end reaches the last count."""
    return bool(high >= one["truth"] and (one["censored"] or low <= one["truth"]))


def report(found: list[dict[str, Any]], took: list[dict[str, Any]], shipped: Prior | None = None) -> str:
    """The tables; the prior of a set is fitted to the others, unless one is given."""
    names = sorted({one["set"] for one in found})
    lines = [
        "| set | projects | saved, truth | saved, interval | holds | accuracy on the pool holds | on new items |",
        "|---|---|---|---|---|---|---|",
    ]
    every: list[tuple[bool, bool, bool]] = []
    ordered: list[dict[str, Any]] = []
    for name in names:
        mine = [one for one in found if one["set"] == name]
        prior = shipped or fitted_prior([one for one in found if one["set"] != name])
        spans = [interval(one, prior) for one in mine]
        ok = [holds(one, *span) for one, span in zip(mine, spans, strict=True)]
        pool, new = (
            [one["audit"][0] <= true <= one["audit"][1] for one, true in zip(mine, truths, strict=True)]
            for truths in ([one["audit"][2] for one in mine], [one["new"] for one in mine])
        )
        every += list(zip(ok, pool, new, strict=True))
        ordered += mine
        true = 1 - np.exp(-np.median([one["truth"] for one in mine]))
        more = "≥ " if np.mean([one["censored"] for one in mine]) > 0.5 else ""
        low, high = (100 * (1 - np.exp(-np.median([span[i] for span in spans]))) for i in (0, 1))
        lines.append(
            f"| {name} | {len(mine)} | {more}{100 * true:.0f} % | {low:.0f} to {high:.0f} % "
            f"| {100 * np.mean(ok):.0f} % | {100 * np.mean(pool):.0f} % | {100 * np.mean(new):.0f} % |"
        )
    ok, pool, new = 100 * np.mean(every, axis=0)
    lines.append(f"| all | {len(every)} | | | {ok:.1f} % | {pool:.1f} % | {new:.1f} % |")
    arrived = [ok for (ok, _, _), one in zip(every, ordered, strict=True) if not one["censored"]]
    lines.append(f"\nWhere random choice reached it ({len(arrived)} projects): {100 * np.mean(arrived):.1f} % hold.")
    alone = np.array([quantiles(np.array(one["own"]), (0.05, 0.95)) for one in found])
    prior = fitted_prior(found)
    least, most = (100 * (1 - np.exp(-np.median(alone[:, i]))) for i in (0, 1))
    held = np.mean([holds(one, *span) for one, span in zip(found, alone, strict=True)])
    lines += [
        "",
        f"Prior over all sets: mean {prior.mean:.2f} at an error of one in ten, {prior.slope:.3f} more for every "
        f"factor e fewer errors, standard deviation {prior.spread:.2f}. From the random labels alone: median interval "
        f"{least:.0f} to {most:.0f} %, holds in {100 * held:.0f} % of the projects.",
        "",
        "| random labels | bound | accepts something | mean share accepted | mean true error | bound broken |",
        "|---|---|---|---|---|---|",
    ]
    for m in JUDGES:
        for error in ERRORS:
            mine = [one for one in took if (one["m"], one["error"]) == (m, error)]
            some = [one for one in mine if one["share"] > 0]
            true = np.mean([one["true"] for one in some]) if some else 0.0
            lines.append(
                f"| {m} | {100 * error:.0f} % | {100 * len(some) / len(mine):.0f} % | "
                f"{100 * np.mean([one['share'] for one in mine]):.0f} % | {100 * true:.2f} % | "
                f"{100 * np.mean([one['true'] > one['error'] for one in mine]):.1f} % of {len(mine)} |"
            )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("ACTIVESSL_DATA", ".")))
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--head", default="logistic")
    parser.add_argument("--shipped", action="store_true", help="judge by the prior that projects use")
    args = parser.parse_args()
    make_bank(args.data, args.work, args.seeds, args.head)
    kept = args.work / "judged.json"
    done = json.loads(kept.read_text()) if kept.exists() else {}
    took: list[dict[str, Any]] = []
    count = 0
    for world in worlds(args.data, head=args.head):
        with np.load(args.work / f"{world.name}-curve.npz") as curve:
            sizes, accuracy = curve["sizes"], curve["accuracy"]
        for which in range(len(SHAPES)):
            for seed in range(args.seeds):
                name = f"{world.name}-p{which}-{seed}"
                path = args.work / f"{name}.npz"
                if not path.exists():
                    continue
                with np.load(path) as project:
                    stored = dict(project)
                took += accepted(world, stored, count)  # fast, so computed anew with the present code
                count += 1
                if name not in done:
                    done[name] = {"live": judge(world, stored, sizes, accuracy)}
        kept.write_text(json.dumps(done))
        print(f"{world.name}: {len(done)} projects", file=sys.stderr)
    prior = PUBLIC if args.shipped else None
    print(report([one["live"] for one in done.values() if one["live"] is not None], took, prior))


if __name__ == "__main__":
    main()
