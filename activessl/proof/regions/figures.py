"""The figures of a project of regions: quality by random items, time, and what suggestions save. Needs no head."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from activessl.errors import MeasureError
from activessl.labels.answers import Answer
from activessl.labels.regions.matching import counted, needed_overlap
from activessl.labels.regions.places import PlaceKind
from activessl.labels.regions.region import Regions
from activessl.labels.regions.stored import read_stored
from activessl.ledger.history import History, RoundHistory
from activessl.measuring.planning.region_hours import Correcting, RegionEffort, correcting, region_effort
from activessl.measuring.planning.region_pace import RegionPace, region_pace
from activessl.measuring.quality.region_quality import ClassRegions, Ratio, RegionQuality, region_quality
from activessl.project.config import Config

__all__ = ["FEWEST_ITEMS", "RegionFigures", "class_rows", "ratio_text"]

#: Random items from which on the quality is told.
FEWEST_ITEMS = 10
#: The newest rounds that have so many random items and regions are compared: older models were worse.
_ENOUGH_ITEMS, _ENOUGH_REGIONS = 30, 60


@dataclass(frozen=True)
class RegionFigures:
    """The figures of a project of regions, computed at first use.

    Args:
        config: Its config.
        history: Its history.
    """

    config: Config
    history: History
    _read: dict[str, Regions] = field(default_factory=dict, compare=False, repr=False)

    @property
    def place(self) -> PlaceKind:
        """What regions are."""
        drawing = self.config.data.drawing
        if drawing is None:
            raise MeasureError("the project has no regions", hint="run `activessl status`")
        return drawing.place

    @cached_property
    def forgotten(self) -> frozenset[str]:
        """Items whose regions were erased: they would count as items that hold none."""
        return frozenset(one.name for one in self.history.erased if one.what == "item")

    def people(self, item: str) -> Regions:
        """People's regions of a labeled item."""
        if item not in self._read:
            rows = self.history.labels[item].regions or ()
            self._read[item] = tuple(one for one in read_stored(rows) if one.kind == self.place)
        return self._read[item]

    @cached_property
    def pairs(self) -> dict[int, list[tuple[str, Regions, Regions]]]:
        """By round, each random item that was answered blind: people's regions, and the model's of before."""
        found: dict[int, list[tuple[str, Regions, Regions]]] = {}
        for r in self.history.rounds:
            for question in r.questions:
                label, rows = self.history.labels.get(question.item), r.foreseen.get(question.item)
                # an item that was labeled before a class was added says nothing about that class, and people who see
                # the model's regions follow them
                measures = question.kind == "random" and question.blind and question.item not in self.forgotten
                if measures and rows is not None and label is not None and not label.unknown:
                    found.setdefault(r.number, []).append(
                        (question.item, self.people(question.item), read_stored(rows))
                    )
        return found

    @property
    def random_items(self) -> int:
        """Random items with an answer that a model had seen before nobody had answered."""
        return sum(map(len, self.pairs.values()))

    @cached_property
    def quality(self) -> RegionQuality | None:
        """The quality of the newest models; None with fewer than 10 random items."""
        if self.random_items < FEWEST_ITEMS:
            return None
        taken: list[tuple[Regions, Regions]] = []
        numbers: list[int] = []
        for number in sorted(self.pairs, reverse=True):
            if len(taken) >= _ENOUGH_ITEMS and sum(len(true) for true, _ in taken) >= _ENOUGH_REGIONS:
                break
            taken += [(true, predicted) for _, true, predicted in self.pairs[number]]
            numbers.append(number)
        found = region_quality(taken, self.place, self.config.data.classes)
        return RegionQuality(
            found.kind,
            found.overlap,
            found.level,
            found.items,
            found.all,
            found.any_overlap,
            found.classes,
            (min(numbers), max(numbers)),
        )

    @property
    def quality_text(self) -> str:
        """The quality over all classes in one sentence, or why it is not measured."""
        found = self.quality
        if found is None:
            if self.history.taught is None:
                return "not measured: there is no model yet"
            return (
                f"not measured yet: {self.random_items} of {FEWEST_ITEMS} random items, drawn after the first model; "
                "draw more with `activessl query --strategy random`"
            )
        what = "exact" if found.overlap == 1 else f"overlap of {found.overlap:g}"
        parts = [
            f"{name} {ratio_text(value)}"
            for name, value in (
                ("F1", found.all.f1),
                ("recall", found.all.recall),
                ("precision", found.all.precision),
            )
        ]
        first, last = found.rounds
        rounds = f"round {last}" if first == last else f"rounds {first} to {last}"
        drawn = f"{found.items:,} random items of {rounds}, predicted before they were labeled"
        return f"{'; '.join(parts)} ({what}; {drawn}; 90 % intervals)"

    @cached_property
    def effort(self) -> RegionEffort:
        """What was drawn, and how long it took."""
        return region_effort(list(self.history.answers.values()), self.forgotten)

    @cached_property
    def correcting(self) -> Correcting | str:
        """Correcting compared with drawing; or why it is not known."""
        shown: list[Answer] = []
        blind: list[Answer] = []
        at_random: list[Answer] = []
        for r, answer in self._first_looks():
            question = self.history.questions[answer.question]
            if not any(push.suggestions for push in r.pushed):
                continue
            # where all random questions are blind, chance divided the others only
            apart = question.kind == "random" and self.config.annotator.blind_random
            (at_random if apart else blind if question.blind else shown).append(answer)
        try:
            return correcting(shown, blind, at_random, rng=np.random.default_rng([self.config.seed, 11]))
        except MeasureError as error:
            return error.message

    @cached_property
    def pace(self) -> RegionPace | None:
        """The seconds of an item, a region and a correction; None with too few times."""
        return region_pace([answer for _, answer in self._first_looks()])

    def _first_looks(self) -> Iterator[tuple[RoundHistory, Answer]]:
        """Yield answers with regions to the first question about their item, with the round of the question."""
        of = {question.id: r for r in self.history.rounds for question in r.questions}
        for answer in self.history.answers.values():
            first = answer.kind == "label" and not answer.imported and answer.asking == 1
            if first and answer.question in of and answer.item not in self.forgotten:
                yield of[answer.question], answer

    @cached_property
    def differing(self) -> tuple[str, ...]:
        """Items on which people's newest drawings do not match: a class differs, or a place overlaps too little."""
        found = []
        for item, label in self.history.labels.items():
            last = {answer.annotator: answer for answer in label.answers}
            if len(last) > 1:
                first, *others = (read_stored(answer.regions or ()) for answer in last.values())
                if any(
                    counted(first, other, overlap=needed_overlap(self.place)).f1 not in (1.0, None) for other in others
                ):
                    found.append(item)
        return tuple(found)

    def to_dict(self) -> dict[str, Any]:
        """All figures, ready for JSON; None where a figure does not exist."""
        compared = self.correcting
        return {
            "quality": None if self.quality is None else self.quality.to_dict(),
            "random_items": self.random_items,
            "effort": self.effort.to_dict(),
            "pace": None if self.pace is None else self.pace.to_dict(),
            "correcting": None if isinstance(compared, str) else compared.to_dict(),
            "correcting_unknown": compared if isinstance(compared, str) else None,
            "differing": list(self.differing),
        }


def ratio_text(value: Ratio | None) -> str:
    """A share with its interval.

    Example:
        >>> ratio_text(Ratio(0.5, 0.25, 0.75, 8, 5)), ratio_text(None)
        ('0.50 (0.25 to 0.75)', '–')
    """
    return "–" if value is None else f"{value.value:.2f} ({value.low:.2f} to {value.high:.2f})"


def class_rows(quality: RegionQuality) -> list[tuple[str, ClassRegions]]:
    """The classes, and all of them together, in the order of a table."""
    return [*quality.classes.items(), ("all", quality.all)]
