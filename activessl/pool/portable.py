"""Items as files that programs and browsers can open."""

from __future__ import annotations

import numpy as np

from activessl.errors import PoolError
from activessl.pool.decoders.sounds import RATE, at_rate
from activessl.pool.forms.base import Array
from activessl.pool.pool import Pool
from activessl.pool.sources import Sampled


def portable(pool: Pool, row: int) -> tuple[bytes, str, str]:
    """Return an item as a file that any browser can open: its content, suffix and media type.

    Files that browsers show are returned unchanged, such as PNG and WAV of usual depths; other images become PNG, other
    sounds WAV.

    Raises:
        PoolError: Items of this form cannot be written as such a file, or the item cannot be read.
    """
    if pool.form.portable is None:
        raise PoolError(
            f"{pool.form.plural} cannot be written as files for a browser", hint="use images, sounds or texts"
        )
    rate = pool.source.sample_rate if isinstance(pool.source, Sampled) else None

    def read() -> Array:
        media = np.asarray(pool.read(row))
        return media if rate in (None, RATE) else at_rate(media, rate, RATE)

    return pool.form.portable(pool.content(row), read)
