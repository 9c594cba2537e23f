"""Heads by similarity: the prototype of each class, or the nearest labeled items.

Both compute their leave-one-out predictions in closed form and fit the temperature to them.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from jaxtyping import Float, Int

from activessl.geometry.blocks import block_rows
from activessl.geometry.units import scaled_rows
from activessl.heads.calibrate import fit_sharpness, softmax
from activessl.heads.classifier import Classifier
from activessl.heads.files import read_head, write_head
from activessl.heads.inputs import centre_of, check_taught, checked, novelty, numbered, spread, validated

#: Rows that are compared with the labels at once.
CHUNK = 8192


class LikenessHead(Classifier):
    """The common base class of both heads; abstract.

    Vectors are centred on the mean of the labeled vectors (``centre_of``) and scaled to unit length. Classes without
    labels share the probability that the next label is of a new class.

    Args:
        classes: All known classes in the order of the probabilities' columns; None to take those of the labels.
        seed: Not used; part of the interface of heads.

    Attributes:
        classes_: (k,) classes in the order of the columns.
        seen_: (k,) True where a class has labels.
        sharpness_: The inverse temperature in use.
        left_out_: (m, k) leave-one-out probabilities of the labeled items, in the order of the labels.
    """

    classes_: np.ndarray[Any, np.dtype[Any]]
    n_features_in_: int
    points_: Float[np.ndarray, "p d"]
    of_: Int[np.ndarray, " p"]
    #: The name it is registered under.
    kind: ClassVar[str]
    #: The inverse temperature without labels; the centre of its prior.
    usual: ClassVar[float]

    def __init__(self, *, classes: Sequence[Any] | None = None, seed: int = 0) -> None:
        self.classes = classes
        self.seed = seed

    @abstractmethod
    def _learn(self, x: Float[np.ndarray, "m d"], local: Int[np.ndarray, " m"], k: int) -> Float[np.ndarray, "m k"]:
        """Learn unit vectors and their classes; return the leave-one-out logits."""

    @abstractmethod
    def _logits(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n k"]:
        """Logits of unit vectors, for the classes with labels."""

    def fit(self, X: Float[np.ndarray, "m d"], y: Int[np.ndarray, " m"]) -> Self:
        """Learn from these labels only, without the last weights.

        Raises:
            HeadInputError: Vectors with NaN or infinity, or of the wrong shape.
            LabelError: A class that is not in ``classes``.
        """
        self.__dict__.pop("n_features_in_", None)
        return self.partial_fit(X, y)

    def partial_fit(
        self,
        X: Float[np.ndarray, "m d"],
        y: Int[np.ndarray, " m"],
        classes: Sequence[Any] | Int[np.ndarray, " k"] | None = None,
    ) -> Self:
        """Learn from all labels: the same as ``fit``, which is fast for this head."""
        x, y, _ = checked(self, X, y, None)
        self.classes_, targets = numbered(y, self.classes if classes is None else classes)
        count = np.bincount(targets, minlength=len(self.classes_))
        self.seen_ = count > 0
        self.novelty_ = novelty(count)
        self.centre_ = centre_of(x, np.ones(len(x)))
        local = (np.cumsum(self.seen_) - 1)[targets]
        k = int(self.seen_.sum())
        logits = self._learn(scaled_rows(x - self.centre_), local, k)
        several = np.flatnonzero(np.bincount(local)[local] > 1)
        self.sharpness_ = self.usual
        if k > 1 and len(several):
            self.sharpness_, _ = fit_sharpness(
                logits[several], local[several], np.ones(len(several)), prior=self.usual, spread=0.7
            )
        self.left_out_ = spread(softmax(self.sharpness_ * logits), self.seen_, self.novelty_)
        return self

    def predict_proba(self, X: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n k"]:
        """Calibrated probabilities, float32; rows sum to one."""
        check_taught(self, "sharpness_")
        x = validated(self, X, reset=False)
        probs = np.empty((len(x), len(self.classes_)), dtype=np.float32)
        for i in range(0, len(x), CHUNK):
            logits = self._logits(scaled_rows(np.asarray(x[i : i + CHUNK], dtype=np.float64) - self.centre_))
            probs[i : i + CHUNK] = spread(softmax(self.sharpness_ * logits), self.seen_, self.novelty_)
        return probs

    def predict(self, X: Float[np.ndarray, "n d"]) -> np.ndarray[Any, np.dtype[Any]]:
        """The most likely class of each row."""
        best = self.predict_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[best])

    def save(self, folder: Path) -> None:
        """Write ``weights.safetensors`` and ``config.json``."""
        write_head(folder, self.kind, *self.to_parts())

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Load a head that ``save`` wrote.

        Raises:
            HeadError: The folder holds no head of this kind, or an incomplete one.
        """
        return cls.from_parts(*read_head(folder, cls.kind, ("points", "of", "centre", "seen")))

    def to_parts(self) -> tuple[dict[str, np.ndarray[Any, Any]], dict[str, Any]]:
        """The head as arrays and JSON values."""
        check_taught(self, "sharpness_")
        config = {
            "classes": self.classes_.tolist(),
            "sharpness": self.sharpness_,
            "novelty": self.novelty_,
            "seed": self.seed,
        }
        return {"points": self.points_, "of": self.of_, "centre": self.centre_, "seen": self.seen_}, config

    @classmethod
    def from_parts(cls, tensors: Mapping[str, np.ndarray[Any, Any]], config: Mapping[str, Any]) -> Self:
        """Create a head from the result of ``to_parts``."""
        head = cls(classes=tuple(config["classes"]), seed=int(config["seed"]))
        head.classes_ = np.asarray(config["classes"])
        head.points_, head.of_, head.centre_ = tensors["points"], tensors["of"], tensors["centre"]
        head.seen_ = tensors["seen"].astype(bool)
        head.sharpness_, head.novelty_ = float(config["sharpness"]), float(config["novelty"])
        head.n_features_in_ = len(head.centre_)
        return head


class PrototypeHead(LikenessHead):
    """Similarity to the prototype (mean) of each class; prototypes of few labels are shrunk towards the mean of all.

    References:
        Snell, Swersky & Zemel, Prototypical Networks for Few-shot Learning, NeurIPS 2017, arXiv 1703.05175.
        Tibshirani et al., Diagnosis of Multiple Cancer Types by Shrunken Centroids, PNAS 2002.

    Example:
        >>> head = PrototypeHead(classes=(0, 1, 2)).fit(np.eye(4), np.array([0, 0, 1, 1]))
        >>> head.predict(np.eye(4)).tolist()
        [0, 0, 1, 1]
    """

    kind = "prototype"
    usual = 6.0
    #: Weight of the mean of all in each prototype, in labels.
    shrink: ClassVar[float] = 1.0

    def _learn(self, x: Float[np.ndarray, "m d"], local: Int[np.ndarray, " m"], k: int) -> Float[np.ndarray, "m k"]:
        count = np.bincount(local, minlength=k)
        total = np.zeros((k, x.shape[1]))
        np.add.at(total, local, x)
        self.points_, self.of_ = total / (count + self.shrink)[:, None], np.arange(k)
        logits: Float[np.ndarray, "m k"] = x @ self.points_.T
        own = total[local] - x
        logits[np.arange(len(x)), local] = np.einsum("ij,ij->i", own, x) / (count[local] - 1 + self.shrink)
        return logits

    def _logits(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n k"]:
        logits: Float[np.ndarray, "n k"] = x @ self.points_.T
        return logits


class NeighbourHead(LikenessHead):
    """Weighted votes of the nearest labeled items, plus a small weight for the share of each class.

    References:
        Wu, Xiong, Yu & Lin, Unsupervised Feature Learning via Non-Parametric Instance Discrimination, CVPR 2018,
        arXiv 1805.01978, for the weights.

    Example:
        >>> head = NeighbourHead(classes=(0, 1, 2)).fit(np.eye(4), np.array([0, 0, 1, 1]))
        >>> head.predict(np.eye(4)).tolist()
        [0, 0, 1, 1]
    """

    kind = "neighbours"
    usual = 1.0
    #: Largest number of voting labels, decrease of their weight with the angle, and weight of the share of a class.
    most: ClassVar[int] = 10
    fall: ClassVar[float] = 10.0
    share: ClassVar[float] = 0.01

    def _learn(self, x: Float[np.ndarray, "m d"], local: Int[np.ndarray, " m"], k: int) -> Float[np.ndarray, "m k"]:
        self.points_, self.of_ = x, local
        if len(x) == 1:
            return np.zeros((1, k))
        return self._votes(x, np.arange(len(x)))

    def _logits(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n k"]:
        return self._votes(x, None)

    def voters(self, labels: int) -> int:
        """Number of voting labels, at most sqrt(labels): more votes than labels of a class favor the common classes."""
        found: int = max(1, min(self.most, round(float(labels) ** 0.5)))
        return found

    def _votes(self, x: Float[np.ndarray, "n d"], own: Int[np.ndarray, " n"] | None) -> Float[np.ndarray, "n k"]:
        """Logarithms of the weights of the classes; ``own`` is the label of each row that is left out."""
        step = block_rows(len(self.points_), cells=4_000_000)  # memory must not grow with the square of the labels
        parts = [slice(i, i + step) for i in range(0, len(x), step)]
        return np.vstack([self._votes_of(x[part], None if own is None else own[part]) for part in parts])

    def _votes_of(self, x: Float[np.ndarray, "n d"], own: Int[np.ndarray, " n"] | None) -> Float[np.ndarray, "n k"]:
        k, cosine = int(self.of_.max()) + 1, x @ self.points_.T
        count = np.tile(np.bincount(self.of_, minlength=k).astype(np.float64), (len(x), 1))
        labels = len(self.points_)
        if own is not None:  # the left-out label does not count in the shares either
            cosine[np.arange(len(x)), own] = -np.inf
            count[np.arange(len(x)), self.of_[own]] -= 1
            labels -= 1
        voters = self.voters(labels)
        near = np.argpartition(-cosine, voters - 1, axis=1)[:, :voters]
        weight = np.exp(self.fall * (np.take_along_axis(cosine, near, axis=1) - 1))
        votes = self.share * count / labels
        for j in range(voters):
            votes[np.arange(len(x)), self.of_[near[:, j]]] += weight[:, j]
        return np.asarray(np.log(np.maximum(votes, 1e-300)))  # a class without another label gets a very small weight
