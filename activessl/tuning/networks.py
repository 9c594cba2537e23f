"""Encoders as networks that go on learning: from what is read of an item to its vector, with a gradient."""

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

#: Activations below this are taken for it while learning: the root of zero has no slope.
_ROOT = 1e-6
#: A view that labels are learned from: a whole item, or most of it.
_VIEWS = Augmentation(min_area=0.7, light=0.2, colour=0.1)


class Network(nn.Module, ABC):
    """An encoder's network.

    Attributes:
        source: How items become pictures.
        outdated: What arrays of the encoder begin with that are none of the changed network's; empty for none.
    """

    source: Pictures
    outdated: str = ""

    @property
    def views(self) -> Augmentation:
        """How views of a picture differ: of a sound, time never runs backwards."""
        return OF_SOUND if isinstance(self.source, MelInput) else _VIEWS

    def read(self, pool: Pool) -> Tensor:
        """The items as they are kept while learning: (n, c, s, s) of uint8."""
        return torch.cat(list(self.source.batches(pool, 256)))

    @abstractmethod
    def forward(self, images: Tensor) -> Tensor:
        """Pictures (b, c, s, s) in [0, 1] -> the encoder's vectors (b, d)."""

    @abstractmethod
    def saved(self) -> Tensors:
        """The arrays of the encoder on disk that are others now, by name; all else stays as it was."""

    def learns(self) -> list[nn.Parameter]:
        """What changes."""
        return [p for p in self.parameters() if p.requires_grad]


class PatchNetwork(Network):
    """K-means on patches as what it is, a network of one layer: its centroids and its projection learn."""

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
        """Centroids and projection."""
        return {"centroids": _array(self.centroids), "pca": _array(self.pca)}


class TransformerNetwork(Network):
    """A transformer that was trained on the pool: the later half of its blocks, its last norm and its projection."""

    outdated = "decoder."  # it draws what the tokens said before

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
        """The whole transformer, and the projection."""
        return {f"vit.{name}": _array(t) for name, t in self.vit.state_dict().items()} | {"pca": _array(self.pca)}


class BackboneNetwork(Network):
    """A pretrained network: low-rank changes of the later half of its linear layers."""

    def __init__(self, encoder: BackboneEncoder, *, rank: int, seed: int) -> None:
        super().__init__()
        self.source = encoder.image
        self.model = copy.deepcopy(encoder.model)
        self.encoder = replace(encoder, model=self.model)
        self.layers = add_low_rank(self.model, rank=rank, generator=torch.Generator().manual_seed(seed))
        if not self.layers:
            raise EncoderError(
                f"the network {type(encoder.model).__name__} has no linear layer to fine-tune",
                hint="use a transformer, or leave fine-tuning out",
            )

    def forward(self, images: Tensor) -> Tensor:
        """Pictures to vectors."""
        return self.encoder.forward(images).float()

    def saved(self) -> Tensors:
        """The matrices that were changed."""
        return {name: _array(t) for name, t in merged(self.model, self.layers).items()}


def network_of(encoder: Encoder, *, rank: int = 4, seed: int = 0) -> Network:
    """A copy of an encoder that learns; the encoder stays as it is.

    Args:
        encoder: One with a network: patches (of images or audio), a transformer trained on the pool, a pretrained one.
        rank: Of the changes to a pretrained network's matrices, >= 1.
        seed: Of their first values.

    Raises:
        EncoderError: It has none.
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
    "pixels": "it is a projection onto principal components, which the head undoes by itself",
    "rocket": "it counts how often fixed convolutions exceed a bound, and counts have no gradient",
    "hybrid": "of series, it is not opened to labels yet",
    "contrastive": "of series, it is not opened to labels yet",
    "masked": "of series, it is not opened to labels yet",
    "sentence": "its network is opened for reading only",
    "tfidf": "it counts words",
    "vectors": "the vectors come from elsewhere",
}


def _array(tensor: Tensor) -> np.ndarray[Any, np.dtype[Any]]:
    found: np.ndarray[Any, np.dtype[Any]] = tensor.detach().cpu().numpy().copy()
    return found
