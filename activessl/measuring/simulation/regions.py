"""Simulate strategies on data with regions: the items that each needs, compared with random choice."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from activessl.errors import MeasureError
from activessl.heads.dense.head import DenseHead
from activessl.heads.dense.training import Recipe
from activessl.labels.regions.corrections import Corrections, corrected
from activessl.labels.regions.matching import Counts, counted, needed_overlap
from activessl.measuring.planning.region_pace import RegionPace
from activessl.measuring.simulation.region_cache import RegionCache
from activessl.measuring.simulation.region_result import RegionSimulation
from activessl.measuring.simulation.region_task import RegionTask, Rows, part_state
from activessl.measuring.simulation.region_track import RegionTrack
from activessl.pool.progress import OnProgress, tell
from activessl.strategies.parts.random_share import RandomItemShare
from activessl.strategies.parts.registry import get_part_strategy

_NOTHING = Corrections()
#: Part of the chosen items that people see without the model's regions, as in projects.
_BLIND = 0.1


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
    pace: RegionPace | None = None,
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
        pace: Seconds of people for an item, a region and a correction; by default 3 and 8, and a band.
        on_progress: Called after each run of a strategy on a seed.

    Raises:
        MeasureError: The budgets do not ascend or exceed the pool, or no test item holds a region.
        QueryError: A strategy is unknown.
    """
    names = list(dict.fromkeys([*strategies, "random"]))
    for name in names:
        get_part_strategy(name)
    _check(task, budgets, seeds, seed)
    kept = RegionCache(cache, task, budgets, seed, random_share, recipe)
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
        pace=pace or RegionPace(),
    )


@dataclass(frozen=True, eq=False)
class _Step:
    """What is known after a batch."""

    labeled: Rows
    chance: np.ndarray[Any, np.dtype[np.bool_]]
    head: DenseHead | None
    counts: Counts
    seconds: float
    done: Corrections = _NOTHING


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
    chance = np.ones(len(labeled), dtype=bool)
    step = _taught(task, labeled, chance, test, 1000 * s + len(labeled), recipe)
    return replace(step, done=_people(task, None, labeled, chance))


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
        done = step.done + _people(task, step.head, new, chance | (rng.random(size) < _BLIND))
        labeled, random = np.concatenate([step.labeled, new]), np.concatenate([step.chance, chance])
        step = _taught(task, labeled, random, test, 1000 * s + budget, recipe)
        step = replace(step, seconds=step.seconds + chosen, done=done)
        steps.append(step)
    return RegionTrack(
        counts=tuple(one.counts for one in steps),
        regions=tuple(sum(len(task.regions[row]) for row in one.labeled) for one in steps),
        holding=tuple(sum(bool(task.regions[row]) for row in one.labeled) for one in steps),
        seconds=tuple(round(one.seconds, 3) for one in steps),
        drawn=tuple(one.done.drawn for one in steps),
        corrected=tuple(one.done.changed + one.done.deleted for one in steps),
    )


def _people(task: RegionTask, head: DenseHead | None, rows: Rows, blind: Any) -> Corrections:
    """What people do in some items: in those that are not blind they see the regions of the model so far."""
    done = Corrections(drawn=sum(len(task.regions[row]) for row in rows[blind]))
    shown = rows[~blind]
    if head is None:
        return done + Corrections(drawn=sum(len(task.regions[row]) for row in shown))
    for row, (found, _) in zip(shown, head.predict(task.parts, task.extents, shown.tolist()), strict=True):
        done = done + corrected(task.regions[row], head.shown(found))[1]
    return done


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
