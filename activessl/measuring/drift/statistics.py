"""Statistics of two samples, computed for many permutations at once by matrix products.

Each takes the points once and then columns of 0 and 1 that say which units are new; one column is the truth, the others
are permutations. Larger values speak for a difference.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from activessl.geometry.blocks import block_rows
from activessl.measuring.drift.units import Pooled

#: (u, c) columns of 0 and 1 -> (s, c) statistics.
Statistic = Callable[[Float[np.ndarray, "u c"]], Float[np.ndarray, "s c"]]

#: Numbers of neighbours that the neighbour statistic looks at: a few new items together, and many.
SCALES = (10, 30, 90)
#: The kernels are as wide as the median distance, and twice half as wide as the one before: a class among many is
#: narrower than the whole sample.
_NARROWER = 2
#: Pairs from which the median distance is computed.
_PAIRS = 50_000
#: Surplus of new neighbours, in standard deviations, counts with this power: few items in a new region outweigh many
#: items with a usual surplus. On public vectors 5 found more than 3 and than the largest surplus alone
#: (docs/results/drift.md).
_POWER = 5


def classifier(pooled: Pooled) -> Statistic:
    r"""How well a linear classifier tells new from old units that it was not taught.

    The classifier is a ridge regression; each unit is predicted by the one that was taught all other units, which needs
    no other fit than that of all units: :math:`(\hat y_i - h_i y_i) / (1 - h_i)`. The statistic is the difference of
    the mean predictions of new and old units, in standard deviations of the predictions.

    References:
        Lopez-Paz & Oquab, Revisiting Classifier Two-Sample Tests, ICLR 2017, arXiv 1610.06545. The statistic from
        real-valued predictions instead of the accuracy: Kim, Ramdas, Singh & Wasserman, Classification Accuracy as a
        Proxy for Two-Sample Testing, Annals of Statistics 2021, arXiv 1602.02210.
    """
    points = pooled.unit_points().astype(np.float32)
    points -= points.mean(axis=0)
    # the eigenvectors of the smaller of both squares: rows x rows would be slower
    values, vectors = np.linalg.eigh((points.T @ points).astype(np.float64))
    values = np.maximum(values, 0.0)
    some = values > 1e-9 * max(float(values[-1]), 1e-12)
    left = np.asarray(points @ vectors[:, some] / np.sqrt(values[some]), dtype=np.float32)
    shrunk = (values[some] / (values[some] + values.mean())).astype(np.float32)
    leverage = ((left**2) @ shrunk + np.float32(1 / len(points)))[:, None]

    def of(new: Float[np.ndarray, "u c"]) -> Float[np.ndarray, "s c"]:
        centred = new - new.mean(axis=0)
        out = (left @ (shrunk[:, None] * (left.T @ centred)) - leverage * centred) / np.maximum(1 - leverage, 1e-3)
        count = new.sum(axis=0)
        apart = (out * new).sum(axis=0) / count - (out * (1 - new)).sum(axis=0) / (len(new) - count)
        return np.asarray(apart / np.maximum(out.std(axis=0), 1e-12))[None]

    return of


def kernel(pooled: Pooled, rng: np.random.Generator) -> Statistic:
    """The squared maximum mean discrepancy, unbiased, with a sum of three Gaussian kernels around the median distance.

    References:
        Gretton, Borgwardt, Rasch, Schölkopf & Smola, A Kernel Two-Sample Test, JMLR 2012. Several widths at once:
        Schrab et al., MMD Aggregated Two-Sample Test, JMLR 2023, arXiv 2110.15073.
    """
    points = pooled.unit_points()
    n = len(points)
    first, second = rng.integers(n, size=(2, _PAIRS))
    apart = np.sum((points[first] - points[second]) ** 2, axis=1)[first != second]
    median = float(np.median(apart))
    squares = np.einsum("ij,ij->i", points, points)
    gram = np.empty((n, n), dtype=np.float32)
    for part in _parts(n):
        distance = np.maximum(squares[part, None] + squares - 2 * points[part] @ points.T, 0)
        distance /= -2 * max(median, 1e-12)
        gram[part] = np.exp(distance, out=distance)
        for _ in range(_NARROWER):  # the kernel of half the width is the fourth power
            distance **= 2
            distance **= 2
            gram[part] += distance
    np.fill_diagonal(gram, 0.0)
    row, total = gram.sum(axis=1, dtype=np.float64), gram.sum(dtype=np.float64)

    def of(new: Float[np.ndarray, "u c"]) -> Float[np.ndarray, "s c"]:
        inside = np.einsum("ic,ic->c", new, gram @ new, dtype=np.float64)
        touching = row @ new
        m = new.sum(axis=0, dtype=np.float64)
        k = n - m
        across = touching - inside
        rest = total - 2 * touching + inside
        return np.asarray(inside / (m * (m - 1)) + rest / (k * (k - 1)) - 2 * across / (m * k))[None]

    return of


def neighbours(pooled: Pooled) -> Statistic:
    """How many items lie where most neighbours are new: one row for each of ``SCALES``.

    For each point, the surplus of new ones among its k nearest groups, in standard deviations under permutation. The
    statistic is the mean over the new points of the fifth power of the surplus (0 where there is none): a region that
    only new items fill raises it even where 5 % of them lie in it, and the mean of all surpluses does not.

    References:
        The count of neighbours from the same sample: Schilling, Multivariate Two-Sample Tests Based on Nearest
        Neighbors, JASA 1986. Weighing large local surpluses, as for sparse mixtures: Donoho & Jin, Higher Criticism
        for Detecting Sparse Heterogeneous Mixtures, Annals of Statistics 2004.
    """
    near = nearest_groups(pooled, max(SCALES))
    counted = steps(near, len(pooled.seat))

    def of(new: Float[np.ndarray, "u c"]) -> Float[np.ndarray, "s c"]:
        seats, centre = np.ascontiguousarray(new[pooled.seat]), new[pooled.unit]
        share, found = seats.mean(axis=0), np.zeros((len(near), new.shape[1]), dtype=np.float32)
        rows = []
        for k, step in counted:
            found += step @ seats
            surplus = (found - k * share) / np.sqrt(k * share * (1 - share))
            rows.append((np.maximum(surplus, 0) ** _POWER * centre).sum(axis=0) / centre.sum(axis=0))
        return np.array(rows)

    return of


def steps(near: Int[np.ndarray, "n k"], groups: int) -> list[tuple[int, Any]]:
    """For each scale, its k and the matrix that counts the neighbours which the scale before did not count."""
    from scipy.sparse import csr_array

    n, most = near.shape
    found, before = [], 0
    for k in sorted({min(k, most) for k in SCALES}):
        columns = near[:, before:k].astype(np.int32)
        wide = k - before
        ends = np.arange(0, n * wide + 1, wide, dtype=np.int32)
        found.append((k, csr_array((np.ones(n * wide, dtype=np.float32), columns.ravel(), ends), shape=(n, groups))))
        before = k
    return found


def nearest_groups(pooled: Pooled, k: int) -> Int[np.ndarray, "n k"]:
    """For each point the k nearest other groups, nearest first, each by its nearest item; fewer if there are fewer."""
    points, group, n = pooled.points, pooled.group, len(pooled.points)
    groups = len(pooled.seat)
    k = min(k, groups - 1)
    order = np.argsort(group, kind="stable")
    sorted_points, starts = points[order], np.searchsorted(group[order], np.arange(groups))
    squares = np.einsum("ij,ij->i", sorted_points, sorted_points)
    out = np.empty((n, k), dtype=np.int64)
    for part in _parts(n):
        distance = squares - 2 * points[part] @ sorted_points.T
        if groups < n:
            distance = np.minimum.reduceat(distance, starts, axis=1)
        distance[np.arange(len(distance)), group[part]] = np.inf
        near = np.argpartition(distance, k - 1, axis=1)[:, :k]
        out[part] = np.take_along_axis(
            near, np.argsort(np.take_along_axis(distance, near, 1), axis=1, kind="stable"), 1
        )
    return out


def _parts(n: int) -> list[slice]:
    step = block_rows(n)
    return [slice(start, min(start + step, n)) for start in range(0, n, step)]
