"""The status of a project, as text for the terminal and as values for programs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from activessl.labels.answers import Answer
from activessl.ledger.draws import draws_of
from activessl.ledger.history import History
from activessl.measuring.planning.times import labeling_hours
from activessl.measuring.quality.audit import FEWEST
from activessl.pool.progress import duration
from activessl.project.config import Config
from activessl.project.data_now import DataNow
from activessl.project.folder import RESTORE
from activessl.proof.agreement import agreement_of, differing
from activessl.proof.confirmed import confirmed_count
from activessl.proof.found_slices import FoundSlices
from activessl.proof.measured import Measured, accuracy_on_test_data, newer_text, tested_items, unsaid_text
from activessl.proof.promise import promise_text
from activessl.reports.wording import classes_from, percent, reliability_text, skipped_text, weakest_text


@dataclass(frozen=True)
class Status:
    """The status of a project.

    Args:
        config: Config of the project.
        history: History of the project.
        measured: Figures of its model.
        data: State of its data files.
        slices: What the last look at the slices found.
        unmeasured: Why the model cannot be measured now; empty if it can.
    """

    config: Config
    history: History
    measured: Measured
    data: DataNow
    slices: FoundSlices = field(default_factory=FoundSlices)
    unmeasured: str = ""

    @cached_property
    def waiting(self) -> int:
        """Items of the open round that wait for an answer."""
        current = self.history.open_round
        return sum(len(question.items) for question in self.history.waiting(current)) if current else 0

    @property
    def pool_accuracy(self) -> str:
        """The accuracy on the pool with its interval, or why it is not known."""
        if self.measured.audit:
            return self.measured.audit.to_text().removeprefix("accuracy ")
        missing = without_label_text(self.history)
        a_round = self.config.query.size * self.config.query.share_after(len(self.history.drawn))
        return missing or random_labels_text(self.measured.random_labels, a_round)

    @property
    def saved(self) -> str:
        """The labels saved, or why they are not estimated."""
        return self.measured.live.to_text() if self.measured.live else f"not estimated: {unsaid_text(self.history)}"

    def to_text(self) -> str:
        """Return the status, one fact for each line."""
        return "\n".join([*self._pool(), *self._labels(), *self._model(), *self._people()])

    def to_dict(self) -> dict[str, Any]:
        """Return the status as values."""
        history, taught, current = self.history, self.history.taught, self.history.open_round
        by_class = zip(self.config.data.classes, self.measured.classes, strict=False)
        return {
            "classes": self.config.data.classes,
            "data": self.data,
            "encoded": history.encoded,
            "tuned": history.tuned,
            "rounds": len(history.rounds),
            "open_round": current.number if current else None,
            "waiting": self.waiting,
            "labeled": len(history.labels),
            "skipped": len(history.skipped),
            "quarantined": len(history.quarantined),
            "unread": len(history.unread.keys() - history.reopened.keys()),
            "reopened": len(history.reopened),
            "missing": len(history.missing),
            "human_seconds": 3600 * (labeling_hours(history.answers.values()) or 0.0),
            "taught": taught,
            "suspects": taught.suspects if taught else None,
            "people": history.people,
            "agreement": None if (agreed := agreement_of(history)) is None else agreed.figures.to_dict(),
            "differing": len(differing(history)),
            "random_labels": self.measured.random_labels,
            "accuracy": self.measured.audit,
            "test": None if (tested := accuracy_on_test_data(history)) is None else tested.to_dict(),
            "by_class": {name: quality.to_dict() for name, quality in by_class},
            "slices": {"worse": self.slices.worse, "thin": self.slices.thin},
            "saved": self.measured.live,
            "accepted": {"items": len(history.machine), "promise": promise_text(history) or None},
            "clusters": confirmed_count(history),
        }

    def _pool(self) -> Iterator[str]:
        data, encoded = self.config.data, self.history.encoded
        yield f"data: {data.path}, {data.modality} items, {len(data.classes)} classes"
        if not self.data.there:
            yield f"  {data.path} does not exist: {RESTORE}"
        elif encoded and self.data.changed:
            yield (
                f"  {self.data.new:,} new files since the pool was encoded; {self.data.gone:,} encoded items missing "
                "or set aside, their labels are kept"
            )
        if encoded is None:
            yield "encoded: not yet"
        else:
            yield f"encoded: {encoded.items:,} items by {encoded.encoder} {encoded.fingerprint[:12]}"
            if encoded.others:
                names = ", ".join(other.encoder for other in encoded.others)
                chose = "" if encoded.log_odds is None else f"; the labels chose {encoded.encoder}"
                yield f"  vectors of {names} are kept, and the labels choose between them{chose}"

    def _labels(self) -> Iterator[str]:
        history, current = self.history, self.history.open_round
        opened = f"; round {current.number} is open, {self.waiting} items wait for an answer" if current else ""
        yield f"rounds: {len(history.rounds)}{opened}"
        half = len(history.half_answered(current)) if current else 0
        if half:
            have = "has an answer, and waits" if half == 1 else "have an answer, and wait"
            yield f"  {half:,} of them {have} for another annotator"
        done = [r for r in history.rounds if r is not current or not self.waiting]
        if done and history.all_skipped(done[-1]):
            yield f"  {skipped_text(done[-1])}"
        gone = f", {self.measured.gone:,} of them missing from the data" if self.measured.gone else ""
        yield (f"labels: {len(history.labels):,} items labeled{gone}; {len(history.skipped)} skipped; {self._time()}")
        changed = [f"{name} was added" for name in history.choice.joined if name in history.classes]
        changed += [f"{name} was removed" for name in sorted(history.choice.removed - set(history.classes))]
        if changed:
            yield f"classes: {', '.join(changed)} in Label Studio"
        odd = {item: answer for item, answer in history.unread.items() if item not in history.reopened}
        if odd:
            yield f"answers that cannot be read: {len(odd):,}, their items are asked about again; {_reasons(odd)}"
        if history.reopened:
            again = {item: answer for item, answer in history.unread.items() if item in history.reopened}
            yield f"asked about again: {len(history.reopened):,} items; {_reasons(again)}"
        if history.quarantined:
            yield (
                f"set aside: {len(history.quarantined)} answers with classes not in data.classes; add a class "
                "to count its answers"
            )

    def _model(self) -> Iterator[str]:
        history, taught, measured = self.history, self.history.taught, self.measured
        if history.tuned:
            yield (
                f"encoder: fine-tuned on {len(history.tuned.taught):,} labels; accuracy on hold-out labels "
                f"{percent(history.tuned.before, 1)} before, {percent(history.tuned.after, 1)} after"
            )
        if taught is None:
            return
        yield f"model: taught {taught.labels:,} labels {taught.when}"
        if not taught.smoothed:
            yield "  vectors: not averaged over neighbors, because that predicts the labels worse"
        tested = accuracy_on_test_data(history)
        if tested is not None:
            yield f"accuracy: {tested.to_text()}"
        if taught.test_open:
            items = "1 test item is" if taught.test_open == 1 else f"{taught.test_open:,} test items are"
            yield f"  {items} of a class that was split: not counted until the test data have the new classes"
        if self.unmeasured:
            yield f"accuracy on the pool: not measured: {self.unmeasured}"
            return
        yield f"accuracy on the pool: {self.pool_accuracy}"
        newer = newer_text(history, measured.newer) if measured.audit else ""
        if newer:
            yield f"  {newer}"
        weak = weakest_text(list(zip(self.config.data.classes, measured.classes, strict=False)))
        if weak:
            yield f"by class: {weak} {classes_from(measured.classes, tested_items(history))}"
        yield from self._slices()
        yield f"labels saved: {self.saved}"
        if taught.suspects:
            yield (
                f"suspect: {taught.suspects} label{'s are' if taught.suspects > 1 else ' is'} probably wrong; list "
                "them with `activessl report`, ask people again with `activessl query --again 0.2`"
            )

    def _slices(self) -> Iterator[str]:
        told = [
            f"{len(some):,} {what}, first: {' '.join(some[0])}"
            for some, what in ((self.slices.worse, "worse than chance explains"), (self.slices.thin, "with few labels"))
            if some
        ]
        if told:
            yield f"slices: {'; '.join(told)}; list them with `activessl slices`"

    def _time(self) -> str:
        hours = labeling_hours(self.history.answers.values())
        return "no labeling time recorded" if hours is None else f"{duration(3600 * hours)} of labeling"

    def _people(self) -> Iterator[str]:
        history = self.history
        if history.people:
            known = (f"{name} {reliability_text(person)}" for name, person in sorted(history.people.items()))
            yield f"reliability: {', '.join(known)}"
        agreed, differ = agreement_of(history), len(differing(history))
        if agreed is not None:
            yield f"agreement: {agreed.to_text()}"
        if differ:
            items = "1 item" if differ == 1 else f"{differ:,} items"
            yield f"  annotators differ about {items}; list them with `activessl review`"
        promise, clusters = promise_text(history), confirmed_count(history)
        if promise:
            yield f"accepted: {promise}"
        if clusters:
            yield f"in clusters: {clusters.to_text()}"


def _reasons(answers: Mapping[str, Answer]) -> str:
    """The most frequent reasons why answers are no labels."""
    why = Counter(answer.why.rpartition(" before; ")[2] for answer in answers.values())
    return "; ".join(f"{reason} ({count:,})" for reason, count in why.most_common(3))


def without_label_text(history: History) -> str:
    """Word that accuracy is not known because most random items got no label; empty where they did, or wait for one."""
    ended = Counter(draw.ended for draw in draws_of(history) if not draw.pending)
    lost = ended["skip"] + ended["unknown"] + ended["open"]
    if lost < FEWEST or lost <= ended["class"]:
        return ""
    ways = (
        (ended["skip"], "skipped"),
        (ended["unknown"], "labeled with a class that the project does not have"),
        (ended["open"], "left open"),
    )
    how = ", ".join(f"{count:,} {way}" for count, way in ways if count)
    return (
        f"not known: of {ended.total():,} random items {ended['class']:,} have a label; {how}; "
        "add a class for such items to data.classes, or take them out of the data"
    )


def random_labels_text(count: int, a_round: float) -> str:
    """Word how many random labels are missing for a measured accuracy, and how to get them.

    Args:
        count: Number of random labels.
        a_round: Usual number of new random labels in a round.

    Example:
        >>> random_labels_text(8, 2.0)
        'not measured yet: 8 of 10 random labels, about 1 more round is needed'
        >>> random_labels_text(0, 0.0)
        'not measured: no random labels; draw some with `activessl query --strategy random`'
    """
    if a_round <= 0:
        have = f"{count} of {FEWEST} random labels" if count else "no random labels"
        return f"not measured: {have}; draw some with `activessl query --strategy random`"
    rounds = math.ceil((FEWEST - count) / a_round)
    more = f"about {rounds} more rounds are needed" if rounds != 1 else "about 1 more round is needed"
    sooner = ", or 1 round with `activessl query --strategy random`" if rounds > 1 else ""
    return f"not measured yet: {count} of {FEWEST} random labels, {more}{sooner}"
