"""The reason for each picked item, as a plain sentence. Computed for the picked items only."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from activessl.geometry.blocks import Rows, block_rows, thin
from activessl.geometry.neighbours import neighbours, squared_distances
from activessl.geometry.units import unit_blocks, unit_rows
from activessl.labels.kinds import kind_of
from activessl.strategies.base import State

#: Largest number of candidates on which similar items are counted; larger pools are sampled.
_SAMPLE = 20_000
#: Largest number of labeled items that are compared with the picks.
_RIVALS = 2_000


@dataclass(frozen=True, eq=False)
class Facts:
    """Figures about the picked items, from which the reasons are made.

    Attributes:
        covers: (q,) estimated number of candidates that are similar to the pick and nearer to it than to any other
            pick or labeled item.
        neighbours: (q,) rows of the nearest labeled items, at most three, nearest first.
    """

    covers: Int[np.ndarray, " q"]
    neighbours: tuple[tuple[int, ...], ...]


def gather_facts(state: State, picks: Rows, candidates: Rows, *, rng: np.random.Generator) -> Facts:
    """Count the candidates that each pick represents, and search its nearest labeled items.

    A candidate is similar if its distance to its nearest pick is at most the median of these distances.
    """
    vectors = state.vectors
    centres = unit_rows(vectors, picks)
    rows = thin(candidates, _SAMPLE, rng)
    rivals = unit_rows(vectors, thin(np.asarray(state.labeled), _RIVALS, rng)) if len(state.labeled) else None
    owner = np.empty(len(rows), dtype=np.int64)
    distance = np.empty(len(rows), dtype=np.float32)
    rival_distance = np.full(len(rows), np.inf, dtype=np.float32)
    for part, block in unit_blocks(vectors, rows, block=block_rows(len(picks) + _RIVALS)):
        squared = squared_distances(block, centres)
        owner[part] = squared.argmin(axis=1)
        distance[part] = squared[np.arange(len(block)), owner[part]]
        if rivals is not None:
            rival_distance[part] = squared_distances(block, rivals).min(axis=1)
    own = np.isin(rows, picks)
    radius = np.median(distance[~own]) if (~own).any() else 0.0
    counted = ~own & (distance <= radius) & (distance <= rival_distance)
    covers = np.bincount(owner[counted], minlength=len(picks)) * (state.stands_for * len(candidates) / len(rows))
    if len(state.labeled):
        _, near = neighbours(unit_rows(vectors, state.labeled), centres, 3)
        nearest = tuple(tuple(int(state.labeled[i]) for i in row) for row in near)
    else:
        nearest = ()
    return Facts(np.rint(covers).astype(np.int64), nearest)


def reasons(state: State, picks: Rows, facts: Facts, leads: Sequence[str] | None = None) -> tuple[str, ...]:
    """Make one sentence per pick.

    Args:
        state: The state that the query was chosen from.
        picks: The picked rows.
        facts: From :func:`gather_facts`.
        leads: The first part of each sentence, from the strategy; may be empty.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> state = State(np.eye(2), np.array([0]), np.array([0]), 2, rng, probs=np.array([[0.9, 0.1], [0.5, 0.5]]),
        ...               class_names=("scratch", "inclusion"))
        >>> reasons(state, np.array([1]), Facts(np.array([312]), ((0,),)))[0]
        'represents 312 similar unlabeled items; the model predicts scratch (50 %) or inclusion (50 %); nearest labeled
        item: 0 (scratch)'
    """
    out = []
    for position, row in enumerate(picks):
        said = [leads[position]] if leads is not None and leads[position] else []
        count = int(facts.covers[position])
        many = f"{count:,} similar unlabeled item{'s' if count != 1 else ''}" if count else "no other unlabeled item"
        said.append(f"represents {many}")
        said.append(_belief(state, int(row)))
        said.append(_nearest(state, facts.neighbours[position]) if facts.neighbours else "")
        out.append("; ".join(part for part in said if part))
    return tuple(out)


def without_classes(reason: str, class_names: Sequence[str]) -> str:
    """Remove the parts of a reason that name a class, for annotators who label blind.

    Args:
        reason: The reason in the query; semicolons separate its parts.
        class_names: Names that must not appear in the result.

    Example:
        >>> without_classes("represents 3 similar unlabeled items; the model predicts dent (61 %)", ["dent", "pit"])
        'represents 3 similar unlabeled items'
    """
    names = [re.compile(rf"(?<!\w){re.escape(name)}(?!\w)") for name in class_names if name]
    kept = [part for part in reason.split("; ") if not any(name.search(part) for name in names)]
    said = "; ".join(kept)
    return "" if any(name.search(said) for name in names) else said  # a class name may hold a semicolon


def _nearest(state: State, neighbours: tuple[int, ...]) -> str:
    """The nearest labeled item with its classes; empty if the item has no class.

    This part always names a class, so :func:`without_classes` always removes it.
    """
    label = state.labels[np.flatnonzero(np.asarray(state.labeled) == neighbours[0])[0]]
    names = [state.class_name(k) for k in range(state.n_classes)]
    named = ", ".join(kind_of(state.labels).named(label, names))
    return f"nearest labeled item: {state.id_of(neighbours[0])} ({named})" if named else ""


def _belief(state: State, row: int) -> str:
    if state.probs is None:
        return "no labels yet" if not len(state.labeled) else ""
    probs = np.asarray(state.probs[row], dtype=np.float64)
    if kind_of(state.labels).independent:
        doubtful = np.argsort(np.abs(probs - 0.5), kind="stable")[:2]
        said = " and ".join(f"{state.class_name(int(c))} ({probs[c]:.0%})".replace("%", " %") for c in doubtful)
        return f"the model is least certain about {said}"
    best = np.argsort(-probs, kind="stable")[:2]
    named = [f"{state.class_name(int(c))} ({100 * probs[c]:.0f} %)" for c in best]
    if len(best) == 2 and probs[best[1]] > 0.5 * probs[best[0]]:
        return f"the model predicts {named[0]} or {named[1]}"
    return f"the model predicts {named[0]}"
