"""Training an encoder on the pool itself: what is learned, how it is saved, and its names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from activessl.encoders.base import OnProgress
from activessl.encoders.hybrid import Weights
from activessl.encoders.images import ImageInput, choose_input, sample_tensor
from activessl.encoders.registry import Entry
from activessl.encoders.store import find_fit, fit_key, read_encoder, save_encoder
from activessl.encoders.training import Recipe, TrainingRun, normalise, pool_tokens
from activessl.encoders.vit import ViT, ViTConfig
from activessl.errors import EncoderError
from activessl.pool.pool import Pool

#: What each registered name learns.
OBJECTIVES: dict[str, Weights] = {
    "hybrid": Weights(),
    "masked": Weights(contrastive=0.0, keep=0.25),  # the share that He et al. 2022 found best
    "contrastive": Weights(masked=0.0),
}

#: Images that are kept decoded while training; of a larger pool a random part is learned from.
_MEMORY = 512 * 2**20


@dataclass(frozen=True, eq=False)
class TrainedEncoder:
    """A transformer that was trained on a pool: its tokens, averaged over a grid of regions, through PCA."""

    name: str
    fingerprint: str
    provenance: dict[str, Any]
    image: ImageInput
    vit: ViT
    mean: Tensor  # (c,) of the pixels
    std: Tensor  # (c,)
    grid: int
    pca_mean: Tensor
    pca: Tensor

    @property
    def dim(self) -> int:
        """How many components are kept."""
        return self.pca.shape[1]

    def batches(self, pool: Pool, batch_size: int) -> Iterator[Float[np.ndarray, "b d"]]:
        """The vectors of the pool's images."""
        for batch in self.image.batches(pool, batch_size):
            pooled = pool_tokens(self.vit, normalise(batch.float() / 255, self.mean, self.std), self.grid)
            yield ((pooled - self.pca_mean) @ self.pca).numpy()


def pretrain(
    pool: Pool,
    *,
    folder: Path,
    encoder: str = "hybrid",
    minutes: float = 1.0,
    steps: int | None = None,
    seed: int = 0,
    on_progress: OnProgress | None = None,
    **settings: Any,
) -> TrainedEncoder:
    """Train an encoder on a pool of images, from scratch.

    Called again with the same pool and settings it returns what was trained, or goes on where it was interrupted.

    Args:
        pool: Images, at least two.
        folder: Where encoders are kept; checkpoints lie there while training.
        encoder: "hybrid", "masked" or "contrastive".
        minutes: About how long to train on this machine: the speed of the first steps decides the number of steps.
        steps: The number of steps, instead of ``minutes``.
        seed: Of weights, order, views and masks.
        on_progress: Called every few steps with stage "train", the loss, and now and then label-free health.
        settings: Fields of ``Recipe``.

    Raises:
        EncoderError: The pool or a setting cannot be used, the loss is no longer finite, or the disk is full.
    """
    recipe = _recipe(settings)
    if encoder not in OBJECTIVES:
        raise EncoderError(f"no objective {encoder!r}", hint=f"use one of {', '.join(OBJECTIVES)}")
    if len(pool) < 2:
        raise EncoderError("one image is nothing to learn from", hint="add images, or use the encoder 'pixels'")
    if (steps is None and not minutes > 0) or (steps is not None and steps < 1):
        raise EncoderError(f"training for {minutes if steps is None else steps}", hint="give it some time")

    asked = asdict(recipe) | {"minutes": minutes if steps is None else None, "steps": steps, "seed": seed}
    key = fit_key(encoder, pool, **asked)
    if (found := find_fit(folder, key)) is not None:
        return load(found)

    image, config = _shape(pool, recipe, seed)
    limit = max(2, _MEMORY // (image.channels * image.side**2))
    images = sample_tensor(pool, image, limit=limit, seed=seed)
    run = TrainingRun(images, config, OBJECTIVES[encoder], recipe, seed, folder / f".training-{key}.safetensors")
    run.train(minutes, steps, on_progress)

    provenance = {
        "objective": encoder,
        "weights": asdict(OBJECTIVES[encoder]),
        "recipe": asdict(recipe),
        "images": len(images),
        "steps": run.total,
        "seconds": round(run.seconds, 2),
        "seed": seed,
        "loss": run.loss,
        "health": run.health(),
    }
    saved = save_encoder(
        folder,
        encoder,
        {"image": image.to_json(), "vit": asdict(config), "grid": recipe.grid},
        run.tensors(),
        provenance,
        key=key,
    )
    run.checkpoint.unlink(missing_ok=True)
    return load(saved)


def load(folder: Path) -> TrainedEncoder:
    """Read a trained encoder back from its folder.

    Raises:
        EncoderError: No encoder there, or a damaged one.
    """
    note, arrays = read_encoder(folder)
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    with torch.random.fork_rng(devices=[]):  # weights are drawn before they are replaced
        vit = ViT(ViTConfig(**note["config"]["vit"]))
    vit.load_state_dict({k.removeprefix("vit."): v for k, v in tensors.items() if k.startswith("vit.")})
    return TrainedEncoder(
        note["encoder"],
        note["fingerprint"],
        note["provenance"],
        ImageInput(**note["config"]["image"]),
        vit.eval(),
        tensors["mean"],
        tensors["std"],
        note["config"]["grid"],
        tensors["pca_mean"],
        tensors["pca"],
    )


def _recipe(settings: dict[str, Any]) -> Recipe:
    try:
        recipe = replace(Recipe(), **settings)
    except TypeError:
        unknown = ", ".join(sorted(set(settings) - set(asdict(Recipe()))))
        raise EncoderError(f"unknown settings: {unknown}", hint=f"use {', '.join(asdict(Recipe()))}") from None
    if recipe.dim % 4 or recipe.dim % recipe.heads or min(recipe.dim, recipe.depth, recipe.batch_size) < 1:
        raise EncoderError(
            f"a token of {recipe.dim} with {recipe.heads} heads", hint="use a multiple of 4 and of heads"
        )
    return recipe


def _shape(pool: Pool, recipe: Recipe, seed: int) -> tuple[ImageInput, ViTConfig]:
    """About eight patches along each side, which must divide it."""
    image = choose_input(pool, side=recipe.side, seed=seed)
    patch = recipe.patch or max(2, round(image.side / 8))
    side = patch * max(2, round(image.side / patch))
    image = replace(image, side=side)
    return image, ViTConfig(side, image.channels, patch, recipe.dim, recipe.depth, recipe.heads)


def _entry(name: str, summary: str) -> Entry:
    def fit(
        pool: Pool,
        *,
        folder: Path,
        seed: int = 0,
        minutes: float = 1.0,
        on_progress: OnProgress | None = None,
        **more: Any,
    ) -> TrainedEncoder:
        return pretrain(pool, folder=folder, encoder=name, seed=seed, minutes=minutes, on_progress=on_progress, **more)

    return Entry(fit=fit, load=load, modalities=("image",), summary=summary)


HYBRID = _entry("hybrid", "a small transformer, masked and contrastive in one objective")
MASKED = _entry("masked", "a small transformer that draws hidden patches; poor neighbours on its own")
CONTRASTIVE = _entry("contrastive", "a small transformer that recognises two views of an image")
