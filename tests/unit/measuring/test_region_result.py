"""The result of a simulation with regions, from tracks that are written down here."""

from __future__ import annotations

import json

import numpy as np
import pytest

from activessl.errors import MeasureError
from activessl.labels.regions.corrections import Corrections
from activessl.labels.regions.matching import Counts
from activessl.measuring.planning.region_pace import BAND, RegionPace, drawing_pace
from activessl.measuring.simulation.region_result import RegionSimulation
from activessl.measuring.simulation.region_seconds import first_at, hours_text, region_hours
from activessl.measuring.simulation.region_track import RegionTrack

PACE = RegionPace(1.0, 10.0, 5.0)


def track(f1: tuple[float, ...], regions: tuple[int, ...], drawn: tuple[int, ...] | None = None) -> RegionTrack:
    """A track whose precision and recall are both the F1."""
    counts = tuple(Counts(round(100 * one), 100, 100) for one in f1)
    return RegionTrack(counts, regions, regions, (0.5,) * len(f1), drawn or regions, (0,) * len(f1))


OURS = track((0.2, 0.6, 0.8), (10, 30, 60), (10, 20, 30))
RANDOM = track((0.2, 0.4, 0.6), (10, 20, 40))


def result(*names: str, ours: RegionTrack = OURS, random: RegionTrack = RANDOM, seeds: int = 3) -> RegionSimulation:
    settings = {"seed": 0, "share_with_regions": 0.5, "regions_per_item_with_regions": 2.0, "quality": "F1"}
    tracks = {**{name: [ours] * seeds for name in names}, "random": [random] * seeds}
    return RegionSimulation(tracks, (10, 20, 40), settings, PACE)


def test_regions_are_saved_at_the_f1_that_both_reach() -> None:
    found = result("auto")
    assert found.regions_saved("auto") == pytest.approx(1 - 30 / 40)  # 0.6 with 30 regions, and with 40
    assert found.regions_saved("random") == 0
    more = result("auto", ours=track((0.2, 0.4, 0.5), (10, 30, 60)))
    assert more.regions_saved("auto") == pytest.approx(1 - 60 / 30)  # 0.5 lies between 20 and 40
    assert "100 % more drawn regions" in more.to_text() and "25 % fewer drawn regions" in found.to_text()
    assert result("auto", ours=track((0, 0, 0), (1, 2, 3))).regions_saved("auto") is None


def test_items_are_saved_at_the_f1_of_random_choice_and_none_where_that_is_0() -> None:
    saved = result("auto").savings("auto")
    assert saved is not None and saved.saved == pytest.approx(0.5)  # 0.6 with 20 items instead of 40
    nothing = result("auto", random=track((0, 0, 0), (1, 2, 3)))
    assert nothing.savings("auto") is None and "no saving measured" in nothing.to_text()
    with pytest.raises(MeasureError, match="no strategy 'other'"):
        result("auto").savings("other")


def test_the_dictionary_holds_every_figure_of_every_seed() -> None:
    told = json.loads(json.dumps(result("auto").to_dict(), allow_nan=False))
    auto, random = told["curves"]["auto"], told["curves"]["random"]
    assert auto["labels"] == [10, 20, 40] and auto["quality"] == [[0.2, 0.6, 0.8]] * 3
    assert auto["mean"] == auto["low"] == auto["high"] == [0.2, 0.6, 0.8]
    assert auto["regions"] == auto["items_with_regions"] == [[10, 30, 60]] * 3 and auto["drawn"] == [[10, 20, 30]] * 3
    assert auto["precision"] == auto["recall"] == auto["quality"] and auto["seconds"] == [[0.5] * 3] * 3
    assert auto["corrected"] == [[0, 0, 0]] * 3
    assert auto["wins_against_random"] > 0.5 and random["wins_against_random"] == 0.5
    assert told["savings"]["auto"]["regions"] == 0.25 and "random" not in told["savings"]
    assert told["settings"]["pace"] == {"item": 1.0, "region": 10.0, "correction": 5.0}


def test_unequal_precision_and_recall_are_told_apart_and_missing_ones_are_null() -> None:
    one = RegionTrack(
        (Counts(1, 2, 4), Counts(0, 0, 4), Counts(3, 3, 4)), (1, 2, 3), (1, 1, 2), (0, 0, 0), (1, 2, 3), (0, 1, 2)
    )
    told = result("auto", ours=one, seeds=2).to_dict()["curves"]["auto"]
    assert told["precision"][0] == [0.5, None, 1.0] and told["recall"][0] == [0.25, 0.0, 0.75]
    assert told["quality"][0][:2] == [pytest.approx(1 / 3, abs=1e-6), 0.0]
    assert told["items_with_regions"][0] == [1, 1, 2] and told["corrected"][0] == [0, 1, 2]


def test_hours_are_counted_by_what_people_do() -> None:
    ours = RegionTrack(OURS.counts, (10, 30, 60), (1, 1, 1), (0.0,) * 3, (10, 20, 30), (0, 4, 10))
    (found,) = result("auto", ours=ours).hours("auto")
    assert found.share == 0.5
    assert found.seconds == pytest.approx((10 + 100, 20 + 200 + 4 * 5, 40 + 300 + 10 * 5))
    assert found.nothing == pytest.approx((110, 320, 640))
    assert found.same_items == pytest.approx(390 / 640)
    assert found.same_quality == pytest.approx(240 / 440)  # 0.6: with 20 items, and with 40 random ones
    assert (found.low, found.high) == pytest.approx((240 / 440, 240 / 440))
    few = region_hours([ours] * 2, [RANDOM] * 2, (10, 20, 40), PACE, 0.5, rng=np.random.default_rng(0))
    assert few.low is None and few.high is None and few.same_quality == pytest.approx(240 / 440)
    zero = region_hours(
        [track((0, 0), (1, 2))] * 3, [track((0, 0), (1, 2))] * 3, (5, 9), PACE, 0.5, rng=np.random.default_rng(0)
    )
    assert zero.same_quality is None and zero.low is None
    assert hours_text([zero, found], RegionPace())[1].startswith("?, 0.55 (0.55 to 0.55) of the time")
    assert "a correction of 0.5, 0.5 of a region" in hours_text([zero, found], RegionPace())[0]


def test_an_interval_of_hours_spreads_over_the_seeds() -> None:
    slow, fast = track((0.2, 0.4, 0.6), (10, 30, 60)), track((0.6, 0.7, 0.8), (10, 30, 60))
    found = region_hours([slow, fast, fast], [RANDOM] * 3, (10, 20, 40), PACE, 0.5, rng=np.random.default_rng(0))
    assert found.low is not None and found.high is not None and found.same_quality is not None
    assert found.low < found.same_quality < found.high


def test_what_is_spent_is_read_off_between_two_points() -> None:
    smooth, spent = np.array([0.2, 0.2, 0.6, 0.6]), np.array([10.0, 20.0, 40.0, 80.0])
    assert first_at(smooth, spent, 0.1) == first_at(smooth, spent, 0.2) == 10.0
    assert first_at(smooth, spent, 0.3) == pytest.approx(25.0)
    assert first_at(smooth, spent, 0.6) == pytest.approx(40.0)


def test_a_pace_is_refused_outside_of_its_range_and_zero_is_inside_of_it() -> None:
    for wrong in (
        (-1.0, 8.0, None),
        (1.0, 0.0, None),
        (1.0, 8.0, -1.0),
        (float("nan"), 8.0, None),
        (1.0, float("inf"), 2.0),
    ):
        with pytest.raises(MeasureError, match="seconds"):
            RegionPace(*wrong)
    assert RegionPace(0.0, 8.0, 0.0).shares == (0.0,) and RegionPace(0.0, 8.0).shares == BAND
    done = Corrections(kept=9, changed=2, deleted=1, drawn=4)
    assert RegionPace(1.0, 10.0).correcting(5, done) == 5 + 40 + 3 * 5  # the middle of the band
    assert RegionPace(1.0, 10.0).correcting(5, done, 1.0) == 5 + 40 + 3 * 10
    assert PACE.drawing(5, 4) == 45


def test_the_pace_of_drawing_is_least_squares_without_a_time_below_0() -> None:
    regions, seconds = np.array([0.0, 1, 2, 3]), np.array([2.0, 9.0, 21.0, 30.0])
    region, item = np.polyfit(regions, seconds, 1)
    assert drawing_pace(seconds, regions) == pytest.approx((item, region))
    assert drawing_pace(np.array([9.0, 5.0, 4.0]), np.array([0.0, 1, 2])) == (6.0, 0.0)  # more regions in less time
    assert drawing_pace(np.array([5.0, 7.0]), np.array([2.0, 2.0])) == (6.0, 0.0)
    assert drawing_pace(np.array([1.0, 10.0]), np.array([1.0, 2.0])) == pytest.approx((0.0, 21 / 5))


def test_random_choice_that_finds_regions_only_with_all_items_is_a_baseline() -> None:
    late = track((0.0, 0.0, 0.6), (10, 20, 40))
    saved = result("auto", random=late).savings("auto")
    assert saved is not None and saved.saved == pytest.approx(0.5)
    worse = result("auto", ours=track((0.5, 0.6, 0.6), (10, 20, 40)), random=track((0.5, 0.6, 0.0), (10, 20, 40)))
    assert worse.savings("auto") is not None  # curves do not fall


def test_of_no_drawn_region_nothing_is_saved() -> None:
    none = track((0.2, 0.4, 0.6), (0, 0, 0))
    assert result("auto", random=none).regions_saved("auto") is None
