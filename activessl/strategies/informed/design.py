"""BADGE in gradient space and BAIT as rank-1 optimal design. Pure functions of arrays and an rng."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from activessl.geometry.blocks import Rows, affordable, thin
from activessl.geometry.units import Vectors, unit_blocks, unit_rows
from activessl.strategies.coverage.k_center import Greedy

#: Candidates whose scores BAIT keeps exact between passes over all candidates, and picks between two passes.
_FRONT = 4_096
_AHEAD = 16
#: Proposals that BADGE draws before it updates all distances.
_PROPOSALS = 32


def gradient_factor(probs: Float[np.ndarray, "n k"], *, independent: bool = False) -> Float[np.ndarray, "n k"]:
    """The factor q of the last layer's gradient q ⊗ x, with the predicted class as the label.

    Example:
        >>> gradient_factor(np.array([[0.7, 0.3]])).round(1).tolist()
        [[-0.3..., 0.3...]]
    """
    factor = np.array(probs, dtype=np.float32)
    if independent:
        factor -= factor > 0.5
    else:
        factor[np.arange(len(factor)), factor.argmax(axis=1)] -= 1
    return factor


def badge(
    vectors: Vectors,
    probs: Float[np.ndarray, "c k"],
    candidates: Rows,
    size: int,
    *,
    rng: np.random.Generator,
    independent: bool = False,
    appeal: Float[np.ndarray, " c"] | None = None,
) -> Greedy:
    r"""Choose the seeds of k-means++ in the space of last-layer gradients, without computing the gradients.

    :math:`\|g_i - g_j\|^2 = \|q_i\|^2\|x_i\|^2 + \|q_j\|^2\|x_j\|^2 - 2 (q_i \cdot q_j)(x_i \cdot x_j)` for
    g = q ⊗ x. Several draws are proposed at a time; a proposal is accepted with probability
    new distance / old distance. This gives exactly the distribution of one draw after the other with a tenth of the
    passes over the pool.

    Args:
        vectors: The pool.
        probs: Probabilities of the candidates.
        candidates: Rows to choose from; sampled if their vectors exceed 400 MB.
        size: Number of picks, at most ``len(candidates)``.
        rng: Source of the draws.
        independent: Whether an item may have several classes (multi-label).
        appeal: Factor on each candidate's squared distance.

    Returns:
        Gains are distances to the nearest earlier pick (for the first pick the length of its gradient); the objective
        is their mean.

    References:
        Ash et al., Deep Batch Active Learning by Diverse, Uncertain Gradient Lower Bounds, ICLR 2020,
        arXiv 1906.03671; the factorised distance: App. D of arXiv 2306.09910.
    """
    positions = thin(np.arange(len(candidates)), max(affordable(vectors.shape[1]), size), rng)
    rows = candidates[positions]
    x = unit_rows(vectors, rows)
    q = gradient_factor(probs if len(positions) == len(candidates) else probs[positions], independent=independent)
    factor = np.ones(len(rows)) if appeal is None else np.asarray(appeal, dtype=np.float64)[positions]
    norm = (np.einsum("ij,ij->i", q, q) * np.einsum("ij,ij->i", x, x)).astype(np.float64)

    picks = [int(np.argmax(norm * factor))]
    gains = [float(norm[picks[0]])]
    squared = np.full(len(rows), np.inf)
    new = np.array(picks)
    while True:
        for start in range(0, len(rows), 4096):
            part = slice(start, start + 4096)
            cross = (x[part] @ x[new].T) * (q[part] @ q[new].T)
            away = norm[part, None] + norm[new] - 2 * cross
            np.minimum(squared[part], np.maximum(away, 0).min(axis=1), out=squared[part])
        squared[new] = 0
        if len(picks) == size:
            break
        chance = squared * factor
        # rounding gives tiny distances between equal gradients; set their probability to 0
        chance[squared <= 1e-6 * norm.max()] = 0
        proposals = _propose(chance, min(_PROPOSALS, 2 * (size - len(picks))), picks, rng)
        cross = (x[proposals] @ x[proposals].T) * (q[proposals] @ q[proposals].T)
        between = np.maximum(norm[proposals, None] + norm[proposals] - 2 * cross, 0)
        kept: list[int] = []
        for at, row in enumerate(proposals):
            old = squared[row]
            now = min([old, *(float(between[at, other]) for other in kept)])
            # if all distances are 0 the draw is uniform and every proposal is accepted
            if row in picks or (old > 0 and rng.random() * old >= now):
                continue
            picks.append(int(row))
            gains.append(float(now))
            kept.append(at)
            if len(picks) == size:
                break
        new = proposals[kept]
    return Greedy(rows[np.array(picks)], np.sqrt(np.array(gains)), float(np.mean(np.sqrt(gains))))


def _propose(chance: Float[np.ndarray, " c"], size: int, picks: list[int], rng: np.random.Generator) -> Rows:
    total = np.cumsum(chance)
    if not total[-1] > 0:
        free = np.setdiff1d(np.arange(len(chance)), picks)
        return np.asarray(rng.choice(free, min(size, len(free)), replace=False))
    drawn = np.searchsorted(total, rng.random(size) * total[-1], side="right")
    return np.asarray(np.minimum(drawn, len(chance) - 1))


def bait_binary(
    vectors: Vectors,
    confidence: Float[np.ndarray, " n"],
    labeled: Rows,
    candidates: Rows,
    size: int,
    *,
    rng: np.random.Generator,
    ridge: float = 1e-3,
    oversample: float = 2.0,
    appeal: Float[np.ndarray, " c"] | None = None,
) -> Greedy:
    r"""Choose by BAIT with a Bernoulli likelihood: optimal design for weighted least squares by rank-1 updates.

    The Fisher information of an item is :math:`w x x^T` with w = p (1 - p), p the probability of the best class. The
    criterion is tr(A F), A the inverse information of the labeled and picked items, F the mean information of the pool;
    each pick is a rank-1 update. Per candidate only a = x'Ax and b = x'AFAx are kept; a pick costs two products of the
    candidates with a vector. More than ``size`` items are added first, then the least useful are removed.

    Args:
        vectors: The pool.
        confidence: (n,) probability of the best class, by row of the pool.
        labeled: Rows that have a label.
        candidates: Rows to choose from; sampled if their vectors exceed 400 MB.
        size: Number of picks, at most ``len(candidates)``.
        rng: Source of the sample.
        ridge: Prior information on unit vectors, > 0; 1 in the paper, where features are longer.
        oversample: Forward picks per item to choose, >= 1.
        appeal: Factor on each candidate's gain in the forward pass.

    Returns:
        Gains are decreases of the criterion at the time of the pick; the objective is the final criterion.

    References:
        Ash et al., Gone Fishing: Neural Active Learning with Fisher Embeddings, NeurIPS 2021, arXiv 2106.09675;
        Huseljic et al., Fast Fishing: Approximating BAIT for Efficient and Scalable Deep Active Image Classification,
        ECML PKDD 2024, arXiv 2404.08981.
    """
    d = vectors.shape[1]
    positions = thin(np.arange(len(candidates)), max(affordable(d), size), rng)
    rows = candidates[positions]
    information = np.asarray(confidence, dtype=np.float64) * (1 - np.asarray(confidence, dtype=np.float64))
    share = 1.0 / (len(labeled) + size)
    x = unit_rows(vectors, rows)
    target = (_scatter_of(x, information[rows]) + _scatter(vectors, labeled, information)) / (len(rows) + len(labeled))
    prior = ridge * np.eye(d) + _scatter(vectors, labeled, information) * share
    inverse = np.linalg.inv(prior)
    inverse = (inverse + inverse.T) / 2
    w = information[rows] * size * share
    factor = np.ones(len(rows)) if appeal is None else np.asarray(appeal, dtype=np.float64)[positions]

    a, b = np.empty(len(rows)), np.empty(len(rows))
    both = np.concatenate([inverse, inverse @ target @ inverse], axis=1).astype(np.float32)
    for start in range(0, len(rows), 4096):
        part = slice(start, start + 4096)
        product = x[part] @ both
        a[part] = np.einsum("ij,ij->i", x[part], product[:, :d])
        b[part] = np.einsum("ij,ij->i", x[part], product[:, d:])

    forward = min(int(np.ceil(size * oversample)), len(rows))
    chosen, gains, inverse = _forward(x, w, factor, inverse, target, a, b, forward)
    kept = list(range(len(chosen)))
    if len(kept) > size:
        small = x[np.array(chosen)]
        weight = w[np.array(chosen)]
        product = small.astype(np.float64) @ inverse
        a_small = np.einsum("ij,ij->i", product, small)
        b_small = np.einsum("ij,ij->i", product @ target, product)
        inside = np.ones(len(chosen), dtype=bool)
        while inside.sum() > size:
            loss = weight * b_small / np.maximum(1 - weight * a_small, 1e-12)
            worst = int(np.argmin(np.where(inside, loss, np.inf)))
            inside[worst] = False
            move, inverse = _move(small[worst], -weight[worst], inverse, target)
            _apply(move, small @ move.directions, a_small, b_small)
        kept = np.flatnonzero(inside).tolist()
    picks = rows[np.array([chosen[i] for i in kept], dtype=np.int64)]
    return Greedy(picks, np.array([gains[i] for i in kept]), float(np.sum(inverse * target)))


def _forward(
    x: Float[np.ndarray, "c d"],
    w: Float[np.ndarray, " c"],
    factor: Float[np.ndarray, " c"],
    inverse: Float[np.ndarray, "d d"],
    target: Float[np.ndarray, "d d"],
    a: Float[np.ndarray, " c"],
    b: Float[np.ndarray, " c"],
    count: int,
) -> tuple[list[int], list[float], Float[np.ndarray, "d d"]]:
    """Make greedy forward picks: (positions, gains, inverse information); update a and b in place.

    Several picks at a time are made among the best few thousand candidates, whose scores are kept exact. Then one
    matrix product updates all other candidates. If one of them was better at some step, that step and the later steps
    are undone, so the result equals that of one exact pass per pick.
    """
    chosen: list[int] = []
    gains: list[float] = []
    free = np.ones(len(x), dtype=bool)
    step = _AHEAD
    while len(chosen) < count:
        score = np.where(free, _gain(w, a, b) * factor, -1.0)
        front = np.arange(len(x)) if len(x) <= _FRONT else np.argpartition(-score, _FRONT)[:_FRONT]
        front = front[np.lexsort((front, -score[front]))]
        near, near_a, near_b, near_free = x[front], a[front], b[front], free[front]
        near_w, near_factor = w[front], factor[front]
        ahead: list[tuple[int, float, float]] = []  # position, gain, score
        moves: list[_Move] = []
        now = inverse
        for _ in range(min(step, count - len(chosen), int(near_free.sum()))):
            gain = _gain(near_w, near_a, near_b)
            inside = np.where(near_free, gain * near_factor, -1.0)
            best = int(np.argmax(inside))
            ahead.append((int(front[best]), float(gain[best]), float(inside[best])))
            near_free[best] = False
            move, now = _move(near[best], near_w[best], now, target)
            _apply(move, near @ move.directions, near_a, near_b)
            moves.append(move)
        valid = _catch_up(x, w, factor, free, a, b, ahead, moves)
        if valid == len(ahead):
            inverse = now
        else:
            for move in moves[:valid]:
                inverse = inverse - move.g * np.outer(move.v, move.v)
        for position, gain_then, _ in ahead[:valid]:
            chosen.append(position)
            gains.append(gain_then)
            free[position] = False
        step = min(_AHEAD, max(4, 2 * valid))
    return chosen, gains, inverse


def _catch_up(
    x: Float[np.ndarray, "c d"],
    w: Float[np.ndarray, " c"],
    factor: Float[np.ndarray, " c"],
    free: Bool[np.ndarray, " c"],
    a: Float[np.ndarray, " c"],
    b: Float[np.ndarray, " c"],
    ahead: list[tuple[int, float, float]],
    moves: list[_Move],
) -> int:
    """Update all a and b, stop at the first step at which another candidate was better, and return the valid steps."""
    cross = np.empty((len(x), 2 * len(moves)), dtype=np.float32)
    directions = np.concatenate([move.directions for move in moves], axis=1)
    for start in range(0, len(x), 8192):
        cross[start : start + 8192] = x[start : start + 8192] @ directions
    taken = ~free
    for step, (position, _, score) in enumerate(ahead):
        if step:  # the first pick used the exact scores of all candidates
            others = np.where(taken, -1.0, _gain(w, a, b) * factor)
            others[position] = -1.0
            if others.max() > score * (1 + 1e-6):
                return step
        taken[position] = True
        _apply(moves[step], cross[:, 2 * step : 2 * step + 2], a, b)
    return len(ahead)


def _gain(
    w: Float[np.ndarray, " c"], a: Float[np.ndarray, " c"], b: Float[np.ndarray, " c"]
) -> Float[np.ndarray, " c"]:
    """Decrease of the criterion that adding each candidate would bring."""
    return np.asarray(w * np.maximum(b, 0) / (1 + w * np.maximum(a, 0)))


@dataclass(frozen=True, eq=False)
class _Move:
    """A rank-1 update of the information, with what is needed to update a and b of other candidates."""

    g: float
    q: float
    v: Float[np.ndarray, " d"]
    directions: Float[np.ndarray, "d 2"]


def _move(
    row: Float[np.ndarray, " d"], weight: float, inverse: Float[np.ndarray, "d d"], target: Float[np.ndarray, "d d"]
) -> tuple[_Move, Float[np.ndarray, "d d"]]:
    """Add ``weight`` x x' to the information: (the update, the new inverse)."""
    vector = row.astype(np.float64)
    v = inverse @ vector
    g = float(weight / (1 + weight * (vector @ v)))
    fv = target @ v
    directions = np.stack([v, inverse @ fv], axis=1).astype(np.float32)
    return _Move(g, float(v @ fv), v, directions), inverse - g * np.outer(v, v)


def _apply(
    move: _Move, cross: Float[np.ndarray, "c 2"], a: Float[np.ndarray, " c"], b: Float[np.ndarray, " c"]
) -> None:
    """Apply an update to a and b in place, from the products of each candidate with the two directions."""
    c, e = cross[:, 0].astype(np.float64), cross[:, 1].astype(np.float64)
    a -= move.g * c * c
    b += move.g * c * (move.g * move.q * c - 2 * e)


def _scatter(vectors: Vectors, rows: Rows, weight: Float[np.ndarray, " n"]) -> Float[np.ndarray, "d d"]:
    """Sum of weight x x' over rows of the pool."""
    out = np.zeros((vectors.shape[1], vectors.shape[1]))
    for part, block in unit_blocks(vectors, rows):
        out += (block * weight[rows[part], None].astype(np.float32)).T @ block
    return out


def _scatter_of(x: Float[np.ndarray, "c d"], weight: Float[np.ndarray, " c"]) -> Float[np.ndarray, "d d"]:
    """Sum of weight x x' over unit rows."""
    out = np.zeros((x.shape[1], x.shape[1]))
    for start in range(0, len(x), 8192):
        block = x[start : start + 8192]
        out += (block * weight[start : start + 8192, None].astype(np.float32)).T @ block
    return out
