"""Choices from uncertainty and geometry together: pure functions of arrays and an rng."""

from __future__ import annotations

from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from activessl.errors import QueryError
from activessl.geometry.blocks import Rows, thin
from activessl.geometry.neighbours import gaps, labeled_distance
from activessl.geometry.units import Vectors, unit_rows
from activessl.strategies.base import Predict
from activessl.strategies.coverage.k_center import Greedy

#: Largest number of candidates with forward passes.
_PASSED = 100_000
#: Largest number of items for agglomerative clustering: its distances take 4 bytes * n^2 / 2.
_AGGLOMERATED = 6_000


def herding_width(
    vectors: Vectors, labeled: Rows, kind: Literal["robust", "published"], *, rng: np.random.Generator
) -> float:
    """Kernel width of uncertainty herding, in Euclidean distance between unit vectors.

    ``published`` is the smallest distance between two labeled items. One pair of near duplicates makes it almost zero;
    then the kernel is an identity and the batch is plain uncertainty sampling. ``robust`` is the median over the pool
    of the distance to the nearest labeled item, which measures how well the labels cover the pool. ``robust`` is 1
    without labels, ``published`` is 1 with fewer than two labels.

    References:
        Bae, Oliveira & Sutherland, Uncertainty Herding, ICLR 2025, arXiv 2412.20644, for ``published``.

    Example:
        >>> points = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
        >>> round(herding_width(points, np.array([0, 1]), "published", rng=np.random.default_rng(0)), 3)
        1.414
    """
    if kind == "robust":
        return max(labeled_distance(vectors, labeled, rng=rng), 1e-3)
    if kind != "published":
        raise QueryError(f"unknown kernel width {kind!r}", hint="use 'robust', 'published' or a number > 0")
    if len(labeled) < 2:
        return 1.0
    return max(float(gaps(unit_rows(vectors, labeled)).min()), 1e-3)


def drop_candidates(
    vectors: Vectors,
    candidates: Rows,
    predict: Predict,
    size: int,
    *,
    rng: np.random.Generator,
    passes: int = 3,
    dropout: float = 0.75,
    independent: bool = False,
) -> tuple[Int[np.ndarray, " p"], Float[np.ndarray, " p"]]:
    """Select the candidates whose prediction changes when most features are set to zero.

    A candidate is selected if more than half of the ``passes`` disagree with the prediction on all features. If that
    selects fewer than 25 candidates per item to choose, the threshold is lowered, at most to no disagreement.

    Args:
        vectors: The pool; passed to the head as stored, not scaled to unit length.
        candidates: Rows; sampled if more than 100,000.
        predict: The head.
        size: Number of items to choose.
        rng: Source of the dropout.
        passes: Number of forward passes.
        dropout: Share of the features that is set to zero; the others are scaled up.
        independent: Whether an item may have several classes (multi-label).

    Returns:
        (positions in ``candidates``, share of passes that disagree, per position).

    References:
        Gupte et al., Revisiting Active Learning in the Era of Vision Foundation Models, TMLR 2024, arXiv 2401.14555.
    """
    positions = thin(np.arange(len(candidates)), max(_PASSED, size), rng)
    changed = np.zeros(len(positions), dtype=np.int64)
    for start in range(0, len(positions), 8192):
        part = positions[start : start + 8192]
        block = np.asarray(vectors[candidates[part]], dtype=np.float32)
        clean = _answers(predict(block), independent=independent)
        for _ in range(passes):
            keep = rng.random(block.shape, dtype=np.float32) >= dropout
            noisy = _answers(predict(block * keep / np.float32(1 - dropout)), independent=independent)
            changed[start : start + 8192] += (noisy != clean).any(axis=1)
    least = passes // 2 + 1
    while least > 0 and np.count_nonzero(changed >= least) < 25 * size:
        least -= 1
    kept = changed >= least
    return positions[kept], changed[kept] / passes


def _answers(probs: Float[np.ndarray, "b k"], *, independent: bool) -> Int[np.ndarray, "b a"]:
    probs = np.asarray(probs)
    return (probs > 0.5).astype(np.int64) if independent else probs.argmax(axis=1)[:, None]


def cluster_margin(
    vectors: Vectors,
    uncertainty: Float[np.ndarray, " c"],
    candidates: Rows,
    size: int,
    *,
    rng: np.random.Generator,
    per_item: int = 10,
) -> Greedy:
    """Choose the least certain items, one of each cluster in turn, from the smallest cluster to the largest.

    The ``per_item`` * ``size`` least certain candidates (at most 6,000) are joined by average linkage into ``size``
    clusters. The paper clusters the whole pool once; clustering only these candidates needs no state between rounds and
    takes milliseconds.

    Args:
        vectors: The pool.
        uncertainty: One minus the margin of each candidate (multiplied by its appeal).
        candidates: Rows to choose from.
        size: Number of picks, at most ``len(candidates)``.
        rng: Source of the order among ties.
        per_item: Candidates considered per item to choose.

    Returns:
        Gains are uncertainties; the objective is their mean.

    References:
        Citovsky et al., Batch Active Learning at Scale, NeurIPS 2021, arXiv 2107.14263.
    """
    from scipy.cluster.hierarchy import fcluster, linkage

    order = np.lexsort((rng.random(len(candidates)), -uncertainty))
    top = order[: min(len(order), max(size, min(per_item * size, _AGGLOMERATED)))]
    if len(top) == size or size == 1 or len(top) > _AGGLOMERATED:
        top = top[:size]
        return Greedy(candidates[top], uncertainty[top], float(uncertainty[top].mean()))
    cluster = fcluster(linkage(unit_rows(vectors, candidates[top]), "average"), size, criterion="maxclust")
    population = np.bincount(cluster)
    # place within the cluster: the least certain item of each cluster has 0, the next has 1
    by_cluster = np.argsort(cluster, kind="stable")  # keeps the order of uncertainty within a cluster
    begin = np.concatenate([[0], np.cumsum(population)])[cluster[by_cluster]]
    place = np.empty(len(top), dtype=np.int64)
    place[by_cluster] = np.arange(len(top)) - begin
    picks = top[np.lexsort((population[cluster], place))[:size]]
    return Greedy(candidates[picks], uncertainty[picks], float(uncertainty[picks].mean()))
