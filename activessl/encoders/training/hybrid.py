"""Masked and contrastive learning in one objective.

Two augmented views are made of each item, half of each view's patches are hidden, and one pass through the encoder
serves both losses: the mean tokens of the two views must match within the batch, and a narrow decoder reconstructs
the hidden patches. Hiding half of the patches halves the cost of the encoder.

Mishra et al., A Simple, Efficient and Scalable Contrastive Masked Autoencoder, 2022 (arXiv:2210.16870).

Example:
    >>> _ = torch.manual_seed(0)
    >>> objective = Objective(ViTConfig(side=8, channels=1, patch=2), Weights())
    >>> views = patchify(torch.rand(10, 1, 8, 8), 2).unflatten(0, (2, 5))
    >>> loss = objective(Patches(views), torch.Generator().manual_seed(0))
    >>> sorted(loss), loss["total"].requires_grad
    (['contrastive', 'masked', 'total'], True)
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from activessl.encoders.compute.precision import computing, training_precision
from activessl.encoders.training.contrastive import Projector, ntxent
from activessl.encoders.training.masked import Decoder, kept, masked_loss
from activessl.encoders.training.sharing import Share
from activessl.encoders.training.vit import Patches, Shape, ViT, ViTConfig, mean_token, patchify

__all__ = ["Objective", "Patches", "ViTConfig", "Weights", "patchify"]


@dataclass(frozen=True)
class Weights:
    """The weights of the losses, and their settings.

    Attributes:
        masked: Weight of the reconstruction loss; 0 leaves the decoder out.
        contrastive: Weight of the contrastive loss; 0 leaves the projector out.
        keep: Fraction of visible patches.
        temperature: Temperature of the contrastive loss.
    """

    masked: float = 1.0
    contrastive: float = 1.0
    keep: float = 0.5
    temperature: float = 0.2


class Objective(nn.Module):
    """The encoder with the decoder and the projector that it needs during training.

    Args:
        config: The encoder's shape.
        weights: The weights of the losses.
    """

    def __init__(self, config: Shape, weights: Weights) -> None:
        super().__init__()
        self.weights = weights
        self.encoder = ViT(config)
        self.decoder = Decoder(config) if weights.masked else None
        self.projector = Projector(config.dim) if weights.contrastive else None

    def forward(self, views: Patches, generator: torch.Generator, share: Share | None = None) -> dict[str, Tensor]:
        """Compute the losses of v views of b items.

        Args:
            views: (v, b, n, p) patches of augmented and normalized items.
            generator: Source of the random numbers that choose the hidden patches.
            share: The part of the step's items in ``views``, if several processes share the step; the mean of their
                losses is then the loss of the step.

        Returns:
            "total", and each loss with a weight above 0.
        """
        v, b = views.values.shape[:2]
        share = share or Share(b)
        patches = views.flatten()  # (v b, n, p)
        there, n, device = patches.there, patches.values.shape[1], patches.values.device
        order = torch.rand(v, share.items, n, generator=generator)[:, share.mine].flatten(0, 1)
        keep = kept(order, self.weights.keep, there).to(device)
        with computing(training_precision(device), device):
            tokens = self.encoder(patches.entry, keep, there)  # (v b, k, d)
            drawn = None if self.decoder is None else self.decoder(tokens, keep, there)  # (v b, n, p)
        tokens = tokens.float()

        losses: dict[str, Tensor] = {}
        total = tokens.new_zeros(())
        if drawn is not None:
            losses["masked"] = masked_loss(drawn.float(), patches.values, keep, patches.known, share)
            total = total + self.weights.masked * losses["masked"]
        if self.projector is not None:
            seen = mean_token(tokens, None if there is None else there.gather(1, keep)).view(v, b, -1)
            every = share.gathered(seen)  # before the projector, which normalizes over the batch
            z = self.projector(every.flatten(0, 1)).view(v, share.items, -1)
            losses["contrastive"] = ntxent(z, self.weights.temperature)
            total = total + self.weights.contrastive * losses["contrastive"]
        return losses | {"total": total}
