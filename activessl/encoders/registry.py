"""Encoders by name: a table of ours, and the entry points of others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from inspect import Parameter, signature
from pathlib import Path
from typing import Any

from activessl.arguments import instance, number, path
from activessl.encoders.base import Encoder
from activessl.encoders.compute.processes import count, decided, leads
from activessl.encoders.store import read_note
from activessl.errors import EncoderError
from activessl.pool.pool import Modality, Pool
from activessl.pool.progress import OnProgress, say
from activessl.registry import Registry


@dataclass(frozen=True)
class EncoderEntry:
    """What is registered under a name.

    Attributes:
        fit: Makes the encoder for a pool: ``fit(pool, *, folder, seed, minutes, on_progress, **settings)``. What is
            trained is saved under ``folder``, and taken from there when asked for again.
        load: Reads it back from the folder where ``fit`` saved it.
        modalities: What it can encode.
        summary: One sentence for the command line.
        shared: Whether several processes fit it together, all of them calling ``fit``. What is not shared is fitted by
            the first of them.
    """

    fit: Callable[..., Encoder]
    load: Callable[[Path], Encoder]
    modalities: tuple[Modality, ...]
    summary: str
    shared: bool = False


#: Each is an ``EncoderEntry``.
ENCODERS = Registry(
    "encoder",
    {
        "auto": "activessl.encoders.auto:ENTRY",
        "backbone": "activessl.encoders.images.backbone:ENTRY",
        "contrastive": "activessl.encoders.pretrain:CONTRASTIVE",
        "hybrid": "activessl.encoders.pretrain:HYBRID",
        "masked": "activessl.encoders.pretrain:MASKED",
        "melpatches": "activessl.encoders.sound.melpatches:ENTRY",
        "patches": "activessl.encoders.images.patches:ENTRY",
        "pixels": "activessl.encoders.images.pixels:ENTRY",
        "rocket": "activessl.encoders.series.rocket:ENTRY",
        "sentence": "activessl.encoders.text.sentence:ENTRY",
        "tfidf": "activessl.encoders.text.tfidf:ENTRY",
        "vectors": "activessl.encoders.vectors:ENTRY",
    },
    EncoderError,
    "activessl.encoders",
)

#: Those that take ``model``, a pretrained one.
PRETRAINED = frozenset({"backbone", "sentence"})


def fitting(modality: Modality) -> tuple[str, ...]:
    """The built-in encoders that read such data, but for ``auto``, which is one of them.

    Example:
        >>> fitting("series")
        ('contrastive', 'hybrid', 'masked', 'rocket')
    """
    return tuple(name for name in sorted(ENCODERS.built_in) if name != "auto" and modality in get(name).modalities)


def names() -> tuple[str, ...]:
    """All registered names, sorted; nothing is imported.

    Example:
        >>> {"hybrid", "patches", "vectors"} <= set(names())
        True
    """
    return ENCODERS.names()


def fit_encoder(
    name: str,
    pool: Pool,
    *,
    folder: Path,
    seed: int = 0,
    minutes: float = 1.0,
    on_progress: OnProgress | None = None,
    **settings: Any,
) -> Encoder:
    """Make the encoder of that name for a pool; the same request finds the same encoder again.

    Where there are several processes, all of them call it (``processes.py``).

    Args:
        name: One of ``names()``.
        pool: What it is fitted to, and will encode.
        folder: Where encoders are kept, each under its fingerprint.
        seed: Of everything random.
        minutes: About how long training may take; encoders without training ignore it.
        on_progress: Called with each step.
        settings: The encoder's own.

    Raises:
        EncoderError: No such name, a setting it does not have, or a pool it cannot encode.
    """
    entry, folder = get(name), path("folder", folder)
    if instance("pool", pool, Pool) and number("minutes", minutes) <= 0:
        raise EncoderError(f"{minutes} minutes of training", hint="allow some time, such as 1.0")
    if pool.modality not in entry.modalities:
        others = ("auto", *fitting(pool.modality))
        raise EncoderError(
            f"encoder {name!r} cannot encode {pool.modality}",
            hint=f"use one of {', '.join(others)}",
        )
    known = signature(entry.fit).parameters
    strange = sorted(set(settings) - set(known))
    if strange and not any(p.kind is Parameter.VAR_KEYWORD for p in known.values()):
        own = sorted(set(known) - {"pool", "folder", "seed", "minutes", "on_progress"})
        raise EncoderError(f"encoder {name!r} has no setting {strange[0]!r}", hint=f"it has {', '.join(own) or 'none'}")

    def fit() -> Encoder:
        return entry.fit(pool, folder=folder, seed=seed, minutes=minutes, on_progress=on_progress, **settings)

    if entry.shared or count() == 1:
        return fit()
    if not leads():
        return load_encoder(Path(decided(str)))
    say(on_progress, "plan", f"{name} is fitted by one process, for which the other {count() - 1} wait")
    encoder = fit()
    decided(lambda: str(folder / encoder.fingerprint))
    return encoder


def load_encoder(folder: Path) -> Encoder:
    """Read an encoder back from the folder where it was saved, ``encoders/<fingerprint>``.

    Raises:
        EncoderError: No encoder there, a damaged one, or one of an unknown name.
    """
    folder = path("folder", folder)
    return get(read_note(folder)["encoder"]).load(folder)


def get(name: str) -> EncoderEntry:
    """What is registered under a name; its module is imported now.

    Raises:
        EncoderError: No such name, or its module cannot be imported.

    Example:
        >>> get("vectors").modalities
        ('vector',)
    """
    entry = ENCODERS.get(name)
    if not isinstance(entry, EncoderEntry):
        raise EncoderError(f"encoder {name!r} is registered as {type(entry).__name__}", hint="register an EncoderEntry")
    return entry
