"""The dense network: frozen maps of several strides, joined at the finest one, and two convolutions.

The maps are standardized, each brought to the same number of channels by a product per place, resized to the finest
grid and added; then two convolutions of 3 × 3 places (for parts in a row: 5) and one output a class. Joining by sums is
from Lin et al., Feature Pyramid Networks, CVPR 2017 (arXiv:1612.03144). On magnetic tiles, two convolutions find four
times as much of a defect as a linear output per place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


class Dense(Protocol):
    """A taught network, in PyTorch or in another runtime."""

    def __call__(self, levels: Sequence[Tensor], there: Tensor | None = None, /) -> Tensor:
        """The logits at the finest level."""
        ...

    def hidden(self, levels: Sequence[Tensor], there: Tensor | None = None) -> Tensor:
        """The channels before the outputs."""
        ...

    def standard(self, level: Tensor, k: int) -> Tensor:
        """A standardized level."""
        ...


class DenseNetwork(nn.Module):
    """Levels of part vectors -> one logit a class and place.

    Args:
        means: For each level, (d,) mean of its vectors.
        scales: For each level, (d,) one over their standard deviation.
        n_classes: Number of outputs.
        hidden: Channels between.
        flat: Whether parts lie in a row.
        dropout: Share of channels that are dropped in training, against learning few items by heart.
    """

    def __init__(
        self,
        means: Sequence[Tensor],
        scales: Sequence[Tensor],
        n_classes: int,
        *,
        hidden: int,
        flat: bool,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        kernel, padding = ((1, 5), (0, 2)) if flat else ((3, 3), (1, 1))
        self.flat = flat
        self.drop = nn.Dropout2d(dropout)
        self.depth = len(means)
        for k, (mean, scale) in enumerate(zip(means, scales, strict=True)):
            self.register_buffer(f"mean{k}", mean.view(1, -1, 1, 1))
            self.register_buffer(f"scale{k}", scale.view(1, -1, 1, 1))
        self.enter = nn.ModuleList(nn.Conv2d(len(mean), hidden, 1) for mean in means)
        self.first = nn.Conv2d(hidden, hidden, kernel, padding=padding)
        self.second = nn.Conv2d(hidden, hidden, kernel, padding=padding)
        self.out = nn.Conv2d(hidden, n_classes, 1)
        # rare classes: training starts from few positives, not from half
        if self.out.bias is not None:
            nn.init.constant_(self.out.bias, -2.0)

    def forward(
        self, levels: Sequence[Float[Tensor, "b d r c"]], there: Float[Tensor, "b 1 r c"] | None = None
    ) -> Float[Tensor, "b k r c"]:
        """Compute the logits at the finest level; arguments as of ``hidden``."""
        found: Tensor = self.out(self.hidden(levels, there))
        return found

    def hidden(
        self, levels: Sequence[Float[Tensor, "b d r c"]], there: Float[Tensor, "b 1 r c"] | None = None
    ) -> Float[Tensor, "b h r c"]:
        """The channels before the outputs.

        Args:
            levels: The vectors of the parts, the finest level first.
            there: 1 where an item has a part, 0 where it is padded: what an item is found to hold must not depend on
                how long the items beside it are. None if no item is padded.
        """
        size = levels[0].shape[2:]
        x: Tensor = torch.zeros(())
        for k, (level, enter) in enumerate(zip(levels, self.enter, strict=True)):
            narrow = enter(self.drop(self.standard(level, k)))
            if narrow.shape[2:] != size:
                narrow = F.interpolate(narrow, size, mode="bilinear", align_corners=False)
            x = narrow if k == 0 else x + narrow
        inside: Tensor | float = 1.0 if there is None else there
        x = F.relu(x) * inside
        x = (x + F.relu(self.first(x))) * inside
        found: Tensor = x + F.relu(self.second(self.drop(x)))
        return found

    def standard(self, level: Float[Tensor, "b d r c"], k: int) -> Float[Tensor, "b d r c"]:
        """Standardize a level; values beyond eight deviations are cut."""
        mean, scale = getattr(self, f"mean{k}"), getattr(self, f"scale{k}")
        found: Tensor = ((level - mean) * scale).clamp(-8, 8)
        return found


def region_loss(
    logits: Float[Tensor, "b k r c"], targets: Float[Tensor, "b k r c"], known: Float[Tensor, "b k r c"]
) -> Tensor:
    """Binary cross-entropy, in which small regions count more, and the Dice loss.

    Covered places weigh one over the root of their number in the item, relative to the batch: a defect of a hundred
    patches counts ten times as much as one of a single patch, not a hundred times. Dice: Milletari, Navab & Ahmadi,
    V-Net, 3DV 2016 (arXiv:1606.04797).

    Args:
        logits: Outputs.
        targets: Covered share of each place, in [0, 1].
        known: 1 for places that count, 0 for others.
    """
    covered = (targets * known).sum((2, 3))  # (b, k)
    there = covered > 0
    typical = covered[there].mean() if bool(there.any()) else torch.tensor(1.0)
    factor = (typical / covered.clamp_min(1.0)).sqrt()[:, :, None, None]
    weight = known * (1 + targets * (factor - 1))
    cross = F.binary_cross_entropy_with_logits(logits, targets, weight, reduction="sum") / known.sum().clamp_min(1)
    probs = logits.sigmoid() * known
    shared = (probs * targets).sum((2, 3))
    dice = 1 - (2 * shared + 1) / (probs.sum((2, 3)) + covered + 1)
    # a class that an item lacks has no Dice: the cross-entropy holds it down
    return 5 * cross + (dice[there].mean() if bool(there.any()) else torch.zeros(()))
