"""The places of an item that can be hidden from a model: a form of data with a map has one function here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import numpy as np

from activessl.errors import PoolError
from activessl.pool.forms.base import Array, Media
from activessl.registry import Registry

#: By form of data, a function from an item (and the sample rate of a sound) to its places. Other packages add forms to
#: the entry points ``activessl.places``.
PLACES = Registry(
    "form of data with places",
    {
        "audio": "activessl.explaining.sounds:sound_places",
        "image": "activessl.explaining.pictures:picture_places",
        "series": "activessl.explaining.recordings:series_places",
        "text": "activessl.explaining.words:word_places",
    },
    PoolError,
    "activessl.places",
)


@runtime_checkable
class Places(Protocol):
    """One item, divided into a grid of places that can be hidden."""

    @property
    def grid(self) -> tuple[int, ...]:
        """Number of places along each axis."""
        ...

    @property
    def axes(self) -> tuple[str, ...]:
        """The name of each axis of the grid."""
        ...

    @property
    def windows(self) -> tuple[tuple[int, ...], ...]:
        """The sizes of the windows that are hidden, in places along each axis: one size a scale, the finest first."""
        ...

    def hide(self, hidden: Array) -> Media:
        """The item with some of its places hidden.

        Args:
            hidden: Of shape ``grid``, in [0, 1]: 1 hides a place, 0 leaves it.
        """
        ...


def places_of(form: str, media: Media, sample_rate: int | None = None) -> Places | None:
    """Divide an item into places; None for a form of data without places, such as vectors, or an item of one place.

    Args:
        form: The name of the form of data.
        media: The decoded item.
        sample_rate: Samples a second of a sound.

    Example:
        >>> places_of("text", "a scratch on the lid").grid, places_of("vector", np.zeros(3)) is None
        ((5,), True)
    """
    if form not in PLACES:
        return None
    divide: Callable[[Any, int | None], Places] = PLACES.get(form)
    found = divide(media, sample_rate)
    return found if int(np.prod(found.grid)) > 1 else None
