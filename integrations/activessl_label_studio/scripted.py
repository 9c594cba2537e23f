"""A scripted annotator who labels through the server, as a browser does, for demonstrations and tests.

It signs in with an address and a password, requests the next task as the browser does, reads what the browser shows,
and submits. It does not read the ledger. It reads the true class from a mapping, and makes mistakes at a given rate.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from activessl_label_studio.labels import Control, read_config
from activessl_label_studio.mapping import named_in, to_result
from activessl_label_studio.stream import LabelStream

__all__ = ["Habits", "ScriptedAnnotator", "Worked"]


@dataclass(frozen=True, slots=True)
class Habits:
    """How the scripted annotator behaves. The times are SIMULATED: sent as ``lead_time``, slept only with ``sleep``.

    Attributes:
        mistakes: Share of items that are labeled as a neighbouring class, in [0, 1].
        anchoring: Share of wrong suggestions that are confirmed, in [0, 1].
        skips: Share of items that are skipped, in [0, 1].
        seconds: Median time for an item, in seconds; single times are log-normal around the median.
        spread: Standard deviation of the times' logarithm.
        confirming: Factor on the time if the suggestion is confirmed, in (0, 1].
        sleep: Whether to wait for that time.
    """

    mistakes: float = 0.02
    anchoring: float = 0.05
    skips: float = 0.01
    seconds: float = 4.2
    spread: float = 0.35
    confirming: float = 0.6
    sleep: bool = False


@dataclass(frozen=True, slots=True)
class Worked:
    """What the annotator did.

    Attributes:
        labeled: Labels given.
        skipped: Tasks skipped.
        mistakes: Labels that differ from the true class.
        accepted: Labels equal to the shown suggestion.
        seconds: Simulated working time, as reported to the server.
        items: The ids in the order in which the server offered them.
    """

    labeled: int
    skipped: int
    mistakes: int
    accepted: int
    seconds: float
    items: tuple[str, ...] = field(repr=False)


class ScriptedAnnotator:
    """A scripted annotator in the label stream of one project.

    Args:
        url: The server's address.
        email: The e-mail address of the annotator.
        password: The password of the annotator.
        project: The project's number.
        truth: Item id to true class or classes.
        neighbours: Class to the classes that it is confused with; by default those next to it in the label config.
        habits: How the annotator behaves.
        seed: The seed of all random numbers.
    """

    def __init__(
        self,
        url: str,
        email: str,
        password: str,
        project: int,
        truth: Mapping[str, str | Sequence[str]],
        *,
        neighbours: Mapping[str, Sequence[str]] | None = None,
        habits: Habits | None = None,
        seed: int = 0,
    ) -> None:
        self.url, self.email, self.project = url.rstrip("/"), email, project
        self.habits = habits or Habits()
        self._truth, self._neighbours = truth, neighbours or {}
        self._rng = np.random.default_rng(seed)
        self._stream = LabelStream(self.url, email, password, project)

    def __repr__(self) -> str:
        return f"ScriptedAnnotator({self.url!r}, {self.email!r}, project={self.project})"

    def close(self) -> None:
        """Close the session."""
        self._stream.close()

    def work(self, n: int) -> Worked:
        """Answer up to n tasks, in the order in which the server offers them.

        Args:
            n: The largest number of tasks, >= 0; fewer if the server has no more.

        Raises:
            AnnotatorError: The server refuses, or offers an item that is not in ``truth``.
        """
        control = read_config(self._stream.label_config())
        labeled = skipped = mistakes = accepted = 0
        seconds = 0.0
        items: list[str] = []
        for task, question, said in self._stream.offered(n, self._truth, "true class is"):
            # a choice may show another name than that in its results
            truth = tuple(control.stored.get(name, name) for name in ((said,) if isinstance(said, str) else said))
            shown, parent = _preselected(task, control)
            chosen = self._decide(truth, shown, control)
            took = self._time(confirms=bool(shown) and set(chosen or ()) == set(shown))
            if self.habits.sleep:
                time.sleep(took)
            self._stream.submit(
                task, to_result(chosen or (), control), seconds=took, skipped=chosen is None, parent=parent
            )
            items.append(question)
            seconds += took
            labeled += chosen is not None
            skipped += chosen is None
            mistakes += chosen is not None and set(chosen) != set(truth)
            accepted += bool(shown) and set(chosen or ()) == set(shown)
        return Worked(labeled, skipped, mistakes, accepted, seconds, tuple(items))

    def _decide(self, truth: tuple[str, ...], shown: tuple[str, ...], control: Control) -> tuple[str, ...] | None:
        """Return what the annotator submits; None for a skip. Uses the same number of random numbers for each task."""
        skip, mistake, anchor, which = self._rng.random(4)
        if skip < self.habits.skips:
            return None
        if shown and set(shown) != set(truth) and anchor < self.habits.anchoring:
            return shown
        if mistake >= self.habits.mistakes:
            return truth
        # people confuse classes that look alike
        taken = truth[0] if truth else control.classes[0]
        near = list(self._neighbours.get(taken, ())) or _beside(taken, control.classes)
        return (near[int(which * len(near))], *truth[1:]) if near else truth

    def _time(self, *, confirms: bool) -> float:
        took = self.habits.seconds * math.exp(self.habits.spread * self._rng.standard_normal())
        return round(took * (self.habits.confirming if confirms else 1.0), 3)


def _preselected(task: Mapping[str, Any], control: Control) -> tuple[tuple[str, ...], int | None]:
    """Return what the browser selects in advance: the choices of the prediction, and its number."""
    for prediction in task.get("predictions") or ():
        for part in prediction.get("result") or ():
            if part.get("from_name") == control.name:
                return tuple(named_in([part], control)), int(prediction["id"])
    return (), None


def _beside(name: str, classes: Sequence[str]) -> list[str]:
    """Return the classes that are next to a class in the label config."""
    if name not in classes:
        return list(classes[:1])
    i = classes.index(name)
    return [classes[j] for j in (i - 1, i + 1) if 0 <= j < len(classes)]
