"""Write the tables of ``savings.py`` as Markdown, from the results of its parts."""

from __future__ import annotations

from typing import Any

import numpy as np

from activessl.measuring.savings.curves import isotonic, labels_to_target

#: Labels of a hold-out that measures an accuracy of about 0.93 with a 95 % interval of +-2.5 points.
HOLDOUT = 400
#: Seconds to confirm a right suggestion, or to reject a wrong one before giving a label. Assumed: Krishna et al., CHI
#: 2016 and Papadopoulos et al., CVPR 2016 report 1.6 to 3.5.
CONFIRM = 2.4
TAXES = (1.0, 1.2)


def tables(store: Any) -> str:
    """All tables."""
    return "\n\n".join((_hours(store), _evaluation(store), _stopping(store), _sensitivity(store), _accept(store)))


def _reach(arm: dict[str, Any], target: float) -> tuple[float, float, float]:
    """Labels to a target, with a 90 % interval over resampled seeds; infinity where the curve does not reach it."""
    labels, accuracy = np.array(arm["labels"]), np.array(arm["accuracy"])
    pick = np.random.default_rng(0).integers(0, len(accuracy), (2000, len(accuracy)))
    drawn = labels_to_target(labels, isotonic(accuracy[pick].mean(axis=1)), np.full(2000, target))
    low, high = np.quantile(drawn, (0.05, 0.95), method="nearest")
    return float(labels_to_target(labels, isotonic(accuracy.mean(axis=0)), target)), float(low), float(high)


def _said(values: tuple[float, float, float], most: float, unit: float = 1.0, digits: int = 0) -> str:
    def one(value: float) -> str:
        return f"{value * unit:,.{digits}f}" if np.isfinite(value) else f"> {most * unit:,.{digits}f}"

    return f"{one(values[0])} ({one(values[1])} to {one(values[2])})"


def _hours(store: Any) -> str:
    lines = []
    for name, seconds in (("cifar10", 4.67), ("banking77", None)):
        found = store.get(f"hours-{name}")
        if found is None:
            continue
        each = seconds if seconds is not None else found["seconds"]
        target = 0.95 * found["full"]
        most = found["arms"]["auto"]["labels"][-1]
        reached = {arm: _reach(found["arms"][arm], target) for arm in ("random", "auto")}
        seeds = len(found["arms"]["auto"]["accuracy"])
        lines += [
            f"### {name}: 95 % of full supervision is {100 * target:.1f} % ({seeds} seeds, {each:.2f} s a label)",
            "",
            "| arm | labels to the target | labels of the hold-out | hours, tax 1.0 | hours, tax 1.2 |",
            "|---|---|---|---|---|",
        ]
        rows = []
        if name == "cifar10" and store.get("scratch"):
            best = max(store.get("scratch").items(), key=lambda item: int(item[0]))
            arrived = best[1]["accuracy"] >= target
            count = int(best[0]) if arrived else np.inf
            rows.append(("network from scratch, random labels", (count,) * 3, HOLDOUT, False, each, float(best[0])))
        rows.append(("random labels on our vectors", reached["random"], HOLDOUT, False, each, float(most)))
        n = reached["auto"]
        share = 0.1 * n[0] if np.isfinite(n[0]) else 0.1 * most
        know = HOLDOUT - share  # the labels of the random share teach and measure
        rows.append(("ours, the random share counted as hold-out", n, know, True, each, float(most)))
        right = 0.85 * target  # assumed: suggestions are less accurate on items that are asked about than on the pool
        quick = CONFIRM + (1 - right) * each
        label = f"ours, with suggestions ({100 * right:.0f} % of them right)"
        rows.append((label, n, know, True, quick, float(most)))
        if np.isfinite(n[0]):
            own, held = (100 * 1.645 * float(np.sqrt(target * (1 - target) / m)) for m in (share, HOLDOUT))
            width = f"± {own:.0f} points instead of ± {held:.0f}"
            told = f"ours, with suggestions, accuracy from the random share alone ({width})"
            rows.append((told, n, 0.0, True, quick, float(most)))
        base = None
        for label, count, extra, taxed, pace, end in rows:
            cells = []
            for tax in TAXES:
                cost = tuple((c * (tax if taxed else 1.0) + extra) * pace / 3600 for c in count)
                worst = (end + extra) * pace / 3600
                text = _said(cost, worst, digits=2)
                if label.startswith("random"):
                    base = cost[0]
                elif base is not None and np.isfinite(cost[0]) and np.isfinite(base):
                    text += f", {100 * (1 - cost[0] / base):.0f} % fewer"
                cells.append(text)
            lines.append(f"| {label} | {_said(count, end)} | {extra:.0f} | {cells[0]} | {cells[1]} |")
        lines.append("")
    if store.get("scratch"):
        told = ", ".join(f"{100 * v['accuracy']:.1f} % at {int(k):,}" for k, v in store.get("scratch").items())
        lines.append(f"From scratch, one seed: {told}.")
    return "\n".join(lines)


def _evaluation(store: Any) -> str:
    lines = ["| set | accuracy | labels drawn equally | labels drawn by uncertainty |", "|---|---|---|---|"]
    for one in store.get("evaluation") or []:
        lines.append(f"| {one['set']} | {100 * one['accuracy']:.1f} % | {one['alike']:.0f} | {one['directed']:.0f} |")
    return "\n".join(lines)


def _stopping(store: Any) -> str:
    found = store.get("stopping") or []
    lines = ["| EUR a point | runs | regret ≤ 10 % | median regret | never stopping ≤ 10 % |", "|---|---|---|---|---|"]
    for per_point in sorted({one["per_point"] for one in found}):
        mine = [one for one in found if one["per_point"] == per_point]
        good, never = (100 * np.mean([one[k] <= 0.1 for one in mine]) for k in ("regret", "never"))
        middle = 100 * np.median([one["regret"] for one in mine])
        lines.append(f"| {per_point} | {len(mine)} | {good:.0f} % | {middle:.1f} % | {never:.0f} % |")
    good, never = (100 * np.mean([one[k] <= 0.1 for one in found]) for k in ("regret", "never")) if found else (0, 0)
    return "\n".join([*lines, f"| all | {len(found)} | {good:.0f} % | | {never:.0f} % |"])


def _sensitivity(store: Any) -> str:
    lines = ["| run | target | random | auto | saved |", "|---|---|---|---|---|"]
    for name, arms in (store.get("sensitivity") or {}).items():
        at = arms["random"]["labels"].index(320)
        target = float(isotonic(np.array(arms["random"]["accuracy"]).mean(axis=0))[at])
        ours, theirs = (_reach(arms[arm], target) for arm in ("auto", "random"))
        most = arms["auto"]["labels"][-1]
        saved = f"{100 * (1 - ours[0] / theirs[0]):.0f} %" if np.isfinite(ours[0] / theirs[0]) else "–"
        lines.append(f"| {name} | {100 * target:.1f} % | {_said(theirs, most)} | {_said(ours, most)} | {saved} |")
    return "\n".join(lines)


def _accept(store: Any) -> str:
    lines = ["| pool | items | labeled by hand | saved |", "|---|---|---|---|"]
    found = store.get("accept") or []
    for name in sorted({one["set"] for one in found}):
        mine = [one for one in found if one["set"] == name]
        hand = np.mean([one["by_hand"] for one in mine])
        lines.append(f"| {name} | {mine[0]['pool']:,} | {hand:,.0f} | {100 * (1 - hand / mine[0]['pool']):.0f} % |")
    return "\n".join(lines)
