"""Time series -> vectors in seconds on a CPU: fixed convolutions, made invariant in closed form.

The features of ``convolutions.py`` go through PCA; then the directions in which views of the same series differ
(shorter, louder, noisier) are scaled down (``invariance.py``). Missing values are never filled.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from activessl.encoders.images.pixels import principal_components
from activessl.encoders.invariance import within_whitening
from activessl.encoders.registry import EncoderEntry
from activessl.encoders.series.convolutions import Rocket, Series, learn, trim
from activessl.encoders.store import find_fit, fit_key, read_encoder, save_encoder
from activessl.errors import EncoderError
from activessl.pool.axes import Axes
from activessl.pool.forms.series import vary
from activessl.pool.pool import Pool
from activessl.pool.progress import OnProgress, tell


@dataclass(frozen=True, eq=False)
class RocketEncoder:
    """Proportions of convolution outputs above biases, projected by PCA and whitened within series."""

    fingerprint: str
    provenance: dict[str, Any]
    rocket: Rocket
    pca_mean: Tensor  # (f,)
    pca: Tensor  # (f, d), the whitening included
    axes: Axes
    name: str = "rocket"

    @property
    def dim(self) -> int:
        """How many components are kept."""
        return self.pca.shape[1]

    def batches(self, pool: Pool, batch_size: int) -> Iterator[Float[np.ndarray, "b d"]]:
        """Yield the vectors of the pool's series.

        Raises:
            EncoderError: A series has another number of channels.
            PoolError: The series have channels of other names.
        """
        for batch in series_batches(pool, batch_size, axes=self.axes):
            yield (_centred(self.rocket(batch), self.pca_mean) @ self.pca).numpy()


def axes_of(pool: Pool) -> Axes:
    """The channels of a pool of series, for the encoder that is fitted to it."""
    return pool.axes if pool.axes.count else Axes(pool.axes.channels, pool.items[0].shape[0])


def read_series(pool: Pool, rows: range | list[int], *, axes: Axes) -> list[Series]:
    """Read the series at some rows of a pool, without missing time steps at both ends.

    Args:
        pool: Series.
        rows: Which of them.
        axes: The channels of the encoder: where both have names, each series is put into their order.

    Raises:
        EncoderError: A series has another number of channels.
        PoolError: The series have channels of other names.
    """
    pool = pool.ordered(axes)
    found = [trim(cast("np.ndarray[Any, np.dtype[np.float32]]", pool.read(row))) for row in rows]
    for row, series in zip(rows, found, strict=True):
        if len(series) != axes.count:
            raise EncoderError(
                f"series {pool.ids[row]} has {len(series)} channels, the other series have {axes.count}",
                hint="remove this series, or give all series the same channels",
            )
    return found


def series_batches(pool: Pool, batch_size: int, *, axes: Axes) -> Iterator[list[Series]]:
    """Yield the series of a pool in batches, as ``read_series`` reads them.

    Raises:
        EncoderError: A series has another number of channels.
        PoolError: The series have channels of other names.
    """
    pool = pool.ordered(axes)  # once, because it copies the list of items
    for start in range(0, len(pool), batch_size):
        yield read_series(pool, range(start, min(start + batch_size, len(pool))), axes=axes)


def fit(
    pool: Pool,
    *,
    folder: Path,
    seed: int = 0,
    minutes: float = 0.0,  # noqa: ARG001  of the protocol: takes seconds
    on_progress: OnProgress | None = None,
    features: int = 2_500,
    dim: int = 256,
    views: int = 3,
) -> RocketEncoder:
    """Learn biases and principal components from at most 2,000 series of a pool.

    Args:
        pool: Series, all with the same channels, of any length.
        folder: Where encoders are kept.
        seed: Seed of the sample, the channels and the views.
        minutes: Unused.
        on_progress: Called with stage "train".
        features: Approximate number of features.
        dim: Number of principal components.
        views: Views per series for the whitening within series; 0 turns the whitening off.

    Raises:
        EncoderError: The pool holds no series, or the series have different numbers of channels.
    """
    if pool.modality != "series":
        raise EncoderError(f"encoder 'rocket' reads series, not {pool.modality}", hint="use the encoder 'auto'")
    key = fit_key("rocket", pool, seed=seed, features=features, dim=dim, views=views)
    if (found := find_fit(folder, key)) is not None:
        return load(found)
    started = time.perf_counter()
    rng = np.random.default_rng(seed)
    rows = sorted(rng.permutation(len(pool))[:2_000].tolist())
    axes = axes_of(pool)
    sample = read_series(pool, rows, axes=axes)
    rocket = learn(sample, features=features, rng=rng)
    tell(on_progress, "train", 1, 3)

    # a feature without counted positions in a series is set to the mean; the mean is 0 if this holds for all series
    values = rocket(sample)
    pca_mean = values.nanmean(0).nan_to_num()
    _, pca = principal_components(_centred(values, pca_mean), dim)
    tell(on_progress, "train", 2, 3)

    # small changes only: larger changes hide the differences between classes
    if views > 1:
        seen = []
        for _ in range(views):
            varied = [vary(series, rng, shortest=0.95, loudness=0.1, noise=0.1) for series in sample[:1_000]]
            seen.append(_centred(rocket(varied), pca_mean) @ pca)
        pca = pca @ within_whitening(torch.stack(seen), ridge=0.1)
    tell(on_progress, "train", 3, 3)

    config = {"dilations": rocket.dilations} | axes.to_json()
    tensors = {
        "mean": rocket.mean,
        "std": rocket.std,
        "channels": rocket.channels.to(torch.uint8),
        "biases": rocket.biases,
        "levels": rocket.levels,
        "pca_mean": pca_mean,
        "pca": pca,
    }
    provenance = {
        "objective": "fixed convolutions, whitened within series",
        "source": "Dempster, Schmidt & Webb 2021, arXiv:2012.08791",
        "series": len(sample),
        "seed": seed,
        "seconds": round(time.perf_counter() - started, 2),
    }
    arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
    return load(save_encoder(folder, "rocket", config, arrays, provenance, key=key))


def load(folder: Path) -> RocketEncoder:
    """Read the encoder back from its folder."""
    note, arrays = read_encoder(folder)
    t = {name: torch.from_numpy(array) for name, array in arrays.items()}
    dilations = tuple(note["config"]["dilations"])
    rocket = Rocket(t["mean"], t["std"], dilations, t["channels"].bool(), t["biases"], t["levels"])
    axes = Axes.of_json(note["config"], len(rocket.mean))
    return RocketEncoder(note["fingerprint"], note["provenance"], rocket, t["pca_mean"], t["pca"], axes)


def _centred(features: Tensor, mean: Tensor) -> Tensor:
    centred: Tensor = (features - mean).nan_to_num(0.0)
    return centred


ENTRY = EncoderEntry(
    fit=fit,
    load=load,
    modalities=("series",),
    summary="fixed convolutions (MiniRocket), made invariant in closed form: no gradients, takes seconds",
)
