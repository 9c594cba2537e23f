"""The encoder protocol: a fingerprinted map from an item to a vector."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from activessl.pool.pool import Pool


@runtime_checkable
class Encoder(Protocol):
    """Turns items into vectors in which few labels go far.

    An encoder is a value: the same fingerprint gives the same vectors for the same items.
    """

    @property
    def name(self) -> str:
        """The name it is registered under."""
        ...

    @property
    def fingerprint(self) -> str:
        """Digest of weights and configuration: the key of every cache of its vectors."""
        ...

    @property
    def dim(self) -> int:
        """Length d of the vectors."""
        ...

    @property
    def provenance(self) -> dict[str, Any]:
        """Where it comes from: objective, settings, data, seconds of training. JSON-serialisable."""
        ...

    def batches(self, pool: Pool, batch_size: int) -> Iterator[Float[np.ndarray, "b d"]]:
        """The vectors of the pool in its order, a mini-batch at a time, so that memory does not grow with it."""
        ...
