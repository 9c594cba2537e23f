"""Which vectors a project uses: what is written down when they change, and which items are new."""

from __future__ import annotations

from hashlib import sha256

from activessl.encoders.base import Encoder
from activessl.encoders.embeddings import Embeddings
from activessl.errors import ProjectError
from activessl.ledger.fold import History
from activessl.ledger.schema import Encoded
from activessl.project import Project
from activessl.view import View


def known_ids(project: Project, history: History) -> frozenset[str] | None:
    """The ids that the newest encoding has; None where its vectors are gone."""
    if history.encoded is None:
        return frozenset()
    try:
        return frozenset(View(project, history).embeddings.ids)
    except ProjectError:
        return None


def encoded_event(
    encoder: Encoder, embeddings: Embeddings, history: History, before: frozenset[str] | None, seconds: float
) -> Encoded | None:
    """What happened, or None where these vectors are in use already.

    Args:
        encoder: What made them.
        embeddings: The vectors.
        history: Of the project before.
        before: ``known_ids``, read before the vectors were written: it may have been over the old ones.
        seconds: How long it took.
    """
    now, listed = history.encoded, sha256("\n".join(embeddings.ids).encode()).hexdigest()[:16]
    if now is not None and (now.fingerprint, now.listed) == (encoder.fingerprint, listed):
        return None
    if now is not None and now.listed == listed:
        before = frozenset(embeddings.ids)  # the same items, whatever became of the old vectors
    return Encoded(
        fingerprint=encoder.fingerprint,
        encoder=encoder.name,
        items=len(embeddings),
        dim=encoder.dim,
        seconds=seconds,
        added=None if before is None else tuple(i for i in embeddings.ids if i not in before),
        listed=listed,
        turn=history.events,
    )
