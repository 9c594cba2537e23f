"""Simulate strategies on data with regions: the items that each needs, compared with random choice."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Int

from activessl.encoders.parts.store import PartStore
from activessl.errors import MeasureError
from activessl.heads.dense.head import DenseHead
from activessl.heads.dense.training import Recipe
from activessl.labels.regions.matching import Counts, counted, needed_overlap
from activessl.labels.regions.places import PlaceKind
from activessl.labels.regions.region import Regions
from activessl.measuring.simulation.region_result import RegionSimulation, RegionTrack
from activessl.pool.progress import OnProgress, tell
from activessl.strategies.parts.random_share import RandomItemShare
from activessl.strategies.parts.registry import get_part_strategy
from activessl.strategies.parts.state import PartState

#: Parts of a picture on which choice works, at most: finer ones are many and alike.
_CHOICE_PARTS = 256

Rows = Int[np.ndarray, " m"]


@dataclass(frozen=True, eq=False)
class RegionTask:
    """Items whose regions are known.

    Attributes:
        parts: The vectors of their parts.
        extents: For each item, (height, width) in pixels, or (length,) in samples or code points.
        regions: For each item, its true regions.
        kind: What regions are.
        classes: Names of the classes.
        split: 0 for items of the pool, other values for test items; None to hold out a random fifth for each seed.
        most_test: Test items that are used at most.
    """

    parts: PartStore
    extents: Sequence[tuple[int, ...]]
    regions: Sequence[Regions]
    kind: PlaceKind
    classes: tuple[str, ...]
    split: Int[np.ndarray, " n"] | None = None
    most_test: int = 1_000

    def sides(self, seed: int, s: int) -> tuple[Rows, Rows]:
        """Rows of the pool and of the test items of a seed."""
        rng = np.random.default_rng([seed, s, 1])
        if self.split is None:
            order = rng.permutation(len(self.parts))
            cut = max(1, len(order) // 5)
            test, pool = order[:cut], order[cut:]
        else:
            pool, test = np.flatnonzero(self.split == 0), rng.permutation(np.flatnonzero(self.split != 0))
        return np.sort(pool), np.sort(test[: self.most_test])


def simulate_regions(
    task: RegionTask,
    *,
    strategies: Sequence[str] = ("auto",),
    seeds: int = 5,
    budgets: Sequence[int] = (20, 40, 80),
    seed: int = 0,
    random_share: float = 0.1,
    recipe: Recipe | None = None,
    cache: Path | None = None,
    on_progress: OnProgress | None = None,
) -> RegionSimulation:
    """Replay strategies on items with known regions, and measure the F1 of the regions that the head finds.

    All strategies of a seed have the same test items, the same first batch, which is random, and the same random
    numbers.

    Args:
        task: The items.
        strategies: Registered names; ``random`` is added.
        seeds: Number of repetitions.
        budgets: Numbers of labeled items at which to measure, ascending; the first is the size of the first batch.
        seed: Root seed of all random numbers.
        random_share: Part of each round that is drawn at random; thresholds are chosen on these items and the first
        batch.
        recipe: Sizes and steps of the training.
        cache: Folder of finished runs.
        on_progress: Called after each run of a strategy on a seed.

    Raises:
        MeasureError: The budgets do not ascend or exceed the pool, or no test item holds a region.
        QueryError: A strategy is unknown.
    """
    names = list(dict.fromkeys([*strategies, "random"]))
    for name in names:
        get_part_strategy(name)
    _check(task, budgets, seeds, seed)
    kept = _Cache(cache, task, budgets, seed, random_share, recipe)
    tracks: dict[tuple[str, int], RegionTrack] = {}
    for s in range(seeds):
        first: _Step | None = None
        for name in names:
            if (found := kept.get(name, s)) is None:
                if first is None:
                    first = _first(task, budgets, seed, s, recipe)
                found = _replay(task, name, budgets, seed, s, random_share, recipe, first)
                kept.add(name, s, found)
            tracks[name, s] = found
            tell(on_progress, "simulate", len(tracks), seeds * len(names))
    pool, test = task.sides(seed, 0)
    holding = [len(one) for one in task.regions if one]
    return RegionSimulation(
        tracks={name: [tracks[name, s] for s in range(seeds)] for name in names},
        budgets=tuple(budgets),
        settings={
            "kind": task.kind,
            "quality": "exact span F1" if task.kind == "span" else "F1 at an overlap of 0.5",
            "classes": list(task.classes),
            "seed": seed,
            "seeds": seeds,
            "n_pool": len(pool),
            "n_test": len(test),
            "random_share": random_share,
            "share_with_regions": round(len(holding) / len(task.regions), 4),
            "regions_per_item_with_regions": round(float(np.mean(holding)), 2),
            "bytes_per_item": round(task.parts.bytes_per_item),
        },
    )


@dataclass(frozen=True, eq=False)
class _Step:
    """What is known after a batch."""

    labeled: Rows
    chance: np.ndarray[Any, np.dtype[np.bool_]]
    head: DenseHead | None
    counts: Counts
    seconds: float


def _taught(task: RegionTask, labeled: Rows, chance: Any, test: Rows, seed: int, recipe: Recipe | None) -> _Step:
    started = time.perf_counter()
    head = None
    counts = Counts(0, 0, sum(len(task.regions[row]) for row in test))
    if any(task.regions[row] for row in labeled):
        head = DenseHead(task.kind, task.classes, seed=seed, recipe=recipe)
        head.fit(task.parts, task.extents, labeled, [task.regions[row] for row in labeled], chance)
        counts = Counts(0, 0, 0)
        for row, (found, _) in zip(test, head.predict(task.parts, task.extents, test.tolist()), strict=True):
            counts += counted(task.regions[row], found, overlap=needed_overlap(task.kind))
    return _Step(labeled, chance, head, counts, time.perf_counter() - started)


def _first(task: RegionTask, budgets: Sequence[int], seed: int, s: int, recipe: Recipe | None) -> _Step:
    pool, test = task.sides(seed, s)
    labeled = np.random.default_rng([seed, s, 2]).permutation(pool)[: budgets[0]]
    return _taught(task, labeled, np.ones(len(labeled), dtype=bool), test, 1000 * s + len(labeled), recipe)


def _replay(
    task: RegionTask,
    name: str,
    budgets: Sequence[int],
    seed: int,
    s: int,
    share: float,
    recipe: Recipe | None,
    first: _Step,
) -> RegionTrack:
    pool, test = task.sides(seed, s)
    step, steps = first, [first]
    chooser = RandomItemShare(get_part_strategy(name), share)
    for turn, budget in enumerate(budgets[1:], start=1):
        rng = np.random.default_rng([seed, s, 3, turn])
        size = budget - len(step.labeled)
        started = time.perf_counter()
        if name == "random" or step.head is None:  # without a region there is no head, and nothing is uncertain
            free = np.setdiff1d(pool, step.labeled)
            new, chance = rng.choice(free, size, replace=False), np.ones(size, dtype=bool)
        else:
            query = chooser.query(part_state(task, step.head, pool, step.labeled, rng), size)
            new, chance = pool[query.indices], ~np.isnan(query.propensities)
        chosen = time.perf_counter() - started
        labeled, random = np.concatenate([step.labeled, new]), np.concatenate([step.chance, chance])
        step = _taught(task, labeled, random, test, 1000 * s + budget, recipe)
        steps.append(_Step(step.labeled, step.chance, step.head, step.counts, step.seconds + chosen))
    return RegionTrack(
        counts=tuple(one.counts for one in steps),
        regions=tuple(sum(len(task.regions[row]) for row in one.labeled) for one in steps),
        holding=tuple(sum(bool(task.regions[row]) for row in one.labeled) for one in steps),
        seconds=tuple(round(one.seconds, 3) for one in steps),
    )


def part_state(task: RegionTask, head: DenseHead, pool: Rows, labeled: Rows, rng: np.random.Generator) -> PartState:
    """The state of the items of a pool: probabilities relative to the head's thresholds, on parts of one level.

    A part of a coarser level has the largest probability of the places in it: whether it holds something counts, and
    not how sure the head is of its edges.
    """
    parts = task.parts
    level = choice_level(parts)
    offsets = np.concatenate([[0], parts.shapes[pool, level].prod(axis=1).cumsum()]).astype(np.int64)
    bounds = np.array(head.cuts.thresholds)[:, None, None]
    probs = np.empty((int(offsets[-1]), len(task.classes)), dtype=np.float16)
    for at, one in enumerate(head.probabilities(parts, pool.tolist())):
        odds = one / (1 - one + 1e-9) * (1 - bounds) / bounds  # 1 where the head decides
        rows, columns = (int(n) for n in parts.shapes[pool[at], level])
        relative = torch.from_numpy(np.asarray(odds / (1 + odds), dtype=np.float32))[None]
        coarse = F.adaptive_max_pool2d(relative, (rows, columns))[0].numpy()
        probs[offsets[at] : offsets[at + 1]] = coarse.reshape(len(task.classes), -1).T
    network = head.network
    standard = None
    if network is not None:
        mean, scale = (getattr(network, f"{name}{level}").flatten().numpy() for name in ("mean", "scale"))
        standard = (mean, scale)
    return PartState(
        vectors=_Rows(parts, level, pool),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        offsets=offsets,
        labeled=np.searchsorted(pool, labeled),
        rng=rng,
        probs=probs,
        ids=tuple(parts.ids[row] for row in pool),
        standard=standard,
    )


def choice_level(parts: PartStore) -> int:
    """The finest level with at most 256 parts an item, for pictures; the first one for parts in a row.

    Example:
        >>> from activessl.encoders.parts.base import ItemParts
        >>> grids = tuple(np.zeros((side, side, 2), np.float16) for side in (56, 28, 14, 7))
        >>> choice_level(PartStore.of([ItemParts(grids)], ["a"]))
        2
    """
    if parts.flat:
        return 0
    counts = parts.shapes.prod(axis=2).mean(axis=0)
    fitting = np.flatnonzero(counts <= _CHOICE_PARTS)
    return int(fitting[0]) if len(fitting) else len(counts) - 1


class _Rows:
    """The vectors of some items of a store as one array of rows, read only where they are indexed."""

    def __init__(self, parts: PartStore, level: int, rows: Rows) -> None:
        starts = parts.offsets[rows, level]
        counts = parts.offsets[rows + 1, level] - starts
        self._values = parts.levels[level]
        self._offsets = np.concatenate([[0], counts.cumsum()])
        self._starts = starts
        self.shape = (int(self._offsets[-1]), self._values.shape[1])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, at: Int[np.ndarray, " q"]) -> np.ndarray[Any, Any]:
        item = np.searchsorted(self._offsets, at, side="right") - 1
        return np.asarray(self._values[self._starts[item] + at - self._offsets[item]])


def _check(task: RegionTask, budgets: Sequence[int], seeds: int, seed: int) -> None:
    if seeds < 1:
        raise MeasureError(f"{seeds} seeds", hint="use at least 1 seed; 10 are recommended")
    if not budgets or budgets[0] < 1 or any(b <= a for a, b in pairwise(budgets)):
        raise MeasureError(f"budgets {list(budgets)} do not ascend from 1", hint="give numbers such as 20,40,80")
    pool, test = task.sides(seed, 0)
    if budgets[-1] > len(pool):
        raise MeasureError(
            f"a budget of {budgets[-1]:,} items, but the pool has {len(pool):,}", hint=f"ask for at most {len(pool):,}"
        )
    if not any(task.regions[row] for row in test):
        raise MeasureError(
            f"none of the {len(test):,} test items holds a region", hint="give data with more items that hold regions"
        )


class _Cache:
    """Finished runs, one JSON line each, so that an interrupted simulation continues."""

    def __init__(
        self,
        folder: Path | None,
        task: RegionTask,
        budgets: Sequence[int],
        seed: int,
        share: float,
        recipe: Recipe | None,
    ) -> None:
        self._known: dict[str, RegionTrack] = {}
        self._path: Path | None = None
        if folder is None:
            return
        digest = hashlib.sha256(
            repr([task.parts.fingerprint, task.parts.ids, task.classes, task.kind, list(budgets), seed, share, recipe,
                  task.most_test, None if task.split is None else np.asarray(task.split).tolist()]).encode()
        )  # fmt: skip
        for one in task.regions:
            digest.update(repr(one).encode())
        self._path = folder / f"regions-{digest.hexdigest()[:24]}.jsonl"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lines = self._path.read_text(encoding="utf-8").splitlines() if self._path.exists() else []
        except (OSError, UnicodeDecodeError) as bad:
            raise MeasureError(
                f"cannot use {folder} as a cache: {bad}", hint="name a folder that you can write to"
            ) from bad
        for line in lines:
            try:  # the last line of a killed run may be cut
                entry: Mapping[str, Any] = json.loads(line)
                self._known[entry["key"]] = RegionTrack.of_json(entry["track"])
            except (ValueError, KeyError, TypeError):
                continue

    def get(self, name: str, s: int) -> RegionTrack | None:
        """The run of a strategy and a seed, if it is finished."""
        return self._known.get(f"{name}|{s}")

    def add(self, name: str, s: int, track: RegionTrack) -> None:
        """Keep a finished run."""
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(
                    "\n" * (not self._whole()) + json.dumps({"key": f"{name}|{s}", "track": asdict(track)}) + "\n"
                )

    def _whole(self) -> bool:
        if self._path is None or not self._path.exists():
            return True
        content = self._path.read_bytes()
        return not content or content.endswith(b"\n")
