"""Every item of a pool a little changed, as a camera, a sensor or a writer would change it: the class stays.

A pool of views is a pool like any other, so that any encoder can be asked whether it knows an item again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from activessl.errors import EncoderError
from activessl.pool.forms.base import Media
from activessl.pool.pool import Item, Modality, Pool, Source, Unreadable


def varied(pool: Pool, seed: int = 0) -> Pool:
    """The same items, each a little changed; the same seed changes them alike.

    Args:
        pool: Images (cropped, mirrored, lightened), audio (shifted, louder, noisy), series (cropped, louder, noisy)
            or texts (words left out).
        seed: Of the changes.

    Raises:
        EncoderError: Vectors: nobody knows what may be changed about them.
    """
    if pool.form.vary is None:
        raise EncoderError(f"a {pool.modality} has no views", hint="compare encoders of images, audio, series or texts")
    return Pool(items=pool.items, source=_Varied(pool.source, seed, pool.form.vary))


@dataclass(frozen=True)
class _Varied:
    source: Source
    seed: int
    vary: Callable[[Any, np.random.Generator], Media]

    @property
    def modality(self) -> Modality:
        return self.source.modality

    @property
    def location(self) -> Path:
        return self.source.location

    @property
    def sample_rate(self) -> int | None:
        return getattr(self.source, "sample_rate", None)

    def scan(self) -> Iterator[Item | Unreadable]:
        return self.source.scan()

    def path(self, item_id: str) -> Path | None:  # noqa: ARG002  of the protocol: no file holds a view
        return None

    def content(self, item_id: str) -> bytes:
        return self.source.content(item_id)

    def read(self, item_id: str) -> Media:
        media = self.source.read(item_id)
        rng = np.random.default_rng([self.seed, int.from_bytes(sha256(item_id.encode()).digest()[:8], "big")])
        return self.vary(media, rng)
