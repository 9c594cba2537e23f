"""Sampling in proportion to a power of a score, with the propensity of each drawn item."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int


def power_sample(
    weights: Float[np.ndarray, " n"], size: int, rng: np.random.Generator
) -> tuple[Int[np.ndarray, " q"], Float[np.ndarray, " q"]]:
    """Draw without replacement, with probabilities that increase with the weights.

    Each item gets the key log w + Gumbel noise and the ``size`` largest keys are taken: this equals drawing one item
    after the other in proportion to w. Given the largest key that was not taken, the propensity of an item is
    1 - exp(-w exp(-key)); with it, the sum of y / propensity over the sample is an unbiased estimate of the sum of y
    over all items.

    Args:
        weights: Positive weights: a power of a score.
        size: Number of items to draw, 1 <= size <= n.
        rng: Source of the noise.

    Returns:
        (positions, largest key first; propensities in (0, 1]).

    References:
        Kirsch et al., Stochastic Batch Acquisition, TMLR 2023, arXiv 2106.12059; Kool, van Hoof & Welling, Stochastic
        Beams and Where to Find Them, ICML 2019, arXiv 1903.06059; Duffield, Lund & Thorup, Priority Sampling, 2007.

    Example:
        >>> positions, chance = power_sample(np.ones(4), 4, np.random.default_rng(0))
        >>> sorted(positions.tolist()), chance.tolist()
        ([0, 1, 2, 3], [1.0, 1.0, 1.0, 1.0])
    """
    log_weight = np.log(np.asarray(weights, dtype=np.float64))
    key = log_weight + rng.gumbel(size=len(log_weight))
    order = np.argsort(-key, kind="stable")
    taken = order[:size]
    if size == len(order):
        return taken, np.ones(size)
    chance = -np.expm1(-np.exp(np.minimum(log_weight[taken] - key[order[size]], 700)))
    return taken, np.clip(chance, np.finfo(np.float64).tiny, 1.0)
