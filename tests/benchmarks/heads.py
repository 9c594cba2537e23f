"""Heads on frozen vectors: accuracy, calibration and time against scikit-learn's default, as Markdown.

Usage: ``ACTIVESSL_DATA=folder python tests/benchmarks/heads.py [seeds]``, with a folder of ``.npz`` files that hold
``vectors``, ``labels`` and ``split`` (0 pool, other values test).
"""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections import defaultdict
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

from activessl.geometry.smoothing import smooth
from activessl.heads.linear import LogisticHead
from activessl.heads.mixture import AutoHead
from activessl.heads.similarity import NeighbourHead, PrototypeHead
from activessl.measuring.quality.calibration import calibration_error

POOL, TEST = 3000, 1500  # most items, so that a run takes minutes
EACH = (1, 2, 5, 10, 40)


def load(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Load pool and test vectors with labels, limited in number."""
    with np.load(path, allow_pickle=False) as found:
        x, y, split = found["vectors"].astype(np.float32), found["labels"].astype(int), found["split"]
    rng = np.random.default_rng(0)
    pool, test = (
        rng.permutation(np.flatnonzero(part))[:most] for part, most in ((split == 0, POOL), (split != 0, TEST))
    )
    return x[pool], y[pool], x[test], y[test]


def main(folder: Path, seeds: int) -> None:
    """Measure all sets and print the tables."""
    warnings.filterwarnings("ignore")
    scores: dict[tuple[str, int, str, str], list[float]] = defaultdict(list)
    sets = sorted(folder.glob("*.npz"))
    for path in sets:
        x, y, xt, yt = load(path)
        k = int(max(y.max(), yt.max())) + 1
        mean = x.mean(axis=0)
        smoothed = smooth(x - mean)
        seen, seen_test = smoothed.points, smoothed.transform(xt - mean)
        for each in EACH:
            if each * k > len(y) // 2:
                continue
            for draw in ("random", "stratified"):
                for seed in range(seeds):
                    rng = np.random.default_rng([seed, each])
                    if draw == "random":
                        rows = rng.choice(len(y), each * k, replace=False)
                    else:
                        rows = np.concatenate([rng.permutation(np.flatnonzero(y == c))[:each] for c in range(k)])
                    if len(np.unique(y[rows])) < 2:
                        continue
                    arms = {
                        "scikit-learn": (LogisticRegression(max_iter=300), x, xt),
                        "logistic": (LogisticHead(classes=range(k)), x, xt),
                        "smoothed": (LogisticHead(classes=range(k)), seen, seen_test),
                        "uncalibrated": (LogisticHead(classes=range(k), calibrate=False), seen, seen_test),
                        "prototypes": (PrototypeHead(classes=range(k)), seen, seen_test),
                        "neighbours": (NeighbourHead(classes=range(k)), seen, seen_test),
                        "auto": (AutoHead(classes=range(k)), seen, seen_test),
                    }
                    for name, (head, pool, test) in arms.items():
                        start = time.perf_counter()
                        head.fit(pool[rows], y[rows])
                        took = time.perf_counter() - start
                        probs = np.zeros((len(test), k))
                        probs[:, np.asarray(head.classes_, dtype=int)] = head.predict_proba(test)
                        key = (draw, each, name)
                        scores[(*key, f"accuracy {path.stem}")].append(float(np.mean(probs.argmax(axis=1) == yt)))
                        scores[(*key, f"error {path.stem}")].append(calibration_error(probs, yt))
                        scores[(*key, f"ms {path.stem}")].append(1000 * took)
        print(f"{path.stem} done", file=sys.stderr)

    names = [p.stem for p in sets]

    def mean_of(draw: str, each: int, name: str, what: str) -> float:
        cells = [
            np.mean(scores[draw, each, name, f"{what} {s}"])
            for s in names
            if (draw, each, name, f"{what} {s}") in scores
        ]
        return float(np.mean(cells)) if cells else 0.0

    for draw in ("random", "stratified"):
        print(f"\n### {draw.capitalize()} labels\n")
        print(
            "| labels a class | scikit-learn | logistic | logistic, smoothed | gain "
            "| ECE scikit-learn | uncalibrated | calibrated |"
        )
        print("|---|---|---|---|---|---|---|---|")
        for each in EACH:
            sk, lr, sm = (100 * mean_of(draw, each, n, "accuracy") for n in ("scikit-learn", "logistic", "smoothed"))
            e = [mean_of(draw, each, n, "error") for n in ("scikit-learn", "uncalibrated", "smoothed")]
            print(
                f"| {each} | {sk:.1f} | {lr:.1f} | {sm:.1f} | {sm - sk:+.1f} | {e[0]:.3f} | {e[1]:.3f} | {e[2]:.3f} |"
            )
    print("\n### Heads on the same smoothed vectors\n")
    heads = ("smoothed", "prototypes", "neighbours", "auto")
    print("| labels | logistic | prototypes | neighbours | auto | auto minus the best single head, worst set |")
    print("|---|---|---|---|---|---|")
    for draw in ("random", "stratified"):
        for each in EACH:
            there = [s for s in names if (draw, each, "auto", f"accuracy {s}") in scores]
            by_set = {h: [100 * float(np.mean(scores[draw, each, h, f"accuracy {s}"])) for s in there] for h in heads}
            behind = {
                s: by_set["auto"][i] - max(by_set[h][i] for h in heads if h != "auto") for i, s in enumerate(there)
            }
            worst = min(behind, key=behind.__getitem__)
            cells = " | ".join(f"{np.mean(by_set[h]):.1f}" for h in heads)
            print(f"| {draw}, {each} a class | {cells} | {behind[worst]:+.1f} ({worst}) |")
    print("\n### Accuracy by set, random labels: scikit-learn / logistic / smoothed\n")
    print("| set | " + " | ".join(map(str, EACH)) + " |\n|---|" + "---|" * len(EACH))
    for s in names:
        cells = []
        for each in EACH:
            got = [scores.get(("random", each, n, f"accuracy {s}")) for n in ("scikit-learn", "logistic", "smoothed")]
            cells.append(" / ".join(f"{100 * np.mean(g):.1f}" for g in got) if all(got) else "–")
        print(f"| {s} | " + " | ".join(cells) + " |")
    ms = {each: mean_of("random", each, "smoothed", "ms") for each in EACH}
    print("\nMilliseconds per fit, mean over the sets: " + ", ".join(f"{m:.0f} at {e}" for e, m in ms.items()))


if __name__ == "__main__":
    main(Path(os.environ["ACTIVESSL_DATA"]), int(sys.argv[1]) if len(sys.argv) > 1 else 5)
