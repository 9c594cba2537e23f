"""Time series cut into patches along time, the input of a transformer.

A patch holds all channels for a stretch of time (Nie et al., A Time Series is Worth 64 Words, ICLR 2023,
arXiv:2211.14730, which uses one channel at a time). Missing values are not imputed: a missing value enters as zero
together with a flag, a patch without any value gets no attention, and no loss counts either of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from activessl.encoders.training.vit import Patches, ViT

#: Patches that attend to each other; a longer series is split into stretches of this length, so that cost is linear.
SPAN = 128


@dataclass(frozen=True)
class SeriesShape:
    """The shape of a transformer over time series.

    Attributes:
        channels: Number of channels of every series.
        patch: Time steps in a patch.
        dim: Length of a token, a multiple of 2 and of ``heads``.
        depth: Number of blocks.
        heads: Attention heads.
    """

    channels: int
    patch: int
    dim: int = 64
    depth: int = 3
    heads: int = 4

    @property
    def patch_dim(self) -> int:
        """Values in a patch."""
        return self.channels * self.patch

    @property
    def entry_dim(self) -> int:
        """Length of a patch's values and of the flags that say which values are known."""
        return 2 * self.patch_dim

    def positions(self, dim: int, n: int | None = None) -> Float[Tensor, "n d"]:
        """Sines and cosines of the time of each patch, with wavelengths from 2π to 2π 10,000 patches."""
        frequencies = 10_000.0 ** -(torch.arange(dim // 2) / (dim // 2))
        angles = torch.arange(SPAN if n is None else n)[:, None] * frequencies
        return torch.cat([angles.sin(), angles.cos()], dim=1)

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def line_up(series: Sequence[Float[Tensor, "c t"]]) -> Float[Tensor, "b c t"]:
    """Stack series of any length into one tensor, padded with NaN.

    Example:
        >>> line_up([torch.ones(1, 2), torch.ones(1, 1)]).tolist()
        [[[1.0, 1.0]], [[1.0, nan]]]
    """
    longest = max(one.shape[1] for one in series)
    return torch.stack([F.pad(one, (0, longest - one.shape[1]), value=torch.nan) for one in series])


def cut(values: Float[Tensor, "b c t"], patch: int) -> Patches:
    """Cut series (NaN for missing values) into patches of all channels; the last patch is padded as missing.

    Example:
        >>> patches = cut(torch.tensor([[[1.0, 2.0, 3.0]]]), 2)
        >>> patches.values.tolist(), patches.known.tolist()
        ([[[1.0, 2.0], [3.0, 0.0]]], [[[True, True], [True, False]]])
    """
    b, c, t = values.shape
    n = -(-t // patch)
    filled = F.pad(values, (0, n * patch - t), value=torch.nan)
    split = filled.view(b, c, n, patch).transpose(1, 2).reshape(b, n, c * patch)
    return Patches(split.nan_to_num(0.0), ~split.isnan())


def uncut(patches: Float[Tensor, "b n p"], channels: int) -> Float[Tensor, "b c t"]:
    """Put patches together again.

    Example:
        >>> uncut(torch.tensor([[[1.0, 2.0], [3.0, 0.0]]]), 1).tolist()
        [[[1.0, 2.0, 3.0, 0.0]]]
    """
    b, n, p = patches.shape
    return patches.view(b, n, channels, p // channels).transpose(1, 2).reshape(b, channels, -1)


def regions(there: Bool[Tensor, "b n"], grid: int) -> Float[Tensor, "b g n"]:
    """Weights that average over equal parts of each item's length; a part without patches averages the whole item.

    Example:
        >>> regions(torch.tensor([[True, True, True, False]]), 2)
        tensor([[[0.5000, 0.5000, 0.0000, 0.0000],
                 [0.0000, 0.5000, 0.5000, 0.0000]]])
    """
    n = there.shape[1]
    place = torch.arange(n, device=there.device)
    lengths = torch.where(there, place + 1, 0).amax(1)[:, None]  # (b, 1)
    part = torch.arange(grid, device=there.device)
    first, last = part * lengths // grid, -(-(part + 1) * lengths // grid)  # (b, g); parts of a short item overlap
    inside = (place >= first[..., None]) & (place < last[..., None]) & there[:, None]  # (b, g, n)
    inside = torch.where(inside.any(2, keepdim=True), inside, there[:, None])
    return inside / inside.sum(2, keepdim=True)


@torch.inference_mode()
def series_vectors(vit: ViT, patches: Patches, grid: int) -> Float[Tensor, "b d"]:
    """Average the tokens of each series over parts of its time: (b, grid dim)."""
    there, entry = patches.there, patches.entry
    if there is None:
        there = torch.ones(entry.shape[:2], dtype=torch.bool, device=entry.device)
    found = []
    for start in range(0, entry.shape[1], SPAN):
        seen = there[:, start : start + SPAN].clone()
        seen[:, 0] |= ~seen.any(1)  # attention needs at least one patch; it has weight 0 below
        found.append(vit(entry[:, start : start + SPAN], there=seen))
    tokens = torch.cat(found, dim=1)  # (b, n, d)
    return (regions(there, grid) @ tokens).flatten(1)
