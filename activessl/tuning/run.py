"""One run of fine-tuning, and taking it up where it was cut off.

A linear classifier is fitted to the frozen vectors first, so that the network is not pulled about by a random one
(Kumar et al., Fine-Tuning can Distort Pretrained Features, ICLR 2022, arXiv:2202.10054). Then both learn from views of
the labeled items, mixed in pairs (Zhang et al., mixup, ICLR 2018, arXiv:1710.09412) and with smoothed labels, while
views of unlabeled items go on recognising each other and every weight is drawn back to where it started (Li et al.,
L2-SP, ICML 2018, arXiv:1802.01483). What counts is the moving average of the weights, at the step at which it did best
on labels held back.

Everything random in a step is drawn from a generator seeded by (seed, step), so a run that was killed and taken up
again ends with the weights of one that was not.
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

#: Steps between two looks at the held-back labels, at least.
LOOK = 5


@dataclass(frozen=True)
class Recipe:
    """The settings of fine-tuning.

    Attributes:
        batch_size: Labeled items in a step.
        unlabeled: Unlabeled items in a step, each in two views; 0 leaves the self-supervised loss out.
        at_once: Items that go through the network together; halved where memory does not suffice.
        lr: Learning rate of the network, reached after ten steps.
        classifier_lr: Learning rate of the classifier.
        anchor: How strongly weights are drawn to where they started, per unit of learning rate.
        mixup: Both parameters of the Beta distribution of the mixing share; 0 mixes nothing.
        smoothing: Probability that a label gives to all classes alike.
        self_supervised: Weight of the loss on unlabeled items.
        temperature: Of that loss.
        average: What the moving average keeps at each step, once it has run for long.
        epochs: At most so many passes over the labels.
        patience: Looks at the held-back labels without progress before it stops.
        rank: Of the changes to a pretrained network's matrices.
        checkpoint_seconds: How often the state is written.
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
    """A network and a classifier, how far they are, and the best they have been.

    Args:
        network: Changed in place.
        images: (n, c, s, s) of uint8, the labeled items.
        labels: (n,) class indices, of at least two classes.
        unlabeled: (u, c, s, s) of uint8.
        recipe: How.
        seed: Of order, views and mixtures.
        checkpoint: The file from which it is taken up again.
        at_once: Items that go through the network together, where fewer than the recipe's are known to be enough.

    Attributes:
        at_once: Items that go through the network together, as far as memory has sufficed.
        seconds: Of training so far.
        total: Steps at most.
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
        self.network = network.to(self.device).eval()  # nothing in it should be dropped at random
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
        """Take up the checkpoint if there is one, and train to the end.

        Args:
            steps: How many steps; by default what fits into ``minutes`` and ``recipe.epochs``.
            minutes: Measured on the first steps, so that the number of steps is fixed before the first counts.
            held: Labeled items that are not learned from, and their classes: what did best on them is kept, and
                without progress it stops early. Without them the last average is kept.
            stage: The name of the progress.
            on_progress: Called after each step.

        Returns:
            The step whose weights were kept; 0: none was better than the start.
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
        """Vectors of pictures of uint8, as the network is now."""
        return self._each(images, self.network)

    def logits(self, images: Tensor) -> Float[Tensor, "n k"]:
        """What the classifier says of pictures of uint8, a column for each of ``classes``."""
        return self._each(images, self._logits)

    @property
    def epoch_steps(self) -> int:
        """Steps in a pass over the labels."""
        return math.ceil(len(self.images) / self.recipe.batch_size)

    def _fitted_classifier(self) -> nn.Linear:
        """Logistic regression on the frozen vectors, seen as heads see them."""
        scaled = F.normalize(self.vectors(self.images) - self.centre, dim=1).numpy()
        head = LogisticHead(mean=np.zeros(scaled.shape[1])).fit(scaled, self.targets.numpy())
        with torch.random.fork_rng(devices=[]):  # values are drawn before they are replaced
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
        """What is computed of pictures of uint8, a part at a time."""

        def attempt() -> Tensor:
            with torch.inference_mode():
                return torch.cat(
                    [compute(part.to(self.device).float() / 255).cpu() for part in parts(images, self.at_once)]
                )

        return self._with_memory(attempt).clone()

    def _one_step(self, step: int) -> float:
        return self._with_memory(lambda: self._try_step(step))

    def _with_memory(self, attempt: Callable[[], T]) -> T:
        """Try again with half as many items at once where memory does not suffice."""
        while True:
            try:
                return attempt()
            except (RuntimeError, MemoryError) as error:
                if not _out_of_memory(error):
                    raise
                if self.at_once == 1:
                    raise EncoderError(
                        "memory does not suffice to fine-tune, not even for one item at a time",
                        hint="free some memory, or choose an encoder of smaller images",
                    ) from None
                self.at_once //= 2

    def _try_step(self, step: int) -> float:
        # all randomness of a step comes from its number
        mix = hashlib.sha256(f"{self.seed}:{step}".encode()).digest()
        generator = torch.Generator().manual_seed(int.from_bytes(mix[:8], "little") >> 1)
        rng = np.random.default_rng([self.seed, step])
        for group in self.optimiser.param_groups:
            group["lr"] = group["peak"] * min(1.0, (step + 1) / 10)

        # labeled items: every view is mixed with another one, and so are their labels
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

        # unlabeled items: two views recognise each other
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
        # apart from the gradient, as in AdamW: divided by its moments the pull would no longer be one
        for group in self.optimiser.param_groups:
            pull = group["lr"] * self.recipe.anchor
            for parameter in group["params"]:
                parameter.lerp_(self.start[self.state.index[parameter]], min(1.0, pull))

    def _rows(self, n: int, size: int, step: int, which: int) -> Tensor:
        """The items of a step: each epoch is a new order of all of them."""
        epoch, at = divmod(step, math.ceil(n / size))
        order = np.random.default_rng([self.seed, which, epoch]).permutation(n)
        return torch.from_numpy(order[at * size : (at + 1) * size])

    def _look(self, held: tuple[Tensor, Int[np.ndarray, " h"]] | None) -> None:
        """How good the average is on labels held back; the best is kept."""
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
        """How many steps fit, at most ``epochs`` passes: measured on a few that are then undone."""
        most = self.recipe.epochs * self.epoch_steps
        if math.isinf(minutes):
            return most
        self._one_step(0)  # the first one also allocates
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
    """Parameters beside their moving average and the best that the average has been."""

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
        """Take the average for the best."""
        for _, average, best in self._triples():
            best.copy_(average)

    @torch.no_grad()
    def put_best(self) -> None:
        """Take the best for the parameters."""
        for parameter, _, best in self._triples():
            parameter.copy_(best)

    @torch.no_grad()
    def restart(self, start: list[Tensor]) -> None:
        """Take all back to the start."""
        for (parameter, average, best), value in zip(self._triples(), start, strict=True):
            for one in (parameter, average, best):
                one.copy_(value)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """The average in place of the parameters, for a while."""
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
    # torch has a class of its own for the GPU only; on the CPU its allocator says so in words
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "allocate memory" in str(error)
