"""The interface of a head, which turns vectors into class probabilities."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int


@runtime_checkable
class Head(Protocol):
    """A classifier on frozen embeddings, in scikit-learn's protocol.

    ``fit`` and ``partial_fit`` take class *indices* or any other sortable class names; ``classes_`` holds the classes
    in the order of the columns of ``predict_proba``. A head that was fitted with ``classes`` also gives classes without
    labels a small probability.
    """

    classes_: np.ndarray[Any, np.dtype[Any]]

    def fit(self, X: Float[np.ndarray, "m d"], y: Int[np.ndarray, " m"]) -> Head:
        """Learn from these labels only, without the last weights."""
        ...

    def partial_fit(
        self, X: Float[np.ndarray, "m d"], y: Int[np.ndarray, " m"], classes: Int[np.ndarray, " k"] | None = None
    ) -> Head:
        """Learn from all labels, starting from the last weights: the result of ``fit``, but faster."""
        ...

    def predict_proba(self, X: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n k"]:
        """Calibrated probabilities; rows sum to one."""
        ...

    def save(self, folder: Path) -> None:
        """Write ``weights.safetensors`` and ``config.json``."""
        ...
