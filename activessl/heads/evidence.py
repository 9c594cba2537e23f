"""Evidence from the labels about the vectors: which vectors predict the labels better."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from activessl.errors import LabelError
from activessl.heads.inputs import centre_of
from activessl.heads.penalty import best_left_out, span_of
from activessl.labels.kinds import Labels, kind_of

#: Log odds of smoothed against plain vectors before there are labels, from twenty-one sets
#: (docs/decisions/0026-smoothing-by-labels.md).
PRIOR = 0.7
#: Largest number of labels that evidence is computed from; more labels do not change the choice.
MOST = 1000


def smoothing_pays(smoothed: Float[np.ndarray, "m d"], plain: Float[np.ndarray, "m e"], labels: Labels) -> bool:
    """Whether a head should be taught the smoothed vectors of the labeled items rather than the plain ones.

    Smoothing helps where items that are alike have the same label. Where the labels are about something else than what
    the encoder takes for alike, it removes what tells the classes apart. True without labels.

    Args:
        smoothed: The smoothed vectors of the labeled items.
        plain: Their vectors before smoothing.
        labels: Class indices, or (m, k) of 0 and 1; -1 for unknown.

    Raises:
        LabelError: Another number of labels than of vectors.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> y = np.repeat([0, 1], 30)
        >>> noise = rng.normal(size=(60, 5))
        >>> noise[:, 0] += 4 * y  # only the plain vectors tell the classes apart
        >>> smoothing_pays(rng.normal(size=(60, 5)), noise, y)
        False
        >>> smoothing_pays(noise[:0], noise[:0], y[:0])
        True
    """
    return evidence_of(smoothed, plain, labels).smoothing_pays


class Evidence(NamedTuple):
    """The evidence of the labels for the vectors of one encoder, in nats.

    Attributes:
        smoothed: That for its smoothed vectors, with the prior that favours them.
        plain: That for the vectors before smoothing.
    """

    smoothed: float
    plain: float

    @property
    def smoothing_pays(self) -> bool:
        """Whether the smoothed vectors are likelier."""
        return self.smoothed > self.plain

    @property
    def best(self) -> float:
        """That for the likelier of the two."""
        return max(self)


def evidence_of(
    smoothed: Float[np.ndarray, "m d"],
    plain: Float[np.ndarray, "m e"],
    labels: Labels,
    judged: Bool[np.ndarray, " m"] | None = None,
) -> Evidence:
    """The evidence for an encoder's vectors, smoothed and plain.

    Args:
        smoothed: The smoothed vectors of the labeled items.
        plain: Their vectors before smoothing.
        labels: Class indices, or (m, k) of 0 and 1; -1 for unknown.
        judged: The labels that are predicted from all others; by default all.

    Raises:
        LabelError: Another number of labels than of vectors.
    """
    return Evidence(PRIOR + log_evidence(smoothed, labels, judged), log_evidence(plain, labels, judged))


def log_evidence(
    vectors: Float[np.ndarray, "m d"], labels: Labels, judged: Bool[np.ndarray, " m"] | None = None
) -> float:
    """Log-likelihood (nats) of the labels, each predicted from all others by ridge regression on these vectors.

    Only differences between vectors of the same labels mean something. Labels that a strategy chose may be used: in 21
    sets the sign of the difference was right as often as with random labels. Items with several classes: the sum over
    the classes. At most 1,000 of the labels are used.

    Args:
        vectors: One row per label.
        labels: Class indices, or (m, k) of 0 and 1; -1 for unknown, which is left out.
        judged: The labels that are predicted from all others; by default all.

    Returns:
        At most 0, where priors of penalty and temperature are left aside; 0 if no class has two labels.

    Raises:
        LabelError: Another number of labels than of vectors.
    """
    x, y = np.asarray(vectors), np.asarray(labels)
    if x.ndim != 2 or len(x) != len(y):
        raise LabelError(
            f"vectors have shape {x.shape}, but there are {len(y)} labels", hint="pass one row for each label"
        )
    told = np.ones(len(y), dtype=bool) if judged is None else np.asarray(judged, dtype=bool)
    if len(y) > MOST:
        some = np.sort(np.random.default_rng(0).choice(len(y), MOST, replace=False))
        x, y, told = x[some], y[some], told[some]
    columns = list(y.T) if kind_of(y).independent else [y]
    return -float(sum(_loss(x, np.asarray(column), told) for column in columns))


def _loss(x: Float[np.ndarray, "m d"], y: Int[np.ndarray, " m"], judged: Bool[np.ndarray, " m"]) -> float:
    known = y >= 0
    seen, targets = np.unique(y[known], return_inverse=True)
    if len(seen) < 2:
        return 0.0
    rows = np.asarray(x[known], dtype=np.float64)
    weights = np.ones(len(rows))
    return best_left_out(span_of(rows, centre_of(rows, weights)), targets, len(seen), weights, judged[known])[1]
