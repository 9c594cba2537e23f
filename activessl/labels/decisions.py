"""From probabilities to classes: one an item, or any number.

Where an item has one class, labels are (n,) class indices and rows of probabilities sum to one. Where it may have
several, or none, labels are (n, k) of 0 and 1, with -1 where nobody was asked about a class yet, and each probability
stands alone. What is asked of either is the same: what does the head decide, how sure is it of all of that, and is it
what people say?
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

#: (n,) class indices, or (n, k) of 0 and 1, -1 where it is not known.
Labels = np.ndarray[Any, np.dtype[Any]]


def decide(probs: Float[np.ndarray, "n k"], *, multi_label: bool = False) -> Labels:
    """The most likely class of each item or, multi-label, all classes that are more likely than not.

    Example:
        >>> probs = np.array([[0.3, 0.7], [0.6, 0.4]])
        >>> decide(probs).tolist(), decide(np.array([[0.9, 0.7], [0.2, 0.4]]), multi_label=True).tolist()
        ([1, 0], [[1, 1], [0, 0]])
    """
    probs = np.asarray(probs)
    return (probs >= 0.5).astype(np.int64) if multi_label else np.asarray(probs.argmax(axis=1))


def sureness(probs: Float[np.ndarray, "n k"], *, multi_label: bool = False) -> Float[np.ndarray, " n"]:
    """The probability that what ``decide`` says of an item is right: multi-label, in every class.

    Multi-label the classes are taken as independent given the item, as the heads take them.

    Example:
        >>> sureness(np.array([[0.3, 0.7]])).tolist()
        [0.7]
        >>> sureness(np.array([[0.9, 0.1]]), multi_label=True).round(2).tolist()
        [0.81]
    """
    probs = np.asarray(probs, dtype=np.float64)
    if not multi_label:
        return np.asarray(probs.max(axis=1))
    return np.asarray(np.maximum(probs, 1 - probs).prod(axis=1))


def same(said: Labels, labels: Labels) -> Bool[np.ndarray, " n"]:
    """Whether what is said of each item is what its label says: multi-label, in every class that is known.

    Example:
        >>> same(np.array([0, 1]), np.array([0, 2])).tolist()
        [True, False]
        >>> same(np.array([[0, 1], [1, 1], [1, 1]]), np.array([[0, 1], [1, 0], [1, -1]])).tolist()
        [True, False, True]
    """
    equal = np.asarray(said) == np.asarray(labels)
    return np.asarray((equal | (np.asarray(labels) < 0)).all(axis=1) if equal.ndim == 2 else equal)


def numbered_alike(one: Labels, other: Labels) -> tuple[Int[np.ndarray, " n"], Int[np.ndarray, " n"]]:
    """Two answers about the same items as numbers: multi-label, one for each set of classes that there is.

    Example:
        >>> [part.tolist() for part in numbered_alike(np.array([[0, 1], [1, 1]]), np.array([[0, 1], [0, 0]]))]
        [[1, 2], [1, 0]]
    """
    _, number = np.unique(np.concatenate([one, other]), axis=0, return_inverse=True)
    number = number.reshape(-1)
    return number[: len(one)], number[len(one) :]


def named(label: Any, classes: Sequence[str]) -> tuple[str, ...]:
    """The classes of one label: of a class index, or of a row of 0 and 1.

    Example:
        >>> named(1, ("cat", "dog")), named(np.array([1, 1]), ("cat", "dog")), named(np.array([0, -1]), ("cat", "dog"))
        (('dog',), ('cat', 'dog'), ())
    """
    if np.ndim(label) == 0:
        return (classes[int(label)],)
    return tuple(classes[int(k)] for k in np.flatnonzero(np.equal(label, 1)))


def one_kind(labels: Labels) -> bool:
    """Whether all items have the same label, so that there is nothing to tell apart.

    Example:
        >>> one_kind(np.array([2, 2])), one_kind(np.array([[0, 1], [1, 1]]))
        (True, False)
    """
    return len(np.unique(labels, axis=0)) < 2
