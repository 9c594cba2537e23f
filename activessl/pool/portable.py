"""Items as files that programs and browsers can open."""

from __future__ import annotations

import numpy as np

from activessl.errors import PoolError
from activessl.pool.pool import Pool


def portable(pool: Pool, row: int) -> tuple[bytes, str, str]:
    """Return an item as a file that any browser can open: its content, suffix and media type.

    PNG, JPEG, GIF and WAV files are returned unchanged; other images become PNG, other sounds WAV.

    Raises:
        PoolError: Items of this form cannot be written as such a file, or the item cannot be read.
    """
    if pool.form.portable is None:
        raise PoolError(
            f"{pool.form.plural} cannot be written as files for a browser", hint="use images, sounds or texts"
        )
    return pool.form.portable(pool.content(row), lambda: np.asarray(pool.read(row)))
