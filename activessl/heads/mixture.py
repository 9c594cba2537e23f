"""A mixture of heads, weighted by their leave-one-out predictions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from jaxtyping import Float, Int

from activessl.heads.classifier import Classifier
from activessl.heads.files import read_head, write_head
from activessl.heads.inputs import check_taught, checked, novelty, numbered, spread, validated
from activessl.heads.leave_one_out import left_out_probs
from activessl.heads.linear import LogisticHead
from activessl.heads.similarity import NeighbourHead, PrototypeHead
from activessl.heads.softmax import shared_span

#: The heads of the mixture, and the prior weight of each.
MEMBERS: dict[str, tuple[type[Any], float]] = {
    "logistic": (LogisticHead, 0.5),
    "neighbours": (NeighbourHead, 0.25),
    "prototype": (PrototypeHead, 0.25),
}
#: The weight of the prior, in labels.
STRENGTH = 5.0
#: Lower limit of a left-out probability, so that a single label cannot exclude a head.
FLOOR = 1e-4


def mixture_weights(
    likelihoods: Float[np.ndarray, "m h"], prior: Float[np.ndarray, " h"], strength: float, iterations: int = 100
) -> Float[np.ndarray, " h"]:
    """Fit the weights that maximise the likelihood of the left-out labels under the mixture, with a prior.

    Args:
        likelihoods: Left-out probability of each label under each head, > 0.
        prior: Weights without labels; they sum to one.
        strength: The weight of the prior, in labels.
        iterations: Largest number of steps of expectation maximisation.

    References:
        Wolpert, Stacked Generalization, Neural Networks 1992.

    Example:
        >>> mixture_weights(np.tile([0.9, 0.1], (50, 1)), np.array([0.5, 0.5]), 5.0).round(1).tolist()
        [0.9, 0.1]
        >>> mixture_weights(np.empty((0, 2)), np.array([0.7, 0.3]), 5.0).tolist()
        [0.7, 0.3]
    """
    weights = np.asarray(prior, dtype=float)
    for _ in range(iterations):
        share = weights * likelihoods
        share /= share.sum(axis=1, keepdims=True)
        now = share.sum(axis=0) + strength * prior
        now /= now.sum()
        done = float(np.abs(now - weights).max()) < 1e-6
        weights = now
        if done:
            break
    return weights


class AutoHead(Classifier):
    """A mixture of logistic regression, class prototypes and nearest neighbours, weighted by leave-one-out.

    The leave-one-out probabilities of all heads have a closed form, so the weights need no further fit. Classes with a
    single label do not count for the weights.

    Args:
        classes: All known classes in the order of the probabilities' columns; None to take those of the labels.
        seed: Seed of the heads.

    Attributes:
        classes_: (k,) classes in the order of the columns.
        weights_: The weight of each head by name; they sum to one.
        members_: The heads by name.

    Example:
        >>> head = AutoHead(classes=(0, 1, 2)).fit(np.eye(4), np.array([0, 0, 1, 1]))
        >>> head.predict(np.eye(4)).tolist(), round(sum(head.weights_.values()), 6)
        ([0, 0, 1, 1], 1.0)
    """

    classes_: np.ndarray[Any, np.dtype[Any]]
    n_features_in_: int

    def __init__(self, *, classes: Sequence[Any] | None = None, seed: int = 0) -> None:
        self.classes = classes
        self.seed = seed

    def fit(self, X: Float[np.ndarray, "m d"], y: Int[np.ndarray, " m"]) -> Self:
        """Learn from these labels only, without the last weights.

        Raises:
            HeadInputError: Vectors with NaN or infinity, or of the wrong shape.
            LabelError: A class that is not in ``classes``.
        """
        for name in ("members_", "n_features_in_"):
            self.__dict__.pop(name, None)
        return self.partial_fit(X, y)

    def partial_fit(
        self,
        X: Float[np.ndarray, "m d"],
        y: Int[np.ndarray, " m"],
        classes: Sequence[Any] | Int[np.ndarray, " k"] | None = None,
    ) -> Self:
        """Learn from all labels, starting from the last weights: the result of ``fit``, but faster."""
        x, y, _ = checked(self, X, y, None)
        self.classes_, targets = numbered(y, self.classes if classes is None else classes)
        if not hasattr(self, "members_"):
            self.members_ = {name: kind(seed=self.seed) for name, (kind, _) in MEMBERS.items()}
        count = np.bincount(targets, minlength=len(self.classes_))
        with shared_span():
            for member in self.members_.values():
                member.partial_fit(x, y, classes=self.classes_)
            penalty = self.members_["logistic"].penalty_
            alone = left_out_probs(x, targets, len(self.classes_), penalty=penalty)[:, count > 0]
        # classes without labels take the same share from all heads
        left_out = {"logistic": spread(alone, count > 0, novelty(count))}
        left_out |= {name: m.left_out_ for name, m in self.members_.items() if name not in left_out}
        rows = np.flatnonzero(count[targets] > 1)
        found = np.stack([np.maximum(left_out[name][rows, targets[rows]], FLOOR) for name in MEMBERS], axis=1)
        weights = mixture_weights(found, np.array([trust for _, trust in MEMBERS.values()]), STRENGTH)
        self.weights_ = dict(zip(MEMBERS, weights.tolist(), strict=True))
        return self

    def predict_proba(self, X: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n k"]:
        """Calibrated probabilities, float32; rows sum to one."""
        check_taught(self, "weights_")
        x = validated(self, X, reset=False)
        probs = np.zeros((len(x), len(self.classes_)), dtype=np.float32)
        for name, member in self.members_.items():
            probs += np.float32(self.weights_[name]) * member.predict_proba(x)
        return probs

    def predict(self, X: Float[np.ndarray, "n d"]) -> np.ndarray[Any, np.dtype[Any]]:
        """The most likely class of each row."""
        best = self.predict_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[best])

    def sample_proba(
        self, X: Float[np.ndarray, "n d"], draws: int, rng: np.random.Generator
    ) -> Float[np.ndarray, "s n k"]:
        """Probabilities under draws from the posterior of the logistic member; the other members have no posterior.

        Raises:
            HeadError: The head has no posterior, because it was loaded or has labels of fewer than two classes.
        """
        check_taught(self, "weights_")
        found: Float[np.ndarray, "s n k"] = self.members_["logistic"].sample_proba(X, draws, rng)
        return found

    def save(self, folder: Path) -> None:
        """Write ``weights.safetensors`` and ``config.json``."""
        check_taught(self, "weights_")
        tensors: dict[str, np.ndarray[Any, Any]] = {}
        config: dict[str, Any] = {}
        for name, member in self.members_.items():
            arrays, config[name] = member.to_parts()
            tensors |= {f"{name}.{key}": array for key, array in arrays.items()}
        write_head(folder, "auto", tensors, {"members": config, "weights": self.weights_, "seed": self.seed})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Load a head that ``save`` wrote.

        Raises:
            HeadError: The folder holds no head of this kind, or an incomplete one.
        """
        tensors, config = read_head(folder, "auto", ())
        head = cls(seed=int(config["seed"]))
        head.members_ = {
            name: kind.from_parts(
                {k.removeprefix(f"{name}."): v for k, v in tensors.items() if k.startswith(f"{name}.")},
                config["members"][name],
            )
            for name, (kind, _) in MEMBERS.items()
        }
        head.weights_ = {name: float(config["weights"][name]) for name in MEMBERS}
        head.classes_ = head.members_["logistic"].classes_
        head.classes = tuple(head.classes_.tolist())
        head.n_features_in_ = head.members_["logistic"].n_features_in_
        return head
