"""A project as a modAL learner."""

from __future__ import annotations

from typing import Any

import numpy as np

from activessl.errors import LabelError
from activessl.project.snapshot import Snapshot
from activessl.scoring.estimator import PoolClassifier
from activessl.session import Session
from activessl.strategies.base import QueryStrategy
from activessl_modal.learners import ActiveLearner
from activessl_modal.to_modal import as_query_strategy


def project_learner(session: Session, strategy: str | QueryStrategy = "auto") -> tuple[ActiveLearner, Any]:
    """Return a modAL learner with the project's labels and kind of head, and the vectors of items that can be asked.

    Args:
        session: A project with labels.
        strategy: A name, or a strategy object.

    Returns:
        The learner, whose classes are the project's class names, and the vectors (n, d) for its ``query``.

    Raises:
        LabelError: There are no labels, or items may have several classes.
    """
    snapshot = Snapshot.of(session.project)
    if snapshot.kind.independent:
        raise LabelError(
            "modAL's learner allows one class per item, and items of this project may have several", hint="use Session"
        )
    rows, labels = snapshot.training
    if not len(rows):
        raise LabelError("no labels yet", hint="label some items, then run `activessl pull`")
    vectors = np.asarray(snapshot.embeddings.vectors)
    learner = ActiveLearner(
        PoolClassifier(snapshot.model()),
        as_query_strategy(strategy, seed=session.project.config.seed),
        X_training=vectors[rows],
        y_training=np.array(session.project.config.data.classes)[labels],
    )
    return learner, vectors[snapshot.free]
