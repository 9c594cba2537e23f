"""The ways to heed machines, and the fit of one way: closed-form for judging, logistic for use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from activessl.heads.calibrate import fit_sharpness
from activessl.heads.inputs import novelty
from activessl.heads.linear import LogisticHead
from activessl.heads.penalty import PENALTIES, PENALTY_SPREAD, RIDGE_TO_LOGISTIC, USUAL_PENALTY
from activessl.heads.softmax import Span, fit_softmax, span
from activessl.heads.students import Student

#: Penalties on what people's labels change: with a good machine, far above those of a head on its own.
STIFF = (30.0, 10.0, *PENALTIES)
#: How a machine is heeded: (its answers are the starting point, weight of its answers as further inputs). The first
#: trusts its class names; the inputs also correct a machine that takes one class for another.
WAYS = ((1.0, 0.0), (1.0, 3.0), (0.0, 3.0))


class Way(NamedTuple):
    """One way to heed some machines: the machines, the starting point and the weight of the inputs."""

    machines: tuple[int, ...] = ()
    start: float = 0.0
    weight: float = 0.0


class Fit(NamedTuple):
    """The best fit of a way: its loss in nats, ridge penalty and sharpness; of each left-out label, its log-likelihood
    and whether it is predicted right.
    """

    loss: float
    ridge: float
    sharpness: float
    each: Float[np.ndarray, " m"]
    right: Bool[np.ndarray, " m"]


def inputs_of(
    x: Float[np.ndarray, "m d"], said: dict[int, Float[np.ndarray, "m k"]], scales: dict[int, float], way: Way
) -> Float[np.ndarray, "m q"]:
    """The inputs of a way: the vectors, 1, and the answers of its machines with their weight."""
    parts = [x, np.ones((len(x), 1))]
    if way.weight:
        # the weight is shared, so that copies of a machine do not weigh more than one
        share = way.weight / np.sqrt(len(way.machines))
        parts += [share / scales[i] * said[i] for i in way.machines]
    return np.hstack(parts)


def start_of(said: dict[int, Float[np.ndarray, "m k"]], way: Way) -> Float[np.ndarray, "m k"] | None:
    """What a way starts from: the mean answer of its machines; None where it does not trust their class names."""
    return way.start * np.mean([said[i] for i in way.machines], axis=0) if way.start else None


def best_fit(rows: Span, start: Float[np.ndarray, "m k"] | None, y: Int[np.ndarray, " m"], k: int, way: Way) -> Fit:
    """The penalty with the likeliest labels, each predicted from all others and from the machines."""
    m, count = len(y), np.bincount(y, minlength=k)
    left = np.eye(k)[y] if start is None else np.eye(k)[y] - start
    basis = rows.coords / np.sqrt(rows.energy)
    onto = basis.T @ left
    best = Fit(np.inf, 1.0, 5.0, np.zeros(m), np.zeros(m, dtype=bool))
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
            best = Fit(loss, ridge, sharpness, each, scores.argmax(axis=1) == y)
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


def taught_head(
    x: Float[np.ndarray, "m d"],
    y: Int[np.ndarray, " m"],
    k: int,
    known: Sequence[Student],
    able: Sequence[int],
    way: Way,
    fit: Fit,
) -> LogisticHead:
    """The head of a way, on all labels: the weights of machines and inputs are one linear function of the vectors."""
    used = {i: known[able.index(i)] for i in way.machines}
    seen: Bool[np.ndarray, " k"] = np.bincount(y, minlength=k) > 0
    said, scales = {i: student(x) for i, student in used.items()}, {i: student.scale for i, student in used.items()}
    rows, start = span(inputs_of(x, said, scales, way)), start_of(said, way)
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
