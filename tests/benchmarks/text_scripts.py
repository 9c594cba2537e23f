"""Accuracy with few labels on texts in many scripts: the built-in encoder beside scikit-learn's TF-IDF.

    python tests/benchmarks/text_scripts_data.py --folder SETS
    python tests/benchmarks/text_scripts.py --folder SETS [--data DATA] [--before CHECKOUT] [--sets SET …]

prints a table: accuracy on all other items after 5, 10, 20 and 40 random labels a class, the mean over draws. Rows:
"before": the encoder of another checkout of this repository; "tfidf": that of this one; "words", "char_wb 2-5" and
"char 1-3": ``TfidfVectorizer`` of scikit-learn, fitted to the whole pool. All are followed by the same logistic
regression (C = 10: for scikit-learn's rows level with 1 on the two sets where both were tried); vectors of encoders are
centred and of unit length. ``DATA`` has English sets ``text_*.parquet``. The last column is "tfidf" less "before" at 10
labels a class, with half of the 95 % interval by Student's t over the draws.

The rows of scikit-learn have up to 100,000 columns. Logistic regression with a quadratic penalty depends on the inner
products of the rows only, so that it is computed in as many dimensions as there are labels: the same result, sooner.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.stats import t as student
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from activessl.encoders.registry import fit_encoder
from activessl.geometry.units import centred_rows
from activessl.pool.sources import load_pool

BUDGETS = (5, 10, 20, 40)

BASELINES: dict[str, dict[str, Any]] = {
    "words": {},
    "char_wb 2-5": {"analyzer": "char_wb", "ngram_range": (2, 5)},
    "char 1-3": {"analyzer": "char", "ngram_range": (1, 3)},
}


def encode(path: Path) -> np.ndarray:
    """Vectors of this checkout's encoder for a set, centred and of unit length."""
    pool = load_pool(path)
    with tempfile.TemporaryDirectory() as scratch:
        encoder = fit_encoder("tfidf", pool, folder=Path(scratch))
    return np.asarray(centred_rows(np.concatenate(list(encoder.batches(pool, 256)))), dtype=np.float64)


def encode_before(checkout: Path, path: Path) -> np.ndarray:
    """Vectors of another checkout's encoder, computed by this file in a process of its own."""
    places = os.pathsep.join(str(checkout / part) for part in ("", "cli", "integrations"))
    with tempfile.TemporaryDirectory() as scratch:
        target = Path(scratch) / "vectors.npy"
        command = [sys.executable, __file__, "--encode", str(path), "--target", str(target)]
        subprocess.run(command, env={**os.environ, "PYTHONPATH": places}, check=True)
        return np.asarray(np.load(target))


def draw(labels: np.ndarray, per_class: int, seed: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Draw rows as ``encoders.py`` does, which takes long to import: None if less than a third of the rows is left."""
    rng = np.random.default_rng(seed)
    shown = np.concatenate([rng.permutation(np.flatnonzero(labels == c))[:per_class] for c in range(labels.max() + 1)])
    others = np.setdiff1d(np.arange(len(labels)), shown)
    return (shown, others) if 3 * len(others) > len(labels) else None


def accuracies(products: np.ndarray, labels: np.ndarray, per_class: int, draws: int) -> list[float]:
    """Accuracy in each draw, from the inner products of all rows."""
    found = []
    for seed in range(draws):
        if (drawn := draw(labels, per_class, seed)) is None:
            return []
        shown, others = drawn
        inner = products[np.ix_(shown, shown)]
        strengths, directions = np.linalg.eigh(inner)
        kept = strengths > 1e-7 * strengths[-1]
        turn = directions[:, kept] / np.sqrt(strengths[kept])
        head = LogisticRegression(C=10, max_iter=300, tol=1e-3).fit(inner @ turn, labels[shown])
        found.append(float((head.predict(products[np.ix_(others, shown)] @ turn) == labels[others]).mean()))
    return found


def read_set(path: Path, most: int) -> tuple[list[str], np.ndarray]:
    """Texts and classes of a set, at most so many items."""
    table = pq.read_table(path)
    label = next(name for name in table.column_names if name.startswith("label"))
    order = np.random.default_rng(0).permutation(len(table))[:most]
    texts, names = table["text"].to_pylist(), table[label].to_pylist()
    return [texts[row] for row in order], np.unique([str(names[row]) for row in order], return_inverse=True)[1]


def compare(path: Path, before: Path | None, most: int, draws: int) -> None:
    """Print the rows of one set."""
    texts, labels = read_set(path, most)
    rows: dict[str, np.ndarray] = {}
    with tempfile.TemporaryDirectory() as scratch:
        pool = Path(scratch) / "pool.parquet"
        pq.write_table(pa.table({"text": texts}), pool)
        if before is not None:
            vectors = encode_before(before, pool)
            rows["before"] = vectors @ vectors.T
        vectors = encode(pool)
        rows["tfidf"] = vectors @ vectors.T
    for name, settings in BASELINES.items():
        terms = TfidfVectorizer(**settings).fit_transform(texts)
        rows[name] = (terms @ terms.T).toarray()
    found = {name: [accuracies(products, labels, n, draws) for n in BUDGETS] for name, products in rows.items()}
    for name, budgets in found.items():
        cells = [f"{100 * np.mean(values):.1f}" if values else "–" for values in budgets]
        half = ""
        if name == "tfidf" and "before" in found and draws > 1:
            gain = np.subtract(budgets[1], found["before"][1])
            half = (
                f"{100 * gain.mean():+.1f} ± {100 * student.ppf(0.975, draws - 1) * gain.std(ddof=1) / draws**0.5:.1f}"
            )
        size = f"{path.stem} ({len(texts)}, {labels.max() + 1})" if name == next(iter(found)) else ""
        print(f"| {size} | {name} | {' | '.join(cells)} | {half} |", flush=True)


def main() -> None:
    """Compare on all sets of the folders."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="where text_scripts_data.py wrote the sets")
    parser.add_argument("--data", type=Path, help="a folder of English sets")
    parser.add_argument("--before", type=Path, help="another checkout of this repository")
    parser.add_argument("--sets", nargs="+", help="only these sets")
    parser.add_argument("--items", type=int, default=2_000, help="largest number of items of a set")
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--encode", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--target", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.encode is not None:
        np.save(asked.target, encode(asked.encode))
        return
    paths = sorted(asked.folder.glob("*.parquet")) if asked.folder else []
    paths += sorted(asked.data.glob("text_*.parquet")) if asked.data else []
    print("| set (items, classes) | vectors | 5 | 10 | 20 | 40 | gain at 10 |\n|---|---|---|---|---|---|---|")
    for path in paths:
        if not asked.sets or path.stem in asked.sets:
            compare(path, asked.before, asked.items, asked.draws)


if __name__ == "__main__":
    main()
