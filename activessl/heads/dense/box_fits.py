"""The regressions from parts to boxes, one for each class, and the vectors that they read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int

from activessl.encoders.parts.store import PartStore
from activessl.heads.dense.boxes import BoxFit, fit_boxes
from activessl.heads.dense.decode import resized
from activessl.heads.dense.grid import Grid, coverage
from activessl.heads.dense.network import Dense, DenseNetwork
from activessl.heads.dense.training import stacked
from activessl.labels.regions.places import Box
from activessl.labels.regions.region import Regions

#: Parts of boxes that the regression of their sizes learns from at most.
_MOST_PARTS = 20_000


def fits_of_classes(
    network: DenseNetwork,
    parts: PartStore,
    rows: Int[np.ndarray, " m"],
    regions: Sequence[Regions],
    grids: Sequence[Grid],
    classes: Sequence[str],
    *,
    seed: int,
) -> list[BoxFit | None]:
    """By class, the regression from parts inside of boxes to the boxes; None for a class without boxes.

    Args:
        network: Gives the vectors of the parts.
        parts: The parts of the pool.
        rows: Labeled items.
        regions: Their regions.
        grids: Their places.
        classes: Names of the classes.
        seed: Seed of the sample of parts, where there are many.
    """
    rng = np.random.default_rng([seed, 6])
    found: list[list[tuple[Any, Any, Any, Any]]] = [[] for _ in classes]
    for row, one, grid in zip(rows, regions, grids, strict=True):
        if not one:
            continue
        of_parts = part_vectors(network, parts, int(row))
        for region in one:
            if not isinstance(region.place, Box):
                continue
            inside = np.flatnonzero(coverage(region.place, grid).ravel() > 0)
            boxes = np.tile(region.place.bounds, (len(inside), 1))
            for name in set(region.classes) & set(classes):
                found[list(classes).index(name)].append(
                    (of_parts[inside], grid.centers[inside], boxes, np.full(len(inside), int(row)))
                )
    fits: list[BoxFit | None] = []
    for some in found:
        if not some:
            fits.append(None)
            continue
        vectors, centers, boxes, pictures = (np.concatenate(values) for values in zip(*some, strict=True))
        drawn = rng.permutation(len(vectors))[:_MOST_PARTS]
        fits.append(fit_boxes(vectors[drawn], centers[drawn], boxes[drawn], pictures[drawn]))
    return fits


@torch.inference_mode()
def part_vectors(network: Dense, parts: PartStore, row: int) -> Float[np.ndarray, "p d"]:
    """What boxes are read from: all levels at the finest grid, standardized, and the network's own channels."""
    levels, _ = stacked(parts, [row])
    size = levels[0].shape[2:]
    found = [network.hidden(levels)[0].numpy()]
    for k, level in enumerate(levels):
        standard = network.standard(level, k)[0].numpy()
        found.append(np.stack([resized(one, (int(size[0]), int(size[1]))) for one in standard]))
    return np.asarray(np.concatenate(found).reshape(sum(map(len, found)), -1).T, dtype=np.float32)
