"""A head that also heeds machines, as far as the labels of people show that this helps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from activessl.errors import LabelError
from activessl.heads.calibrate import fit_sharpness
from activessl.heads.inputs import novelty
from activessl.heads.linear import LogisticHead
from activessl.heads.penalty import MOST_CHOOSING, PENALTIES, PENALTY_SPREAD, RIDGE_TO_LOGISTIC, USUAL_PENALTY
from activessl.heads.softmax import Span, fit_softmax, span
from activessl.heads.students import Student

#: Penalties on what people's labels change: with a good machine, far above those of a head on its own.
STIFF = (30.0, 10.0, *PENALTIES)
#: How a machine is heeded: (its answers are the starting point, weight of its answers as further inputs). The first
#: trusts its class names; the inputs also correct a machine that takes one class for another.
WAYS = ((1.0, 0.0), (1.0, 3.0), (0.0, 3.0))
#: Nats of held-out likelihood that a machine must add before it is heeded: its prior odds are e^-3.
DOUBT = 3.0
#: Nats for each label that it must add at least: chosen labels are not a sample of the pool, so that a small gain on
#: them may be a loss on it.
EACH = 0.05
#: The same where its class names are not trusted, and the doubt then, in multiples of the usual one: what a machine
#: that is always wrong tells is little, what one tells that takes each class for another is much.
EACH_UNNAMED, DOUBT_UNNAMED = 0.2, 2.0
#: Standard errors of the gain by which it must be above zero: a few labels at which one of two heads was too sure can
#: make up a gain of many nats.
CLEAR = 1.3
#: Fewest labels that can speak for a machine.
FEWEST = 4


@dataclass(frozen=True, eq=False)
class Heeded:
    """A head taught by people's labels and machines.

    Attributes:
        head: The head, of the same form as a head on its own.
        used: Positions of the machines that it heeds; empty if the labels speak for none.
        gain: Nats by which the heeded machines raise the held-out likelihood of people's labels, less the doubt.
    """

    head: LogisticHead
    used: tuple[int, ...]
    gain: float


class _Way(NamedTuple):
    """One way to heed some machines: the machines, the starting point and the weight of the inputs."""

    machines: tuple[int, ...] = ()
    start: float = 0.0
    weight: float = 0.0


class _Fit(NamedTuple):
    """The best fit of a way: its loss in nats, ridge penalty and sharpness; of each left-out label, its log-likelihood
    and whether it is predicted right.
    """

    loss: float
    ridge: float
    sharpness: float
    each: Float[np.ndarray, " m"]
    right: Bool[np.ndarray, " m"]


def heed(
    points: Float[np.ndarray, "m d"],
    labels: Int[np.ndarray, " m"],
    n_classes: int,
    students: Sequence[Student | None],
    *,
    doubt: float = DOUBT,
) -> Heeded | None:
    """Teach a head people's labels and the machines that help to predict them.

    Machines are added one after the other, the most helpful first, while each raises the leave-one-out likelihood of
    people's labels by more than ``doubt`` nats. A copy of a heeded machine adds nothing, so it does not count twice.
    Each machine counts through its student, a linear function of the vectors, so the head stays linear and needs no
    machine for new items.

    Args:
        points: Vectors of the labeled items.
        labels: Their class indices, given by people.
        n_classes: k.
        students: What each machine says of any vector; None for machines that say the same of all.
        doubt: Nats that a machine must add.

    Returns:
        None if the labels speak for no machine: then the head on its own is the better one.

    Raises:
        LabelError: Another number of labels than of vectors.

    References:
        Vuong, Likelihood Ratio Tests for Model Selection, Econometrica 1989, for the test of the gain.
        Wolpert, Stacked Generalization, Neural Networks 1992; Kuzborskij & Orabona, Stability and Hypothesis Transfer
        Learning, ICML 2013: a regulariser around what another model says.

    Example:
        >>> from activessl.heads.students import shares_of, student_of
        >>> rng = np.random.default_rng(0)
        >>> truth = np.repeat([0, 1], 100)
        >>> points = rng.normal(size=(200, 20)) + 1.5 * np.eye(2)[truth] @ np.eye(2, 20)
        >>> machine = student_of(points, shares_of(np.where(rng.random(200) < 0.8, truth, 1 - truth), 2))
        >>> found, rows = heed(points[::8], truth[::8], 2, [None, machine]), np.arange(200)
        >>> found.used, bool(np.mean(found.head.predict(points) == truth) > 0.8)
        ((1,), True)
    """
    y = np.asarray(labels, dtype=np.int64)
    if len(y) != len(points):
        raise LabelError(f"{len(y)} labels for {len(points)} vectors", hint="pass one class index for each row")
    able = [i for i, student in enumerate(students) if student is not None]
    if not able or len(y) < FEWEST:
        return None
    known = [student for student in students if student is not None]
    x = known[0].place(points)
    says = {i: student(x) for i, student in zip(able, known, strict=True)}
    scales = {i: student.scale for i, student in zip(able, known, strict=True)}
    some: Int[np.ndarray, " s"] = np.arange(len(y), dtype=np.int64)
    if len(y) > MOST_CHOOSING:
        some = np.sort(np.random.default_rng(0).choice(len(y), MOST_CHOOSING, replace=False))

    def judged(way: _Way) -> _Fit:
        said = {i: says[i][some] for i in way.machines}
        return _best(_inputs(x[some], said, scales, way), _start(said, way), y[some], n_classes, way)

    best_way, best = _Way(), judged(_Way())
    alone = best.loss
    while len(best_way.machines) < len(able):
        tried = [_Way((*best_way.machines, i), *how) for i in able if i not in best_way.machines for how in WAYS]
        fits = [judged(way) for way in tried]
        able_fits = [i for i, fit in enumerate(fits) if _clearly_better(fit, best, doubt, named=tried[i].start > 0)]
        if not able_fits:
            break
        lowest = min(able_fits, key=lambda i: fits[i].loss)
        best_way, best = tried[lowest], fits[lowest]
    if not best_way.machines:
        return None
    gain = float(alone - best.loss - doubt * len(best_way.machines))
    return Heeded(_taught(x, y, n_classes, known, able, best_way, best), best_way.machines, gain)


def _clearly_better(fit: _Fit, best: _Fit, doubt: float, *, named: bool) -> bool:
    """Whether a way predicts people's labels better: by more than the doubt, not only because of a few labels,
    and without more errors.
    """
    gains = fit.each - best.each
    steady = gains.sum() > CLEAR * np.sqrt(len(gains)) * gains.std()
    needed = max(doubt, EACH * len(gains)) if named else max(DOUBT_UNNAMED * doubt, EACH_UNNAMED * len(gains))
    return bool(best.loss - fit.loss > needed and steady and fit.right.sum() >= best.right.sum())


def _inputs(
    x: Float[np.ndarray, "m d"], said: dict[int, Float[np.ndarray, "m k"]], scales: dict[int, float], way: _Way
) -> Span:
    parts = [x, np.ones((len(x), 1))]
    if way.weight:
        # the weight is shared, so that copies of a machine do not weigh more than one
        share = way.weight / np.sqrt(len(way.machines))
        parts += [share / scales[i] * said[i] for i in way.machines]
    return span(np.hstack(parts))


def _start(said: dict[int, Float[np.ndarray, "m k"]], way: _Way) -> Float[np.ndarray, "m k"] | None:
    return way.start * np.mean([said[i] for i in way.machines], axis=0) if way.start else None


def _best(rows: Span, start: Float[np.ndarray, "m k"] | None, y: Int[np.ndarray, " m"], k: int, way: _Way) -> _Fit:
    """The penalty with the likeliest labels, each predicted from all others and from the machines."""
    m, count = len(y), np.bincount(y, minlength=k)
    left = np.eye(k)[y] if start is None else np.eye(k)[y] - start
    basis = rows.coords / np.sqrt(rows.energy)
    onto = basis.T @ left
    best = _Fit(np.inf, 1.0, 5.0, np.zeros(m), np.zeros(m, dtype=bool))
    for penalty in STIFF:
        ridge = penalty / RIDGE_TO_LOGISTIC
        share = rows.energy / (rows.energy + ridge)
        leverage = np.minimum((basis * basis) @ share, 1.0 - 1e-9)
        scores = (basis @ (share[:, None] * onto) - leverage[:, None] * left) / (1.0 - leverage)[:, None]
        if start is None:
            loss, sharpness, each = _loss_of_seen(scores, y, count)
        else:
            scores = scores + start
            sharpness, loss = fit_sharpness(scores, y, np.ones(m), prior=5.0, spread=1.0)
            each = _log_softmax(sharpness * scores)[np.arange(m), y]
        # with machines a stiff fit is as usual as a free one
        usual = penalty if not way.machines else min(penalty, 0.3)
        loss += 0.5 * (np.log(usual / USUAL_PENALTY) / PENALTY_SPREAD) ** 2
        if loss < best.loss:
            best = _Fit(loss, ridge, sharpness, each, scores.argmax(axis=1) == y)
    return best


def _loss_of_seen(
    scores: Float[np.ndarray, "m k"], y: Int[np.ndarray, " m"], count: Int[np.ndarray, " k"]
) -> tuple[float, float, Float[np.ndarray, " m"]]:
    """Loss, sharpness and log-likelihoods where only labels show the classes: a label that is alone in its class was of
    a new class.
    """
    seen, several = count > 0, np.flatnonzero(count[y] > 1)
    local, each = (np.cumsum(seen) - 1)[y], np.zeros(len(y))
    sharpness, loss = 5.0, 0.0
    if len(several) and seen.sum() > 1:
        own = scores[several][:, seen]
        sharpness, loss = fit_sharpness(own, local[several], np.ones(len(several)), prior=5.0, spread=2.0)
        each[several] = _log_softmax(sharpness * own)[np.arange(len(several)), local[several]]
    each[several] += np.log1p(-novelty(count))
    for single in np.flatnonzero(count[y] == 1):
        others = count.copy()
        others[y[single]] = 0
        new = novelty(others) if others.any() else 1.0
        # not below chance: a machine must not gain by this alone
        each[single] = np.log(max(new / np.sum(others == 0), 1 / len(count)))
    loss -= len(several) * np.log1p(-novelty(count)) + each[count[y] == 1].sum()
    return float(loss), sharpness, each


def _log_softmax(logits: Float[np.ndarray, "m k"]) -> Float[np.ndarray, "m k"]:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


def _taught(
    x: Float[np.ndarray, "m d"],
    y: Int[np.ndarray, " m"],
    k: int,
    known: Sequence[Student],
    able: Sequence[int],
    way: _Way,
    fit: _Fit,
) -> LogisticHead:
    """The head of a way, on all labels: the weights of machines and inputs are one linear function of the vectors."""
    used = {i: known[able.index(i)] for i in way.machines}
    seen: Bool[np.ndarray, " k"] = np.bincount(y, minlength=k) > 0
    said, scales = {i: student(x) for i, student in used.items()}, {i: student.scale for i, student in used.items()}
    rows, start = _inputs(x, said, scales, way), _start(said, way)
    # classes without a label have a weight only through the machines
    theta, _ = fit_softmax(
        rows.coords,
        rows.energy,
        y if start is not None else (np.cumsum(seen) - 1)[y],
        k if start is not None else int(seen.sum()),
        np.array([fit.ridge * RIDGE_TO_LOGISTIC]),
        np.ones((len(y), 1)),
        offset=None if start is None else fit.sharpness * start,
    )
    weights = np.zeros((rows.axes.shape[1], k))
    weights[:, slice(None) if start is not None else seen] = rows.axes.T @ theta[:, 0]
    theta = weights
    d = x.shape[1]
    coef, intercept = theta[:d].T.copy(), theta[d].copy()
    for place, student in enumerate(used.values()):
        if way.start:
            coef += fit.sharpness * way.start / len(used) * student.coef
            intercept += fit.sharpness * way.start / len(used) * student.intercept
        if way.weight:
            share = way.weight / np.sqrt(len(used)) / student.scale
            own = theta[d + 1 + place * k : d + 1 + (place + 1) * k]
            coef += share * own.T @ student.coef
            intercept += share * own.T @ student.intercept
    tensors = {
        "coef": coef,
        "intercept": intercept,
        "centre": known[0].centre,
        "seen": np.ones(k, dtype=bool) if way.start else seen,
    }
    config = {
        "classes": list(range(k)),
        "penalty": fit.ridge * RIDGE_TO_LOGISTIC,
        "sharpness": 1.0,
        "novelty": 0.0 if way.start else novelty(np.bincount(y, minlength=k)),
        "seed": 0,
    }
    return LogisticHead.from_parts(tensors, config)
