"""The head of a project as a scikit-learn classifier on the encoder's vectors."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from jaxtyping import Float
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils.validation import check_is_fitted

from activessl.errors import LabelError
from activessl.scoring.model import Model


class PoolClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Classifier of class names on an encoder's vectors, which are smoothed with those of the pool.

    It works wherever a scikit-learn classifier does: cross-validation, committees, modAL. ``fit`` teaches a new head
    and keeps the pool.

    Args:
        model: The model whose pool and kind of head are used: ``Session.model()`` or ``Model.load(folder)``.

    Attributes:
        classes_: (k,) all class names of the model, in the order of the columns.
        n_features_in_: Length of the encoder's vectors.
    """

    def __init__(self, model: Model) -> None:
        self.model = model

    @classmethod
    def taught(cls, model: Model) -> Self:
        """Make a classifier with the head of the model, without fitting it again."""
        made = cls(model)
        made.classes_, made.n_features_in_ = np.array(model.classes), len(model.mean)
        made.head_ = model.head
        return made

    def fit(self, X: Float[np.ndarray, "m d"], y: Any) -> Self:
        """Teach a new head these labels.

        Args:
            X: The encoder's vectors.
            y: (m,) class names; for a model with several classes per item, (m, k) of 0 and 1.

        Raises:
            LabelError: A class that the model does not have.
            HeadError: Vectors of another length, or with NaN or infinity.
        """
        self.classes_, self.n_features_in_ = np.array(self.model.classes), len(self.model.mean)
        if self.model.kind.independent:
            several: Any = clone(self.model.head)
            self.head_ = several.fit(self.model.place(X)[0], np.asarray(y))
            return self
        index = {name: k for k, name in enumerate(self.model.classes)}
        unknown = sorted({str(name) for name in y} - index.keys())
        if unknown:
            raise LabelError(f"the model has no class {unknown[0]!r}", hint=f"use {', '.join(self.model.classes)}")
        rows = np.array([index[str(name)] for name in y], dtype=np.int64)
        head: Any = clone(self.model.head)  # an untaught head with the same settings
        self.head_ = head.fit(self.model.place(X)[0], rows)
        return self

    def predict_proba(self, X: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n k"]:
        """Calibrated probabilities, in the order of ``classes_``; rows sum to one, unless an item may have several."""
        check_is_fitted(self, "head_")
        found: Float[np.ndarray, "n k"] = self.head_.predict_proba(self.model.place(X)[0])
        return found

    def predict(self, X: Float[np.ndarray, "n d"]) -> Any:
        """The most likely class name of each row; (n, k) of 0 and 1 for a model with several classes per item."""
        said = self.model.kind.decide(self.predict_proba(X))
        return said if self.model.kind.independent else self.classes_[said]
