"""Seconds and memory of each strategy, and of the same methods in other packages where they are installed.

    python tests/benchmarks/strategy_speed.py --items 10000 --dimensions 192 --query-size 100
    python tests/benchmarks/strategy_speed.py --vectors cifar10.npz --only max_herding uherding
    python tests/benchmarks/strategy_speed.py --items 1000000 --dimensions 384 --labels 200 --only auto --mapped FOLDER

Each measurement runs in a separate process, on the same pool, with the same labels and probabilities. MB is the peak
of anonymous memory during the query, beside the vectors. CPU seconds count all threads; on a busy machine they are more
reliable than wall seconds.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

PEERS = (
    "skactiveml:MaxHerding",
    "skactiveml:ProbCover",
    "skactiveml:TypiClust",
    "skactiveml:CoreSet",
    "skactiveml:Badge",
    "skactiveml:DropQuery",
    "modAL:ranked_batch",
)
CLASSES = 10


def make_pool(items: int, dimensions: int) -> tuple[np.ndarray, np.ndarray]:
    """Generate a pool: ten classes of five clusters each, with the falling spectrum of learned features."""
    rng = np.random.default_rng(0)
    spectrum = ((1 + np.arange(dimensions)) ** -0.6).astype(np.float32)
    centres = rng.normal(size=(5 * CLASSES, dimensions)).astype(np.float32) * spectrum
    cluster = rng.integers(5 * CLASSES, size=items)
    vectors = np.empty((items, dimensions), dtype=np.float32)
    for start in range(0, items, 50_000):
        part = cluster[start : start + 50_000]
        vectors[start : start + 50_000] = centres[part] + spectrum * rng.standard_normal(
            (len(part), dimensions), dtype=np.float32
        )
    return vectors, cluster // 5


def mapped_pool(folder: Path, items: int, dimensions: int) -> tuple[np.ndarray, np.ndarray]:
    """Map the same pool into memory from a file, like the vectors of a project; the first call writes the file."""
    paths = [folder / f"{part}-{items}-{dimensions}.npy" for part in ("vectors", "labels")]
    if not paths[1].exists():
        folder.mkdir(parents=True, exist_ok=True)
        for path, array in zip(paths, make_pool(items, dimensions), strict=True):
            np.save(path, array)
    return np.load(paths[0], mmap_mode="r"), np.load(paths[1])


def load_pool(options: argparse.Namespace) -> tuple[np.ndarray, np.ndarray]:
    if options.vectors is None and options.mapped is not None:
        return mapped_pool(options.mapped, options.items, options.dimensions)
    if options.vectors is None:
        return make_pool(options.items, options.dimensions)
    with np.load(options.vectors) as stored:
        vectors, labels = stored["vectors"].astype(np.float32), stored["labels"]
    return (vectors - vectors.mean(axis=0))[: options.items], labels[: options.items]


def fit_head(vectors: np.ndarray, labeled: np.ndarray, labels: np.ndarray, k: int) -> Callable[[Any], np.ndarray]:
    """Make a head for timing: softmax of the cosine to class means."""
    means = np.stack(
        [vectors[labeled][labels == c].mean(axis=0) if (labels == c).any() else vectors[0] for c in range(k)]
    )
    means /= np.linalg.norm(means, axis=1, keepdims=True)

    def predict(points: Any) -> np.ndarray:
        points = np.asarray(points, dtype=np.float32)
        logits = 8 * (points @ means.T) / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-9)
        scores = np.exp(logits - logits.max(axis=1, keepdims=True))
        return scores / scores.sum(axis=1, keepdims=True)

    return predict


def prepare(name: str, options: argparse.Namespace) -> Callable[[], np.ndarray]:
    """Prepare everything before the timed call."""
    vectors, truth = load_pool(options)
    k = int(truth.max()) + 1
    labeled = np.random.default_rng(1).choice(len(vectors), options.labels, replace=False)
    predict = fit_head(vectors, labeled, truth[labeled], k)
    if name.startswith("skactiveml:"):
        return _prepare_skactiveml(name, vectors, labeled, truth, predict, k, options)
    if name.startswith("modAL:"):
        return _prepare_modal(vectors, labeled, truth, predict, options)
    import scipy.sparse  # noqa: F401  strategies import it on first use, which is not timed
    import torch  # noqa: F401

    from activessl.strategies.base import State
    from activessl.strategies.registry import get_strategy

    probs = predict(vectors)
    state = State(
        vectors,
        labeled,
        truth[labeled],
        k,
        np.random.default_rng(2),
        probs=probs,
        predict=predict,
        samples=np.stack([probs] * 4) if name in ("bald", "committee") else None,
    )
    strategy = get_strategy(name)
    return lambda: strategy.query(state, options.query_size).indices


def _prepare_skactiveml(
    name: str,
    vectors: np.ndarray,
    labeled: np.ndarray,
    truth: np.ndarray,
    predict: Callable[[Any], np.ndarray],
    k: int,
    options: argparse.Namespace,
) -> Callable[[], np.ndarray]:
    from skactiveml import pool
    from skactiveml.classifier import SklearnClassifier
    from sklearn.linear_model import LogisticRegression

    y = np.full(len(vectors), np.nan)
    y[labeled] = truth[labeled]
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    more: dict[str, Any] = {}
    what = name.partition(":")[2]
    if what == "MaxHerding":
        strategy = pool.MaxHerding(random_state=0, metric_dict={"gamma": 1.0})  # the default is a nearly flat kernel
    elif what == "ProbCover":
        strategy = pool.ProbCover(n_classes=k, random_state=0)
    else:
        strategy = getattr(pool, what)(random_state=0)
    if what in ("Badge", "DropQuery"):
        head = SklearnClassifier(LogisticRegression(max_iter=200), classes=list(range(k))).fit(unit, y)
        more = {"clf": head, "fit_clf": False}
    return lambda: strategy.query(unit, y, batch_size=options.query_size, **more)


def _prepare_modal(
    vectors: np.ndarray,
    labeled: np.ndarray,
    truth: np.ndarray,
    predict: Callable[[Any], np.ndarray],
    options: argparse.Namespace,
) -> Callable[[], np.ndarray]:
    from modAL.batch import ranked_batch
    from modAL.uncertainty import classifier_uncertainty

    class Head:
        def predict_proba(self, points: Any) -> np.ndarray:
            return predict(points)

    class Learner:
        X_training = vectors[labeled]
        estimator = Head()
        on_transformed = False

        def predict_proba(self, points: Any) -> np.ndarray:
            return predict(points)

        def transform_without_estimating(self, points: Any) -> Any:
            return points

        _set_classes = None

    rest = np.setdiff1d(np.arange(len(vectors)), labeled)
    doubt = classifier_uncertainty(Learner(), vectors[rest])
    return lambda: ranked_batch(
        Learner(), vectors[rest], n_instances=options.query_size, uncertainty_scores=doubt, metric="euclidean", n_jobs=1
    )


def anonymous_megabytes() -> float:
    """Anonymous memory of this process in MB; 0 where the system does not report it."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0.0
    return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("RssAnon")) / 1e3


def measure_one(name: str, options: argparse.Namespace) -> dict[str, Any]:
    call = prepare(name, options)
    before = anonymous_megabytes()
    peak, done = [before], threading.Event()

    def watch() -> None:
        while not done.wait(0.01):
            peak[0] = max(peak[0], anonymous_megabytes())

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    cpu, wall = time.process_time(), time.perf_counter()
    picks = call()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    done.set()
    watcher.join()
    return {"name": name, "wall": wall, "cpu": cpu, "megabytes": peak[0] - before, "picks": len(np.ravel(picks))}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--dimensions", type=int, default=192)
    parser.add_argument("--query-size", type=int, default=100)
    parser.add_argument("--labels", type=int, default=100)
    parser.add_argument("--vectors", type=Path, help="npz file with vectors and labels, in place of a generated pool")
    parser.add_argument(
        "--mapped", type=Path, help="folder of the generated pool, whose vectors are mapped into memory"
    )
    parser.add_argument("--only", nargs="*", help="names of strategies, also of other packages; all by default")
    parser.add_argument("--timeout", type=float, default=600, help="most seconds for one measurement")
    parser.add_argument("--json", action="store_true", help="print one JSON object per line instead of a table")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure_one(options.one, options)))
        return 0

    from activessl.strategies.registry import strategy_names

    names = options.only or [*strategy_names(), *PEERS]
    if not options.json:
        print(f"{'strategy':<26}{'wall s':>9}{'CPU s':>9}{'MB':>8}")
    for name in names:
        command = [sys.executable, __file__, *sys.argv[1:], "--one", name]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=options.timeout)
        except subprocess.TimeoutExpired:
            result: dict[str, Any] = {"name": name, "error": f"more than {options.timeout:.0f} s"}
        else:
            last = (done.stderr.strip().splitlines() or ["?"])[-1]
            result = json.loads(done.stdout.splitlines()[-1]) if not done.returncode else {"name": name, "error": last}
        if options.json:
            print(json.dumps(result), flush=True)
        elif "error" in result:
            print(f"{name:<26}  {result['error'][:90]}", flush=True)
        else:
            print(f"{name:<26}{result['wall']:>9.2f}{result['cpu']:>9.2f}{result['megabytes']:>8.0f}", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
