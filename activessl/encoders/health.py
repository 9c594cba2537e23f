"""Label-free figures of the quality of embeddings."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from activessl.geometry.units import scaled_rows


def effective_rank(vectors: Float[np.ndarray, "n d"]) -> float:
    r"""RankMe: :math:`\exp(-\sum p_i \log p_i)` of the shares of the singular values, 1 (collapsed) to min(n, d).

    References:
        Garrido et al., RankMe, ICML 2023 (arXiv:2210.02885).

    Example:
        >>> round(effective_rank(np.eye(4)[[0, 1, 2, 3]]), 3), effective_rank(np.ones((3, 4)))
        (3.0, 1.0)
    """
    centred = np.asarray(vectors, dtype=np.float64) - np.mean(vectors, axis=0, dtype=np.float64)
    values = np.linalg.svd(centred, compute_uv=False)
    total = values.sum()
    if total <= 1e-12:
        return 1.0
    shares = values[values > 1e-12 * values[0]] / total
    return float(np.exp(-(shares * np.log(shares)).sum()))


def alignment(a: Float[np.ndarray, "n d"], b: Float[np.ndarray, "n d"]) -> float:
    """Mean squared distance between the unit vectors of two views, 0 (identical) to 4; lower is better.

    References:
        Wang & Isola, Understanding Contrastive Representation Learning, ICML 2020 (arXiv:2005.10242).

    Example:
        >>> alignment(np.eye(2), -np.eye(2))
        4.0
    """
    return float(np.square(_unit(a) - _unit(b)).sum(1).mean())


def uniformity(vectors: Float[np.ndarray, "n d"]) -> float:
    """Log of the mean Gaussian similarity of all pairs of unit vectors, at most 0 (identical); lower is better.

    References:
        Wang & Isola 2020, as above.

    Example:
        >>> uniformity(np.array([[1.0, 0.0], [-1.0, 0.0]]))
        -8.0
    """
    rows = _unit(vectors)
    if len(rows) < 2:
        return 0.0
    squared = np.clip(2 - 2 * rows @ rows.T, 0, 4)
    pairs = squared[np.triu_indices(len(rows), k=1)]
    return min(0.0, float(np.log(np.exp(-2 * pairs).mean())))


def neighbour_agreement(a: Float[np.ndarray, "n d"], b: Float[np.ndarray, "n d"], k: int = 5) -> float:
    """Share of an item's k nearest neighbors that are the same in two views, 0 to 1.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(20, 3))
        >>> neighbour_agreement(x, x)
        1.0
    """
    k = min(k, len(a) - 1)
    if k < 1:
        return 1.0
    near = []
    for view in (a, b):
        rows = _unit(view - np.mean(view, axis=0))
        similarity = rows @ rows.T
        np.fill_diagonal(similarity, -np.inf)
        near.append(np.argpartition(-similarity, k - 1, axis=1)[:, :k])
    return float(np.mean([len(np.intersect1d(p, q)) / k for p, q in zip(*near, strict=True)]))


def health(a: Float[np.ndarray, "n d"], b: Float[np.ndarray, "n d"]) -> dict[str, float]:
    """Compute all figures for the vectors of two views of the same items."""
    return {
        "effective_rank": effective_rank(a),
        "alignment": alignment(a, b),
        "uniformity": uniformity(a),
        "neighbour_agreement": neighbour_agreement(a, b),
    }


def _unit(vectors: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
    return scaled_rows(np.asarray(vectors, dtype=np.float64))
