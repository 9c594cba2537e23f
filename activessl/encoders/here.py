"""Encode blocks in this process, so that a lost connection to the data costs only the block that was begun."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from activessl.encoders.base import Encoder
from activessl.encoders.shards import Block, Job, Journal, Shards
from activessl.encoders.workers import Done, encoded
from activessl.pool.pool import Pool
from activessl.pool.progress import OnProgress


@dataclass(frozen=True)
class Here:
    """An executor (:class:`activessl.encoders.executors.Executor`) that encodes in this process.

    Args:
        encoder: The encoder.
        pool: The items, opened.
    """

    encoder: Encoder
    pool: Pool

    @property
    def name(self) -> str:
        """Its name, for the provenance of the embeddings."""
        return "this process"

    def run(self, job: Job, blocks: Sequence[Block], on_progress: OnProgress | None = None) -> Iterator[Done]:  # noqa: ARG002
        """Encode blocks one after the other, and yield each when its shard is written.

        Raises:
            EncoderError: The encoder fails.
            PoolError: An item cannot be read.
            OSError: The shard cannot be written.
        """
        shards, begun = Shards(job.shards), Journal(job.shards).own()
        for block in blocks:
            started = time.perf_counter()
            Journal.begin(begun, block)
            pool = Pool(block.items, self.pool.source, axes=job.axes)
            shards.write(block, encoded(self.encoder, pool, job.batch_size))
            yield Done(block.digest, f"{socket.gethostname()}:{os.getpid()}", time.perf_counter() - started)
