"""modAL's learners with current scikit-learn.

modAL 0.4.2.1 passes ``force_all_finite`` to ``sklearn.utils.check_X_y``. scikit-learn 1.8 accepts only the new name
``ensure_all_finite``, so that ``teach`` and ``fit`` raise a TypeError. The argument is renamed only while a method of
the classes here runs: nothing stays patched afterwards.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import modAL.models.learners as modal_learners

_patching = threading.RLock()


@contextmanager
def modern_sklearn() -> Iterator[None]:
    """Let modAL's classes teach and fit inside this block.

    Example:
        >>> import numpy as np
        >>> from sklearn.linear_model import LogisticRegression
        >>> from modAL.models import ActiveLearner
        >>> learner = ActiveLearner(LogisticRegression(), X_training=np.eye(2), y_training=np.array([0, 1]))
        >>> with modern_sklearn():
        ...     learner.teach(np.eye(2), np.array([0, 1]))
        >>> len(learner.X_training)
        4
    """
    with _patching:
        original = modal_learners.check_X_y

        def check(X: Any, y: Any, *args: Any, force_all_finite: bool = True, **kwargs: Any) -> Any:
            try:
                return original(X, y, *args, ensure_all_finite=force_all_finite, **kwargs)
            except TypeError as error:
                if "ensure_all_finite" not in str(error):
                    raise
                old = {"force_all_finite": force_all_finite, **kwargs}  # scikit-learn before 1.6
                return original(X, y, *args, **old)

        modal_learners.check_X_y = check
        try:
            yield
        finally:
            modal_learners.check_X_y = original


class _Modern:
    """Mixin that runs ``teach`` and ``fit`` of modAL's learners inside ``modern_sklearn``."""

    def teach(self, *args: Any, **kwargs: Any) -> None:
        """Add labels and fit again, as modAL does."""
        modal: Any = super()  # the learner with this mixin
        with modern_sklearn():
            modal.teach(*args, **kwargs)

    def fit(self, *args: Any, **kwargs: Any) -> Any:
        """Discard the earlier labels and fit to these, as modAL does."""
        modal: Any = super()
        with modern_sklearn():
            return modal.fit(*args, **kwargs)


class ActiveLearner(_Modern, modal_learners.ActiveLearner):  # type: ignore[misc]  # modAL has no types
    """``modAL.models.ActiveLearner``, able to teach and fit with scikit-learn 1.8 and newer.

    Example:
        >>> import numpy as np
        >>> from sklearn.linear_model import LogisticRegression
        >>> from activessl_modal import ActiveLearner, as_query_strategy
        >>> rng = np.random.default_rng(0)
        >>> X = np.concatenate([rng.normal(-2, 1, (20, 2)), rng.normal(2, 1, (20, 2))])
        >>> y = np.repeat([0, 1], 20)
        >>> learner = ActiveLearner(LogisticRegression(), as_query_strategy("margin"), X[[0, 20]], y[[0, 20]])
        >>> picked, _ = learner.query(X, n_instances=3)
        >>> learner.teach(X[picked], y[picked])
        >>> len(learner.y_training)
        5
    """


class Committee(_Modern, modal_learners.Committee):  # type: ignore[misc]
    """``modAL.models.Committee``, able to teach and fit with scikit-learn 1.8 and newer."""
