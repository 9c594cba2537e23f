"""One run of fine-tuning, which can be resumed after an interruption.

A linear classifier is fitted to the frozen vectors first, because a random classifier would distort the network
(Kumar et al., Fine-Tuning can Distort Pretrained Features, ICLR 2022, arXiv:2202.10054). Then the network and the
classifier are trained on views of the labeled items, mixed in pairs (Zhang et al., mixup, ICLR 2018, arXiv:1710.09412)
and with smoothed labels. A contrastive loss on views of unlabeled items is added, and every weight is pulled to its
initial value (Li et al., L2-SP, ICML 2018, arXiv:1802.01483). The result is the moving average of the weights at the
step with the lowest loss on held-out labels.

All random numbers of a step come from a generator seeded by (seed, step), so an interrupted and resumed run ends with
the same weights as an uninterrupted one.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from activessl.encoders.compute.device import best_device
from activessl.encoders.compute.side_by_side import parts
from activessl.encoders.training.checkpoint import read_checkpoint, write_checkpoint
from activessl.encoders.training.contrastive import ntxent
from activessl.errors import EncoderError
from activessl.heads.linear import LogisticHead
from activessl.pool.progress import OnProgress, Progress
from activessl.tuning.networks import Network

T = TypeVar("T")

#: Least steps between two evaluations on the held-out labels.
LOOK = 5


@dataclass(frozen=True)
class Recipe:
    """The settings of fine-tuning.

    Attributes:
        batch_size: Labeled items per step.
        unlabeled: Unlabeled items per step, each in two views; 0 switches the self-supervised loss off.
        at_once: Items per pass through the network; halved where memory does not suffice.
        lr: Learning rate of the network, reached after ten steps.
        classifier_lr: Learning rate of the classifier.
        anchor: Strength of the pull to the initial weights, per unit of learning rate.
        mixup: Both parameters of the Beta distribution of the mixing share; 0 switches mixing off.
        smoothing: Probability that label smoothing spreads evenly over all classes.
        self_supervised: Weight of the loss on unlabeled items.
        temperature: Temperature of that loss.
        average: Decay of the moving average per step; smaller in the first steps.
        epochs: Most passes over the labels.
        patience: Evaluations on the held-out labels without progress before training stops.
        rank: Rank of the changes to the matrices of a pretrained network.
        checkpoint_seconds: Seconds between two checkpoints.
    """

    batch_size: int = 64
    unlabeled: int = 32
    at_once: int = 32
    lr: float = 5e-4
    classifier_lr: float = 5e-3
    anchor: float = 5.0
    mixup: float = 0.2
    smoothing: float = 0.1
    self_supervised: float = 0.3
    temperature: float = 0.2
    average: float = 0.98
    epochs: int = 60
    patience: int = 6
    rank: int = 4
    checkpoint_seconds: float = 10.0


class TuningRun:
    """A network and a classifier in training, with their progress and their best weights.

    Args:
        network: Changed in place.
        images: (n, c, s, s) of uint8, the labeled items.
        labels: (n,) class indices, of at least two classes.
        unlabeled: (u, c, s, s) of uint8.
        recipe: The settings.
        seed: Seed of order, views and mixing.
        checkpoint: The file that the run is resumed from.
        at_once: Items per pass through the network, where memory is known not to suffice for those of the recipe.

    Attributes:
        at_once: Items per pass through the network that memory has sufficed for.
        seconds: Seconds of training so far.
        total: Highest number of steps.
    """

    def __init__(
        self,
        network: Network,
        images: Tensor,
        labels: Int[np.ndarray, " n"],
        unlabeled: Tensor,
        recipe: Recipe,
        seed: int,
        checkpoint: Path,
        *,
        at_once: int | None = None,
    ) -> None:
        self.recipe, self.seed, self.checkpoint = recipe, seed, checkpoint
        self.images, self.unlabeled = images, unlabeled
        self.device = best_device()
        self.network = network.to(self.device).eval()  # evaluation mode switches dropout off
        self.classes, local = np.unique(labels, return_inverse=True)
        self.targets = torch.from_numpy(local.astype(np.int64))
        self.step, self.best_step, self.best_loss, self.looks = 0, 0, math.inf, 0
        self.at_once, self.seconds, self.total = at_once or recipe.at_once, 0.0, 0

        self.centre = self.vectors(unlabeled if len(unlabeled) else images).mean(0)
        self.classifier = self._fitted_classifier()
        self.state = _Averaged([*self.network.learns(), *self.classifier.parameters()])
        self.start = [p.detach().clone() for p in self.state.now]
        self.optimiser = torch.optim.Adam(
            [
                {"params": self.network.learns(), "peak": recipe.lr},
                {"params": list(self.classifier.parameters()), "peak": recipe.classifier_lr},
            ]
        )

    def train(
        self,
        *,
        steps: int | None = None,
        minutes: float = math.inf,
        held: tuple[Tensor, Int[np.ndarray, " h"]] | None = None,
        stage: str = "tune",
        on_progress: OnProgress | None = None,
    ) -> int:
        """Resume from the checkpoint if there is one, and train to the end.

        Args:
            steps: Number of steps; by default as many as fit into ``minutes`` and ``recipe.epochs``.
            minutes: Time limit. The pace is measured on trial steps, so the number of steps is fixed before the first
                step.
            held: Held-out items and their classes: the weights with the lowest loss on them are kept, and training
                stops early without progress. Without held-out items the last average is kept.
            stage: Name of the stage in the progress.
            on_progress: Called after each step.

        Returns:
            The step whose weights were kept; 0 if no step was better than the start.
        """
        self._resume()
        if not self.total:
            self.total = steps if steps is not None else self._steps_in(minutes)
            self._look(held)
        started, before, written = time.perf_counter(), self.seconds, time.perf_counter()
        every = max(LOOK, self.epoch_steps)
        while self.step < self.total and self.looks <= self.recipe.patience:
            value = self._one_step(self.step)
            if not math.isfinite(value):
                raise EncoderError(f"the loss is {value} after {self.step} steps", hint="fine-tune with a smaller lr")
            self.step += 1
            self.seconds = before + time.perf_counter() - started
            if self.step % every == 0 or self.step == self.total:
                self._look(held)
            done = self.step == self.total or self.looks > self.recipe.patience
            if time.perf_counter() - written > self.recipe.checkpoint_seconds or done:
                self._write()
                written = time.perf_counter()
            if on_progress is not None:
                health = {"items at once": float(self.at_once)} if self.at_once < self.recipe.at_once else None
                on_progress(Progress(stage, self.total if done else self.step, self.total, loss=value, health=health))
        self.state.put_best()
        return self.best_step

    def vectors(self, images: Tensor) -> Float[Tensor, "n d"]:
        """Compute vectors of pictures (uint8) with the current network."""
        return self._each(images, self.network)

    def logits(self, images: Tensor) -> Float[Tensor, "n k"]:
        """Compute the classifier's logits of pictures (uint8), one column for each of ``classes``."""
        return self._each(images, self._logits)

    @property
    def epoch_steps(self) -> int:
        """Steps per pass over the labels."""
        return math.ceil(len(self.images) / self.recipe.batch_size)

    def _fitted_classifier(self) -> nn.Linear:
        """Fit a logistic regression to the frozen vectors, centred and scaled as for heads."""
        scaled = F.normalize(self.vectors(self.images) - self.centre, dim=1).numpy()
        head = LogisticHead(mean=np.zeros(scaled.shape[1])).fit(scaled, self.targets.numpy())
        with torch.random.fork_rng(devices=[]):  # the layer draws initial values, which are replaced below
            layer = nn.Linear(scaled.shape[1], len(self.classes))
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(head.coef_).float())
            layer.bias.copy_(torch.from_numpy(head.intercept_).float())
        layer.to(self.device)
        return layer

    def _logits(self, images: Tensor) -> Tensor:
        out: Tensor = self.classifier(F.normalize(self.network(images) - self.centre.to(self.device), dim=1))
        return out

    def _each(self, images: Tensor, compute: Callable[[Tensor], Tensor]) -> Tensor:
        """Apply a computation to pictures (uint8), a part at a time."""

        def attempt() -> Tensor:
            with torch.inference_mode():
                return torch.cat(
                    [compute(part.to(self.device).float() / 255).cpu() for part in parts(images, self.at_once)]
                )

        return self._with_memory(attempt).clone()

    def _one_step(self, step: int) -> float:
        return self._with_memory(lambda: self._try_step(step))

    def _with_memory(self, attempt: Callable[[], T]) -> T:
        """Repeat an attempt with half as many items per pass while memory does not suffice."""
        while True:
            try:
                return attempt()
            except (RuntimeError, MemoryError) as error:
                if not _out_of_memory(error):
                    raise
                if self.at_once == 1:
                    raise EncoderError(
                        "memory does not suffice for fine-tuning, not even for one item at a time",
                        hint="free some memory, or choose an encoder with smaller images",
                    ) from None
                self.at_once //= 2

    def _try_step(self, step: int) -> float:
        # all random numbers of a step depend on the seed and the step only
        mix = hashlib.sha256(f"{self.seed}:{step}".encode()).digest()
        generator = torch.Generator().manual_seed(int.from_bytes(mix[:8], "little") >> 1)
        rng = np.random.default_rng([self.seed, step])
        for group in self.optimiser.param_groups:
            group["lr"] = group["peak"] * min(1.0, (step + 1) / 10)

        # labeled items: each view is mixed with another one, and their labels likewise
        rows = self._rows(len(self.images), self.recipe.batch_size, step, 0)
        images = self.network.views(self.images[rows].to(self.device).float() / 255, generator)
        k, smoothing = len(self.classes), self.recipe.smoothing
        wanted = F.one_hot(self.targets[rows], k).float().to(self.device) * (1 - smoothing) + smoothing / k
        if self.recipe.mixup:
            share = float(rng.beta(self.recipe.mixup, self.recipe.mixup))
            other = torch.from_numpy(rng.permutation(len(rows)))
            images, wanted = (share * x + (1 - share) * x[other] for x in (images, wanted))
        self.optimiser.zero_grad(set_to_none=True)
        total = 0.0
        for seen, target in zip(parts(images, self.at_once), parts(wanted, self.at_once), strict=True):
            loss = -(target * self._logits(seen).log_softmax(1)).sum() / len(rows)
            loss.backward()  # type: ignore[no-untyped-call]
            total += float(loss.detach())

        # unlabeled items: contrastive loss between two views
        if self.recipe.self_supervised and self.recipe.unlabeled and len(self.unlabeled) > 1:
            rows = self._rows(len(self.unlabeled), self.recipe.unlabeled, step, 1)
            batch = self.unlabeled[rows].to(self.device).float() / 255
            pair = [self.network.views(batch, generator) for _ in range(2)]
            for a, b in zip(*(parts(view, max(2, self.at_once // 2)) for view in pair), strict=True):
                if len(a) > 1:
                    z = self.network(torch.cat([a, b])) - self.centre.to(self.device)
                    share = len(a) / len(rows) * self.recipe.self_supervised
                    loss = share * ntxent(z.unflatten(0, (2, len(a))), self.recipe.temperature)
                    loss.backward()  # type: ignore[no-untyped-call]
                    total += float(loss.detach())
        self.optimiser.step()
        self._draw_back()
        self.state.average_in(min(self.recipe.average, (1 + step) / (10 + step)))
        return total

    @torch.no_grad()
    def _draw_back(self) -> None:
        # separate from the gradient, as in AdamW: Adam's moments would rescale the pull
        for group in self.optimiser.param_groups:
            pull = group["lr"] * self.recipe.anchor
            for parameter in group["params"]:
                parameter.lerp_(self.start[self.state.index[parameter]], min(1.0, pull))

    def _rows(self, n: int, size: int, step: int, which: int) -> Tensor:
        """Rows of a step; each epoch is a new order of all rows."""
        epoch, at = divmod(step, math.ceil(n / size))
        order = np.random.default_rng([self.seed, which, epoch]).permutation(n)
        return torch.from_numpy(order[at * size : (at + 1) * size])

    def _look(self, held: tuple[Tensor, Int[np.ndarray, " h"]] | None) -> None:
        """Evaluate the moving average on held-out labels, and keep the best."""
        if held is None:
            self.best_step = self.step
            self.state.keep()
            return
        images, labels = held
        known = np.isin(labels, self.classes)
        targets = torch.from_numpy(np.searchsorted(self.classes, labels[known]))
        with self.state.averaged():
            loss = float(F.cross_entropy(self.logits(images[torch.from_numpy(known)]), targets))
        self.looks += 1
        if loss < self.best_loss:
            self.best_loss, self.best_step, self.looks = loss, self.step, 0
            self.state.keep()

    def _steps_in(self, minutes: float) -> int:
        """Number of steps that fit, at most ``epochs`` passes; measured on a few trial steps that are undone."""
        most = self.recipe.epochs * self.epoch_steps
        if math.isinf(minutes):
            return most
        self._one_step(0)  # the first step also allocates memory
        count, started = 0, time.perf_counter()
        while count < 2 or (time.perf_counter() - started < min(1.0, 3 * minutes) and count < 10):
            self._one_step(count)
            count += 1
        pace = (time.perf_counter() - started) / count
        self.state.restart(self.start)
        self.optimiser.state.clear()
        return min(most, max(10, round(60 * minutes / pace)))

    def _write(self) -> None:
        names = ("step", "total", "seconds", "best_step", "best_loss", "looks", "at_once")
        state = {name: getattr(self, name) for name in names}
        state["best_loss"] = None if math.isinf(self.best_loss) else self.best_loss
        write_checkpoint(self.checkpoint, self.state, self.optimiser, state)

    def _resume(self) -> None:
        state = read_checkpoint(self.checkpoint, self.state, self.optimiser)
        if state is not None:
            for name, value in state.items():
                setattr(self, name, value)
            self.best_loss = math.inf if self.best_loss is None else self.best_loss


class _Averaged(nn.Module):
    """Parameters with their moving average and the best average so far."""

    def __init__(self, parameters: list[nn.Parameter]) -> None:
        super().__init__()
        self.now = nn.ParameterList(parameters)
        self.index = {parameter: i for i, parameter in enumerate(parameters)}
        for i, parameter in enumerate(parameters):
            self.register_buffer(f"average{i}", parameter.detach().clone())
            self.register_buffer(f"best{i}", parameter.detach().clone())

    def _triples(self) -> Iterator[tuple[nn.Parameter, Tensor, Tensor]]:
        for i, parameter in enumerate(self.now):
            yield parameter, self.get_buffer(f"average{i}"), self.get_buffer(f"best{i}")

    @torch.no_grad()
    def average_in(self, kept: float) -> None:
        """Move the average towards the parameters."""
        for parameter, average, _ in self._triples():
            average.lerp_(parameter, 1 - kept)

    @torch.no_grad()
    def keep(self) -> None:
        """Store the average as the best."""
        for _, average, best in self._triples():
            best.copy_(average)

    @torch.no_grad()
    def put_best(self) -> None:
        """Copy the best into the parameters."""
        for parameter, _, best in self._triples():
            parameter.copy_(best)

    @torch.no_grad()
    def restart(self, start: list[Tensor]) -> None:
        """Reset parameters, average and best to the start."""
        for (parameter, average, best), value in zip(self._triples(), start, strict=True):
            for one in (parameter, average, best):
                one.copy_(value)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Replace the parameters by the average inside the context."""
        held = [parameter.detach().clone() for parameter in self.now]
        with torch.no_grad():
            for parameter, average, _ in self._triples():
                parameter.copy_(average)
        try:
            yield
        finally:
            with torch.no_grad():
                for parameter, value in zip(self.now, held, strict=True):
                    parameter.copy_(value)


def _out_of_memory(error: Exception) -> bool:
    # torch has an exception class for the GPU only; on the CPU only the message of the allocator shows it
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "allocate memory" in str(error)
