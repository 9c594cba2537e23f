"""Input checks, class numbers and shared formulas of all heads."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from activessl.errors import HeadError, LabelError
from activessl.heads.classifier import Classifier


class HeadInputError(HeadError, ValueError):
    """Invalid vectors for a head; also a ValueError, as the scikit-learn protocol requires."""


def checked(head: Classifier, X: Any, y: Any, sample_weight: Any) -> tuple[Any, Any, Float[np.ndarray, " m"]]:
    """Check the inputs and return vectors as float64, classes and weights, without rows of weight zero.

    Raises:
        HeadInputError: Vectors with NaN or infinity or of the wrong shape, or invalid classes.
        LabelError: Weights of the wrong shape, negative, not finite or all zero.
    """
    x, y = validated(head, X, y, reset=not hasattr(head, "n_features_in_"))
    # integers and strings are valid classes; scikit-learn would only warn if there are many classes
    if np.asarray(y).dtype.kind not in "biuUS":
        from sklearn.utils.multiclass import check_classification_targets

        try:
            check_classification_targets(y)
        except ValueError as bad:
            raise HeadInputError(str(bad), hint="pass one class per row") from None
    if sample_weight is None:
        return np.asarray(x, dtype=np.float64), y, np.ones(len(y))
    weights = np.asarray(sample_weight, dtype=np.float64)
    if weights.shape != (len(y),) or not np.all(np.isfinite(weights)) or np.any(weights < 0) or not weights.any():
        raise LabelError(
            f"weights have shape {weights.shape} for {len(y)} labels, or are negative, not finite or all zero",
            hint="pass one finite weight >= 0 per label, at least one > 0",
        )
    on = weights > 0
    return np.asarray(x[on], dtype=np.float64), y[on], weights[on]


def validated(head: Classifier, *arrays: Any, reset: bool = True) -> Any:
    """Validate arrays as scikit-learn does, and raise HeadInputError instead of its errors.

    Raises:
        HeadInputError: NaN, infinity, or a wrong shape.
    """
    if _plain(head, *arrays, reset=reset):
        return arrays[0] if len(arrays) == 1 else arrays
    from sklearn.utils.validation import validate_data

    try:
        return validate_data(head, *arrays, reset=reset, dtype="numeric")
    except ValueError as bad:
        raise HeadInputError(
            str(bad), hint="pass finite vectors, one row per item, with the dimensions of the first fit"
        ) from None


def _plain(head: Any, x: Any, y: Any = None, *, reset: bool) -> bool:
    """Whether these are valid arrays that scikit-learn would not change; then set or compare the number of features.

    Return False for everything else, such as lists, tables and invalid arrays, which scikit-learn then validates.
    """
    if type(x) not in (np.ndarray, np.memmap) or x.ndim != 2 or x.dtype.kind != "f" or not x.size:
        return False
    if y is not None and (type(y) is not np.ndarray or y.dtype.kind not in "iu" or y.shape != (len(x),)):
        return False
    if hasattr(head, "feature_names_in_"):
        return False
    with np.errstate(over="ignore", invalid="ignore"):
        if not np.isfinite(np.sum(x)):
            return False
    if reset:
        head.n_features_in_ = x.shape[1]
    return bool(head.n_features_in_ == x.shape[1])


def check_taught(head: Classifier, attribute: str) -> None:
    """Raise an error if a head is not fitted.

    Args:
        head: The head.
        attribute: Name of an attribute that a fitted head has.

    Raises:
        HeadError: The head is not fitted; also a ``NotFittedError``, as the scikit-learn protocol requires.
    """
    if not hasattr(head, attribute):
        from sklearn.exceptions import NotFittedError

        class NotTaught(HeadError, NotFittedError):  # type: ignore[misc]  # scikit-learn is untyped
            """The head is not fitted."""

        raise NotTaught(f"{type(head).__name__} is not fitted yet", hint="call fit with labels first")


def class_rows(y: Any, classes: Any) -> Int[np.ndarray, " m"]:
    """The column of each label's class.

    Raises:
        LabelError: A class that is none of them.
    """
    order = np.argsort(classes, kind="stable")
    at = np.searchsorted(classes, y, sorter=order)
    found = order[np.minimum(at, len(classes) - 1)]
    strange = classes[found] != y
    if np.any(strange):
        raise LabelError(
            f"label {y[strange][0]!r} is not one of the {len(classes)} classes",
            hint="add the class, or correct the label",
        )
    return np.asarray(found, dtype=np.intp)


def numbered(y: Any, given: Any) -> tuple[np.ndarray[Any, np.dtype[Any]], Int[np.ndarray, " m"]]:
    """The classes (by default those of the labels), and the column of each label's class.

    Raises:
        LabelError: A label of a class that is not among those given.
    """
    classes = np.unique(y) if given is None else np.asarray(given)
    return classes, class_rows(y, classes)


def novelty(count: Float[np.ndarray, " k"] | Int[np.ndarray, " k"]) -> float:
    """The probability that the next label is of a class without labels, by the Good-Turing estimate.

    Smoothed, and always below the uniform share, so that a class without labels is never the most likely class.

    Example:
        >>> round(novelty(np.array([1, 1, 4, 0])), 3), novelty(np.array([2, 2]))
        (0.225, 0.0)
    """
    unseen = int(np.sum(count == 0))
    once = float(np.sum(count == 1))
    return min((once + 0.5) / (float(count.sum()) + 2), 0.9 * unseen / len(count)) if unseen else 0.0


def spread(probs: Float[np.ndarray, "n s"], seen: Bool[np.ndarray, " k"], new: float) -> Float[np.ndarray, "n k"]:
    """Extend probabilities of the classes with labels to all classes: those without labels share ``new``.

    Example:
        >>> spread(np.array([[0.5, 0.5]]), np.array([True, False, True]), 0.1).tolist()
        [[0.45, 0.1, 0.45]]
    """
    out = np.zeros((len(probs), len(seen)), dtype=probs.dtype)
    out[:, seen] = probs
    if not seen.all():
        out[:, seen] *= out.dtype.type(1.0 - new)
        out[:, ~seen] = new / int(np.sum(~seen))
    return out


def centre_of(x: Float[np.ndarray, "m d"], weights: Float[np.ndarray, " m"]) -> Float[np.ndarray, " d"]:
    """The weighted mean of the labeled vectors, shrunk towards zero while labels are few.

    A mean that is far from zero beside its own sampling error is not shrunk, as by James and Stein: vectors of an
    encoder with a large offset are then centred by the first labels.

    Args:
        x: Vectors of the labeled items.
        weights: Weight of each, >= 0.

    References:
        James & Stein, Estimation with Quadratic Loss, Fourth Berkeley Symposium 1961.

    Example:
        >>> centre_of(np.array([[1.0, -1.0], [-1.0, 1.2]]), np.ones(2)).round(3).tolist()  # two labels around zero
        [0.0, 0.017]
        >>> centre_of(np.array([[99.0], [101.0]]), np.ones(2)).round(2).tolist()
        [99.99]
    """
    total = float(weights.sum())
    mean = weights @ x / total
    kept = total / (total + 10.0)
    number = total**2 / float(weights @ weights)  # effective number of labels
    if number > 1 + 1e-9:
        gaps = x - mean
        error = float(weights @ np.einsum("md,md->m", gaps, gaps)) / total / (number - 1)
        kept = max(kept, 1.0 - error / max(float(mean @ mean), 1e-300))
    return np.asarray(mean * kept)
