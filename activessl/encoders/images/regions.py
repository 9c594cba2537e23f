"""The weight of the layout, the position of features in a picture, estimated from the pictures themselves.

In pictures of a scratched steel plate, the position of a scratch is chance: a comparison region by region adds noise.
In pictures of a shoe, the regions differ, and the position of a feature is informative.
"""

from __future__ import annotations

from functools import cache

import torch
import torch.nn.functional as F
from jaxtyping import Float

from activessl.encoders.compute.side_by_side import parts

#: With this value, the layout has full weight up to an intraclass correlation of 0.18: docs/decisions/0017-layout.md.
STEEPNESS = 1.5

Values = Float[torch.Tensor, "n kr"]


def means_by_region(maps: Float[torch.Tensor, "b k h w"], grid: int) -> Float[torch.Tensor, "b k g g"]:
    """Average over a grid of regions; regions share a row or a column if their number does not divide the side.

    Example:
        >>> means_by_region(torch.arange(9.0).view(1, 1, 3, 3), 2)[0, 0].tolist()
        [[2.0, 3.0], [5.0, 6.0]]
    """
    if maps.device.type == "cpu":
        return F.adaptive_avg_pool2d(maps, grid)
    # Apple's GPUs cannot pool overlapping regions, and NVIDIA's GPUs sum the gradient in no fixed order
    return as_products(maps, grid)


def as_products(maps: Float[torch.Tensor, "b k h w"], grid: int) -> Float[torch.Tensor, "b k g g"]:
    """The result of ``means_by_region``, computed with matrix products."""
    rows, columns = (_averages_there(size, grid, maps.device, maps.dtype) for size in maps.shape[2:])
    return rows @ maps @ columns.T


@cache
def _averages_there(size: int, grid: int, device: torch.device, dtype: torch.dtype) -> Float[torch.Tensor, "g n"]:
    with torch.inference_mode(mode=False):  # cached by a caller without gradients, reused by one with
        return averages(size, grid).to(device, dtype)


def averages(size: int, grid: int) -> Float[torch.Tensor, "g n"]:
    """The weights of ``size`` places in each region; the weights of a region have sum 1.

    Example:
        >>> averages(3, 2).tolist()
        [[0.5, 0.5, 0.0], [0.0, 0.5, 0.5]]
    """
    matrix = torch.zeros(grid, size)
    for region in range(grid):
        start, end = region * size // grid, -(-(region + 1) * size // grid)
        matrix[region, start:end] = 1 / (end - start)
    return matrix


def layout_weight(values: Values, regions: int) -> float:
    """Estimate the layout weight in [0, 1], the factor for the deviations of regions from the mean of their picture.

    It is 1.5 times the square of the share of variance within pictures, at most 1. The share comes from an analysis of
    variance with pictures as groups and their regions as members (the intraclass correlation of Shrout & Fleiss 1979,
    after subtracting each region's mean over all pictures). The weight is 1 if regions of one picture are hardly more
    alike than regions of different pictures, and near 0 if pictures differ as wholes.

    Args:
        values: (n, k regions) features of n pictures, with the regions of a feature side by side.
        regions: Number of regions.

    Example:
        >>> wholes = torch.randn(500, 8, 1, generator=torch.Generator().manual_seed(0))
        >>> parts = torch.randn(500, 8, 16, generator=torch.Generator().manual_seed(1))
        >>> weights = [layout_weight((share * wholes + parts).flatten(1), 16) for share in (0.0, 1.0, 10.0)]
        >>> [round(weight, 1) for weight in weights]
        [1.0, 0.4, 0.0]
    """
    n = len(values)
    if regions < 2 or n < 2:
        return 1.0
    usual, between, within = values.mean(0), 0.0, 0.0
    for rows in parts(values, 256):
        centred = (rows - usual).view(len(rows), -1, regions)
        means = centred.mean(2, keepdim=True)
        between += float(regions * means.square().sum(dtype=torch.float64))
        within += float((centred - means).square().sum(dtype=torch.float64))
    between, within = between / (n - 1), within / ((n - 1) * (regions - 1))
    if between <= within:
        return 1.0
    share = regions * within / (between + (regions - 1) * within)  # 1 - intraclass correlation
    return min(1.0, STEEPNESS * share**2)


def weigh_layout(values: Float[torch.Tensor, "... kr"], regions: int, weight: float) -> Float[torch.Tensor, "... kr"]:
    """Multiply the deviation of each region from its picture's mean by a weight; a linear, symmetric map.

    Args:
        values: Features, with the regions of a feature side by side in the last dimension.
        regions: Number of regions.
        weight: In [0, 1]; 1 changes nothing.

    Example:
        >>> weigh_layout(torch.tensor([[1.0, 3.0, 0.0, 0.0]]), 2, 0.5).tolist()
        [[1.5, 2.5, 0.0, 0.0]]
    """
    if weight == 1:
        return values
    by_region = values.reshape(*values.shape[:-1], -1, regions)
    means = by_region.mean(-1, keepdim=True)
    return (means + weight * (by_region - means)).flatten(-2)
