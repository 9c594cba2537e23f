"""Time series as training data, and the trained transformer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from activessl.encoders.compute.device import encoding_device, placed
from activessl.encoders.series.augment import SeriesViews
from activessl.encoders.series.convolutions import Series, channel_spread
from activessl.encoders.series.patches import SPAN, SeriesShape, cut, line_up, series_vectors
from activessl.encoders.series.rocket import axes_of, read_series, series_batches
from activessl.encoders.training.masked import Decoder
from activessl.encoders.training.sharing import Share
from activessl.encoders.training.vit import Patches, ViT
from activessl.errors import EncoderError
from activessl.pool.axes import Axes
from activessl.pool.pool import Pool

#: Number of patches in a series of median length, by which the length of a patch is chosen.
USUAL_PATCHES = 32

#: Small changes to which the vectors are made invariant; measured on two data sets, it helped on both.
_LITTLE = SeriesViews(shortest=0.95, speed=1.02, loudness=0.1, noise=0.1, drop=0.0)


@dataclass(frozen=True, eq=False)
class SeriesMaterial:
    """Time series of any length.

    Attributes:
        series: Standardized series (c, t), NaN for missing values.
        shape: Shape of the patches and of the transformer.
        views: Random changes of views.
        device: The device on which patches are made.
        mean: (c,) mean that was subtracted.
        std: (c,) standard deviation, the divisor.
        axes: The channels.
    """

    series: list[Tensor]
    shape: SeriesShape
    views: SeriesViews
    device: torch.device
    mean: Tensor
    std: Tensor
    axes: Axes

    def __len__(self) -> int:
        return len(self.series)

    def tensors(self) -> dict[str, Tensor]:
        """Mean and standard deviation of each channel."""
        return {"mean": self.mean, "std": self.std}

    def patches(self, rows: Int[Tensor, " b"]) -> Patches:
        """Series without augmentation."""
        return cut(line_up([self.series[row] for row in rows.tolist()]).to(self.device), self.shape.patch)

    def view(self, rows: Int[Tensor, " s"], generator: torch.Generator, share: Share | None = None) -> Patches:
        """Augmented series."""
        share = share or Share(len(rows))
        chosen = [self.series[row] for row in rows.tolist()]
        lengths = torch.tensor([one.shape[1] for one in chosen])
        mine = line_up(chosen[share.mine]).to(self.device)
        seen = self.views(mine, lengths, generator, SPAN * self.shape.patch, share)
        return cut(seen, self.shape.patch)

    def alike(self, rows: Int[Tensor, " b"], generator: torch.Generator) -> Patches | None:
        """Series with small changes of length, amplitude and noise."""
        chosen = [self.series[row] for row in rows.tolist()]
        lengths = torch.tensor([one.shape[1] for one in chosen])
        return cut(_LITTLE(line_up(chosen).to(self.device), lengths, generator), self.shape.patch)

    def vectors(self, vit: ViT, patches: Patches, grid: int) -> Float[Tensor, "b d"]:
        """Tokens averaged over parts of the time."""
        return series_vectors(vit, patches, grid)


@dataclass(frozen=True, eq=False)
class SeriesTransformer:
    """A transformer trained on series: tokens are averaged over parts of the time, then projected by PCA."""

    name: str
    fingerprint: str
    provenance: dict[str, Any]
    vit: ViT
    shape: SeriesShape
    mean: Tensor  # (c,)
    std: Tensor  # (c,)
    grid: int
    pca_mean: Tensor
    pca: Tensor
    axes: Axes
    decoder: Decoder | None = None  # reconstructs hidden patches

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
        device = encoding_device()
        vit = placed(self.vit, device)
        for batch in series_batches(pool, batch_size, axes=self.axes):
            found = series_vectors(vit, self.patches(batch).to(device), self.grid).cpu()
            yield ((found - self.pca_mean) @ self.pca).numpy()

    def patches(self, series: list[Series]) -> Patches:
        """Turn series into the input of the transformer."""
        return cut(line_up([standardise(one, self.mean, self.std) for one in series]), self.shape.patch)


def standardise(series: Series, mean: Tensor, std: Tensor) -> Float[Tensor, "c t"]:
    """Subtract the mean of each channel and divide by its standard deviation; missing values stay NaN.

    Example:
        >>> standardise(np.array([[1.0, np.nan, 5.0]]), torch.tensor([3.0]), torch.tensor([2.0])).tolist()
        [[-1.0, nan, 1.0]]
    """
    values = torch.from_numpy(np.ascontiguousarray(series, dtype=np.float32))
    return (values - mean[:, None]) / std[:, None]


def series_material(
    pool: Pool,
    *,
    patch: int | None,
    dim: int,
    depth: int,
    heads: int,
    memory: int,
    seed: int,
    device: torch.device,
) -> SeriesMaterial:
    """Read the series for training: all of them, or a random part if the pool does not fit into memory.

    Args:
        pool: Series, all with the same channels, of any length.
        patch: Time steps in a patch; by default the median length / 32.
        dim: Length of a token.
        depth: Number of blocks.
        heads: Attention heads.
        memory: Largest number of bytes of all series.
        seed: Seed of the random part.
        device: The device on which patches are made.

    Raises:
        EncoderError: The series have different numbers of channels, or a patch is shorter than 1.
    """
    if patch is not None and patch < 1:
        raise EncoderError(f"patch = {patch} is too small", hint="set patch to at least 1 time step")
    axes = axes_of(pool)
    channels = axes.count
    sizes = np.array([4 * channels * item.shape[1] for item in pool.items])
    rows = np.random.default_rng(seed).permutation(len(pool))
    fits = max(2, int(np.searchsorted(np.cumsum(sizes[rows]), memory)))
    chosen = read_series(pool, sorted(rows[:fits].tolist()), axes=axes)

    mean, std = channel_spread(chosen)
    usual = float(np.median([one.shape[1] for one in chosen]))
    shape = SeriesShape(channels, patch or max(1, -(-int(usual) // USUAL_PATCHES)), dim, depth, heads)
    ready = [standardise(one, mean, std) for one in chosen]
    return SeriesMaterial(ready, shape, SeriesViews(), device, mean, std, axes)
