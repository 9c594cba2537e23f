"""Image encoders of activessl and lightly with the same transformer, after equal processor minutes.

    python tests/benchmarks/encoder_peers.py run --data DATA --out peers.jsonl --minutes 5 --lightly-python PYTHON
    python tests/benchmarks/encoder_peers.py report --out peers.jsonl

A stopped run can be resumed: results that are in the file are not measured again. Every arm learns from the same random
items of the set's pool without their labels, with one thread. The number of steps is fitted to the minutes of processor
time beforehand, and the learning rate falls to zero over the steps. With ``--clock wall``, minutes are wall time, and
all processors and the GPU are used; one process per processor makes lightly's views. Vectors of pool and test items are
centred and scaled to length one. kNN(20) and "all labels" (logistic regression) use the labels of the whole pool; the
other columns use a few random labels a class: the mean over draws with its 95 % interval. All accuracies are on test
items that no arm was trained on.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import torch
from encoders import mean_and_half_width
from sklearn.linear_model import LogisticRegression

from activessl.encoders.base import Encoder
from activessl.encoders.health import effective_rank
from activessl.encoders.images.tensors import sample_tensor
from activessl.encoders.pretrain import OBJECTIVES, Recipe, pretrain, shape_for
from activessl.encoders.registry import fit_encoder
from activessl.geometry.units import centred_rows
from activessl.pool.pool import Pool
from activessl.pool.progress import Progress
from activessl.pool.sources import load_pool
from activessl.pool.stored_labels import read_labels

Array = np.ndarray
COUNTS = (1, 5, 10, 40)
#: Arms that do not depend on the minutes.
TIMELESS = ("pixels", "patches as delivered", "pretrained")
LIGHTLY = {"lightly SimCLR": "simclr", "lightly MAE": "mae"}
ARMS = (*TIMELESS, "patches", "hybrid", "contrastive", *LIGHTLY)


class Items:
    """The items of a set, the same for every arm."""

    def __init__(self, path: Path, pool_size: int, test_size: int) -> None:
        self.name, self.whole = path.stem, load_pool(path)
        stored = read_labels(self.whole)
        if stored is None or stored.split is None:
            raise SystemExit(f"{path} has no labels or no split")
        rng = np.random.default_rng(0)
        self.rows, self.test_rows = (
            np.sort(rng.permutation(np.flatnonzero(part))[:size])
            for part, size in ((stored.split == 0, pool_size), (stored.split != 0, test_size))
        )
        self.pool, self.test = (
            self.whole.subset(self.whole.ids[r] for r in rows) for rows in (self.rows, self.test_rows)
        )
        self.labels, self.test_labels = stored.labels[self.rows], stored.labels[self.test_rows]


def scores(items: Items, pool: Array, test: Array, draws: int) -> dict[str, Any]:
    """Compute all figures from the vectors of pool and test items."""
    mean = pool.mean(0)
    x, xt, y, yt = centred_rows(pool, mean), centred_rows(test, mean), items.labels, items.test_labels

    # votes weighted by exp(similarity / 0.1)
    likeness = xt @ x.T
    near = np.argpartition(-likeness, 20, axis=1)[:, :20]
    votes = np.zeros((len(xt), y.max() + 1))
    np.add.at(votes, (np.arange(len(xt))[:, None], y[near]), np.exp(np.take_along_axis(likeness, near, 1) / 0.1))

    found: dict[str, Any] = {
        "d": x.shape[1],
        "rank": effective_rank(x[:2000]),
        "knn": float((votes.argmax(1) == yt).mean()),
    }
    found["all"] = float((LogisticRegression(C=10, max_iter=300).fit(x, y).predict(xt) == yt).mean())
    for count in COUNTS:
        found[f"at {count}"] = []
        for seed in range(draws):
            rng = np.random.default_rng(seed)
            shown = np.concatenate([rng.permutation(np.flatnonzero(y == c))[:count] for c in range(y.max() + 1)])
            head = LogisticRegression(C=10, max_iter=500).fit(x[shown], y[shown])
            found[f"at {count}"].append(float((head.predict(xt) == yt).mean()))
    return found


def vectors(encoder: Encoder, pool: Pool) -> Array:
    """Compute the encoder's vectors in memory."""
    return np.concatenate(list(encoder.batches(pool, 256)))


def steps_in(objective: str, pool: Pool, minutes: float, settings: dict[str, Any]) -> int:
    """Number of training steps that fit into the processor minutes, without the time of health figures."""
    at: list[float] = []

    def note(step: Progress) -> None:
        at.append(time.process_time())

    with tempfile.TemporaryDirectory() as scratch:
        pretrain(pool, folder=Path(scratch), encoder=objective, steps=30, on_progress=note, **settings)
    return max(10, round(60 * minutes / float(np.median(np.diff(at)))))


def ours(arm: str, items: Items, minutes: float, given: argparse.Namespace) -> tuple[Array, Array, dict[str, Any]]:
    """Fit an encoder of activessl; return the vectors of pool and test items, and the costs."""
    more: dict[str, Any] = {}
    name, settings = arm.removesuffix(" as delivered"), json.loads(given.settings)
    now = time.perf_counter if given.clock == "wall" else time.process_time
    if name in OBJECTIVES:
        more = dict(settings)
        if given.clock == "processor":
            more["steps"] = steps_in(name, items.pool, minutes, settings)
    with tempfile.TemporaryDirectory() as scratch:
        started = now()
        encoder = fit_encoder(name, items.pool, folder=Path(scratch), minutes=minutes or 1.0, **more)
        fitted = now()
        pool, test = vectors(encoder, items.pool), vectors(encoder, items.test)
    cost = {"fit": fitted - started, "encode": now() - fitted}
    return pool, test, cost | {"steps": encoder.provenance.get("steps"), "provenance": encoder.provenance}


def theirs(
    arm: str, items: Items, minutes: float, given: argparse.Namespace
) -> list[tuple[str, Array, Array, dict[str, Any]]]:
    """Train lightly's method on a transformer of the same shape in its own environment; return two read-outs."""
    image, config = shape_for(items.pool, Recipe(**json.loads(given.settings)), 0)
    script = Path(__file__).with_name("encoder_peers_lightly.py")
    with tempfile.TemporaryDirectory() as scratch:
        pool, test = (sample_tensor(part, image, limit=len(part), seed=0).numpy() for part in (items.pool, items.test))
        np.savez(Path(scratch, "items.npz"), pool=pool, test=test, shape=json.dumps(asdict(config)))
        asked = [str(given.lightly_python), str(script), scratch, "--method", LIGHTLY[arm], "--minutes", str(minutes)]
        subprocess.run([*asked, "--clock", given.clock], check=True)
        with np.load(Path(scratch, "vectors.npz"), allow_pickle=False) as found:
            cost = {"fit": float(found["seconds"]), "encode": None, "steps": int(found["steps"])}
            out = [(arm, found["grid"], cost), (f"{arm}, mean token", found["mean"], cost)]
    return [(name, rows[: len(pool)], rows[len(pool) :], cost) for name, rows, cost in out]


def pretrained(items: Items, data: Path) -> tuple[Array, Array, dict[str, Any]] | None:
    """Stored pretrained vectors of a set, if they belong to the same items."""
    path = data / "vectors" / f"{items.name}.npz"
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as found:
        rows, labels = found["vectors"].astype(np.float32), found["labels"]
    stored = read_labels(items.whole)
    if stored is None or len(labels) != len(stored.labels) or (labels != stored.labels).any():
        return None
    return rows[items.rows], rows[items.test_rows], {"fit": None, "encode": None, "steps": None}


def run(given: argparse.Namespace) -> None:
    """Run the arms that are not in the file yet."""
    if given.clock == "processor":
        torch.set_num_threads(1)
        faiss.omp_set_num_threads(1)
    done = {(r["set"], r["arm"], r["minutes"], r["label"]) for r in read(given.out)}
    for minutes in given.minutes:
        for set_name in given.sets:
            items = None
            for arm in given.arms:
                spent = 0.0 if arm in TIMELESS else minutes
                if (set_name, arm, spent, given.label) in done or (arm in LIGHTLY and given.lightly_python is None):
                    continue
                items = items or Items(given.data / f"{set_name}.npz", given.pool, given.test)
                if arm in LIGHTLY:
                    found = theirs(arm, items, minutes, given)
                elif arm == "pretrained":
                    stored = pretrained(items, given.data)
                    found = [] if stored is None else [(arm, *stored)]
                else:
                    found = [(arm, *ours(arm, items, spent, given))]
                for name, pool, test, cost in found:
                    figures = scores(items, pool, test, given.draws)
                    note = {"set": set_name, "arm": name, "minutes": spent, "label": given.label}
                    note |= {"pool": len(pool), "test": len(test)} | cost | figures
                    with given.out.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(note) + "\n")
                    print(f"{set_name} {name} {spent:g} min: kNN {figures['knn']:.3f}", flush=True)
                done.add((set_name, arm, spent, given.label))


def read(path: Path) -> list[dict[str, Any]]:
    """Read the lines of a file of results, without incomplete lines."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def report(given: argparse.Namespace) -> None:
    """Print the tables."""
    lines = read(given.out)
    heads = ["minutes", "encoder", "steps", "fit, s", "encode, s", "d", "rank", "kNN(20)", "all labels"]
    heads += [f"{count} a class" for count in COUNTS]
    for set_name in dict.fromkeys(line["set"] for line in lines):
        print(f"\n### {set_name}\n\n| {' | '.join(heads)} |\n{'|---' * len(heads)}|")
        for line in sorted((r for r in lines if r["set"] == set_name), key=lambda r: (r["minutes"], -r["knn"])):
            arm = line["arm"].replace(" as delivered", ", 1 minute")
            name = f"{arm} ({line['label']})" if line["label"] else arm
            cells = [f"{line['minutes']:g}" if line["minutes"] else "–", name, str(line["steps"] or "–")]
            cells += ["–" if line[part] is None else f"{line[part]:.0f}" for part in ("fit", "encode")]
            cells += [str(line["d"]), f"{line['rank']:.0f}", f"{line['knn']:.3f}", f"{line['all']:.3f}"]
            print("| " + " | ".join([*cells, *(mean_and_half_width(line[f"at {count}"]) for count in COUNTS)]) + " |")


def main() -> None:
    """Run or report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", choices=("run", "report"))
    parser.add_argument("--out", type=Path, required=True, help="the file of results, JSON lines")
    parser.add_argument("--data", type=Path, default=os.environ.get("ACTIVESSL_DATA"), help="folder of the data sets")
    parser.add_argument("--sets", nargs="+", default=["fashion_mnist", "cifar10"], help="file names, without ending")
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--minutes", type=float, nargs="+", default=[5.0], help="training time of each arm")
    parser.add_argument(
        "--clock", choices=("processor", "wall"), default="processor", help="time of one processor, or wall time"
    )
    parser.add_argument("--pool", type=int, default=8000, help="training items, from the pool of the set")
    parser.add_argument("--test", type=int, default=2000, help="test items, from the test part of the set")
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--lightly-python", type=Path, help="Python of an environment with lightly and timm")
    parser.add_argument("--settings", default="{}", help="settings of the networks, as JSON")
    parser.add_argument("--label", default="", help="name of the settings, printed after the name of the arm")
    given = parser.parse_args()
    if given.mode == "report":
        report(given)
        return
    if given.data is None:
        parser.error("name the folder of data sets with --data or ACTIVESSL_DATA")
    given.data = Path(given.data)
    run(given)


if __name__ == "__main__":
    main()
