"""modAL both ways, with the modAL and scikit-learn that are installed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sklearn
from modAL.batch import uncertainty_batch_sampling
from modAL.models import ActiveLearner as PlainLearner
from modAL.uncertainty import entropy_sampling, margin_sampling, uncertainty_sampling
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from activessl.errors import QueryError
from activessl.strategies.base import State
from activessl.strategies.uncertainty.scores import margin
from activessl_modal import ActiveLearner, Committee, ModalStrategy, as_query_strategy, modern_sklearn


@pytest.fixture
def blobs() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(c, 1.0, (40, 4)) for c in (-2, 0, 2)])
    return X, np.repeat(["a", "b", "c"], 40)


def test_modal_by_itself_cannot_teach_here(blobs: Any) -> None:
    """Why the wrapper exists; when this fails, modAL or scikit-learn has changed and the wrapper can go."""
    if tuple(int(p) for p in sklearn.__version__.split(".")[:2]) < (1, 8):
        pytest.skip("scikit-learn still takes force_all_finite")
    X, y = blobs
    learner = PlainLearner(LogisticRegression(), X_training=X[[0, 40, 80]], y_training=y[[0, 40, 80]])
    with pytest.raises(TypeError, match="force_all_finite"):
        learner.teach(X[:2], y[:2])
    with modern_sklearn():
        learner.teach(X[:2], y[:2])
    with pytest.raises(TypeError, match="force_all_finite"):  # and nothing stays patched
        learner.teach(X[:2], y[:2])


@pytest.mark.parametrize("strategy", ["random", "margin", "entropy", "k_center", "typiclust", "max_herding"])
@pytest.mark.parametrize("size", [1, 2, 5])
def test_our_strategies_choose_and_teach_inside_modal(blobs: Any, strategy: str, size: int) -> None:
    X, y = blobs
    learner = ActiveLearner(LogisticRegression(), as_query_strategy(strategy), X[[0, 40, 80]], y[[0, 40, 80]])
    for _ in range(3):
        picked, items = learner.query(X, n_instances=size)
        assert len(picked) == size == len(items) == len(set(picked.tolist()))
        learner.teach(X[picked], y[picked])
    assert len(learner.y_training) == 3 + 3 * size
    assert learner.score(X, y) > 0.6


def test_our_strategies_start_from_no_label_at_all(blobs: Any) -> None:
    X, y = blobs
    learner = ActiveLearner(LogisticRegression(), as_query_strategy("typiclust"))
    picked, _ = learner.query(X, n_instances=6)
    learner.teach(X[picked], y[picked])
    assert set(learner.y_training) == {"a", "b", "c"}


def test_our_strategies_serve_a_committee_and_a_pipeline(blobs: Any) -> None:
    X, y = blobs
    start = [0, 1, 40, 41, 80, 81]
    committee = Committee(
        [ActiveLearner(LogisticRegression(C=c), X_training=X[start], y_training=y[start]) for c in (0.1, 10.0)],
        as_query_strategy("margin"),
    )
    picked, _ = committee.query(X, n_instances=2)
    committee.teach(X[picked], y[picked])
    assert committee.score(X, y) > 0.6
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    learner = ActiveLearner(pipeline, as_query_strategy("k_center"), X[start], y[start], on_transformed=True)
    assert len(learner.query(X, n_instances=3)[0]) == 3


def test_the_same_seed_gives_the_same_query_and_another_seed_another(blobs: Any) -> None:
    X, y = blobs

    def ask(seed: int) -> list[int]:
        learner = ActiveLearner(LogisticRegression(), as_query_strategy("random", seed=seed), X[[0, 40]], y[[0, 40]])
        picked: list[int] = learner.query(X, n_instances=8)[0].tolist()
        return picked

    assert ask(1) == ask(1) != ask(2)


@pytest.mark.parametrize(
    "function", [uncertainty_sampling, margin_sampling, entropy_sampling, uncertainty_batch_sampling]
)
@pytest.mark.parametrize("size", [1, 2, 7])
def test_modals_strategies_choose_among_our_candidates(blobs: Any, function: Callable[..., Any], size: int) -> None:
    X, _ = blobs
    rng = np.random.default_rng(1)
    probs = rng.dirichlet(np.ones(3), len(X))
    labeled = np.array([0, 40, 80])
    state = State(X, labeled, np.array([0, 1, 2]), 3, rng, probs=probs)
    query = ModalStrategy(function).query(state, size)
    assert len(set(query.indices.tolist())) == size
    assert not set(query.indices.tolist()) & set(labeled.tolist())
    assert np.all(np.diff(query.scores) <= 0)


def test_modals_margin_agrees_with_ours(blobs: Any) -> None:
    X, _ = blobs
    probs = np.random.default_rng(2).dirichlet(np.ones(3), len(X))
    state = State(X, np.array([0]), np.array([0]), 3, np.random.default_rng(0), probs=probs)
    theirs = ModalStrategy(margin_sampling).query(state, 10).indices
    ours = np.argsort(-margin(probs), kind="stable")
    assert theirs.tolist() == [i for i in ours if i != 0][:10]


def test_an_error_of_a_modal_strategy_says_which_strategy_of_ours_does_the_same(blobs: Any) -> None:
    X, _ = blobs

    def margin_sampling(learner: Any, X_pool: Any, n_instances: int = 1) -> Any:
        assert learner.predict_proba(X_pool).shape[1] == 2, "only two classes"

    probs = np.random.default_rng(2).dirichlet(np.ones(3), len(X))
    state = State(X, np.array([0]), np.array([0]), 3, np.random.default_rng(0), probs=probs)
    with pytest.raises(QueryError, match="modal_margin_sampling failed: AssertionError: only two") as caught:
        ModalStrategy(margin_sampling).query(state, 2)
    assert "'margin' of activessl" in caught.value.hint


def test_a_project_becomes_a_modal_learner(tmp_path) -> None:
    from datetime import UTC, datetime

    from activessl import Answer, Session
    from activessl.ledger.schema import Answered
    from activessl.project.config import check_config
    from activessl.project.folder import Project
    from activessl.project.snapshot import Snapshot
    from activessl_modal import project_learner

    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 90)
    np.savez(tmp_path / "pool.npz", vectors=(4 * np.eye(3, 8)[truth] + rng.normal(size=(90, 8))).astype(np.float32))
    config = check_config({"data": {"path": "../pool.npz", "modality": "vector", "classes": ["x", "y", "z"]}})
    session = Session(Project.create(tmp_path / "p", config, version="0"))
    session.encode()
    opened = session.query(9)
    with session.project.ledger() as ledger:
        for item in opened.items:
            name = "xyz"[truth[int(item.split(":")[1])]]
            ledger.append([Answered(answer=Answer(item, item, item, "label", (name,), "me", 1.0, datetime.now(UTC)))])
    session.teach()
    taken = next(i for i in Snapshot.of(session.project).embeddings.ids if i not in opened.items)
    with session.project.ledger() as ledger:  # what somebody skipped is not asked again
        ledger.append([Answered(answer=Answer(taken, taken, taken, "skip", (), "me", 1.0, datetime.now(UTC)))])
    learner, rest = project_learner(session)
    assert len(rest) == 80 and set(learner.predict(rest)) <= {"x", "y", "z"}
    picked, _ = learner.query(rest, n_instances=4)
    learner.teach(rest[picked], np.array(["x", "y", "z", "x"]))
    assert len(learner.y_training) == 13
