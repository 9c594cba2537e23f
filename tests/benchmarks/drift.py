"""How often drift is found, and how often it is reported where there is none (docs/results/drift.md).

    python tests/benchmarks/drift.py power VECTORS.npz --pools 100 --to results.jsonl
    python tests/benchmarks/drift.py alarms VECTORS.npz --pools 250 --to results.jsonl
    python tests/benchmarks/drift.py pictures IMAGES.npz --to PICTURES.npz    # vectors of changed pictures, for power
    python tests/benchmarks/drift.py speed

A pool is 2,000 old and 1,000 new items, drawn without replacement. ``power``: 50 of the new ones are of a class that
the old ones do not have; the class is that of the pool's seed, in turn.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

from activessl.measuring.drift.compare import compare_samples
from activessl.measuring.drift.regions import new_regions

OLD, NEW, MASS = 2_000, 1_000, 0.05


def read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    with np.load(path, allow_pickle=False) as stored:
        return np.asarray(stored["vectors"], dtype=np.float32), stored["labels"]


def pool(vectors: np.ndarray, labels: np.ndarray, seed: int, new: int | None, mass: float = MASS):
    """Old and new vectors, and which of the new ones are of the class ``new``."""
    rng = np.random.default_rng([seed, 0 if new is None else 1])
    others = rng.permutation(np.flatnonzero((labels != new) & (labels >= 0)))
    count = 0 if new is None else round(mass * NEW)
    strange = rng.permutation(np.flatnonzero(labels == new))[:count] if count else np.zeros(0, dtype=int)
    later = np.concatenate([others[OLD : OLD + NEW - count], strange])
    if len(later) < NEW:
        raise SystemExit(f"{len(labels):,} items are too few for {OLD:,} old and {NEW:,} new ones")
    return vectors[others[:OLD]], vectors[later], np.arange(NEW) >= NEW - count, rng


def write(to: Path | None, row: dict) -> None:
    print(json.dumps(row), flush=True)
    if to is not None:
        with to.open("a") as out:
            out.write(json.dumps(row) + "\n")


def power(args: argparse.Namespace) -> None:
    vectors, labels = read(args.data)
    known = [k for k in np.unique(labels).tolist() if (labels == k).sum() >= MASS * NEW and k >= 0]
    known = args.classes or known
    for seed in range(args.first, args.first + args.pools):
        new = known[seed % len(known)]
        old, later, strange, rng = pool(vectors, labels, seed, new, args.mass)
        began = time.process_time()
        found = compare_samples(old, later, rng=rng)
        seconds = time.process_time() - began
        regions = new_regions(old, later, rng=np.random.default_rng(seed)) if found.drift else ()
        rows = np.concatenate([region.rows for region in regions]) if regions else np.zeros(0, dtype=int)
        row = {"do": "power", "set": args.data.stem, "seed": seed, "class": int(new), "mass": args.mass}
        row |= {"hit": int(strange[rows].sum()), "named": len(rows), "regions": len(regions)}
        write(args.to, row | found.to_dict() | {"cpu": round(seconds, 2)})


def alarms(args: argparse.Namespace) -> None:
    vectors, labels = read(args.data)
    for seed in range(args.first, args.first + args.pools):
        old, later, _, rng = pool(vectors, labels, seed, None)
        found = compare_samples(old, later, rng=rng)
        write(args.to, {"do": "alarms", "set": args.data.stem, "seed": seed} | found.to_dict())


def pictures(args: argparse.Namespace) -> None:
    """Encode pictures, dark ones and blurred ones with the built-in encoder, fitted on all of them together."""
    import tempfile

    from PIL import Image, ImageEnhance, ImageFilter

    from activessl.encoders.registry import fit_encoder
    from activessl.pool.sources import load_pool

    rng, changed = np.random.default_rng(0), 300
    with np.load(args.data, allow_pickle=False) as stored:
        images = stored["images"][rng.choice(len(stored["images"]), args.pictures, replace=False)]
    out, labels = list(images), [0] * len(images)
    for label, change in (
        (1, lambda picture: ImageEnhance.Brightness(picture).enhance(0.4)),
        (2, lambda picture: picture.filter(ImageFilter.GaussianBlur(1.5))),
    ):
        for at in rng.choice(len(images), changed, replace=False):
            out.append(np.asarray(change(Image.fromarray(images[at]))))
            labels.append(label)
    order = rng.permutation(len(out))
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder) / "all.npz", images=np.array(out)[order])
        found = load_pool(Path(folder) / "all.npz")
        encoder = fit_encoder(args.encoder, found, folder=Path(folder) / "encoders", minutes=1.0)
        vectors = np.concatenate(list(encoder.batches(found, 256)))
    np.savez(args.to, vectors=vectors.astype(np.float16), labels=np.array(labels)[order])


def speed(_: argparse.Namespace) -> None:
    for old, new in ((2_000, 1_000), (100_000, 10_000)):
        rng = np.random.default_rng(0)
        samples = (rng.normal(size=(n, 384)).astype(np.float32) for n in (old, new))
        first, second = samples
        second[: new // 20] += 0.5
        began, used = time.perf_counter(), time.process_time()
        found = compare_samples(first, second, rng=rng)
        middle = time.process_time()
        new_regions(first, second, rng=rng)
        row = {"do": "speed", "old": old, "new": new, "p": found.p, "permutations": found.permutations}
        row |= {"cpu": round(middle - used, 2), "regions_cpu": round(time.process_time() - middle, 2)}
        write(None, row | {"seconds": round(time.perf_counter() - began, 2)})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("do", choices=["power", "alarms", "pictures", "speed"])
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--pools", type=int, default=100)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--mass", type=float, default=MASS)
    parser.add_argument("--classes", type=int, nargs="*")
    parser.add_argument("--pictures", type=int, default=4_000)
    parser.add_argument("--encoder", default="auto")
    parser.add_argument("--to", type=Path)
    args = parser.parse_args()
    {"power": power, "alarms": alarms, "pictures": pictures, "speed": speed}[args.do](args)


if __name__ == "__main__":
    main()
