"""Masked autoencoding: encode some of the patches, reconstruct the others.

He et al., Masked Autoencoders Are Scalable Vision Learners, 2022 (arXiv:2111.06377).

Alone, it gives poor nearest neighbors (arXiv:2111.06377 needs fine-tuning): use it as a part of ``hybrid``.

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
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from activessl.encoders.training.sharing import Share
from activessl.encoders.training.vit import Block, Shape, ViT, ViTConfig, first_positions, patchify

__all__ = ["Decoder", "ViT", "ViTConfig", "masked_loss", "patchify", "random_keep"]


class Decoder(nn.Module):
    """Tokens of the visible patches -> values of all patches, by one narrow block.

    Args:
        config: The encoder's shape.
        dim: Length of the decoder's tokens.
    """

    def __init__(self, config: Shape, dim: int = 32) -> None:
        super().__init__()
        self.config = config
        self.enter = nn.Linear(config.dim, dim)
        self.hidden = nn.Parameter(torch.zeros(dim))  # the token of every hidden patch
        self.block = Block(dim, heads=2)
        self.leave = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, config.patch_dim))
        self.register_buffer("position", config.positions(dim), persistent=False)
        self.position: Tensor

    def forward(
        self,
        tokens: Float[Tensor, "b k d"],
        keep: Int[Tensor, "b k"],
        there: Bool[Tensor, "b n"] | None = None,
    ) -> Float[Tensor, "b n p"]:
        """Reconstruct all patches; ``there`` marks the existing patches if items have different numbers of patches."""
        seen = self.enter(tokens)  # (b, k, dim)
        b, _, dim = seen.shape
        n = len(self.position) if there is None else there.shape[1]
        every = self.hidden.to(seen.dtype).expand(b, n, dim).scatter(1, keep[:, :, None].expand(-1, -1, dim), seen)
        out: Tensor = self.leave(self.block(every + first_positions(self.position, self.config, n), there))
        return out


def random_keep(
    b: int, n: int, fraction: float, generator: torch.Generator, there: Bool[Tensor, "b n"] | None = None
) -> Int[Tensor, "b k"]:
    """Draw the positions of the visible patches of b items: at least one of n patches; the rest is masked.

    Args:
        b: Number of items.
        n: Patches per item.
        fraction: Share of an item's patches that stay visible.
        generator: Source of the random numbers.
        there: The existing patches, if items have different numbers of patches. An item with fewer patches has fewer
            visible patches: its row is filled up with positions without a patch.
    """
    return kept(torch.rand(b, n, generator=generator), fraction, there)


def kept(order: Float[Tensor, "b n"], fraction: float, there: Bool[Tensor, "b n"] | None = None) -> Int[Tensor, "b k"]:
    """Positions of the patches with the lowest values of ``order``, in [0, 1); the counts are as in ``random_keep``."""
    n = order.shape[1]
    k = max(1, round(n * fraction))
    if there is None:
        return order.argsort(1)[:, :k]

    # visible patches first, then missing patches, then hidden patches
    there = there.to(order.device)
    order = order.masked_fill(~there, 1.0).argsort(1)  # existing patches come first
    quota = (there.sum(1) * fraction).round().clamp_min(1)
    place = torch.arange(n)
    last = torch.where(there.gather(1, order), torch.where(place < quota[:, None], 0, 2), 1)
    return order.gather(1, last.argsort(dim=1, stable=True))[:, :k]


def masked_loss(
    drawn: Float[Tensor, "b n p"],
    patches: Float[Tensor, "b n p"],
    keep: Int[Tensor, "b k"],
    known: Bool[Tensor, "b n p"] | None = None,
    share: Share | None = None,
) -> Float[Tensor, ""]:
    """Mean squared error over hidden patches; with ``share``, over those of all processes (``Share.mean``).

    Each patch is normalized to mean 0 and variance 1, unless ``known`` marks the known values: these are compared
    without normalization, because the main information in a patch of few numbers is its level.
    """
    if known is None:
        error = (drawn - target_of(patches)).square().mean(-1)  # (b, n)
        weight = torch.ones_like(error)
    else:
        weight = known.float().mean(-1)  # (b, n): the share of known values in a patch
        error = ((drawn - patches) * known).square().mean(-1) / weight.clamp_min(1e-6)
    hidden = weight.scatter(1, keep, 0.0)  # 0 = visible or missing
    return (share or Share(len(keep))).mean((error * hidden).sum(), hidden.sum())


def target_of(patches: Float[Tensor, "b n p"]) -> Float[Tensor, "b n p"]:
    """The target of the reconstruction: each patch with mean 0 and variance 1."""
    mean, spread = normaliser(patches)
    return (patches - mean) / spread


def normaliser(patches: Float[Tensor, "b n p"]) -> tuple[Float[Tensor, "b n 1"], Float[Tensor, "b n 1"]]:
    """The mean of each patch, and the divisor: the root of its variance + 0.01."""
    mean, variance = patches.mean(-1, keepdim=True), patches.var(-1, keepdim=True, correction=0)
    # 0.01 prevents the noise of flat patches from dominating the loss
    return mean, (variance + 0.01).sqrt()
