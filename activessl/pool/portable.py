"""Items as files that programs and browsers open, whatever they are stored as."""

from __future__ import annotations

import numpy as np

from activessl.errors import PoolError
from activessl.pool.pool import Pool


def portable(pool: Pool, row: int) -> tuple[bytes, str, str]:
    """The content of an item as a file that any browser opens, its ending and its media type.

    What is PNG, JPEG, GIF or WAV already is passed on byte for byte; other images become PNG, other sounds WAV.

    Raises:
        PoolError: No file shows items of this form, or the item cannot be read.
    """
    if pool.form.portable is None:
        raise PoolError(f"no file shows {pool.form.plural}", hint="use images, sounds or texts")
    return pool.form.portable(pool.content(row), lambda: np.asarray(pool.read(row)))
