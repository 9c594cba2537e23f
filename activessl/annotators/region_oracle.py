"""An oracle that draws: an annotator that knows the true regions, for simulations and tests."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np

from activessl.annotators.base import Asked, Pushed, RegionSuggestion, Suggestion
from activessl.annotators.oracle import EPOCH, NOWHERE
from activessl.errors import AnnotatorError
from activessl.labels.answers import Answer, class_text
from activessl.labels.questions import Question
from activessl.labels.regions.corrections import corrected
from activessl.labels.regions.region import Regions
from activessl.labels.regions.stored import stored
from activessl.pool.pool import Pool

__all__ = ["Hand", "RegionOracle"]


@dataclass(frozen=True)
class Hand:
    """The speed and the errors of an oracle that draws.

    Args:
        looking: Seconds for an item, >= 0.
        drawing: Seconds for a region that is drawn from nothing, >= 0.
        correcting: Seconds for a region that is moved or deleted, as a share of ``drawing``, >= 0.
        misses: Share of the true regions that are overlooked, in [0, 1).
        skips: Share of the items that are skipped, in [0, 1).
        spread: Standard deviation of the logarithm of the seconds, >= 0.

    Raises:
        AnnotatorError: A figure is outside its range.
    """

    looking: float = 3.0
    drawing: float = 8.0
    correcting: float = 0.4
    misses: float = 0.0
    skips: float = 0.0
    spread: float = 0.3

    def __post_init__(self) -> None:
        times = (self.looking, self.drawing, self.correcting, self.spread)
        fine = all(np.isfinite(value) and value >= 0 for value in times) and 0 <= self.misses < 1
        if not fine or not 0 <= self.skips < 1:
            raise AnnotatorError(
                f"habits are out of range: times {times}, misses {self.misses}, skips {self.skips}",
                hint="use times >= 0, and misses and skips in [0, 1)",
            )


@dataclass(eq=False)
class RegionOracle:
    """An annotator that answers every pushed question at once, with the true regions.

    It corrects the model's regions where it is shown some: those that fit are kept, those that nearly fit are moved,
    wrong ones are deleted, and missing ones drawn. The answer depends only on the seed, the question and what was
    shown.

    Args:
        truth: Item id to its true regions.
        hand: Speed and errors.
        seed: Seed of errors and seconds.
        name: The annotator of the answers.

    Example:
        >>> RegionOracle({"a": ()}).pull()[0]
        []
    """

    truth: Mapping[str, Regions]
    hand: Hand = field(default_factory=Hand)
    seed: int = 0
    name: str = "oracle"
    _asked: dict[str, tuple[Question, RegionSuggestion | None]] = field(default_factory=dict, init=False, repr=False)
    _mark: str = field(default_factory=lambda: secrets.token_hex(4), init=False, repr=False, compare=False)

    def push(self, pool: Pool, asked: Asked, suggestions: Sequence[Suggestion], *, model: str) -> Pushed:  # noqa: ARG002
        """Refuse questions about classes of whole items.

        Raises:
            AnnotatorError: Always.
        """
        raise AnnotatorError("this oracle knows regions, not classes of whole items", hint="use Oracle")

    def push_regions(self, pool: Pool, asked: Asked, suggestions: Sequence[RegionSuggestion], *, model: str) -> Pushed:  # noqa: ARG002
        """Accept questions; pushing one again changes nothing.

        Raises:
            AnnotatorError: The true regions of an item are not known. Then no question is accepted.
        """
        unknown = [question.item for question in asked.questions if question.item not in self.truth]
        if unknown:
            raise AnnotatorError(
                f"the oracle does not know {len(unknown)} of {len(asked)} items, such as {unknown[0]!r}",
                hint="pass the true regions of every item of the pool; an empty tuple says that it holds none",
            )
        shown = {one.question: one for one in suggestions if not one.blind}
        new = [question for question in asked.questions if question.id not in self._asked]
        for question in new:
            self._asked[question.id] = (question, shown.get(question.id))
        return Pushed({question: question for question in asked.ids}, len(new), len(shown), NOWHERE, "oracle")

    def pull(self, since: str | None = None) -> tuple[list[Answer], str]:
        """Return the answers after a watermark, in the order of the questions; all of them for an unknown watermark."""
        found = re.fullmatch(r"([0-9a-f]+)-(\d+)", since or "")
        first = int(found[2]) if found is not None and found[1] == self._mark else 0
        asked = list(self._asked.values())
        return [self._answer(turn, *asked[turn]) for turn in range(first, len(asked))], f"{self._mark}-{len(asked)}"

    def _answer(self, turn: int, question: Question, shown: RegionSuggestion | None) -> Answer:
        rng = np.random.default_rng([self.seed, *question.id.encode()])
        skips, tempo = rng.random() < self.hand.skips, np.exp(self.hand.spread * rng.standard_normal())
        true = tuple(one for one in self.truth[question.item] if rng.random() >= self.hand.misses)
        drawn, done = corrected(true, () if shown is None else shown.regions)
        effort = done.drawn + self.hand.correcting * (done.changed + done.deleted)
        seconds = self.hand.looking + self.hand.drawing * effort
        source = f"{self.name}:{question.id}"
        said = "" if shown is None else "|".join(class_text(one.classes) for one in shown.regions)
        return Answer(
            key=source,
            source=source,
            item=question.item,
            kind="skip" if skips else "label",
            classes=() if skips else tuple(dict.fromkeys(name for one in drawn for name in one.classes)),
            annotator=self.name,
            seconds=round(float(max(seconds, 0.5) * tempo), 3),
            at=EPOCH + timedelta(seconds=turn),
            suggested=said or None,
            question=question.id,
            asking=question.asking,
            regions=None if skips else tuple(stored(drawn)),
        )
