"""What a machine says of any vector: a linear student of its answers about the pool."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int

from activessl.errors import HeadError
from activessl.geometry.blocks import sample_rows
from activessl.geometry.units import scaled_rows
from activessl.heads.calibrate import softmax
from activessl.later import later

if TYPE_CHECKING:
    from scipy import linalg
else:
    linalg = later("scipy.linalg")

#: Candidate ridge penalties on unit vectors; generalised cross-validation chooses.
PENALTIES = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
#: Rows that a student learns from; more rows hardly change it.
MOST = 20_000
#: Largest deviation from 1 of the sum of a row of probabilities.
ROUNDING = 0.02


@dataclass(frozen=True, eq=False)
class Student:
    """Ridge regression of a machine's answers on unit vectors: its answers without what the vectors do not explain.

    A machine that errs at random on single items has a student that errs less, because neighbours vote together. A
    machine whose answers have nothing to do with the items has a student that always says the same.

    Attributes:
        centre: (d,) the mean of the pool, subtracted before scaling to unit length.
        coef: (k, d) weights on the scaled vectors.
        intercept: (k,) share of each class where the scaled vector is 0.
        scale: Root mean square over the pool of the length of the answers' variation, > 0.
        penalty: The ridge penalty in use.
    """

    centre: Float[np.ndarray, " d"]
    coef: Float[np.ndarray, "k d"]
    intercept: Float[np.ndarray, " k"]
    scale: float
    penalty: float

    def __call__(self, scaled: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n k"]:
        """The share of each class for centred unit vectors; rows sum to about one, values may leave [0, 1]."""
        return np.asarray(scaled @ self.coef.T + self.intercept)

    def place(self, points: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
        """Centre vectors and scale them to unit length, as this student reads them."""
        return scaled_rows(np.asarray(points, dtype=np.float64) - self.centre)


def student_of(points: Float[np.ndarray, "n d"], shares: Float[np.ndarray, "n k"]) -> Student | None:
    """Teach a student of a machine from its answers about the pool; no label of a person is read.

    Args:
        points: The vectors of the pool.
        shares: The share of each class that the machine gives; NaN rows where it has no answer.

    Returns:
        None if fewer than two items have an answer, or all answers are the same.

    Raises:
        HeadError: Another number of answers than of vectors.

    References:
        Hinton, Vinyals & Dean, Distilling the Knowledge in a Neural Network, 2015, arXiv 1503.02531.
        Golub, Heath & Wahba, Generalized Cross-Validation, Technometrics 1979.

    Example:
        >>> points = np.repeat(np.eye(2), 50, axis=0)
        >>> found = student_of(points, np.repeat(np.eye(2), 50, axis=0))
        >>> found(found.place(np.eye(2))).argmax(axis=1).tolist()
        [0, 1]
        >>> student_of(points, np.tile([1.0, 0.0], (100, 1))) is None
        True
    """
    given = np.asarray(shares, dtype=np.float64)
    if given.ndim != 2 or len(given) != len(points):
        raise HeadError(
            f"answers of shape {given.shape} for {len(points)} vectors", hint="pass one row of shares for each item"
        )
    rows = np.flatnonzero(np.isfinite(given).all(axis=1))
    rows = rows[sample_rows(len(rows), MOST, np.random.default_rng(0))]
    if len(rows) < 2 or np.ptp(given[rows], axis=0).max() < 1e-9:
        return None
    centre = np.asarray(np.mean(points, axis=0, dtype=np.float64))
    x = scaled_rows(np.asarray(points[rows], dtype=np.float64) - centre)
    middle, prior = x.mean(axis=0), given[rows].mean(axis=0)
    x, y, n = x - middle, given[rows] - prior, len(rows)
    energy, axes = linalg.eigh(x.T @ x, check_finite=False)
    energy = np.maximum(energy, 1e-9)
    onto, coords = axes.T @ (x.T @ y), x @ axes
    best, penalty = np.inf, PENALTIES[0]
    for each in PENALTIES:
        left = y - coords @ (onto / (energy + each)[:, None])
        loss = float(np.sum(left**2)) / max(1.0 - float(np.sum(energy / (energy + each))) / n, 1e-3) ** 2
        if loss < best:
            best, penalty = loss, each
    coef = (axes @ (onto / (energy + penalty)[:, None])).T
    spread = float(np.sqrt(np.mean(np.sum((x @ coef.T) ** 2, axis=1))))
    return Student(centre, np.ascontiguousarray(coef), prior - coef @ middle, max(spread, 1e-6), penalty)


def shares_of(answers: Int[np.ndarray, " n"], n_classes: int) -> Float[np.ndarray, "n k"]:
    """One-hot rows of class indices; NaN rows where an answer is -1.

    Example:
        >>> shares_of(np.array([1, -1]), 2).tolist()
        [[0.0, 1.0], [nan, nan]]
    """
    out = np.full((len(answers), n_classes), np.nan)
    known = np.flatnonzero(np.asarray(answers) >= 0)
    out[known] = np.eye(n_classes)[np.asarray(answers)[known]]
    return out


def shares_of_scores(scores: Any) -> Float[np.ndarray, "n k"]:
    """Rows of shares from scores: probabilities as they are, other scores by softmax, NaN rows where a score is NaN.

    Example:
        >>> shares_of_scores(np.array([[0.2, 0.8]])).tolist(), shares_of_scores(np.zeros((1, 2))).tolist()
        ([[0.2, 0.8]], [[0.5, 0.5]])
    """
    given = np.array(scores, dtype=np.float64)
    known = np.isfinite(given).all(axis=1)
    given[~known] = np.nan
    some = given[known]
    if len(some) and (some.min() < 0 or np.abs(some.sum(axis=1) - 1).max() > ROUNDING):
        given[known] = softmax(some)
    return given
