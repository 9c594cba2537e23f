"""The encoder for people who have no opinion."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from activessl.encoders.base import Encoder, OnProgress
from activessl.encoders.registry import Entry, get, load_encoder
from activessl.errors import EncoderError
from activessl.pool.pool import Pool


def choose(pool: Pool, minutes: float) -> tuple[str, str]:  # noqa: ARG001
    """The name of the encoder for a pool and a budget, and why.

    Args:
        pool: What to encode.
        minutes: How long training may take.

    Raises:
        EncoderError: There is none for that modality.
    """
    if pool.modality == "vector":
        return "vectors", "the pool already holds vectors"
    if pool.modality == "image":
        return (
            "patches",
            "in minutes on a CPU, k-means on patches makes better neighbours than a network trained from scratch",
        )
    if pool.modality == "series":
        return "rocket", "fixed convolutions need seconds on a CPU and no labels"
    if pool.modality == "text":
        return "tfidf", "it needs no download; the encoder 'sentence' reads better where a model can be had"
    raise EncoderError(
        f"no encoder for {pool.modality} yet", hint="encode it elsewhere and pass the vectors in an .npz"
    )


def fit(
    pool: Pool,
    *,
    folder: Path,
    seed: int = 0,
    minutes: float = 1.0,
    on_progress: OnProgress | None = None,
    **settings: Any,
) -> Encoder:
    """Fit the encoder that ``choose`` names."""
    name, _ = choose(pool, minutes)
    return get(name).fit(pool, folder=folder, seed=seed, minutes=minutes, on_progress=on_progress, **settings)


ENTRY = Entry(
    fit=fit, load=load_encoder, modalities=("image", "series", "text", "vector"), summary="the best known for the data"
)
