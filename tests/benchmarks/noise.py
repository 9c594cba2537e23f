"""Accuracy lost to people's mistakes, and regained by treating them, as Markdown.

Usage: ``ACTIVESSL_DATA=folder python tests/benchmarks/noise.py [seeds]``, with ``cifar10_human.npz`` (three answers an
item, and the worst of them) and ``vectors/cifar10.npz`` in the folder.
"""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

from activessl.geometry.smoothing import smooth
from activessl.heads.linear import LogisticHead
from activessl.heads.penalty import stratified_folds
from activessl.labels.consensus import consensus, suspects

POOL, TEST, K = 6000, 2000, 10


def held_out(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Probabilities of each item by heads that were not taught its label."""
    fold = stratified_folds(y, 5, 0)
    probs = np.full((len(y), K), 1.0 / K)
    for f in range(5):
        out = fold == f
        probs[out] = LogisticHead(classes=range(K)).fit(x[~out], y[~out]).predict_proba(x[out])
    return probs


def main(folder: Path, seeds: int) -> None:
    """Measure and print the tables."""
    with np.load(folder / "vectors" / "cifar10.npz") as f:
        vectors, labels, split = f["vectors"].astype(np.float32), f["labels"].astype(int), f["split"]
    with np.load(folder / "cifar10_human.npz") as f:
        people, worse = f["n_random"].astype(int), f["n_worse"].astype(int)
    rng = np.random.default_rng(0)
    pool = rng.choice(np.flatnonzero(split == 0), POOL, replace=False)
    test = rng.choice(np.flatnonzero(split != 0), TEST, replace=False)
    mean = vectors[pool].mean(axis=0)
    smoothed = smooth(vectors[pool] - mean)
    xt, yt = smoothed.transform(vectors[test] - mean), labels[test]

    def accuracy(x: np.ndarray, y: np.ndarray, w: np.ndarray | None = None) -> float:
        return float(100 * np.mean(LogisticHead(classes=range(K)).fit(x, y, sample_weight=w).predict(xt) == yt))

    for m in (200, 1000):
        right: dict[str, list[float]] = defaultdict(list)
        taught: dict[str, list[float]] = defaultdict(list)
        found: list[tuple[float, float, float]] = []
        for seed in range(seeds):
            rows = np.random.default_rng([seed, m]).choice(POOL, m, replace=False)
            x, truth = smoothed.points[rows], labels[pool[rows]]
            for crowd, answers in {
                "three people": people[pool[rows]],
                "two people and a careless one": np.column_stack([people[pool[rows], :2], worse[pool[rows]]]),
            }.items():
                votes = np.stack([(answers == c).sum(axis=1) for c in range(K)], axis=1)
                told = consensus(answers, K)
                with_head = consensus(answers, K, prior=held_out(x, told.labels))
                arms = {"one answer": answers[:, 0], "majority": votes.argmax(axis=1), "consensus": told.labels}
                for name, given in {**arms, "consensus, head as prior": with_head.labels, "truth": truth}.items():
                    right[f"{crowd}: {name}"].append(100 * float(np.mean(given == truth)))
                    taught[f"{crowd}: {name}"].append(accuracy(x, given))
                name = f"{crowd}: consensus, weighed by its certainty"
                taught[name].append(accuracy(x, told.labels, told.probs.max(axis=1)))
            given = people[pool[rows], 0]
            doubted = suspects(held_out(x, given), given)
            wrong = given[doubted] != truth[doubted]
            asked = given.copy()
            asked[doubted] = consensus(people[pool[rows]], K).labels[doubted]
            kept = np.setdiff1d(np.arange(m), doubted)
            taught["one answer, suspects asked twice more"].append(accuracy(x, asked))
            taught["one answer, suspects left out"].append(accuracy(x[kept], given[kept]))
            found.append((len(doubted) / m, wrong.mean(), wrong.sum() / max(1, np.sum(given != truth))))
        print(f"\n### {m} labels\n\n| labels from | correct labels, % | accuracy of the head |\n|---|---|---|")
        for name, scores in taught.items():
            share = f"{np.mean(right[name]):.1f}" if name in right else "–"
            print(f"| {name} | {share} | {np.mean(scores):.1f} |")
        share, precision, recall = 100 * np.mean(found, axis=0)
        print(
            f"\nSuspect: {share:.0f} % of single answers; {precision:.0f} % of them are wrong, "
            f"which is {recall:.0f} % of all wrong ones."
        )


if __name__ == "__main__":
    main(Path(os.environ["ACTIVESSL_DATA"]), int(sys.argv[1]) if len(sys.argv) > 1 else 5)
