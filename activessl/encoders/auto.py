"""The encoder for people who have no opinion."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from activessl.encoders.base import Encoder
from activessl.encoders.registry import Entry, fit_encoder, load_encoder
from activessl.errors import EncoderError
from activessl.pool.pool import MODALITIES, Modality, Pool
from activessl.pool.progress import OnProgress, say

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


_PRETRAINED: dict[Modality, str] = {"image": "backbone", "text": "sentence"}


def choose(pool: Pool, minutes: float, *, model: str | None = None) -> tuple[str, str]:  # noqa: ARG001
    """The name of the encoder for a pool and a budget, and why.

    Args:
        pool: What to encode.
        minutes: How long training may take.
        model: A pretrained model, if one is named.

    Raises:
        EncoderError: No encoder reads pretrained models for this kind of data.
    """
    if model is None:
        return _BEST[pool.modality]
    if pool.modality not in _PRETRAINED:
        raise EncoderError(
            f"pretrained models are read for {' and '.join(sorted(_PRETRAINED))}, not for {pool.modality}",
            hint="leave encoder.model out",
        )
    return _PRETRAINED[pool.modality], "a pretrained model is named"


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
    name, why = choose(pool, minutes, model=settings.get("model"))
    say(on_progress, "plan", f"auto takes {name}: {why}")
    return fit_encoder(name, pool, folder=folder, seed=seed, minutes=minutes, on_progress=on_progress, **settings)


ENTRY = Entry(fit=fit, load=load_encoder, modalities=MODALITIES, summary="the best known for the data", shared=True)
