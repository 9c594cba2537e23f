"""A strategy that sees a random part of the pool, on a pool that is small enough to look at."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from activessl.strategies.base import Query, State
from activessl.strategies.field import Field, Sight

POINTS = np.arange(100.0)[:, None] * np.ones(2)


@dataclass
class Last:
    """Takes the last candidates, and keeps what it was shown."""

    name: str = "last"
    seen: list[State] = field(default_factory=list)

    def query(self, state: State, query_size: int) -> Query:
        self.seen.append(state)
        taken = {*np.asarray(state.labeled).tolist(), *np.asarray(state.covering).tolist()}
        free = [i for i in range(len(state.vectors)) if i not in taken]
        chosen = np.array(free[-query_size:])
        ids = tuple(state.id_of(int(row)) for row in chosen)
        drawn = np.full(query_size, 0.5)
        return Query(chosen, ids, np.arange(query_size, 0.0, -1), ("",) * query_size, drawn, "last")

    def left_to_chance(self, state: State) -> str | None:
        self.seen.append(state)
        return f"{len(state.vectors)} rows"


def state(**told: Any) -> State:
    given = {"labeled": np.array([3, 90]), "labels": np.array([0, 1])} | told
    rng = np.random.default_rng(0)
    return State(POINTS, given.pop("labeled"), given.pop("labels"), 2, rng, **given)


def look(rows: np.ndarray) -> Sight:
    return Sight(POINTS[rows], None)


def test_the_strategy_sees_candidates_of_the_field_and_all_labeled_rows() -> None:
    inner = Last()
    found = Field(inner, np.arange(10, 60), look).query(state(), 2)
    assert found.indices.tolist() == [58, 59] and np.isnan(found.propensities).all()
    (seen,) = inner.seen
    assert seen.vectors[:, 0].tolist() == [3, *range(10, 60), 90]
    assert np.asarray(seen.labeled).tolist() == [0, 51] and np.asarray(seen.labels).tolist() == [0, 1]
    assert seen.stands_for == 98 / 50  # 98 candidates, of which 50 are in the field
    assert seen.id_of(1) == state().id_of(10)


def test_a_field_of_too_few_candidates_is_filled_up_from_the_pool() -> None:
    inner = Last()
    Field(inner, np.arange(10), look).query(state(), 2)
    (seen,) = inner.seen
    assert len(seen.vectors) == 2 * 20 + 2  # 20 candidates for each question, and the labeled rows
    assert {*range(10)} <= set(seen.vectors[:, 0].tolist())
    Field(inner, np.arange(10), look).query(state(), 30)
    assert len(inner.seen[1].vectors) == 100 and inner.seen[1].stands_for == 1


def test_costs_and_excluded_rows_are_those_of_the_rows_that_are_seen() -> None:
    inner = Last()
    asked = state(costs=np.arange(100.0) + 1, excluded=np.arange(100) >= 50)
    found = Field(inner, np.arange(10, 60), look).query(asked, 1)
    assert found.indices.tolist() == [49]
    assert inner.seen[0].costs is not None
    assert inner.seen[0].costs.tolist() == [4, *range(11, 51), 91]


def test_whether_a_round_is_left_to_chance_is_asked_with_the_labeled_rows_only() -> None:
    inner = Last()
    field_of = Field(inner, np.arange(10, 60), look)
    assert field_of.left_to_chance(state()) == "2 rows"
    none = np.array([], dtype=int)
    assert field_of.left_to_chance(state(labeled=none, labels=none)) is None
