"""Recall, precision and F1 of regions: their intervals count items as independent."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from activessl.errors import MeasureError
from activessl.labels.answers import Answer
from activessl.labels.regions.corrections import Corrections
from activessl.labels.regions.places import Box, PlaceKind, Span
from activessl.labels.regions.region import Region
from activessl.measuring.intervals import share_interval
from activessl.measuring.planning.region_hours import correcting, region_effort
from activessl.measuring.planning.region_pace import region_pace
from activessl.measuring.quality.region_quality import ratio, region_quality
from tests.benchmarks.region_intervals import covered


@pytest.mark.parametrize(("items", "size", "together"), [(12, 4.0, 1.0), (30, 3.0, 0.4), (30, 1.0, 0.0)])
def test_the_interval_covers_the_truth_also_where_regions_of_an_item_are_found_together(
    items: int, size: float, together: float
) -> None:
    found = covered(items, holding=0.7, size=size, together=together, share=0.8, trials=300, seed=1)
    assert found.ours >= 0.86  # of 0.9; three standard errors of 300 trials are 0.05
    if together == 1:
        assert found.naive < 0.8  # what an interval that counts regions would have covered


def test_one_item_tells_nothing_and_all_right_is_not_certain() -> None:
    assert ratio(np.zeros(3), np.zeros(3)) is None
    assert ratio(np.array([4.0]), np.array([5.0])) == (0.8, 0.0, 1.0)
    # 40 regions of 8 items, all found: as certain as 8 items are
    assert ratio(np.full(8, 5.0), np.full(8, 5.0)) == (1.0, *share_interval(8, 8))


def test_spans_must_be_exact_boxes_overlap_by_half_and_classes_are_told_apart() -> None:
    span, box = Region(Span(0, 10), ("a",)), Region(Box(0, 0, 10, 10), ("a",))
    near = Region(Span(0, 9), ("a",), 0.9), Region(Box(0, 0, 10, 7), ("a",), 0.9)
    other = Region(Box(30, 30, 5, 5), ("b",), 0.8)
    spans = region_quality([((span,), (near[0],))] * 3, "span", ["a"])
    assert spans.all.f1 is not None and spans.all.f1.value == 0
    assert spans.any_overlap is not None and spans.any_overlap.f1 is not None and spans.any_overlap.f1.value == 1
    boxes = region_quality([((box,), (near[1], other))] * 3 + [((), ())], "box", ["a", "b", "c"])
    assert boxes.all.recall is not None and boxes.all.precision is not None and boxes.all.f1 is not None
    assert (boxes.all.recall.value, boxes.all.precision.value, boxes.items) == (1.0, 0.5, 4)
    assert boxes.all.f1.value == pytest.approx(2 / 3) and boxes.all.f1.of == 9
    assert boxes.classes["b"].precision is not None and boxes.classes["b"].precision.value == 0
    assert boxes.classes["b"].recall is None and boxes.classes["c"].f1 is None


def answered(i: int, seconds: float | None, count: int, *, shown: int = 0, kept: int = 0) -> Answer:
    origins = ["prediction"] * kept + ["manual"] * (count - kept)
    regions = tuple(
        {"kind": "span", "start": k, "end": k + 1, "classes": ["a"], "rest": {"origin": origin}}
        for k, origin in enumerate(origins)
    )
    said = "|".join(["a"] * shown) or None
    return Answer(
        f"k{i}", f"s{i}", f"i{i}", "label", ("a",), "ann", seconds, datetime.now(UTC), suggested=said, regions=regions
    )


def test_correcting_is_compared_with_drawing_once_there_are_both() -> None:
    shown = [answered(i, 6.0 + i % 2, 2, shown=2, kept=1) for i in range(8)]
    blind = [answered(20 + i, 15.0 + i % 3, 2) for i in range(4)]
    found = correcting(shown, blind, rng=np.random.default_rng(0))
    assert 0.35 < found.pace.low < found.pace.ratio < found.pace.high < 0.5
    assert (found.touched, found.drawn) == (2.0, 2.0)  # one deleted and one drawn; two drawn
    with pytest.raises(MeasureError, match="8 answers with a suggestion and 2 without are too few"):
        correcting(shown, blind[:2], rng=np.random.default_rng(0))


def test_random_items_count_as_items_without_a_suggestion_by_their_regions() -> None:
    # of six regions with a suggestion: 3 s and 2 s a region; without: 3 s and 8 s a region, of at most two regions
    shown = [answered(i, 15.0, 6, shown=6, kept=6) for i in range(8)]
    at_random = [answered(20 + i, 3.0 + 8 * (i % 3), i % 3) for i in range(9)]
    found = correcting(shown, [], at_random, rng=np.random.default_rng(0))
    assert found.how == "regions" and found.pace.drawn == 9
    assert found.pace.ratio == pytest.approx(15 / 51) and found.drawn == 1.0
    assert "as long as a blind one with as many regions" in found.to_text()
    # items that chance divided are better, where there are enough of them
    blind = [answered(40 + i, 51.0, 6) for i in range(4)]
    assert correcting(shown, blind, at_random, rng=np.random.default_rng(0)).how == "chance"
    with pytest.raises(MeasureError, match="8 answers with a suggestion and 2 without"):
        correcting(shown, [], at_random[:2], rng=np.random.default_rng(0))


def test_effort_counts_the_newest_answer_of_an_item_and_the_time_of_all() -> None:
    first, again = answered(0, 10.0, 3), answered(0, 4.0, 1)
    found = region_effort([first, again, answered(1, 4.0, 0), answered(2, None, 1)])
    assert (found.items, found.empty, found.regions) == (3, 1, 2)
    assert found.seconds == 22.0 and found.per_item == pytest.approx(22 / 3)  # a missing time counts as the median
    assert region_effort([]).per_item is None


def test_effort_adds_up_what_became_of_the_suggestions_of_the_newest_answers() -> None:
    old, new = answered(0, 5.0, 9, shown=9, kept=9), answered(0, 5.0, 3, shown=3, kept=2)
    found = region_effort([old, new, answered(1, 5.0, 2, shown=2, kept=1), answered(2, 5.0, 4)])
    assert found.done == Corrections(kept=3, deleted=2, drawn=2)  # the third item had no suggestion
    assert (found.regions, found.items) == (9, 3)


def test_forgotten_items_took_time_and_are_no_items() -> None:
    given = [answered(0, 10.0, 3), answered(1, 4.0, 1)]
    found = region_effort(given, forgotten={"i0"})
    assert (found.items, found.regions, found.seconds) == (1, 1, 14.0)
    assert found.per_item == found.per_region == 4.0


def test_a_pace_is_measured_from_drawing_first_and_then_from_what_correcting_adds() -> None:
    plain = [answered(i, 3.0 + 8 * (i % 3), i % 3) for i in range(12)]
    assert region_pace(plain[:9]) is None and region_pace([answered(i, 5.0, 2) for i in range(12)]) is None
    # 3 s an item, 8 s a region that is drawn, 2 s one that is deleted
    shown = [answered(20 + i, 3.0 + 8 * 1 + 2 * 3, 3, shown=5, kept=2) for i in range(4)]
    found = region_pace([*plain, *shown])
    assert found is not None and (found.item, found.region, found.correction) == pytest.approx((3, 8, 2))
    few = region_pace([*plain, *shown[:3]])
    assert few is not None and few.correction is None and few.region == pytest.approx(8)  # nine corrected regions
    quick = [answered(20 + i, 5.0, 3, shown=5, kept=2) for i in range(4)]
    at_once = region_pace([*plain, *quick])
    assert at_once is not None and at_once.correction == 0.0


@pytest.mark.parametrize("kind", ["box", "mask", "segment", "span"])
def test_only_spans_are_also_compared_with_any_overlap(kind: PlaceKind) -> None:
    found = region_quality([((), ())], kind, ["a"])
    assert (found.any_overlap is not None) == (kind == "span")
    assert (found.items, found.all.f1, found.classes["a"].recall) == (1, None, None)
