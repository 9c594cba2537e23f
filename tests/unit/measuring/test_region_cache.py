"""The cache of finished runs with regions, beside broken lines."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from activessl.encoders.parts.base import ItemParts
from activessl.encoders.parts.store import PartStore
from activessl.errors import MeasureError
from activessl.heads.dense.training import Recipe
from activessl.labels.regions.matching import Counts
from activessl.labels.regions.places import Span
from activessl.labels.regions.region import Region
from activessl.measuring.simulation.region_cache import RegionCache
from activessl.measuring.simulation.region_task import RegionTask
from activessl.measuring.simulation.region_track import RegionTrack

TRACK = RegionTrack((Counts(1, 2, 3), Counts(4, 5, 6)), (7, 8), (9, 10), (0.5, 1.5), (11, 12), (13, 14))


def task() -> RegionTask:
    bounds = np.stack([np.arange(4), np.arange(4) + 1], axis=1)
    parts = PartStore.of([ItemParts((np.ones((1, 4, 2), np.float16),), bounds)] * 3, ["x", "y", "z"])
    return RegionTask(parts, [(4,)] * 3, [(Region(Span(0, 2), ("a",)),), (), ()], "span", ("a",))


def cache(folder: Path | None, **changed: Any) -> RegionCache:
    told: dict[str, Any] = {"task": task(), "budgets": (2, 3), "seed": 0, "share": 0.1, "recipe": None, **changed}
    return RegionCache(folder, **told)


def test_a_run_is_read_back_as_it_was_by_its_strategy_and_seed(tmp_path: Path) -> None:
    cache(tmp_path).add("auto", 1, TRACK)
    found = cache(tmp_path)
    assert found.get("auto", 1) == TRACK
    assert found.get("auto", 0) is None and found.get("random", 1) is None


def test_a_line_that_was_cut_costs_only_its_own_run(tmp_path: Path) -> None:
    cache(tmp_path).add("auto", 0, TRACK)
    (file,) = tmp_path.iterdir()
    with file.open("a") as out:
        out.write('{"key": "auto|1", "tra')
    cache(tmp_path).add("auto", 2, TRACK)
    cache(tmp_path).add("auto", 3, TRACK)
    found = cache(tmp_path)
    assert [found.get("auto", s) is not None for s in range(4)] == [True, False, True, True]
    assert "" not in file.read_text().splitlines()  # a line end is added only behind the cut line


@pytest.mark.parametrize("line", ["[]", "3", '{"key": "auto|0"}', '{"key": "auto|0", "track": {"counts": []}}', "{"])
def test_a_line_of_another_form_is_passed_over(tmp_path: Path, line: str) -> None:
    cache(tmp_path).add("auto", 5, TRACK)
    (file,) = tmp_path.iterdir()
    file.write_text(line + "\n" + file.read_text())
    found = cache(tmp_path)
    assert found.get("auto", 0) is None and found.get("auto", 5) == TRACK


@pytest.mark.parametrize(
    "other",
    [
        {"budgets": (2, 4)},
        {"seed": 1},
        {"share": 0.2},
        {"recipe": Recipe(hidden=4, steps=1, batch_size=2)},
        {"task": replace(task(), classes=("b",))},
        {"task": replace(task(), most_test=5)},
        {"task": replace(task(), split=np.array([0, 0, 1]))},
        {"task": replace(task(), regions=[(Region(Span(0, 3), ("a",)),), (), ()])},
    ],
)
def test_runs_of_other_data_or_settings_are_not_taken(tmp_path: Path, other: dict[str, Any]) -> None:
    cache(tmp_path).add("auto", 0, TRACK)
    assert cache(tmp_path, **other).get("auto", 0) is None


def test_without_a_folder_nothing_is_kept_and_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    cache(None).add("auto", 0, TRACK)
    assert cache(None).get("auto", 0) is None
    (tmp_path / "file").write_text("")
    with pytest.raises(MeasureError, match=r"cannot use .*file as a cache"):
        cache(tmp_path / "file")
