"""Low-rank changes of a large network's weights: few parameters to train and to store.

Hu et al., LoRA: Low-Rank Adaptation of Large Language Models, ICLR 2022 (arXiv:2106.09685).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize


class LowRank(nn.Module):
    """A matrix plus the product of a tall and a wide matrix; the product is zero before the first step.

    Args:
        rows: Rows of the matrix.
        columns: Columns of the matrix.
        rank: Rank of the product.
        generator: Random numbers for the initial values of the wide matrix.
    """

    def __init__(self, rows: int, columns: int, rank: int, generator: torch.Generator) -> None:
        super().__init__()
        self.tall = nn.Parameter(torch.zeros(rows, rank))
        self.wide = nn.Parameter(torch.randn(rank, columns, generator=generator) / columns**0.5)

    def forward(self, weight: Tensor) -> Tensor:
        """The changed matrix."""
        return weight + self.tall @ self.wide


def add_low_rank(network: nn.Module, *, rank: int, generator: torch.Generator) -> list[str]:
    """Add a trainable low-rank change to the later half of a network's linear layers, and freeze the rest.

    Args:
        network: Changed in place: all its original weights are frozen.
        rank: Rank of the changes, >= 1; reduced where a layer is narrower.
        generator: Random numbers for the initial values.

    Returns:
        The names of the layers.

    Example:
        >>> network = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
        >>> before = network(torch.ones(1, 4))
        >>> add_low_rank(network, rank=2, generator=torch.Generator().manual_seed(0))
        ['2']
        >>> torch.equal(network(torch.ones(1, 4)), before), sum(p.requires_grad for p in network.parameters())
        (True, 2)
    """
    network.requires_grad_(False)
    linear = [(name, layer) for name, layer in network.named_modules() if isinstance(layer, nn.Linear)]
    later = linear[len(linear) // 2 :]
    for _, layer in later:
        rows, columns = layer.weight.shape
        change = LowRank(rows, columns, min(rank, rows, columns), generator).to(layer.weight.device)
        parametrize.register_parametrization(layer, "weight", change)
    return [name for name, _ in later]


def merged(network: nn.Module, layers: list[str]) -> dict[str, Tensor]:
    """Compute the changed matrices by their names in the state of the original network; the network is not modified."""
    chosen: list[tuple[str, Any]] = [(name, network.get_submodule(name)) for name in layers]
    found: dict[str, Tensor] = {f"{name}.weight": layer.weight for name, layer in chosen}
    return {name: weight.detach().clone() for name, weight in found.items()}
