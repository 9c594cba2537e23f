"""What the encoder makes of hidden parts of items drawn at random."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from activessl.encoders.registry import load_encoder
from activessl.errors import ActiveSSLError
from activessl.reports.pictures import POINTS, numbers, png
from activessl.reports.sections.base import Material
from activessl.reports.strips import Reconstructed

__all__ = ["Rebuilt"]

#: Encoders that can reconstruct: the others are not loaded, because loading may take long.
DRAWING = ("hybrid", "masked")
SHOWN = 6


@dataclass(frozen=True)
class Rebuilt:
    """Reconstructions.

    Attributes:
        drawn: Reconstructions of some items drawn at random; empty for encoders that cannot reconstruct.
    """

    name: ClassVar[str] = "rebuilt"

    drawn: tuple[Reconstructed, ...] = ()

    @classmethod
    def gather(cls, material: Material) -> Self:
        """Reconstruct a few items."""
        return cls(_reconstructed(material))

    def to_dict(self) -> dict[str, Any]:
        """Return nothing: pictures only."""
        return {}

    def to_text(self) -> list[str]:
        """Return nothing: pictures only."""
        return []


def _reconstructed(material: Material) -> tuple[Reconstructed, ...]:
    project, encoded, pool = material.snapshot.project, material.history.encoded, material.pool
    if pool is None or encoded is None or encoded.encoder not in DRAWING:
        return ()
    from activessl.encoders.reconstruction import reconstruct  # imports torch

    seed = project.config.seed
    ids = np.random.default_rng([seed, 9]).permutation(np.array(pool.ids, dtype=object))[:SHOWN].tolist()
    try:
        drawings = reconstruct(load_encoder(project.folder / "encoders" / encoded.fingerprint), pool, ids, seed=seed)
    except ActiveSSLError:
        return ()
    found = []
    for one in drawings:
        if one.item.dtype == np.uint8:
            # hidden parts are gray
            seen = np.where(one.hidden[..., None], np.uint8(128), one.item)
            found.append(Reconstructed(one.id, pictures=tuple(png(image) for image in (one.item, seen, one.drawn))))
        else:
            step = -(-len(one.hidden) // POINTS)
            found.append(
                Reconstructed(
                    one.id,
                    series=numbers(one.item[:, ::step]),
                    hidden=tuple(one.hidden[::step].tolist()),
                    drawn=numbers(one.drawn[:, ::step]),
                )
            )
    return tuple(found)
