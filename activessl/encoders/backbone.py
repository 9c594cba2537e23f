"""Images -> vectors by a pretrained network (DINOv2, DINOv3, CLIP, MAE, ViT, ConvNeXt), from the hub or from a folder.

Where one can be had, it goes further than anything that can be trained from scratch on a small pool. Needs the package
``transformers``, which is not installed by default. The weights stay where they are; what is saved is their digest, so
that other weights under the same name are noticed. Only safetensors are read, and no code that comes with a model.

Oquab et al., DINOv2, TMLR 2024 (arXiv:2304.07193).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from activessl.encoders.base import OnProgress
from activessl.encoders.device import best_device
from activessl.encoders.hub import digest, licence, opened, same_weights
from activessl.encoders.images import ImageInput, choose_input
from activessl.encoders.registry import Entry
from activessl.encoders.store import find_fit, fit_key, read_encoder, save_encoder
from activessl.errors import EncoderError
from activessl.pool.pool import Pool

#: 22 million weights, Apache 2.0; about ten images of 224 pixels a second on a laptop's core.
DEFAULT = "facebook/dinov2-small"
#: Of ImageNet, for models that do not say what they were trained with.
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
#: Images that go through the network at once: more only needs more memory.
_AT_ONCE = 32


@dataclass(frozen=True, eq=False)
class BackboneEncoder:
    """A pretrained network as it is: the class token where it has one, else the mean over places."""

    fingerprint: str
    provenance: dict[str, Any]
    image: ImageInput
    mean: tuple[float, ...]
    std: tuple[float, ...]
    model: Any
    dim: int
    name: str = "backbone"

    def batches(self, pool: Pool, batch_size: int) -> Iterator[Float[np.ndarray, "b d"]]:
        """The network's vectors of the pool's images."""
        for batch in self.image.batches(pool, min(batch_size, _AT_ONCE)):
            yield self.vectors(batch)

    def vectors(self, images: torch.Tensor) -> Float[np.ndarray, "b d"]:
        """(b, 3, s, s) of uint8 -> (b, d)."""
        device = next(self.model.parameters()).device
        shape = (1, 3, 1, 1)
        pixels = images.to(device).float() / 255
        pixels = (pixels - torch.tensor(self.mean, device=device).view(shape)) / torch.tensor(
            self.std, device=device
        ).view(shape)
        with torch.inference_mode():
            hidden = self.model(pixel_values=pixels).last_hidden_state
        if hidden.ndim == 4:  # a convolutional network's map
            hidden = hidden.mean((2, 3))
        else:
            hidden = hidden[:, 0] if _has_class_token(self.model) else hidden.mean(1)
        return np.asarray(hidden.float().cpu().numpy())


def _has_class_token(model: Any) -> bool:
    parts = getattr(model, "embeddings", None)
    return any(getattr(parts, name, None) is not None for name in ("cls_token", "class_embedding"))


def fit(
    pool: Pool,
    *,
    folder: Path,
    seed: int = 0,
    minutes: float = 0.0,  # noqa: ARG001  of the protocol: nothing is trained
    on_progress: OnProgress | None = None,  # noqa: ARG001
    model: str = DEFAULT,
    side: int | None = None,
) -> BackboneEncoder:
    """Open a pretrained network and note where it comes from.

    Args:
        pool: Images.
        folder: Where encoders are kept.
        seed: Of the sample of 16-bit images that is looked at.
        minutes: Unused.
        on_progress: Unused.
        model: A name on the hub, or a folder with ``config.json`` and ``model.safetensors``.
        side: The side that images are squeezed to; by default what the network was trained with.

    Raises:
        EncoderError: The package is not installed, or the model cannot be had or is none for images.
    """
    key = fit_key("backbone", pool, model=model, side=side, seed=seed)
    if (found := find_fit(folder, key)) is not None:
        return load(found)
    started = time.perf_counter()
    network, prepared = open_network(model)
    trained = _side_of(network, prepared)
    image = replace(choose_input(pool, side=side or trained, seed=seed), channels=3)
    mean, std = (
        tuple(map(float, prepared.get(k) or usual)) for k, usual in (("image_mean", _MEAN), ("image_std", _STD))
    )
    sha256 = digest(network)
    encoder = BackboneEncoder("", {}, image, mean, std, network, 0)
    try:
        dim = encoder.vectors(torch.zeros(1, 3, image.side, image.side, dtype=torch.uint8)).shape[1]
    except (RuntimeError, ValueError, TypeError, AttributeError) as error:
        raise EncoderError(
            f"the model {model!r} makes no vectors of images of {image.side} pixels: {str(error).splitlines()[0]}",
            hint=f"use a network for images, at the side it was trained with ({trained})",
        ) from None
    config = {"model": model, "sha256": sha256, "image": image.to_json(), "mean": mean, "std": std, "dim": dim}
    provenance = {
        "objective": "pretrained, as it is",
        "source": model,
        "architecture": type(network).__name__,
        "licence": licence(model),
        "sha256": sha256,
        "seconds": round(time.perf_counter() - started, 2),
    }
    saved = save_encoder(folder, "backbone", config, {}, provenance, key=key)
    return replace(encoder, fingerprint=saved.name, provenance=provenance, dim=dim)


def load(folder: Path) -> BackboneEncoder:
    """Open the network again that is noted in a folder.

    Raises:
        EncoderError: It cannot be had, or has other weights now.
    """
    note, _ = read_encoder(folder)
    config = note["config"]
    network, _ = open_network(config["model"])
    same_weights(network, config["sha256"], config["model"])
    return BackboneEncoder(
        note["fingerprint"],
        note["provenance"],
        ImageInput(**config["image"]),
        tuple(config["mean"]),
        tuple(config["std"]),
        network,
        config["dim"],
    )


def open_network(model: str) -> tuple[Any, dict[str, Any]]:
    """A network for images, on the device there is, and how its images were prepared.

    Raises:
        EncoderError: The package is not installed, or the model cannot be had.
    """

    def opener(local: bool) -> tuple[Any, dict[str, Any]]:
        from transformers import AutoConfig, AutoModel  # pyright: ignore[reportMissingImports]  # an extra
        from transformers.image_processing_base import ImageProcessingMixin  # pyright: ignore[reportMissingImports]

        config = AutoConfig.from_pretrained(model, trust_remote_code=False, local_files_only=local)
        if hasattr(config, "mask_ratio"):
            config.mask_ratio = 0.0  # a masked autoencoder hides parts of what it sees unless it is told not to
        # only safetensors: a pickle can run anything, and so can a model's own code
        network = AutoModel.from_pretrained(
            model, config=config, trust_remote_code=False, use_safetensors=True, local_files_only=local
        )
        network = getattr(network, "vision_model", network)  # the half of CLIP that sees
        try:
            prepared, _ = ImageProcessingMixin.get_image_processor_dict(model, local_files_only=local)
        except OSError:
            prepared = {}
        return network.eval().requires_grad_(False).to(best_device()), prepared

    found: tuple[Any, dict[str, Any]] = opened(
        model, opener, encoder="backbone", extra="backbone", instead="use the encoder 'auto'"
    )
    return found


def _side_of(network: Any, prepared: dict[str, Any]) -> int:
    """The side of the images that a network was trained with: its processor knows best, then its configuration."""
    for given in (prepared.get("crop_size"), prepared.get("size"), getattr(network.config, "image_size", None), 224):
        value = given.get("height", given.get("shortest_edge")) if isinstance(given, dict) else given
        if isinstance(value, list | tuple):
            value = value[0]
        if isinstance(value, int) and value >= 8:
            return value
    return 224


ENTRY = Entry(
    fit=fit,
    load=load,
    modalities=("image",),
    summary="a pretrained network such as DINOv2 (needs activessl[backbone]; downloads, or takes a folder)",
)
