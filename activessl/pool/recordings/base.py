"""What a long recording is: something of which a part can be read."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np

from activessl.errors import PoolError
from activessl.pool.forms.base import Array, Media
from activessl.pool.recordings.cut import Cut, Place, Span


class Part(NamedTuple):
    """One window or frame.

    Attributes:
        media: The item.
        stored: Makes the bytes of a file with only this part.
        digest: The hash of the part, independent of the file that it is from.
    """

    media: Media
    stored: Callable[[], bytes]
    digest: str


class Recording(Protocol):
    """An open recording. Only the part that is asked for is held in memory, where the format allows it."""

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels of a series; empty without names."""
        ...

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a reader would not expect of how it is read."""
        ...

    @property
    def step(self) -> float | None:
        """The time from value to value of a series; None if it is not known."""
        ...

    def parts(self, cut: Cut) -> Iterator[tuple[str, Part | str]]:
        """Yield the fragment and the part of each window in order, in one pass; or why one cannot be read.

        Raises:
            PoolError: The recording cannot be cut like this.
        """
        ...

    def part(self, place: Place) -> Part:
        """Read the window or frame at a place.

        Raises:
            PoolError: The recording has no such place any more, or cannot be read.
        """
        ...

    def close(self) -> None:
        """Close its files."""
        ...


def spans(cut: Cut, count: int, rate: float | None) -> Iterator[Span]:
    """The windows of a recording, with errors of the cut as errors of the pool."""
    try:
        yield from cut.spans(count, rate)
    except ValueError as error:
        raise PoolError(str(error), hint="set another window or step") from None


def inside(place: Place, count: int, rate: float | None) -> tuple[int, int]:
    """The first value at a place, and the one behind the last.

    Raises:
        PoolError: The recording ends before.
    """
    start, stop = place.span(rate)
    if not 0 <= start < stop <= count + 1:
        raise PoolError(
            f"{place.recording} has {count:,} values now, and no window from {start:,} to {stop:,}",
            hint="run `activessl encode`: the file has changed",
        )
    return start, min(stop, count)


def of_array(values: np.ndarray[Any, np.dtype[Any]]) -> Part:
    """A part of a series: its file is npy bytes.

    Raises:
        PoolError: It has no values, or infinity.
    """
    series = np.ascontiguousarray(values, dtype=np.float32)
    if np.isinf(series).any():
        raise PoolError("contains infinity", hint="empty the cells with infinity")
    if np.isnan(series).all():
        raise PoolError("contains only NaN", hint="leave the gap out of the recording")
    digest = hashlib.sha256(f"{series.shape}".encode() + series.tobytes()).hexdigest()
    return Part(series, lambda: _npy(series), digest)


def _npy(values: Array) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=False)
    return buffer.getvalue()
