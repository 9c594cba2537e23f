"""How much less a sample tells if its items come from few groups, such as patients or videos."""

from __future__ import annotations

from typing import TYPE_CHECKING

from activessl.later import later

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Bool, Float, Int
else:
    np = later("numpy")  # `status` imports this module, and has no arrays

#: The correlation within groups that is assumed before there are data, and its weight, as a number of groups. Coverage
#: of the intervals: docs/results/people.md.
USUAL, WEIGHT = 0.5, 10


def design_effect(
    right: Bool[np.ndarray, " m"], groups: Int[np.ndarray, " m"], weights: Float[np.ndarray, " m"] | None = None
) -> float:
    r"""By how much groups multiply the variance of a share: Kish's :math:`1 + (\bar m - 1) \rho`, at least 1.

    :math:`\rho` is the correlation within groups, estimated by analysis of variance and drawn to 0.5 with the weight of
    ten groups, because few groups tell little about it; :math:`\bar m` is the mean number of items in the group of an
    item.

    Args:
        right: Whether each prediction was right.
        groups: The group of each item, as a number.
        weights: Weight of each item, > 0; by default all are equal.

    References:
        Kish, Survey Sampling, Wiley 1965, section 5.4.
        Donner, A Review of Inference Procedures for the Intraclass Correlation Coefficient, International Statistical
        Review 1986.

    Example:
        >>> right, groups = np.repeat([1, 0, 1, 1], 5) > 0, np.repeat([0, 1, 2, 3], 5)
        >>> round(design_effect(right, groups), 1), design_effect(right, np.arange(20))
        (3.6, 1.0)
    """
    x = np.asarray(right, dtype=np.float64)
    names, place = np.unique(groups, return_inverse=True)
    m, n = len(x), np.bincount(place)
    if m == len(names):
        return 1.0
    w = np.ones(m) if weights is None else np.asarray(weights, dtype=np.float64)
    mean_size = float(np.sum(np.bincount(place, w) ** 2) / (w @ w))
    rho = (len(names) * _correlation(x, place, n) + WEIGHT * USUAL) / (len(names) + WEIGHT)
    return 1.0 + max(0.0, mean_size - 1.0) * min(1.0, max(0.0, rho))


def _correlation(x: Float[np.ndarray, " m"], place: Int[np.ndarray, " m"], n: Int[np.ndarray, " g"]) -> float:
    """The intraclass correlation by analysis of variance; the usual one if all outcomes are equal."""
    m, g = len(x), len(n)
    if g < 2:
        return USUAL
    means = np.bincount(place, x) / n
    between = float(n @ (means - x.mean()) ** 2) / (g - 1)
    within = float(np.sum((x - means[place]) ** 2)) / (m - g)
    size = (m - float(n @ n) / m) / (g - 1)
    total = between + (size - 1) * within
    return (between - within) / total if total > 0 else USUAL
