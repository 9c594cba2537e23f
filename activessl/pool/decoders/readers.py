"""Packages that read further kinds of files; each is an extra, imported only when such a file is read."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec

from activessl.errors import PoolError

#: By package: the extra that installs it, and what it reads.
_EXTRAS = {
    "openpyxl": ("xlsx", "spreadsheets (.xlsx)"),
    "pydicom": ("dicom", "DICOM pictures"),
    "pyedflib": ("edf", "EDF and BDF recordings"),
    "pillow_heif": ("heic", "HEIC pictures"),
    "wfdb": ("wfdb", "WFDB records"),
    "soundfile": ("sound", "sounds other than WAV"),
    "cv2": ("video", "frames of videos"),
}


@cache
def installed() -> tuple[str, ...]:
    """The packages that are installed: a file that could not be read without one is tried again with it."""
    return tuple(filter(_is_there, _EXTRAS))


def _is_there(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ValueError:  # another thread imports it: OpenCV puts a module without a spec into its place for a moment
        return True


def needed(package: str) -> PoolError:
    """The error about a file that cannot be read without a package.

    Example:
        >>> needed("soundfile").message
        "reading sounds other than WAV needs `pip install 'activessl[sound]'`"
    """
    extra, what = _EXTRAS[package]
    install = f"`pip install 'activessl[{extra}]'`"
    return PoolError(f"reading {what} needs {install}", hint=f"run {install}")
