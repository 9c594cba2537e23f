"""Frozen parts against the same network fine-tuned end to end, on magnetic tiles: quality and CPU seconds.

    python tests/benchmarks/region_finetune.py --data FOLDER --work FOLDER [--counts 20,50,100] [--seeds 1]

FOLDER holds ``magnetic_tile.npz`` and ``magnetic_tile_masks.npz``; the wheels of ``activessl[pretrained]`` are needed.
Both sides have the same random tiles, the same dense network on the maps of EfficientNet-Lite2, the same loss, steps
and mini-batches; one keeps the maps, which are computed once, the other trains all convolutions, too, with a tenth of
the step size. Neither chooses its threshold on labels: the F1 of each is the best of nine thresholds on the test tiles,
so that two of three trainings are left out on both sides. A line of JSON is written for each run, and runs that are
there are not repeated.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from activessl.encoders.images.tensors import ImageInput
from activessl.encoders.parts import maps
from activessl.encoders.parts.base import ItemParts, to_half
from activessl.encoders.parts.store import PartStore
from activessl.encoders.wheels.efficientnet import Network
from activessl.encoders.wheels.image import DEPTH, MIDDLE, SCALE
from activessl.heads.dense import training
from activessl.heads.dense.cuts import SIZES, THRESHOLDS
from activessl.heads.dense.decode import candidates, kept
from activessl.heads.dense.grid import coverage
from activessl.heads.dense.head import grid_of
from activessl.heads.dense.network import DenseNetwork, region_loss
from activessl.labels.regions.files.data import RegionData
from activessl.labels.regions.matching import Counts, counted
from activessl.pool.pool import Pool
from tests.benchmarks.regions import tiles

SIDE, DEVICE = 128, torch.device("cpu")


def pictures(pool: Pool, image: ImageInput) -> torch.Tensor:
    """All pictures, (n, 3, side, side) of uint8."""
    return torch.cat(list(image.batches(pool, 64)))


def store_of(network: Network, images: torch.Tensor, ids: list[str]) -> PartStore:
    """The maps of pictures as parts."""
    items = []
    with torch.inference_mode():
        for start in range(0, len(images), 16):
            levels = network.maps((images[start : start + 16].float() - MIDDLE) / SCALE)
            for at in range(len(levels[0])):
                items.append(ItemParts(tuple(to_half(level[at].permute(1, 2, 0).numpy()) for level in levels)))
    return PartStore.of(items, ids)


def best_f1(data: RegionData, store: PartStore, network: DenseNetwork, test: np.ndarray[Any, Any]) -> float:
    """The best F1 at an overlap of one half over thresholds and least sizes."""
    logits = training.logits_of(network, store, list(range(len(test))))
    best = 0.0
    for threshold in THRESHOLDS:
        found = []
        for row, one in enumerate(logits):
            grid = grid_of(store, [data.extents[at] for at in test], row)
            found.append(candidates(data.kind, 1 / (1 + np.exp(-one)), grid, (threshold,)))
        for least in SIZES["mask"]:
            counts = [
                counted(data.regions[at], kept(some, least, data.classes)) for at, some in zip(test, found, strict=True)
            ]
            best = max(best, sum(counts, Counts(0, 0, 0)).f1 or 0.0)
    return best


def targets_of(data: RegionData, store: PartStore, rows: np.ndarray[Any, Any]) -> list[np.ndarray[Any, Any]]:
    """The covered share of each place of each picture."""
    found = []
    for at, row in enumerate(rows):
        grid = grid_of(store, [data.extents[one] for one in rows], at)
        target = np.zeros((1, *grid.shape), dtype=np.float32)
        for region in data.regions[row]:
            target[0] = np.maximum(target[0], coverage(region.place, grid))
        found.append(target)
    return found


def tuned(
    weights: dict[str, Any], images: torch.Tensor, targets: list[np.ndarray[Any, Any]], statistics: Any, seed: int
) -> tuple[Network, DenseNetwork]:
    """Train all convolutions together with the dense network."""
    rng, recipe = np.random.default_rng([seed, 5]), training.PICTURES
    torch.manual_seed(seed)
    body = Network(weights, DEPTH, DEVICE)
    body._weights = {name: value.clone().requires_grad_() for name, value in body._weights.items()}
    dense = DenseNetwork(*statistics, 1, hidden=recipe.hidden, flat=False).train()
    groups = [
        {"params": list(dense.parameters()), "lr": recipe.rate},
        {"params": [one for name, one in body._weights.items() if not name.startswith("head")], "lr": recipe.rate / 10},
    ]
    optimizer = torch.optim.AdamW(groups, weight_decay=recipe.decay)
    rates = [group["lr"] for group in groups]
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rates, recipe.steps, pct_start=0.1)
    holds = np.array([bool((target > 0).any()) for target in targets])
    for _ in range(recipe.steps):
        drawn = training._drawn(holds, recipe.batch_size, rng)
        batch = (images[drawn].float() - MIDDLE) / SCALE
        wanted = torch.from_numpy(np.stack([targets[at] for at in drawn]))
        across = [dim for dim in (2, 3) if rng.random() < 0.5]
        batch, wanted = batch.flip(across), wanted.flip(across)
        loss = region_loss(dense(body.maps(batch)), wanted.clamp_min(0), torch.ones_like(wanted))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_([p for group in groups for p in group["params"]], 1.0)
        optimizer.step()
        schedule.step()
    for value in body._weights.values():
        value.requires_grad_(False)
    return body, dense.eval()


def main() -> None:
    """Run what is missing, and print a line for each run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--counts", default="20,50,100")
    parser.add_argument("--seeds", type=int, default=1)
    told = parser.parse_args()
    told.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    data = tiles(told.data, told.work, small=True)
    lite = maps.fit(data.pool, folder=told.work / "encoders", side=SIDE).network
    images = pictures(data.pool, lite.image)
    split = np.asarray(data.split)
    pool, test = np.flatnonzero(split == 0), np.flatnonzero(split != 0)
    out = told.work / "finetune.jsonl"
    known = {(r["seed"], r["count"]) for r in map(json.loads, out.read_text().splitlines())} if out.exists() else set()
    frozen = Network(lite.weights, DEPTH, DEVICE)
    apart = store_of(frozen, images[torch.from_numpy(test)], [str(row) for row in test])
    for seed in range(told.seeds):
        for count in map(int, told.counts.split(",")):
            if (seed, count) in known:
                continue
            rows = np.random.default_rng([seed, 2]).permutation(pool)[:count]
            mine = images[torch.from_numpy(rows)]
            begun = time.process_time()
            store = store_of(frozen, mine, [str(row) for row in rows])
            encoded = time.process_time()
            targets = targets_of(data, store, rows)
            statistics = training.level_statistics(store, np.random.default_rng(3))
            trained = training.train(store, np.arange(count), targets, statistics, training.PICTURES, seed=seed)
            ended = time.process_time()
            line = {"seed": seed, "count": count, "holding": sum(bool(data.regions[row]) for row in rows)}
            line["frozen"] = best_f1(data, apart, trained, test)
            line |= {"encoding s": round(encoded - begun, 1), "frozen s": round(ended - begun, 1)}
            begun = time.process_time()
            body, dense = tuned(dict(lite.weights), mine, targets, statistics, seed)
            line["tuned s"] = round(time.process_time() - begun, 1)
            again = store_of(body, images[torch.from_numpy(test)], [str(row) for row in test])
            line["tuned"] = best_f1(data, again, dense, test)
            print(line, flush=True)
            with out.open("a") as file:
                file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
