"""Train a dense network on a few items: half of each mini-batch holds regions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from activessl.encoders.parts.store import PartStore
from activessl.heads.dense.network import Dense, DenseNetwork, region_loss

Array = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Attributes:
        hidden: Channels between.
        steps: Mini-batches.
        batch_size: Items in a mini-batch.
        rate: Largest step size; it rises for a tenth of the steps and then falls.
        decay: Weight decay.
    """

    hidden: int
    steps: int
    batch_size: int
    rate: float = 3e-3
    decay: float = 0.05


#: For pictures, and for parts in a row, which are fewer.
PICTURES = Recipe(hidden=32, steps=200, batch_size=8)
ROWS = Recipe(hidden=48, steps=200, batch_size=16)
#: Places in a mini-batch of parts in a row: of long recordings, fewer items are as much to learn from.
_PLACES = 1_600
#: Parts whose mean and spread standardize the levels.
_SAMPLED = 20_000


def level_statistics(parts: PartStore, rng: np.random.Generator) -> tuple[list[Tensor], list[Tensor]]:
    """Mean and inverse deviation of the vectors of each level, from evenly drawn parts of the whole pool."""
    means, scales = [], []
    for level in parts.levels:
        # runs of neighbors: single rows of a memory map are slow to read
        starts = rng.integers(0, max(1, len(level) - 63), min(_SAMPLED // 64, max(1, len(level) // 64)))
        drawn = np.concatenate([np.asarray(level[start : start + 64], dtype=np.float32) for start in np.sort(starts)])
        means.append(torch.from_numpy(drawn.mean(axis=0)))
        scales.append(torch.from_numpy(1 / np.maximum(drawn.std(axis=0), 1e-3)))
    return means, scales


def stacked(parts: PartStore, rows: Sequence[int]) -> tuple[list[Tensor], Tensor]:
    """The levels of some items, padded with zeros to one size, and (b, 1, r, c) which places of the finest exist."""
    shapes = parts.shapes[list(rows)]
    largest = shapes.max(axis=0)
    levels = []
    for k, level in enumerate(parts.levels):
        grids = np.zeros((len(rows), *largest[k], level.shape[1]), dtype=np.float32)
        for at, row in enumerate(rows):
            grid = parts.level(row, k)
            grids[at, : grid.shape[0], : grid.shape[1]] = grid
        levels.append(torch.from_numpy(grids).permute(0, 3, 1, 2))
    there = torch.zeros(len(rows), 1, *map(int, largest[0]))
    for at, (r, c) in enumerate(shapes[:, 0]):
        there[at, :, :r, :c] = 1
    return levels, there


def train(
    parts: PartStore,
    rows: Int[np.ndarray, " m"],
    targets: Sequence[Float[np.ndarray, "k r c"]],
    statistics: tuple[list[Tensor], list[Tensor]],
    recipe: Recipe,
    *,
    seed: int,
) -> DenseNetwork:
    """Train a network.

    Args:
        parts: The parts of the pool.
        rows: Labeled items.
        targets: For each, the covered share of each place and class; -1 for places that count as nothing.
        statistics: Of ``level_statistics``.
        recipe: Sizes and steps.
        seed: Seed of the weights and of the order.
    """
    rng = np.random.default_rng([seed, 5])
    holds = np.array([bool((target > 0).any()) for target in targets])
    size = recipe.batch_size
    if parts.flat:
        size = int(np.clip(_PLACES / np.mean([target.shape[2] for target in targets]), 4, size))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = DenseNetwork(*statistics, len(targets[0]), hidden=recipe.hidden, flat=parts.flat).train()
        optimizer = torch.optim.AdamW(network.parameters(), lr=recipe.rate, weight_decay=recipe.decay)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.rate, recipe.steps, pct_start=0.1)
        for _ in range(recipe.steps):
            drawn = _drawn(holds, size, rng)
            levels, there = stacked(parts, rows[drawn].tolist())
            wanted = torch.full((len(drawn), len(targets[0]), *there.shape[2:]), -1.0)
            for at, one in enumerate(drawn):
                target = targets[one]
                wanted[at, :, : target.shape[1], : target.shape[2]] = torch.from_numpy(target)
            # mirrored pictures: the maps of a mirrored picture are nearly the mirrored maps
            if not parts.flat:
                across = [dim for dim in (2, 3) if rng.random() < 0.5]
                levels, wanted, there = [x.flip(across) for x in levels], wanted.flip(across), there.flip(across)
            known = there * (wanted >= 0)
            loss = region_loss(network(levels, there), wanted.clamp_min(0), known)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
    return network.eval()


def _drawn(holds: np.ndarray[Any, np.dtype[np.bool_]], size: int, rng: np.random.Generator) -> list[int]:
    """Half of the batch from items with regions, half from all others; from one kind if there is no other."""
    full, empty = np.flatnonzero(holds), np.flatnonzero(~holds)
    if not len(full) or not len(empty):
        return list(rng.choice(len(holds), size, replace=len(holds) < size))
    half = size // 2
    return [
        *rng.choice(full, size - half, replace=len(full) < size - half),
        *rng.choice(empty, half, replace=len(empty) < half),
    ]


@torch.inference_mode()
def logits_of(network: Dense, parts: PartStore, rows: Sequence[int], batch_size: int = 16) -> list[Array]:
    """The logits (k, r, c) of some items at their finest level, in the order of ``rows``."""
    found: dict[int, Array] = {}
    # alike lengths together: less padding
    order = sorted(range(len(rows)), key=lambda at: int(parts.shapes[rows[at], 0].prod()))
    for start in range(0, len(order), batch_size):
        some = order[start : start + batch_size]
        levels, there = stacked(parts, [rows[at] for at in some])
        for at, one in zip(some, network(levels, there).numpy(), strict=True):
            r, c = parts.shapes[rows[at], 0]
            found[at] = one[:, :r, :c]
    return [found[at] for at in range(len(rows))]
