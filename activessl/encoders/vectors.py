"""The encoder ``vectors``: the vectors of the pool, unchanged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from jaxtyping import Float

from activessl.encoders.registry import EncoderEntry
from activessl.encoders.store import read_encoder, save_encoder
from activessl.errors import EncoderError
from activessl.pool.pool import Pool
from activessl.pool.progress import OnProgress


@dataclass(frozen=True)
class VectorEncoder:
    """The identity on a pool of vectors."""

    fingerprint: str
    provenance: dict[str, Any]
    dim: int
    name: str = "vectors"

    def batches(self, pool: Pool, batch_size: int) -> Iterator[Float[np.ndarray, "b d"]]:
        """Yield the vectors of the pool."""
        for start in range(0, len(pool), batch_size):
            rows = range(start, min(start + batch_size, len(pool)))
            yield np.stack([cast("np.ndarray[Any, np.dtype[np.float32]]", pool.read(row)) for row in rows])


def fit(
    pool: Pool,
    *,
    folder: Path,
    seed: int = 0,  # noqa: ARG001  of the protocol: no training
    minutes: float = 0.0,  # noqa: ARG001
    on_progress: OnProgress | None = None,  # noqa: ARG001
) -> VectorEncoder:
    """Save an encoder for the length of the pool's vectors.

    Raises:
        EncoderError: The pool holds no vectors.
    """
    if pool.modality != "vector":
        raise EncoderError(f"encoder 'vectors' reads vectors, not {pool.modality}", hint="use the encoder 'auto'")
    return load(
        save_encoder(folder, "vectors", {"dim": pool.items[0].shape[0]}, {}, {"objective": "none: vectors of the pool"})
    )


def load(folder: Path) -> VectorEncoder:
    """Read the encoder back from its folder."""
    note, _ = read_encoder(folder)
    return VectorEncoder(note["fingerprint"], note["provenance"], note["config"]["dim"])


ENTRY = EncoderEntry(fit=fit, load=load, modalities=("vector",), summary="the vectors of the pool, unchanged")
