"""Copies of one item with hidden places, as a pool that any encoder reads: they are made when they are read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from activessl.explaining.places import Places
from activessl.pool.forms.base import Array, Media
from activessl.pool.pool import Item, Modality, Pool, Unreadable
from activessl.scoring.model import Model


@dataclass(frozen=True, eq=False)
class HiddenCopies:
    """A source whose items are copies of one item, each with other places hidden.

    Attributes:
        modality: The form of data.
        places: The item.
        hidden: The hidden places of each copy.
        sample_rate: Samples a second of a sound; None for other forms.
    """

    modality: Modality
    places: Places
    hidden: Array
    sample_rate: int | None = None

    @property
    def location(self) -> Path:
        """No file."""
        return Path()

    def scan(self) -> Iterator[Item | Unreadable]:
        """Describe each copy."""
        media = self.places.hide(self.hidden[0])
        shape = (len(media),) if isinstance(media, str) else media.shape
        for row in range(len(self.hidden)):
            yield Item(str(row), "", shape)

    def read(self, item_id: str) -> Media:
        """Make one copy."""
        return self.places.hide(self.hidden[int(item_id)])

    def path(self, item_id: str) -> Path | None:  # noqa: ARG002  of the protocol
        """None: a copy has no file."""
        return None

    def content(self, item_id: str) -> bytes:
        """No content: copies are not stored.

        Raises:
            NotImplementedError: Always; encoders read items decoded.
        """
        raise NotImplementedError(item_id)


def hidden_probs(
    model: Model, places: Places, hidden: Array, sample_rate: int | None = None
) -> Float[np.ndarray, "m k"]:
    """Class probabilities of copies of an item with hidden places.

    Args:
        model: The model.
        places: The item.
        hidden: The hidden places of each copy, in [0, 1].
        sample_rate: Samples a second of a sound.

    Raises:
        EncoderError: The encoder cannot read the copies.
    """
    source = HiddenCopies(model.modality, places, np.asarray(hidden, dtype=np.float32), sample_rate)
    items = [item for item in source.scan() if isinstance(item, Item)]
    # the axes of the model are left out: places are of an item that was already read with them
    scores = [model.predict_proba(vectors) for vectors in model.encoder.batches(Pool(tuple(items), source), len(items))]
    return np.asarray(np.concatenate(scores), dtype=np.float64)


def log_odds(probs: Float[np.ndarray, "m k"], column: int, *, independent: bool = False) -> Float[np.ndarray, " m"]:
    """The logarithm of the odds of a class: its probability against that of all other classes together.

    A probability near 1 hardly falls while the evidence for it does; its log-odds fall. The others are added up: one
    minus a probability near 1 has no digits left.

    Args:
        probs: Class probabilities.
        column: The class.
        independent: Whether each class is a yes or no of its own.

    Example:
        >>> log_odds(np.array([[0.5, 0.5], [1.0, 1e-9]]), 0).round(1).tolist()
        [0.0, 20.7]
    """
    own = np.asarray(probs[:, column], dtype=np.float64)
    others = 1 - own if independent else np.delete(probs, column, axis=1).sum(axis=1, dtype=np.float64)
    return np.asarray(np.log(np.maximum(own, 1e-12)) - np.log(np.maximum(others, 1e-7 if independent else 1e-12)))
