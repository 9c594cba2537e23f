"""Encoders by name: a table of ours, and the entry points of others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Protocol, cast

from activessl.encoders.base import Encoder, OnProgress
from activessl.errors import EncoderError
from activessl.pool.pool import Modality, Pool

#: The group under which a package offers encoders: ``name = "module:attribute"``, the attribute an ``Entry``.
GROUP = "activessl.encoders"


class Fit(Protocol):
    """Makes an encoder for a pool: trains it, or only looks at the data."""

    def __call__(
        self, pool: Pool, *, folder: Path, seed: int, minutes: float, on_progress: OnProgress | None, **settings: Any
    ) -> Encoder:
        """Fit to a pool; what is trained is saved under ``folder`` and taken from there when called again."""
        ...


@dataclass(frozen=True)
class Entry:
    """What is registered under a name.

    Attributes:
        fit: Makes the encoder for a pool.
        load: Reads it back from the folder where ``fit`` saved it.
        modalities: What it can encode.
        summary: One sentence for the command line.
    """

    fit: Fit
    load: Callable[[Path], Encoder]
    modalities: tuple[Modality, ...]
    summary: str


_BUILT_IN: dict[str, str] = {
    "contrastive": "activessl.encoders.contrastive:ENTRY",
    "hybrid": "activessl.encoders.hybrid:ENTRY",
    "masked": "activessl.encoders.masked:ENTRY",
    "patches": "activessl.encoders.patches:ENTRY",
    "pixels": "activessl.encoders.pixels:ENTRY",
    "vectors": "activessl.encoders.vectors:ENTRY",
}


def names() -> tuple[str, ...]:
    """All registered names, sorted; nothing is imported.

    Example:
        >>> {"hybrid", "patches", "vectors"} <= set(names())
        True
    """
    return tuple(sorted({*_BUILT_IN, *(point.name for point in entry_points(group=GROUP))}))


def get(name: str) -> Entry:
    """What is registered under a name; its module is imported now.

    Raises:
        EncoderError: No such name, or its module cannot be imported.

    Example:
        >>> get("vectors").modalities
        ('vector',)
    """
    if name in _BUILT_IN:
        module, attribute = _BUILT_IN[name].split(":")
        return cast(Entry, getattr(import_module(module), attribute))
    for point in entry_points(group=GROUP):
        if point.name == name:
            try:
                entry = point.load()
            except (ImportError, AttributeError) as error:
                raise EncoderError(
                    f"encoder {name!r} cannot be imported: {error}", hint="install what it needs"
                ) from error
            if not isinstance(entry, Entry):
                raise EncoderError(
                    f"encoder {name!r} is registered as {type(entry).__name__}", hint="register an Entry"
                )
            return entry
    raise EncoderError(f"no encoder {name!r}", hint=f"use one of {', '.join(names())}")
