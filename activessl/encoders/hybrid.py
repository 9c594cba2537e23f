"""Masked and contrastive learning in one objective.

Each image is seen in two augmented views, half of each view's patches are hidden, and one pass through the encoder
serves both losses: the views' mean tokens must recognise each other among the batch, and a narrow decoder draws what
was hidden. Hiding half of the patches halves the cost of the encoder.

Mishra et al., A Simple, Efficient and Scalable Contrastive Masked Autoencoder, 2022 (arXiv:2210.16870).

Example:
    >>> _ = torch.manual_seed(0)
    >>> objective = Objective(ViTConfig(side=8, channels=1, patch=2), Weights())
    >>> loss = objective(torch.rand(2, 5, 1, 8, 8), torch.Generator().manual_seed(0))
    >>> sorted(loss), loss["total"].requires_grad
    (['contrastive', 'masked', 'total'], True)
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from activessl.encoders.contrastive import Projector, ntxent
from activessl.encoders.masked import Decoder, masked_loss, random_keep
from activessl.encoders.vit import ViT, ViTConfig, patchify


@dataclass(frozen=True)
class Weights:
    """What the objective is made of.

    Attributes:
        masked: Weight of the drawing loss; 0 leaves the decoder out.
        contrastive: Weight of the contrastive loss; 0 leaves the projector out.
        keep: Fraction of patches that are seen.
        temperature: Of the contrastive loss.
    """

    masked: float = 1.0
    contrastive: float = 1.0
    keep: float = 0.5
    temperature: float = 0.2


class Objective(nn.Module):
    """The encoder with what it needs while it learns.

    Args:
        config: The encoder's shape.
        weights: What to learn.
    """

    def __init__(self, config: ViTConfig, weights: Weights) -> None:
        super().__init__()
        self.weights = weights
        self.encoder = ViT(config)
        self.decoder = Decoder(config) if weights.masked else None
        self.projector = Projector(config.dim) if weights.contrastive else None

    def forward(self, views: Float[Tensor, "v b c s s"], generator: torch.Generator) -> dict[str, Tensor]:
        """The losses of v views of b images.

        Args:
            views: Augmented and normalised images.
            generator: Decides which patches are hidden.

        Returns:
            "total", and each part that has a weight.
        """
        v, b = views.shape[:2]
        patches = patchify(views.flatten(0, 1), self.encoder.config.patch)  # (v b, n, p)
        keep = random_keep(v * b, patches.shape[1], self.weights.keep, generator).to(patches.device)
        tokens = self.encoder(patches, keep)  # (v b, k, d)

        losses: dict[str, Tensor] = {}
        total = tokens.new_zeros(())
        if self.decoder is not None:
            losses["masked"] = masked_loss(self.decoder(tokens, keep), patches, keep)
            total = total + self.weights.masked * losses["masked"]
        if self.projector is not None:
            z = self.projector(tokens.mean(1)).view(v, b, -1)
            losses["contrastive"] = ntxent(z, self.weights.temperature)
            total = total + self.weights.contrastive * losses["contrastive"]
        return losses | {"total": total}
