"""The loop of a training run, and taking it up where it was cut off.

Everything random in a step is drawn from a generator seeded by (seed, step), and the number of steps is fixed before
the first of them counts, so a run that was killed and resumed ends with the weights of one that was not.
"""

from __future__ import annotations

import hashlib
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from activessl.encoders.base import OnProgress, Progress
from activessl.encoders.checkpoint import read_checkpoint, write_checkpoint
from activessl.encoders.device import best_device
from activessl.encoders.health import health
from activessl.encoders.hybrid import Objective, Weights
from activessl.encoders.images import parts
from activessl.encoders.invariance import within_whitening
from activessl.encoders.material import Material
from activessl.encoders.pixels import principal_components
from activessl.encoders.schedule import Schedule, improves_no_more
from activessl.encoders.vit import Patches, Shape
from activessl.errors import EncoderError


@dataclass(frozen=True)
class Recipe:
    """The settings of a training run.

    Attributes:
        dim: Length of a token.
        depth: Number of blocks.
        heads: Attention heads.
        patch: Side of a patch; by default an eighth of the image's.
        side: Side of the image; by default the pool's median, at most 64.
        batch_size: Items in a step, each in two views.
        lr: Largest learning rate, reached after a tenth of the steps, falling to zero along a cosine.
        weight_decay: Of AdamW, on matrices only.
        grid: Regions, along each side of an image or along time, over which tokens are averaged for an item's vector.
        out: Principal components of those averages that are kept.
        patience: The run ends early when the label-free figures, looked at twenty times in it, have not been better
            so many times on end (``schedule.py``); 0 for never.
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
    patience: int = 5
    checkpoint_seconds: float = 10.0


class TrainingRun:
    """One training run: the model, its optimiser, and how far it is.

    Args:
        material: What it learns from.
        config: The encoder's shape.
        weights: What it learns.
        recipe: How.
        seed: Of weights, order, views and masks.
        checkpoint: The file from which it is taken up again.
    """

    def __init__(
        self, material: Material, config: Shape, weights: Weights, recipe: Recipe, seed: int, checkpoint: Path
    ) -> None:
        self.material, self.recipe, self.seed, self.checkpoint = material, recipe, seed, checkpoint
        self.device = best_device()
        self.schedule: Schedule | None = None  # until the number of steps is known
        self.step, self.seconds, self.loss = 0, 0.0, math.nan
        self.seen: list[dict[str, float]] = []  # label-free figures, where they were looked at

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
        if self.schedule is None:
            self.schedule = Schedule(steps if steps is not None else self._steps_in(minutes))
        self.model.train()
        started, before, written = time.perf_counter(), self.seconds, time.perf_counter()
        shown = max(1, self.schedule.planned // 100)
        while self.step < self.schedule.total:
            value = self._one_step(self.step, self.schedule)
            if not math.isfinite(value):
                raise EncoderError(f"the loss is {value} after {self.step} steps", hint="train with a smaller lr")
            self.loss = value if math.isnan(self.loss) else 0.95 * self.loss + 0.05 * value
            self.step += 1
            self.seconds = before + time.perf_counter() - started
            figures = self._look()
            last = self.step == self.schedule.total
            if on_progress is not None and (last or figures is not None or self.step % shown == 0):
                figures = self.health() if last else figures
                told = self.ended if self.schedule.ending is not None else ""
                on_progress(Progress("train", self.step, self.schedule.total, self.loss, figures, told))
            if last or time.perf_counter() - written > self.recipe.checkpoint_seconds:
                self._write()
                written = time.perf_counter()

    @property
    def ended(self) -> str:
        """Why a run has the number of steps that it has."""
        if self.schedule is None or self.schedule.ending is None:
            return "all its steps were done"
        return f"label-free figures were no better {self.recipe.patience} times on end by step {self.schedule.ending}"

    def _look(self) -> dict[str, float] | None:
        """Look at the label-free figures where it is time to, and end the run early where they improve no more."""
        if self.schedule is None or not self.schedule.looks(self.step):
            return None
        self.seen.append(self.health())
        if improves_no_more(self.seen, self.recipe.patience):
            self.schedule = self.schedule.end_after(self.step)
        return self.seen[-1]

    def health(self) -> dict[str, float]:
        """Label-free figures of two views of up to 500 items."""
        few, generator = self._few(500), torch.Generator().manual_seed(self.seed)
        views = [self.material.view(few, generator) for _ in range(2)]
        a, b = (self.material.vectors(self.model.encoder, view, 1).cpu().numpy() for view in views)
        return {name: round(value, 4) for name, value in health(a, b).items()}

    def tensors(self) -> dict[str, np.ndarray[Any, np.dtype[Any]]]:
        """What the finished encoder needs, and no more."""
        vit = self.model.encoder.eval()
        pooled = [
            self.material.vectors(vit, self.material.patches(rows), self.recipe.grid).cpu()
            for rows in parts(self._few(5_000), 256)
        ]
        pca_mean, pca = principal_components(torch.cat(pooled).clone(), self.recipe.out)
        pca = pca @ self._made_invariant(pca_mean, pca)
        weights = {f"vit.{name}": value.detach().cpu() for name, value in vit.state_dict().items()}
        if self.model.decoder is not None:  # draws the pictures that show what was learned
            drawing = self.model.decoder.state_dict()
            weights |= {f"decoder.{name}": value.detach().cpu() for name, value in drawing.items()}
        every = weights | self.material.tensors() | {"pca_mean": pca_mean, "pca": pca}
        return {name: value.numpy() for name, value in every.items()}

    def _made_invariant(self, pca_mean: Tensor, pca: Tensor) -> Tensor:
        """The matrix that scales down the directions in which items hardly changed still differ."""
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

    def _one_step(self, step: int, schedule: Schedule) -> float:
        # all randomness of a step comes from its number
        mix = hashlib.sha256(f"{self.seed}:{step}".encode()).digest()
        generator = torch.Generator().manual_seed(int.from_bytes(mix[:8], "little") >> 1)
        rows = self._rows(step)
        views = both([self.material.view(rows, generator) for _ in range(2)])  # (2, b, n, p)

        for group in self.optimiser.param_groups:
            group["lr"] = self.recipe.lr * schedule.rate(step)
        loss = self.model(views, generator)["total"]
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        return float(loss.detach())

    def _rows(self, step: int) -> Tensor:
        """The items of a step: each epoch is a new order, and a step never straddles two."""
        n = len(self.material)
        size = min(self.recipe.batch_size, n)
        epoch, at = divmod(step, n // size)
        order = np.random.default_rng([self.seed, epoch]).permutation(n)
        return torch.from_numpy(order[at * size : (at + 1) * size])

    def _steps_in(self, minutes: float) -> int:
        """How many steps fit: measured on a few that are then undone."""
        before = {name: value.clone() for name, value in self.model.state_dict().items()}
        self._one_step(0, Schedule(100))  # the first one also allocates
        count, started = 0, time.perf_counter()
        while count < 3 or (time.perf_counter() - started < min(2.0, 3 * minutes) and count < 20):
            self._one_step(count, Schedule(100))
            count += 1
        pace = (time.perf_counter() - started) / count
        self.model.load_state_dict(before)
        self.optimiser.state.clear()
        return max(10, round(60 * minutes / pace))

    def _embed_from_patches(self) -> None:
        """Start the patch embedding from the pool's principal patches instead of noise."""
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

    def _write(self) -> None:
        state = {"step": self.step, "seconds": self.seconds, "loss": self.loss, "seen": self.seen}
        planned = {} if self.schedule is None else asdict(self.schedule)
        write_checkpoint(self.checkpoint, self.model, self.optimiser, state | planned)

    def _resume(self) -> None:
        state = read_checkpoint(self.checkpoint, self.model, self.optimiser)
        if state is not None:
            self.schedule = Schedule(int(state["planned"]), state["ending"])
            self.step, self.seen = int(state["step"]), list(state["seen"])
            self.seconds, self.loss = float(state["seconds"]), float(state["loss"])


def both(views: list[Patches]) -> Patches:
    """Views (b, n, p) of the same items as one value (v, b, n, p), filled up where one is shorter."""
    longest = max(view.values.shape[1] for view in views)
    values = torch.stack([F.pad(view.values, (0, 0, 0, longest - view.values.shape[1])) for view in views])
    known = [F.pad(view.known, (0, 0, 0, longest - view.known.shape[1])) for view in views if view.known is not None]
    return Patches(values, torch.stack(known) if known else None)
