"""The encoder for people who have no opinion."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from activessl.encoders.base import Encoder, OnProgress
from activessl.encoders.registry import Entry, get, load_encoder
from activessl.pool.pool import MODALITIES, Modality, Pool

_BEST: dict[Modality, tuple[str, str]] = {
    "audio": ("melpatches", "k-means on patches of the spectrogram needs seconds on a CPU"),
    "image": (
        "patches",
        "in minutes on a CPU, k-means on patches makes better neighbours than a network trained from scratch",
    ),
    "series": ("rocket", "fixed convolutions need seconds on a CPU and nothing to be trained"),
    "text": ("tfidf", "it needs no download; the encoder 'sentence' reads better where a model can be had"),
    "vector": ("vectors", "the pool already holds vectors"),
}


def choose(pool: Pool, minutes: float) -> tuple[str, str]:  # noqa: ARG001
    """The name of the encoder for a pool and a budget, and why.

    Args:
        pool: What to encode.
        minutes: How long training may take.
    """
    return _BEST[pool.modality]


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


ENTRY = Entry(fit=fit, load=load_encoder, modalities=MODALITIES, summary="the best known for the data")
