"""A small vision transformer that can leave patches out.

Dosovitskiy et al., An Image is Worth 16x16 Words, 2021 (arXiv:2010.11929); leaving the masked patches out of the
encoder is from He et al., Masked Autoencoders Are Scalable Vision Learners, 2022 (arXiv:2111.06377).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn


@dataclass(frozen=True)
class ViTConfig:
    """The shape of a transformer.

    Attributes:
        side: Height and width of its images, a multiple of ``patch``.
        channels: 1 or 3.
        patch: Side of a patch in pixels.
        dim: Length of a token, a multiple of 4 and of ``heads``.
        depth: Number of blocks.
        heads: Attention heads.
    """

    side: int
    channels: int
    patch: int
    dim: int = 64
    depth: int = 3
    heads: int = 4

    @property
    def grid(self) -> int:
        """Patches along each side."""
        return self.side // self.patch

    @property
    def patch_dim(self) -> int:
        """Values in a patch."""
        return self.channels * self.patch**2


def patchify(images: Float[Tensor, "b c s s"], patch: int) -> Float[Tensor, "b n p"]:
    """Cut images into patches, row by row; each patch's values run over channels, then rows, then columns.

    Example:
        >>> patchify(torch.arange(16.0).view(1, 1, 4, 4), 2)[0, 1].tolist()
        [2.0, 3.0, 6.0, 7.0]
    """
    b, c, s, _ = images.shape
    g = s // patch
    cut = images.view(b, c, g, patch, g, patch).permute(0, 2, 4, 1, 3, 5)  # (b, g, g, c, patch, patch)
    return cut.reshape(b, g * g, c * patch * patch)


def positions(dim: int, grid: int) -> Float[Tensor, "n d"]:
    """Sines and cosines of the row and the column of each patch, at wavelengths from 2π to 2π 10,000."""
    frequencies = 10_000.0 ** -(torch.arange(dim // 4) / (dim // 4))
    row, column = torch.meshgrid(torch.arange(grid), torch.arange(grid), indexing="ij")
    angles = [where.flatten()[:, None] * frequencies for where in (row, column)]
    return torch.cat([wave(angle) for angle in angles for wave in (torch.sin, torch.cos)], dim=1)


class Block(nn.Module):
    """Attention, then a perceptron, each added to what came in."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.qkv = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))

    def forward(self, x: Float[Tensor, "b n d"]) -> Float[Tensor, "b n d"]:
        """One block."""
        b, n, d = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(b, n, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v)  # (b, heads, n, d / heads)
        x = x + self.out(mixed.transpose(1, 2).reshape(b, n, d))
        out: Tensor = x + self.mlp(self.norm2(x))
        return out


class ViT(nn.Module):
    """Patches -> tokens; no class token, an image's vector is the mean of its tokens.

    Args:
        config: Its shape.
    """

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        self.config = config
        self.embed = nn.Linear(config.patch_dim, config.dim)
        self.blocks = nn.ModuleList(Block(config.dim, config.heads) for _ in range(config.depth))
        self.norm = nn.LayerNorm(config.dim)
        self.register_buffer("position", positions(config.dim, config.grid), persistent=False)
        self.position: Tensor

    def forward(self, patches: Float[Tensor, "b n p"], keep: Int[Tensor, "b k"] | None = None) -> Tensor:
        """Encode patches.

        Args:
            patches: From ``patchify``.
            keep: The positions of the patches that are seen; all of them by default.

        Returns:
            (b, k, d) a token for each patch that is seen.
        """
        # leave the masked patches out before embedding: they cost nothing
        position = self.position.expand(len(patches), -1, -1)
        if keep is not None:
            patches = take(patches, keep)
            position = take(position, keep)

        x = self.embed(patches) + position  # (b, k, d)
        for block in self.blocks:
            x = block(x)
        out: Tensor = self.norm(x)
        return out


def take(rows: Float[Tensor, "b n d"], keep: Int[Tensor, "b k"]) -> Float[Tensor, "b k d"]:
    """The rows at ``keep``, for each member of the batch its own."""
    return torch.gather(rows, 1, keep[:, :, None].expand(-1, -1, rows.shape[-1]))
