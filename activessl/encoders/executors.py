"""Where blocks of items are encoded: the protocol of executors, their registry, and how ``embed`` uses one.

The library encodes in its own process. An integration that reaches other processes or machines implements
:class:`Executor`: it starts workers (``workers.py``), hands blocks to them, and tells which are done. The vectors do
not pass through it: each worker opens the items itself, and writes the vectors of a block as a shard (``shards.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from activessl.encoders.base import Encoder
from activessl.encoders.shards import BLOCK, Block, Job, Journal, Shards, blocks_of
from activessl.encoders.workers import Done, versions_here
from activessl.errors import EncoderError
from activessl.pool.pool import Pool
from activessl.pool.progress import OnProgress, say, tell
from activessl.registry import Registry

__all__ = ["EXECUTORS", "Elsewhere", "Executor", "encode_on", "executor_named"]

#: Name to a function ``(address, workers)`` that makes an :class:`Executor`.
EXECUTORS = Registry("place to encode", {"ray": "activessl_ray:executor_of"}, EncoderError, "activessl.executors")

#: How often blocks are handed out whose shard is missing or damaged after it was told to be done.
_TRIES = 3


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
            again = f"its {len(one):,} items are encoded again"
            say(on_progress, "plan", f"the shard {name} is cut off or changed: {again}")
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
