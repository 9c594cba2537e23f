"""Accuracy with few labels on the vectors of each encoder.

    python tests/benchmarks/encoders.py --data DATA --sets ts_Crop --encoders raw rocket

prints a table. Each encoder is fitted to the same random items, without their labels, and encodes them. "raw": the
values through PCA. "pretrained": stored vectors of a large model. "rocket+hybrid": the vectors of both, concatenated.
"minirocket": aeon's MiniRocket through PCA (``--aeon-python``). "supervised": a network trained on the labels only
(``series_peers.py``). The columns are the leave-one-out accuracy of the 20 nearest neighbours with all labels, and the
accuracy of logistic regression on all other items after 1, 5, 10 and 40 random labels a class: the mean over seeds with
its 95 % interval. Seconds are processor time of all threads, because wall time on a shared machine is not reliable;
networks are trained for ``--minutes`` of processor time.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from scipy.stats import t as student
from series_peers import minirocket_features, supervised_accuracy
from sklearn.linear_model import LogisticRegression

from activessl.encoders.embeddings import embed
from activessl.encoders.health import effective_rank
from activessl.encoders.images.pixels import principal_components
from activessl.encoders.pretrain import OBJECTIVES
from activessl.encoders.registry import fit_encoder
from activessl.encoders.sound.mel import choose_mel
from activessl.geometry.units import centred_rows
from activessl.pool.pool import Pool
from activessl.pool.sources import load_pool
from activessl.pool.stored_labels import read_labels


def neighbour_accuracy(rows: np.ndarray, labels: np.ndarray, k: int = 20, temperature: float = 0.1) -> float:
    """Leave-one-out accuracy of the k nearest centred vectors, weighted by exp(similarity / temperature)."""
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


def draw(labels: np.ndarray, per_class: int, seed: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Draw ``per_class`` random rows of each class; return them and the others, None if these are less than a third."""
    rng = np.random.default_rng(seed)
    shown = np.concatenate([rng.permutation(np.flatnonzero(labels == c))[:per_class] for c in range(labels.max() + 1)])
    others = np.setdiff1d(np.arange(len(labels)), shown)
    return (shown, others) if 3 * len(others) > len(labels) else None


def few_label_accuracy(rows: np.ndarray, labels: np.ndarray, per_class: int, seed: int) -> float | None:
    """Accuracy on all other items after ``per_class`` random labels of each class; None if too few items are left."""
    drawn = draw(labels, per_class, seed)
    if drawn is None:
        return None
    shown, others = drawn
    head = LogisticRegression(C=10, max_iter=500).fit(rows[shown], labels[shown])
    return float((head.predict(rows[others]) == labels[others]).mean())


def mean_and_half_width(found: list[float | None]) -> str:
    """Format the mean and half of its 95 % interval by Student's t."""
    values = [value for value in found if value is not None]
    if not values:
        return "–"
    half = student.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / len(values) ** 0.5 if len(values) > 1 else 0
    return f"{np.mean(values):.3f} ± {half:.3f}"


def take_part(pool: Pool, labels: np.ndarray, items: int, seed: int) -> tuple[Pool, np.ndarray]:
    """Draw a random part of a pool, the same for every encoder."""
    if len(pool) <= items:
        return pool, labels
    rows = np.sort(np.random.default_rng(seed).choice(len(pool), items, replace=False))
    return pool.subset(pool.ids[row] for row in rows), labels[rows]


def flat_values(pool: Pool) -> np.ndarray:
    """Raw values through PCA, as a baseline: the values of a series, or the log-mel picture of audio."""
    if pool.modality == "audio":
        rows = torch.cat(list(choose_mel(pool).batches(pool, 256))).flatten(1).float() / 255
    else:
        rows = torch.from_numpy(np.nan_to_num(np.stack([np.asarray(pool.read(i)).ravel() for i in range(len(pool))])))
    mean, directions = principal_components(rows, 64)
    return ((rows - mean) @ directions).numpy()


def stacked(pool: Pool) -> np.ndarray:
    """Series of one length as (n, c, t), each channel standardized over the pool, 0 where a value is missing."""
    rows = np.stack([np.asarray(pool.read(i), dtype=np.float32) for i in range(len(pool))])
    spread = np.nanstd(rows, axis=(0, 2), keepdims=True)
    return np.nan_to_num((rows - np.nanmean(rows, axis=(0, 2), keepdims=True)) / np.where(spread > 0, spread, 1))


def steps_in(name: str, pool: Pool, minutes: float) -> int:
    """Number of training steps that fit into the processor minutes."""
    with tempfile.TemporaryDirectory() as scratch:
        taken = []
        for steps in (1, 2, 22):  # the first run also imports
            started = time.process_time()
            fit_encoder(name, pool, folder=Path(scratch), steps=steps)
            taken.append(time.process_time() - started)
    return max(10, round(60 * minutes * 20 / (taken[2] - taken[1])))


def pretrained_vectors(data: Path, name: str, whole: Pool, pool: Pool) -> np.ndarray | None:
    """Stored vectors of a large pretrained model in ``vectors/``; None if there are none for this set."""
    for path in sorted((data / "vectors").glob("*.npz")):
        if name.startswith(path.stem):
            stored = np.load(path)["vectors"]
            if len(stored) == len(whole):
                return np.asarray(stored[[whole.row(item_id) for item_id in pool.ids]], dtype=np.float32)
    return None


def encode(
    name: str,
    data: Path,
    set_name: str,
    whole: Pool,
    pool: Pool,
    minutes: float,
    steps: int | None,
    aeon: str | None = None,
) -> tuple[np.ndarray, float, float] | None:
    """Compute vectors, and the processor seconds of fitting and encoding."""
    started = time.process_time()
    if name == "raw":
        return flat_values(pool), 0.0, time.process_time() - started
    if name == "pretrained":
        stored = pretrained_vectors(data, set_name, whole, pool)
        return None if stored is None else (stored, 0.0, 0.0)
    if name == "minirocket":
        if aeon is None:
            return None
        features, seconds = minirocket_features(aeon, stacked(pool))
        mean, directions = principal_components(torch.from_numpy(features), 256)
        return ((torch.from_numpy(features) - mean) @ directions).numpy(), 0.0, seconds
    settings = {} if name not in OBJECTIVES else {"steps": steps or steps_in(name, pool, minutes)}
    with tempfile.TemporaryDirectory() as scratch:
        encoder = fit_encoder(name, pool, folder=Path(scratch), minutes=minutes, **settings)
        fitted = time.process_time()
        vectors = np.array(embed(encoder, pool, Path(scratch, "vectors")).vectors)
    return vectors, fitted - started, time.process_time() - fitted


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("ACTIVESSL_DATA"), help="folder of the data sets")
    parser.add_argument("--sets", nargs="+", default=["fashion_mnist", "cifar10"], help="file names, without ending")
    parser.add_argument("--encoders", nargs="+", default=["auto"], help="names, 'raw' or 'pretrained'")
    parser.add_argument("--items", type=int, default=4000)
    parser.add_argument("--steps", type=int, help="training steps of the networks, instead of --minutes")
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--aeon-python", help="Python of an environment with aeon, for 'minirocket'")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args()
    if given.data is None:
        parser.error("name the folder of data sets with --data or ACTIVESSL_DATA")
    torch.set_num_threads(given.threads)
    data = Path(given.data)

    counts = (1, 5, 10, 40)
    heads = ["set", "encoder", "d", "fit, s", "encode, s", "rank", "kNN(20)", *(f"{c} a class" for c in counts)]
    print(f"| {' | '.join(heads)} |\n{'|---' * len(heads)}|", flush=True)
    for set_name in given.sets:
        path = next((p for end in ("npz", "parquet") if (p := data / f"{set_name}.{end}").exists()), None)
        if path is None:
            parser.error(f"no {set_name} in {data}")
        whole = load_pool(path)
        stored = read_labels(whole)
        if stored is None:
            parser.error(f"{set_name} has no labels")
        pool, labels = take_part(whole, stored.labels, given.items, seed=0)
        made: dict[str, tuple[np.ndarray, float, float] | None] = {}
        for name in given.encoders:
            if name == "supervised":
                started, cells = time.process_time(), []
                for count in counts:
                    draws = [draw(labels, count, seed) for seed in range(given.seeds)]
                    found = [
                        None if rows is None else supervised_accuracy(stacked(pool), labels, *rows, seed=seed)
                        for seed, rows in enumerate(draws)
                    ]
                    cells.append(mean_and_half_width(found))
                each = (time.process_time() - started) / len(counts) / given.seeds
                print(f"| {set_name} | {name} | – | {each:.0f} | 0 | – | – | {' | '.join(cells)} |", flush=True)
                continue
            for one in name.split("+"):
                if one not in made:
                    made[one] = encode(one, data, set_name, whole, pool, given.minutes, given.steps, given.aeon_python)
            parts = [part for one in name.split("+") if (part := made[one]) is not None]
            if not parts:
                continue
            found = tuple(map(sum, zip(*(part[1:] for part in parts), strict=True)))
            vectors = centred_rows(
                parts[0][0] if len(parts) == 1 else np.hstack([centred_rows(part[0]) for part in parts])
            )
            fitted, encoded = found
            cells = [set_name, name, str(vectors.shape[1]), f"{fitted:.0f}", f"{encoded:.0f}"]
            cells += [f"{effective_rank(vectors):.0f}", f"{neighbour_accuracy(vectors, labels):.3f}"]
            for count in counts:
                accuracies = [few_label_accuracy(vectors, labels, count, seed) for seed in range(given.seeds)]
                cells.append(mean_and_half_width(accuracies))
            print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
