"""Items with regions that each strategy needs: boxes, masks, spans and segments, against random choice.

    python tests/benchmarks/regions.py run    --data FOLDER --work FOLDER [--sets tiles,spans] [--seeds 10] [--small]
    python tests/benchmarks/regions.py speed
    python tests/benchmarks/regions.py report --work FOLDER --out docs/results/regions.md

FOLDER holds ``magnetic_tile.npz`` and ``magnetic_tile_masks.npz``, ``spans_wnut17.parquet``, ``segments_tssb.npz``,
``ts_watch_har.npz`` and ``fashion_mnist.npz``. Parts and finished runs are kept in the work folder, so a stopped run
can be resumed, and more seeds can be added. ``--small`` uses fewer items and smaller pictures, for a slow machine.
``speed`` chooses 100 of 10,000 items of 196 parts.
"""

from __future__ import annotations

import argparse
import io
import json
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from scipy import ndimage

from activessl.encoders.parts.registry import PARTS, choose_parts
from activessl.encoders.parts.store import encode_parts
from activessl.labels.regions.files.data import RegionData, held_pool, made
from activessl.labels.regions.files.tags import read_table
from activessl.labels.regions.places import Box, Mask, Segment
from activessl.labels.regions.region import Region, Regions
from activessl.measuring.simulation.region_task import RegionTask
from activessl.measuring.simulation.regions import simulate_regions
from activessl.pool.sources import load_pool
from activessl.strategies.parts.random_share import RandomItemShare
from activessl.strategies.parts.registry import get_part_strategy
from activessl.strategies.parts.state import PartState

STRATEGIES = ("auto", "entropy", "random")
#: Set -> budgets, and the same on a slow machine.
BUDGETS = {
    "tiles": ((20, 40, 80, 160, 320), (20, 40, 80, 160)),
    "spans": ((50, 100, 200, 400, 800, 1600), (50, 100, 200, 400)),
    "segments": ((5, 10, 20, 40, 80), (5, 10, 20, 40)),
    "within": ((5, 10, 20, 40), (5, 10, 20)),
    "crowds": ((5, 10, 20, 40, 80), (5, 10, 20)),
}


def tiles(data: Path, work: Path, small: bool) -> RegionData:
    """Magnetic tiles: four of ten hold a defect; each connected part of a mask is a region."""
    # each array is decompressed when it is named
    with np.load(data / "magnetic_tile.npz") as stored, np.load(data / "magnetic_tile_masks.npz") as masks:
        z, m = dict(stored), dict(masks)
    rows = np.sort(np.random.default_rng(0).permutation(len(z["offsets"]) - 1)[: 600 if small else None])
    folder = work / f"tiles-{len(rows)}"
    folder.mkdir(parents=True, exist_ok=True)
    names, regions, split = [], [], []
    for row in rows:
        names.append(f"{row:05d}.{z['format']}")
        (folder / names[-1]).write_bytes(z["data"][z["offsets"][row] : z["offsets"][row + 1]].tobytes())
        content = m["masks"][m["offsets"][row] : m["offsets"][row + 1]].tobytes()
        named, count = ndimage.label(np.asarray(Image.open(io.BytesIO(content))) > 0, np.ones((3, 3)))
        regions.append(tuple(Region(Mask.of(named == part + 1), ("defect",)) for part in range(count)))
        split.append(int(z["split"][row] != 0))
    pool = load_pool(folder)
    order = [names.index(name) for name in pool.ids]
    return made(pool, [regions[at] for at in order], "mask", split=np.array(split)[order])


def spans(data: Path, work: Path, small: bool) -> RegionData:
    """Tweets with names of six kinds; under half of the sentences hold one."""
    import pyarrow.parquet as pq

    path = data / "spans_wnut17.parquet"
    if small:
        path = work / "spans.parquet"
        table = pq.read_table(data / "spans_wnut17.parquet")
        pq.write_table(table.take(np.random.default_rng(0).permutation(table.num_rows)[:2400]), path)
    return read_table(path)


def segments(data: Path, work: Path, small: bool) -> RegionData:
    """Recordings of one person each, made of five windows of a watch: what is done when."""
    rng = np.random.default_rng(0)
    with np.load(data / "ts_watch_har.npz") as z:
        x, labels, subject, names = z["X"].astype(np.float32), z["labels"], z["subject"], z["class_names"]
    values: dict[str, Any] = {}
    regions: list[Regions] = []
    for number in range(150 if small else 500):
        mine = np.flatnonzero(subject == rng.choice(np.unique(subject)))
        parts, found, at = [], [], 0
        # activities of a day are not equally frequent
        share = 0.6 ** np.arange(len(names))
        for _ in range(5):
            label = rng.choice(len(names), p=share / share.sum())
            same = mine[labels[mine] == label]
            window = x[rng.choice(same if len(same) else mine)]
            length = int(rng.integers(40, window.shape[1] + 1))
            true = str(names[label]) if len(same) else str(names[labels[mine[0]]])
            if not len(same):
                window = x[mine[0]]
            if found and found[-1].classes == (true,):
                found[-1] = Region(Segment(found[-1].place.start, at + length), (true,))
            else:
                found.append(Region(Segment(at, at + length), (true,)))
            parts.append(window[:, :length])
            at += length
        values[f"recording {number}"] = np.concatenate(parts, axis=1)
        regions.append(tuple(found))
    return made(held_pool(work / "segments", "series", values), regions, "segment")


def within(data: Path, work: Path, small: bool) -> RegionData:
    """Asking within recordings: items are pieces of a few series, each with classes of its own."""
    values: dict[str, Any] = {}
    regions: list[Regions] = []
    with np.load(data / "segments_tssb.npz") as z:
        names = sorted(key.removesuffix("__values") for key in z.files if key.endswith("__values"))
        several = [name for name in names if len(z[f"{name}__change_points"]) >= 2][: 3 if small else 5]
        for name in several:
            series = np.atleast_2d(z[f"{name}__values"]).astype(np.float32)
            series = (series - series.mean()) / max(float(series.std()), 1e-6)
            edges = [0, *z[f"{name}__change_points"].tolist(), series.shape[1]]
            labels = z[f"{name}__segment_classes"].tolist()
            step = 200
            for start in range(0, series.shape[1] - step + 1, step):
                values[f"{name}:{start}"] = series[:, start : start + step]
                regions.append(
                    tuple(
                        Region(Segment(max(a, start) - start, min(b, start + step) - start), (f"{name} {label}",))
                        for a, b, label in zip(edges[:-1], edges[1:], labels, strict=True)
                        if min(b, start + step) - max(a, start) > 4
                    )
                )
    return made(held_pool(work / "within", "series", values), regions, "segment")


def crowds(data: Path, work: Path, small: bool) -> RegionData:
    """Crowded boxes: 8 to 16 garments of three kinds in a picture, in places that may touch."""
    rng = np.random.default_rng(0)
    with np.load(data / "fashion_mnist.npz") as z:
        images, labels, names = z["images"][:4000], z["labels"][:4000], [str(name) for name in z["class_names"]]
    chosen = (1, 5, 8)
    count = 150 if small else 500
    folder = work / f"crowds-{count}"
    folder.mkdir(parents=True, exist_ok=True)
    regions: dict[str, Regions] = {}
    for number in range(count):
        canvas = np.zeros((160, 160), dtype=np.uint8)
        found: list[Region] = []
        for _ in range(int(rng.integers(8, 17))):
            label = int(rng.choice(chosen))
            one = images[rng.choice(np.flatnonzero(labels == label))]
            ys, xs = np.nonzero(one > 40)
            crop = one[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]
            scale = rng.uniform(0.8, 1.6)
            size = (max(4, int(crop.shape[1] * scale)), max(4, int(crop.shape[0] * scale)))
            crop = np.asarray(Image.fromarray(crop).resize(size))
            x, y = (int(rng.integers(0, 160 - side)) for side in size)
            box = Box(x, y, size[0], size[1])
            covered = any(
                max(0, min(x + size[0], b.x + b.width) - max(x, b.x))
                * max(0, min(y + size[1], b.y + b.height) - max(y, b.y))
                > 0.15 * min(box.extent, b.extent)
                for b in (region.place for region in found)
                if isinstance(b, Box)
            )
            if not covered:
                canvas[y : y + size[1], x : x + size[0]] = np.maximum(canvas[y : y + size[1], x : x + size[0]], crop)
                found.append(Region(box, (names[label],)))
        Image.fromarray(canvas).save(folder / f"{number:04d}.png")
        regions[f"{number:04d}.png"] = tuple(found)
    pool = load_pool(folder)
    return made(pool, [regions[name] for name in pool.ids], "box")


SETS: dict[str, Callable[[Path, Path, bool], RegionData]] = {
    "tiles": tiles, "spans": spans, "segments": segments, "within": within, "crowds": crowds,
}  # fmt: skip


def run(data: Path, work: Path, names: list[str], seeds: int, small: bool, encoder: str, strategies: list[str]) -> None:
    """Simulate the sets, and write a JSON file for each."""
    torch.set_num_threads(1)
    for name in names:
        started = time.time()
        found = SETS[name](data, work, small)
        chosen = choose_parts(encoder, found.pool.modality)
        side = {"side": 128} if small and found.kind in ("mask", "box") and chosen == "pretrained" else {}
        parts = encode_parts(
            PARTS.get(chosen).fit(found.pool, folder=work / "encoders", seed=0, **side),
            found.pool,
            work / f"parts-{name}-{chosen}-{len(found.pool)}",
        )
        print(
            f"{name}: {len(parts)} items, {parts.bytes_per_item:,.0f} bytes an item, {time.time() - started:.0f} s",
            flush=True,
        )
        task = RegionTask(
            parts,
            found.extents,
            found.regions,
            found.kind,
            found.classes,
            found.split,
            most_test=200 if small else 1000,
        )
        for count in range(1, seeds + 1):  # a result after each seed
            outcome = simulate_regions(
                task, strategies=strategies, seeds=count, budgets=BUDGETS[name][small], cache=work / "cache"
            )
            told = outcome.to_dict()
            told["settings"] |= {"set": name, "encoder": chosen, "items": len(parts), "small": small, **side}
            (work / f"{name}-{chosen}.json").write_text(json.dumps(told, indent=1))
            print(f"{name} {chosen}, {count} seeds, {time.time() - started:.0f} s\n{outcome.to_text()}", flush=True)


def speed() -> None:
    """Choose 100 of 10,000 items of 196 parts; memory beside the vectors, which are a memory map."""
    n, p, d = 10_000, 196, 120
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vectors.npy"
        vectors = np.lib.format.open_memmap(path, mode="w+", dtype=np.float16, shape=(n * p, d))
        for start in range(0, n * p, 98_000):
            vectors[start : start + 98_000] = rng.normal(size=(98_000, d)).astype(np.float16)
        vectors.flush()
        del vectors
        vectors = np.load(path, mmap_mode="r")
        probs = rng.random((n * p, 3), dtype=np.float32).astype(np.float16)
        before = _anonymous()
        started, used = time.perf_counter(), time.process_time()
        state = PartState(vectors, np.arange(n + 1) * p, np.arange(500), rng, probs=probs)
        query = RandomItemShare(get_part_strategy("auto")).query(state, 100)
        print(
            f"{len(query)} of {n:,} items of {p} parts: {time.perf_counter() - started:.1f} s, "
            f"{time.process_time() - used:.1f} s of CPU, {(_anonymous() - before) / 1e6:.0f} MB beside the vectors "
            f"(peak of the process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.1f} GB, map included)"
        )


def _anonymous() -> int:
    """Bytes of memory that are no file."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("RssAnon")).split()[1])


def report(work: Path, out: Path) -> None:
    """Write the tables between the marks of a results page."""
    rows = []
    for path in sorted(work.glob("*-*.json")):
        told = json.loads(path.read_text())
        settings, curves = told["settings"], told["curves"]
        rows += [f"### {settings['set']}, parts by `{settings['encoder']}`", ""]
        rows += [
            f"{settings['items']:,} items, {settings['n_test']:,} of them for testing; "
            f"{100 * settings['share_with_regions']:.0f} % hold a region, these "
            f"{settings['regions_per_item_with_regions']:.1f}; {settings['bytes_per_item']:,} bytes an item; "
            f"seeds: {settings['seeds']}" + ("; `--small`" if settings["small"] else "") + ".",
            "",
        ]
        budgets = curves["random"]["labels"]
        rows += ["| | " + " | ".join(f"{b:,}" for b in budgets) + " |", "|---|" + "---|" * len(budgets)]
        for name, curve in curves.items():
            cells = [
                f"{100 * m:.0f}" + (f" ({100 * a:.0f} to {100 * b:.0f})" if settings["seeds"] > 1 else "")
                for m, a, b in zip(curve["mean"], curve["low"], curve["high"], strict=True)
            ]
            rows.append(f"| {name}: F1 in %, 90 % interval | " + " | ".join(cells) + " |")
            drawn = np.mean(curve["regions"], axis=0)
            rows.append(f"| {name}: drawn regions | " + " | ".join(f"{value:,.0f}" for value in drawn) + " |")
        rows.append("")
        for name, saved in told["savings"].items():
            items = saved["items"]
            rows += [*_hours(name, saved["hours"]), ""]
            if items is None or items["saved"] is None:
                rows.append(f"`{name}`: no saving measured.")
                continue
            low, high = ("?" if items[end] is None else f"{100 * items[end]:.0f}" for end in ("low", "high"))
            regions = saved["regions"]
            rows.append(
                f"`{name}` {'at least ' if items['kind'] == 'at_least' else ''}"
                f"{100 * items['saved']:.0f} % of the items saved (90 % interval {low} to {high} %)"
                + ("" if regions is None else f", {100 * regions:.0f} % of the drawn regions") + "."
            )  # fmt: skip
        rows.append("")
    begin, end = "<!-- tables -->", "<!-- end of tables -->"
    page = out.read_text(encoding="utf-8") if out.exists() else f"# Regions\n\n{begin}\n{end}\n"
    before, _, rest = page.partition(begin)
    _, _, after = rest.partition(end)
    out.write_text(f"{before}{begin}\n\n" + "\n".join(rows) + f"\n{end}{after}", encoding="utf-8")


def _hours(name: str, hours: list[dict[str, Any]]) -> list[str]:
    """A table: the time of people with suggestions, a column for each time of a correction."""

    def ratio(one: dict[str, Any]) -> str:
        ends = "" if one["low"] is None else f" ({one['low']:.2f} to {one['high']:.2f})"
        return "–" if one["same_quality"] is None else f"{one['same_quality']:.2f}{ends}"

    return [
        f"| `{name}` with suggestions; a correction / a drawing | "
        + " | ".join(f"{h['share']:g}" for h in hours)
        + " |",
        "|---|" + "---|" * len(hours),
        "| time / that of the same items from nothing | "
        + " | ".join(f"{one['same_items']:.2f}" for one in hours)
        + " |",
        "| time / that of random items from nothing, at equal F1 | " + " | ".join(map(ratio, hours)) + " |",
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("run", "speed", "report"))
    parser.add_argument("--data", type=Path)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--encoder", default="auto")
    parser.add_argument("--strategies", default=",".join(STRATEGIES))
    parser.add_argument("--small", action="store_true")
    asked = parser.parse_args()
    if asked.what == "run":
        asked.work.mkdir(parents=True, exist_ok=True)
        run(
            asked.data,
            asked.work,
            asked.sets.split(","),
            asked.seeds,
            asked.small,
            asked.encoder,
            asked.strategies.split(","),
        )
    elif asked.what == "speed":
        speed()
    else:
        report(asked.work, asked.out)
