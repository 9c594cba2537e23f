"""What a form of data is. To add a form, add a module in this folder and a line in ``registry``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from activessl.pool.recordings.base import Recording
    from activessl.pool.traits.base import Content

Array: TypeAlias = "np.ndarray[Any, np.dtype[Any]]"

#: What an item decodes to: image (h, w, c) uint8 or uint16; series and audio (channels, time) float32; vector (d,)
#: float32; text str.
Media: TypeAlias = "np.ndarray[Any, np.dtype[Any]] | str"


class Reading(NamedTuple):
    """An item, and what its file says about it.

    Attributes:
        media: The item.
        channels: Names of the channels of a series, in the order of the file; empty without names.
        remarks: What a reader would not expect of how the file was read.
        step: The time from value to value of a series: seconds, or the unit of the file; None if it is not known.
    """

    media: Media
    channels: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    step: float | None = None


def plain_shape(shape: tuple[int, ...]) -> str:
    """Word a shape of which nothing more is known.

    Example:
        >>> plain_shape((64,)), plain_shape((4, 5))
        ('length 64', '4 × 5')
    """
    return f"length {shape[0]:,}" if len(shape) == 1 else " × ".join(map(str, shape))


def channels_text(count: int) -> str:
    """Word a number of channels.

    Example:
        >>> channels_text(1), channels_text(3)
        ('1 channel', '3 channels')
    """
    return f"{count:,} channel{'s' * (count != 1)}"


def recording_shape(shape: tuple[int, ...]) -> str:
    """Word the shape (channels, time) of a series or a sound.

    Example:
        >>> recording_shape((2, 8000))
        '2 channels of length 8,000'
    """
    return f"{channels_text(shape[0])} of length {shape[1]:,}" if len(shape) == 2 else plain_shape(shape)


#: How labeling tools and reports show an item.
Shown = Literal["picture", "sound", "series", "text"]


@dataclass(frozen=True)
class Files:
    """Items that are files of a folder.

    Attributes:
        suffixes: Returns the suffixes of such files, lower case with the dot.
        decode: Decodes the bytes of a file to an item; raises PoolError.
        first: Whether one such file in a folder is enough for this form; else the form with the most files is chosen.
        stray: Whether such files are also common in folders of other forms, as notes and lists are: then at least half
            of the files must be of this form.
        sample_rate: Samples a second to which ``decode`` resamples; None if the form has no sample rate.
        inspect: Decodes the bytes of a file and says more about it; None if there is never more to say.
        parts: By suffix, what names the files beside a file that belong to the same item, from its content: ``decode``
            gets all of them, put together (:mod:`activessl.pool.decoders.bundles`).
        most_bytes: Larger files are not read.
    """

    suffixes: Callable[[], Collection[str]]
    decode: Callable[[bytes], Media]
    first: bool = False
    stray: bool = False
    sample_rate: int | None = None
    inspect: Callable[[bytes], Reading] | None = None
    parts: Mapping[str, Callable[[bytes], tuple[str, ...]]] = field(default_factory=dict)
    most_bytes: int = 512_000_000


@dataclass(frozen=True)
class Arrays:
    """Items that are rows of an array in an ``.npz``, or segments of a packed array between its ``offsets``.

    Attributes:
        key: The name of the array.
        beside: Names of arrays that are needed too.
        fits: Whether an array of a shape and a type can be read.
        wanted: The shapes and types that fit, for the error message.
        read: Turns a row, or a segment, into an item; raises PoolError.
        content: Encodes an item as the bytes of a file; None for npy bytes.
        encoded: Whether a segment is the bytes of a file, so that its hash is that of the file.
    """

    key: str
    fits: Callable[[tuple[int, ...], np.dtype[Any]], bool]
    wanted: str
    read: Callable[[Array], Array]
    beside: frozenset[str] = frozenset()
    content: Callable[[Array], bytes] | None = None
    encoded: bool = False

    @property
    def packed(self) -> bool:
        """Whether items are segments of one long array."""
        return "offsets" in self.beside


@dataclass(frozen=True)
class Column:
    """Items that are rows of a column in a ``.parquet``.

    Attributes:
        choose: Chooses a column from the names of the text columns and those of the byte columns; None if none fits.
        decode: Decodes the stored bytes to an item; raises PoolError.
        inspect: Decodes the bytes and says more about the item; None if there is never more to say.
        sample_rate: Samples a second to which ``decode`` resamples; None if the form has no sample rate.
        holds: "Image" or "Audio" where the form reads only such columns of bytes; None if it reads any.
    """

    choose: Callable[[Collection[str], Collection[str]], str | None]
    decode: Callable[[bytes], Media]
    inspect: Callable[[bytes], Reading] | None = None
    sample_rate: int | None = None
    holds: Literal["Image", "Audio"] | None = None


@dataclass(frozen=True)
class Long:
    """Recordings of which windows or frames are the items.

    Attributes:
        whole: Opens a recording that was decoded as a whole, from it and its samples a second; None if only ``ranges``
            are read.
        ranges: By suffix, what opens a file of which a part can be read without the rest; raises PoolError.
        files: The files, if they are others than those of single items.
    """

    whole: Callable[[Reading, int | None], Recording] | None
    ranges: Mapping[str, Callable[[Path], Recording]] = field(default_factory=dict)
    files: Files | None = None


@dataclass(frozen=True)
class Form:
    """One form of data.

    Attributes:
        name: The name in configs and encoders.
        plural: The word for its items in messages, such as "images".
        shown: How people see an item; None if it cannot be shown.
        encoder: The name of the recommended encoder, and the reason.
        is_tiny: Whether an item of a shape is too small to be labeled.
        files: How it is read from a folder; None if it cannot be.
        arrays: How it is read from an ``.npz``; the first that fits is used.
        column: How it is read from a ``.parquet``; None if it cannot be.
        size: The sizes of an item of a shape that are compared to find unusual ones; None if all items have one size.
        shape_text: Words a shape of its items.
        channels: Whether all items must have the same channels, which may have names.
        missing: Whether NaN is a missing value; else NaN makes an item unreadable.
        portable: Turns the stored bytes, and the item, into a file that any browser can open: its bytes, suffix and
            media type; None if there is no such file.
        vary: Changes an item slightly, as a camera, a sensor or a writer would, so that its class stays the same; None
            if no safe change is known.
        pretrained: The encoder for pretrained models of this form; None without one.
        layouts: The layouts in which labeled items can be exported.
        content: What the checks measure of its items; None if nothing.
        long: How its items are cut from longer recordings; None if they cannot be.
    """

    name: str
    plural: str
    shown: Shown | None
    encoder: tuple[str, str]
    is_tiny: Callable[[tuple[int, ...]], bool]
    files: Files | None = None
    arrays: tuple[Arrays, ...] = ()
    column: Column | None = None
    size: Callable[[tuple[int, ...]], tuple[float, ...]] | None = None
    shape_text: Callable[[tuple[int, ...]], str] = plain_shape
    channels: bool = False
    missing: bool = False
    portable: Callable[[bytes, Callable[[], Array]], tuple[bytes, str, str]] | None = None
    vary: Callable[[Any, np.random.Generator], Media] | None = None
    pretrained: str | None = None
    layouts: frozenset[str] = frozenset()
    content: Content | None = None
    long: Long | None = None


def numbers(kinds: str, dims: Mapping[int, Callable[[tuple[int, ...]], bool]]) -> Callable[..., bool]:
    """Return a check of arrays: type in ``kinds``, shape that fits ``dims``, no empty items."""

    def fits(shape: tuple[int, ...], dtype: np.dtype[Any]) -> bool:
        return len(shape) in dims and dtype.kind in kinds and dims[len(shape)](shape) and 0 not in shape[1:]

    return fits


def last_is_short(shape: tuple[int, ...]) -> bool:
    """Whether the last dimension of a shape is shorter than two."""
    return shape[-1] < 2


def length(shape: tuple[int, ...]) -> tuple[float, ...]:
    """The length of an item of a shape, as its only size."""
    return (float(shape[-1]),)
