"""The dense head: regions from the vectors of parts, taught by the regions that people drew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from activessl.encoders.parts.store import PartStore
from activessl.errors import HeadError
from activessl.heads.dense.box_fits import fits_of_classes, part_vectors
from activessl.heads.dense.boxes import BoxFit
from activessl.heads.dense.cuts import Judged, choose_cuts, worth_showing
from activessl.heads.dense.decode import Cuts, candidates, kept, votes_of
from activessl.heads.dense.grid import Grid, coverage
from activessl.heads.dense.network import Dense, DenseNetwork
from activessl.heads.dense.training import PICTURES, ROWS, Recipe, level_statistics, logits_of, train
from activessl.heads.files import read_head, write_head
from activessl.labels.regions.places import PlaceKind
from activessl.labels.regions.region import Regions


class DenseHead:
    """Predicts the regions of items from the vectors of their parts.

    Args:
        kind: What regions are: "box", "mask", "span" or "segment".
        classes: Names of the classes.
        seed: Seed of weights, order and folds.
        recipe: Sizes and steps of the training; by default those for pictures or for parts in a row.
        folds: Parts into which the labels are split to choose thresholds; 2 costs as much again as the training.

    Raises:
        HeadError: There is no class.
    """

    def __init__(
        self, kind: PlaceKind, classes: Sequence[str], seed: int = 0, recipe: Recipe | None = None, folds: int = 2
    ) -> None:
        if not classes:
            raise HeadError("a head of regions needs a class", hint="name at least one class")
        self.kind: PlaceKind = kind
        self.classes, self.seed, self.folds = tuple(classes), seed, folds
        self.recipe = recipe or (PICTURES if kind in ("box", "mask") else ROWS)
        self.cuts = Cuts((0.5,) * len(self.classes))
        self.worth = 0.0
        self.network: DenseNetwork | None = None
        self.fits: list[BoxFit | None] = [None] * len(self.classes)

    def fit(
        self,
        parts: PartStore,
        extents: Sequence[tuple[int, ...]],
        labeled: Int[np.ndarray, " m"],
        regions: Sequence[Regions],
        random: Bool[np.ndarray, " m"] | None = None,
        unknown: Sequence[Sequence[str]] = (),
    ) -> DenseHead:
        """Learn from these labels only.

        Args:
            parts: The parts of the pool.
            extents: For each item of the pool, (height, width) in pixels, or (length,) in samples or code points.
            labeled: Rows that have an answer.
            regions: For each, its regions; none is an answer, too.
            random: Which of them were drawn at random from the pool; by default all. Thresholds are chosen on these.
            unknown: For each, the classes that could not be drawn then: places that no region covers say nothing about
                them.

        Raises:
            HeadError: There is no answer, or all answers hold no region.
        """
        labeled = np.asarray(labeled, dtype=np.int64)
        if not len(labeled) or not any(regions):
            raise HeadError(
                f"{len(labeled):,} items have an answer, and none holds a region", hint="draw at least one region"
            )
        chance = np.ones(len(labeled), dtype=bool) if random is None else np.asarray(random, dtype=bool)
        grids = [grid_of(parts, extents, int(row)) for row in labeled]
        targets = [self._target(one, grid) for one, grid in zip(regions, grids, strict=True)]
        for at, names in enumerate(unknown):
            for label in (self.classes.index(name) for name in names if name in self.classes):
                targets[at][label][targets[at][label] == 0] = -1
                chance[at] = False  # what is found there cannot be judged
        statistics = level_statistics(parts, np.random.default_rng([self.seed, 3]))
        self.cuts = Cuts((0.5,) * len(self.classes))
        judged = self._judged(parts, labeled, regions, chance, grids, targets, statistics)
        self.network = train(parts, labeled, targets, statistics, self.recipe, seed=self.seed)
        self.fits = self._fits(self.network, parts, labeled, regions, grids)
        self.cuts = choose_cuts(self.kind, judged, self.classes)
        self.worth = worth_showing(self.kind, judged, self.classes, self.cuts)
        return self

    def shown(self, regions: Regions) -> Regions:
        """The regions that are worth showing to people, who correct them: the others cost more time than they save."""
        return tuple(region for region in regions if (region.score or 0.0) >= self.worth)

    def _target(self, regions: Regions, grid: Grid) -> Float[np.ndarray, "k r c"]:
        target = np.zeros((len(self.classes), *grid.shape), dtype=np.float32)
        number = {name: at for at, name in enumerate(self.classes)}
        for region in regions:
            share = coverage(region.place, grid)
            for name in region.classes:
                if name in number:
                    mine = target[number[name]]
                    # certain places win over those that count as nothing
                    np.copyto(mine, share, where=(share > mine) | ((share < 0) & (mine == 0)))
        return target

    def _judged(
        self,
        parts: PartStore,
        labeled: Int[np.ndarray, " m"],
        regions: Sequence[Regions],
        chance: Bool[np.ndarray, " m"],
        grids: Sequence[Grid],
        targets: Sequence[Float[np.ndarray, "k r c"]],
        statistics: Any,
    ) -> list[Judged]:
        """What networks that have not seen the random items find in them."""
        at_random = np.flatnonzero(chance)
        holding = [at for at in at_random if regions[at]]
        if len(at_random) < 2 * self.folds or len(holding) < self.folds:
            return []
        rng = np.random.default_rng([self.seed, 4])
        # each fold gets its share of the items with regions
        order = np.array(sorted(rng.permutation(at_random), key=lambda at: not regions[at]))
        judged = []
        for fold in range(self.folds):
            out = order[fold :: self.folds]
            rest = np.setdiff1d(np.arange(len(labeled)), out)
            if not any(regions[at] for at in rest):
                continue
            network = train(
                parts, labeled[rest], [targets[at] for at in rest], statistics, self.recipe, seed=self.seed + 1 + fold
            )
            fits = self._fits(network, parts, labeled[rest], [regions[at] for at in rest], [grids[at] for at in rest])
            logits = logits_of(network, parts, labeled[out].tolist())
            for at, one in zip(out, logits, strict=True):
                votes = self._votes(network, fits, parts, int(labeled[at]), grids[at])
                judged.append(Judged(_sigmoid(one), grids[at], votes, regions[at]))
        return judged

    def _fits(
        self, network: DenseNetwork, parts: PartStore, rows: Any, regions: Any, grids: Any
    ) -> list[BoxFit | None]:
        if self.kind != "box":
            return [None] * len(self.classes)
        return fits_of_classes(network, parts, rows, regions, grids, self.classes, seed=self.seed)

    def _votes(
        self, network: Dense, fits: Sequence[BoxFit | None], parts: PartStore, row: int, grid: Grid
    ) -> list[Any]:
        return votes_of(fits, part_vectors(network, parts, row), grid) if self.kind == "box" else []

    def probabilities(
        self, parts: PartStore, rows: Sequence[int], network: Dense | None = None
    ) -> Iterator[Float[np.ndarray, "k r c"]]:
        """Yield for each item the probability of each class in each place of its finest level.

        Args:
            parts: The parts of the items.
            rows: The items.
            network: The same network in another runtime; by default the head's own.

        Raises:
            HeadError: The head was not fitted.
        """
        network = network or self._fitted()
        for start in range(0, len(rows), 256):
            for one in logits_of(network, parts, rows[start : start + 256]):
                yield _sigmoid(one)

    def predict(
        self,
        parts: PartStore,
        extents: Sequence[tuple[int, ...]],
        rows: Sequence[int],
        network: Dense | None = None,
    ) -> Iterator[tuple[Regions, Float[np.ndarray, "k r c"]]]:
        """Yield the regions of each item with their scores, and the probabilities of its places.

        Args:
            parts: The parts of the items.
            extents: For each item, (height, width) in pixels, or (length,) in samples or code points.
            rows: The items.
            network: The same network in another runtime; by default the head's own.

        Raises:
            HeadError: The head was not fitted.
        """
        network = network or self._fitted()
        for row, probs in zip(rows, self.probabilities(parts, rows, network), strict=True):
            grid = grid_of(parts, extents, row)
            votes = []
            if self.kind == "box" and (probs >= np.array(self.cuts.thresholds)[:, None, None]).any():
                votes = self._votes(network, self.fits, parts, row, grid)
            gap = self.cuts.least if self.kind == "segment" else 0.0
            found = candidates(self.kind, probs, grid, self.cuts.thresholds, votes, gap)
            yield kept(found, self.cuts.least, self.classes), probs

    def _fitted(self) -> DenseNetwork:
        if self.network is None:
            raise HeadError("the head of regions was not taught", hint="call fit first")
        return self.network

    def save(self, folder: Path) -> None:
        """Write the head as safetensors and JSON.

        Raises:
            HeadError: It was not fitted.
        """
        network = self._fitted()
        tensors = {f"network.{name}": value.numpy() for name, value in network.state_dict().items()}
        for label, fit in enumerate(self.fits):
            if fit is not None:
                tensors |= {f"box{label}.{name}": getattr(fit, name) for name in ("weights", "typical", "mean")}
        config = {
            "kind": self.kind,
            "classes": self.classes,
            "seed": self.seed,
            "hidden": self.recipe.hidden,
            "flat": network.flat,
            "levels": network.depth,
            "thresholds": self.cuts.thresholds,
            "least": self.cuts.least,
            "worth": self.worth,
        }
        write_head(folder, "dense", tensors, config)

    @classmethod
    def load(cls, folder: Path) -> DenseHead:
        """Read a head that ``save`` wrote.

        Raises:
            HeadError: The folder holds no such head.
        """
        tensors, config = read_head(folder, "dense", ())
        try:
            return cls._of(config, tensors)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise HeadError(f"damaged head in {folder}: {error}", hint="teach the head again") from None

    @classmethod
    def _of(cls, config: Mapping[str, Any], tensors: Mapping[str, np.ndarray[Any, Any]]) -> DenseHead:
        head = cls(config["kind"], tuple(config["classes"]), int(config["seed"]))
        weights = {k.removeprefix("network."): torch.from_numpy(v.copy()) for k, v in tensors.items() if "." in k}
        weights = {k: v for k, v in weights.items() if not k.startswith("box")}
        levels = range(int(config["levels"]))
        with torch.random.fork_rng(devices=[]):  # initial weights are drawn at random, then replaced
            head.network = DenseNetwork(
                [weights[f"mean{k}"].flatten() for k in levels],
                [weights[f"scale{k}"].flatten() for k in levels],
                len(head.classes),
                hidden=int(config["hidden"]),
                flat=bool(config["flat"]),
            )
        head.network.load_state_dict(weights)
        head.network.eval()
        head.cuts = Cuts(tuple(float(t) for t in config["thresholds"]), float(config["least"]))
        head.worth = float(config.get("worth", 0.0))  # heads of earlier versions show all that they find
        head.fits = [
            BoxFit(*(tensors[f"box{label}.{name}"] for name in ("weights", "typical", "mean")))
            if f"box{label}.weights" in tensors
            else None
            for label in range(len(head.classes))
        ]
        return head


def grid_of(parts: PartStore, extents: Sequence[tuple[int, ...]], row: int) -> Grid:
    """The places of the finest level of an item."""
    rows, columns = (int(n) for n in parts.shapes[row, 0])
    return Grid((rows, columns), tuple(extents[row]), parts.places(row) if parts.flat else None)


def _sigmoid(logits: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -30, 30))))


__all__ = ["DenseHead", "grid_of"]
