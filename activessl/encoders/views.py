"""Views of a pool: every item is slightly changed, as by a camera, a sensor or a writer, and keeps its class.

The views form a pool, so that any encoder can be tested on whether a view lies near its item.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from activessl.errors import EncoderError
from activessl.pool.addresses import Place
from activessl.pool.forms.base import Media
from activessl.pool.pool import Item, Modality, Pool, Source, Unreadable


def varied(pool: Pool, seed: int = 0) -> Pool:
    """Return a pool of the same items, each slightly changed; the same seed gives the same changes.

    Args:
        pool: Images (cropped, mirrored, brightness changed), audio (shifted, louder, noisy), series (cropped, louder,
            noisy) or texts (words left out).
        seed: Seed of the changes.

    Raises:
        EncoderError: The form of data has no views, such as vectors: no change is known to keep the class.
    """
    if pool.form.vary is None:
        raise EncoderError(
            f"views cannot be made of {pool.modality} items", hint="use a pool of images, audio, series or texts"
        )
    return Pool(items=pool.items, source=_Varied(pool.source, seed, pool.form.vary), axes=pool.axes)


@dataclass(frozen=True)
class _Varied:
    source: Source
    seed: int
    vary: Callable[[Any, np.random.Generator], Media]

    @property
    def modality(self) -> Modality:
        return self.source.modality

    @property
    def location(self) -> Place:
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
