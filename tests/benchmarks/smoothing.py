"""Smoothed or plain vectors by the evidence of the labels, against always and never smoothing, as Markdown.

    OMP_NUM_THREADS=1 python tests/benchmarks/smoothing.py --data FOLDER [--vectors FOLDER ...] [--seeds 6]

``FOLDER/vectors/*.npz`` hold ``vectors`` and ``labels``; further folders of such files with ``--vectors``, for example
those of ``make_vectors.py``. Sets whose labels do not follow what the encoder takes for alike are made from
``FOLDER/text_banking77.parquet`` and ``FOLDER/text_agnews_test7600.parquet`` (the kind of a question by its first word,
whether a text has a digit, how long it is) and from the vectors (the sign or the third of a minor component).

Two ways to get labels: at random, and by ``auto`` in rounds of 20 with the head and the vectors of the column. Accuracy
on test items after each budget; pools of 1,500 items.
"""

from __future__ import annotations

import argparse
import json
import os
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from activessl.geometry.smoothing import smooth
from activessl.heads.evidence import smoothing_pays
from activessl.heads.registry import make_head
from activessl.strategies.base import State
from activessl.strategies.registry import get_strategy

POOL, TEST, STEP = 1500, 1500, 20
EACH = (1, 2, 3, 5, 7, 10, 14, 20, 28, 40)
MOST = 400
FIRST_WORDS = (
    ("how",),
    ("what", "what's", "which", "where", "when", "who"),
    ("why",),
    ("can", "could", "is", "do", "does", "will", "are", "did", "would", "should"),
    ("i", "i'm", "i've", "my", "the", "there"),
)
#: The sets that are made, whose labels do not follow the vectors.
MADE = ("questions by kind", "news with digits", "news by length", "news, minor component", "photos, minor component")


def sets(data: Path, more: list[Path]) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Name, vectors and classes of each set."""
    kept = {}
    for path in [p for folder in (data / "vectors", *more) for p in sorted(folder.glob("*.npz"))]:
        with np.load(path, allow_pickle=False) as found:
            x, y = found["vectors"].astype(np.float32), np.unique(found["labels"], return_inverse=True)[1]
        kept[path.stem] = x
        if path.stem != "text_banking77":  # 77 classes: one label a class is more than most budgets
            yield path.stem, x, y
    kind = np.array([_kind(text) for text in _texts(data / "text_banking77.parquet")])
    yield MADE[0], kept["text_banking77"][kind >= 0], kind[kind >= 0]
    news = _texts(data / "text_agnews_test7600.parquet")
    yield MADE[1], kept["text_agnews"], np.array([int(bool(re.search(r"\d", text))) for text in news])
    yield MADE[2], kept["text_agnews"], _thirds(np.array([len(text) for text in news]))
    score = _component(kept["text_agnews"], 25)
    yield MADE[3], kept["text_agnews"], (score > np.median(score)).astype(int)
    photos = kept["cifar10"][:12_000]
    yield MADE[4], photos, _thirds(_component(photos, 12))


def _texts(path: Path) -> list[str]:
    import pyarrow.parquet as pq

    return [str(text) for text in pq.read_table(path, columns=["text"]).column("text").to_pylist()]


def _kind(text: str) -> int:
    words = re.findall(r"[a-z']+", text.lower())
    return next((k for k, group in enumerate(FIRST_WORDS) if words and words[0] in group), -1)


def _thirds(values: np.ndarray) -> np.ndarray:
    return np.digitize(values, np.quantile(values, [0.33, 0.67]))


def _component(x: np.ndarray, number: int) -> np.ndarray:
    rows = x - x.mean(axis=0)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows @ np.linalg.eigh(np.cov(rows[:4000].T))[1][:, ::-1][:, number])


def runs(x: np.ndarray, y: np.ndarray, seed: int) -> dict[str, list[float]]:
    """Accuracies of each way to get labels and to choose vectors, by budget."""
    order = np.random.default_rng([7, seed]).permutation(len(y))
    size = min(POOL, int(0.6 * len(y)))
    rows, rest = order[:size], order[size : size + TEST]
    mean = x[rows].mean(axis=0)
    smoothed = smooth(x[rows] - mean)
    seen = {True: smoothed, False: smoothed.plain}
    vectors = {way: (each.points, each.transform(x[rest] - mean)) for way, each in seen.items()}
    k = int(y.max()) + 1
    budgets = [each * k for each in EACH if each * k <= min(MOST, 0.6 * size)]
    found: dict[str, list[float]] = {}
    for strategy in ("random", "auto"):
        for column in ("always", "never", "by labels"):
            labeled, probs, way = np.empty(0, dtype=np.int64), None, column != "never"
            found[f"{strategy}, {column}"] = curve = []
            for budget in budgets:
                while len(labeled) < budget:
                    step = min(STEP, budget - len(labeled)) if len(labeled) else budget
                    rng = np.random.default_rng([seed, len(labeled)])
                    state = State(vectors[way][0], labeled, y[rows][labeled], k, rng, probs=probs)
                    labeled = np.concatenate([labeled, get_strategy(strategy).query(state, step).indices])
                    if column == "by labels":
                        way = smoothing_pays(vectors[True][0][labeled], vectors[False][0][labeled], y[rows][labeled])
                    head = make_head("logistic", k).fit(vectors[way][0][labeled], y[rows][labeled])
                    probs = head.predict_proba(vectors[way][0]) if strategy != "random" else None
                curve.append(float(np.mean(head.predict_proba(vectors[way][1]).argmax(axis=1) == y[rest])))
    return found


def table(found: dict[tuple[str, int], dict[str, list[float]]]) -> str:
    """The tables as Markdown."""
    ways = ("always", "never", "by labels")
    lines = []
    for strategy in ("random", "auto"):
        lines += [
            "",
            f"### Labels by `{strategy}`",
            "",
            "| set | always | never | by labels | by labels minus always | minus never |",
        ]
        lines += ["|---|---|---|---|---|---|"]
        means: dict[str, list[list[float]]] = defaultdict(list)
        for name in sorted({name for name, _ in found}, key=lambda name: (name in MADE, name)):
            curves = np.array([[run[f"{strategy}, {w}"] for w in ways] for (n, _), run in found.items() if n == name])
            each = 100 * curves.mean(axis=2)  # (seeds, ways)
            means["made" if name in MADE else "real"].append(each.mean(axis=0).tolist())
            cells = [f"{value:.1f}" for value in each.mean(axis=0)]
            cells += [_difference(each[:, 2] - each[:, w]) for w in (0, 1)]
            lines.append(f"| {name} | {' | '.join(cells)} |")
        for kind, label in (("real", "**sets with their own labels**"), ("made", "**sets made to mislead**")):
            if means[kind]:
                m = np.mean(means[kind], axis=0)
                lines.append(
                    f"| {label} | {m[0]:.1f} | {m[1]:.1f} | {m[2]:.1f} | {m[2] - m[0]:+.1f} | {m[2] - m[1]:+.1f} |"
                )
    return "\n".join(lines)


def _difference(values: np.ndarray) -> str:
    error = float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")
    return f"{values.mean():+.1f} ± {error:.1f}"


def main() -> None:
    """Run all sets and seeds, and print the tables; finished runs are read from the work file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("ACTIVESSL_DATA"), help="folder of the data sets")
    parser.add_argument("--vectors", type=Path, action="append", default=[], help="further folders of vectors")
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--work", type=Path, default=Path("smoothing.jsonl"))
    given = parser.parse_args()
    if given.data is None:
        parser.error("name the folder of data sets with --data or ACTIVESSL_DATA")
    found = {}
    if given.work.exists():
        for line in given.work.read_text().splitlines():
            row = json.loads(line)
            found[row["set"], row["seed"]] = row["runs"]
    with threadpool_limits(1):
        for name, x, y in sets(Path(given.data), given.vectors):
            for seed in range(given.seeds):
                if (name, seed) not in found:
                    found[name, seed] = runs(x, y, seed)
                    with given.work.open("a") as out:
                        out.write(json.dumps({"set": name, "seed": seed, "runs": found[name, seed]}) + "\n")
    print(table(found))


if __name__ == "__main__":
    main()
