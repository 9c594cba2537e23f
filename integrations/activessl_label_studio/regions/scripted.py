"""A scripted person who draws regions through the server, as a browser does, for demonstrations and tests.

The person sees the suggested regions, keeps those that are nearly right, corrects those that are near, deletes the
others, and draws what is missing. The true regions come from a mapping; the ledger is not read.
"""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from activessl.errors import AnnotatorError
from activessl.labels.regions.corrections import Corrections
from activessl.labels.regions.overlap import iou
from activessl.labels.regions.region import Region, Regions
from activessl_label_studio.mapping import item_of
from activessl_label_studio.regions.extents import Extent, Unreadable, extent_of_task
from activessl_label_studio.regions.results import ENTRIES, ORIGIN, Entry, read_result, write_result
from activessl_label_studio.regions.tags import RegionControl, read_region_config
from activessl_label_studio.stream import LabelStream

__all__ = ["DrawingHabits", "Drew", "ScriptedDrawer"]


@dataclass(frozen=True, slots=True)
class DrawingHabits:
    """How the scripted person draws. The times are SIMULATED: sent as ``lead_time``, slept only with ``sleep``.

    Attributes:
        skips: Share of items that are skipped, in [0, 1].
        keeps: A suggested region of the right class that overlaps the true one this much is left as it is, in (0, 1].
        corrects: A suggested region that overlaps a true one this much is corrected, in (0, 1].
        looking: Median seconds to look at an item.
        drawing: Median seconds to draw a region.
        correcting: Median seconds to correct a region, or to delete one.
        spread: Standard deviation of the times' logarithm.
        sleep: Whether to wait for that time.
    """

    skips: float = 0.0
    keeps: float = 0.9
    corrects: float = 0.2
    looking: float = 2.0
    drawing: float = 6.0
    correcting: float = 2.5
    spread: float = 0.3
    sleep: bool = False


@dataclass(frozen=True, slots=True)
class Drew:
    """What the person did.

    Attributes:
        answered: Items answered; an item without regions counts.
        skipped: Items skipped.
        regions: What was done with the regions.
        seconds: Simulated working time, as reported to the server.
        items: The ids in the order in which the server offered them.
    """

    answered: int
    skipped: int
    regions: Corrections
    seconds: float
    items: tuple[str, ...] = field(repr=False)


class ScriptedDrawer:
    """A scripted person in the label stream of a project of regions.

    Args:
        url: The server's address.
        email: The e-mail address of the person.
        password: The password of the person.
        project: The project's number.
        task: What is drawn: "boxes", "masks", "spans" or "segments".
        truth: Item id to its true regions; an empty tuple for an item without.
        habits: How the person draws.
        seed: The seed of all random numbers.
    """

    def __init__(
        self,
        url: str,
        email: str,
        password: str,
        project: int,
        task: str,
        truth: Mapping[str, Regions],
        *,
        habits: DrawingHabits | None = None,
        seed: int = 0,
    ) -> None:
        self.url, self.email, self.project, self.task = url.rstrip("/"), email, project, task
        self.habits = habits or DrawingHabits()
        self._truth = truth
        self._rng = np.random.default_rng(seed)
        self._stream = LabelStream(self.url, email, password, project)

    def __repr__(self) -> str:
        return f"ScriptedDrawer({self.url!r}, {self.email!r}, project={self.project})"

    def close(self) -> None:
        """Close the session."""
        self._stream.close()

    def work(self, n: int) -> Drew:
        """Answer up to n tasks, in the order in which the server offers them.

        Args:
            n: The largest number of tasks, >= 0; fewer if the server has no more.

        Raises:
            AnnotatorError: The server refuses, or offers an item that is not in ``truth``.
        """
        control = read_region_config(self._stream.label_config(), self.task)
        answered = skipped = 0
        done, seconds = Corrections(), 0.0
        items: list[str] = []
        for task, question, truth in self._stream.offered(n, self._truth, "regions are"):
            shown = next(iter(task.get("predictions") or ()), None)
            extent = extent_of_task(task, control)
            try:
                result, did = self._draw(truth, shown, control, extent)
            except Unreadable as why:
                raise AnnotatorError(
                    f"a region of {item_of(task)!r} {why}", hint="give regions that the item can have"
                ) from None
            skip = bool(self._rng.random() < self.habits.skips)
            took = self._time(Corrections() if skip else did)
            if self.habits.sleep:
                time.sleep(took)
            parent = int(shown["id"]) if shown is not None else None
            self._stream.submit(task, [] if skip else result, seconds=took, skipped=skip, parent=parent)
            items.append(question)
            seconds += took
            answered += not skip
            skipped += skip
            done = done if skip else done + did
        return Drew(answered, skipped, done, seconds, tuple(items))

    def _draw(
        self, truth: Regions, shown: Mapping[str, Any] | None, control: RegionControl, extent: Extent
    ) -> tuple[list[Entry], Corrections]:
        """Return the result that the person submits, and what was done."""
        free = list(read_result((shown or {}).get("result") or [], control, extent).regions)
        found: list[Entry] = []
        kept = changed = 0
        for region in truth:
            best = max(free, key=lambda one: iou(one.place, region.place), default=None)
            overlap = iou(best.place, region.place) if best is not None else 0.0
            if best is None or overlap < self.habits.corrects:
                drawn = Region(region.place, region.classes, id=uuid.uuid4().hex[:10])
                found += _of_origin(write_result((drawn,), control, extent), "manual")
                continue
            free.remove(best)
            if overlap >= self.habits.keeps and set(best.classes) == set(region.classes):
                kept += 1
                found += _of_origin(write_result((best,), control, extent), "prediction")
            else:
                changed += 1
                moved = Region(region.place, region.classes, best.score, best.id, {ENTRIES: best.rest.get(ENTRIES)})
                found += _of_origin(write_result((moved,), control, extent), "prediction-changed")
        return found, Corrections(kept, changed, len(free), len(truth) - kept - changed)

    def _time(self, did: Corrections) -> float:
        habits = self.habits
        median = habits.looking + habits.drawing * did.drawn + habits.correcting * (did.changed + did.deleted)
        return round(median * math.exp(habits.spread * self._rng.standard_normal()), 3)


def _of_origin(entries: Sequence[Entry], origin: str) -> list[Entry]:
    return [entry | {ORIGIN: origin} for entry in entries]
