"""Encode the parts of a pool, and write the change into the ledger."""

from __future__ import annotations

import shutil
import time
from hashlib import sha256

from activessl.encoders.compute.processes import count
from activessl.encoders.parts.base import PartEncoder
from activessl.encoders.parts.registry import fit_parts
from activessl.encoders.parts.store import PartStore, encode_parts
from activessl.errors import EncoderError
from activessl.ledger.schema import Encoded
from activessl.pool.pool import Pool
from activessl.pool.progress import OnProgress
from activessl.project.folder import Project, writing
from activessl.project.idle_caches import discard_damaged
from activessl.project.snapshot import embedded, embeddings_folder
from activessl.steps.encode import check_moved, known_ids
from activessl.steps.moves import follow_moves, gone_with_answers

__all__ = ["encode", "part_encoder"]


def encode(project: Project, minutes: float | None = None, on_progress: OnProgress | None = None) -> PartStore:
    """Train the encoder of parts on the pool, or take it from the cache, and encode every item; see ``Session.encode``.

    A call that was killed goes on where it stopped; after items were added, only these are encoded, unless the encoder
    learns from the pool.
    """
    if count() > 1:
        raise EncoderError("parts are encoded in one process", hint="run `activessl encode` without torchrun")
    pool = project.pool()
    with project.lock(), writing(project.folder):
        project.remember(pool)
        start, history = time.monotonic(), project.history()
        check_moved(embedded(project, history), history, pool)
        history = follow_moves(project, history, pool, on_progress)
        encoder = part_encoder(project, pool, minutes, on_progress)
        before = known_ids(project, history)  # read first: the vectors may be overwritten below
        gone = gone_with_answers(project, history, pool)
        parts = encode_parts(encoder, pool, embeddings_folder(project, encoder.fingerprint), on_progress=on_progress)
        for left in (project.folder / "embeddings").glob(".*.growing"):  # of an encoder that is no longer asked for
            shutil.rmtree(left, ignore_errors=True)
        now, listed = history.encoded, sha256("\n".join(parts.ids).encode()).hexdigest()[:16]
        if now is None or (now.fingerprint, now.listed) != (encoder.fingerprint, listed):
            if now is not None and now.listed == listed:
                before = frozenset(parts.ids)  # the same items, even if the old vectors are missing
            project.append(
                Encoded(
                    fingerprint=encoder.fingerprint,
                    encoder=encoder.name,
                    items=len(parts),
                    dim=encoder.dims[0],
                    seconds=time.monotonic() - start,
                    added=None if before is None else tuple(i for i in parts.ids if i not in before),
                    listed=listed,
                    turn=history.events,
                    gone=tuple(gone.items()),
                )
            )
        discard_damaged(project, project.history())
    return parts


def part_encoder(
    project: Project, pool: Pool, minutes: float | None = None, on_progress: OnProgress | None = None
) -> PartEncoder:
    """Return the encoder of parts of the config, trained on the pool or taken from the project's cache."""
    config = project.config
    return fit_parts(
        config.encoder.name,
        pool,
        folder=project.folder / "encoders",
        seed=config.seed,
        minutes=config.encoder.minutes if minutes is None else minutes,
        on_progress=on_progress,
    )
