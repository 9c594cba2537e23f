"""A small transformer over patches of images or of other data; masked patches are left out of the encoder.

Dosovitskiy et al., An Image is Worth 16x16 Words, 2021 (arXiv:2010.11929); leaving masked patches out of the encoder
is from He et al., Masked Autoencoders Are Scalable Vision Learners, 2022 (arXiv:2111.06377).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn


class Shape(Protocol):
    """The shape of a transformer and of its patches."""

    @property
    def dim(self) -> int:
        """Length of a token."""
        ...

    @property
    def depth(self) -> int:
        """Number of blocks."""
        ...

    @property
    def heads(self) -> int:
        """Attention heads."""
        ...

    @property
    def patch_dim(self) -> int:
        """Values in a patch."""
        ...

    @property
    def entry_dim(self) -> int:
        """Length of the input per patch: its values, and flags of known values if there are any."""
        ...

    def positions(self, dim: int, n: int | None = None) -> Float[Tensor, "n d"]:
        """The position codes that are added to the tokens of n patches; n is the usual number by default."""
        ...

    def to_json(self) -> dict[str, Any]:
        """As JSON values, for the encoder's configuration."""
        ...


@dataclass(frozen=True, eq=False)
class Patches:
    """Items cut into patches.

    Attributes:
        values: (…, n, p), 0 for missing values.
        known: (…, n, p) bool, True for known values; None if all values are known.
    """

    values: Tensor
    known: Tensor | None = None

    @property
    def there(self) -> Tensor | None:
        """(…, n) the patches that hold a value; the first patch of an item without values counts as existing."""
        if self.known is None:
            return None
        there = self.known.any(-1)
        there[..., 0] |= ~there.any(-1)
        return there

    @property
    def entry(self) -> Tensor:
        """(…, n, e) the input of a transformer: the values, and the flags ``known`` if values can be missing."""
        return self.values if self.known is None else torch.cat([self.values, self.known.to(self.values.dtype)], -1)

    def to(self, device: torch.device) -> Patches:
        """The same patches on a device."""
        return Patches(self.values.to(device), None if self.known is None else self.known.to(device))

    def flatten(self) -> Patches:
        """All items along one dimension: (b, n, p)."""
        return Patches(self.values.flatten(0, -3), None if self.known is None else self.known.flatten(0, -3))


@dataclass(frozen=True)
class ViTConfig:
    """The shape of a transformer over images.

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

    @property
    def entry_dim(self) -> int:
        """Values in a patch: all values of an image are known."""
        return self.patch_dim

    def positions(self, dim: int, n: int | None = None) -> Float[Tensor, "n d"]:  # noqa: ARG002  always the same n
        """Sines and cosines of each patch's row and column."""
        return positions(dim, self.grid)

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


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


def unpatchify(patches: Float[Tensor, "b n p"], channels: int) -> Float[Tensor, "b c s s"]:
    """Put patches of ``patchify`` together again.

    Example:
        >>> images = torch.rand(2, 3, 8, 8)
        >>> torch.equal(unpatchify(patchify(images, 4), 3), images)
        True
    """
    b, n, p = patches.shape
    g, patch = round(n**0.5), round((p / channels) ** 0.5)
    laid = patches.view(b, g, g, channels, patch, patch).permute(0, 3, 1, 4, 2, 5)  # (b, c, g, patch, g, patch)
    return laid.reshape(b, channels, g * patch, g * patch)


def positions(dim: int, grid: int) -> Float[Tensor, "n d"]:
    """Sines and cosines of the row and the column of each patch, with wavelengths from 2π to 2π 10,000."""
    frequencies = 10_000.0 ** -(torch.arange(dim // 4) / (dim // 4))
    row, column = torch.meshgrid(torch.arange(grid), torch.arange(grid), indexing="ij")
    angles = [where.flatten()[:, None] * frequencies for where in (row, column)]
    return torch.cat([wave(angle) for angle in angles for wave in (torch.sin, torch.cos)], dim=1)


class Block(nn.Module):
    """Attention, then a perceptron, each with a residual connection."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.qkv = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))

    def forward(self, x: Float[Tensor, "b n d"], there: Bool[Tensor, "b n"] | None = None) -> Float[Tensor, "b n d"]:
        """Apply one block; tokens of missing patches get no attention."""
        seen = None if there is None else there[:, None, None, :]  # (b, heads, from, to)
        b, n, d = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(b, n, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=seen)  # (b, heads, n, d / heads)
        x = x + self.out(mixed.transpose(1, 2).reshape(b, n, d))
        out: Tensor = x + self.mlp(self.norm2(x))
        return out


class ViT(nn.Module):
    """Patches -> tokens; there is no class token, an item's vector is the mean of its tokens.

    Args:
        config: The shape of the transformer.
    """

    def __init__(self, config: Shape) -> None:
        super().__init__()
        self.config = config
        self.embed = nn.Linear(config.entry_dim, config.dim)
        self.blocks = nn.ModuleList(Block(config.dim, config.heads) for _ in range(config.depth))
        self.norm = nn.LayerNorm(config.dim)
        self.register_buffer("position", config.positions(config.dim), persistent=False)
        self.position: Tensor

    def forward(
        self,
        patches: Float[Tensor, "b n e"],
        keep: Int[Tensor, "b k"] | None = None,
        there: Bool[Tensor, "b n"] | None = None,
    ) -> Tensor:
        """Encode patches.

        Args:
            patches: ``Patches.entry``; for images, the result of ``patchify``.
            keep: The positions of the visible patches; all patches by default.
            there: The existing patches, if items have different numbers of patches; tokens of others are meaningless.

        Returns:
            (b, k, d) a token for each visible patch.
        """
        # leave masked patches out before the embedding, so that they cost no time
        position = first_positions(self.position, self.config, patches.shape[1]).expand(len(patches), -1, -1)
        if keep is not None:
            patches = take(patches, keep)
            position = take(position, keep)
            there = None if there is None else there.gather(1, keep)

        x = self.embed(patches) + position  # (b, k, d)
        for block in self.blocks:
            x = block(x, there)
        out: Tensor = self.norm(x)
        return out


def first_positions(held: Float[Tensor, "m d"], config: Shape, n: int) -> Float[Tensor, "n d"]:
    """The position codes of n patches: the stored ones, or new ones for an item that is longer than usual."""
    return held[:n] if n <= len(held) else config.positions(held.shape[1], n).to(held)


def mean_token(tokens: Float[Tensor, "b n d"], there: Bool[Tensor, "b n"] | None) -> Float[Tensor, "b d"]:
    """The mean of the tokens of existing patches.

    Example:
        >>> mean_token(torch.tensor([[[1.0], [9.0]]]), torch.tensor([[True, False]])).tolist()
        [[1.0]]
    """
    if there is None:
        return tokens.mean(1)
    return (tokens * there[:, :, None]).sum(1) / there.sum(1, keepdim=True)


def take(rows: Float[Tensor, "b n d"], keep: Int[Tensor, "b k"]) -> Float[Tensor, "b k d"]:
    """Select for each item of the batch its rows at ``keep``."""
    return torch.gather(rows, 1, keep[:, :, None].expand(-1, -1, rows.shape[-1]))
