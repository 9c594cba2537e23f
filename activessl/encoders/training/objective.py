"""The training run of a transformer on a pool, and the tensors that are saved."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from activessl.encoders.compute.device import best_device
from activessl.encoders.compute.side_by_side import parts
from activessl.encoders.health import health
from activessl.encoders.images.pixels import principal_components
from activessl.encoders.invariance import within_whitening
from activessl.encoders.training.hybrid import Objective, Weights
from activessl.encoders.training.loop import Loop, Pace
from activessl.encoders.training.material import Material
from activessl.encoders.training.sharing import Share
from activessl.encoders.training.vit import Patches, Shape


@dataclass(frozen=True)
class Recipe:
    """The settings of a training run.

    Attributes:
        dim: Length of a token.
        depth: Number of blocks.
        heads: Attention heads.
        patch: Side of a patch; by default an eighth of the image's side.
        side: Side of the image; by default the pool's median, at most 64.
        batch_size: Items in a step, each in two views.
        lr: Largest learning rate, reached after a tenth of the steps, falling to zero along a cosine.
        weight_decay: Weight decay of AdamW, on matrices only.
        grid: Regions, along each side of an image or along time, over which tokens are averaged for an item's vector.
        out: Number of principal components of those averages that are kept.
        patience: The label-free figures are checked twenty times in a run; the run ends early after this number of
            checks without improvement (``schedule.py``); 0 for never.
        checkpoint_seconds: Seconds between two checkpoints.
    """

    dim: int = 64
    depth: int = 3
    heads: int = 4
    patch: int | None = None
    side: int | None = None
    batch_size: int = 256
    lr: float = 1e-3
    weight_decay: float = 0.05
    grid: int = 4
    out: int = 128
    patience: int = 5
    checkpoint_seconds: float = 10.0


class TrainingRun:
    """One training run: the model, the training data, and the loop.

    Args:
        material: The training data.
        config: The encoder's shape.
        weights: The weights of the losses.
        recipe: The settings of the run.
        seed: Seed of weights, order, views and masks.
        checkpoint: The file from which the run is resumed.
    """

    def __init__(
        self, material: Material, config: Shape, weights: Weights, recipe: Recipe, seed: int, checkpoint: Path
    ) -> None:
        self.material, self.recipe, self.seed = material, recipe, seed

        # initial weights depend on the seed only, and the caller's generator stays unchanged
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.model = Objective(config, weights)
        self._embed_from_patches()
        self.model.to(best_device()).train()
        pace = Pace(recipe.lr, recipe.weight_decay, recipe.batch_size, recipe.patience, recipe.checkpoint_seconds)
        self.loop = Loop(self.model, self.loss, self.health, len(material), pace, seed, checkpoint)

    def health(self) -> dict[str, float]:
        """Label-free figures of two views of up to 500 items."""
        few, generator = self._few(500), torch.Generator().manual_seed(self.seed)
        views = [self.material.view(few, generator) for _ in range(2)]
        a, b = (self.material.vectors(self.model.encoder, view, 1).cpu().numpy() for view in views)
        return {name: round(value, 4) for name, value in health(a, b).items()}

    def tensors(self) -> dict[str, np.ndarray[Any, np.dtype[Any]]]:
        """The tensors of the trained encoder: transformer, decoder, normalization and PCA."""
        vit = self.model.encoder.eval()
        pooled = [
            self.material.vectors(vit, self.material.patches(rows), self.recipe.grid).cpu()
            for rows in parts(self._few(5_000), 256)
        ]
        pca_mean, pca = principal_components(torch.cat(pooled).clone(), self.recipe.out)
        pca = pca @ self._made_invariant(pca_mean, pca)
        weights = {f"vit.{name}": value.detach().cpu() for name, value in vit.state_dict().items()}
        if self.model.decoder is not None:  # used by ``reconstruction.py``
            drawing = self.model.decoder.state_dict()
            weights |= {f"decoder.{name}": value.detach().cpu() for name, value in drawing.items()}
        every = weights | self.material.tensors() | {"pca_mean": pca_mean, "pca": pca}
        return {name: value.numpy() for name, value in every.items()}

    def _made_invariant(self, pca_mean: Tensor, pca: Tensor) -> Tensor:
        """The matrix that scales down the directions in which slightly changed views of an item differ."""
        generator = torch.Generator().manual_seed(self.seed)
        views = []
        for _ in range(3):
            seen = []
            for rows in parts(self._few(1_000), 256):
                patches = self.material.alike(rows, generator)
                if patches is None:
                    return torch.eye(pca.shape[1])
                seen.append(self.material.vectors(self.model.encoder, patches, self.recipe.grid).cpu())
            views.append((torch.cat(seen) - pca_mean) @ pca)
        return within_whitening(torch.stack(views), ridge=0.1)

    def loss(self, rows: Tensor, generator: torch.Generator, share: Share) -> Tensor:
        """The loss of two random views of some items, of which this process takes a share."""
        views = both([self.material.view(rows, generator, share) for _ in range(2)])  # (2, b, n, p)
        total: Tensor = self.model(views, generator, share)["total"]
        return total

    def _embed_from_patches(self) -> None:
        """Initialize the patch embedding with the principal components of the pool's patches instead of noise."""
        embed = self.model.encoder.embed
        few = self.material.patches(self._few(500))
        patches = few.entry.flatten(0, 1).cpu()
        if few.there is not None:
            patches = patches[few.there.flatten().cpu()]
        _, directions = principal_components(patches, embed.out_features)
        spread = (patches @ directions).std(0).clamp_min(0.05)
        with torch.no_grad():
            embed.weight[: directions.shape[1]] = (directions / spread).T * 0.5

    def _few(self, most: int) -> Tensor:
        return torch.arange(0, len(self.material), max(1, math.ceil(len(self.material) / most)))


def both(views: list[Patches]) -> Patches:
    """Stack views (b, n, p) of the same items to (v, b, n, p); shorter views are padded."""
    longest = max(view.values.shape[1] for view in views)
    values = torch.stack([F.pad(view.values, (0, 0, 0, longest - view.values.shape[1])) for view in views])
    known = [F.pad(view.known, (0, 0, 0, longest - view.known.shape[1])) for view in views if view.known is not None]
    return Patches(values, torch.stack(known) if known else None)
