"""Faults planted in clean data, and how many of them ``check`` finds: ``docs/results/check.md``.

    python tests/benchmarks/planted.py --data FOLDER --half odd --seed 1 [--sets cifar fashion …] [--clean]

Sources are halved: thresholds were set on the items with even numbers, the results are of those with odd numbers.
Each item has at most one fault; a fault replaces a clean item.
"""

from __future__ import annotations

import argparse
import io
import json
import shutil
import tempfile
import time
import wave
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from activessl.pool.checks.base import Material
from activessl.pool.quality import Quality, check_pool
from activessl.pool.sources import load_pool
from activessl.steps.check import examined

Array = np.ndarray[Any, np.dtype[Any]]
Truth = dict[str, dict[str, str]]


# -- clean items -------------------------------------------------------------------------------------------------------


def packed(location: Path) -> Iterator[Array]:
    """The images of a file of encoded bytes."""
    with np.load(location) as archive:
        data, offsets = archive["data"], archive["offsets"]
    for a, b in pairwise(offsets):
        yield np.asarray(Image.open(io.BytesIO(data[a:b].tobytes())))


def half(items: list[Any], which: str) -> list[Any]:
    """The items with even, or with odd numbers."""
    return items[0 if which == "even" else 1 :: 2]


def pictures(name: str, data: Path, which: str, items: int, rng: np.random.Generator) -> list[Array]:
    """Clean pictures: unlike each other, byte for byte."""
    if name in ("fashion", "fashion28"):
        with np.load(data / "fashion_mnist.npz") as archive:
            found = half(list(archive["images"]), which)
        if name == "fashion":
            found = [np.asarray(Image.fromarray(x).resize((100, 100), Image.Resampling.BICUBIC)) for x in found]
    elif name == "steel":  # the quarters of each picture
        whole = half(list(packed(data / "neu_steel.npz")), which)
        found = [x[a : a + 100, b : b + 100] for x in whole for a in (0, 100) for b in (0, 100)]
    else:
        file = {"cifar": "cifar10.npz", "tile": "magnetic_tile.npz", "solar": "elpv_solar.npz"}[name]
        found = half(list(packed(data / file)), which)
    once = list({x.tobytes(): x for x in found}.values())
    return [once[i] for i in rng.permutation(len(once))[:items]]


def series(data: Path, which: str, items: int, rng: np.random.Generator) -> list[Array]:
    """Clean series of one channel from six sets, with noise of 2 % of their standard deviation."""
    found: list[Array] = []
    for name in ("Crop", "ECG5000", "FacesUCR", "CricketX", "MedicalImages"):
        with np.load(data / f"ts_{name}.npz") as archive:
            found += half(list({x.tobytes(): x for x in archive["X"].astype(np.float32)}.values()), which)
    chosen = [found[i] for i in rng.permutation(len(found))[:items]]
    return [(x + rng.normal(0, 0.02 * x.std(), x.shape)).astype(np.float32) for x in chosen]


def sounds(data: Path, items: int, rng: np.random.Generator) -> list[Array]:
    """Clean sounds of 8 kHz as integers; they are too few to be halved."""
    with np.load(data / "audio_fsdd.npz") as archive:
        wav, offsets = archive["data"], archive["offsets"]
    return [wav[offsets[i] : offsets[i + 1]] for i in rng.permutation(len(offsets) - 1)[:items]]


# -- faults ------------------------------------------------------------------------------------------------------------


def png(x: Array) -> bytes:
    out = io.BytesIO()
    Image.fromarray(x).save(out, "PNG")
    return out.getvalue()


def again(x: Array, rng: np.random.Generator) -> tuple[str, bytes]:
    """A picture saved anew: as JPEG of quality 70 to 95, as WebP of 80 to 95, or 5 % lighter or darker as PNG."""
    out, way = io.BytesIO(), rng.integers(4)
    if way < 2:
        Image.fromarray(x).save(out, "JPEG", quality=int(rng.integers(70, 96)))
        return "jpg", out.getvalue()
    if way == 2:
        Image.fromarray(x).save(out, "WEBP", quality=int(rng.integers(80, 96)))
        return "webp", out.getvalue()
    lighter = np.clip(x.astype(np.float32) * rng.choice([0.95, 1.05]), 0, 255)
    return "png", png(lighter.astype(np.uint8))


def broken(content: bytes, rng: np.random.Generator) -> bytes:
    """A file that ends early, is empty, or has other bytes."""
    way = rng.integers(3)
    if way == 0:
        return content[: max(20, len(content) // int(rng.integers(2, 6)))]
    return b"" if way == 1 else rng.bytes(len(content))


def blurred(x: Array, rng: np.random.Generator) -> Array:
    """Blurred by a Gaussian of 4 to 8 % of the shorter side, but at least 1.5 pixels."""
    radius = max(1.5, float(rng.uniform(0.04, 0.08)) * min(x.shape[:2]))
    return np.asarray(Image.fromarray(x).filter(ImageFilter.GaussianBlur(radius)))


def odd_size(x: Array, rng: np.random.Generator) -> Array:
    """Scaled to another ratio of sides, or to another size."""
    height, width = x.shape[:2]
    factor = float(rng.uniform(2, 4))
    sides = [(width * factor, height), (width, height * factor), (width * factor, height * factor), (width / 2, height)]
    size = sides[int(rng.integers(4))]
    return np.asarray(Image.fromarray(x).resize((round(size[0]), round(size[1])), Image.Resampling.BICUBIC))


def other_depth(x: Array, rng: np.random.Generator) -> Array:
    """Gray where the others have color and the reverse, or of 16 bits."""
    gray = np.asarray(Image.fromarray(x).convert("L"))
    if rng.random() < 0.5:
        return gray.astype(np.uint16) * 257
    return gray if x.ndim == 3 else np.repeat(x[:, :, None], 3, axis=2)


def plant_pictures(clean: list[Array], folder: Path, each: int, rng: np.random.Generator) -> tuple[Truth, Path]:
    """Write pictures with faults into a folder, and test data into another one; return what is where."""
    pool, test = folder / "pool", folder / "test"
    pool.mkdir(parents=True)
    test.mkdir()
    faults: dict[str, Callable[[Array], Array]] = {
        "blank": lambda x: np.full_like(x, rng.integers(256)),
        "dark": lambda x: (x * rng.uniform(0.05, 0.12)).astype(np.uint8),
        "bright": lambda x: (255 - (255 - x) * rng.uniform(0.05, 0.12)).astype(np.uint8),
        "blurred": lambda x: blurred(x, rng),
        "odd_size": lambda x: odd_size(x, rng),
        "mixed_depth": lambda x: other_depth(x, rng),
    }
    kinds = [*faults, "unreadable", "exact_duplicate", "near_duplicate", "leak"]
    plan = np.full(len(clean), -1)
    plan[rng.permutation(len(clean))[: each * len(kinds)]] = np.repeat(np.arange(len(kinds)), each)
    untouched = rng.permutation(np.flatnonzero(plan < 0)).tolist()
    truth: Truth = {kind: {} for kind in kinds}
    for row, x in enumerate(clean):
        name, kind = f"{row:05}.png", kinds[plan[row]] if plan[row] >= 0 else ""
        content = png(faults[kind](x) if kind in faults else x)
        if kind == "unreadable":
            content = broken(content, rng)
        elif kind in ("exact_duplicate", "near_duplicate"):  # of an item that comes before it or after it
            original = untouched.pop()
            content = png(clean[original])
            if kind == "near_duplicate":
                suffix, content = again(clean[original], rng)
                name = f"{row:05}.{suffix}"
            pair = sorted([name, f"{original:05}.png"])
            truth[kind][pair[1]] = pair[0]
        elif kind == "leak":
            suffix, other = ("png", content) if rng.random() < 0.5 else again(x, rng)
            (test / f"t{row:05}.{suffix}").write_bytes(other)
            truth[kind][name] = f"t{row:05}.{suffix}"
        if kind and name not in truth[kind] and not kind.endswith("duplicate"):
            truth[kind][name] = ""
        (pool / name).write_bytes(content)
    return truth, pool


def plant_series(clean: list[Array], folder: Path, each: int, rng: np.random.Generator) -> tuple[Truth, Path]:
    """Write series with faults into an npz of series of one length; shorter ones are stretched to 140 values."""
    length = 140
    rows = [np.interp(np.linspace(0, len(x) - 1, length), np.arange(len(x)), x).astype(np.float32) for x in clean]
    truth = _plant_signals(rows, each, rng, missing=True)
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "pool.npz", X=np.stack(rows)[:, None])
    return _named(truth, "pool:{}"), folder / "pool.npz"


def plant_sounds(clean: list[Array], folder: Path, each: int, rng: np.random.Generator) -> tuple[Truth, Path]:
    """Write sounds with faults as WAV files."""
    rows = [x.astype(np.float32) for x in clean]
    truth = _plant_signals(rows, each, rng, missing=False)
    used = {row for of in truth.values() for pair in of.items() for row in pair}
    plan = rng.permutation([row for row in range(len(rows)) if row not in used])[:each]
    truth["unreadable"] = {int(row): -1 for row in plan}
    pool = folder / "pool"
    pool.mkdir(parents=True)
    for row, x in enumerate(rows):
        with wave.open(str(pool / f"{row:05}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes(np.clip(np.round(x), -32768, 32767).astype("<i2").tobytes())
        if row in truth["unreadable"]:
            content = (pool / f"{row:05}.wav").read_bytes()
            (pool / f"{row:05}.wav").write_bytes(b"" if rng.random() < 0.5 else rng.bytes(len(content)))
    return _named(truth, "{:05}.wav"), pool


def _plant_signals(
    rows: list[Array], each: int, rng: np.random.Generator, *, missing: bool
) -> dict[str, dict[int, int]]:
    kinds = ["blank", "flat", "clipped", "exact_duplicate", "near_duplicate", *(["missing"] if missing else [])]
    plan = rng.permutation(len(rows))
    truth: dict[str, dict[int, int]] = {kind: {} for kind in kinds}
    untouched = plan[each * len(kinds) :].tolist()
    clean = [x.copy() for x in rows]
    for place, row in enumerate(plan[: each * len(kinds)].tolist()):
        kind, x = kinds[place // each], rows[row]
        n = len(x)
        if kind == "blank":
            rows[row] = np.full_like(x, 0.0 if rng.random() < 0.5 else float(rng.choice(x)))
        elif kind == "flat":  # the sensor holds its value, or gives zero
            part = int(rng.uniform(0.2, 0.5) * n)
            start = int(rng.integers(n - part))
            x[start : start + part] = x[start] if rng.random() < 0.5 else 0.0
        elif kind == "clipped":  # at a distance from the mean that 5 to 25 % of its values exceed
            limit = np.quantile(np.abs(x - x.mean()), 1 - rng.uniform(0.05, 0.25))
            rows[row] = np.clip(x, x.mean() - limit, x.mean() + limit)
        elif kind == "missing":
            part = int(rng.uniform(0.05, 0.3) * n)
            start = int(rng.integers(n - part))
            x[start : start + part] = np.nan
        else:
            original = untouched.pop()
            rows[row] = clean[original].copy()
            if kind == "near_duplicate":  # louder or softer, with noise of 0.5 % of the standard deviation
                rows[row] = (
                    clean[original] * rng.uniform(0.8, 1.0)
                    + rng.normal(0, 0.005 * clean[original].std(), len(clean[original]))
                ).astype(np.float32)
            first, copy = sorted([row, original])
            truth[kind][copy] = first
            continue
        truth[kind][row] = -1
    return truth


def _named(truth: dict[str, dict[int, int]], name: str) -> Truth:
    return {
        kind: {name.format(item): name.format(of) if of >= 0 else "" for item, of in items.items()}
        for kind, items in truth.items()
    }


# -- what is found -----------------------------------------------------------------------------------------------------


def found_in(pool: Path, test: Path | None, modality: str) -> tuple[Quality, float]:
    """Check a pool, and return its findings and the seconds that this took after the pool was read."""
    items = load_pool(pool, modality)
    start = time.monotonic()
    tested = load_pool(test, modality) if test is not None and any(test.iterdir()) else None
    return check_pool(examined(Material(items), tested)), time.monotonic() - start


def compared(quality: Quality, truth: Truth) -> list[dict[str, Any]]:
    """Precision and recall of each kind, with the numbers of copies whose original is the right one."""
    out = []
    for kind, planted in truth.items():
        found = {one.id: one.of for one in quality.findings.get(kind, ())}
        right = found.keys() & planted.keys()
        out.append(
            {
                "kind": kind,
                "planted": len(planted),
                "found": len(found),
                "precision": len(right) / len(found) if found else None,
                "recall": len(right) / len(planted) if planted else None,
                "original": sum(found[item] == planted[item] for item in right) if any(planted.values()) else None,
                "missed": sorted(planted.keys() - found.keys())[:5],
                "false": sorted(found.keys() - planted.keys())[:5],
            }
        )
    return out


def main() -> None:
    """Plant, check, and print one line a kind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=["fashion", "cifar", "steel", "series", "sounds"])
    parser.add_argument("--half", choices=("even", "odd"), default="odd")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--each", type=int, default=200)
    parser.add_argument("--clean", action="store_true", help="plant nothing: count findings in clean data")
    parser.add_argument("--keep", type=Path, help="folder that keeps the data")
    options = parser.parse_args()
    for name in options.sets:
        rng = np.random.default_rng([options.seed, 7])
        folder = Path(tempfile.mkdtemp()) if options.keep is None else options.keep / name
        modality = {"series": "series", "sounds": "audio"}.get(name, "image")
        if name == "series":
            clean = series(options.data, options.half, options.items, rng)
        elif name == "sounds":
            clean = sounds(options.data, options.items, rng)
        else:
            clean = pictures(name, options.data, options.half, options.items, rng)
        plant = {"series": plant_series, "audio": plant_sounds}.get(modality, plant_pictures)
        each = 0 if options.clean else min(options.each, len(clean) // (15 if modality == "audio" else 50))
        truth, pool = plant(clean, folder, each, rng)
        if options.keep is not None:
            (folder / "truth.json").write_text(json.dumps(truth), encoding="utf-8")
        quality, seconds = found_in(pool, folder / "test" if modality == "image" else None, modality)
        planted = f"{each} of each kind, seed {options.seed}, {options.half} half"
        print(f"{name}: {len(clean):,} items, {planted}, {seconds:.1f} s", flush=True)
        if options.clean:
            counts = {kind: len(found) for kind, found in quality.findings.items() if found}
            every = {one.id for found in quality.findings.values() for one in found}
            print(f"  {len(every):,} items with findings ({100 * len(every) / len(clean):.2f} %): {json.dumps(counts)}")
        else:
            for line in compared(quality, truth):
                share = [f"{line[key]:.3f}" if line[key] is not None else "–" for key in ("precision", "recall")]
                which = f"missed {line['missed'][:3]} false {line['false'][:3]}"
                print(
                    f"  {line['kind']:16} planted {line['planted']:4} found {line['found']:4} precision {share[0]} "
                    f"recall {share[1]} original {line['original']} {which}"
                )
        if options.keep is None:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
