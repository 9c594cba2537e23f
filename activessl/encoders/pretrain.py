"""Training an encoder on the pool itself, and taking up training where it was cut off.

Everything random in a step is drawn from a generator seeded by (seed, step), and the number of steps is fixed before
the first of them counts, so a run that was killed and resumed ends with the weights of one that was not.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from activessl.encoders.augment import Augmentation
from activessl.encoders.base import OnProgress, Progress
from activessl.encoders.checkpoint import read_checkpoint, write_checkpoint
from activessl.encoders.health import health
from activessl.encoders.hybrid import Objective, Weights
from activessl.encoders.images import ImageInput, choose_input, parts, sample_tensor
from activessl.encoders.pixels import principal_components
from activessl.encoders.registry import Entry
from activessl.encoders.store import find_fit, fit_key, read_encoder, save_encoder
from activessl.encoders.vit import ViT, ViTConfig, patchify
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


@dataclass(frozen=True)
class Recipe:
    """The settings of a training run.

    Attributes:
        dim: Length of a token.
        depth: Number of blocks.
        heads: Attention heads.
        patch: Side of a patch; by default an eighth of the image's.
        side: Side of the image; by default the pool's median, at most 64.
        batch_size: Images in a step, each in two views.
        lr: Largest learning rate, reached after a tenth of the steps, falling to zero along a cosine.
        weight_decay: Of AdamW, on matrices only.
        grid: Regions along each side over which tokens are averaged for an image's vector.
        out: Principal components of those averages that are kept.
        checkpoint_seconds: How often the state is written.
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
    checkpoint_seconds: float = 10.0


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
            pooled = pool_tokens(self.vit, _normalise(batch.float() / 255, self.mean, self.std), self.grid)
            yield ((pooled - self.pca_mean) @ self.pca).numpy()


@torch.inference_mode()
def pool_tokens(vit: ViT, images: Tensor, grid: int) -> Tensor:
    """Tokens of normalised images (b, c, s, s), averaged over a grid of regions: (b, grid² dim)."""
    tokens = vit(patchify(images, vit.config.patch))  # (b, n, d)
    maps = tokens.transpose(1, 2).unflatten(2, (vit.config.grid, vit.config.grid))  # (b, d, g, g)
    return F.adaptive_avg_pool2d(maps, min(grid, vit.config.grid)).flatten(1)


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
    run = _Run(images, config, OBJECTIVES[encoder], recipe, seed, folder / f".training-{key}.safetensors")
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


class _Run:
    """One training run: the model, its optimiser, and how far it is."""

    def __init__(
        self, images: Tensor, config: ViTConfig, weights: Weights, recipe: Recipe, seed: int, checkpoint: Path
    ) -> None:
        self.images, self.recipe, self.seed, self.checkpoint = images, recipe, seed, checkpoint
        self.device = _device()
        values = images[:: max(1, len(images) // 1000)].float() / 255
        self.mean, self.std = values.mean((0, 2, 3)), values.std((0, 2, 3)).clamp_min(1 / 255)
        self.augment = Augmentation()
        self.step, self.total, self.seconds, self.loss = 0, 0, 0.0, math.nan

        # weights come from the seed alone, and the caller's generator is left as it was
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.model = Objective(config, weights)
        self._embed_from_patches()
        self.model.to(self.device)
        matrices = [p for p in self.model.parameters() if p.ndim > 1]
        others = [p for p in self.model.parameters() if p.ndim <= 1]
        self.optimiser = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": recipe.weight_decay}, {"params": others, "weight_decay": 0.0}],
            lr=recipe.lr,
            betas=(0.9, 0.95),
        )

    def train(self, minutes: float, steps: int | None, on_progress: OnProgress | None) -> None:
        """Take up the checkpoint if there is one, and train to the end."""
        self._resume()
        if not self.total:
            self.total = steps if steps is not None else self._steps_in(minutes)
        self.model.train()
        started, before, written = time.perf_counter(), self.seconds, time.perf_counter()
        shown = max(1, self.total // 100)
        while self.step < self.total:
            value = self._one_step(self.step, self.total)
            if not math.isfinite(value):
                raise EncoderError(f"the loss is {value} after {self.step} steps", hint="train with a smaller lr")
            self.loss = value if math.isnan(self.loss) else 0.95 * self.loss + 0.05 * value
            self.step += 1
            self.seconds = before + time.perf_counter() - started
            if on_progress is not None and (self.step % shown == 0 or self.step == self.total):
                figures = self.health() if self.step % (shown * 20) == 0 or self.step == self.total else None
                on_progress(Progress("train", self.step, self.total, loss=self.loss, health=figures))
            if time.perf_counter() - written > self.recipe.checkpoint_seconds or self.step == self.total:
                self._write()
                written = time.perf_counter()

    def health(self) -> dict[str, float]:
        """Label-free figures of two views of up to 500 images."""
        few = self.images[:: max(1, math.ceil(len(self.images) / 500))].float() / 255
        generator = torch.Generator().manual_seed(self.seed)
        views = [self.augment(few, generator) for _ in range(2)]
        vit = self.model.encoder
        a, b = (pool_tokens(vit, self._ready(view), 1).cpu().numpy() for view in views)
        return {name: round(value, 4) for name, value in health(a, b).items()}

    def tensors(self) -> dict[str, np.ndarray[Any, np.dtype[Any]]]:
        """What the finished encoder needs, and no more."""
        vit = self.model.encoder.eval()
        few = self.images[:: max(1, math.ceil(len(self.images) / 5_000))]
        pooled = [pool_tokens(vit, self._ready(part.float() / 255), self.recipe.grid).cpu() for part in parts(few, 256)]
        pca_mean, pca = principal_components(torch.cat(pooled).clone(), self.recipe.out)
        weights = {f"vit.{name}": value.detach().cpu() for name, value in vit.state_dict().items()}
        every = weights | {"mean": self.mean, "std": self.std, "pca_mean": pca_mean, "pca": pca}
        return {name: value.numpy() for name, value in every.items()}

    def _one_step(self, step: int, total: int) -> float:
        # all randomness of a step comes from its number
        mix = hashlib.sha256(f"{self.seed}:{step}".encode()).digest()
        generator = torch.Generator().manual_seed(int.from_bytes(mix[:8], "little") >> 1)
        rows = self._rows(step)
        batch = self.images[rows].to(self.device).float() / 255
        views = torch.stack([self._ready(self.augment(batch, generator)) for _ in range(2)])  # (2, b, c, s, s)

        # up over a tenth of the steps, then down along a cosine
        warm = max(1, total // 10)
        rate = (step + 1) / warm if step < warm else 0.5 * (1 + math.cos(math.pi * (step - warm) / (total - warm + 1)))
        for group in self.optimiser.param_groups:
            group["lr"] = self.recipe.lr * min(1.0, rate)

        loss = self.model(views, generator)["total"]
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        return float(loss.detach())

    def _rows(self, step: int) -> Tensor:
        """The images of a step: each epoch is a new order, and a step never straddles two."""
        n = len(self.images)
        size = min(self.recipe.batch_size, n)
        epoch, at = divmod(step, n // size)
        order = np.random.default_rng([self.seed, epoch]).permutation(n)
        return torch.from_numpy(order[at * size : (at + 1) * size])

    def _steps_in(self, minutes: float) -> int:
        """How many steps fit: measured on a few that are then undone."""
        before = {name: value.clone() for name, value in self.model.state_dict().items()}
        self._one_step(0, 100)  # the first one also allocates
        count, started = 0, time.perf_counter()
        while count < 3 or (time.perf_counter() - started < min(2.0, 3 * minutes) and count < 20):
            self._one_step(count, 100)
            count += 1
        pace = (time.perf_counter() - started) / count
        self.model.load_state_dict(before)
        self.optimiser.state.clear()
        return max(10, round(60 * minutes / pace))

    def _embed_from_patches(self) -> None:
        """Start the patch embedding from the pool's principal patches instead of noise."""
        embed = self.model.encoder.embed
        few = self.images[:: max(1, math.ceil(len(self.images) / 500))].float() / 255
        patches = patchify(_normalise(few, self.mean, self.std), self.model.encoder.config.patch).flatten(0, 1)
        _, directions = principal_components(patches, embed.out_features)
        spread = (patches @ directions).std(0).clamp_min(0.05)
        with torch.no_grad():
            embed.weight[: directions.shape[1]] = (directions / spread).T * 0.5

    def _ready(self, images: Tensor) -> Tensor:
        return _normalise(images.to(self.device), self.mean.to(self.device), self.std.to(self.device))

    def _write(self) -> None:
        state = {"step": self.step, "total": self.total, "seconds": self.seconds, "loss": self.loss}
        write_checkpoint(self.checkpoint, self.model, self.optimiser, state)

    def _resume(self) -> None:
        state = read_checkpoint(self.checkpoint, self.model, self.optimiser)
        if state is not None:
            self.step, self.total = int(state["step"]), int(state["total"])
            self.seconds, self.loss = float(state["seconds"]), float(state["loss"])


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


def _normalise(images: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    return (images - mean.view(-1, 1, 1)) / std.view(-1, 1, 1)


def _device() -> torch.device:
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


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
