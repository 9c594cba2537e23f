"""Contrastive learning: two views of an item should be nearer to each other than views of two items.

Chen et al., A Simple Framework for Contrastive Learning of Visual Representations, 2020 (arXiv:2002.05709).

Example:
    >>> a = torch.eye(4)
    >>> bool(ntxent(torch.stack([a, a]), 0.2) < ntxent(torch.stack([a, a.flip(0)]), 0.2))
    True
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


class Projector(nn.Module):
    """A projection of vectors for the loss; discarded after training.

    Args:
        dim: Length of an encoder's vectors.
        hidden: Width of the hidden layer.
        out: Length of the projected vectors.
    """

    def __init__(self, dim: int, hidden: int = 256, out: int = 128) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(dim, hidden, bias=False),
            nn.BatchNorm1d(hidden, track_running_stats=False),
            nn.ReLU(),
            nn.Linear(hidden, out),
        )

    def forward(self, x: Float[Tensor, "b d"]) -> Float[Tensor, "b out"]:
        """Project."""
        return self.layers(x)  # type: ignore[no-any-return]


def ntxent(z: Float[Tensor, "v b d"], temperature: float) -> Float[Tensor, ""]:
    """The normalized-temperature cross-entropy of v views of b items, averaged over all pairs of views.

    Args:
        z: Projected vectors of any norm.
        temperature: > 0; a lower value gives more weight to the most similar other items.
    """
    v, b, _ = z.shape
    rows = F.normalize(z, dim=-1).flatten(0, 1)  # (v b, d)
    similarity = rows @ rows.T / temperature
    similarity = similarity.masked_fill(torch.eye(v * b, dtype=torch.bool, device=z.device), float("-inf"))
    log_probability = similarity.log_softmax(1)

    # i * b positions further, there is another view of the same item
    here = torch.arange(v * b, device=z.device)
    pairs = [log_probability[here, (here + b * i) % (v * b)].mean() for i in range(1, v)]
    return -torch.stack(pairs).mean()
