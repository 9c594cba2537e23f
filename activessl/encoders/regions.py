"""How much it counts where in a picture something is, by what the pictures themselves say.

The regions of a scratched steel plate are all alike: which of them shows what is chance, and comparing pictures region
by region drowns what they have in common. The regions of a shoe are not: where something is says what it is.
"""

from __future__ import annotations

import torch
from jaxtyping import Float

Values = Float[torch.Tensor, "n kr"]


def layout_weight(values: Values, regions: int) -> float:
    """What the regions' deviations from their picture's mean should be multiplied by, in [0, 1].

    The root of one over F of an analysis of variance with pictures as groups and their regions as members (Fisher
    1925), each region's mean over all pictures left out: near 0 where pictures differ as wholes, 1 where regions of one
    picture are no more alike than those of different ones.

    Args:
        values: (n, k regions) features of n pictures, the regions of a feature side by side.
        regions: How many there are of each feature.

    Example:
        >>> wholes = torch.randn(500, 8, 1, generator=torch.Generator().manual_seed(0))
        >>> parts = torch.randn(500, 8, 16, generator=torch.Generator().manual_seed(1))
        >>> weights = [layout_weight((share * wholes + parts).flatten(1), 16) for share in (0.0, 1.0, 10.0)]
        >>> [round(weight, 1) for weight in weights]
        [1.0, 0.2, 0.0]
    """
    n = len(values)
    if regions < 2 or n < 2:
        return 1.0
    centred = (values - values.mean(0)).view(n, -1, regions)
    means = centred.mean(2, keepdim=True)
    between = regions * means.square().sum(dtype=torch.float64) / (n - 1)
    within = (centred - means).square().sum(dtype=torch.float64) / ((n - 1) * (regions - 1))
    return 1.0 if within >= between else float((within / between).sqrt())


def weigh_layout(values: Float[torch.Tensor, "... kr"], regions: int, weight: float) -> Float[torch.Tensor, "... kr"]:
    """Multiply what each region differs by from its picture's mean; linear, and its own transpose.

    Args:
        values: Features, the regions of each side by side in the last dimension.
        regions: How many there are of each feature.
        weight: In [0, 1]; 1 changes nothing.

    Example:
        >>> weigh_layout(torch.tensor([[1.0, 3.0, 0.0, 0.0]]), 2, 0.5).tolist()
        [[1.5, 2.5, 0.0, 0.0]]
    """
    parts = values.reshape(*values.shape[:-1], -1, regions)
    means = parts.mean(-1, keepdim=True)
    return (means + weight * (parts - means)).flatten(-2)
