"""Audio -> vectors: log-mel spectrograms are encoded by ``patches``, the k-means encoder of images."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from activessl.encoders.images.augment import Augmentation
from activessl.encoders.images.patches import PatchEncoder, Settings, learn
from activessl.encoders.images.patches import load as load_patches
from activessl.encoders.registry import EncoderEntry
from activessl.encoders.sound.mel import MelInput, choose_mel
from activessl.encoders.store import Place, find_fit, fit_key
from activessl.pool.pool import Pool
from activessl.pool.progress import OnProgress

#: A view has a different start, end, pitch and loudness; it is never reversed in time.
VIEWS = Augmentation(min_area=0.7, light=0.2, mirror=False)


def fit(
    pool: Pool,
    *,
    folder: Path,
    seed: int = 0,
    minutes: float = 0.0,  # noqa: ARG001  of the protocol: takes seconds
    on_progress: OnProgress | None = None,
    centroids: int = 400,
    field: int | None = None,
    grid: int = 4,
    dim: int = 256,
    views: int = 3,
    layout: float | None = None,
    side: int | None = None,
) -> PatchEncoder:
    """Learn centroids of spectrogram patches from a pool of audio.

    Args:
        pool: Audio.
        folder: Where encoders are kept.
        seed: Seed of the samples and of k-means.
        minutes: Unused.
        on_progress: Called with stage "train".
        centroids: Largest number of centroids k; reduced if there are too few patches.
        field: Side of a patch, in bands and frames.
        grid: Regions along pitch and along time.
        dim: Number of principal components.
        views: Views per clip for the whitening within clips; 0 turns the whitening off.
        layout: Weight of the position in pitch and time, 0 to 1; by default estimated from the clips.
        side: Bands and frames of a spectrogram, 32 by default.

    Raises:
        EncoderError: The pool holds no audio, or its sample rate is unknown.
    """
    picture = choose_mel(pool, side=side)
    settings = Settings(centroids, dim, field, grid, views, layout)
    key = fit_key("melpatches", pool, seed=seed, rate=picture.rate, side=side, **asdict(settings))
    if (found := find_fit(folder, key)) is not None:
        return load(found)
    return load(learn("melpatches", pool, picture, VIEWS, settings, seed=seed, into=Place(folder, key, on_progress)))


def load(folder: Path) -> PatchEncoder:
    """Read the encoder back from its folder."""
    return load_patches(folder, MelInput)


ENTRY = EncoderEntry(
    fit=fit,
    load=load,
    modalities=("audio",),
    summary="k-means on patches of a log-mel spectrogram: no gradients, takes seconds",
)
