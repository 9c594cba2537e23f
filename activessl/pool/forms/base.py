"""What there is to know of a form of data. A further form is a module beside this one, and a line in ``registry``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    import numpy as np

Array: TypeAlias = "np.ndarray[Any, np.dtype[Any]]"

#: What an item decodes to: image (h, w, c) uint8 or uint16; series and audio (channels, time) float32; vector (d,)
#: float32; text str.
Media: TypeAlias = "np.ndarray[Any, np.dtype[Any]] | str"

#: How people see an item: what a labeling tool and a report draw.
Shown = Literal["picture", "sound", "series", "text"]


@dataclass(frozen=True)
class Files:
    """Items that are files of a folder.

    Attributes:
        suffixes: The endings of their names, lower case with the dot.
        decode: The bytes of a file to an item; raises PoolError.
        first: Whether a folder is of this form as soon as it holds one such file; else of what there is most.
        stray: Whether such files also lie beside data of other forms, as notes and lists do: then at least half of a
            folder must be of them.
        sample_rate: Samples a second that ``decode`` brings all files to; None where that means nothing.
    """

    suffixes: Callable[[], Collection[str]]
    decode: Callable[[bytes], Media]
    first: bool = False
    stray: bool = False
    sample_rate: int | None = None


@dataclass(frozen=True)
class Arrays:
    """Items that are rows of an array in an ``.npz``, or the stretches of a packed one between its ``offsets``.

    Attributes:
        key: The array's name.
        beside: Names of arrays that must be there too.
        fits: Whether a shape and a type can be read.
        wanted: Which can, for who stored others.
        read: A row, or a stretch, to an item; raises PoolError.
        content: The item as the bytes that a file of it would have; None for npy bytes.
        encoded: Whether a stretch holds the bytes of a file, so that it is known by them alone.
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
        """Whether items are stretches of one long array."""
        return "offsets" in self.beside


@dataclass(frozen=True)
class Column:
    """Items that are rows of a column in a ``.parquet``.

    Attributes:
        choose: The name of the column, out of the names of those of text and of those of bytes; None for none.
        decode: The stored bytes to an item; raises PoolError.
    """

    choose: Callable[[Collection[str], Collection[str]], str | None]
    decode: Callable[[bytes], Media]


@dataclass(frozen=True)
class Form:
    """One form of data.

    Attributes:
        name: What configs and encoders call it.
        plural: What messages call its items, such as "images".
        shown: How people see an item; None where they cannot.
        encoder: The encoder that is best known for it, and why.
        is_tiny: Whether an item of that shape is too small to hold anything.
        files: How it is read from a folder; None where it is not.
        arrays: How it is read from an ``.npz``, the first that fits.
        column: How it is read from a ``.parquet``; None where it is not.
        size: The sides of an item of that shape which are compared to find odd ones; None where all are alike.
        missing: Whether NaN stands for a missing value, instead of making an item unreadable.
        portable: The stored bytes and the item itself to a file that any browser opens: its bytes, ending and media
            type; None where there is no such file.
        vary: The item a little changed, as a camera, a sensor or a writer would change it, so that its class stays;
            None where nobody knows what may be changed.
        pretrained: The encoder that takes a pretrained model of this form; None without.
        layouts: The layouts in which labeled items can be exported.
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
    missing: bool = False
    portable: Callable[[bytes, Callable[[], Array]], tuple[bytes, str, str]] | None = None
    vary: Callable[[Any, np.random.Generator], Media] | None = None
    pretrained: str | None = None
    layouts: frozenset[str] = frozenset()


def numbers(kinds: str, dims: Mapping[int, Callable[[tuple[int, ...]], bool]]) -> Callable[..., bool]:
    """Whether an array has one of these numbers of dimensions and kinds of numbers, and is nowhere empty."""

    def fits(shape: tuple[int, ...], dtype: np.dtype[Any]) -> bool:
        return len(shape) in dims and dtype.kind in kinds and dims[len(shape)](shape) and 0 not in shape[1:]

    return fits


def last_is_short(shape: tuple[int, ...]) -> bool:
    """Whether an item of that shape has fewer than two steps."""
    return shape[-1] < 2


def length(shape: tuple[int, ...]) -> tuple[float, ...]:
    """How long an item of that shape is."""
    return (float(shape[-1]),)
