"""Multi-label head: items with several classes or none, one two-class head per class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from jaxtyping import Float, Int

from activessl.errors import HeadError, LabelError
from activessl.heads.base import Head
from activessl.heads.classifier import Classifier
from activessl.heads.files import read_head, write_head
from activessl.heads.inputs import check_taught
from activessl.heads.registry import load_head, make_head
from activessl.heads.softmax import shared_span
from activessl.labels.several_classes import SEVERAL


class MultiLabelHead(Classifier):
    """Binary relevance: one registered head per class, with the classes "without" and "with".

    Each head chooses its own regularisation and temperature, because a class with five labels needs other values than a
    class with five hundred. If no item or every item has a class, the opposite has a small probability, which decreases
    with each label. Correlations between classes are not used.

    Args:
        name: Name of the registered head.
        classes: The classes, in the order of the columns; None to number the columns of the labels.
        seed: Seed of the heads.

    Attributes:
        classes_: (k,) classes in the order of the columns.
        heads_: (k) one head per class.

    References:
        Zhang & Zhou, A Review on Multi-Label Learning Algorithms, TKDE 2014, section 3.1.1.

    Example:
        >>> x, y = np.repeat(np.eye(3), 4, axis=0), np.repeat([[0, 0], [1, 0], [1, 1]], 4, axis=0)
        >>> MultiLabelHead().fit(x, y).predict(np.eye(3)).tolist()
        [[0, 0], [1, 0], [1, 1]]
    """

    classes_: np.ndarray[Any, np.dtype[Any]]
    heads_: list[Head]

    def __init__(self, name: str = "logistic", *, classes: Sequence[Any] | None = None, seed: int = 0) -> None:
        self.name = name
        self.classes = classes
        self.seed = seed

    def fit(self, X: Float[np.ndarray, "m d"], y: Int[np.ndarray, "m k"]) -> Self:
        """Learn from these labels only, without the last weights.

        Args:
            X: Vectors of the labeled items.
            y: 1 if the item has the class, 0 if not, -1 if the class was not asked about yet; -1 is left out.

        Raises:
            HeadInputError: Vectors with NaN or infinity, or of the wrong shape.
            LabelError: Other values, or not one column per class.
        """
        self.__dict__.pop("heads_", None)
        return self.partial_fit(X, y)

    def partial_fit(
        self,
        X: Float[np.ndarray, "m d"],
        y: Int[np.ndarray, "m k"],
        classes: Sequence[Any] | Int[np.ndarray, " k"] | None = None,
    ) -> Self:
        """Learn from all labels, starting from the last weights: the result of ``fit``, but faster."""
        table = np.asarray(y)
        given = self.classes if classes is None else classes
        if table.ndim != 2 or not len(table) or not np.isin(table, (-1, 0, 1)).all():
            raise LabelError(
                f"labels have shape {table.shape}, or values other than 1, 0 and -1",
                hint="pass one row per item and one column per class: 1 with the class, 0 without, -1 unknown",
            )
        self.classes_ = np.arange(table.shape[1]) if given is None else np.asarray(given)
        if table.shape[1] != len(self.classes_):
            raise LabelError(
                f"labels have {table.shape[1]} columns, but there are {len(self.classes_)} classes",
                hint="pass one column per class",
            )
        heads = self.__dict__.get("heads_")
        if heads is None or len(heads) != len(self.classes_):
            heads = [make_head(self.name, n_classes=2, seed=self.seed) for _ in self.classes_]
        x = np.asarray(X)
        with shared_span():
            self.heads_ = [_taught(head, x, column) for head, column in zip(heads, table.T, strict=True)]
        return self

    def predict_proba(self, X: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n k"]:
        """Calibrated probability of each class on its own, float32."""
        check_taught(self, "heads_")
        return np.stack([head.predict_proba(X)[:, 1] for head in self.heads_], axis=1)

    def predict(self, X: Float[np.ndarray, "n d"]) -> Int[np.ndarray, "n k"]:
        """1 if the probability of the class is at least 0.5, else 0."""
        return SEVERAL.decide(self.predict_proba(X))

    @property
    def sample_proba(self) -> Callable[..., Float[np.ndarray, "s n k"]]:
        """``sample_proba(X, draws, rng)``; missing if no head has this method."""
        if not any(hasattr(head, "sample_proba") for head in self.heads_):
            raise AttributeError(f"{self.name} heads have no posterior")
        return self._sample_proba

    def _sample_proba(
        self, X: Float[np.ndarray, "n d"], draws: int, rng: np.random.Generator
    ) -> Float[np.ndarray, "s n k"]:
        """Probabilities under draws from the posteriors of the heads.

        If all labels of a class are equal, its head has no posterior and its probability is the same in all draws.

        Raises:
            HeadError: No head has a posterior: the heads were loaded, or no class has labels of both kinds.
        """
        check_taught(self, "heads_")
        out = np.empty((draws, len(X), len(self.heads_)), dtype=np.float32)
        drawn = 0
        for k, head in enumerate(self.heads_):
            try:
                out[:, :, k] = head.sample_proba(X, draws, rng)[:, :, 1]  # type: ignore[attr-defined]
                drawn += 1
            except (AttributeError, HeadError):
                out[:, :, k] = head.predict_proba(X)[:, 1]
        if not drawn:
            raise HeadError("the head has no posterior", hint="fit the head on items with and without a class first")
        return out

    def save(self, folder: Path) -> None:
        """Write one folder per head, then ``weights.safetensors`` and ``config.json``."""
        check_taught(self, "heads_")
        for k, head in enumerate(self.heads_):
            head.save(folder / f"{k:04d}")
        write_head(
            folder,
            "multi-label",
            {"classes": np.arange(len(self.heads_))},
            {"of": self.name, "classes": self.classes_.tolist(), "seed": self.seed},
        )

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Load a head that ``save`` wrote.

        Raises:
            HeadError: The folder holds no head of this kind, or an incomplete one.
        """
        _, config = read_head(folder, "multi-label", ("classes",))
        head = cls(str(config["of"]), classes=tuple(config["classes"]), seed=int(config["seed"]))
        head.classes_ = np.asarray(config["classes"])
        head.heads_ = [load_head(head.name, folder / f"{k:04d}") for k in range(len(head.classes_))]
        return head


def _taught(head: Head, x: Float[np.ndarray, "m d"], column: Int[np.ndarray, " m"]) -> Head:
    """Fit the head of one class on the items with a known answer for this class."""
    known = column >= 0
    if not known.any():  # no answers for this class yet: fit on one item without the class
        x, column, known = x[:1], np.zeros(1, dtype=np.int64), np.ones(1, dtype=bool)
    return head.partial_fit(x[known], column[known], classes=np.arange(2))
