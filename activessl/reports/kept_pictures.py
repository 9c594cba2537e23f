"""Small pictures of items, kept from report to report: reading thousands of files takes longer than all figures.

They lie in the folder of the reports, which ``activessl forget`` deletes.
"""

from __future__ import annotations

import json
import re
import shutil
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from activessl.sealed import beside, check_seal, seal, sweep

__all__ = ["KeptPictures"]

_PICTURES, _INDEX = "pictures.txt", "index.json"
#: What may stand in the page: nothing else is read from the file.
_URI = re.compile(r"data:image/(?:png|jpeg);base64,[A-Za-z0-9+/]+={0,2}")
#: Changes when pictures are made in another way.
VERSION = 1


class KeptPictures:
    """Pictures by the digest of their item's content; a context in which those that are asked for are kept.

    A cache: where it cannot be read or written, pictures are made again.

    Args:
        folder: Where they are kept; None to keep none.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._known = {} if folder is None else _index(folder)
        self._new: dict[str, tuple[int, int]] = {}
        self._size = 0
        self._part: Path | None = None
        self._old: BinaryIO | None = None
        self._out: BinaryIO | None = None
        self._open = ExitStack()

    def __enter__(self) -> Self:
        if self._folder is not None:
            sweep(self._folder.parent)
            with suppress(OSError):
                if self._known:
                    self._old = self._open.enter_context((self._folder / _PICTURES).open("rb"))
                part = beside(self._folder)
                part.mkdir(parents=True)
                self._part = part
                self._out = self._open.enter_context((part / _PICTURES).open("wb"))
        return self

    def get(self, digest: str) -> str | None:
        """Return a kept picture as a ``data:`` URI; None if there is none."""
        if self._old is None or digest not in self._known:
            return None
        start, length = self._known[digest]
        try:
            self._old.seek(start)
            uri = self._old.read(length).decode("ascii")
        except (OSError, ValueError):
            return None
        return uri if _URI.fullmatch(uri) else None

    def put(self, digest: str, uri: str) -> None:
        """Keep a picture for the next report."""
        if self._out is None or digest in self._new:
            return
        try:
            self._out.write(uri.encode("ascii"))
        except OSError:  # the disk is full: nothing more is kept
            self._out = None
            return
        self._new[digest] = (self._size, len(uri))
        self._size += len(uri)

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        whole = kind is None and self._out is not None
        with suppress(OSError):
            self._open.close()
            if whole and self._part is not None and self._folder is not None and self._new.keys() - self._known.keys():
                (self._part / _INDEX).write_text(json.dumps({"version": VERSION, "pictures": self._new}))
                seal(self._part)
                shutil.rmtree(self._folder, ignore_errors=True)
                self._part.rename(self._folder)  # of two processes that do it at once, one wins
        if self._part is not None:
            shutil.rmtree(self._part, ignore_errors=True)


def _index(folder: Path) -> dict[str, tuple[int, int]]:
    """Return where each kept picture lies; empty without a whole folder."""
    try:
        if not check_seal(folder):
            return {}
        told = json.loads((folder / _INDEX).read_text(encoding="utf-8"))
        if told["version"] != VERSION:
            return {}
        return {str(key): (int(start), int(length)) for key, (start, length) in told["pictures"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}
