"""The labels choose between the vectors of several encoders."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from activessl.errors import ProjectError
from activessl.ledger.schema import Encoded, OtherVectors
from activessl.project.folder import Project
from activessl.project.snapshot import Snapshot

#: Log odds (nats) that other vectors need: 20 to 1. With fewer the choice would go back and forth.
SWITCH = 3.0


def choose_encoder(project: Project, snapshot: Snapshot) -> Snapshot:
    """Use the vectors of another encoder from now on if they predict the labels better; needs the project's lock.

    Better: all labels, each predicted from the others, are at least 20 times as likely; and the labels that were drawn
    at random are more likely, too, because those that a strategy chose are the hard ones of the vectors in use.

    Returns:
        The snapshot with the vectors that are used from now on.
    """
    history = snapshot.history
    now = history.encoded
    # a fine-tuned encoder stays; while files have moved since the encoding, the vectors have other ids than the items
    if now is None or not now.others or history.tuned is not None or history.moved_since:
        return snapshot
    drawn = np.array([snapshot.embeddings.ids[row] in history.drawn for row in snapshot.training[0]], dtype=bool)

    def on_drawn(of: Snapshot) -> float:
        return of.evidence_from(*of.training, drawn).best

    best, most = None, SWITCH
    for other in now.others:
        swapped = _swapped(now, other, history.events)
        there = Snapshot(project, replace(history, encoded=swapped), snapshot.on_progress)
        try:
            if there.embeddings.ids != snapshot.embeddings.ids:
                continue  # encoded before the pool changed
        except ProjectError:
            continue  # its files were deleted or damaged; the next encoding makes them again
        odds = there.evidence.best - snapshot.evidence.best
        if odds > most and (not drawn.any() or on_drawn(there) > on_drawn(snapshot)):
            best, most = swapped.model_copy(update={"log_odds": odds}), odds
    if best is None:
        return snapshot
    project.append(best)
    return Snapshot.of(project, snapshot.on_progress)


def _swapped(now: Encoded, other: OtherVectors, turn: int) -> Encoded:
    """The event that uses the other vectors, and keeps those in use."""
    kept = OtherVectors(fingerprint=now.fingerprint, encoder=now.encoder, dim=now.dim)
    return now.model_copy(
        update={
            "fingerprint": other.fingerprint,
            "encoder": other.encoder,
            "dim": other.dim,
            "others": tuple(kept if one == other else one for one in now.others),
            "seconds": 0.0,
            "added": (),
            "gone": (),
            "turn": turn,
        }
    )
