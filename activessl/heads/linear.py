"""Multinomial logistic regression on frozen embeddings; all parameters have automatic values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from jaxtyping import Float, Int

from activessl.errors import HeadError
from activessl.geometry.units import scaled_rows
from activessl.heads.calibrate import fit_sharpness, softmax
from activessl.heads.classifier import Classifier
from activessl.heads.files import read_head, write_head
from activessl.heads.inputs import (
    HeadInputError,
    centre_of,
    check_taught,
    checked,
    novelty,
    numbered,
    spread,
    validated,
)
from activessl.heads.penalty import USUAL_PENALTY, leave_one_out_penalty, span_of, stratified_folds
from activessl.heads.posterior import Posterior, posterior
from activessl.heads.softmax import Span, fit_softmax

#: The inverse temperature if the labels are too few to fit it; also the centre of its prior.
USUAL_SHARPNESS = 1.0
#: Rows of draws that are scored at once, so that memory does not grow with the pool.
CHUNK = 8192
#: Rows that are scored at once: few enough for the processor's cache.
BLOCK = 1024


class LogisticHead(Classifier):
    """Multinomial logistic regression on centred unit vectors, with automatic regularisation and temperature.

    Vectors are centred (on ``mean``, or on the mean of the labeled vectors, see ``centre_of``) and scaled to unit
    length, so vectors of any encoder can be used. The L2 penalty is chosen by closed-form leave-one-out of a
    least-squares surrogate, the temperature by the likelihood of cross-validated labels; while no class has two labels,
    weak priors set both. Classes without labels share the probability that the next label is of a new class, by the
    Good-Turing estimate from the number of classes with one label.

    Args:
        classes: All known classes in the order of the probabilities' columns; None to take those of the labels.
        penalty: The L2 penalty on unit vectors, > 0, or "auto".
        calibrate: Whether the temperature is fitted.
        mean: (d,) the mean to centre on, such as that of the pool; None for the mean of the labeled vectors.
        folds: Number of folds of the cross-validation.
        tolerance: Tolerance of the final fit; probabilities of ``fit`` and ``partial_fit`` differ by at most about ten
            times this value.
        seed: Seed of the sample of labels for the cross-validation, if there are more than needed.

    Attributes:
        classes_: (k,) classes in the order of the columns.
        coef_: (k, d) weights on centred unit vectors, temperature included; zero for classes without labels.
        intercept_: (k,) intercepts, temperature included.
        penalty_: The penalty in use.
        sharpness_: The inverse temperature in use.
        seen_: (k,) True where a class has labels.

    References:
        Good, The Population Frequencies of Species and the Estimation of Population Parameters, Biometrika 1953.
        Guo et al., On Calibration of Modern Neural Networks, ICML 2017, arXiv 1706.04599.

    Example:
        >>> head = LogisticHead(classes=(0, 1, 2)).fit(np.eye(4), np.array([0, 0, 1, 1]))
        >>> head.predict(np.eye(4)).tolist()
        [0, 0, 1, 1]
        >>> bool(0 < head.predict_proba(np.eye(4))[0, 2] < 0.2)  # a class without labels
        True
    """

    classes_: np.ndarray[Any, np.dtype[Any]]
    n_features_in_: int
    _posterior: Posterior | None

    def __init__(
        self,
        *,
        classes: Sequence[Any] | None = None,
        penalty: float | Literal["auto"] = "auto",
        calibrate: bool = True,
        mean: Float[np.ndarray, " d"] | None = None,
        folds: int = 5,
        tolerance: float = 1e-4,
        seed: int = 0,
    ) -> None:
        self.classes = classes
        self.penalty = penalty
        self.calibrate = calibrate
        self.mean = mean
        self.folds = folds
        self.tolerance = tolerance
        self.seed = seed

    def fit(
        self,
        X: Float[np.ndarray, "m d"],
        y: Int[np.ndarray, " m"],
        sample_weight: Float[np.ndarray, " m"] | None = None,
    ) -> Self:
        """Learn from these labels only, without the last weights.

        Args:
            X: Vectors of the labeled items.
            y: Their classes.
            sample_weight: Weight of each label, >= 0.

        Raises:
            HeadInputError: Vectors with NaN or infinity, or of the wrong shape.
            LabelError: A class that is not in ``classes``, or invalid weights.
        """
        for name in ("_theta", "classes_", "n_features_in_"):
            self.__dict__.pop(name, None)
        return self._learn(X, y, self.classes, sample_weight)

    def partial_fit(
        self,
        X: Float[np.ndarray, "m d"],
        y: Int[np.ndarray, " m"],
        classes: Sequence[Any] | Int[np.ndarray, " k"] | None = None,
        sample_weight: Float[np.ndarray, " m"] | None = None,
    ) -> Self:
        """Learn from *all* labels, old and new, starting from the last weights: the result of ``fit``, but faster.

        The last weights are only a starting point, so changed and deleted labels are taken into account.

        Raises:
            HeadInputError: Vectors with NaN or infinity, or of the wrong shape.
            LabelError: A class that is not in ``classes``, or invalid weights.
        """
        if classes is None:
            classes = self.classes if self.classes is not None else None
        return self._learn(X, y, classes, sample_weight)

    def predict_proba(self, X: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n k"]:
        """Calibrated probabilities, float32; rows sum to one."""
        scores = self._scores(X)
        return spread(softmax(scores[:, self.seen_]), self.seen_, self.novelty_)

    def predict(self, X: Float[np.ndarray, "n d"]) -> np.ndarray[Any, np.dtype[Any]]:
        """The most likely class of each row."""
        scores = self._scores(X)
        scores[:, ~self.seen_] = -np.inf
        return np.asarray(self.classes_[scores.argmax(axis=1)])

    def decision_function(self, X: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n ..."]:
        """Logits (n, k), temperature included; with two classes the log-odds (n,) of the second."""
        scores = self._scores(X)
        scores[:, ~self.seen_] = scores[:, self.seen_].min(axis=1, keepdims=True) - 1.0
        return scores[:, 1] - scores[:, 0] if scores.shape[1] == 2 else scores

    def sample_proba(
        self, X: Float[np.ndarray, "n d"], draws: int, rng: np.random.Generator
    ) -> Float[np.ndarray, "s n k"]:
        """Probabilities under draws from the Laplace approximation of the posterior of the weights.

        Args:
            X: Vectors.
            draws: s, the number of draws.
            rng: Source of the draws.

        Raises:
            HeadError: The head has no posterior, because it was loaded or has labels of fewer than two classes.
        """
        known: Posterior | None = self.__dict__.get("_posterior")
        if known is None:
            raise HeadError("the head has no posterior", hint="fit the head on labels of at least two classes first")
        x = validated(self, X, reset=False)
        seen = np.flatnonzero(self.seen_)
        drawn = [(self._theta[:, seen] + known.draw(rng)) * self.sharpness_ for _ in range(draws)]
        out = np.empty((draws, len(x), len(self.classes_)), dtype=np.float32)
        for i in range(0, len(x), CHUNK):
            scaled = scaled_rows(np.asarray(x[i : i + CHUNK], dtype=np.float64) - self.centre_)
            for s, theta in enumerate(drawn):
                probs = softmax(scaled @ theta[:-1] + theta[-1])
                out[s, i : i + CHUNK] = spread(probs, self.seen_, self.novelty_)
        return out

    def save(self, folder: Path) -> None:
        """Write ``weights.safetensors`` and ``config.json``."""
        write_head(folder, "logistic", *self.to_parts())

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Load a head that ``save`` wrote.

        Raises:
            HeadError: The folder holds no head of this kind, or an incomplete one.
        """
        return cls.from_parts(*read_head(folder, "logistic", ("coef", "intercept", "centre", "seen")))

    def to_parts(self) -> tuple[dict[str, np.ndarray[Any, Any]], dict[str, Any]]:
        """The head as arrays and JSON values."""
        check_taught(self, "coef_")
        config = {
            "classes": self.classes_.tolist(),
            "penalty": self.penalty_,
            "sharpness": self.sharpness_,
            "novelty": self.novelty_,
            "seed": self.seed,
        }
        tensors = {"coef": self.coef_, "intercept": self.intercept_, "centre": self.centre_, "seen": self.seen_}
        return tensors, config

    @classmethod
    def from_parts(cls, tensors: Mapping[str, np.ndarray[Any, Any]], config: Mapping[str, Any]) -> Self:
        """Create a head from the result of ``to_parts``."""
        head = cls(classes=tuple(config["classes"]), seed=int(config["seed"]))
        head.classes_ = np.asarray(config["classes"])
        head.coef_, head.intercept_, head.centre_ = tensors["coef"], tensors["intercept"], tensors["centre"]
        head.seen_ = tensors["seen"].astype(bool)
        head.penalty_, head.sharpness_ = float(config["penalty"]), float(config["sharpness"])
        head.novelty_ = float(config["novelty"])
        head.n_features_in_ = head.coef_.shape[1]
        head._theta = np.vstack([head.coef_.T, head.intercept_]) / head.sharpness_
        return head

    def _learn(self, X: Any, y: Any, classes: Any, sample_weight: Any) -> Self:
        x, y, weights = checked(self, X, y, sample_weight)
        known, targets = numbered(y, classes)
        if not np.array_equal(known, getattr(self, "classes_", known)):
            self.__dict__.pop("_theta", None)  # the columns now belong to other classes
        self.classes_ = known
        self.n_iter_ = 0

        count = np.bincount(targets, weights=(weights > 0).astype(float), minlength=len(known))
        self.seen_ = count > 0
        self.novelty_ = novelty(count)

        if self.mean is None:
            self.centre_ = centre_of(x, weights)
        else:
            self.centre_ = np.asarray(self.mean, dtype=np.float64)
            if self.centre_.shape != (x.shape[1],):
                raise HeadInputError(
                    f"mean has shape {self.centre_.shape} for {x.shape[1]} features", hint="pass one value per feature"
                )
        rows = span_of(x, self.centre_)

        self._fit_rows(rows, targets, weights)
        return self

    def _fit_rows(self, rows: Span, targets: Int[np.ndarray, " m"], weights: Float[np.ndarray, " m"]) -> None:
        k, d1 = len(self.classes_), rows.axes.shape[1]
        seen = np.flatnonzero(self.seen_)
        if len(seen) == 1:
            # labels of one class contain no information about the differences between classes
            self.penalty_, self.sharpness_ = USUAL_PENALTY, 1.0
            self._theta = np.zeros((d1, k))
            self._posterior = None
            self.coef_, self.intercept_ = np.zeros((k, d1 - 1)), np.zeros(k)
            return
        place = np.cumsum(self.seen_) - 1
        local = place[targets]

        self.penalty_ = (
            leave_one_out_penalty(rows, local, len(seen), weights) if self.penalty == "auto" else float(self.penalty)
        )
        start = None
        old = self.__dict__.get("_theta")
        if old is not None and old.shape == (d1, k):
            start = (rows.axes @ old[:, seen])[:, None, :]
        theta, self.n_iter_ = fit_softmax(
            rows.coords,
            rows.energy,
            local,
            len(seen),
            np.array([self.penalty_]),
            weights[:, None],
            start=start,
            tolerance=self.tolerance,
        )
        self.sharpness_ = self._calibrated(rows, local, len(seen), weights, float(np.linalg.norm(theta)))
        self._theta = np.zeros((d1, k))
        self._theta[:, seen] = rows.axes.T @ theta[:, 0]
        self._posterior = posterior(rows, theta[:, 0], weights, self.penalty_)
        sharp = self._theta * self.sharpness_
        self.coef_, self.intercept_ = np.ascontiguousarray(sharp[:-1].T), sharp[-1]

    def _calibrated(
        self, rows: Span, targets: Int[np.ndarray, " m"], k: int, weights: Float[np.ndarray, " m"], size: float
    ) -> float:
        """Fit the sharpness by cross-validation at this penalty; ``size`` is the norm of the fit on all labels."""
        if not self.calibrate:
            return 1.0
        # with many labels three folds are enough for one parameter
        folds = min(self.folds, 3) if len(targets) > 200 else self.folds
        fold = stratified_folds(targets, min(folds, max(2, len(targets) // 2)), self.seed)
        if not np.any(fold >= 0):
            return USUAL_SHARPNESS
        used = np.flatnonzero(fold != -2)
        coords, targets, weights, fold = rows.coords[used], targets[used], weights[used], fold[used]

        turns = np.arange(int(fold.max()) + 1)
        theta, _ = fit_softmax(
            coords.astype(np.float32),
            rows.energy,
            targets,
            k,
            np.full(len(turns), self.penalty_),
            np.where(fold[:, None] == turns, 0.0, weights[:, None]),
            tolerance=0.02,
            max_iter=25,
        )
        held = np.flatnonzero(fold >= 0)
        logits = np.empty((len(held), k))
        for f in turns:
            out = fold[held] == f
            logits[out] = coords[held[out]] @ theta[:, f]
        sharpness, _ = fit_sharpness(logits, targets[held], weights[held], prior=USUAL_SHARPNESS)
        # fits on fewer labels have weights of another norm; scale the sharpness by the ratio of the norms
        return sharpness * float(np.sqrt(np.mean(np.sum(theta**2, axis=(0, 2))))) / max(size, 1e-12)

    def _scores(self, X: Any) -> Float[np.ndarray, "n k"]:
        check_taught(self, "coef_")
        x = validated(self, X, reset=False)
        kind = np.result_type(x.dtype, np.float32)
        centre, table = self.centre_.astype(kind), np.ascontiguousarray(self.coef_.astype(np.float32).T)
        out = np.empty((len(x), len(self.coef_)), dtype=np.float32)
        centred = np.empty((min(BLOCK, len(x)), x.shape[1]), dtype=np.float32)
        for i in range(0, len(x), BLOCK):
            part = x[i : i + BLOCK]
            rows = centred[: len(part)]
            # centred before the product: the product of vectors far from zero would round their differences away
            np.subtract(part, centre, out=rows, casting="unsafe")
            square = np.einsum("nd,nd->n", rows, rows)
            if square.min() > 1e-20 and square.max() < 1e30:
                out[i : i + BLOCK] = (rows @ table) / np.sqrt(square)[:, None]
            else:  # float32 cannot hold the squares
                out[i : i + BLOCK] = scaled_rows(np.asarray(part, dtype=np.float64) - self.centre_) @ table
        out += self.intercept_.astype(np.float32)
        return out
