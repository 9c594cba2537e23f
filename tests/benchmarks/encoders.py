"""How far do few labels go in the vectors of each encoder?

    python tests/benchmarks/encoders.py --data DATA --sets fashion_mnist --steps 200 --out docs/results/encoders.md

Each encoder is fitted to the same random images, without their labels, and encodes them. Then: leave-one-out accuracy
of the 20 nearest neighbours with all labels, and accuracy of logistic regression on all other images after 1, 5, 10
and 40 random labels a class, the mean over seeds with its 95 % interval. Seconds are processor time, all threads
together, since the wall clock of a shared machine means little.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from scipy.stats import t as student
from sklearn.linear_model import LogisticRegression

from activessl.encoders.embeddings import embed, unit
from activessl.encoders.health import effective_rank
from activessl.encoders.pretrain import OBJECTIVES
from activessl.encoders.registry import fit_encoder
from activessl.pool.pool import Pool
from activessl.pool.sources import load_pool
from activessl.pool.stored_labels import read_labels


def neighbour_accuracy(rows: np.ndarray, labels: np.ndarray, k: int = 20, temperature: float = 0.1) -> float:
    """Leave-one-out accuracy of the k nearest unit vectors, weighted by exp(similarity / temperature)."""
    right = 0
    for start in range(0, len(rows), 1000):
        block = rows[start : start + 1000] @ rows.T
        here = np.arange(len(block))
        block[here, start + here] = -np.inf
        near = np.argpartition(-block, k, axis=1)[:, :k]
        votes = np.zeros((len(block), labels.max() + 1))
        weights = np.exp(np.take_along_axis(block, near, 1) / temperature)
        np.add.at(votes, (here[:, None], labels[near]), weights)
        right += int((votes.argmax(1) == labels[start : start + 1000]).sum())
    return right / len(rows)


def few_label_accuracy(rows: np.ndarray, labels: np.ndarray, per_class: int, seed: int) -> float:
    """Accuracy on all other items after ``per_class`` random labels of each class."""
    rng = np.random.default_rng(seed)
    shown = np.concatenate([rng.permutation(np.flatnonzero(labels == c))[:per_class] for c in range(labels.max() + 1)])
    others = np.setdiff1d(np.arange(len(labels)), shown)
    head = LogisticRegression(C=10, max_iter=500).fit(rows[shown], labels[shown])
    return float((head.predict(rows[others]) == labels[others]).mean())


def mean_and_half_width(values: list[float]) -> str:
    """The mean and half of its 95 % interval by Student's t."""
    half = student.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / len(values) ** 0.5 if len(values) > 1 else 0
    return f"{np.mean(values):.3f} ± {half:.3f}"


def take_part(pool: Pool, labels: np.ndarray, images: int, seed: int) -> tuple[Pool, np.ndarray]:
    """A random part of a pool, the same for every encoder."""
    if len(pool) <= images:
        return pool, labels
    rows = np.sort(np.random.default_rng(seed).choice(len(pool), images, replace=False))
    return pool.subset(pool.ids[row] for row in rows), labels[rows]


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("ACTIVESSL_DATA"), help="folder of .npz files")
    parser.add_argument("--sets", nargs="+", default=["fashion_mnist", "cifar10"])
    parser.add_argument("--encoders", nargs="+", default=["pixels", "patches", "masked", "contrastive", "hybrid"])
    parser.add_argument("--images", type=int, default=4000)
    parser.add_argument("--steps", type=int, help="training steps of the networks, instead of --minutes")
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--out", type=Path, help="where to write; the terminal otherwise")
    given = parser.parse_args()
    if given.data is None:
        parser.error("name the folder of data sets with --data or ACTIVESSL_DATA")
    torch.set_num_threads(given.threads)

    counts = (1, 5, 10, 40)
    lines = [
        "# Encoders",
        "",
        f"`python {' '.join(sys.argv)}`",
        "",
        f"{given.images:,} images, {given.threads} threads of {platform.machine()}, torch {torch.__version__}. Vectors",
        f"are centred and of unit length. Means over {given.seeds} draws of labels ± half of the 95 % interval; the",
        "encoder itself is fitted once.",
        "",
        "| set | encoder | d | fit, s | encode, s | rank | kNN(20), all labels | "
        + " | ".join(f"{c} a class" for c in counts)
        + " |",
        "|---|---|---|---|---|---|---|" + "---|" * len(counts),
    ]
    for name in given.sets:
        whole = load_pool(Path(given.data) / f"{name}.npz")
        stored = read_labels(whole)
        if stored is None:
            parser.error(f"{name} has no labels")
        pool, labels = take_part(whole, stored.labels, given.images, seed=0)
        for encoder_name in given.encoders:
            settings = {"steps": given.steps} if given.steps and encoder_name in OBJECTIVES else {}
            with tempfile.TemporaryDirectory() as scratch:
                started = time.process_time()
                encoder = fit_encoder(encoder_name, pool, folder=Path(scratch), minutes=given.minutes, **settings)
                fitted = time.process_time()
                vectors = unit(embed(encoder, pool, Path(scratch, "vectors")).vectors)
                done = time.process_time()
            accuracies = [
                [few_label_accuracy(vectors, labels, count, seed) for seed in range(given.seeds)] for count in counts
            ]
            cells = [name, encoder_name, str(encoder.dim), f"{fitted - started:.0f}", f"{done - fitted:.0f}"]
            cells += [f"{effective_rank(vectors):.0f}", f"{neighbour_accuracy(vectors, labels):.3f}"]
            lines.append("| " + " | ".join(cells + [mean_and_half_width(a) for a in accuracies]) + " |")
            print(lines[-1], file=sys.stderr, flush=True)

    text = "\n".join(lines) + "\n"
    if given.out is None:
        print(text)
    else:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
