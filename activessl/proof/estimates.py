"""What a project knows of itself by its own labels: how good its model is, and what it saved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from activessl.errors import MeasureError, ProjectError
from activessl.labels.kinds import Labels, one_kind
from activessl.measuring.quality.audit import FEWEST, Audit, audit_accuracy
from activessl.measuring.quality.calibration import Calibration, calibration_curve
from activessl.measuring.quality.classes import ClassQuality, audit_classes, class_counts, quality_of_counts
from activessl.measuring.savings.live import HEADS, PARTS, PUBLIC, UNKNOWN, LiveSavings, Prior, live_savings
from activessl.measuring.savings.trend import Trend, fit_trend
from activessl.pool.progress import tell
from activessl.project.folder import writing
from activessl.project.snapshot import Snapshot
from activessl.proof.measured import (
    Measured,
    chosen_by,
    key_of,
    newer_text,
    read_kept,
    tested_items,
    unsaid_text,
    write_kept,
)
from activessl.proof.random_labels import RandomLabels, random_labels

FOLDS = 5
#: With so many random labels since the last items came, those from before are left out, and the new items covered.
ENOUGH = 3 * FEWEST
#: So many heads are taught to measure accuracy and savings: what progress is told of.
USUAL_HEADS = FOLDS + HEADS


@dataclass(frozen=True)
class Evidence:
    """A project's snapshot with what can be measured on it; each part is computed when first asked for.

    Args:
        snapshot: The project at one moment; its ``on_progress`` is told of each head that is taught to measure.
    """

    snapshot: Snapshot
    _heads: Iterator[int] = field(default_factory=lambda: count(1), init=False, repr=False, compare=False)

    @cached_property
    def random(self) -> RandomLabels:
        """The random share, as far as it is labeled."""
        return random_labels(self.snapshot, ENOUGH)

    @property
    def newer_text(self) -> str:
        """How many items the measures say nothing of; empty where they are about all."""
        return "" if self.audit is None else newer_text(self.snapshot.history, self.random.newer)

    @cached_property
    def said(self) -> Labels:
        """For each label, what a head that was not taught it says of the item.

        A random label is left out beside a fifth of the random ones only: the head that judges it then knows nearly
        all that today's head knows. Any other is left out beside a fifth of all labels.
        """
        found = np.array(self.snapshot.held_out_predictions())
        found[self.random.at] = self.snapshot.kind.decide(self._whole[1])
        return found

    @cached_property
    def correct(self) -> Bool[np.ndarray, " n"]:
        """For each label, whether a head that was not taught it predicts it rightly."""
        return self.snapshot.kind.same(self.said, self.snapshot.training[1])

    def _judged(self, part: float, of: Int[np.ndarray, " s"] | None = None) -> tuple[float, Bool[np.ndarray, " m"]]:
        """How many labels heads were taught, the first ``part`` of all, and which random labels they had right."""
        size, probs = self._whole if part == 1 and of is None else self._answers(part, of)
        return size, self._right(probs)

    def _right(self, probs: Float[np.ndarray, "m k"]) -> Bool[np.ndarray, " m"]:
        """Whether these probabilities of the random labels decide for what people said."""
        return self.snapshot.kind.same(self.snapshot.kind.decide(probs), self.snapshot.training[1][self.random.at])

    @cached_property
    def _whole(self) -> tuple[float, Float[np.ndarray, "m k"]]:
        return self._answers(1.0)

    def _answers(self, part: float, of: Int[np.ndarray, " s"] | None = None) -> tuple[float, Float[np.ndarray, "m k"]]:
        """How many labels heads were taught, the first ``part`` of all, and what they said of the random labels.

        Of the random labels a fifth at a time is left out. ``of``: Positions of labels, if there were no others.
        """
        at = self.random.at
        order = self.asked[1] if of is None else self.asked[1][np.isin(self.asked[1], of)]
        fold = np.random.default_rng([self.snapshot.project.config.seed, 6]).permutation(len(at)) % FOLDS
        size, folds = 0.0, np.unique(fold)
        probs = np.zeros((len(at), len(self.snapshot.project.config.data.classes)))
        for f in folds:
            out = at[fold == f]
            others = order[~np.isin(order, out)]
            taught = others[: max(2, round(part * len(others)))]
            size += len(taught) / len(folds)
            probs[fold == f] = self._probs(taught, out)
        return size, probs

    @cached_property
    def calibration(self) -> Calibration | None:
        """What heads that were not taught them said of the random labels, and how often it was right; None while these
        are too few."""
        if self.audit is None:
            return None
        _, probs = self._whole
        try:
            return calibration_curve(self.snapshot.kind.sureness(probs), self._right(probs))
        except MeasureError:
            return None

    @cached_property
    def asked(self) -> tuple[Int[np.ndarray, " n"], Int[np.ndarray, " n"]]:
        """For each label the round that first asked for it, 0 where it was there before; and the labels in order."""
        first: dict[str, tuple[int, int]] = {}
        for r in self.snapshot.history.rounds:
            for item in (item for question in r.questions if question.asking == 1 for item in question.items):
                first.setdefault(item, (r.number, len(first)))
        ids = self.snapshot.embeddings.ids
        number, place = np.array([first.get(ids[row], (0, -1)) for row in self.snapshot.training[0]]).reshape(-1, 2).T
        if self.snapshot.history.confirmed:
            # what was confirmed with its cluster can still be drawn, until somebody is asked about it alone
            alone: dict[str, int] = {}
            for r in self.snapshot.history.rounds:
                for question in r.questions:
                    if question.asking > 1:
                        alone.setdefault(question.item, r.number)
            later = len(self.snapshot.history.rounds) + 1
            for i, row in enumerate(self.snapshot.training[0]):
                if ids[row] in self.snapshot.history.confirmed:
                    number[i] = alone.get(ids[row], later)
        return number, np.argsort(place, kind="stable")

    @cached_property
    def single(self) -> Int[np.ndarray, " s"]:
        """Positions of the labels that somebody gave looking at the item alone: clusters took no question each."""
        ids, confirmed = self.snapshot.embeddings.ids, self.snapshot.history.only_confirmed
        return np.array(
            [i for i, row in enumerate(self.snapshot.training[0]) if ids[row] not in confirmed], dtype=np.int64
        )

    def learn(self, taught: Int[np.ndarray, " a"], asked: Int[np.ndarray, " b"]) -> Labels:
        """What a new head that was taught some of the labels says of others; positions among the training labels."""
        return self.snapshot.kind.decide(self._probs(taught, asked))

    def _probs(self, taught: Int[np.ndarray, " a"], asked: Int[np.ndarray, " b"]) -> Float[np.ndarray, "b k"]:
        rows, y = self.snapshot.training
        if one_kind(y[taught]):
            sure = self.snapshot.kind.certain(y[taught[0]], len(self.snapshot.project.config.data.classes))
            return np.tile(sure, (len(asked), 1))
        head = self.snapshot.new_head().fit(self.snapshot.points[rows[taught]], y[taught])
        tell(self.snapshot.on_progress, "measure", min(next(self._heads), USUAL_HEADS), USUAL_HEADS)
        return np.asarray(head.predict_proba(self.snapshot.points[rows[asked]]))

    @cached_property
    def audit(self) -> Audit | None:
        """The accuracy of today's head on the pool, from the random share; None while too few of it is labeled."""
        if self.snapshot.history.encoded is None or len(self.random.at) < FEWEST:
            return None
        kept = self._kept.get("audit")
        if kept is not None:
            return Audit(**kept)
        return audit_accuracy(
            self.correct[self.random.at], self.random.chance, rounds=self.random.rounds, known=self._known
        )

    @property
    def tested(self) -> int:
        """Test items that the class figures rest on; 0 where they rest on the random share."""
        return tested_items(self.snapshot.history)

    @cached_property
    def classes(self) -> tuple[ClassQuality, ...]:
        """How good today's head is at each class: on the project's test data where it has some, else from the random
        share; empty while too few of it is labeled."""
        taught, names = self.snapshot.history.taught, self.snapshot.project.config.data.classes
        if taught is not None and taught.per_class is not None:
            return quality_of_counts(np.array([taught.per_class.get(name, (0, 0, 0)) for name in names]))
        if self.audit is None:
            return ()
        kept = self._kept.get("classes")
        if kept is not None:
            return tuple(map(ClassQuality.from_dict, kept))
        at, y = self.random.at, self.snapshot.training[1]

        def shares(rows: Bool[np.ndarray, " n"]) -> Float[np.ndarray, "k 3"]:
            return class_counts(y[rows], self.said[rows], len(names)) / max(int(rows.sum()), 1)

        known = self._before(shares)
        return audit_classes(
            y[at], self.said[at], self.random.chance, len(names), rounds=self.random.rounds, known=known
        )

    @property
    def _known(self) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
        """For each random label, what was labeled when it was drawn: the share of the pool, and how much is right."""
        return self._before(lambda rows: np.array(self.correct[rows].mean() if rows.any() else 0.0))

    def _before(
        self, measure: Callable[[Bool[np.ndarray, " n"]], np.ndarray]
    ) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, "m ..."]]:
        """For each random label, the share of the pool that was labeled when it was drawn, and a measure of that."""
        ids, late = self.snapshot.embeddings.ids, self.snapshot.history.late
        there = np.array([late.get(ids[row], 0) <= self.random.until for row in self.snapshot.training[0]])
        items = len(ids) - self.random.newer
        # it is the same for all that a round drew; a row for each label would not fit where there are many
        rounds, which = np.unique(self.random.rounds, return_inverse=True)
        before = [there & (self.asked[0] < number) for number in rounds]
        count = np.array([np.sum(b) for b in before], dtype=float)
        return (count / items)[which], np.array([measure(b) for b in before])[which]

    @cached_property
    def live(self) -> LiveSavings | None:
        """Labels saved so far, estimated; None while too few of the random share is labeled."""
        prior = self._expected()
        if self.audit is None or prior is None:
            return None
        kept = self._kept.get("live")
        if kept is not None:
            return LiveSavings(**kept)
        rows, y = self.snapshot.training
        drawn = np.zeros(len(rows), dtype=bool)
        drawn[self.random.at] = True
        rng = np.random.default_rng([self.snapshot.project.config.seed, 5])
        single, correct = self.single, self.correct
        if len(single) < len(rows):
            correct = correct.copy()
            correct[self.random.at] = self._judged(1.0, single)[1]

        def learn(taught: Int[np.ndarray, " a"], asked: Int[np.ndarray, " b"]) -> Labels:
            return self.learn(single[taught], single[asked])

        items = len(self.snapshot.embeddings)
        return live_savings(learn, y[single], drawn[single], correct[single], rng=rng, prior=prior, pool=items)

    @property
    def unsaid(self) -> str:
        """Why there is no estimate of the labels saved, where there is none."""
        return unsaid_text(self.snapshot.history)

    def _expected(self) -> Prior | None:
        """What the strategies that chose are expected to save; None where nothing but chance chose."""
        chose = chosen_by(self.snapshot.history)
        if not chose:
            return None
        return PUBLIC if chose == {"auto"} else UNKNOWN

    @cached_property
    def curve(self) -> Trend:
        """How the accuracy of this project's heads goes on: measured on the random labels, each left out in its turn.

        Raises:
            MeasureError: Too few random labels.
        """
        count = len(self.random.at)
        if count < FEWEST or self.audit is None:
            raise MeasureError(
                f"{count} random labels are too few to say how the accuracy goes on",
                hint=f"label at least {FEWEST} items of the random share, with query.random_share above 0",
            )
        rng = np.random.default_rng([self.snapshot.project.config.seed, 8])
        return fit_trend(*self.outcomes, rng=rng)[0]

    @cached_property
    def outcomes(self) -> tuple[Float[np.ndarray, " p"], Float[np.ndarray, "p m"]]:
        """How many labels heads were taught, ascending, and which random labels each had right."""
        kept = self._kept.get("outcomes")
        if kept is not None:
            return np.array(kept["sizes"]), np.array(kept["right"], dtype=float)
        of = self.single if len(self.single) < len(self.snapshot.training[0]) else None
        sizes, right = zip(*(self._judged(part, of) for part in PARTS), strict=True)
        return np.array(sizes), np.array(right, dtype=float)

    def measure(self) -> Measured:
        """How good the model is and what it saved, measured where it is not known yet, and kept."""
        if self.snapshot.history.taught is not None:
            found = Measured(self.audit, self.live, self.classes, self._newer, self._gone, self._random_labels)
            self.keep()
            return found
        return Measured(gone=self._gone)

    @cached_property
    def _newer(self) -> int:
        return 0 if self.audit is None else self.random.newer

    @cached_property
    def _random_labels(self) -> int:
        return len(self.random.at)

    @cached_property
    def _gone(self) -> int:
        history = self.snapshot.history
        try:
            row = self.snapshot.row
        except ProjectError:  # without vectors it is only known what is missing of the data
            return sum(item in history.missing for item in history.labels)
        return sum(item not in row for item in history.labels)

    def keep(self) -> None:
        """Remember what was measured so far beside the project's other caches, so that it is known again at once."""
        measured = vars(self)  # a part is there once somebody asked for it
        new: dict[str, Any] = {
            name: None if measured[name] is None else measured[name].to_dict()
            for name in ("audit", "live")
            if name in measured
        }
        if "classes" in measured:
            new["classes"] = [quality.to_dict() for quality in self.classes]
        new |= {name[1:]: measured[name] for name in ("_newer", "_gone", "_random_labels") if name in measured}
        if "outcomes" in measured:
            sizes, right = self.outcomes
            new["outcomes"] = {"sizes": sizes.tolist(), "right": right.astype(int).tolist()}
        if not new.keys() - self._kept.keys():
            return
        try:
            with writing(self.snapshot.project.folder / "reports"):
                write_kept(self.snapshot.project, self._key, {**self._kept, **new})
        except ProjectError:
            pass  # a cache, and a reader may have no right to write

    @cached_property
    def _key(self) -> str:
        return key_of(self.snapshot.history, self.snapshot.project.config)

    @cached_property
    def _kept(self) -> dict[str, Any]:
        return read_kept(self.snapshot.project, self._key)
