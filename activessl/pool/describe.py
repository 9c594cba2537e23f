"""Describe one item by the bytes of its file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from activessl.pool.forms.base import Media, Reading
from activessl.pool.pool import Item


def described(
    item_id: str,
    content: bytes,
    decode: Callable[[bytes], Media],
    inspect: Callable[[bytes], Reading] | None = None,
) -> Item:
    """Decode and hash the bytes of one item.

    Raises:
        PoolError: They cannot be decoded.
    """
    found = Reading(decode(content)) if inspect is None else inspect(content)
    digest = hashlib.sha256(content).hexdigest()
    if isinstance(found.media, str):
        return Item(item_id, digest, (len(found.media),), found.channels, found.remarks)
    from activessl.pool.decoders.levels import peak_of  # imports numpy, needed only where there are arrays

    return Item(item_id, digest, found.media.shape, found.channels, found.remarks, found.step, peak_of(found.media))
