"""The strategies: chance, uncertainty alone, and uncertainty with coverage, which is ``auto``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from activessl.strategies.base import TO_MEASURE, Query
from activessl.strategies.parts.scores import part_entropy, part_margin, top_mean, top_parts, usual_top
from activessl.strategies.parts.state import PartState, check_parts
from activessl.strategies.uncertainty.scores import rank

#: Items from which coverage chooses, for each that is asked about: the most uncertain ones.
SHORTLIST = 5
#: Parts by which two items are compared: the most uncertain ones of each.
COMPARED = 8
#: Items with an answer whose parts count as covered, at most: memory and time are limited.
_COVERED = 2_000

Rows = Int[np.ndarray, " c"]


@dataclass(frozen=True)
class RandomItems:
    """Draw items uniformly."""

    name: str = "random"

    def query(self, state: PartState, query_size: int) -> Query:
        """Draw items; the propensity of each is known."""
        frame = check_parts(state, query_size)
        picks = state.rng.choice(frame, query_size, replace=False)
        scores = np.linspace(1, 1 / query_size, query_size)
        return _query(state, self.name, picks, scores, [TO_MEASURE] * query_size, query_size / len(frame))


@dataclass(frozen=True)
class UncertainItems:
    """Ask about the items with the highest mean uncertainty of their most uncertain parts.

    Attributes:
        name: The name it is registered under.
        score: Uncertainty of each part from its probabilities.
    """

    name: str
    score: Callable[[Any], Float[np.ndarray, " t"]]

    def query(self, state: PartState, query_size: int) -> Query:
        """Choose the most uncertain items, per expected second if costs are known."""
        frame = check_parts(state, query_size, needs_probs=True)
        of_parts = self.score(state.probs)
        of_items = per_cost(top_mean(of_parts, state.offsets), state)
        picks = frame[rank(of_items[frame], query_size, state.rng)]
        return _query(state, self.name, picks, of_items[picks], [_reason(state, of_parts, row) for row in picks])


@dataclass(frozen=True)
class CoveringItems:
    """Of the most uncertain items, ask about those whose uncertain parts are unlike all that are covered.

    The shortlist are the items with the highest top-k entropy, five for each question. Then, farthest first: the next
    item is the one whose uncertain parts are, weighted by their entropy, farthest from the parts of items that have an
    answer or were chosen before it. The same defect twice, or one word in one context, is therefore not asked about
    twice.

    References:
        Sener & Savarese, Core-Set, ICLR 2018 (arXiv:1708.00489), here over parts; the shortlist is that of Kirsch et
        al. and others who combine both (Yang et al., Suggestive Annotation, MICCAI 2017, arXiv:1706.04737).
    """

    name: str = "auto"
    shortlist: int = SHORTLIST

    def query(self, state: PartState, query_size: int) -> Query:
        """Choose items that are uncertain and unlike each other; draw them at random before there is a head."""
        if state.probs is None:
            return replace(RANDOM.query(state, query_size), strategy=self.name)
        frame = check_parts(state, query_size, needs_probs=True)
        of_parts = part_entropy(np.asarray(state.probs))
        of_items = per_cost(top_mean(of_parts, state.offsets), state)
        some = frame[rank(of_items[frame], min(len(frame), self.shortlist * query_size), state.rng)]
        known = state.covering
        if len(known) > _COVERED:
            known = state.rng.choice(known, _COVERED, replace=False)
        points, weights, item = _compared(state, of_parts, some)
        covered, _, _ = _compared(state, of_parts, known)
        factor = of_items[some] / np.maximum(_totals(weights, item, len(some)), 1e-9)
        order, gains = farthest_items(points, weights, item, len(some), query_size, covered, factor)
        picks = some[order]
        scores = np.minimum.accumulate(gains)
        return _query(state, self.name, picks, scores, [_reason(state, of_parts, row) for row in picks])


def farthest_items(
    points: Float[np.ndarray, "q d"],
    weights: Float[np.ndarray, " q"],
    item: Int[np.ndarray, " q"],
    n: int,
    size: int,
    covered: Float[np.ndarray, "c d"],
    factor: Float[np.ndarray, " n"],
) -> tuple[Int[np.ndarray, " s"], Float[np.ndarray, " s"]]:
    """Farthest-first over items of several points: the weighted distances of its points to all covered ones, summed.

    Args:
        points: Of all items, of length one.
        weights: Of each point.
        item: To which item each point belongs, 0 to n - 1.
        n: Number of items.
        size: Number of picks, at most n.
        covered: Points that are covered at the start; may be empty.
        factor: Of each item.

    Returns:
        The items in the order of choice, and their worth at that time.

    Example:
        >>> points = np.array([[1.0, 0.0], [0.99, 0.141], [0.0, 1.0]])
        >>> weights, none = np.array([1.0, 0.9, 0.5]), np.zeros((0, 2))
        >>> farthest_items(points, weights, np.arange(3), 3, 2, none, np.ones(3))[0].tolist()
        [0, 2]
    """
    # points of length one are at most two apart
    distance = np.full(len(points), 2.0)
    for start in range(0, len(covered), 1024):
        some = covered[start : start + 1024]
        for at in range(0, len(points), 4096):
            near = np.sqrt(np.maximum(2 - 2 * (points[at : at + 4096] @ some.T).max(axis=1), 0))
            np.minimum(distance[at : at + 4096], near, out=distance[at : at + 4096])
    free = np.ones(n, dtype=bool)
    picks, gains = np.empty(size, dtype=np.int64), np.empty(size)
    for turn in range(size):
        worth = np.where(free, factor * _totals(weights * distance, item, n), -np.inf)
        best = int(worth.argmax())
        picks[turn], gains[turn] = best, worth[best]
        free[best] = False
        own = points[item == best]
        if len(own):
            np.minimum(distance, np.sqrt(np.maximum(2 - 2 * (points @ own.T).max(axis=1), 0)), out=distance)
    return picks, gains


def per_cost(scores: Float[np.ndarray, " n"], state: PartState) -> Float[np.ndarray, " n"]:
    """Scores per expected second, in units of the mean cost; unchanged if all items cost the same."""
    if state.costs is None:
        return scores
    costs = np.asarray(state.costs, dtype=np.float64)
    return np.asarray(scores * costs.mean() / costs)


def _totals(values: Float[np.ndarray, " q"], item: Int[np.ndarray, " q"], n: int) -> Float[np.ndarray, " n"]:
    return np.bincount(item, weights=values, minlength=n)


def _compared(state: PartState, of_parts: Float[np.ndarray, " t"], rows: Rows) -> tuple[Any, Any, Any]:
    """The most uncertain parts of some items: vectors of length one, their uncertainty, and positions in ``rows``."""
    at, item = [], []
    for position, row in enumerate(rows):
        start, end = int(state.offsets[row]), int(state.offsets[row + 1])
        mine = start + top_parts(of_parts[start:end], COMPARED)
        at.append(mine)
        item.append(np.full(len(mine), position))
    if not at:
        return np.zeros((0, state.vectors.shape[1]), np.float32), np.zeros(0), np.zeros(0, np.int64)
    where = np.concatenate(at)
    points = np.empty((len(where), state.vectors.shape[1]), dtype=np.float32)
    for start in range(0, len(where), 4096):
        points[start : start + 4096] = state.vectors[where[start : start + 4096]]
    if state.standard is not None:
        mean, scale = state.standard
        points = np.clip((points - mean) * scale, -8, 8)
    points /= np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-12)
    # a part without uncertainty still tells two items apart
    return points, of_parts[where].astype(np.float64) + 1e-3, np.concatenate(item)


def _reason(state: PartState, of_parts: Float[np.ndarray, " t"], row: int) -> str:
    mine = of_parts[int(state.offsets[row]) : int(state.offsets[row + 1])]
    unsure = int((mine > 0.5).sum())
    text = f"{unsure:,} of {len(mine):,} parts are uncertain"
    if state.regions is None:
        return text
    count = float(state.regions[row])
    return f"{text}; about {count:.0f} region{'' if round(count) == 1 else 's'} expected"


def _query(
    state: PartState,
    name: str,
    picks: Rows,
    scores: Float[np.ndarray, " q"],
    reasons: list[str],
    propensity: float = float("nan"),
) -> Query:
    return Query(
        indices=np.asarray(picks),
        ids=tuple(state.id_of(int(row)) for row in picks),
        scores=np.asarray(scores, dtype=np.float64),
        reasons=tuple(reasons),
        propensities=np.full(len(picks), propensity),
        strategy=name,
        alike=(not np.isnan(propensity),) * len(picks),
    )


RANDOM = RandomItems()
ENTROPY = UncertainItems("entropy", part_entropy)
MARGIN = UncertainItems("margin", part_margin)
AUTO = CoveringItems()

__all__ = ["AUTO", "ENTROPY", "MARGIN", "RANDOM", "CoveringItems", "RandomItems", "UncertainItems", "farthest_items",
           "per_cost", "usual_top"]  # fmt: skip
