"""Masked autoencoding: see some of the patches, draw the others.

He et al., Masked Autoencoders Are Scalable Vision Learners, 2022 (arXiv:2111.06377).

On its own it makes poor neighbours (arXiv:2111.06377 needs fine-tuning): use it as a part of ``hybrid``.

Example:
    >>> _ = torch.manual_seed(0)
    >>> vit = ViT(ViTConfig(side=8, channels=1, patch=2))
    >>> patches = patchify(torch.rand(3, 1, 8, 8), 2)
    >>> keep = random_keep(3, 16, 0.5, torch.Generator().manual_seed(0))
    >>> decoder = Decoder(vit.config)
    >>> loss = masked_loss(decoder(vit(patches, keep), keep), patches, keep)
    >>> loss.ndim, bool(loss > 0)
    (0, True)
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from activessl.encoders.vit import Block, ViT, ViTConfig, patchify, positions

__all__ = ["Decoder", "ViT", "ViTConfig", "masked_loss", "patchify", "random_keep"]


class Decoder(nn.Module):
    """Tokens of the patches that were seen -> values of all patches, by one narrow block.

    Args:
        config: The encoder's shape.
        dim: Length of the decoder's tokens.
    """

    def __init__(self, config: ViTConfig, dim: int = 32) -> None:
        super().__init__()
        self.enter = nn.Linear(config.dim, dim)
        self.hidden = nn.Parameter(torch.zeros(dim))  # stands for a patch that was not seen
        self.block = Block(dim, heads=2)
        self.leave = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, config.patch_dim))
        self.register_buffer("position", positions(dim, config.grid), persistent=False)
        self.position: Tensor

    def forward(self, tokens: Float[Tensor, "b k d"], keep: Int[Tensor, "b k"]) -> Float[Tensor, "b n p"]:
        """Draw all patches."""
        seen = self.enter(tokens)  # (b, k, dim)
        b, _, dim = seen.shape
        every = self.hidden.expand(b, len(self.position), dim).scatter(1, keep[:, :, None].expand(-1, -1, dim), seen)
        out: Tensor = self.leave(self.block(every + self.position))
        return out


def random_keep(b: int, n: int, fraction: float, generator: torch.Generator) -> Int[Tensor, "b k"]:
    """Positions of the patches that each of b images shows: at least one of n, the rest is masked."""
    order = torch.rand(b, n, generator=generator).argsort(1)
    return order[:, : max(1, round(n * fraction))]


def masked_loss(
    drawn: Float[Tensor, "b n p"], patches: Float[Tensor, "b n p"], keep: Int[Tensor, "b k"]
) -> Float[Tensor, ""]:
    """Mean squared error over the patches that were not seen, each normalised to mean 0 and variance 1."""
    mean, variance = patches.mean(-1, keepdim=True), patches.var(-1, keepdim=True, correction=0)
    # 0.01 keeps the noise of flat patches from becoming the whole loss
    target = (patches - mean) / (variance + 0.01).sqrt()
    error = (drawn - target).square().mean(-1)  # (b, n)
    hidden = torch.ones_like(error).scatter(1, keep, 0.0)  # 1 = was not seen
    return (error * hidden).sum() / hidden.sum().clamp_min(1.0)
