"""Learning curves over paired seeds, and the figures computed from them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from activessl.errors import MeasureError


@dataclass(frozen=True, eq=False)
class Curve:
    """Accuracy against labels, over seeds.

    Args:
        labels: (b,) label counts, ascending, >= 1.
        accuracy: (s, b) one row per seed, in [0, 1].

    Raises:
        MeasureError: Shapes that do not match, counts that do not ascend, or values that are not accuracies.
    """

    labels: Int[np.ndarray, " b"]
    accuracy: Float[np.ndarray, "s b"]

    def __post_init__(self) -> None:
        labels, accuracy = np.asarray(self.labels), np.asarray(self.accuracy, dtype=np.float64)
        if labels.ndim != 1 or accuracy.ndim != 2 or accuracy.shape[1] != len(labels) or not accuracy.size:
            raise MeasureError(
                f"a curve of {labels.shape} label counts and {accuracy.shape} accuracies",
                hint="pass one row per seed with one accuracy for each label count",
            )
        if labels[0] < 1 or np.any(np.diff(labels) <= 0):
            raise MeasureError(
                f"label counts {labels.tolist()} do not ascend from 1", hint="sort them and drop repeated ones"
            )
        if not np.all((accuracy >= 0) & (accuracy <= 1)):
            raise MeasureError("a curve holds NaN or accuracies outside [0, 1]", hint="measure those points again")
        object.__setattr__(self, "labels", labels)
        object.__setattr__(self, "accuracy", accuracy)

    @cached_property
    def mean(self) -> Float[np.ndarray, " b"]:
        """Mean accuracy over the seeds."""
        return np.asarray(self.accuracy.mean(axis=0))

    @cached_property
    def smooth(self) -> Float[np.ndarray, " b"]:
        """The mean curve made non-decreasing, so that the first label count that reaches a target is well defined."""
        return isotonic(self.mean)

    @property
    def area(self) -> float:
        """Mean accuracy over the range of label counts, by trapezoids, in [0, 1]."""
        if len(self.labels) == 1:
            return float(self.mean[0])
        return float(np.trapezoid(self.mean, self.labels) / (self.labels[-1] - self.labels[0]))


def isotonic(values: Float[np.ndarray, "... b"]) -> Float[np.ndarray, "... b"]:
    """Compute the non-decreasing curve nearest to each row in least squares.

    The max-min formula smooths thousands of resampled curves at once.

    References:
        Barlow et al., Statistical Inference under Order Restrictions, 1972.

    Example:
        >>> isotonic(np.array([0.2, 0.5, 0.3, 0.6])).round(6).tolist()
        [0.2, 0.4, 0.4, 0.6]
    """
    values = np.asarray(values, dtype=np.float64)
    b = values.shape[-1]
    total = np.concatenate([np.zeros((*values.shape[:-1], 1)), np.cumsum(values, axis=-1)], axis=-1)
    out = np.full(values.shape, -np.inf)
    for i in range(b):
        # means of blocks starting at i, and for each end the smallest mean of a block that ends there or later
        means = (total[..., i + 1 :] - total[..., i : i + 1]) / np.arange(1, b - i + 1)
        reach = np.minimum.accumulate(means[..., ::-1], axis=-1)[..., ::-1]
        out[..., i:] = np.maximum(out[..., i:], reach)
    return out


def labels_to_target(
    labels: Int[np.ndarray, " b"], smooth: Float[np.ndarray, "*r b"], target: float | Float[np.ndarray, "*r"]
) -> Float[np.ndarray, "*r"]:
    """Compute the labels at which non-decreasing curves first reach a target, interpolated; infinity if they never do.

    For a curve that starts above the target, the result is the first count, which is an upper bound.

    Example:
        >>> labels_to_target(np.array([10, 20]), np.array([[0.5, 0.7], [0.1, 0.2]]), 0.6).tolist()
        [15.0, inf]
    """
    smooth = np.asarray(smooth, dtype=np.float64)
    labels = np.asarray(labels, dtype=np.float64)
    # a mean of equal numbers may be smaller than them in the last bit
    goal: Float[np.ndarray, "*r"] = np.asarray(target, dtype=np.float64)
    there = smooth >= goal[..., None] - 1e-12
    first = there.argmax(axis=-1)
    before = np.maximum(first - 1, 0)
    high = np.take_along_axis(smooth, first[..., None], axis=-1)[..., 0]
    low = np.take_along_axis(smooth, before[..., None], axis=-1)[..., 0]
    rise = np.where(high > low, high - low, 1.0)
    share = np.clip((goal - low) / rise, 0.0, 1.0)
    at = labels[before] + np.where(first > 0, share, 0.0) * (labels[first] - labels[before])
    return np.where(there.any(axis=-1), at, np.inf)


def win_rate(ours: Curve, theirs: Curve) -> float:
    """Compute the share of (seed, label count) cells in which ``ours`` is better, ties counted half, in [0, 1].

    Raises:
        MeasureError: The curves are not paired.

    Example:
        >>> a, b = Curve(np.array([1]), np.array([[0.6], [0.5]])), Curve(np.array([1]), np.array([[0.5], [0.5]]))
        >>> win_rate(a, b)
        0.75
    """
    check_paired(ours, theirs)
    return float(np.mean((ours.accuracy > theirs.accuracy) + 0.5 * (ours.accuracy == theirs.accuracy)))


def check_paired(ours: Curve, theirs: Curve) -> None:
    """Check that two curves have the same seeds and label counts.

    Raises:
        MeasureError: The curves cannot be compared seed by seed.
    """
    if ours.accuracy.shape != theirs.accuracy.shape or not np.array_equal(ours.labels, theirs.labels):
        raise MeasureError(
            f"curves of {ours.accuracy.shape} and {theirs.accuracy.shape} seeds and label counts are not paired",
            hint="measure both with the same seeds and label counts",
        )
