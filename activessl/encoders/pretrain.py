"""Train an encoder on the pool itself: objectives, training, saving, and the registered entries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from activessl.encoders.compute.device import best_device, encoding_device, placed
from activessl.encoders.compute.precision import training_precision
from activessl.encoders.compute.processes import count, decided
from activessl.encoders.compute.side_by_side import computed
from activessl.encoders.images.augment import SLIGHT, Augmentation
from activessl.encoders.images.tensors import ImageInput, Pictures, choose_input, sample_tensor
from activessl.encoders.registry import EncoderEntry
from activessl.encoders.series.patches import SeriesShape
from activessl.encoders.series.transformer import SeriesTransformer, series_material
from activessl.encoders.sound.mel import MelInput, choose_mel
from activessl.encoders.sound.melpatches import VIEWS as OF_SOUND
from activessl.encoders.store import fit_key, read_encoder, save_encoder, shared_fit
from activessl.encoders.training.hybrid import Weights
from activessl.encoders.training.masked import Decoder
from activessl.encoders.training.material import ImageMaterial, Material, normalise, pool_tokens
from activessl.encoders.training.objective import Recipe, TrainingRun
from activessl.encoders.training.vit import Shape, ViT, ViTConfig, patchify
from activessl.errors import EncoderError
from activessl.pool.axes import Axes
from activessl.pool.pool import Pool
from activessl.pool.progress import OnProgress, roughly, say

#: The training objective of each registered name.
OBJECTIVES: dict[str, Weights] = {
    "hybrid": Weights(),
    "masked": Weights(contrastive=0.0, keep=0.25),  # the share that He et al. 2022 found best
    "contrastive": Weights(masked=0.0),
}

#: Series need other settings than images: pools of series are smaller, and a training step is cheaper.
SERIES = Recipe(batch_size=64, lr=2e-3)

#: Bytes of decoded items in memory during training; a larger pool is sampled at random.
_MEMORY = 512 * 2**20

#: Pictures in one forward pass of a thread.
_ENCODED = 64


@dataclass(frozen=True, eq=False)
class TrainedEncoder:
    """A transformer trained on pictures: tokens are averaged over a grid of regions, then projected by PCA."""

    name: str
    fingerprint: str
    provenance: dict[str, Any]
    image: Pictures
    vit: ViT
    mean: Tensor  # (c,) of the pixels
    std: Tensor  # (c,)
    grid: int
    pca_mean: Tensor
    pca: Tensor
    decoder: Decoder | None = None  # reconstructs hidden patches

    @property
    def dim(self) -> int:
        """How many components are kept."""
        return self.pca.shape[1]

    def batches(self, pool: Pool, batch_size: int) -> Iterator[Float[np.ndarray, "b d"]]:
        """Yield the vectors of the pool's items."""
        device = encoding_device()
        vit, pca_mean, pca = placed(self.vit, device), self.pca_mean.to(device), self.pca.to(device)

        def vectors(pictures: Tensor) -> Tensor:
            return (pool_tokens(vit, self.patches(pictures), self.grid) - pca_mean) @ pca

        for batch in computed(self.image.batches(pool, batch_size), vectors, _ENCODED, device):
            yield batch.numpy()

    def patches(self, pictures: Tensor) -> Tensor:
        """Turn pictures (b, c, s, s) of uint8 into the input of the transformer, (b, n, p)."""
        config = cast(ViTConfig, self.vit.config)
        mean, std = self.mean.to(pictures.device), self.std.to(pictures.device)
        return patchify(normalise(pictures.float() / 255, mean, std), config.patch)


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
) -> TrainedEncoder | SeriesTransformer:
    """Train an encoder on a pool of images, audio or time series, from scratch.

    A second call with the same pool and settings returns the trained encoder, or resumes an interrupted training.
    If ``torchrun`` started several processes, all of them must call this function; they share the training.

    Args:
        pool: Images, audio or time series, at least two.
        folder: The folder of all encoders; it also holds the checkpoint during training.
        encoder: "hybrid", "masked" or "contrastive".
        minutes: Approximate training time on this machine: the speed of the first steps decides the number of steps.
        steps: The number of steps, instead of ``minutes``.
        seed: Seed of weights, order, views and masks.
        on_progress: Called every few steps with stage "train" and the loss, and at times with label-free figures.
        settings: Fields of ``Recipe``.

    Raises:
        EncoderError: The pool or a setting cannot be used, the loss is no longer finite, a file cannot be written, or
            another process has ended.
    """
    recipe = _recipe(settings, SERIES if pool.modality == "series" else Recipe())
    if encoder not in OBJECTIVES:
        raise EncoderError(f"unknown objective {encoder!r}", hint=f"use one of {', '.join(OBJECTIVES)}")
    if len(pool) < 2:
        raise EncoderError(f"one {pool.modality} item is too few for training", hint="add items: at least 2 are needed")
    if (steps is None and not minutes > 0) or (steps is not None and steps < 1):
        asked_for = f"minutes = {minutes}" if steps is None else f"steps = {steps}"
        raise EncoderError(f"{asked_for} leaves no training", hint="set minutes above 0, or steps to at least 1")

    asked = asdict(recipe) | {"minutes": minutes if steps is None else None, "steps": steps, "seed": seed}
    key = fit_key(encoder, pool, **asked)
    if (found := shared_fit(folder, key)) is not None:
        return load(found)

    material, config, note = _material(pool, recipe, seed)
    run = TrainingRun(material, config, OBJECTIVES[encoder], recipe, seed, folder / f".training-{key}.safetensors")
    takes = f"{steps:,} steps" if steps is not None else roughly(60 * minutes)
    items = f"{len(material):,} items" + (f" with {count()} processes" if count() > 1 else "")
    less = "or less if the figures of the embedding stop improving"
    say(on_progress, "plan", f"{encoder}: training on {items}, {takes}, {less}")
    run.loop.train(minutes, steps, on_progress)

    saved = Path(decided(lambda: str(_save(run, encoder, folder, key, config, note))))
    return load(saved)


def _save(run: TrainingRun, encoder: str, folder: Path, key: str, config: Shape, note: dict[str, Any]) -> Path:
    """Save the trained encoder and delete the checkpoint."""
    recipe = run.recipe
    provenance = {
        "objective": encoder,
        "weights": asdict(OBJECTIVES[encoder]),
        "recipe": asdict(recipe),
        "items": len(run.material),
        "steps": run.loop.step,
        "ended": run.loop.ended,
        "seconds": round(run.loop.seconds, 2),
        "seed": run.seed,
        "precision": training_precision(best_device()),
        "loss": run.loop.loss,
        "health": run.health(),
    } | ({"processes": count()} if count() > 1 else {})
    saved = save_encoder(
        folder,
        encoder,
        note | {"vit": config.to_json(), "grid": recipe.grid},
        run.tensors(),
        provenance,
        key=key,
    )
    run.loop.checkpoint.unlink(missing_ok=True)
    return saved


def load(folder: Path) -> TrainedEncoder | SeriesTransformer:
    """Read a trained encoder back from its folder.

    Raises:
        EncoderError: The folder holds no encoder, or a damaged encoder.
    """
    note, arrays = read_encoder(folder)
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    config = note["config"]
    if "image" not in config:
        shape = SeriesShape(**config["vit"])
        vit, decoder = networks(shape, tensors)
        return SeriesTransformer(
            note["encoder"],
            note["fingerprint"],
            note["provenance"],
            vit,
            shape,
            tensors["mean"],
            tensors["std"],
            config["grid"],
            tensors["pca_mean"],
            tensors["pca"],
            Axes.of_json(config.get("axes", {}), shape.channels),
            decoder,
        )
    vit, decoder = networks(ViTConfig(**config["vit"]), tensors)
    return TrainedEncoder(
        note["encoder"],
        note["fingerprint"],
        note["provenance"],
        MelInput(**config["image"]) if "rate" in config["image"] else ImageInput(**config["image"]),
        vit,
        tensors["mean"],
        tensors["std"],
        config["grid"],
        tensors["pca_mean"],
        tensors["pca"],
        decoder,
    )


def networks(config: Shape, tensors: dict[str, Tensor]) -> tuple[ViT, Decoder | None]:
    """Build a transformer and load its weights; also the decoder of hidden patches, if the decoder was saved."""
    with torch.random.fork_rng(devices=[]):  # initial weights are drawn at random, then replaced
        vit, decoder = ViT(config), Decoder(config)
    vit.load_state_dict({k.removeprefix("vit."): v for k, v in tensors.items() if k.startswith("vit.")})
    drawing = {k.removeprefix("decoder."): v for k, v in tensors.items() if k.startswith("decoder.")}
    if not drawing:
        return vit.eval(), None
    decoder.load_state_dict(drawing)
    return vit.eval(), decoder.eval()


def _recipe(settings: dict[str, Any], usual: Recipe) -> Recipe:
    try:
        recipe = replace(usual, **settings)
    except TypeError:
        unknown = ", ".join(sorted(set(settings) - set(asdict(Recipe()))))
        raise EncoderError(f"unknown settings: {unknown}", hint=f"use {', '.join(asdict(Recipe()))}") from None
    if (
        min(recipe.dim, recipe.heads, recipe.depth, recipe.batch_size) < 1
        or recipe.dim % 4
        or recipe.dim % recipe.heads
    ):
        raise EncoderError(
            f"dim = {recipe.dim}, heads = {recipe.heads}, depth = {recipe.depth} and batch_size = {recipe.batch_size} "
            "cannot be used together",
            hint="set dim to a multiple of 4 and of heads, and heads, depth and batch_size to at least 1",
        )
    return recipe


def _material(pool: Pool, recipe: Recipe, seed: int) -> tuple[Material, Shape, dict[str, Any]]:
    """Return the training data, the shape of the transformer, and as JSON values how items become pictures."""
    device = best_device()
    if pool.modality == "series":
        if recipe.side is not None:
            raise EncoderError(
                f"side = {recipe.side} does not apply to series", hint="remove side, or set patch in time steps instead"
            )
        series = series_material(
            pool,
            patch=recipe.patch,
            dim=recipe.dim,
            depth=recipe.depth,
            heads=recipe.heads,
            memory=_MEMORY,
            seed=seed,
            device=device,
        )
        named = series.axes.to_json()
        return series, series.shape, {"axes": named} if named else {}
    pictures: Pictures
    if pool.modality == "audio":
        mel = choose_mel(pool, side=recipe.side)
        patch = recipe.patch or max(2, round(mel.side / 8))
        mel = replace(mel, side=patch * max(2, round(mel.side / patch)))
        pictures, config = mel, ViTConfig(mel.side, 1, patch, recipe.dim, recipe.depth, recipe.heads)
        augment, slight = OF_SOUND, None  # not measured on sound
    else:
        pictures, config = shape_for(pool, recipe, seed)
        augment, slight = Augmentation(), SLIGHT
    limit = max(2, _MEMORY // (config.channels * config.side**2))
    images = sample_tensor(pool, pictures, limit=limit, seed=seed)
    return ImageMaterial.of(images, config, augment, device, slight), config, {"image": pictures.to_json()}


def shape_for(pool: Pool, recipe: Recipe, seed: int) -> tuple[ImageInput, ViTConfig]:
    """Choose the input and the transformer for images: about eight patches along each side, a divisor of the side."""
    image = choose_input(pool, side=recipe.side, seed=seed)
    patch = recipe.patch or max(2, round(image.side / 8))
    side = patch * max(2, round(image.side / patch))
    image = replace(image, side=side)
    return image, ViTConfig(side, image.channels, patch, recipe.dim, recipe.depth, recipe.heads)


def _entry(name: str, summary: str) -> EncoderEntry:
    def fit(
        pool: Pool,
        *,
        folder: Path,
        seed: int = 0,
        minutes: float = 1.0,
        on_progress: OnProgress | None = None,
        **more: Any,
    ) -> TrainedEncoder | SeriesTransformer:
        return pretrain(pool, folder=folder, encoder=name, seed=seed, minutes=minutes, on_progress=on_progress, **more)

    return EncoderEntry(fit=fit, load=load, modalities=("audio", "image", "series"), summary=summary, shared=True)


HYBRID = _entry("hybrid", "a small transformer, trained with a masked and a contrastive loss together")
MASKED = _entry("masked", "a small transformer that reconstructs hidden patches; poor nearest neighbors")
CONTRASTIVE = _entry("contrastive", "a small transformer that learns to match two views of an item")
