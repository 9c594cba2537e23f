"""What encodes a block in another process or on another machine, and what must be equal there."""

from __future__ import annotations

import hashlib
import os
import platform
import socket
import time
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from jaxtyping import Float

from activessl.encoders.base import Encoder
from activessl.encoders.registry import load_encoder
from activessl.encoders.shards import Block, Job, Journal, Shards
from activessl.errors import ActiveSSLError, EncoderError, PoolError
from activessl.pool.pool import Item, Pool
from activessl.pool.sources import Stamped, open_source

__all__ = ["Done", "Worker", "encoded", "versions_here"]

#: What decides the bits of a vector, beside the encoder and the item.
_COMPUTING = ("numpy", "scipy", "torch", "pillow", "onnxruntime", "transformers", "sentence-transformers", "soundfile")


@dataclass(frozen=True)
class Done:
    """A block whose shard is written.

    Attributes:
        digest: The block.
        worker: The host and process number of its worker.
        seconds: How long the worker took.
    """

    digest: str
    worker: str
    seconds: float


@cache
def versions_here() -> dict[str, str]:
    """Versions of what computes vectors in this process: Python, this package with its code, and the libraries."""
    found = {"python": ".".join(platform.python_version_tuple()[:2]), "activessl": _own_code()}
    for name in _COMPUTING:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _own_code() -> str:
    digest, base = hashlib.sha256(), Path(__file__).parents[1]
    for path in sorted([*base.glob("encoders/**/*.py"), *base.glob("pool/**/*.py")]):
        digest.update(path.relative_to(base).as_posix().encode() + b"\0" + path.read_bytes())
    try:
        return f"{version('activessl')}+{digest.hexdigest()[:8]}"
    except PackageNotFoundError:
        return digest.hexdigest()[:8]


class Worker:
    """Encodes blocks in this process; opens the encoder and the data once.

    Args:
        job: The job.

    Raises:
        EncoderError: This process has other versions, or no such encoder, or cannot write shards.
        PoolError: This process cannot read the data.
    """

    def __init__(self, job: Job) -> None:
        self.name = f"{socket.gethostname()}:{os.getpid()}"
        self._job = job
        self._check_versions()
        self._encoder = self._opened()
        try:
            self._source = open_source(job.data, job.modality, cut=job.cut)
        except PoolError as error:
            raise PoolError(
                f"worker {self.name} cannot read the data: {error.message}",
                hint="put the data on a disk that all machines share, under the same path on each",
            ) from None
        self._shards = Shards(job.shards)
        try:
            self._begun = Journal(job.shards).own()
        except OSError as error:
            raise self._unwritable(error) from None

    def encode(self, block: Block) -> Done:
        """Encode a block and write its shard.

        Raises:
            EncoderError: The encoder fails, or the shard cannot be written.
            PoolError: An item cannot be read, or is another one than that of the block.
        """
        started, job = time.perf_counter(), self._job
        self._check_data(block.items[0])
        try:
            Journal.begin(self._begun, block)
            pool = Pool(block.items, self._source, axes=job.axes)
            self._shards.write(block, encoded(self._encoder, pool, job.batch_size))
        except OSError as error:
            if isinstance(error, ActiveSSLError):
                raise
            raise self._unwritable(error) from None
        return Done(block.digest, self.name, time.perf_counter() - started)

    def _check_versions(self) -> None:
        here = versions_here()
        for name, wanted in self._job.versions.items():
            if here.get(name) != wanted:
                raise EncoderError(
                    f"worker {self.name} has {name} {here.get(name, 'not at all')}, this program has {wanted}",
                    hint="install the same versions on all machines, then run the same command again",
                )

    def _opened(self) -> Encoder:
        try:
            encoder = load_encoder(self._job.encoder)
        except EncoderError as error:
            raise EncoderError(
                f"worker {self.name} cannot open the encoder: {error.message}",
                hint="put the project folder on a disk that all machines share, under the same path on each",
            ) from None
        if encoder.fingerprint != self._job.fingerprint:
            raise EncoderError(
                f"worker {self.name} has the encoder {encoder.fingerprint}, not {self._job.fingerprint}",
                hint="delete the folder `encoders` of that machine, and use the project folder of the shared disk",
            )
        return encoder

    def _check_data(self, item: Item) -> None:
        """One item of each block is compared, because another machine may have other files under the same path."""
        if not isinstance(self._source, Stamped):
            return
        found = self._source.describe(item.id)
        if not isinstance(found, Item) or found.sha256 != item.sha256:
            why = "has other content" if isinstance(found, Item) else f"cannot be read: {found.why}"
            raise PoolError(
                f"item {item.id} {why} on worker {self.name}",
                hint="give all machines the same data, then run the same command again",
            )

    def _unwritable(self, error: OSError) -> EncoderError:
        return EncoderError(
            f"worker {self.name} cannot write to {self._job.shards}: {error.strerror or error}",
            hint="put the project folder on a disk that all machines may write to, and check that it is not full",
        )


def encoded(encoder: Encoder, pool: Pool, batch_size: int) -> Float[np.ndarray, "n d"]:
    """Encode a small pool into memory.

    Raises:
        EncoderError: The encoder returned vectors that are not finite or have a wrong shape.
    """
    batches = list(encoder.batches(pool, batch_size))
    vectors = np.concatenate(batches) if batches else np.zeros((0, encoder.dim), np.float32)
    if vectors.shape != (len(pool), encoder.dim) or not np.isfinite(np.sum(vectors, dtype=np.float64)):
        raise EncoderError(
            f"encoder {encoder.name!r} returned {vectors.shape} vectors, or NaN, for {len(pool)} items of length "
            f"{encoder.dim}",
            hint="report this error to the author of the encoder",
        )
    return vectors
