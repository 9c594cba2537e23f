"""Where blocks of items are encoded: the protocol of executors, what one of their workers does, and their registry.

The library encodes in its own process. An integration that reaches other processes or machines implements
:class:`Executor`: it starts workers, hands blocks to them, and tells which are done. The vectors do not pass through it:
each worker opens the items itself, and writes the vectors of a block as a shard (``shards.py``).
"""

from __future__ import annotations

import hashlib
import os
import platform
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from activessl.encoders.base import Encoder
from activessl.encoders.registry import load_encoder
from activessl.encoders.shards import BLOCK, Block, Job, Journal, Shards, blocks_of
from activessl.errors import ActiveSSLError, EncoderError, PoolError
from activessl.pool.pool import Item, Pool
from activessl.pool.progress import OnProgress, say, tell
from activessl.pool.sources import Stamped, open_source
from activessl.registry import Registry

__all__ = ["EXECUTORS", "Done", "Elsewhere", "Executor", "Worker", "encode_on", "executor_named", "versions_here"]

#: Name to a function ``(address, workers)`` that makes an :class:`Executor`.
EXECUTORS = Registry("place to encode", {"ray": "activessl_ray:executor_of"}, EncoderError, "activessl.executors")

#: How often blocks are handed out whose shard is missing or damaged after it was told to be done.
_TRIES = 3

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


@runtime_checkable
class Executor(Protocol):
    """Encodes blocks in other processes."""

    @property
    def name(self) -> str:
        """Its name, for the provenance of the embeddings."""
        ...

    def run(self, job: Job, blocks: Sequence[Block], on_progress: OnProgress | None = None) -> Iterator[Done]:
        """Encode blocks, each by one :class:`Worker`, and yield each when its shard is written, in any order.

        A block whose worker has ended is given to another worker. Closing the iterator ends the workers.

        Raises:
            EncoderError: No worker can be reached, or a worker cannot encode.
            PoolError: A worker cannot read the data.
        """
        ...


@dataclass(frozen=True)
class Elsewhere:
    """Other processes that encode.

    Attributes:
        executor: Starts them, and hands blocks to them.
        encoders: The folder of all encoders, from which they read this one.
        block: Items of a block, >= 1.
    """

    executor: Executor
    encoders: Path
    block: int = BLOCK


def executor_named(place: str, workers: int | None = None) -> Executor:
    """Return the executor of a place: its name, or its name, a colon and an address.

    Args:
        place: Such as "ray", "ray://host:10001" or "ray:host:6379".
        workers: The number of workers; None for the executor's choice.

    Raises:
        EncoderError: The name is unknown, or the executor cannot be used here.
    """
    if workers is not None and workers < 1:
        raise EncoderError(f"{workers} workers cannot encode", hint="ask for 1 worker or more")
    name, _, rest = place.partition(":")
    if name not in EXECUTORS:
        EXECUTORS.get(name)  # raises with the names that are known
    made = EXECUTORS.get(name)(place if rest.startswith("//") else rest, workers)
    if not isinstance(made, Executor):
        raise EncoderError(f"{name!r} makes no executor", hint="register a function that returns an Executor")
    return made


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
            self._source = open_source(job.data, job.modality)
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


def encode_on(
    elsewhere: Elsewhere,
    encoder: Encoder,
    pool: Pool,
    folder: Path,
    put: Callable[[int, Float[np.ndarray, "b d"]], None],
    *,
    batch_size: int,
    on_progress: OnProgress | None = None,
) -> dict[str, Any]:
    """Encode a pool in other processes; blocks that an earlier, interrupted call has written are not encoded again.

    Args:
        elsewhere: The other processes.
        encoder: The encoder, saved in ``elsewhere.encoders``.
        pool: The items.
        folder: The folder of the embeddings, ``embeddings/<fingerprint>``; the shards lie beside it.
        put: Called with the first row and the vectors of each block, once a block.
        batch_size: Items in a mini-batch.
        on_progress: Called after each block, with stage "embed".

    Returns:
        What was done, for the provenance: ``executor``, ``workers``, ``blocks``, those ``taken from an earlier run``,
        and those ``begun again`` because their worker had ended.

    Raises:
        EncoderError: A worker cannot encode, or shards stay damaged.
        PoolError: A worker cannot read the data.
    """
    job = Job.of(encoder, pool, elsewhere.encoders, folder, batch_size, versions_here())
    executor = elsewhere.executor
    blocks, shards = blocks_of(job, pool.items, elsewhere.block), Shards(job.shards)
    done, workers = 0, set[str]()

    def take(one: Block) -> bool:
        nonlocal done
        vectors, damaged = shards.read(one, job.dim)
        for name in damaged:
            say(on_progress, "plan", f"the shard {name} is cut off or changed: its {len(one):,} items are encoded again")
        if vectors is None:
            return False
        put(one.start, vectors)
        done += len(one)
        tell(on_progress, "embed", done, len(pool))
        return True

    there = shards.written()
    left = {one.digest: one for one in blocks if one.digest not in there or not take(one)}
    earlier = len(blocks) - len(left)
    if earlier and left:
        say(on_progress, "plan", f"{done:,} of {len(pool):,} items were encoded before an interruption")
    for _ in range(_TRIES):
        if not left:
            break
        for finished in executor.run(job, list(left.values()), on_progress):
            workers.add(finished.worker)
            if finished.digest in left and take(left[finished.digest]):
                del left[finished.digest]
    if left:
        first = next(iter(left.values()))
        raise EncoderError(
            f"{len(left):,} of {len(blocks):,} blocks have no whole shard after {_TRIES} attempts, the first that of "
            f"{first.items[0].id}",
            hint=f"check the disk of {job.shards}, then run the same command again",
        )
    begun = Journal(job.shards).begun()
    return {
        "executor": executor.name,
        "workers": len(workers),
        "blocks": len(blocks),
        "taken from an earlier run": earlier,
        "begun again": sum(begun.values()) - len(begun),
    }
