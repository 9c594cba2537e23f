"""Accuracy of a project's encoder frozen and fine-tuned, and of a network trained from scratch on the labels.

    python tests/benchmarks/finetuning.py --data DATA --out results.json --sets cifar10 neu_steel --encoder hybrid

For each set, number of labels a class and seed, with the same labels: accuracy on test items of the head on the frozen
vectors, of the head on the vectors of the encoder fine-tuned on all labels, of a network of the same shape trained on
the labels only, and of the head on the frozen default encoder `patches`; and the decision of cross-fitting on these
labels. Seconds are processor seconds of this process. Results are stored in the JSON file, so a stopped run can be
resumed; the table shows the results so far.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from activessl.encoders.base import Encoder
from activessl.encoders.embeddings import embed
from activessl.encoders.pretrain import TrainedEncoder
from activessl.encoders.registry import fit_encoder, load_encoder
from activessl.encoders.training.material import normalise
from activessl.encoders.training.vit import ViT, patchify
from activessl.geometry.smoothing import smooth
from activessl.geometry.units import centred_rows
from activessl.heads.linear import LogisticHead
from activessl.measuring.intervals import mean_interval
from activessl.pool.sources import load_pool
from activessl.pool.stored_labels import read_labels
from activessl.tuning.networks import Network, Tensors
from activessl.tuning.run import Recipe, TuningRun
from activessl.tuning.tune import tune

COUNTS = (10, 40, 100, 400)


class Scratch(Network):
    """A transformer of an encoder's shape with random weights, all of them trained."""

    def __init__(self, encoder: TrainedEncoder, seed: int) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.vit = ViT(encoder.vit.config)
        self.source, self.mean, self.std = encoder.image, encoder.mean, encoder.std

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        tokens = self.vit(patchify(normalise(images, self.mean, self.std), self.vit.config.patch))
        return tokens.mean(1)

    def saved(self) -> Tensors:
        return {}


def head_accuracy(pool_vectors: np.ndarray, test_vectors: np.ndarray, rows: np.ndarray, y: Any, yt: Any) -> float:
    """Accuracy on test items of the head on smoothed vectors, as in projects."""
    mean = pool_vectors.mean(axis=0)
    smoothed = smooth(centred_rows(pool_vectors))
    head = LogisticHead(classes=range(int(y.max()) + 1)).fit(smoothed.points[rows], y[rows])
    return float(np.mean(head.predict(smoothed.transform(centred_rows(test_vectors, mean))) == yt))


def from_scratch(
    encoder: TrainedEncoder, images: torch.Tensor, y: np.ndarray, test: torch.Tensor, steps: int, seed: int
) -> np.ndarray:
    """Train a network on the labels only, a fifth held out for stopping; return its predictions of test items."""
    network = Scratch(encoder, seed)
    order = np.random.default_rng([seed, 1]).permutation(len(y))
    held, learned = order[: len(y) // 5], order[len(y) // 5 :]
    recipe = Recipe(lr=1e-3, anchor=0.0, self_supervised=0.0, checkpoint_seconds=1e9, patience=20)
    with tempfile.TemporaryDirectory() as folder:
        run = TuningRun(network, images[learned], y[learned], images[:0], recipe, seed, Path(folder, "x.safetensors"))
        run.train(steps=steps, held=(images[held], y[held]))
    return np.asarray(run.classes[run.logits(test).argmax(1).numpy()])


def measure(
    data: Path, name: str, encoder_name: str, each: int, seed: int, steps: int, minutes: float, work: Path
) -> dict[str, Any] | None:
    """One row of the table; None where a class has too few items."""
    whole = load_pool(data / f"{name}.npz")
    stored = read_labels(whole)
    if stored is None:
        raise SystemExit(f"{name} has no labels")
    rng = np.random.default_rng(0)
    order = rng.permutation(len(whole))
    tests = min(1500, len(whole) // 3)
    test, rest = np.sort(order[:tests]), np.sort(order[tests : tests + 6000])
    pool, held = (whole.subset(whole.ids[r] for r in rows) for rows in (rest, test))
    y, yt = stored.labels[rest], stored.labels[test]
    both = ((pool, "pool"), (held, "test"))
    k = int(max(y.max(), yt.max())) + 1
    if np.bincount(y, minlength=k).min() < each * 4 // 3:
        return None
    drawn = np.random.default_rng([seed, each])
    rows = np.concatenate([drawn.permutation(np.flatnonzero(y == c))[:each] for c in range(k)])

    folder = work / f"{name}-{encoder_name}"
    base = fit_encoder(encoder_name, pool, folder=folder, seed=0, minutes=minutes)
    row: dict[str, Any] = {"set": name, "encoder": encoder_name, "labels": each, "seed": seed}

    def accuracy(encoder: Encoder) -> float:
        vectors = (
            embed(encoder, p, work / f"{name}-vectors" / f"{encoder.fingerprint}-{w}").vectors[:] for p, w in both
        )
        return head_accuracy(*vectors, rows, y, yt)

    row["frozen"] = accuracy(base)
    if encoder_name != "patches":
        default = fit_encoder("patches", pool, folder=work / f"{name}-patches")
        row["patches"] = accuracy(default)

    # most steps of each of the four runs, independent of the machine
    recipe = Recipe(epochs=-(-steps // -(-len(rows) * 8 // 15 // 64)), checkpoint_seconds=1e9)
    labels = {pool.ids[r]: int(y[r]) for r in rows}
    started = time.process_time()
    verdict = tune(
        base, pool, labels, n_classes=k, folder=folder, minutes=np.inf, seed=seed, recipe=recipe, always=True
    )
    row["seconds"] = round(time.process_time() - started, 1)
    row["tuned"] = accuracy(load_encoder(folder / str(verdict.fingerprint)))
    row |= {
        "compared": verdict.compared.to_dict(),
        "epochs": verdict.epochs,
        "chosen": verdict.compared.better,
        "steps": verdict.steps,
    }

    if isinstance(base, TrainedEncoder):
        started = time.process_time()
        images, shown = (torch.cat(list(base.image.batches(p, 256))) for p in (pool, held))
        said = from_scratch(base, images[torch.from_numpy(rows)], y[rows], shown, 3 * steps, seed)
        row |= {"scratch": float(np.mean(said == yt)), "scratch_seconds": round(time.process_time() - started, 1)}
    row["peak_gb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2)
    return row


def table(rows: list[dict[str, Any]]) -> str:
    """Format the rows as Markdown: means over seeds, with half of the 90 % interval for several seeds."""

    def cell(group: list[dict[str, Any]], what: str) -> str:
        values = np.array([[r[what]] for r in group if what in r])
        if not len(values):
            return "–"
        low, high = mean_interval(values)
        return f"{100 * values.mean():.1f}" + (f" ± {50 * float((high - low)[0]):.1f}" if len(values) > 1 else "")

    lines = [
        "| set | encoder | labels a class | seeds | frozen | fine-tuned | from scratch | `patches`, frozen "
        "| held back: difference | fine-tuned chosen | s, fine-tuning | s, from scratch |",
        "|" + "---|" * 12,
    ]
    for key in sorted({(r["set"], r["encoder"], r["labels"]) for r in rows}):
        group = [r for r in rows if (r["set"], r["encoder"], r["labels"]) == key]
        found = [100 * (r["compared"]["after"] - r["compared"]["before"]) for r in group]
        seconds = [r["scratch_seconds"] for r in group if "scratch_seconds" in r]
        cells = [*map(str, key), str(len(group)), *(cell(group, w) for w in ("frozen", "tuned", "scratch", "patches"))]
        cells += [f"{np.mean(found):+.1f}", f"{sum(r['chosen'] for r in group)} of {len(group)}"]
        cells += [f"{np.mean([r['seconds'] for r in group]):.0f}", f"{np.mean(seconds):.0f}" if seconds else "–"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + f"\n\nPeak memory of the process: {max(r['peak_gb'] for r in rows):.1f} GB."


def main() -> None:
    """Measure what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("ACTIVESSL_DATA"), help="folder of the data sets")
    parser.add_argument("--out", type=Path, required=True, help="JSON file of the results")
    parser.add_argument("--sets", nargs="+", default=["cifar10", "neu_steel"])
    parser.add_argument("--encoder", default="hybrid")
    parser.add_argument("--counts", nargs="+", type=int, default=COUNTS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=200, help="most steps of each run")
    parser.add_argument("--minutes", type=float, default=2.0, help="training time of the encoder")
    given = parser.parse_args()
    if given.data is None:
        parser.error("name the folder of data sets with --data or ACTIVESSL_DATA")
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    rows: list[dict[str, Any]] = json.loads(given.out.read_text()) if given.out.exists() else []
    work = given.out.parent / f"{given.out.stem}-encoders"
    for seed in given.seeds:
        for each in given.counts:
            for name in given.sets:
                asked = {"set": name, "encoder": given.encoder, "labels": each, "seed": seed}
                if any(asked.items() <= row.items() for row in rows):
                    continue
                row = measure(Path(given.data), name, given.encoder, each, seed, given.steps, given.minutes, work)
                if row is not None:
                    rows.append(row)
                    given.out.write_text(json.dumps(rows, indent=1))
                    print(json.dumps({k: v for k, v in row.items() if k != "compared"}), flush=True)
    print(table(rows))


if __name__ == "__main__":
    main()
