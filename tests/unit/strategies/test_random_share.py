"""The random share of a round."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from activessl import Session
from activessl.annotators.oracle import Oracle
from activessl.errors import QueryError
from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl.strategies.base import State, needs_samples
from activessl.strategies.random_share import RandomShare
from activessl.strategies.registry import get_strategy


def state(seed: int, n: int = 50) -> State:
    vectors = np.random.default_rng(7).normal(size=(n, 3))
    return State(vectors, np.array([0, 1]), np.array([0, 1]), 2, np.random.default_rng(seed))


@pytest.mark.parametrize("share", [0.0, 0.1, 0.35, 1.0])
@pytest.mark.parametrize("size", [1, 3, 20, 48])
def test_a_query_is_whole_whatever_the_share(share: float, size: int) -> None:
    query = RandomShare(get_strategy("k_center"), share).query(state(0), size)
    assert len(query) == size == len(set(query.indices.tolist()))
    assert len(query.reasons) == len(query.ids) == len(query.neighbours) == size
    assert np.all(np.diff(query.scores) <= 0)
    drawn = ~np.isnan(query.propensities)
    assert abs(drawn.sum() - share * size) < 1


@pytest.mark.slow
def test_every_candidate_is_drawn_as_often_as_its_propensity_says() -> None:
    draws, runs = np.zeros(50), 600
    for seed in range(runs):
        query = RandomShare(get_strategy("k_center"), 0.3).query(state(seed), 5)
        drawn = ~np.isnan(query.propensities)
        draws[query.indices[drawn]] += 1
        assert np.allclose(query.propensities[drawn], 0.3 * 5 / 48)
    rate = draws[2:] / runs
    assert draws[:2].sum() == 0
    assert abs(rate.mean() - 0.3 * 5 / 48) < 0.003
    assert rate.max() < 0.3 * 5 / 48 + 5 * np.sqrt(0.03 / runs)  # and none is favoured


def test_small_rounds_are_measured_too() -> None:
    drawn = [
        np.sum(~np.isnan(RandomShare(get_strategy("k_center"), 0.1).query(state(s), 4).propensities))
        for s in range(200)
    ]
    assert 0.25 < np.mean(drawn) < 0.55
    assert max(drawn) == 1


def test_the_draws_are_spread_over_the_batch() -> None:
    known = ~np.isnan(RandomShare(get_strategy("auto"), 0.25).query(state(0, n=200), 40).propensities)
    assert known[:20].sum() == known[20:].sum() == 5


def test_what_was_drawn_counts_as_covered() -> None:
    vectors = np.repeat(np.eye(4), 10, axis=0) + np.random.default_rng(0).normal(size=(40, 4)) / 50
    for seed in range(10):  # four groups, one of them labeled: whichever two are drawn, one is left to choose
        told = State(vectors, np.array([0]), np.array([0]), 2, np.random.default_rng(seed))
        query = RandomShare(get_strategy("max_herding"), 0.5).query(told, 4)
        drawn = ~np.isnan(query.propensities)
        groups = set((query.indices[drawn] // 10).tolist()) | {0}
        missing = {0, 1, 2, 3} - groups
        chosen = set((query.indices[~drawn][: len(missing)] // 10).tolist())
        assert chosen == missing


def test_a_strategy_that_draws_by_itself_is_left_alone() -> None:
    query = RandomShare(get_strategy("random"), 0.3).query(state(3), 10)
    assert query.propensities == pytest.approx(10 / 48)


def test_draws_of_the_posterior_are_asked_for_through_the_share() -> None:
    assert needs_samples(RandomShare(get_strategy("bald"), 0.1))
    assert not needs_samples(RandomShare(get_strategy("margin"), 0.1))


def test_a_share_outside_zero_to_one_is_refused() -> None:
    with pytest.raises(QueryError, match=r"random share 1\.2"):
        RandomShare(get_strategy("random"), 1.2)


def test_what_is_out_for_labeling_is_no_candidate() -> None:
    assert state(0, n=6).replace(pending=np.array([2, 4])).candidates.tolist() == [3, 5]


@pytest.mark.parametrize("strategy", ["bald", "committee"])
def test_a_head_that_was_read_from_its_file_still_has_a_posterior_to_draw_from(tmp_path: Path, strategy: str) -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(2, size=120)
    np.savez(tmp_path / "pool.npz", vectors=(2 * np.eye(2, 6)[truth] + rng.normal(size=(120, 6))).astype(np.float32))
    config = check_config({"data": {"path": "../pool.npz", "modality": "vector", "classes": ("a", "b")}})
    session = Session(Project.create(tmp_path / "p", config, version="0"))
    session.encode()
    session.round(Oracle({i: "ab"[k] for i, k in zip(session.project.pool().ids, truth, strict=True)}, ("a", "b")))
    opened = Session.open(tmp_path / "p").query(10, strategy=strategy)  # as the next command finds it
    chosen = [item for item in opened.questions if item.propensity is None]
    assert opened.queried.strategy == strategy and len({item.score for item in chosen}) > 1


def informed(seed: int) -> State:
    """50 items, two of them labeled, under a head that is sure of none."""
    return state(seed).replace(probs=np.random.default_rng(8).dirichlet((2, 2), size=50))


def test_a_strategy_that_draws_by_weights_has_a_share_drawn_alike_beside_it() -> None:
    for seed in range(5):
        query = RandomShare(get_strategy("power"), 0.5).query(informed(seed), 10)
        alike = np.array(query.alike)
        assert alike.sum() == 5 and len(set(query.indices.tolist())) == 10
        assert np.allclose(query.propensities[alike], 0.5 * 10 / 48)
        assert not np.isnan(query.propensities).any()  # what it draws itself measures, too


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.0, 0.5])
def test_what_only_the_share_can_draw_is_drawn_and_the_share_alone_speaks_for_all(share: float) -> None:
    aside = np.zeros(50, dtype=bool)
    aside[30:] = True  # a machine has labeled these
    drawn = np.zeros(50)
    for seed in range(400):
        told = informed(seed).replace(excluded=aside)
        query = RandomShare(get_strategy("power"), share, np.arange(30, 50)).query(told, 10)
        known = ~np.isnan(query.propensities)
        assert np.array_equal(known, np.array(query.alike, dtype=bool) if query.alike else np.zeros(10, dtype=bool))
        drawn[query.indices[known]] += 1 / query.propensities[known] / 400
    assert drawn[2:] == pytest.approx(1.0 if share else 0.0, abs=0.6)
    assert drawn[30:].mean() == pytest.approx(1.0 if share else 0.0, abs=0.15)


def test_a_round_that_auto_leaves_to_chance_is_all_share() -> None:
    vectors = np.random.default_rng(3).normal(size=(200, 4))
    labels = np.random.default_rng(4).integers(2, size=80)  # of what the vectors say nothing
    told = State(vectors, np.arange(80), labels, 2, np.random.default_rng(0))
    aside = np.arange(200) >= 150
    query = RandomShare(get_strategy("auto"), 0.1, np.arange(150, 200)).query(told.replace(excluded=aside), 40)
    assert query.alike == (True,) * 40 and query.propensities == pytest.approx(40 / 120)
    assert (query.indices >= 150).any() and "no more often than by chance" in query.reasons[0]
