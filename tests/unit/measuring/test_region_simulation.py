"""Simulations on planted data with regions."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from activessl.encoders.parts.base import ItemParts
from activessl.encoders.parts.store import PartStore
from activessl.errors import MeasureError, QueryError
from activessl.heads.dense.training import Recipe
from activessl.labels.regions.places import Span
from activessl.labels.regions.region import Region, Regions
from activessl.measuring.simulation import region_task as core
from activessl.measuring.simulation import regions
from activessl.measuring.simulation.region_task import RegionTask
from activessl.measuring.simulation.regions import simulate_regions

QUICK = Recipe(hidden=4, steps=6, batch_size=4, rate=3e-2)


def task(n: int = 40, every: int = 2) -> RegionTask:
    rng = np.random.default_rng(0)
    items, regions = [], []
    bounds = np.stack([np.arange(10), np.arange(10) + 1], axis=1)
    for number in range(n):
        vectors, found = rng.normal(size=(1, 10, 3)), ()
        if number % every == 0:
            start = int(rng.integers(0, 8))
            vectors[0, start : start + 2, 0] += 6
            found = (Region(Span(start, start + 2), ("a",)),)
        items.append(ItemParts((vectors.astype(np.float16),), bounds))
        regions.append(found)
    parts = PartStore.of(items, [str(i) for i in range(n)])
    given: list[Regions] = regions
    return RegionTask(parts, [(10,)] * n, given, "span", ("a",))


def test_curves_have_a_value_for_each_seed_and_budget_and_start_with_the_same_batch(tmp_path: Path) -> None:
    asked = {"strategies": ["auto"], "seeds": 2, "budgets": (6, 12), "recipe": QUICK, "cache": tmp_path}
    found = simulate_regions(task(), **asked)  # type: ignore[arg-type]
    told = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert set(told["curves"]) == {"auto", "random"}
    for curve in told["curves"].values():
        assert curve["labels"] == [6, 12]
        assert np.shape(curve["quality"]) == np.shape(curve["regions"]) == (2, 2)
    auto, random = (told["curves"][name] for name in ("auto", "random"))
    assert [row[0] for row in auto["quality"]] == [row[0] for row in random["quality"]]
    assert "auto: " in found.to_text() and "exact span F1" in found.to_text()

    # a second call reads the finished runs, also behind a line that was cut
    (cache,) = tmp_path.iterdir()
    cache.write_text(cache.read_text() + '{"key": "auto|')
    more = simulate_regions(task(), **{**asked, "seeds": 3})  # type: ignore[arg-type]
    assert more.tracks["auto"][:2] == found.tracks["auto"]
    again = simulate_regions(task(), **{**asked, "seeds": 3})  # type: ignore[arg-type]
    assert again.tracks == more.tracks


def test_without_a_region_in_the_first_batch_quality_is_0_and_the_next_batch_is_random() -> None:
    told = simulate_regions(task(60, every=6), seeds=1, budgets=(1, 20), seed=3, recipe=QUICK).to_dict()
    auto, random = (told["curves"][name] for name in ("auto", "random"))
    if auto["regions"][0][0] == 0:
        assert auto["quality"][0][0] == 0 and auto["precision"][0][0] is None
    assert auto["regions"][0][0] == random["regions"][0][0]


def test_a_part_of_the_choice_level_has_the_largest_probability_of_its_places(monkeypatch: pytest.MonkeyPatch) -> None:
    grids = tuple(np.random.default_rng(0).normal(size=(side, side, 2)).astype(np.float16) for side in (32, 16))
    parts = PartStore.of([ItemParts(grids)] * 3, ["a", "b", "c"])
    many = RegionTask(parts, [(64, 64)] * 3, [()] * 3, "mask", ("a",))
    probs = np.full((1, 32, 32), 0.1)
    probs[0, 5, 9] = 0.9

    class Fixed:
        network = None
        cuts = core.DenseHead("mask", ("a",)).cuts

        def probabilities(self, parts: PartStore, rows: list[int]) -> list[np.ndarray]:
            return [probs] * len(rows)

    state = core.part_state(many, Fixed(), np.array([0, 2]), np.array([2]), np.random.default_rng(0))  # type: ignore[arg-type]
    assert state.probs is not None and state.probs.shape == (512, 1) and state.labeled.tolist() == [1]
    assert np.flatnonzero(state.probs[:256, 0] > 0.5).tolist() == [2 * 16 + 4]
    assert np.array_equal(state.vectors[np.array([0, 256, 511])], grids[1].reshape(256, 2)[[0, 0, 255]])


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"budgets": (4, 4)}, "do not ascend"),
        ({"budgets": (4, 99)}, "a budget of 99 items, but the pool has 32"),
        ({"budgets": ()}, "do not ascend"),
        ({"seeds": 0}, "0 seeds"),
    ],
)
def test_budgets_and_seeds_that_cannot_be_used_are_refused(asked: dict[str, object], says: str) -> None:
    with pytest.raises(MeasureError, match=says):
        simulate_regions(task(), **asked)  # type: ignore[arg-type]


def test_an_unknown_strategy_and_test_items_without_regions_are_refused() -> None:
    with pytest.raises(QueryError, match="unknown strategy for regions 'clairvoyant'"):
        simulate_regions(task(), strategies=["clairvoyant"])
    empty = task()
    split = np.array([0] * 39 + [1])  # the last one holds none
    with pytest.raises(MeasureError, match="none of the 1 test items holds a region"):
        simulate_regions(
            RegionTask(empty.parts, empty.extents, empty.regions, "span", ("a",), split), budgets=(4, 8), seeds=1
        )


def test_only_the_random_arm_is_drawn_at_random_once_there_is_a_head(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[tuple[list[int], list[bool]]] = []

    class First:
        def query(self, state, query_size):
            free = np.setdiff1d(np.arange(len(state.probs) // 10), state.labeled)[:query_size]
            query = type("Found", (), {"indices": free, "propensities": np.full(query_size, np.nan)})()
            chosen.append((free.tolist(), state.labeled.tolist()))
            return query

    monkeypatch.setattr(regions, "RandomItemShare", lambda strategy, share: First())
    taught: list[tuple[list[int], list[bool]]] = []
    teach = regions._taught

    def watched(task, labeled, chance, test, seed, recipe):
        taught.append((labeled.tolist(), np.asarray(chance).tolist()))
        return teach(task, labeled, chance, test, seed, recipe)

    monkeypatch.setattr(regions, "_taught", watched)
    quick = Recipe(hidden=2, steps=1, batch_size=2)
    simulate_regions(task(), strategies=["auto"], seeds=1, budgets=(8, 10, 12), recipe=quick)
    assert [len(labeled) for _, labeled in chosen] == [8, 10]
    first, *auto, _, random = taught
    assert auto[1][0][:8] == random[0][:8] == first[0]  # one first batch
    assert auto[1][1] == [True] * 8 + [False] * 4 and random[1] == [True] * 12
    assert len(set(random[0])) == 12 and len(set(auto[1][0])) == 12
