"""Dense heads on planted parts: one direction of the vectors says whether a part is covered."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from activessl.encoders.parts.base import ItemParts
from activessl.encoders.parts.store import PartStore
from activessl.errors import HeadError
from activessl.heads.dense import head as head_module
from activessl.heads.dense.boxes import fit_boxes, joined
from activessl.heads.dense.cuts import Judged, choose_cuts, worth_showing
from activessl.heads.dense.decode import Cuts, candidates, kept, resized
from activessl.heads.dense.grid import Grid, coverage
from activessl.heads.dense.head import DenseHead
from activessl.heads.dense.training import Recipe
from activessl.labels.regions.matching import Counts, counted, needed_overlap
from activessl.labels.regions.places import Box, Mask, PlaceKind, Segment, Span
from activessl.labels.regions.region import Region, Regions

QUICK = Recipe(hidden=8, steps=60, batch_size=8, rate=2e-2)
Planted = tuple[PartStore, list[tuple[int, ...]], list[Regions]]


def rows(kind: PlaceKind, n: int = 36) -> Planted:
    """Items of 20 parts of three samples, two of which in three hold a run of covered parts."""
    rng = np.random.default_rng(0)
    items, regions = [], []
    for number in range(n):
        vectors = rng.normal(size=(1, 20, 4))
        found: Regions = ()
        if number % 3:
            start, length = int(rng.integers(0, 14)), int(rng.integers(2, 6))
            vectors[0, start : start + length, number % 3] += 5
            place = (Span if kind == "span" else Segment)(3 * start, 3 * (start + length))
            found = (Region(place, ("a" if number % 3 == 1 else "b",)),)
        bounds = np.stack([np.arange(20) * 3, np.arange(20) * 3 + 3], axis=1)
        items.append(ItemParts((vectors.astype(np.float16),), bounds))
        regions.append(found)
    return PartStore.of(items, [str(i) for i in range(n)]), [(60,)] * n, regions


def squares(kind: PlaceKind, n: int = 20) -> Planted:
    """Pictures of 48 x 64 pixels on grids of 12 x 16 and 6 x 8, with one or two rectangles, or none."""
    rng = np.random.default_rng(1)
    items, regions = [], []
    for number in range(n):
        inside = np.zeros((48, 64), dtype=bool)
        fine = rng.normal(size=(12, 16, 3))
        found = []
        for column in ((1,), (1, 9), ())[number % 3]:
            top, left = int(rng.integers(0, 5)), column + int(rng.integers(0, 2))
            h, w = int(rng.integers(3, 6)), int(rng.integers(3, 6))
            fine[top : top + h, left : left + w, 0] += 4
            # how far a part is from the middle of its box, and how large the box is
            ys, xs = np.mgrid[top : top + h, left : left + w]
            size = 4 * h, 4 * w
            box = Box(4 * left, 4 * top, size[1], size[0])
            mask = np.zeros_like(inside)
            mask[4 * top : 4 * (top + h), 4 * left : 4 * (left + w)] = True
            fine[ys, xs, 1] = (xs - left - (w - 1) / 2) + 0.05 * fine[ys, xs, 1]
            fine[ys, xs, 2] = (ys - top - (h - 1) / 2) + 0.05 * fine[ys, xs, 2]
            found.append(Region(box if kind == "box" else Mask.of(mask), ("a",)))
        coarse = fine.reshape(6, 2, 8, 2, 3).mean(axis=(1, 3))
        items.append(ItemParts((fine.astype(np.float16), coarse.astype(np.float16))))
        regions.append(tuple(found))
    return PartStore.of(items, [str(i) for i in range(n)]), [(48, 64)] * n, regions


@pytest.mark.parametrize(
    "kind", ["mask", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("span", "segment", "box"))]
)
def test_a_head_finds_planted_regions_of_items_that_it_has_not_seen(kind: PlaceKind, tmp_path: Path) -> None:
    parts, extents, regions = rows(kind) if kind in ("span", "segment") else squares(kind)
    labeled = np.arange(len(parts) - 6)
    classes = ("a", "b") if parts.flat else ("a",)
    head = DenseHead(kind, classes, recipe=QUICK).fit(parts, extents, labeled, [regions[row] for row in labeled])
    new = list(range(len(labeled), len(parts)))
    found = [predicted for predicted, _ in head.predict(parts, extents, new)]
    total = sum((counted(regions[row], one, overlap=min(0.5, needed_overlap(kind)))
                 for row, one in zip(new, found, strict=True)), Counts(0, 0, 0))  # fmt: skip
    assert total.true and (total.f1 or 0) >= 0.7
    assert all(0 < (region.score or 0) <= 1 for one in found for region in one)

    head.save(tmp_path / "head")
    loaded = DenseHead.load(tmp_path / "head")
    assert [predicted for predicted, _ in loaded.predict(parts, extents, new)] == found


def test_a_head_without_regions_or_from_a_damaged_folder_is_refused(tmp_path: Path) -> None:
    parts, extents, regions = rows("span", 6)
    with pytest.raises(HeadError, match="2 items have an answer, and none holds a region"):
        DenseHead("span", ("a",)).fit(parts, extents, np.array([0, 3]), [regions[0], regions[3]])
    with pytest.raises(HeadError, match="not taught"):
        next(DenseHead("span", ("a",)).probabilities(parts, [0]))
    head = DenseHead("span", ("a", "b"), recipe=Recipe(8, 1, 2)).fit(parts, extents, np.arange(6), regions)
    head.save(tmp_path / "head")
    (tmp_path / "head" / "config.json").write_text("{}")
    with pytest.raises(HeadError, match="damaged"):
        DenseHead.load(tmp_path / "head")


def test_thresholds_are_chosen_on_random_items_that_the_network_did_not_learn_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parts, extents, regions = rows("span", 24)
    seen: list[list[int]] = []
    judged: list[int] = []
    train, cuts = head_module.train, head_module.choose_cuts

    def noted(parts: PartStore, labeled: np.ndarray, *rest: object, **more: object) -> object:
        seen.append(labeled.tolist())
        return train(parts, labeled, *rest, **more)  # type: ignore[arg-type]

    def counting(kind: PlaceKind, found: list[Judged], classes: tuple[str, ...]) -> Cuts:
        judged.append(len(found))
        return cuts(kind, found, classes)

    monkeypatch.setattr(head_module, "train", noted)
    monkeypatch.setattr(head_module, "choose_cuts", counting)
    chance = np.arange(24) % 2 == 0
    DenseHead("span", ("a", "b"), recipe=Recipe(8, 1, 2)).fit(parts, extents, np.arange(24), regions, chance)
    first, second, last = (set(one) for one in seen)
    assert judged == [12] and last == set(range(24))
    assert first | second == last and not (first & second) & set(np.flatnonzero(chance))
    assert first & second == set(np.flatnonzero(~chance))


def test_the_threshold_is_the_one_with_the_best_f1_and_half_with_few_regions() -> None:
    bounds = np.stack([np.arange(6), np.arange(6) + 1], axis=1)
    grid = Grid((1, 6), (6,), bounds)
    probs = np.array([[[0.05, 0.25, 0.35, 0.35, 0.25, 0.05]]])
    one = Judged(probs, grid, [], (Region(Span(2, 4), ("a",)),))
    assert choose_cuts("span", [one] * 5, ["a"]).thresholds == (0.3,)
    assert choose_cuts("span", [one] * 3, ["a"]).thresholds == (0.5,)


def test_specks_are_left_out_by_the_least_size() -> None:
    grid = Grid((12, 12), (48, 48))
    probs = np.full((1, 12, 12), 0.05)
    probs[0, 2:6, 2:7] = probs[0, 9:11, 9:11] = 0.99
    mask = np.zeros((48, 48), dtype=bool)
    mask[8:24, 8:28] = True
    true: Regions = (Region(Mask.of(mask), ("a",)),)
    cuts = choose_cuts("mask", [Judged(probs, grid, [], true)] * 4, ["a"])
    found = kept(candidates("mask", probs, grid, cuts.thresholds), cuts.least, ["a"])
    assert cuts.least > 0.5 and len(found) == 1 and counted(true, found).right == 1


def test_a_part_knows_which_share_of_it_is_covered() -> None:
    rng = np.random.default_rng(0)
    inside = rng.random((31, 45)) < 0.5
    share = coverage(Mask.of(inside), Grid((7, 9), (31, 45)))
    assert share.mean() == pytest.approx(inside.mean(), abs=1e-6)
    assert share[0, 0] == pytest.approx(
        inside[:4, :5].sum() / (31 / 7 * 5) + (31 / 7 - 4) * inside[4, :5].sum() / (31 / 7 * 5)
    )
    tiny = coverage(Box(10.2, 3.1, 0.5, 0.5), Grid((4, 4), (40, 40)))
    assert tiny.sum() == 1 and tiny[0, 1] == 1


def test_parts_of_one_picture_do_not_choose_the_penalty_of_each_other() -> None:
    rng = np.random.default_rng(0)

    def pictures(n: int) -> tuple[np.ndarray, ...]:
        own = np.repeat(rng.normal(size=(n, 60)), 4, axis=0)  # what a picture looks like, in all of its parts
        width = 20 + 4 * own[:, :1] + np.repeat(4 * rng.normal(size=(n, 1)), 4, axis=0)
        centers = rng.uniform(0, 99, (4 * n, 2))
        boxes = np.concatenate([centers - width / 2, centers + width / 2], axis=1)
        return own + 0.1 * rng.normal(size=own.shape), centers, boxes, np.arange(4 * n) // 4

    vectors, centers, boxes, groups = pictures(40)
    new, places, wanted, _ = pictures(200)
    by_picture, by_part = (
        np.abs(fit_boxes(vectors, centers, boxes, of).boxes(new, places) - wanted).mean()
        for of in (groups, np.random.default_rng(1).permutation(len(groups)))
    )
    assert by_picture < 0.8 * by_part


def test_touching_boxes_stay_two_and_votes_for_one_box_become_one() -> None:
    grid = Grid((8, 8), (64, 64))
    votes = np.array([[0, 0, 20, 20], [1, 0, 21, 20], [20, 0, 40, 20], [20, 1, 40, 21]], dtype=float)
    found = joined(votes, np.array([0.9, 0.8, 0.7, 0.6]), grid)
    assert [round(box.x) for box, _, _ in found] == [0, 20]
    assert [count for _, _, count in found] == [2, 2]


def test_resizing_keeps_a_constant_and_the_order_of_places() -> None:
    assert np.allclose(resized(np.full((3, 2), 0.4), (7, 9)), 0.4)
    ramp = resized(np.arange(4.0)[None], (2, 13))
    assert np.all(np.diff(ramp, axis=1) >= 0) and ramp.shape == (2, 13)


def test_what_an_item_holds_does_not_depend_on_how_long_the_items_beside_it_are() -> None:
    rng = np.random.default_rng(0)
    items, regions = [], []
    for length in (4, 30, 9, 17, 30, 6):
        bounds = np.stack([np.arange(length), np.arange(length) + 1], axis=1)
        # far from zero: what is padded would look like something
        items.append(ItemParts(((rng.normal(size=(1, length, 3)) + 5).astype(np.float16),), bounds))
        regions.append((Region(Span(0, 2), ("a",)),))
    parts = PartStore.of(items, [str(i) for i in range(len(items))])
    extents = [(int(one.levels[0].shape[1]),) for one in items]
    head = DenseHead("span", ("a",), recipe=Recipe(hidden=8, steps=20, batch_size=4, rate=1e-2))
    head.fit(parts, extents, np.arange(6), regions)
    together = list(head.probabilities(parts, range(6)))
    alone = [next(iter(head.probabilities(parts, [row]))) for row in range(6)]
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize(("right", "shows"), [(0.9, 1.0), (0.1, 0.0)])
def test_regions_are_suggested_from_the_score_on_from_which_they_save_time(right: float, shows: float) -> None:
    # scores tell nothing below .7; above, a region is as often right as said
    rng = np.random.default_rng(0)
    grid = Grid((1, 4), (4,), np.stack([np.arange(4), np.arange(4) + 1], axis=1))
    judged = []
    for number in range(60):
        sure = number % 2 == 0
        probs = np.full((1, 1, 4), 0.01)
        probs[0, 0, 1] = 0.8 if sure else 0.6
        good = rng.random() < (right if sure else 0.05)
        judged.append(Judged(probs, grid, (), (Region(Span(1, 2) if good else Span(3, 4), ("a",)),)))
    head = DenseHead("span", ("a",))
    head.worth = worth_showing("span", judged, ("a",), Cuts((0.5,)))
    found = tuple(Region(Span(1, 2), ("a",), score) for score in (0.81, 0.6))
    assert len(head.shown(found)) == shows and head.worth > 0.6
    assert worth_showing("span", judged[:5], ("a",), Cuts((0.5,))) == 0.0
