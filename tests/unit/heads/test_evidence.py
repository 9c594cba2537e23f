"""Whether the labels ask for smoothed vectors, in arrays and in projects."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from activessl.annotators.oracle import Oracle
from activessl.errors import LabelError
from activessl.geometry.smoothing import smooth
from activessl.heads.evidence import log_evidence, smoothing_pays
from activessl.heads.linear import LogisticHead
from activessl.ledger.schema import Taught
from activessl.measuring.simulation.simulate import simulate
from activessl.project.snapshot import Snapshot
from activessl.session import Session
from activessl_cli.main import main

N = 500


def world(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vectors of four clear clusters, the cluster of each item, and a trait that has nothing to do with it."""
    rng = np.random.default_rng(seed)
    cluster, trait = rng.integers(4, size=N), rng.integers(2, size=N)
    vectors = rng.normal(size=(N, 40)) + 0.6 * rng.normal(size=(4, 40))[cluster]
    vectors[:, 0] = 0.3 * (2 * trait - 1) + 0.1 * rng.normal(size=N)  # far less than what makes items alike
    return vectors.astype(np.float32), cluster, trait


def both(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    smoothed = smooth(vectors - vectors.mean(axis=0))
    return smoothed.points, smoothed.plain.points


def test_labels_of_clusters_ask_for_smoothed_vectors_and_labels_of_a_trait_for_plain_ones() -> None:
    vectors, cluster, trait = world()
    smoothed, plain = both(vectors)
    rows = np.random.default_rng(1).permutation(N)[:80]
    assert smoothing_pays(smoothed[rows], plain[rows], cluster[rows])
    assert not smoothing_pays(smoothed[rows], plain[rows], trait[rows])


@pytest.mark.parametrize("y", [np.zeros(0, int), np.array([1]), np.array([0, 1]), np.zeros(9, int)])
def test_labels_that_tell_nothing_leave_the_vectors_smoothed(y: np.ndarray) -> None:
    points = np.random.default_rng(0).normal(size=(len(y), 5))
    assert smoothing_pays(points, points[:, ::-1], y)
    assert log_evidence(points, y) == 0


def test_the_order_of_labels_and_the_place_and_size_of_vectors_do_not_matter() -> None:
    vectors, _, trait = world()
    rows = np.random.default_rng(2).permutation(N)[:60]
    x, y = vectors[rows], trait[rows]
    order = np.random.default_rng(3).permutation(60)
    found = log_evidence(x, y)
    assert found < 0
    assert log_evidence(x[order], y[order]) == pytest.approx(found)
    assert log_evidence(1000 * x + 3000, y) == pytest.approx(found, rel=1e-2)


def test_with_several_classes_an_item_the_evidence_of_the_classes_adds_up() -> None:
    vectors, cluster, trait = world()
    rows = np.random.default_rng(4).permutation(N)[:80]
    y = np.stack([trait, cluster == 0], axis=1).astype(int)[rows]
    alone = [log_evidence(vectors[rows], column) for column in y.T]
    assert log_evidence(vectors[rows], y) == pytest.approx(sum(alone))
    y[:30, 0] = -1  # not asked about
    assert log_evidence(vectors[rows], y) == pytest.approx(log_evidence(vectors[rows][30:], y[30:, 0]) + alone[1])


def test_labels_of_other_items_are_refused() -> None:
    with pytest.raises(LabelError, match="there are 3 labels"):
        log_evidence(np.zeros((4, 2)), np.zeros(3, int))


def test_a_simulation_sees_the_plain_vectors_where_smoothing_hides_the_classes() -> None:
    vectors, _, trait = world()
    smoothed, plain = both(vectors)
    rows = np.random.default_rng(5).permutation(N)
    told, rest = rows[:120], rows[120:]
    found = [
        np.mean(LogisticHead(classes=(0, 1)).fit(x[told], trait[told]).predict(x[rest]) == trait[rest])
        for x in (smoothed, plain)
    ]
    assert found[1] > found[0] + 0.03  # so that the test can fail
    run = simulate(vectors, trait, strategies=["random"], budgets=[120], seeds=3)
    accuracy = run.baseline.curve.accuracy[:, -1].mean()
    assert accuracy > found[1] - 0.02


def project(folder: Path, vectors: np.ndarray) -> Session:
    np.savez(folder / "items.npz", vectors=vectors)
    return Session.create(folder / "project", folder / "items.npz", ["no", "yes"], query_size=60)


def status_of(session: Session, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    with pytest.raises(SystemExit):
        main(["status", "--project", str(session.project.folder)])
    return capsys.readouterr().out


def asked(session: Session, y: np.ndarray, rounds: int = 2) -> None:
    ids = session.project.pool().ids
    people = Oracle({item: ("no", "yes")[y[i]] for i, item in enumerate(ids)}, ("no", "yes"), seed=1)
    session.encode()
    for _ in range(rounds):
        session.round(people)


def test_a_project_whose_labels_ask_for_it_teaches_asks_and_scores_on_plain_vectors(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    vectors, _, trait = world()
    session = project(tmp_path, vectors)
    asked(session, trait)
    snapshot = Snapshot.of(session.project)
    assert snapshot.history.taught is not None
    assert not snapshot.history.taught.smoothed
    np.testing.assert_array_equal(snapshot.points, snapshot.smoothed.plain.points)
    np.testing.assert_array_equal(snapshot.state(3).vectors, snapshot.points)
    # the model that leaves the project says of new vectors what the project says of them
    scores = session.model().predict_proba(vectors)
    np.testing.assert_allclose(scores, snapshot.probs, atol=1e-5)
    assert np.mean(scores.argmax(axis=1) == trait) > 0.85
    assert "not averaged over neighbors" in status_of(session, capsys)


@pytest.mark.slow
def test_the_vectors_change_only_with_the_head_that_was_taught_on_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    vectors, cluster, _ = world()
    session = project(tmp_path, vectors)
    asked(session, (cluster > 1).astype(int))
    snapshot = Snapshot.of(session.project)
    assert snapshot.history.taught is not None
    assert snapshot.history.taught.smoothed
    assert "not averaged" not in status_of(session, capsys)
    other = snapshot.for_next_head()
    np.testing.assert_array_equal(other.training[1], snapshot.training[1])
    forced = Snapshot(session.project, snapshot.history, smoothing=False)
    np.testing.assert_array_equal(forced.points, snapshot.smoothed.plain.points)
    assert snapshot.smooths


def test_heads_of_ledgers_from_before_are_read_on_smoothed_vectors() -> None:
    old = {
        "kind": "taught",
        "round": 1,
        "head": "logistic",
        "fingerprint": "f",
        "labels": 2,
        "digest": "d",
        "seconds": 0,
    }
    assert Taught.model_validate(old).smoothed


@pytest.mark.parametrize("labels", [9, 11])
def test_another_number_of_labels_than_of_vectors_is_refused_either_way(labels: int) -> None:
    with pytest.raises(LabelError, match=f"but there are {labels} labels"):
        log_evidence(np.ones((10, 2)), np.zeros(labels, dtype=int))
    with pytest.raises(LabelError, match="vectors have shape"):
        log_evidence(np.ones(labels), np.zeros(labels, dtype=int))
