"""Alike items after each other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from activessl.annotators.base import Asked, Pushed, Suggestion
from activessl.geometry.chain import similarity_chain
from activessl.labels.answers import Answer
from activessl.pool.pool import Pool
from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl.session import Session


@pytest.mark.parametrize("n", [0, 1, 2, 50])
def test_a_chain_has_every_row_once_and_begins_with_the_first(n: int) -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(n, 3))
    chain = similarity_chain(points / np.linalg.norm(points, axis=1, keepdims=True))
    assert sorted(chain.tolist()) == list(range(n))
    assert chain[:1].tolist() == [0][:n]


def test_groups_are_shown_one_after_the_other() -> None:
    rng = np.random.default_rng(0)
    group = rng.permutation(np.arange(40) % 4)
    points = 5 * np.eye(4, 8)[group] + 0.1 * rng.normal(size=(40, 8))
    shown = group[similarity_chain(points / np.linalg.norm(points, axis=1, keepdims=True))]
    assert np.count_nonzero(np.diff(shown)) == 3


class Desk:
    """Remembers in which order it was asked."""

    asked: tuple[str, ...] = ()

    def push(self, pool: Pool, asked: Asked, suggestions: Sequence[Suggestion], *, model: str) -> Pushed:
        assert all(question.item in pool for question in asked.questions)
        self.asked = asked.ids
        return Pushed({item: item for item in asked.ids}, len(asked), len(suggestions), "desk://1", "1")

    def pull(self, since: str | None = None) -> tuple[list[Answer], str]:
        return [], ""


@pytest.mark.parametrize("together", [False, True])
def test_a_round_is_pushed_as_it_was_chosen_or_alike_items_together(tmp_path: Path, together: bool) -> None:
    rng = np.random.default_rng(0)
    group = rng.permutation(np.arange(60) % 3)
    vectors = 4 * np.eye(3, 6)[group] + rng.normal(size=(60, 6)) / 4
    np.savez(tmp_path / "pool.npz", vectors=vectors.astype(np.float32))
    config = check_config(
        {
            "data": {"path": "../pool.npz", "modality": "vector", "classes": ["a", "b"]},
            "annotator": {"similar_together": together},
            "query": {"size": 24, "strategy": "random", "random_share": 0.0},
        }
    )
    session = Session(Project.create(tmp_path / "project", config, version="0"))
    session.encode()
    chosen = session.query().items
    desk = Desk()
    session.push(desk)
    assert sorted(desk.asked) == sorted(chosen) and desk.asked[0] == chosen[0]
    shown = [group[int(item.rsplit(":", 1)[1])] for item in desk.asked]
    assert (desk.asked == chosen) == (not together)
    assert (np.count_nonzero(np.diff(shown)) == 2) == together
