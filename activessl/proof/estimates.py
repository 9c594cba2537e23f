"""Estimates from a project's own labels: accuracy, recall, precision, calibration and labels saved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import count
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from activessl.errors import MeasureError, ProjectError
from activessl.heads.folds import FOLDS, dealt_groups
from activessl.heads.linear import LogisticHead
from activessl.labels.kinds import Labels, one_kind
from activessl.measuring.machines.faster import Faster, faster
from activessl.measuring.quality.audit import ACCEPTED_WRONG, FEWEST, Audit, audit_accuracy
from activessl.measuring.quality.calibration import Calibration, calibration_curve
from activessl.measuring.quality.classes import ClassQuality, audit_classes, class_counts, quality_of_counts
from activessl.measuring.savings.live import HEADS, PARTS, PUBLIC, UNKNOWN, LiveSavings, Prior, live_savings
from activessl.measuring.savings.trend import Trend, fit_trend
from activessl.pool.progress import tell
from activessl.project.folder import writing
from activessl.project.metadata import groups_stamp
from activessl.project.snapshot import Snapshot
from activessl.proof.at_draws import AtDraws
from activessl.proof.controls import control_of, widest_machine
from activessl.proof.draws import RandomDraws, random_draws
from activessl.proof.measured import (
    Measured,
    accuracy_on_test_data,
    chosen_by,
    key_of,
    newer_text,
    read_kept,
    tested_items,
    too_many_imported,
    unsaid_text,
    write_kept,
)

#: With this many random labels since items were last added, the older ones are left out and the new items covered.
ENOUGH = 3 * FEWEST
#: Most probabilities of random labels that are kept, 20 bytes each.
MOST_KEPT = 50_000
#: Heads whose projects the prior of labels saved was compared with (docs/results/savings.md).
REPLAYED = frozenset({"logistic", "neighbours", "auto"})
#: Number of heads taught to measure accuracy and savings: the total of the progress.
USUAL_HEADS = FOLDS + HEADS


@dataclass(frozen=True)
class Evidence:
    """The measured figures of a project's snapshot, each computed at first use.

    Args:
        snapshot: The project at one moment; its ``on_progress`` is called for each head that is taught to measure.
    """

    snapshot: Snapshot
    _heads: Iterator[int] = field(default_factory=lambda: count(1), init=False, repr=False, compare=False)

    @cached_property
    def random(self) -> RandomDraws:
        """The random labels."""
        return random_draws(self.snapshot, ENOUGH)

    @property
    def newer_text(self) -> str:
        """Which items the figures do not cover, in words; empty where they cover the whole pool."""
        return "" if self.audit is None else newer_text(self.snapshot.history, self.random.newer)

    @cached_property
    def said(self) -> Labels:
        """For each label, the prediction of a head that was not taught this label.

        For a random label, a fifth of the random labels is left out: this head is taught nearly all labels of today's
        head. For any other label, a fifth of all labels is left out.
        """
        found = np.array(self.snapshot.held_out_predictions())
        found[self.random.at] = self.said_at_random
        return found

    @cached_property
    def said_at_random(self) -> Labels:
        """For each random label, in the order of ``random.at``, the prediction of a head that was not taught it."""
        return np.asarray(self.snapshot.kind.decide(self._whole[1]))

    @cached_property
    def correct(self) -> Bool[np.ndarray, " n"]:
        """For each label, whether a head that was not taught this label predicts it right."""
        return self.snapshot.kind.same(self.said, self.snapshot.training[1])

    def _judged(
        self, part: float, of: Int[np.ndarray, " s"] | None = None, *, alone: bool = False
    ) -> tuple[float, Bool[np.ndarray, " m"]]:
        """Return the number of labels taught, the first ``part`` of all, and which random labels are right; ``alone``:
        by heads without machines."""
        alone = alone and bool(self.snapshot.machine_shares)
        size, probs = self._whole if part == 1 and of is None and not alone else self._answers(part, of, alone=alone)
        return size, self._right(probs)

    def _right(self, probs: Float[np.ndarray, "m k"]) -> Bool[np.ndarray, " m"]:
        """Return for each random label whether these probabilities give the class of its label."""
        return self.snapshot.kind.same(self.snapshot.kind.decide(probs), self.snapshot.training[1][self.random.at])

    @cached_property
    def _whole(self) -> tuple[float, Float[np.ndarray, "m k"]]:
        kept = self._kept.get("whole")
        if kept is not None:
            return float(kept["size"]), np.array(kept["probs"], dtype=np.float64)
        return self._answers(1.0)

    def _answers(
        self, part: float, of: Int[np.ndarray, " s"] | None = None, *, alone: bool = False
    ) -> tuple[float, Float[np.ndarray, "m k"]]:
        """Return the number of labels taught, the first ``part`` of all, and the probabilities of the random labels.

        In each fold a fifth of the random labels is left out. ``of``: Positions of the only labels to use.
        """
        at = self.random.at
        order = self.asked[1] if of is None else self.asked[1][np.isin(self.asked[1], of)]
        rng, groups = np.random.default_rng([self.snapshot.project.config.seed, 6]), self._groups
        fold = dealt_groups(len(at), None if groups is None else groups[at], rng)
        size, folds = 0.0, np.unique(fold)
        probs = np.zeros((len(at), len(self.snapshot.project.config.data.classes)))
        for f in folds:
            out = at[fold == f]
            others = order[~np.isin(order, out)]
            if groups is not None:  # today's head will meet groups that it has no label of
                others = others[~np.isin(groups[others], groups[out])]
            taught = others[: max(2, round(part * len(others)))]
            size += len(taught) / len(folds)
            probs[fold == f] = self._probs(taught, out, alone=alone)
        return size, probs

    @property
    def _groups(self) -> Int[np.ndarray, " n"] | None:
        """For each label, the group of its item; None if items are not in groups."""
        if not self.snapshot.project.config.data.grouped:
            return None
        groups: Int[np.ndarray, " n"] = self.snapshot.groups[self.snapshot.training[0]]
        return groups

    def _drawn_groups(self) -> Int[np.ndarray, " d"] | None:
        """For each draw, the group of its item; of an item that vanished, a group of its own."""
        groups, drawn = self._groups, self.random
        if groups is None:
            return None
        alone = -1 - np.arange(drawn.vanished)
        found: Int[np.ndarray, " d"] = np.concatenate([groups[drawn.at], self.snapshot.groups[drawn.lost], alone])
        return found

    @cached_property
    def calibration(self) -> Calibration | None:
        """Calibration on the random labels, by heads that were not taught them; None with too few random labels."""
        if self.audit is None:
            return None
        _, probs = self._whole
        try:
            return calibration_curve(self.snapshot.kind.sureness(probs), self._right(probs))
        except MeasureError:
            return None

    @cached_property
    def asked(self) -> tuple[Int[np.ndarray, " n"], Int[np.ndarray, " n"]]:
        """For each label the newest round when it came, 0 before the first round; and the labels in that order.

        An item that was confirmed with its cluster can be drawn until a person labels it alone: its round is the next.
        """
        history, ids, rows = self.snapshot.history, self.snapshot.embeddings.ids, self.snapshot.training[0]
        first: dict[str, int] = {}
        for r in history.rounds:
            for question in r.questions:
                for item in question.items if question.asking == 1 else ():
                    first.setdefault(item, len(first))
        later = history.next_round
        number = np.array([history.labeled_in.get(ids[row], later) for row in rows], dtype=np.int64)
        place = np.array([first.get(ids[row], -1) for row in rows], dtype=np.int64)
        return number, np.lexsort((place, number))

    @cached_property
    def single(self) -> Int[np.ndarray, " s"]:
        """Positions of the labels from single questions, without those confirmed with a cluster only."""
        ids, confirmed = self.snapshot.embeddings.ids, self.snapshot.history.only_confirmed
        return np.array(
            [i for i, row in enumerate(self.snapshot.training[0]) if ids[row] not in confirmed], dtype=np.int64
        )

    def learn(self, taught: Int[np.ndarray, " a"], asked: Int[np.ndarray, " b"]) -> Labels:
        """Teach a new head some labels without machines, and return its predictions for others; positions among the
        training labels."""
        return self.snapshot.kind.decide(self._probs(taught, asked, alone=True))

    def _probs(
        self, taught: Int[np.ndarray, " a"], asked: Int[np.ndarray, " b"], *, alone: bool = False
    ) -> Float[np.ndarray, "b k"]:
        rows, y = self.snapshot.training
        if not len(taught):  # all labels are of items that are left out: nothing is known
            k = len(self.snapshot.project.config.data.classes)
            return np.full((len(asked), k), 1 / k)
        if one_kind(y[taught]):
            sure = self.snapshot.kind.certain(y[taught[0]], len(self.snapshot.project.config.data.classes))
            return np.tile(sure, (len(asked), 1))
        if alone:
            fresh = self.snapshot.new_head()
            if isinstance(fresh, LogisticHead):
                fresh.calibrate = False  # only the most probable class is read, which a temperature does not change
            head = fresh.fit(self.snapshot.points_at(rows[taught]), y[taught])
        else:
            head = self.snapshot.head_of(taught)
        tell(self.snapshot.on_progress, "measure", min(next(self._heads), USUAL_HEADS), USUAL_HEADS)
        return np.asarray(head.predict_proba(self.snapshot.points_at(rows[asked])))

    @cached_property
    def audit(self) -> Audit | None:
        """The accuracy of today's head on the pool, from random labels; None with too few of them."""
        if self.snapshot.history.encoded is None or not len(self.snapshot.training[0]) or self.random.told < FEWEST:
            return None
        kept = self._kept.get("audit")
        if kept is not None:
            return Audit(**kept)
        return self._audited(widest_machine(self.snapshot))

    def audit_with(self, name: str) -> Audit | None:
        """The same, where what this machine says of the pool narrows the interval; None with too few random labels."""
        audit = self.audit
        return audit if audit is None or name == widest_machine(self.snapshot) else self._audited(name)

    def _audited(self, machine: str | None) -> Audit:
        drawn, lost = self.random, len(self.random.lost) + self.random.vanished
        return audit_accuracy(
            np.concatenate([self.correct[drawn.at], np.zeros(lost, dtype=bool)]),
            drawn.all_chances,
            rounds=drawn.all_rounds,
            known=self._known,
            aside=self._at_draws.aside,
            unlabeled=self._unlabeled(),
            seen=np.concatenate([drawn.seen, np.zeros(lost, dtype=bool)]),
            groups=self._drawn_groups(),
            control=None if machine is None else control_of(self.snapshot, machine, drawn, self.said, self.asked[0]),
        )

    @property
    def tested(self) -> int:
        """Number of test items that recall and precision rest on; 0 where they rest on random labels."""
        return tested_items(self.snapshot.history)

    @cached_property
    def classes(self) -> tuple[ClassQuality, ...]:
        """Recall and precision of today's head for each class: on the test data if there is any, else on random labels;
        empty with too few random labels."""
        taught, names = self.snapshot.history.taught, self.snapshot.project.config.data.classes
        if taught is not None and taught.per_class is not None:
            return quality_of_counts(np.array([taught.per_class.get(name, (0, 0, 0)) for name in names]))
        if self.audit is None:
            return ()
        kept = self._kept.get("classes")
        if kept is not None:
            return tuple(map(ClassQuality.from_dict, kept))
        drawn, y = self.random, self.snapshot.training[1]

        def shares(rows: Bool[np.ndarray, " n"], unknown: Int[np.ndarray, " u"]) -> Float[np.ndarray, "k 3"]:
            counts = class_counts(y[rows], self.said[rows], len(names)).astype(float)
            if len(unknown) and (decided := self.snapshot.decided_at(unknown)) is not None:
                # predicted as a class to which none of them belongs
                counts[:, 1] += class_counts(decided, decided, len(names))[:, 1]
            return counts / max(int(rows.sum()) + len(unknown), 1)

        truth, said = y[drawn.at], self.said[drawn.at]
        if len(drawn.lost):  # today's head was not taught them; without a head nobody knows what is predicted
            none = np.full((len(drawn.lost), *truth.shape[1:]), -1, dtype=truth.dtype)
            truth = np.concatenate([truth, none])
            lost = self.snapshot.decided_at(drawn.lost)
            said = np.concatenate([said, none if lost is None else lost])
        at_draws = self._at_draws
        share, before = at_draws.before(shares)
        m = len(drawn.at) + len(drawn.lost)  # of vanished items nobody knows what is predicted
        groups = self._drawn_groups()
        return audit_classes(
            truth,
            said,
            drawn.all_chances[:m],
            len(names),
            rounds=drawn.all_rounds[:m],
            known=(share[:m], before[:m]),
            aside=at_draws.aside[:m],
            unlabeled=self._unlabeled()[:m],
            unknown=np.concatenate([np.zeros(len(drawn.at), dtype=bool), drawn.unknown]),
            shown=np.concatenate([drawn.seen, np.zeros(len(drawn.lost), dtype=bool)]),
            groups=None if groups is None else groups[:m],
        )

    def _unlabeled(self) -> Bool[np.ndarray, " d"]:
        """Whether each draw ended without a label."""
        drawn = self.random
        return np.concatenate(
            [np.zeros(len(drawn.at), dtype=bool), ~drawn.unknown, np.ones(drawn.vanished, dtype=bool)]
        )

    @property
    def _known(self) -> tuple[Float[np.ndarray, " d"], Float[np.ndarray, " d"]]:
        """For each draw, the share of the pool labeled before it, and the accuracy on these labels."""

        def accuracy(rows: Bool[np.ndarray, " n"], unknown: Int[np.ndarray, " u"]) -> np.ndarray:
            return np.array(self.correct[rows].sum() / max(int(rows.sum()) + len(unknown), 1))

        return self._at_draws.before(accuracy)

    @property
    def _at_draws(self) -> AtDraws:
        return AtDraws(self.snapshot, self.random, self.asked[0])

    @cached_property
    def live(self) -> LiveSavings | None:
        """Labels saved so far, estimated; None with too few random labels."""
        prior = self._expected()
        if self.audit is None or prior is None or too_many_imported(self.snapshot.history):
            return None
        kept = self._kept.get("live")
        if kept is not None:
            return LiveSavings(**kept)
        rows, y = self.snapshot.training
        drawn = np.zeros(len(rows), dtype=bool)
        drawn[self.random.at] = True
        rng = np.random.default_rng([self.snapshot.project.config.seed, 5])
        single, correct = self.single, self.correct
        if drawn[single].sum() < FEWEST:  # other random items have a class that the project does not have
            return None
        if self.snapshot.heeds:  # what machines save is no effect of the choice of items
            correct = self.snapshot.kind.same(self.snapshot.held_out_predictions(alone=True), y)
        if len(single) < len(rows) or self.snapshot.heeds:
            correct = correct.copy()
            of = single if len(single) < len(rows) else None
            correct[self.random.at] = self._judged(1.0, of, alone=True)[1]

        def learn(taught: Int[np.ndarray, " a"], asked: Int[np.ndarray, " b"]) -> Labels:
            return self.learn(single[taught], single[asked])

        items = len(self.snapshot.embeddings)

        def estimate(right: Bool[np.ndarray, " n"]) -> LiveSavings:
            return live_savings(
                learn, y[single], drawn[single], right[single], rng=rng, prior=prior, pool=items, gone=self._spent
            )

        found, hidden = estimate(correct), self._accepted_wrong(correct)
        if not hidden.any():
            return found
        least = estimate(correct & ~hidden)
        return replace(found, low=min(found.low, least.low), own_low=min(found.own_low, least.own_low))

    def _accepted_wrong(self, correct: Bool[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
        """Labels that seem right, as many as people may have accepted wrongly because a suggestion was selected."""
        seen = self.random.at[self.random.seen]
        right = seen[correct[seen]]
        count = round((len(seen) - len(right)) * ACCEPTED_WRONG / (1 - ACCEPTED_WRONG))
        rng = np.random.default_rng([self.snapshot.project.config.seed, 13])
        hidden = np.zeros(len(correct), dtype=bool)
        hidden[rng.permutation(right)[:count]] = True
        return hidden

    @property
    def _spent(self) -> int:
        """Labels that people gave in rounds, of items that have left the pool."""
        history, row = self.snapshot.history, self.snapshot.row
        asked = {item for r in history.rounds if not r.confirms for item in r.items}
        return sum(item in asked and item not in row for item in history.labels)

    @property
    def unsaid(self) -> str:
        """The reason why there is no estimate of the labels saved, in words."""
        return unsaid_text(self.snapshot.history)

    def _expected(self) -> Prior | None:
        """Return the prior of the labels saved for the strategies, the head and the kind of labels; None if all items
        were drawn at random."""
        chose = chosen_by(self.snapshot.history)
        if not chose:
            return None
        config = self.snapshot.project.config
        replayed = chose == {"auto"} and config.head.name in REPLAYED and not config.data.kind.independent
        return PUBLIC if replayed else UNKNOWN

    @cached_property
    def curve(self) -> Trend:
        """The learning curve of this project's heads, measured on random labels that were left out in turn.

        Where there are test data, it goes through the accuracy on them.

        Raises:
            MeasureError: Too few random labels.
        """
        count = len(self.random.at)
        if count < FEWEST or self.audit is None:
            raise MeasureError(
                f"{count} random labels are too few for a learning curve, {FEWEST} are needed",
                hint="label random items: run `activessl query --strategy random`",
            )
        rng = np.random.default_rng([self.snapshot.project.config.seed, 8])
        trend = fit_trend(*self.outcomes, rng=rng)[0]
        tested = accuracy_on_test_data(self.snapshot.history)
        if tested is None:
            return trend
        return trend.through(tested.right, tested.items, len(self.single), rng=rng)

    @cached_property
    def outcomes(self) -> tuple[Float[np.ndarray, " p"], Float[np.ndarray, "p m"]]:
        """Numbers of labels taught, ascending, and which random labels were predicted right with each number."""
        kept = self._kept.get("outcomes")
        if kept is not None:
            return np.array(kept["sizes"]), np.array(kept["right"], dtype=float)
        of = self.single if len(self.single) < len(self.snapshot.training[0]) else None
        sizes, right = zip(*(self._judged(part, of) for part in PARTS), strict=True)
        return np.array(sizes), np.array(right, dtype=float)

    @cached_property
    def machines_saved(self) -> Faster | None:
        """The share of labels that the heeded machines save; None where the head heeds none, or with too few random
        labels."""
        if not self.snapshot.heeds or self.audit is None:
            return None
        of = self.single if len(self.single) < len(self.snapshot.training[0]) else None
        sizes, taught = self.outcomes
        alone = np.array([self._judged(part, of, alone=True)[1] for part in PARTS], dtype=float)
        return faster(sizes, taught, alone, rng=np.random.default_rng([self.snapshot.project.config.seed, 13]))

    def measure(self) -> Measured:
        """Return the figures of the model; measure those that are not kept yet, and keep them."""
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
        except ProjectError:  # without vectors only the missing items are known
            return sum(item in history.missing for item in history.labels)
        return sum(item not in row for item in history.labels)

    def keep(self) -> None:
        """Write the figures measured so far into the project's cache."""
        measured = vars(self)  # holds the cached properties computed so far
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
        if "_whole" in measured and 0 < self._whole[1].size <= MOST_KEPT:
            size, probs = self._whole
            new["whole"] = {"size": size, "probs": probs.tolist()}
        if not new.keys() - self._kept.keys():
            return
        try:
            with writing(self.snapshot.project.folder / "reports"):
                write_kept(self.snapshot.project, self._key, {**self._kept, **new})
        except ProjectError:
            pass  # only a cache: the user may have no write permission

    @cached_property
    def _key(self) -> str:
        project = self.snapshot.project
        return key_of(self.snapshot.history, project.config, groups_stamp(project))

    @cached_property
    def _kept(self) -> dict[str, Any]:
        return read_kept(self.snapshot.project, self._key)
