"""Encoders as trainable networks: from the tensor of an item to its vector, with a gradient."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from activessl.encoders.base import Encoder
from activessl.encoders.images.augment import Augmentation
from activessl.encoders.images.backbone import BackboneEncoder
from activessl.encoders.images.patches import PatchEncoder, region_means
from activessl.encoders.images.tensors import Pictures
from activessl.encoders.pretrain import TrainedEncoder
from activessl.encoders.sound.mel import MelInput
from activessl.encoders.sound.melpatches import VIEWS as OF_SOUND
from activessl.encoders.training.material import normalise, tokens_by_region
from activessl.encoders.training.vit import ViTConfig, patchify
from activessl.errors import EncoderError
from activessl.pool.pool import Pool
from activessl.tuning.lora import add_low_rank, merged

Tensors = dict[str, np.ndarray[Any, np.dtype[Any]]]

#: Least activation while training: the root of zero has no finite slope.
_ROOT = 1e-6
#: Views that labels are learned from: a whole item, or most of it.
_VIEWS = Augmentation(min_area=0.7, light=0.2, colour=0.1)


class Network(nn.Module, ABC):
    """The trainable network of an encoder.

    Attributes:
        source: Turns items into pictures.
        outdated: Prefix of the encoder's arrays that do not belong to the changed network; empty for none.
    """

    source: Pictures
    outdated: str = ""

    @property
    def views(self) -> Augmentation:
        """Augmentation of the views; the time axis of a sound is never reversed."""
        return OF_SOUND if isinstance(self.source, MelInput) else _VIEWS

    def read(self, pool: Pool) -> Tensor:
        """Read the items as tensors for training: (n, c, s, s) of uint8."""
        return torch.cat(list(self.source.batches(pool, 256)))

    @abstractmethod
    def forward(self, images: Tensor) -> Tensor:
        """Compute the encoder's vectors (b, d) of pictures (b, c, s, s) in [0, 1]."""

    @abstractmethod
    def saved(self) -> Tensors:
        """Return the arrays of the stored encoder that training changed, by name."""

    def learns(self) -> list[nn.Parameter]:
        """Return the trainable parameters."""
        return [p for p in self.parameters() if p.requires_grad]


class PatchNetwork(Network):
    """K-means on patches as a network of one layer; its centroids and its projection are trained."""

    def __init__(self, encoder: PatchEncoder) -> None:
        super().__init__()
        self.encoder, self.source = encoder, encoder.image
        self.centroids, self.pca = (nn.Parameter(t.clone()) for t in (encoder.codes.centroids, encoder.pca))
        fixed = {"mean": encoder.codes.mean, "whiten": encoder.codes.whiten, "pca_mean": encoder.pca_mean}
        for name, tensor in fixed.items():
            self.register_buffer(name, tensor.clone(), persistent=False)
        self.mean: Tensor
        self.whiten: Tensor
        self.pca_mean: Tensor

    def forward(self, images: Tensor) -> Tensor:
        """Pictures to vectors."""
        now = self.encoder.codes._replace(mean=self.mean, whiten=self.whiten, centroids=self.centroids)
        active = region_means(images, now)
        out: Tensor = (active.clamp_min(_ROOT).sqrt() - self.pca_mean) @ self.pca
        return out

    def saved(self) -> Tensors:
        """Return the centroids and the projection."""
        return {"centroids": _array(self.centroids), "pca": _array(self.pca)}


class TransformerNetwork(Network):
    """A transformer trained on the pool; the later half of its blocks, its last norm and its projection learn."""

    outdated = "decoder."  # it reconstructs from the tokens of the unchanged network

    def __init__(self, encoder: TrainedEncoder) -> None:
        super().__init__()
        self.source, self.grid, self.patch = encoder.image, encoder.grid, cast(ViTConfig, encoder.vit.config).patch
        self.vit = copy.deepcopy(encoder.vit).requires_grad_(False)
        self.vit.blocks[len(self.vit.blocks) // 2 :].requires_grad_(True)
        self.vit.norm.requires_grad_(True)
        self.pca = nn.Parameter(encoder.pca.clone())
        for name in ("mean", "std", "pca_mean"):
            self.register_buffer(name, getattr(encoder, name).clone(), persistent=False)
        self.mean: Tensor
        self.std: Tensor
        self.pca_mean: Tensor

    def forward(self, images: Tensor) -> Tensor:
        """Pictures to vectors."""
        patches = patchify(normalise(images, self.mean, self.std), self.patch)
        tokens = tokens_by_region(self.vit, patches, self.grid)
        out: Tensor = (tokens - self.pca_mean) @ self.pca
        return out

    def saved(self) -> Tensors:
        """Return the whole transformer and the projection."""
        return {f"vit.{name}": _array(t) for name, t in self.vit.state_dict().items()} | {"pca": _array(self.pca)}


class BackboneNetwork(Network):
    """A pretrained network; low-rank changes of the later half of its linear layers are trained."""

    def __init__(self, encoder: BackboneEncoder, *, rank: int, seed: int) -> None:
        super().__init__()
        self.source = encoder.image
        self.model = copy.deepcopy(encoder.model)
        self.encoder = replace(encoder, model=self.model)
        self.layers = add_low_rank(self.model, rank=rank, generator=torch.Generator().manual_seed(seed))
        if not self.layers:
            raise EncoderError(
                f"the network {type(encoder.model).__name__} has no linear layer to fine-tune",
                hint="use a transformer, or leave out fine-tuning",
            )

    def forward(self, images: Tensor) -> Tensor:
        """Pictures to vectors."""
        return self.encoder.forward(images).float()

    def saved(self) -> Tensors:
        """Return the changed matrices."""
        return {name: _array(t) for name, t in merged(self.model, self.layers).items()}


def network_of(encoder: Encoder, *, rank: int = 4, seed: int = 0) -> Network:
    """Make a trainable copy of an encoder; the encoder itself is not changed.

    Args:
        encoder: An encoder with a network: patches (of images or audio), a transformer trained on the pool, or a
            pretrained network.
        rank: Rank of the changes to the matrices of a pretrained network, >= 1.
        seed: Seed of their initial values.

    Raises:
        EncoderError: The encoder has no trainable network.
    """
    match encoder:
        case PatchEncoder():
            return PatchNetwork(encoder)
        case TrainedEncoder():
            return TransformerNetwork(encoder)
        case BackboneEncoder():
            return BackboneNetwork(encoder, rank=rank, seed=seed)
        case _:
            raise EncoderError(
                f"the encoder {encoder.name!r} cannot be fine-tuned: {_WHY.get(encoder.name, 'it has no gradient')}",
                hint="use patches, hybrid, contrastive, masked, melpatches or backbone, on images or audio",
            )


_WHY = {
    "pixels": "it is a linear projection, which the head can replace by itself",
    "rocket": "it counts how often fixed convolutions exceed a bound, and counts have no gradient",
    "hybrid": "for series, fine-tuning is not implemented",
    "contrastive": "for series, fine-tuning is not implemented",
    "masked": "for series, fine-tuning is not implemented",
    "pretrained": "its network can only be read",
    "sentence": "its network can only be read",
    "tfidf": "it counts words",
    "vectors": "it returns given vectors",
}


def _array(tensor: Tensor) -> np.ndarray[Any, np.dtype[Any]]:
    found: np.ndarray[Any, np.dtype[Any]] = tensor.detach().cpu().numpy().copy()
    return found
