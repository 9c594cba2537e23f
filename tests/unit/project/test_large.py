"""Large pools, with a limit of 300 items instead of 300,000: a random core is smoothed, other items are placed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from activessl.annotators.oracle import Oracle
from activessl.encoders import embeddings
from activessl.geometry import core
from activessl.geometry.core import Cored, core_of
from activessl.geometry.smoothing import smooth
from activessl.geometry.units import centred_rows
from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl.project.snapshot import Snapshot
from activessl.session import Session
from activessl.strategies.base import State
from activessl.strategies.field import Field, Sight
from activessl.strategies.registry import get_strategy

CLASSES = ("left", "right")
N = 600


@pytest.fixture
def small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (core, embeddings):
        monkeypatch.setattr(module, "LARGE", 300)
    monkeypatch.setattr(core, "CORE", 200)


def vectors(n: int = N) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    truth = rng.integers(2, size=n)
    return (rng.normal(size=(n, 12)) + 1.6 * truth[:, None] - 0.8).astype(np.float32), truth


def made(folder: Path) -> tuple[Session, Oracle]:
    x, truth = vectors()
    ids = np.array([f"i{i}" for i in range(N)])
    np.savez(folder / "pool.npz", vectors=x, ids=ids)
    data = {"path": "../pool.npz", "modality": "vector", "classes": list(CLASSES)}
    config = check_config({"data": data, "query": {"size": 30, "random_share": 0.2}})
    session = Session(Project.create(folder / "p", config, version="0"))
    session.encode()
    return session, Oracle({name: CLASSES[y] for name, y in zip(ids.tolist(), truth.tolist(), strict=True)}, CLASSES)


def cored(folder: Path | None = None) -> Cored:
    x, _ = vectors()
    rows, mean = core_of(len(x)), x.mean(axis=0)
    return Cored(smooth(centred_rows(x[rows], mean)), rows, x, mean, folder)


@pytest.mark.usefixtures("small_limit")
def test_rows_of_the_core_and_beside_it_are_the_same_alone_and_together(tmp_path: Path) -> None:
    pool = cored(tmp_path)
    assert len(pool.rows) == 200
    every = pool.at(np.arange(N))
    np.testing.assert_array_equal(every[pool.rows], pool.core.points)
    some = np.array([599, 0, 17, 0, int(pool.rows[3])])
    np.testing.assert_allclose(pool.at(some), every[some], atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(every, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(np.asarray(pool.points, dtype=np.float32), every, atol=2e-3)  # half precision
    assert [path.name for path in tmp_path.iterdir()] == ["placed.npy"]
    np.testing.assert_array_equal(cored(tmp_path).points, pool.points)


@pytest.mark.usefixtures("small_limit")
def test_a_memory_of_few_placed_rows_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    every = cored().at(np.arange(N))
    monkeypatch.setattr(core, "_KEPT", 7)
    pool = cored()
    for rows in (np.arange(10), np.arange(5, 12), np.arange(8), np.arange(N)):
        np.testing.assert_allclose(pool.at(rows), every[rows], atol=1e-6)


@pytest.mark.usefixtures("small_limit")
def test_a_damaged_file_of_placed_points_is_made_again(tmp_path: Path) -> None:
    found = np.array(cored(tmp_path).points)
    (tmp_path / "placed.npy").write_bytes(b"nothing")
    np.testing.assert_array_equal(cored(tmp_path).points, found)


@pytest.mark.usefixtures("small_limit")
def test_a_round_of_a_large_project_places_only_the_rows_that_it_needs(tmp_path: Path) -> None:
    session, people = made(tmp_path)
    session.round(people)
    second = session.query(8)  # the field has more than twenty candidates for each
    snapshot = Snapshot.of(session.project)
    assert snapshot.large and snapshot.smoothed.core.points.shape == (200, 12)
    field = {snapshot.embeddings.ids[row] for row in snapshot.field}
    assert all(q.item in field for q in second.questions if q.propensity is None)
    # random draws are draws from all items, whatever is smoothed
    drawn = [q for r in session.project.history().rounds for q in r.questions if q.propensity is not None]
    assert any(q.item not in field for q in drawn)
    first = [
        q.propensity for q in drawn if q.propensity is not None and q.item in session.project.history().rounds[0].items
    ]
    assert first and first[0] * N == pytest.approx(len(first), abs=1)
    assert all(set(q.near) <= snapshot.row.keys() for q in second.questions)
    session.push(people)
    session.pull(people)
    taught = session.teach()
    assert taught.kappa is not None and taught.kappa > 0.5
    session.measure()
    session.report().save(tmp_path / "p" / "reports")
    assert not list((tmp_path / "p").rglob("placed-*"))  # nobody needed all rows


@pytest.mark.usefixtures("small_limit")
def test_what_needs_every_item_places_all_of_them(tmp_path: Path) -> None:
    session, people = made(tmp_path)
    session.round(people)
    snapshot = Snapshot.of(session.project)
    decided = snapshot.decided
    assert decided is not None and len(decided) == N
    some = np.array([1, 5, 7, 300])
    probs, few = snapshot.probs, snapshot.probs_at(some)
    assert probs is not None and few is not None
    np.testing.assert_allclose(probs[some], few, atol=0.01)
    _, truth = vectors()
    assert np.mean(decided == truth) > 0.9


def test_a_field_hands_on_what_the_strategy_chose_as_rows_of_the_pool() -> None:
    x, truth = vectors()
    field = np.arange(0, N, 3)
    seen: list[np.ndarray] = []

    def look(rows: np.ndarray) -> Sight:
        seen.append(rows)
        return Sight(x[rows], None)

    labeled = np.array([4, 9, 100])
    state = State(x, labeled, truth[labeled], 2, np.random.default_rng(0), pending=np.array([1]))
    found = Field(get_strategy("auto"), field, look).query(state, 5)
    assert set(found.indices) <= set(field) - {9} and len(set(found.indices)) == 5
    assert found.ids == tuple(map(str, found.indices))
    assert {row for near in found.neighbours for row in near} <= set(labeled)
    assert set(seen[-1]) == set(field) | set(labeled) | {1}
    # what each covers is counted in the pool, not in the field
    assert found.parts["covers"].sum() > 0.25 * N

    excluded = np.ones(N, dtype=bool)
    excluded[[2, 5, 8, 11, 12]] = False  # one of them in the field
    few = Field(get_strategy("auto"), field, look).query(state.replace(excluded=excluded), 5)
    assert sorted(few.indices) == [2, 5, 8, 11, 12]
