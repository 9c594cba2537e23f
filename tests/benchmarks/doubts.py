"""How often doubted labels are wrong, and how many mistakes are found, as Markdown.

Usage: ``OMP_NUM_THREADS=1 python tests/benchmarks/doubts.py --data folder/vectors [--seeds 10]``

Labels of four sets, drawn at random or chosen by ``auto``, of which a share is replaced by another class.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from activessl.geometry.smoothing import smooth
from activessl.geometry.units import centred_rows
from activessl.heads.leave_one_out import left_out_probs
from activessl.heads.registry import make_head
from activessl.labels.doubts import label_doubts
from activessl.strategies.base import State
from activessl.strategies.registry import get_strategy

SETS = ("cifar10", "fashion_mnist", "text_agnews", "neu_steel")
POOL, ROUND = 1_500, 20


def chosen(points: np.ndarray, said: np.ndarray, k: int, n: int, rng: np.random.Generator) -> np.ndarray:
    """Rows that `auto` asks about, in rounds of 20."""
    none = np.empty(0, dtype=np.int64)
    state, strategy = State(points, none, none, k, rng), get_strategy("auto")
    while len(state.labeled) < n:
        rows = np.concatenate([state.labeled, strategy.query(state, ROUND).indices])
        head = make_head("logistic", k)
        head.partial_fit(points[rows], said[rows], classes=np.arange(k))
        state = state.replace(
            labeled=rows, labels=said[rows], probs=head.predict_proba(points), predict=head.predict_proba
        )
    return state.labeled


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=10)
    args = parser.parse_args()
    found: dict[tuple[str, int, float], list[tuple[np.ndarray, np.ndarray]]] = {}
    for name in SETS:
        with np.load(args.data / f"{name}.npz") as stored:
            rows = np.random.default_rng(0).permutation(len(stored["labels"]))[:POOL]
            points = np.asarray(smooth(centred_rows(stored["vectors"][rows].astype(np.float32))).points)
            truth = stored["labels"][rows].astype(int)
        k = int(truth.max()) + 1
        for n in (40, 80, 300):
            for how in ("random", "auto"):
                for mistakes in (0.0, 0.03, 0.1, 0.2):
                    for seed in range(args.seeds):
                        rng = np.random.default_rng([seed, n])
                        wrong = rng.random(len(truth)) < mistakes
                        said = np.where(wrong, (truth + rng.integers(1, k, len(truth))) % k, truth)
                        at = rng.permutation(len(truth))[:n]
                        if how == "auto":
                            at = chosen(points, said, k, n, rng)
                        doubts = label_doubts(said[at][:, None], said[at], left_out_probs(points[at], said[at], k))
                        found.setdefault((how, n, mistakes), []).append((doubts, wrong[at]))
    print("| labels | mistakes | suspect, a project | doubt of these | wrong of these | mistakes found | AUC |")
    print("|---|---|---|---|---|---|---|")
    for (how, n, mistakes), runs in sorted(found.items(), key=lambda item: (item[0][0] == "auto", item[0])):
        doubts, wrong = (np.concatenate([run[i] for run in runs]) for i in (0, 1))
        high = doubts > 0.5
        cells = ["–"] * 4
        if high.any():
            cells[:2] = [f"{doubts[high].mean():.2f}", f"{wrong[high].mean():.2f}"]
        if wrong.any():
            cells[2:] = [f"{100 * wrong[high].sum() / wrong.sum():.0f} %", f"{roc_auc_score(wrong, doubts):.3f}"]
        label = f"{n} {'drawn at random' if how == 'random' else 'chosen by auto'}"
        print(f"| {label} | {100 * mistakes:.0f} % | {high.sum() / len(runs):.1f} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
