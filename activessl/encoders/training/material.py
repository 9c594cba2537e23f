"""The training data of a run: items and random views of them, as patches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from jaxtyping import Float, Int
from torch import Tensor

from activessl.encoders.images.augment import Augmentation
from activessl.encoders.images.regions import means_by_region
from activessl.encoders.training.sharing import Share
from activessl.encoders.training.vit import Patches, ViT, ViTConfig, patchify


class Material(Protocol):
    """Items of one form of data, decoded and in memory."""

    def __len__(self) -> int: ...

    def tensors(self) -> dict[str, Tensor]:
        """Tensors that an encoder of these items needs beside its weights, such as means and standard deviations."""
        ...

    def patches(self, rows: Int[Tensor, " b"]) -> Patches:
        """Items without augmentation: (b, n, p)."""
        ...

    def view(self, rows: Int[Tensor, " s"], generator: torch.Generator, share: Share | None = None) -> Patches:
        """One random view of each item, or of a process's share of the items: (b, n, p)."""
        ...

    def alike(self, rows: Int[Tensor, " b"], generator: torch.Generator) -> Patches | None:
        """Slightly changed items, whose vectors should be the same; None if this is not used for the form of data."""
        ...

    def vectors(self, vit: ViT, patches: Patches, grid: int) -> Float[Tensor, "b d"]:
        """Compute item vectors: tokens averaged over a number of regions."""
        ...


@dataclass(frozen=True, eq=False)
class ImageMaterial:
    """Images.

    Attributes:
        images: (n, c, s, s) of uint8, on the device where views are made.
        config: Shape of the patches and of the transformer.
        augment: Random changes of views.
        slight: Random changes of views whose vectors should be the same; None if not used.
        mean: (c,) mean of the pixels in [0, 1].
        std: (c,) standard deviation of the pixels.
    """

    images: Tensor
    config: ViTConfig
    augment: Augmentation
    slight: Augmentation | None
    mean: Tensor
    std: Tensor

    @classmethod
    def of(
        cls,
        images: Tensor,
        config: ViTConfig,
        augment: Augmentation,
        device: torch.device,
        slight: Augmentation | None = None,
    ) -> ImageMaterial:
        """Keep images (n, c, s, s) of uint8 on the device, with mean and standard deviation of about 1,000 of them."""
        values = images[:: max(1, len(images) // 1000)].float() / 255
        mean, std = values.mean((0, 2, 3)), values.std((0, 2, 3)).clamp_min(1 / 255)
        return cls(images.to(device), config, augment, slight, mean, std)

    def __len__(self) -> int:
        return len(self.images)

    def tensors(self) -> dict[str, Tensor]:
        """Mean and standard deviation of the pixels."""
        return {"mean": self.mean, "std": self.std}

    def patches(self, rows: Int[Tensor, " b"]) -> Patches:
        """Images without augmentation."""
        return self._cut(self.images[rows].float() / 255)

    def view(self, rows: Int[Tensor, " s"], generator: torch.Generator, share: Share | None = None) -> Patches:
        """Augmented images."""
        share = share or Share(len(rows))
        return self._cut(self.augment(self.images[rows[share.mine]].float() / 255, generator, share))

    def alike(self, rows: Int[Tensor, " b"], generator: torch.Generator) -> Patches | None:
        """Slightly augmented images; None if not used."""
        if self.slight is None:
            return None
        return self._cut(self.slight(self.images[rows].float() / 255, generator).clamp(0, 1))

    def vectors(self, vit: ViT, patches: Patches, grid: int) -> Float[Tensor, "b d"]:
        """Tokens averaged over a grid of regions."""
        return pool_tokens(vit, patches.values, grid)

    def _cut(self, images: Tensor) -> Patches:
        ready = normalise(images, self.mean.to(images.device), self.std.to(images.device))
        return Patches(patchify(ready, self.config.patch))


@torch.inference_mode()
def pool_tokens(vit: ViT, patches: Tensor, grid: int) -> Tensor:
    """Average the tokens of image patches (b, n, p) over a grid of regions: (b, grid² dim)."""
    return tokens_by_region(vit, patches, grid)


def tokens_by_region(vit: ViT, patches: Tensor, grid: int) -> Tensor:
    """The result of ``pool_tokens``, with a gradient."""
    tokens = vit(patches)  # (b, n, d)
    side = round(tokens.shape[1] ** 0.5)
    maps = tokens.transpose(1, 2).unflatten(2, (side, side))  # (b, d, side, side)
    return means_by_region(maps, min(grid, side)).flatten(1)


def normalise(images: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Subtract the mean (c,) of each channel of images (b, c, s, s) and divide by its standard deviation (c,)."""
    return (images - mean.view(-1, 1, 1)) / std.view(-1, 1, 1)
