"""Encoders of parts by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from activessl.encoders.parts.base import PartEncoder, Stored
from activessl.encoders.wheels.catalogue import wheel_named
from activessl.errors import EncoderError
from activessl.pool.pool import Modality, Pool
from activessl.pool.progress import OnProgress
from activessl.registry import Registry


@dataclass(frozen=True)
class PartEntry:
    """The value that is registered under a name.

    Attributes:
        fit: Makes the encoder for a pool: ``fit(pool, *, folder, seed, minutes, on_progress, **settings)``. It saves
            what it learns under ``folder``, and reads it from there if it is asked for again.
        modalities: The forms of data that the encoder reads.
        summary: One sentence.
        wheel: The model of the wheel that it needs; empty if it needs none.
        stored: Tells what an encoder is read from again; None if it cannot leave its project.
        load: Reads it from the folders and the settings that ``stored`` told.
    """

    fit: Callable[..., PartEncoder]
    modalities: tuple[Modality, ...]
    summary: str
    wheel: str = ""
    stored: Callable[[Any], Stored] | None = None
    load: Callable[[Sequence[Path], Mapping[str, Any]], PartEncoder] | None = None


#: Each value is a ``PartEntry``.
PARTS = Registry(
    "encoder of parts",
    {
        "hybrid": "activessl.encoders.parts.pictures:HYBRID",
        "melframes": "activessl.encoders.parts.frames:ENTRY",
        "ngrams": "activessl.encoders.parts.ngrams:ENTRY",
        "patches": "activessl.encoders.parts.pictures:PATCHES",
        "pretrained": "activessl.encoders.parts.maps:ENTRY",
        "pretrained-tokens": "activessl.encoders.parts.wordpieces:ENTRY",
        "windows": "activessl.encoders.parts.windows:ENTRY",
    },
    EncoderError,
)

#: By form of data, the encoders that ``auto`` tries, the best first; the last one needs no wheel.
_AUTO: dict[Modality, tuple[str, ...]] = {
    "image": ("pretrained", "patches"),
    "text": ("pretrained-tokens", "ngrams"),
    "series": ("windows",),
    "audio": ("melframes",),
}


def choose_parts(name: str, modality: Modality) -> str:
    """The name of the encoder of parts for a form of data: for ``auto``, a pretrained one if its wheel is installed.

    Raises:
        EncoderError: The name is unknown, or the encoder reads another form of data.

    Example:
        >>> choose_parts("auto", "series")
        'windows'
    """
    if modality not in _AUTO:
        raise EncoderError(f"items of the form {modality!r} have no parts", hint=f"use one of {', '.join(_AUTO)}")
    if name == "auto":
        return next(one for one in _AUTO[modality] if _installed(one))
    if name == "pretrained" and modality == "text":
        name = "pretrained-tokens"
    entry: PartEntry = PARTS.get(name)
    if modality not in entry.modalities:
        fitting = [one for one in PARTS.names() if modality in PARTS.get(one).modalities]
        raise EncoderError(
            f"the encoder {name!r} gives no parts of items of the form {modality!r}",
            hint=f"use auto, {' or '.join(fitting)}",
        )
    return name


def fit_parts(
    name: str,
    pool: Pool,
    *,
    folder: Path,
    seed: int = 0,
    minutes: float = 1.0,
    on_progress: OnProgress | None = None,
) -> PartEncoder:
    """Make an encoder of parts for a pool.

    Args:
        name: A registered name, or ``auto``.
        pool: The items.
        folder: Where encoders are kept.
        seed: Seed of samples and weights.
        minutes: Training time of encoders that are trained.
        on_progress: Called with the progress.

    Raises:
        EncoderError: As ``choose_parts``, or the encoder cannot be made.
    """
    entry: PartEntry = PARTS.get(choose_parts(name, pool.modality))
    return entry.fit(pool, folder=folder, seed=seed, minutes=minutes, on_progress=on_progress)


def _installed(name: str) -> bool:
    entry: PartEntry = PARTS.get(name)
    wheel = wheel_named(entry.wheel) if entry.wheel else None
    return not entry.wheel or (wheel is not None and wheel.installed())
