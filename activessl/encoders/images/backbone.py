"""Images -> vectors by a pretrained network (DINOv2, DINOv3, CLIP, MAE, ViT, ConvNeXt), from the hub or from a folder.

A pretrained network gives better vectors than training from scratch on a small pool, and it can be trained further on
the pool (``adapt.py``). Needs the package ``transformers``, which is not installed by default. The pretrained weights
are not copied; their digest is saved, so that different weights under the same name are detected. Weights that were
trained further are saved. Only safetensors are read, and no code of a model is run.

Oquab et al., DINOv2, TMLR 2024 (arXiv:2304.07193).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from activessl.encoders.compute.device import best_device
from activessl.encoders.compute.precision import Precision, chosen, computing
from activessl.encoders.compute.processes import decided
from activessl.encoders.hub import digest, licence, opened, same_weights
from activessl.encoders.images.adapt import Adaptation, adapt
from activessl.encoders.images.tensors import ImageInput, choose_input, sample_tensor
from activessl.encoders.registry import EncoderEntry
from activessl.encoders.store import fit_key, read_encoder, save_encoder, shared_fit
from activessl.errors import EncoderError
from activessl.pool.pool import Pool
from activessl.pool.progress import OnProgress, roughly, say

#: 22 million weights, Apache 2.0; about ten images of 224 pixels per second on a laptop's core.
DEFAULT = "facebook/dinov2-small"
#: Mean and standard deviation of ImageNet, for models without this information.
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
#: Images in one forward pass: more images need more memory and save no time.
_AT_ONCE = 32
#: Bytes of decoded images in memory during training; a larger pool is sampled at random.
_MEMORY = 512 * 2**20


@dataclass(frozen=True, eq=False)
class BackboneEncoder:
    """A pretrained network; its vector is the class token, or the mean over positions if there is no class token."""

    fingerprint: str
    provenance: dict[str, Any]
    image: ImageInput
    mean: tuple[float, ...]
    std: tuple[float, ...]
    model: Any
    dim: int
    precision: Precision = "float32"
    name: str = "backbone"

    def batches(self, pool: Pool, batch_size: int) -> Iterator[Float[np.ndarray, "b d"]]:
        """Yield the network's vectors of the pool's images."""
        for batch in self.image.batches(pool, min(batch_size, _AT_ONCE)):
            yield self.vectors(batch)

    def vectors(self, images: torch.Tensor) -> Float[np.ndarray, "b d"]:
        """(b, 3, s, s) of uint8 -> (b, d)."""
        device = next(self.model.parameters()).device
        with torch.inference_mode():
            return np.asarray(self.forward(images.to(device).float() / 255).cpu().numpy())

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(b, 3, s, s) in [0, 1] -> (b, d), with gradients."""
        mean, std = (torch.tensor(value, device=images.device).view(1, 3, 1, 1) for value in (self.mean, self.std))
        with computing(self.precision, images.device):
            hidden: torch.Tensor = self.model(pixel_values=(images - mean) / std).last_hidden_state
        hidden = hidden.float()
        if hidden.ndim == 4:  # the feature map of a convolutional network
            return hidden.mean((2, 3))
        return hidden[:, 0] if _has_class_token(self.model) else hidden.mean(1)


def _has_class_token(model: Any) -> bool:
    parts = getattr(model, "embeddings", None)
    return any(getattr(parts, name, None) is not None for name in ("cls_token", "class_embedding"))


def fit(
    pool: Pool,
    *,
    folder: Path,
    seed: int = 0,
    minutes: float = 0.0,  # noqa: ARG001  of the protocol: nothing is trained from scratch
    on_progress: OnProgress | None = None,
    model: str = DEFAULT,
    side: int | None = None,
    precision: str = "auto",
    adapt_minutes: float = 0.0,
    adapt_steps: int | None = None,
    adapt_blocks: int = 2,
    adapt_lr: float = 5e-5,
) -> BackboneEncoder:
    """Open a pretrained network, save its digest, and if asked for, train it further on the pool.

    Args:
        pool: Images.
        folder: Where encoders are kept.
        seed: Seed of the sample of images for the 16-bit white value, and of all random choices in training.
        minutes: Unused.
        on_progress: Called with stage "adapt" during training, and with "adapted" and its result.
        model: A name on the hub, or a folder with ``config.json`` and ``model.safetensors``.
        side: The side to which images are resized; by default the side with which the network was trained.
        precision: "float32", "bfloat16", or "auto": bfloat16 if this machine has it (``precision.py``). It is a part of
            the encoder, and other machines use the same precision.
        adapt_minutes: Approximate time for training the last blocks on the pool (``adapt.py``); 0 for no training.
        adapt_steps: The number of steps, instead of ``adapt_minutes``.
        adapt_blocks: Number of last blocks that are trained, >= 1.
        adapt_lr: The largest learning rate of this training.

    Raises:
        EncoderError: The package is not installed, the model cannot be opened or is not for images, or a setting cannot
            be used.
    """
    how = Adaptation(blocks=adapt_blocks, lr=adapt_lr)
    training = adapt_steps is not None or adapt_minutes != 0
    if training:
        _usable(how, adapt_minutes, adapt_steps, len(pool))
    asked: dict[str, Any] = {} if precision == "auto" else {"precision": precision}
    if training:
        asked |= {"adapt_minutes": adapt_minutes, "adapt_steps": adapt_steps} | asdict(how)
    key = fit_key("backbone", pool, model=model, side=side, seed=seed, **asked)
    if (found := shared_fit(folder, key)) is not None:
        return load(found)
    started = time.perf_counter()
    network, prepared = open_network(model)
    trained = _side_of(network, prepared)
    image = replace(choose_input(pool, side=side or trained, seed=seed), channels=3)
    mean, std = (
        tuple(map(float, prepared.get(k) or usual)) for k, usual in (("image_mean", _MEAN), ("image_std", _STD))
    )
    sha256 = digest(network)
    device = next(network.parameters()).device
    computes: Precision = decided(lambda: chosen(precision, device))
    numbers = "" if computes == "float32" else f"vectors are computed in {computes}, on this and on every other machine"
    if numbers and not training:
        say(on_progress, "plan", f"backbone: {numbers}")
    encoder = BackboneEncoder("", {}, image, mean, std, network, 0, computes)
    try:
        dim = encoder.vectors(torch.zeros(1, 3, image.side, image.side, dtype=torch.uint8)).shape[1]
    except (RuntimeError, ValueError, TypeError, AttributeError) as error:
        why = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise EncoderError(
            f"the model {model!r} cannot encode images of {image.side} pixels: {why}",
            hint=f"name a network for images, and set side = {trained}, the side of its training images",
        ) from None
    config = {"model": model, "sha256": sha256, "image": image.to_json(), "mean": mean, "std": std, "dim": dim}
    if computes != "float32":  # left out for float32, so that fingerprints from before this setting stay valid
        config["precision"] = computes
    provenance: dict[str, Any] = {
        "objective": "pretrained, unchanged",
        "source": model,
        "architecture": type(network).__name__,
        "licence": licence(model),
        "sha256": sha256,
    }
    weights: dict[str, np.ndarray[Any, np.dtype[Any]]] = {}
    checkpoint = folder / f".training-{key}.safetensors"
    if training:
        takes = f"{adapt_steps:,} steps" if adapt_steps is not None else roughly(60 * adapt_minutes)
        learn = f"training the last {adapt_blocks} blocks on the pool, {takes} at most"
        say(on_progress, "plan", f"backbone: {learn}" + (f"; {numbers}" if numbers else ""))
        images = sample_tensor(pool, image, limit=max(2, _MEMORY // (3 * image.side**2)), seed=seed)
        came = adapt(
            network,
            encoder.forward,
            images,
            minutes=adapt_minutes,
            steps=adapt_steps,
            how=how,
            seed=seed,
            checkpoint=checkpoint,
            on_progress=on_progress,
        )
        weights = {name: value.numpy() for name, value in came.weights.items()}
        provenance |= {"adapted": came.to_json() | {"images": len(images)} | asdict(how)}
        if came.kept:
            provenance["objective"] = "pretrained, then trained further on the pool"
        say(
            on_progress,
            "adapted",
            f"adapted weights are used: {came.why}" if came.kept else f"pretrained weights are used: {came.why}",
        )
    provenance["seconds"] = round(time.perf_counter() - started, 2)

    def save() -> str:
        saved = save_encoder(folder, "backbone", config, weights, provenance, key=key)
        checkpoint.unlink(missing_ok=True)
        return saved.name

    return replace(encoder, fingerprint=decided(save), provenance=provenance, dim=dim)


def _usable(how: Adaptation, minutes: float, steps: int | None, items: int) -> None:
    if how.blocks < 1 or not 0 < how.lr < 1:
        raise EncoderError(
            f"adapt_blocks = {how.blocks} and adapt_lr = {how.lr} cannot be used",
            hint="set adapt_blocks to at least 1, and adapt_lr above 0 and below 1",
        )
    if (steps is not None and steps < 1) or (steps is None and minutes < 0):
        asked = f"adapt_minutes = {minutes}" if steps is None else f"adapt_steps = {steps}"
        raise EncoderError(f"{asked} is too small", hint="set adapt_minutes to 0 or more, or adapt_steps to at least 1")
    if items < 2:
        raise EncoderError(
            "one image is too few to adapt the model", hint="add images, or remove adapt_minutes and adapt_steps"
        )


def load(folder: Path) -> BackboneEncoder:
    """Open the network of a saved encoder again.

    Raises:
        EncoderError: The network cannot be opened, or its weights are different.
    """
    note, tensors = read_encoder(folder)
    config = note["config"]
    network, _ = open_network(config["model"])
    same_weights(network, config["sha256"], config["model"])
    own = dict(network.named_parameters())
    with torch.no_grad():  # weights that were trained further
        for name, value in tensors.items():
            own[name].copy_(torch.from_numpy(value))
    return BackboneEncoder(
        note["fingerprint"],
        note["provenance"],
        ImageInput(**config["image"]),
        tuple(config["mean"]),
        tuple(config["std"]),
        network,
        config["dim"],
        config.get("precision", "float32"),
    )


def open_network(model: str) -> tuple[Any, dict[str, Any]]:
    """Load a network for images onto the best device, with the settings of its image preprocessing.

    Raises:
        EncoderError: The package is not installed, or the model cannot be opened.
    """

    def opener(local: bool) -> tuple[Any, dict[str, Any]]:
        from transformers import AutoConfig, AutoModel  # pyright: ignore[reportMissingImports]  # an extra
        from transformers.image_processing_base import ImageProcessingMixin  # pyright: ignore[reportMissingImports]

        config = AutoConfig.from_pretrained(model, trust_remote_code=False, local_files_only=local)
        if hasattr(config, "mask_ratio"):
            config.mask_ratio = 0.0  # a masked autoencoder hides patches by default
        # only safetensors: a pickle can run any code, and so can a model's own code
        network = AutoModel.from_pretrained(
            model, config=config, trust_remote_code=False, use_safetensors=True, local_files_only=local
        )
        network = getattr(network, "vision_model", network)  # the image part of CLIP
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
    """The side of the images in a network's training: from its image processor, else from its configuration."""
    for given in (prepared.get("crop_size"), prepared.get("size"), getattr(network.config, "image_size", None), 224):
        value = given.get("height", given.get("shortest_edge")) if isinstance(given, dict) else given
        if isinstance(value, list | tuple):
            value = value[0]
        if isinstance(value, int) and value >= 8:
            return value
    return 224


ENTRY = EncoderEntry(
    fit=fit,
    load=load,
    modalities=("image",),
    shared=True,
    summary="a pretrained network such as DINOv2 (needs activessl[backbone]; from the hub or a folder)",
)
