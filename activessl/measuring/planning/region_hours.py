"""The seconds of drawing: of an item, of a region, and of correcting the model's regions instead of drawing them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from activessl.errors import MeasureError
from activessl.labels.answers import Answer
from activessl.labels.regions.corrections import Corrections, corrections
from activessl.measuring.planning.hours import Tax, difficulty_tax
from activessl.measuring.planning.region_pace import drawing_pace
from activessl.measuring.planning.times import idle_bound, labeling_times, usable_seconds

__all__ = ["Correcting", "RegionEffort", "correcting", "region_effort"]


@dataclass(frozen=True, slots=True)
class RegionEffort:
    """What was drawn, and how long it took.

    Attributes:
        items: Items with an answer.
        empty: Of these, items that hold no region.
        regions: Regions of the others.
        seconds: Time of all answers, also about items that are asked about again or were forgotten, with idle times
            cut and missing times filled in; None if none was recorded.
        per_item: Seconds for an item with an answer, with skips and repeats; without items that are asked about again
            or were forgotten.
        per_region: Seconds for a region, with the time of items that hold none.
        done: What became of the regions that were suggested.
    """

    items: int
    empty: int
    regions: int
    seconds: float | None
    per_item: float | None
    per_region: float | None
    done: Corrections = field(default_factory=Corrections)

    def to_dict(self) -> dict[str, Any]:
        """The same, ready for JSON."""
        return asdict(self)


def region_effort(answers: Sequence[Answer], forgotten: Collection[str] = ()) -> RegionEffort:
    """Add up drawings and times.

    Args:
        answers: Valid answers, oldest first; imported ones and deletions are left out.
        forgotten: Items whose regions were erased: their time was spent, and nothing else is known of them.

    Example:
        >>> from datetime import UTC, datetime
        >>> def drew(i, count, seconds):
        ...     regions = tuple({"kind": "span", "start": k, "end": k + 1, "classes": ["a"]} for k in range(count))
        ...     now = datetime.now(UTC)
        ...     return Answer(f"k{i}", f"s{i}", f"i{i}", "label", ("a",), "ann", seconds, now, regions=regions)
        >>> found = region_effort([drew(0, 2, 10.0), drew(1, 0, 4.0)])
        >>> found.items, found.empty, found.regions, found.per_item, found.per_region
        (2, 1, 2, 7.0, 7.0)
    """
    every = labeling_times([a for a in answers if a.kind in ("label", "skip", "unread") and not a.imported])
    # an answer whose class is open now, because it was split, is of no item with an answer, but took its time
    counts = [t for t in every if t.answer.kind != "unread" and t.answer.item not in forgotten]
    given = [a for a in answers if a.kind == "label" and not a.imported and a.item not in forgotten]
    last = {a.item: a for a in given if a.regions is not None}
    regions = sum(len(a.regions or ()) for a in last.values())
    seconds = sum(one.seconds for one in counts) if counts else None
    done = Corrections()
    for answer in last.values():
        if answer.suggested is not None:
            done = done + corrections(answer.regions or (), answer.suggested)
    return RegionEffort(
        items=len(last),
        empty=sum(not a.regions for a in last.values()),
        regions=regions,
        seconds=sum(one.seconds for one in every) if every else None,
        per_item=None if seconds is None or not last else seconds / len(last),
        per_region=None if seconds is None or not regions else seconds / regions,
        done=done,
    )


@dataclass(frozen=True, slots=True)
class Correcting:
    """Correcting the model's regions, compared with drawing from nothing.

    Attributes:
        pace: Time of an item with a suggestion divided by that of a blind item, within annotators.
        touched: Regions that were drawn, moved or deleted, on average, in an item with a suggestion.
        drawn: Regions that were drawn, on average, in a blind item.
        how: "chance": among items that chance divided. "regions": with the time that a blind item with as many regions
            takes, because chance left too few of the chosen items without a suggestion.
    """

    pace: Tax
    touched: float
    drawn: float
    how: Literal["chance", "regions"] = "chance"

    def to_dict(self) -> dict[str, Any]:
        """The same, ready for JSON."""
        return asdict(self)

    def to_text(self) -> str:
        """One sentence.

        Example:
            >>> print(Correcting(Tax(0.5, 0.4, 0.65, 30, 12), 0.4, 2.0).to_text())
            an item with suggestions took 0.50 times as long as a blind one (0.40 to 0.65; 30 and 12 items); 0.4 regions
            were changed or drawn in it, 2.0 in a blind one
        """
        one = "a blind one" if self.how == "chance" else "a blind one with as many regions"
        return (
            f"an item with suggestions took {self.pace.ratio:.2f} times as long as {one} ({self.pace.low:.2f} to "
            f"{self.pace.high:.2f}; {self.pace.chosen:,} and {self.pace.drawn:,} items); {self.touched:.1f} regions "
            f"were changed or drawn in it, {self.drawn:.1f} in a blind one"
        )


def correcting(
    shown: Sequence[Answer],
    blind: Sequence[Answer],
    at_random: Sequence[Answer] = (),
    *,
    rng: np.random.Generator,
    level: float = 0.9,
) -> Correcting:
    """Compare correcting with drawing.

    Args:
        shown: Answers about items with a suggestion.
        blind: Answers about items of the same rounds that chance left without one.
        at_random: Answers about random items of these rounds, which all have none. They are not like the chosen items:
            where ``blind`` are too few, they are compared by their number of regions.
        rng: Random numbers of the resampling.
        level: Probability of the interval.

    Raises:
        MeasureError: No annotator has at least 3 usable times of each kind; the message says how many there are.
    """
    without: Sequence[Answer] = blind
    how: Literal["chance", "regions"] = "chance"
    try:
        pace = difficulty_tax(shown, blind, rng=rng, level=level)
    except MeasureError:
        without, how = [*blind, *at_random], "regions"
        found = _by_regions(shown, without, rng, level)
        if found is None:
            raise MeasureError(
                f"{len(shown):,} answers with a suggestion and {len(without):,} without are too few to compare: one "
                "person needs 3 of each, with times",
                hint="set annotator.blind_share above 0, and label further rounds",
            ) from None
        pace = found
    touched = [corrections(a.regions or (), a.suggested).touched for a in shown]
    drawn = float(np.mean([len(a.regions or ()) for a in without]))
    return Correcting(pace, float(np.mean(touched)), drawn, how)


def _by_regions(
    shown: Sequence[Answer], without: Sequence[Answer], rng: np.random.Generator, level: float
) -> Tax | None:
    """The time of items with suggestions, divided by that of drawing as many regions from nothing, within annotators.

    None if no annotator has 3 usable times of each.
    """
    pairs = []
    for who in sorted({a.annotator for a in shown} & {a.annotator for a in without}):
        ours, theirs = (
            np.array([(t, len(a.regions or ())) for a in some if a.annotator == who and (t := usable_seconds(a))])
            for some in (shown, without)
        )
        if len(ours) >= 3 and len(theirs) >= 3:
            bound = idle_bound([*ours[:, 0].tolist(), *theirs[:, 0].tolist()])
            pairs.append([np.minimum(one, (bound, np.inf)) for one in (ours, theirs)])
    if not pairs:
        return None

    def ratio(sides: Sequence[Sequence[Float[np.ndarray, "n 2"]]]) -> float:
        needed = sum(float(_drawn_anew(theirs, ours[:, 1]).sum()) for ours, theirs in sides)
        return sum(float(ours[:, 0].sum()) for ours, _ in sides) / needed

    resampled = [ratio([[some[rng.integers(0, len(some), len(some))] for some in pair] for pair in pairs])
                 for _ in range(1_000)]  # fmt: skip
    tail = (1 - level) / 2
    low, high = (float(np.quantile(resampled, at)) for at in (tail, 1 - tail))
    chosen, drawn = (sum(len(pair[side]) for pair in pairs) for side in (0, 1))
    return Tax(ratio(pairs), low, high, chosen, drawn)


def _drawn_anew(known: Float[np.ndarray, "n 2"], regions: Float[np.ndarray, " m"]) -> Float[np.ndarray, " m"]:
    """The seconds of items with so many regions, drawn from nothing, by items with known seconds and regions."""
    item, region = drawing_pace(*known.T)
    return np.asarray(item + region * regions)
