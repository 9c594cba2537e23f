"""Slices of the pool in figures: the labels of each, how right the model is about it, and what is thin or worse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from activessl.heads.folds import FOLDS, dealt_groups
from activessl.measuring.intervals import difference
from activessl.measuring.quality.audit import FEWEST, Audit, audit_accuracy
from activessl.measuring.quality.groups import design_effect
from activessl.measuring.quality.slices import (
    FALSE_ALARMS,
    FEWEST_IN_SLICE,
    SliceTest,
    compare_slices,
    read_off,
    strata_of_rounds,
    thinly_labeled,
)
from activessl.pool.metadata.slicing import Slicing, sliced
from activessl.project.snapshot import Snapshot
from activessl.proof.at_draws import AtDraws
from activessl.proof.draws import RandomDraws
from activessl.proof.estimates import Evidence

__all__ = ["SliceFigures", "SliceReport", "columns_of", "slice_report"]

#: Items of which it is measured how well slices are read off the vectors: more take longer and tell little more.
SAMPLED = 1000
#: From this area under the ROC curve on, a slice counts as read off the vectors.
READ_OFF = 0.9


@dataclass(frozen=True, slots=True)
class SliceFigures:
    """The figures of one slice.

    Attributes:
        column: The name of the column.
        slice: The value, range or time.
        items: Its items in the pool.
        share: Their share of the pool.
        labels: Its labels, however they were chosen.
        random_labels: Its random labels.
        unlabeled: Its drawn items without a label.
        accuracy: The accuracy of the model on it; None with fewer than ten random labels.
        low: Lower end of the 90 % interval.
        high: Upper end.
        rest: The accuracy on the random labels of all other slices; None without such labels.
        difference_low: Lower end of the 90 % interval of the accuracy minus that of the rest; None as above.
        difference_high: Upper end.
        p: The probability of such a difference, here or at any other slice, if there is none; None if not tested.
        worse: Whether the model is worse on it than chance explains.
        thin: Whether it has less than half of the labels that its share of the pool would have, beyond chance.
        more: Random labels that it would take in addition to tell the observed difference; None as in ``SliceTest``.
        read_off: How well a linear classifier tells it from the rest by the vectors, 0.5 to 1; None if not measured.
    """

    column: str
    slice: str
    items: int
    share: float
    labels: int
    random_labels: int = 0
    unlabeled: int = 0
    accuracy: float | None = None
    low: float | None = None
    high: float | None = None
    rest: float | None = None
    difference_low: float | None = None
    difference_high: float | None = None
    p: float | None = None
    worse: bool = False
    thin: bool = False
    more: int | None = None
    read_off: float | None = None


@dataclass(frozen=True)
class SliceReport:
    """The slices of some columns, and what is found about them.

    Attributes:
        columns: The names of the columns.
        slices: The slices, in the order of the columns; those that are worse come first in ``found``.
        random_labels: Random labels of the project.
        tested: Number of slices that were tested.
        false_alarms: The probability that any slice is called worse where none is, at one look.
        remarks: What a reader would not expect, a sentence each.
    """

    columns: tuple[str, ...]
    slices: tuple[SliceFigures, ...]
    random_labels: int = 0
    tested: int = 0
    false_alarms: float = FALSE_ALARMS
    remarks: tuple[str, ...] = field(default=())

    @property
    def worse(self) -> tuple[SliceFigures, ...]:
        """The slices on which the model is worse than chance explains, the clearest first."""
        return tuple(sorted((one for one in self.slices if one.worse), key=lambda one: (one.p, one.accuracy or 0.0)))

    @property
    def thin(self) -> tuple[SliceFigures, ...]:
        """The slices that are thinly labeled, the largest first."""
        return tuple(sorted((one for one in self.slices if one.thin), key=lambda one: -one.items))

    def to_dict(self) -> dict[str, Any]:
        """The same, ready for JSON."""
        return {
            "columns": list(self.columns),
            "random_labels": self.random_labels,
            "tested": self.tested,
            "false_alarms": self.false_alarms,
            "worse": [{"column": one.column, "slice": one.slice, "p": one.p} for one in self.worse],
            "thin": [{"column": one.column, "slice": one.slice} for one in self.thin],
            "slices": [asdict(one) for one in self.slices],
            "remarks": list(self.remarks),
        }


def slice_report(evidence: Evidence, names: Sequence[str] = (), *, vectors: bool = True) -> SliceReport:
    """Measure the slices of a project.

    Args:
        evidence: The evidence of its labels.
        names: Columns of the metadata; by default all whose values are slices.
        vectors: Whether to measure how well slices are read off the vectors, which takes a second.

    Raises:
        PoolError: The metadata cannot be read, have no such column, or the column has no slices.
        ProjectError: The pool is not encoded.
    """
    snapshot = evidence.snapshot
    metadata = snapshot.metadata
    columns = metadata.chosen(names)
    remarks = [*metadata.remarks]
    if not columns:
        left = "; ".join(f"{c.name}: {c.note or c.useless}" for c in metadata.columns)
        remarks.append(f"no column has slices ({left})" if left else "the items have no metadata")
        return SliceReport((), (), remarks=tuple(remarks))
    slicings = [sliced(column) for column in columns]
    remarks += [f"{one.column}: {one.remark}" for one in slicings if one.remark]
    figures = _counts(snapshot, slicings)
    tests: list[SliceTest] = []
    told = 0
    if len(snapshot.training[0]):
        drawn = _Drawn.of(evidence)
        told = int((~drawn.unlabeled).sum())
        if told >= FEWEST_IN_SLICE:
            tests = drawn.compare(slicings, snapshot.project.config.seed)
        figures = [
            one
            for slicing in slicings
            for one in _measured(drawn, slicing, [f for f in figures if f.column == slicing.column])
        ]
        figures = [_tested(one, test) for one, test in zip(figures, tests, strict=True)] if tests else figures
        remarks += drawn.remarks
    else:
        remarks.append("nothing is labeled yet: only items are counted")
    if len(snapshot.training[0]) and told < 2 * FEWEST_IN_SLICE:
        remarks.append(f"{told} random labels are too few to compare slices; {2 * FEWEST_IN_SLICE} are needed at least")
    few = [test for test in tests if min(test.labels, test.rest) < FEWEST_IN_SLICE]
    if few:
        remarks.append(
            f"{len(few):,} of {len(tests):,} slices have fewer than {FEWEST_IN_SLICE} random labels, inside or outside "
            "of them, and are not tested"
        )
    if vectors:
        figures = _with_vectors(snapshot, slicings, figures)
    tested = sum(test.p is not None for test in tests)
    return SliceReport(tuple(c.name for c in columns), tuple(figures), told, tested, FALSE_ALARMS, tuple(remarks))


def _counts(snapshot: Snapshot, slicings: Sequence[Slicing]) -> list[SliceFigures]:
    """Items and labels of each slice, and which are thinly labeled."""
    n, rows = len(snapshot.embeddings), snapshot.training[0]
    items = [np.bincount(one.of, minlength=len(one.names)) for one in slicings]
    labels = [np.bincount(one.of[rows], minlength=len(one.names)) for one in slicings]
    every = sum(len(one.names) for one in slicings)
    found = []
    for slicing, there, known in zip(slicings, items, labels, strict=True):
        # the false-alarm rate is that over all columns
        thin = thinly_labeled(known, there, FALSE_ALARMS * len(there) / every)
        found += [
            SliceFigures(slicing.column, name, int(there[s]), int(there[s]) / n, int(known[s]), thin=bool(thin[s]))
            for s, name in enumerate(slicing.names)
        ]
    return found


@dataclass(frozen=True)
class _Drawn:
    """The random draws of a project that have a row in the pool, in the order of the draws.

    Attributes:
        rows: (d,) their rows: those with a label, then those that ended without a class.
        right: (d,) whether the model is right; a class that the project does not have makes it wrong.
        unlabeled: (d,) whether the draw has no label.
        groups: (d,) the group of each item; None without groups.
    """

    evidence: Evidence
    draws: RandomDraws
    rows: Int[np.ndarray, " d"]
    right: Bool[np.ndarray, " d"]
    unlabeled: Bool[np.ndarray, " d"]
    groups: Int[np.ndarray, " d"] | None

    @classmethod
    def of(cls, evidence: Evidence) -> _Drawn:
        snapshot, draws = evidence.snapshot, evidence.random
        rows = np.concatenate([snapshot.training[0][draws.at], draws.lost])
        right = np.concatenate([evidence.correct[draws.at], np.zeros(len(draws.lost), dtype=bool)])
        unlabeled = np.concatenate([np.zeros(len(draws.at), dtype=bool), ~draws.unknown])
        groups = snapshot.groups[rows] if snapshot.project.config.data.grouped else None
        return cls(evidence, draws, rows, right, unlabeled, groups)

    @property
    def rounds(self) -> Int[np.ndarray, " d"]:
        return self.draws.all_rounds[: len(self.rows)]

    @property
    def remarks(self) -> list[str]:
        gone = self.draws.vanished
        if not gone:
            return []
        return [f"{gone:,} drawn item{'s are' if gone > 1 else ' is'} not in the data any more, and in no slice"]

    def compare(self, slicings: Sequence[Slicing], seed: int) -> list[SliceTest]:
        """Test all slices; empty where slices cannot be compared."""
        told = ~self.unlabeled
        if not told.any():
            return []
        # a column has all its slices here, also those without a draw
        found = compare_slices(
            self.right[told],
            [one.of[self.rows[told]] for one in slicings],
            rng=np.random.default_rng([seed, 11]),
            doubts=[self.doubts(one) for one in slicings],
            strata=strata_of_rounds(self.rounds[told]),
            groups=None if self.groups is None else self.groups[told],
        )
        by = {(test.column, test.slice): test for test in found}
        m, wrong = int(told.sum()), int((~self.right[told]).sum())
        return [
            by.get((c, s)) or SliceTest(c, s, 0, 0, m, wrong)
            for c, slicing in enumerate(slicings)
            for s in range(len(slicing.names))
        ]

    def doubts(self, slicing: Slicing) -> Float[np.ndarray, " s"]:
        """By how much the model is less confident on each slice than elsewhere, on items without a label that were not
        drawn: what the draws show stays independent of it."""
        snapshot = self.evidence.snapshot
        rest = np.ones(len(snapshot.embeddings), dtype=bool)
        rest[snapshot.training[0]] = rest[self.rows] = False
        rest = rest[snapshot.field]
        of, sure = slicing.of[snapshot.field][rest], snapshot.field_sure[rest]
        n, total = (np.bincount(of, w, minlength=len(slicing.names)).astype(float) for w in (None, sure))
        others = len(of) - n
        known = (n >= FEWEST_IN_SLICE) & (others >= FEWEST_IN_SLICE)
        gap = (total.sum() - total) / np.maximum(others, 1) - total / np.maximum(n, 1)
        return np.where(known, gap, 0.0)

    def audits(self, slicing: Slicing) -> list[Audit | None]:
        """The accuracy on each slice; None for slices with too few random labels."""
        snapshot, d = self.evidence.snapshot, len(self.rows)
        count, y = len(slicing.names), snapshot.training[0]
        if not d:  # such as after an import, before the first random label
            return [None] * count
        late = np.array([snapshot.history.late.get(i, 0) for i in snapshot.embeddings.ids], dtype=np.int64)
        items = np.bincount(slicing.of[late <= self.draws.until], minlength=count)
        at = AtDraws(snapshot, self.draws, self.evidence.asked[0])

        def before(rows: Bool[np.ndarray, " n"], unknown: Int[np.ndarray, " u"]) -> Float[np.ndarray, "2 s"]:
            of, right = slicing.of[y[rows]], self.evidence.correct[rows]
            known = np.bincount(of, minlength=count) + np.bincount(slicing.of[unknown], minlength=count)
            return np.stack([known, np.bincount(of, right, minlength=count)]).astype(float)

        _, counted = at.before(before)
        known, right = counted[:d, 0], counted[:d, 1]
        share = np.minimum(known / np.maximum(items, 1), 1.0)
        aside = np.minimum(at.aside_in(slicing.of, items)[:d], 1.0 - share)
        seen = np.concatenate([self.draws.seen, np.zeros(len(self.draws.lost), dtype=bool)])
        found: list[Audit | None] = []
        for s in range(count):
            mine = slicing.of[self.rows] == s
            if int((mine & ~self.unlabeled).sum()) < FEWEST:
                found.append(None)
                continue
            found.append(
                audit_accuracy(
                    self.right[mine],
                    self.draws.all_chances[:d][mine],
                    rounds=self.rounds[mine],
                    known=(share[mine, s], (right / np.maximum(known, 1))[mine, s]),
                    aside=aside[mine, s],
                    unlabeled=self.unlabeled[mine],
                    seen=seen[mine],
                    groups=None if self.groups is None else self.groups[mine],
                )
            )
        return found

    def against_the_rest(self, mine: Bool[np.ndarray, " d"]) -> tuple[float | None, float | None, float | None]:
        """The accuracy on the random labels outside of a slice, and the interval of the difference to it."""
        told = ~self.unlabeled
        sides = [np.flatnonzero(told & mine), np.flatnonzero(told & ~mine)]
        if not len(sides[1]):
            return None, None, None
        shares = [float(self.right[side].mean()) if len(side) else 0.0 for side in sides]
        if len(sides[0]) < FEWEST:
            return shares[1], None, None
        n = [
            len(side) / (1.0 if self.groups is None else design_effect(self.right[side], self.groups[side]))
            for side in sides
        ]
        low, high = difference(shares[0], max(1, round(n[0])), shares[1], max(1, round(n[1])))
        return shares[1], low, high


def _measured(drawn: _Drawn, slicing: Slicing, figures: Sequence[SliceFigures]) -> list[SliceFigures]:
    """The figures of one column with the accuracy of each slice."""
    found = []
    for s, (one, audit) in enumerate(zip(figures, drawn.audits(slicing), strict=True)):
        mine = slicing.of[drawn.rows] == s
        rest, low, high = drawn.against_the_rest(mine)
        figures_of = replace(
            one,
            random_labels=int((mine & ~drawn.unlabeled).sum()),
            unlabeled=int((mine & drawn.unlabeled).sum()),
            rest=rest,
            difference_low=low,
            difference_high=high,
        )
        if audit is not None:
            figures_of = replace(figures_of, accuracy=audit.accuracy, low=audit.low, high=audit.high)
        found.append(figures_of)
    return found


def _tested(one: SliceFigures, test: SliceTest) -> SliceFigures:
    return replace(one, p=test.p, worse=test.worse, more=test.more)


def _with_vectors(
    snapshot: Snapshot, slicings: Sequence[Slicing], figures: Sequence[SliceFigures]
) -> list[SliceFigures]:
    """The figures with how well each slice is read off the vectors, on a sample of the pool."""
    config, n = snapshot.project.config, len(snapshot.embeddings)
    rng = np.random.default_rng([config.seed, 12])
    rows = np.sort(rng.choice(n, min(n, SAMPLED), replace=False))
    folds = dealt_groups(len(rows), snapshot.groups[rows] if config.data.grouped else None, rng)
    x = snapshot.smoothed.plain.at(rows)  # smoothing mixes neighbors, and so would the folds
    if len(np.unique(folds)) < min(FOLDS, 2):
        return list(figures)
    areas = np.concatenate([read_off(x, one.of[rows], folds, len(one.names)) for one in slicings])
    return [
        replace(one, read_off=None if np.isnan(area) else float(area)) for one, area in zip(figures, areas, strict=True)
    ]


def columns_of(report: SliceReport) -> list[tuple[str, list[SliceFigures]]]:
    """The slices by column: columns with a worse slice first, and in each the worst first."""
    found = [(name, [one for one in report.slices if one.column == name]) for name in report.columns]
    smallest = {
        name: min((one.p if one.p is not None else 2.0 for one in slices), default=2.0) for name, slices in found
    }
    return sorted(found, key=lambda pair: smallest[pair[0]])
