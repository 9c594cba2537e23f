"""The interval of an accuracy, narrowed by what machines know of the items that people did not answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from activessl.errors import MeasureError
from activessl.measuring.intervals import wilson

#: Labels that the estimate of the weight of the machine counts as having shown no correlation.
SHRINK = 5.0


@dataclass(frozen=True, slots=True)
class Powered:
    """An accuracy that was measured on few labels and many predictions of rightness.

    Attributes:
        share: The estimate, in [0, 1].
        low: Lower end of its interval.
        high: Upper end.
        weight: How much the predictions count, 0 for not at all.
        effective: Random labels that would give an interval as narrow without the predictions.
    """

    share: float
    low: float
    high: float
    weight: float
    effective: float


def powered_share(
    right: Float[np.ndarray, " n"],
    thought: Float[np.ndarray, " n"],
    elsewhere: Float[np.ndarray, " u"],
    *,
    level: float = 0.9,
) -> Powered:
    """Estimate how often a model is right, from random labels and a machine's opinion about every item.

    The estimate is the mean over the labels plus a correction: where the machine thinks better of the unlabeled items
    than of the labeled ones, the accuracy there is higher, as far as the labels show that the machine knows. The weight
    of the correction is the one with the smallest variance, shrunk to none while labels are few, so a machine that
    knows nothing changes nothing and one that is wrong costs little. The interval is Wilson's, for the number of labels
    to which the variance corresponds: the normal interval of the paper fails at shares near 1.

    Args:
        right: 1 where the model is right about a label of a uniform random draw, else 0.
        thought: What the machine thinks of these items, such as 1 where it says what the model says.
        elsewhere: The same for the items that are not among them.
        level: Probability of the interval.

    Raises:
        MeasureError: No label, arrays that do not fit, or values that are not finite.

    References:
        Angelopoulos, Duchi & Zrnic, PPI++: Efficient Prediction-Powered Inference, 2023, arXiv 2311.01453.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> right = (rng.random(2000) < 0.8).astype(float)
        >>> thought = np.where(rng.random(2000) < 0.95, right, 1 - right)
        >>> found = powered_share(right[:100], thought[:100], thought[100:])
        >>> found.low < 0.8 < found.high, found.effective > 200
        (True, True)
        >>> powered_share(right[:100], np.ones(100), np.ones(1900)).effective
        100.0
    """
    from activessl.measuring.intervals import deviations

    r, f, far = (np.asarray(part, dtype=np.float64) for part in (right, thought, elsewhere))
    if not len(r) or r.shape != f.shape or r.ndim != 1 or not all(np.isfinite(part).all() for part in (r, f, far)):
        raise MeasureError(
            f"{len(r)} labels, {len(f)} opinions about them and {len(far)} about others",
            hint="pass one finite opinion for each label, and at least one label",
        )
    n, u, z = len(r), len(far), deviations(level)
    plain = Powered(float(r.mean()), *wilson(float(r.mean()), n, z), 0.0, float(n))
    spread, apart = float(r.var()), float(np.concatenate([f, far]).var())
    if n < 3 or not u or spread == 0 or apart < 1e-12 or f.var() < 1e-12:
        return plain
    both = float(np.mean((r - r.mean()) * (f - f.mean())))
    weight = both / (apart * (1 + n / u)) * n / (n + SHRINK)
    share = float(np.clip(r.mean() - weight * (f.mean() - far.mean()), 0.0, 1.0))
    # one more parameter than the mean was fitted to these labels
    left = float(np.sum((r - r.mean() - weight * (f - f.mean())) ** 2)) / max(n - 2, 1)
    variance = left / n + weight**2 * float(far.var()) / u
    usual = spread * n / (n - 1) / n
    effective = n * max(usual / max(variance, 1e-12), 1.0)
    if variance >= usual:
        return plain
    return Powered(share, *wilson(share, effective, z), weight, effective)
