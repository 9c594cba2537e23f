from __future__ import annotations

import numpy as np
import pytest

from activessl.errors import HeadError
from activessl.geometry import graph
from activessl.geometry.clusters import Clusters, kmeans
from activessl.geometry.graph import pool_neighbours
from activessl.geometry.smoothing import Smoothed, smooth
from activessl.geometry.units import unit_rows
from activessl.heads.registry import make_head


def clusters(n: int = 300, k: int = 3, d: int = 30, seed: int = 0, apart: float = 1.2) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = np.arange(n) % k
    points = apart * rng.normal(size=(k, d))[truth] + rng.normal(size=(n, d))
    return (points - points.mean(axis=0)).astype(np.float32), truth


def test_points_have_length_one_and_keep_their_order_and_shape() -> None:
    points, truth = clusters()
    found = smooth(points).points
    assert found.shape == points.shape and found.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    own = truth[:, None] == truth
    before, after = (x @ x.T for x in (unit_rows(points), found))
    assert after[own].mean() > before[own].mean() + 0.1
    assert after[~own].mean() < 0 < after[own].mean()


def test_one_label_a_class_goes_further_than_on_the_plain_vectors() -> None:
    gains = []
    for seed in range(5):
        points, truth = clusters(n=600, seed=seed, apart=0.5)
        shown = [int(np.flatnonzero(truth == c)[seed]) for c in range(3)]
        plain, better = (
            np.mean(make_head("logistic", 3).fit(x[shown], truth[shown]).predict(x) == truth)
            for x in (points, smooth(points).points)
        )
        gains.append(better - plain)
    assert np.mean(gains) > 0.1


def test_permuting_the_pool_permutes_the_result() -> None:
    points, _ = clusters()
    order = np.random.default_rng(1).permutation(len(points))
    np.testing.assert_allclose(smooth(points[order]).points, smooth(points).points[order], atol=1e-4)


def test_a_new_item_lands_where_its_twin_in_the_pool_is() -> None:
    points, truth = clusters()
    pool, new = points[:270], points[270:]
    smoothed = smooth(pool)
    head = make_head("logistic", 3).fit(smoothed.points[:30], truth[:30])
    assert np.mean(head.predict(smoothed.transform(new)) == truth[270:]) > 0.9
    twins = np.sum(smoothed.transform(pool) * smoothed.points, axis=1)
    assert np.mean(twins) > 0.98


def test_new_items_do_not_change_each_other() -> None:
    points, _ = clusters()
    smoothed = smooth(points[:200])
    together = smoothed.transform(points[200:])
    alone = np.vstack([smoothed.transform(points[i : i + 1]) for i in range(200, 300)])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_duplicates_and_tiny_pools_are_fine() -> None:
    points, _ = clusters(n=12)
    many = np.repeat(points[:3], 20, axis=0)
    for pool in (many, points[:2], points[:1], np.zeros((5, 4), dtype=np.float32)):
        smoothed = smooth(pool)
        assert np.all(np.isfinite(smoothed.points))
        assert np.all(np.isfinite(smoothed.transform(pool)))


def test_what_is_saved_can_be_mapped_again(tmp_path) -> None:
    points, _ = clusters()
    smoothed = smooth(points[:200])
    smoothed.save(tmp_path / "s")
    again = Smoothed.load(tmp_path / "s")
    np.testing.assert_array_equal(again.points, smoothed.points)
    np.testing.assert_array_equal(again.transform(points[200:]), smoothed.transform(points[200:]))
    (tmp_path / "s" / "memory-8.npy").unlink()
    with pytest.raises(HeadError, match="no complete"):
        Smoothed.load(tmp_path / "s")


@pytest.mark.parametrize(("points", "more"), [
    (np.zeros((0, 3)), {}), (np.zeros(3), {}), (np.eye(3), {"neighbours": 0}), (np.eye(3), {"scales": ()}),
    (np.eye(3), {"scales": (8, 1)}), (np.eye(3), {"scales": (-1,)}),
])  # fmt: skip
def test_what_cannot_be_smoothed_is_refused(points: np.ndarray, more: dict) -> None:
    with pytest.raises(HeadError):
        smooth(points, **more)


def test_vectors_of_another_encoder_are_refused() -> None:
    points, _ = clusters()
    with pytest.raises(HeadError, match="dimensions"):
        smooth(points).transform(points[:, :5])


def test_cell_by_cell_finds_nine_of_ten_neighbours() -> None:
    points, _ = clusters(n=4000, k=40, d=80, apart=0.7)
    base = unit_rows(points)
    _, truth = pool_neighbours(base, 11)
    distance, found = pool_neighbours(base, 11, exact_rows=0)
    assert np.mean([len(set(a) & set(b)) / 11 for a, b in zip(truth, found, strict=True)]) > 0.9
    assert np.all(np.diff(distance, axis=1) >= 0)
    np.testing.assert_allclose(distance[7], np.linalg.norm(base[found[7]] - base[7], axis=1), atol=1e-3)


def test_a_pool_that_lies_class_by_class_has_its_cells_where_all_of_it_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    points = np.zeros((4_000, 128))
    for part in range(2):  # what tells the second half apart is nothing in the first
        own = clusters(n=2_000, k=20, d=64, seed=part)[0]
        points[2_000 * part : 2_000 * (part + 1), 64 * part : 64 * (part + 1)] = own
    seen = []

    def cells_of(rows: np.ndarray, *given: object, **more: object) -> Clusters:
        seen.append(rows)
        return kmeans(rows, *given, **more)

    monkeypatch.setattr(graph, "AXES_ROWS", 500)
    monkeypatch.setattr(graph, "kmeans", cells_of)
    pool_neighbours(unit_rows(points), 11, exact_rows=0)
    # else all of the second half is one cell, and compared pair by pair
    length = np.linalg.norm(seen[0], axis=1)
    assert length[:2_000].mean() > 0.5 < length[2_000:].mean()


def test_new_items_find_their_neighbours_cell_by_cell_too() -> None:
    points, _ = clusters(n=4000, k=40, d=80, apart=0.7)
    base, queries = unit_rows(points[:3000]), unit_rows(points[3000:])
    _, truth = pool_neighbours(base, 10, queries=queries)
    _, found = pool_neighbours(base, 10, queries=queries, exact_rows=0)
    assert np.mean([len(set(a) & set(b)) / 10 for a, b in zip(truth, found, strict=True)]) > 0.85


def test_cells_with_fewer_items_than_neighbours_asked_for_are_fine() -> None:
    base = unit_rows(np.repeat(np.eye(60), 3, axis=0))
    distance, found = pool_neighbours(base, 170, exact_rows=0)
    assert np.all((found >= 0) & (found < 180)) and np.all(np.isfinite(distance))


def test_a_large_pool_is_smoothed_alike_in_blocks_half_precision_and_by_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    points, _ = clusters(n=3000, k=30, d=80, apart=0.7)
    plain, new = smooth(points), points[:100] + 0.1
    there = plain.transform(new)
    for name, value in {"HALF_ROWS": 10, "STEP_CELLS": 3, "BLOCK": 70}.items():
        monkeypatch.setattr(f"activessl.geometry.smoothing.{name}", value)
    monkeypatch.setitem(pool_neighbours.__kwdefaults__, "exact_rows", 10)
    large = smooth(points.astype(np.float16))
    assert large.points.dtype == np.float16
    assert np.mean(np.sum(large.points.astype(np.float32) * plain.points, axis=1)) > 0.98
    assert np.mean(np.sum(large.transform(new) * there, axis=1)) > 0.98
    assert large.belongs_to(points.astype(np.float16)) and not large.belongs_to(points[::-1])


def test_vectors_kept_from_other_settings_are_not_taken_for_todays() -> None:
    points, _ = clusters()
    assert smooth(points).belongs_to(points)
    assert not smooth(points, scales=(1, 8)).belongs_to(points)


def test_progress_is_told_and_ends_at_the_number_of_items() -> None:
    points, _ = clusters()
    told = []
    smooth(points, on_progress=told.append)
    done = [p.done for p in told]
    assert done == sorted(done) and done[-1] == told[-1].total == 300
    assert {p.stage for p in told} == {"smooth"}
