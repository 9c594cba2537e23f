"""Fixed convolutions over series of any length; missing values are excluded and not filled.

There are 84 kernels of length 9 with three weights of 2 and six of -1, at dilations up to the length of the series.
Each feature is the proportion of output positions above a bias, for several biases (Dempster, Schmidt & Webb,
MiniRocket: A Very Fast (Almost) Deterministic Transform for Time Series Classification, KDD 2021, arXiv:2012.08791).

There are three differences from the paper: biases are quantiles over many series instead of one; positions whose window
touches a missing value are not counted; and the values themselves are also compared with biases, because the weights of
a kernel sum to zero and cannot measure a level.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

#: Numbers that are computed at once for one dilation, so that they fit in the processor's cache.
_AT_ONCE = 1_000_000

Series = Float[np.ndarray, "c t"]


@dataclass(frozen=True, eq=False)
class Rocket:
    """The parameters of the convolutions; only means, standard deviations, dilations and biases depend on the pool.

    Attributes:
        mean: (c,) mean of each channel, subtracted.
        std: (c,) standard deviation of each channel, the divisor.
        dilations: Dilations of the kernels, in ascending order.
        channels: (dilations, 84, c) bool, the channels that a kernel sums over.
        biases: (dilations, 84, b).
        levels: (c, l) biases of the values themselves.
    """

    mean: Tensor
    std: Tensor
    dilations: tuple[int, ...]
    channels: Tensor
    biases: Tensor
    levels: Tensor

    def __call__(self, batch: Sequence[Series]) -> Float[Tensor, "n f"]:
        """Compute the proportions of positions above each bias; NaN if a series has no counted position.

        Args:
            batch: Series (c, t) of any length, NaN for missing values.
        """
        longest = max(series.shape[1] for series in batch)
        size = max(1, _AT_ONCE // (84 * longest))
        return torch.cat([self._some(batch[start : start + size]) for start in range(0, len(batch), size)])

    def _some(self, batch: Sequence[Series]) -> Tensor:
        values, missing, lengths = stack(batch, self.mean, self.std)
        found = []
        for i, dilation in enumerate(self.dilations):
            out = convolve(values, missing, lengths, dilation, self.channels[i], first=i % 2)
            found.append(proportions(out, self.biases[i]))
        inside = torch.arange(values.shape[2]) < lengths[:, None]  # (n, t)
        raw = values.masked_fill(missing | ~inside[:, None], -torch.inf)
        return torch.cat([*found, proportions(raw, self.levels)], dim=1)


def kernels() -> Float[Tensor, "84 9"]:
    """The 84 kernels: all placements of three weights of 2 among nine, the others are -1.

    Example:
        >>> kernels().shape, kernels()[0].tolist()
        (torch.Size([84, 9]), [2.0, 2.0, 2.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0])
    """
    weights = torch.full((84, 9), -1.0)
    for row, places in enumerate(combinations(range(9), 3)):
        weights[row, list(places)] = 2.0
    return weights


def choose_dilations(length: int, most: int = 8) -> tuple[int, ...]:
    """Choose dilations from 1 to the length at which a kernel spans the series, evenly on a logarithmic scale.

    Example:
        >>> choose_dilations(100), choose_dilations(3)
        ((1, 2, 4, 6, 8, 12), (1,))
    """
    widest = max(1.0, (length - 1) / 8)
    return tuple(sorted({int(d) for d in np.logspace(0, np.log2(widest), most, base=2) + 1e-9}))


def trim(series: Series) -> Series:
    """Remove time steps at both ends that are missing in all channels: series of unequal lengths are often padded so.

    Example:
        >>> trim(np.array([[np.nan, 1.0, np.nan, 2.0, np.nan]])).tolist()
        [[1.0, nan, 2.0]]
    """
    there = np.flatnonzero(~np.isnan(series).all(axis=0))
    return series[:, there[0] : there[-1] + 1] if len(there) else series[:, :1]


def stack(
    batch: Sequence[Series], mean: Tensor, std: Tensor
) -> tuple[Float[Tensor, "n c t"], Bool[Tensor, "n c t"], Tensor]:
    """Return standardized values (0 if missing), the mask of missing values within a series, and the lengths (n,)."""
    trimmed = [trim(series) for series in batch]
    lengths = torch.tensor([series.shape[1] for series in trimmed])
    values = torch.zeros(len(batch), len(mean), int(lengths.max()))
    missing = torch.zeros(values.shape, dtype=torch.bool)
    for row, series in enumerate(trimmed):
        there = torch.from_numpy(np.ascontiguousarray(series, dtype=np.float32))
        gone = there.isnan()
        values[row, :, : there.shape[1]] = ((there - mean[:, None]) / std[:, None]).masked_fill(gone, 0.0)
        missing[row, :, : there.shape[1]] = gone
    return values, missing, lengths


def convolve(
    values: Float[Tensor, "n c t"],
    missing: Bool[Tensor, "n c t"],
    lengths: Tensor,
    dilation: int,
    channels: Bool[Tensor, "84 c"],
    *,
    first: int,
) -> Float[Tensor, "n 84 t"]:
    """Apply all kernels at one dilation; -inf at positions that are not counted.

    Every second kernel, from number ``first``, counts only positions whose window lies inside the series; for the
    others, the series is padded with zeros. No kernel counts a position whose window touches a missing value.
    """
    reach = 4 * dilation
    weights = kernels()[:, None, :] * channels[:, :, None]  # (84, c, 9)
    out = F.conv1d(values, weights, padding=reach, dilation=dilation)  # (n, 84, t)

    at = torch.arange(values.shape[2])
    inside = at < lengths[:, None]  # (n, t)
    within = (at >= reach) & (at < lengths[:, None] - reach)
    counted = torch.where(torch.arange(84)[:, None] % 2 == first, within[:, None], inside[:, None])  # (n, 84, t)
    if missing.any():
        touched = F.max_pool1d(F.pad(missing.float(), (reach, reach)), 9, stride=1, dilation=dilation)  # (n, c, t)
        counted = counted & (torch.einsum("nct,kc->nkt", touched, channels.float()) == 0)
    return out.masked_fill_(~counted, -torch.inf)


def proportions(out: Float[Tensor, "n k t"], biases: Float[Tensor, "k b"]) -> Float[Tensor, "n f"]:
    """The share of counted positions above each bias, (n, k b); NaN if no position is counted.

    Example:
        >>> proportions(torch.tensor([[[1.0, 2.0, 3.0, -torch.inf]]]), torch.tensor([[1.5, 9.0]])).round(decimals=2)
        tensor([[0.6700, 0.0000]])
    """
    counted = (out > -torch.inf).float().sum(2)  # (n, k)
    above = [(out > bias[:, None]).float().sum(2) for bias in biases.T]  # b times (n, k)
    return (torch.stack(above, dim=2) / counted[:, :, None]).flatten(1)


def learn(batch: Sequence[Series], *, features: int, rng: np.random.Generator) -> Rocket:
    """Choose dilations, channels and biases from a sample of series.

    Args:
        batch: Series (c, t), all with the same channels.
        features: Approximate number of features; each kernel gets an equal share.
        rng: Chooses the channels of each kernel, and the series from which the biases are computed.
    """
    c = batch[0].shape[0]
    centre, spread = channel_spread(batch)
    lengths = [trim(series).shape[1] for series in batch]
    dilations = choose_dilations(int(np.median(lengths)))
    a_kernel = max(1, features // (84 * len(dilations)))

    # a kernel sums over 1 to 9 channels, small numbers more often (as in the paper's multichannel code)
    channels = np.zeros((len(dilations), 84, c), dtype=bool)
    for chosen in channels.reshape(-1, c):
        chosen[rng.permutation(c)[: int(2 ** rng.uniform(0, np.log2(min(c, 9) + 1)))]] = True

    # about 200,000 values are enough: quantiles of more values are the same
    few = [batch[i] for i in rng.permutation(len(batch))[: max(4, 200_000 // max(lengths))]][:256]
    values, missing, spans = stack(few, centre, spread)
    tiny = 1e-6 * float(values.abs().max()) * 9  # keeps a constant on one side of a bias despite rounding
    shares = (np.arange(1, a_kernel + 1)) * ((np.sqrt(5) + 1) / 2) % 1
    biases = []
    for i, dilation in enumerate(dilations):
        out = convolve(values, missing, spans, dilation, torch.from_numpy(channels[i]), first=i % 2)
        biases.append([_quantiles(row, np.sort(shares)) + tiny for row in out.transpose(0, 1).numpy()])
    inside = torch.arange(values.shape[2]) < spans[:, None]
    raw = values.masked_fill(missing | ~inside[:, None], -torch.inf).transpose(0, 1).numpy()
    levels = [_quantiles(row, (np.arange(16) + 0.5) / 16) + tiny for row in raw]
    return Rocket(
        centre,
        spread,
        dilations,
        torch.from_numpy(channels),
        torch.from_numpy(np.array(biases, dtype=np.float32)),
        torch.from_numpy(np.array(levels, dtype=np.float32)),
    )


def channel_spread(batch: Sequence[Series]) -> tuple[Float[Tensor, " c"], Float[Tensor, " c"]]:
    """Mean and standard deviation of each channel; 0 and 1 for a channel without values, 1 for a constant channel.

    Example:
        >>> channel_spread([np.array([[1e-13, 3e-13], [5.0, 5.0]])])[1].tolist() == [float(np.float32(1e-13)), 1.0]
        True
    """
    pooled = np.concatenate(batch, axis=1)
    mean = np.array([np.mean(row[~np.isnan(row)], dtype=np.float64) if (~np.isnan(row)).any() else 0 for row in pooled])
    std = np.array([np.std(row[~np.isnan(row)], dtype=np.float64) if (~np.isnan(row)).any() else 0 for row in pooled])
    # relative to the channel, whose unit may be small: only rounding of the mean makes a constant vary
    std = np.where(std > np.maximum(1e-12 * np.abs(mean), np.finfo(np.float32).tiny), std, 1.0)
    return torch.from_numpy(mean.astype(np.float32)), torch.from_numpy(std.astype(np.float32))


def _quantiles(values: np.ndarray[Any, np.dtype[np.float32]], shares: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    counted = values[values > -np.inf]
    return np.quantile(counted, shares) if len(counted) else np.zeros(len(shares))
