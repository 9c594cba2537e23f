"""Which slices of the pool the model is worse on than chance explains, with one false-alarm rate over all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from jaxtyping import Bool, Float, Int

from activessl.errors import MeasureError
from activessl.measuring.intervals import deviations

#: The probability that any slice of any column is called worse where none is.
FALSE_ALARMS = 0.05
#: Slices with fewer random labels, inside or outside of them, are not tested.
FEWEST_IN_SLICE = 8
#: Random rearrangements of the outcomes.
PERMUTATIONS = 1999
#: The probability of telling the observed difference, for the number of labels that this would take.
POWER = 0.8
#: How the confidence weighs: a slice with 10 points less confidence gets seven times as much of the false-alarm rate. A
#: model that is confident where it is wrong halves it at most.
_TRUST, _BOUNDS = 20.0, (0.5, 16.0)
#: Smaller differences are not promised to be told.
_SMALLEST, _MOST = 0.01, 100_000


@dataclass(frozen=True, slots=True)
class SliceTest:
    """One slice, compared with the rest of the random labels.

    Attributes:
        column: Position of its column.
        slice: Its position in the column.
        labels: Its random labels.
        wrong: How many of them the model predicts wrong.
        rest: Random labels outside of it.
        rest_wrong: How many of those are predicted wrong.
        p: The probability of such a difference, at this or any other slice, if there is none; None if not tested.
        worse: Whether ``p`` is at most the false-alarm rate.
        more: Random labels that it would take in addition to tell the observed difference with probability 0.8; None
            if it is told, is not worse, or more than 100,000 are needed.
    """

    column: int
    slice: int
    labels: int
    wrong: int
    rest: int
    rest_wrong: int
    p: float | None = None
    worse: bool = False
    more: int | None = None


def compare_slices(
    right: Bool[np.ndarray, " m"],
    columns: Sequence[Int[np.ndarray, " m"]],
    *,
    rng: np.random.Generator,
    doubts: Sequence[Float[np.ndarray, " s"]] | None = None,
    strata: Int[np.ndarray, " m"] | None = None,
    groups: Int[np.ndarray, " m"] | None = None,
    alpha: float = FALSE_ALARMS,
    permutations: int = PERMUTATIONS,
) -> list[SliceTest]:
    r"""Test for each slice whether the model is worse on it than on the rest, by random labels.

    Each slice has the one-sided exact test of Fisher, and a part of the false-alarm rate by the square of its labels,
    so that a column of many values does not hide one of two. The outcomes are then rearranged at random, and the
    smallest of the weighted p-values is compared with those after rearranging, in steps from the smallest (Westfall and
    Young): so the rate holds over all slices and columns together, however they depend on each other, and for one look
    at the data.

    Args:
        right: Whether the model is right about each drawn item.
        columns: For each column, the slice of each drawn item, numbered from 0.
        rng: Random numbers for the rearrangements.
        doubts: For each column and each slice, how much less confident the model is on it than elsewhere, in [-1, 1],
            measured on other items than the drawn ones: such slices get more of the false-alarm rate, so that it is
            spent where a difference is likely; by default 0.
        strata: Outcomes are rearranged only among draws of one stratum, such as rounds that follow each other: a model
            that is better on what is left later is then no difference between slices; by default all are one.
        groups: Items of one group, such as a patient, stay together: whole groups are rearranged, among groups with as
            many draws, to which larger groups are cut down (1, 2, 4, 8, …).
        alpha: The false-alarm rate, in (0, 1).
        permutations: Number of rearrangements, >= 19.

    Raises:
        MeasureError: Arrays of different lengths, or a rate outside of (0, 1).

    References:
        Westfall & Young, Resampling-Based Multiple Testing, Wiley 1993, section 2.6.
        Genovese, Roeder & Wasserman, False Discovery Control with p-Value Weighting, Biometrika 2006 (weights that do
        not depend on the outcomes). Ignatiadis et al., Data-Driven Hypothesis Weighting Increases Detection Power in
        Genome-Scale Multiple Testing, Nature Methods 2016 (weights from a covariate).

    Example:
        >>> right = np.arange(200) % 10 > 0  # 90 %
        >>> right[:100:3] = False
        >>> found = compare_slices(right, [np.arange(200) // 100], rng=np.random.default_rng(0))
        >>> [(one.slice, one.labels, one.wrong, one.worse) for one in found]
        [(0, 100, 40, True), (1, 100, 10, False)]
    """
    y = ~np.asarray(right, dtype=bool)
    m = len(y)
    turn = np.zeros(m, dtype=np.int64) if strata is None else np.asarray(strata)
    unit = np.arange(m) if groups is None else np.asarray(groups)
    if any(len(one) != m for one in (turn, unit, *columns)):
        raise MeasureError(f"{m} outcomes do not match the slices", hint="pass one slice for each outcome")
    if not 0 < alpha < 1:
        raise MeasureError(f"a false-alarm rate of {alpha}", hint="give one between 0 and 1")
    found = [_counted(y, column, number) for number, column in enumerate(columns)]
    every = [one for column in found for one in column]
    tested = [i for i, one in enumerate(every) if min(one.labels, one.rest) >= FEWEST_IN_SLICE]
    if not tested or not y.any() or y.all():
        return every

    used, blocks = _blocks(turn, unit, groups is not None, rng)
    inside = np.array([columns[every[i].column][used] == every[i].slice for i in tested])
    share = inside.mean(axis=1)
    # by the square of its labels: differences of large slices can be told, and cost few chances for small ones
    weight = share**2
    if doubts is not None:
        told = np.array([float(doubts[every[i].column][every[i].slice]) for i in tested])
        weight = weight * np.clip(np.exp(_TRUST * told), *_BOUNDS)
    weight = weight / weight.sum()

    # the p-value of each count of wrong predictions in each slice, looked up for every rearrangement
    wrong, places = y[used], turn[used]
    table = np.stack([_p_values(wrong, one, places) for one in inside]) / np.maximum(weight, 1e-12)[:, None]
    rows = np.arange(len(tested))
    observed = table[rows, inside @ wrong.astype(np.int64)]
    order = np.argsort(observed, kind="stable")
    exceeded = np.ones(len(tested))  # the data themselves are one of the arrangements
    of = inside.T.astype(np.float32)
    for start in range(0, permutations, 256):
        many = min(256, permutations - start)
        drawn = _rearranged(wrong, blocks, many, rng)
        scores = table[rows, np.rint(drawn.astype(np.float32) @ of).astype(np.int64)]
        least = np.minimum.accumulate(scores[:, order[::-1]], axis=1)[:, ::-1]  # over this slice and those after it
        exceeded[order] += (least <= observed[order] * (1 + 1e-9)).sum(axis=0)
    adjusted = np.empty(len(tested))
    adjusted[order] = np.maximum.accumulate(exceeded[order] / (permutations + 1))
    for i, p, w in zip(tested, adjusted, weight, strict=True):
        every[i] = _judged(every[i], float(p), alpha, float(w))
    return every


def _counted(y: Bool[np.ndarray, " m"], column: Int[np.ndarray, " m"], number: int) -> list[SliceTest]:
    n = np.bincount(column, minlength=1)
    bad = np.bincount(column, y, minlength=1).astype(int)
    total = int(y.sum())
    return [
        SliceTest(number, s, int(n[s]), int(bad[s]), len(y) - int(n[s]), total - int(bad[s])) for s in range(len(n))
    ]


def _blocks(
    turn: Int[np.ndarray, " m"], unit: Int[np.ndarray, " m"], grouped: bool, rng: np.random.Generator
) -> tuple[Int[np.ndarray, " u"], list[Int[np.ndarray, "g k"]]]:
    """The draws that are used, and sets of groups that may be exchanged: (groups, draws of each), as their positions.

    Exchangeable are groups of one stratum with equally many draws; a group in several strata is one in each.
    """
    if not grouped:
        return np.arange(len(turn)), [np.flatnonzero(turn == t)[:, None] for t in np.unique(turn)]
    used: list[int] = []
    sets: dict[tuple[int, int], list[list[int]]] = {}
    for t in np.unique(turn):
        here = rng.permutation(np.flatnonzero(turn == t))  # which draws of a group are kept is chosen at random
        for g in np.unique(unit[here]):
            mine = here[unit[here] == g]
            size = 1 << (len(mine).bit_length() - 1)
            start = len(used)
            used += mine[:size].tolist()
            sets.setdefault((int(t), size), []).append(list(range(start, start + size)))
    return np.array(used, dtype=np.int64), [np.array(one, dtype=np.int64) for one in sets.values()]


def _rearranged(
    wrong: Bool[np.ndarray, " u"], blocks: Sequence[Int[np.ndarray, "g k"]], many: int, rng: np.random.Generator
) -> Bool[np.ndarray, "b u"]:
    """The outcomes in random order, the groups of each block exchanged as wholes."""
    found = np.tile(wrong, (many, 1))
    for block in blocks:
        order = rng.random((many, len(block))).argsort(axis=1)
        found[:, block.ravel()] = wrong[block[order]].reshape(many, -1)
    return found


def _p_values(
    wrong: Bool[np.ndarray, " u"], inside: Bool[np.ndarray, " u"], places: Int[np.ndarray, " u"]
) -> Float[np.ndarray, " k"]:
    """P(at least k wrong predictions in the slice) for each k, if the wrong ones are spread at random in each stratum;
    half of the probability of k itself is left out, so that few labels do not look less extreme than many."""
    chance = np.ones(1)
    for t in np.unique(places):
        here = places == t
        chance = np.convolve(chance, _hypergeometric(int(here.sum()), int(wrong[here].sum()), int(inside[here].sum())))
    beyond = np.cumsum(chance[::-1])[::-1] - chance / 2
    found: Float[np.ndarray, " k"] = np.maximum(beyond, 1e-300)
    return found


def _hypergeometric(m: int, marked: int, drawn: int) -> Float[np.ndarray, " k"]:
    """P(k of the marked are drawn), for k from 0 to ``marked``."""
    from scipy.special import gammaln

    k = np.arange(marked + 1)
    possible = (k <= drawn) & (drawn - k <= m - marked)
    safe = np.where(possible, k, max(0, drawn - (m - marked)))

    def choose(n: int, k: Int[np.ndarray, " k"] | int) -> Float[np.ndarray, " k"]:
        return np.asarray(gammaln(n + 1) - gammaln(np.asarray(k) + 1) - gammaln(n - np.asarray(k) + 1))

    logs = choose(marked, safe) + choose(m - marked, drawn - safe) - choose(m, drawn)
    return np.where(possible, np.exp(logs), 0.0)


def _judged(one: SliceTest, p: float, alpha: float, weight: float) -> SliceTest:
    worse = p <= alpha
    gap = one.wrong / one.labels - one.rest_wrong / one.rest
    more = None
    if not worse and gap >= _SMALLEST:
        m = one.labels + one.rest
        share, bad = one.labels / m, (one.wrong + one.rest_wrong) / m
        z = deviations(1 - 2 * alpha * weight) + deviations(2 * POWER - 1)
        needed = ceil((z / gap) ** 2 * bad * (1 - bad) / (share * (1 - share)))
        more = max(needed - m, 1) if needed - m <= _MOST else None
    return SliceTest(one.column, one.slice, one.labels, one.wrong, one.rest, one.rest_wrong, p, worse, more)


def strata_of_rounds(rounds: Int[np.ndarray, " m"], least: int = 25) -> Int[np.ndarray, " m"]:
    """Join rounds that follow each other until each stratum has ``least`` draws.

    Example:
        >>> strata_of_rounds(np.array([1, 1, 2, 3, 3, 4]), 2).tolist()
        [0, 0, 1, 1, 1, 1]
    """
    numbers, place = np.unique(rounds, return_inverse=True)
    stratum, here, found = 0, 0, np.zeros(len(numbers), dtype=np.int64)
    count = np.bincount(place, minlength=len(numbers))
    for i in range(len(numbers)):
        if here >= least and count[i:].sum() >= least:
            stratum, here = stratum + 1, 0
        found[i] = stratum
        here += int(count[i])
    return found[place]


def thinly_labeled(
    labels: Int[np.ndarray, " s"], items: Int[np.ndarray, " s"], alpha: float = FALSE_ALARMS
) -> Bool[np.ndarray, " s"]:
    """Which slices have less than half of the labels that their share of the pool would have, beyond chance.

    Args:
        labels: Labels of each slice of all columns, however they were chosen.
        items: Items of each slice.
        alpha: The false-alarm rate over all slices, by Bonferroni's inequality.

    Example:
        >>> thinly_labeled(np.array([95, 5]), np.array([500, 500])).tolist()
        [False, True]
    """
    from scipy.special import bdtr  # the binomial distribution, without all of scipy.stats

    total, pool = int(labels.sum()), int(items.sum())
    share = items / max(pool, 1)
    chance = bdtr(labels.astype(float), total, share)
    found: Bool[np.ndarray, " s"] = (labels < total * share / 2) & (chance <= alpha / max(len(items), 1))
    return found


def read_off(
    vectors: Float[np.ndarray, "n d"],
    slices: Int[np.ndarray, " n"],
    folds: Int[np.ndarray, " n"],
    count: int | None = None,
) -> Float[np.ndarray, " s"]:
    r"""How well a linear classifier tells each slice from the others by the vectors: the area under its ROC curve.

    The classifier is ridge regression on one against the rest, measured on folds that it was not fitted on. 0.5 is no
    better than chance, 1 is always right.

    Args:
        vectors: Vectors of items, centered.
        slices: The slice of each item, numbered from 0.
        folds: The fold of each item; items of one group in one fold.
        count: s, the number of slices; by default that of the highest one.

    Returns:
        (s,) the area for each slice; NaN for a slice with fewer than eight items, or with all items but seven.

    References:
        Hanley & McNeil, The Meaning and Use of the Area under a ROC Curve, Radiology 1982.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x, of = rng.normal(size=(200, 5)), np.arange(200) % 2
        >>> x[:, 0] += 3 * of
        >>> read_off(x, of, np.arange(200) % 5).round(1).tolist(), read_off(x, of // 2, np.arange(200) % 5).tolist()
        ([1.0, 1.0], [nan])
    """
    n, s = len(vectors), int(slices.max()) + 1 if count is None else count
    x = np.asarray(vectors, dtype=np.float64)
    kernel, scores = x @ x.T, np.zeros((n, s))
    penalty = 0.1 * float(np.trace(kernel)) / max(n, 1) + 1e-9
    member = slices[:, None] == np.arange(s)
    for fold in np.unique(folds):
        out = folds == fold
        target = member[~out].astype(np.float64)
        mean = target.mean(axis=0)
        solved = np.linalg.solve(kernel[np.ix_(~out, ~out)] + penalty * np.eye(int((~out).sum())), target - mean)
        # without the mean: it differs between folds, and says nothing about an item
        scores[out] = kernel[np.ix_(out, ~out)] @ solved
    found = np.full(s, np.nan)
    for k in range(s):
        mine = int(member[:, k].sum())
        if min(mine, n - mine) >= FEWEST_IN_SLICE:
            above = _ranks(scores[:, k])[member[:, k]].sum() - mine * (mine + 1) / 2
            found[k] = above / (mine * (n - mine))
    return found


def _ranks(values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Ranks from 1; equal values share the mean of theirs: otherwise the order of the items would tell slices apart."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(count) - (count - 1) / 2)[place])
