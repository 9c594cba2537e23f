"""Ask again, or ask new: accuracy when a share of the answers goes to doubtful labels, with real answers of people.

Usage: ``ACTIVESSL_DATA=folder python tests/benchmarks/again.py [seeds]``, with ``cifar10_human.npz`` and
``vectors/cifar10.npz`` in the folder. Every arm has the same number of answers; asking again about an item
reveals another person's answer.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np

from activessl.geometry.smoothing import smooth
from activessl.heads.leave_one_out import left_out_probs
from activessl.heads.linear import LogisticHead
from activessl.labels.consensus import consensus
from activessl.labels.doubts import how_many_again, label_doubts

POOL, TEST, K, ROUND = 6000, 4000, 10, 50
MARKS = (100, 200, 400, 800, 1600)
ARMS: dict[str, float | str] = {"never": 0.0, "auto": "auto", "a tenth": 0.1, "a quarter": 0.25}


def believed(answers: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Labels as in a project: the first answer, unless the consensus of several people is another class."""
    labels = first.copy()
    several = np.flatnonzero((answers >= 0).sum(axis=1) > 1)
    if len(several):
        probs = consensus(answers[several], K).probs
        other = probs.max(axis=1) - probs[np.arange(len(several)), first[several]] > 0.01
        labels[several[other]] = probs[other].argmax(axis=1)
    return labels


def run(
    points: np.ndarray,
    people: np.ndarray,
    truth: np.ndarray,
    test: tuple[np.ndarray, np.ndarray],
    arm: str,
    how: str,
    seed: int,
) -> np.ndarray:
    """Accuracy of the head, share of correct labels, and number of labels, at each mark."""
    rng = np.random.default_rng([seed, 1])
    turn = np.argsort(rng.random((POOL, 3)), axis=1)
    order = rng.permutation(POOL)
    answers, first, asked = np.full((POOL, 3), -1), np.full(POOL, -1), np.zeros(POOL, dtype=int)

    def ask(items: np.ndarray) -> None:
        column = turn[items, asked[items]]
        answers[items, column] = people[items, column]
        first[items] = np.where(asked[items] == 0, people[items, column], first[items])
        asked[items] += 1

    head, labels, rows, out = LogisticHead(classes=range(K)), np.empty(0, dtype=int), np.empty(0, dtype=int), []
    for spent in range(ROUND, MARKS[-1] + 1, ROUND):
        free = order[asked[order] == 0]
        count = 0
        if len(rows):
            probs = head.predict_proba(points[free])
            if arm != "never":
                doubts = label_doubts(answers[rows], labels, left_out_probs(points[rows], labels, K))
                doubts[asked[rows] == 3] = 0.0
                share = ARMS[arm]
                count = how_many_again(doubts, 1 - probs.max(axis=1), ROUND) if share == "auto" else int(share * ROUND)
                worst = np.argsort(-doubts, kind="stable")[: min(count, ROUND // 2)]
                worst = worst[doubts[worst] > 0.05]
                count = len(worst)
                ask(rows[worst])
            if how == "margin":
                best = np.sort(probs, axis=1)
                free = free[np.argsort(best[:, -1] - best[:, -2], kind="stable")]
        ask(free[: ROUND - count])
        rows = np.flatnonzero(asked)
        labels = believed(answers[rows], first[rows])
        head.partial_fit(points[rows], labels)
        if spent in MARKS:
            right = np.mean(head.predict(test[0]) == test[1])
            out.append((100 * right, 100 * np.mean(labels == truth[rows]), len(rows)))
    return np.array(out)


def main(folder: Path, seeds: int) -> None:
    """Measure and print the tables."""
    with np.load(folder / "vectors" / "cifar10.npz") as f:
        vectors, labels, split = f["vectors"].astype(np.float32), f["labels"].astype(int), f["split"]
    with np.load(folder / "cifar10_human.npz") as f:
        people = f["n_random"].astype(int)
    rng = np.random.default_rng(0)
    pool = rng.choice(np.flatnonzero(split == 0), POOL, replace=False)
    held = rng.choice(np.flatnonzero(split != 0), TEST, replace=False)
    mean = vectors[pool].mean(axis=0)
    smoothed = smooth(vectors[pool] - mean)
    test = (smoothed.transform(vectors[held] - mean), labels[held])
    careless = np.random.default_rng(1)
    hit = careless.random((POOL, 3)) < 0.25
    crowds = {
        "as people answered (18 % wrong)": people[pool],
        "a quarter of the answers replaced by chance (36 % wrong)": np.where(
            hit, careless.integers(0, K, hit.shape), people[pool]
        ),
    }
    for crowd, given in crowds.items():
        print(f"\n### {crowd[0].upper()}{crowd[1:]}\n")
        print(f"| new items, asking again | {' | '.join(f'{m} answers' for m in MARKS)} | labels | correct, % |")
        print("|---|" + "---|" * (len(MARKS) + 2))
        for how in ("random", "margin"):
            for arm in ARMS:
                runs = [run(smoothed.points, given, labels[pool], test, arm, how, seed) for seed in range(seeds)]
                mean_of = np.mean(runs, axis=0)
                spread = np.std([r[-1, 0] for r in runs], ddof=1) / np.sqrt(seeds) if seeds > 1 else float("nan")
                cells = [f"{v:.1f}" for v in mean_of[:, 0]]
                cells[-1] += f" ± {spread:.1f}"
                print(
                    f"| {how}, {arm} | {' | '.join(cells)} | {mean_of[-1, 2]:.0f} | {mean_of[-1, 1]:.1f} |", flush=True
                )


if __name__ == "__main__":
    main(Path(os.environ["ACTIVESSL_DATA"]), int(sys.argv[1]) if len(sys.argv) > 1 else 5)
