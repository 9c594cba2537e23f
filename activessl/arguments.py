"""Checks of the types of the arguments of public functions.

A value of the right type that cannot be used, such as a number that is too large, is refused by the module that uses
it.
"""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral, Real
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from activessl.errors import ArgumentError

if TYPE_CHECKING:
    import numpy as np

#: NumPy's letters of kinds of numbers, in words.
_KINDS = {"iu": "whole numbers", "fiu": "numbers", "biu": "whole numbers", "b": "True and False"}


def listed(names: Iterable[object], most: int = 8) -> str:
    """Names in a message: the first few, and how many more there are, so that a wide table fits on the screen.

    Example:
        >>> listed(["a", "b"]), listed(range(140), 3), listed([])
        ('a, b', '0, 1, 2 and 137 more', 'none')
    """
    every = [str(name) for name in names]
    more = f" and {len(every) - most:,} more" if len(every) > most else ""
    return (", ".join(every[:most]) or "none") + more


def whole(name: str, value: Any) -> int:
    """Return a whole number as an int.

    Example:
        >>> whole("query_size", 3)
        3
        >>> whole("query_size", "3")
        Traceback (most recent call last):
        activessl.errors.ArgumentError: query_size is '3', of type str
         hint: pass a whole number
    """
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise _wrong(name, value, "a whole number")
    return int(value)


def number(name: str, value: Any) -> float:
    """Return a number as a float; NaN is refused."""
    if isinstance(value, bool) or not isinstance(value, Real) or value != value:
        raise _wrong(name, value, "a number")
    return float(value)


def text(name: str, value: Any) -> str:
    """Return a str."""
    if not isinstance(value, str):
        raise _wrong(name, value, "text")
    return value


def path(name: str, value: Any) -> Path:
    """Return a path, given as a path or as text, as a Path."""
    if not isinstance(value, (str, PathLike)):
        raise _wrong(name, value, "a path")
    return Path(value)


def names(name: str, value: Any) -> list[Any]:
    """Return several names as a list; a single str is refused, else each letter would be a name."""
    if isinstance(value, (str, bytes)):
        raise _wrong(name, value, f"a list, such as [{value!r}]")
    try:
        return list(value)
    except TypeError:
        raise _wrong(name, value, "a list") from None


def instance(name: str, value: Any, kind: Any) -> Any:
    """Return an instance of ``kind``."""
    if not isinstance(value, kind):
        raise _wrong(name, value, f"a {kind.__name__}")
    return value


def array(name: str, value: Any, kinds: str, *dims: int) -> np.ndarray[Any, Any]:
    """Return a NumPy array of numbers.

    Args:
        name: Name of the argument.
        value: What was passed.
        kinds: NumPy's letters of the accepted kinds, such as "fiu".
        dims: Accepted numbers of dimensions; without any, all are accepted.
    """
    import numpy as np

    if not isinstance(value, np.ndarray):
        raise _wrong(name, value, "a NumPy array")
    if value.dtype.kind not in kinds and value.size:
        raise ArgumentError(f"{name} holds values of type {value.dtype}", hint=f"pass {_KINDS[kinds]}")
    if dims and value.ndim not in dims:
        raise ArgumentError(
            f"{name} has shape {value.shape}", hint=f"pass an array of {' or '.join(map(str, dims))} dimensions"
        )
    return value


def _wrong(name: str, value: Any, wanted: str) -> ArgumentError:
    shown = repr(value)
    shown = shown if len(shown) <= 40 else f"{shown[:37]}..."
    return ArgumentError(f"{name} is {shown}, of type {type(value).__name__}", hint=f"pass {wanted}")
