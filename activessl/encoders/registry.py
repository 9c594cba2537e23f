"""Encoders by name: the built-in table, and the entry points of other packages."""

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
    """The value that is registered under a name.

    Attributes:
        fit: Makes the encoder for a pool: ``fit(pool, *, folder, seed, minutes, on_progress, **settings)``. It saves
            the encoder under ``folder``, and reads it from there if it is asked for again.
        load: Reads the encoder from the folder where ``fit`` saved it.
        modalities: The forms of data that the encoder reads.
        summary: One sentence for the command line.
        shared: Whether several processes fit the encoder together, all of them calling ``fit``. Otherwise the first
            process fits it.
    """

    fit: Callable[..., Encoder]
    load: Callable[[Path], Encoder]
    modalities: tuple[Modality, ...]
    summary: str
    shared: bool = False


#: Each value is an ``EncoderEntry``.
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
        "pretrained": "activessl.encoders.wheels.pretrained:ENTRY",
        "rocket": "activessl.encoders.series.rocket:ENTRY",
        "sentence": "activessl.encoders.text.sentence:ENTRY",
        "tfidf": "activessl.encoders.text.tfidf:ENTRY",
        "vectors": "activessl.encoders.vectors:ENTRY",
    },
    EncoderError,
    "activessl.encoders",
)

#: The encoders of a pretrained model from the hub or a folder, with the setting ``model``.
PRETRAINED = frozenset({"backbone", "sentence"})


def fitting(modality: Modality) -> tuple[str, ...]:
    """The built-in encoders that read this form of data; ``auto`` is left out, since it selects one of them.

    Example:
        >>> fitting("series")
        ('contrastive', 'hybrid', 'masked', 'rocket')
    """
    return tuple(name for name in sorted(ENCODERS.built_in) if name != "auto" and modality in get(name).modalities)


def names() -> tuple[str, ...]:
    """All registered names, sorted; no encoder module is imported.

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
    """Fit the named encoder to a pool; a second call with the same arguments returns the same encoder.

    If there are several processes, all of them must call this function (``processes.py``).

    Args:
        name: One of ``names()``.
        pool: The pool to fit to and to encode.
        folder: The folder of all encoders, each under its fingerprint.
        seed: Seed of all random choices.
        minutes: Approximate training time; encoders without training ignore it.
        on_progress: Called with each step.
        settings: Settings of this encoder.

    Raises:
        EncoderError: The name or a setting is unknown, or the encoder cannot encode the pool.
    """
    entry, folder = get(name), path("folder", folder)
    if instance("pool", pool, Pool) and number("minutes", minutes) <= 0:
        raise EncoderError(f"minutes = {minutes} leaves no training", hint="set minutes above 0, such as 1.0")
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
        raise EncoderError(
            f"encoder {name!r} has no setting {strange[0]!r}",
            hint=f"use one of {', '.join(own)}" if own else f"remove {strange[0]}",
        )

    def fit() -> Encoder:
        return entry.fit(pool, folder=folder, seed=seed, minutes=minutes, on_progress=on_progress, **settings)

    if entry.shared or count() == 1:
        return fit()
    if not leads():
        return load_encoder(Path(decided(str)))
    say(on_progress, "plan", f"one process fits {name}; the other {count() - 1} processes wait")
    encoder = fit()
    decided(lambda: str(folder / encoder.fingerprint))
    return encoder


def load_encoder(folder: Path) -> Encoder:
    """Read an encoder from the folder where it was saved, ``encoders/<fingerprint>``.

    Raises:
        EncoderError: The folder holds no encoder, or the encoder is damaged or has an unknown name.
    """
    folder = path("folder", folder)
    return get(read_note(folder)["encoder"]).load(folder)


def get(name: str) -> EncoderEntry:
    """Return the entry of a name; its module is imported now.

    Raises:
        EncoderError: The name is unknown, or its module cannot be imported.

    Example:
        >>> get("vectors").modalities
        ('vector',)
    """
    entry = ENCODERS.get(name)
    if not isinstance(entry, EncoderEntry):
        raise EncoderError(
            f"encoder {name!r} is registered with a value of type {type(entry).__name__}",
            hint="register an EncoderEntry",
        )
    return entry
