"""The loop of a training run of any model, with checkpoints from which a run is resumed.

All random numbers of a step come from a generator seeded by (seed, step), the number of steps is fixed before the first
step, and the rule for an early end is checked after fixed steps: a run that was killed and resumed ends with the
weights of an uninterrupted run. The same holds for a run that several processes share (``sharing.py``), except for the
order in which numbers are summed; another number of processes may resume it.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from activessl.encoders.compute.processes import count, decided, leads
from activessl.encoders.training.checkpoint import read_checkpoint, write_checkpoint
from activessl.encoders.training.schedule import Schedule, improves_no_more
from activessl.encoders.training.sharing import Share, average, same_everywhere
from activessl.errors import EncoderError
from activessl.pool.progress import OnProgress, Progress

#: The loss of a share of the items at some rows; all its random numbers come from the generator.
Loss = Callable[[Tensor, torch.Generator, Share], Tensor]


@dataclass(frozen=True)
class Pace:
    """The settings of the steps.

    Attributes:
        lr: Largest learning rate.
        weight_decay: Weight decay of AdamW, on matrices only.
        batch_size: Items in a step.
        patience: Checks of the label-free figures without improvement, after which the run ends; 0 for never.
        checkpoint_seconds: Seconds between two checkpoints.
    """

    lr: float
    weight_decay: float
    batch_size: int
    patience: int
    checkpoint_seconds: float


class Loop:
    """A model, its optimizer, and the state of the training.

    Args:
        model: The model on its device; weights that require a gradient are trained.
        loss: The loss to minimize.
        health: Returns the label-free figures of the present model.
        items: Number of items.
        pace: The settings of the steps.
        seed: Seed of the order of items and of all random numbers in a step.
        checkpoint: The file from which the run is resumed.
    """

    def __init__(
        self,
        model: nn.Module,
        loss: Loss,
        health: Callable[[], dict[str, float]],
        items: int,
        pace: Pace,
        seed: int,
        checkpoint: Path,
    ) -> None:
        self.model, self.pace, self.seed, self.checkpoint = model, pace, seed, checkpoint
        self._loss, self._health, self._items = loss, health, items
        self.schedule: Schedule | None = None  # until the number of steps is known
        self.step, self.seconds, self.loss = 0, 0.0, math.nan
        self.seen: list[dict[str, float]] = []  # label-free figures of each check
        trained = [p for p in model.parameters() if p.requires_grad]
        groups = [
            {"params": [p for p in trained if p.ndim > 1], "weight_decay": pace.weight_decay},
            {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
        ]
        self.optimiser = torch.optim.AdamW(groups, lr=pace.lr, betas=(0.9, 0.95))

    def train(self, minutes: float, steps: int | None, on_progress: OnProgress | None, stage: str = "train") -> None:
        """Resume from the checkpoint if there is one, and train to the end.

        Raises:
            EncoderError: The loss is no longer finite, a checkpoint cannot be written, or another process has ended or
                has another checkpoint.
        """
        self._resume()
        if self.schedule is None:
            found = steps if steps is not None else self._steps_in(minutes)
            self.schedule = Schedule(decided(lambda: found))
        started, before, written = time.perf_counter(), self.seconds, time.perf_counter()
        shown = max(1, self.schedule.planned // 100)
        while self.step < self.schedule.total:
            value = self._one_step(self.step, self.schedule)
            if not math.isfinite(value):
                raise EncoderError(f"the loss is {value} after {self.step} steps", hint="set a smaller lr")
            self.loss = value if math.isnan(self.loss) else 0.95 * self.loss + 0.05 * value
            self.step += 1
            self.seconds = before + time.perf_counter() - started
            figures = self._look()
            last = self.step == self.schedule.total
            if on_progress is not None and (last or figures is not None or self.step % shown == 0):
                figures = self._health() if last else figures
                told = self.ended if self.schedule.ending is not None else ""
                on_progress(Progress(stage, self.step, self.schedule.total, self.loss, figures, told))
            if leads() and (last or time.perf_counter() - written > self.pace.checkpoint_seconds):
                self._write()
                written = time.perf_counter()

    @property
    def ended(self) -> str:
        """The reason why the run ended."""
        if self.schedule is None or self.schedule.ending is None:
            return "all planned steps were done"
        checks = f"in {self.pace.patience} checks up to step {self.schedule.ending}"
        return f"the figures of the embedding, which need no label, did not improve {checks}"

    def _look(self) -> dict[str, float] | None:
        """Check the label-free figures if a check is due, and end the run early if they stop improving."""
        if self.schedule is None or not self.schedule.looks(self.step):
            return None
        self.seen.append(decided(self._health))
        if improves_no_more(self.seen, self.pace.patience):
            self.schedule = self.schedule.end_after(self.step)
        return self.seen[-1]

    def _one_step(self, step: int, schedule: Schedule) -> float:
        # all random numbers of a step depend on the seed and the step number only
        mix = hashlib.sha256(f"{self.seed}:{step}".encode()).digest()
        generator = torch.Generator().manual_seed(int.from_bytes(mix[:8], "little") >> 1)

        for group in self.optimiser.param_groups:
            group["lr"] = self.pace.lr * schedule.rate(step)
        rows = self._rows(step)
        loss = self._loss(rows, generator, Share.of(len(rows)))
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        value = average((p.grad for p in self.model.parameters() if p.grad is not None), loss)
        self.optimiser.step()
        return value

    def _rows(self, step: int) -> Tensor:
        """The items of a step: each epoch has a new order, and a step lies within one epoch."""
        size = min(self.pace.batch_size, self._items)
        epoch, at = divmod(step, self._items // size)
        order = np.random.default_rng([self.seed, epoch]).permutation(self._items)
        return torch.from_numpy(order[at * size : (at + 1) * size])

    def _steps_in(self, minutes: float) -> int:
        """The number of steps that fit into the time, measured on a few steps that are then undone."""
        before = {name: value.clone() for name, value in self.model.state_dict().items()}
        self._one_step(0, Schedule(100))  # not measured: the first step also allocates memory
        done, started = 0, time.perf_counter()

        def more() -> bool:
            return done < 3 or (time.perf_counter() - started < min(2.0, 3 * minutes) and done < 20)

        while decided(more):
            self._one_step(done, Schedule(100))
            done += 1
        pace = (time.perf_counter() - started) / done
        self.model.load_state_dict(before)
        self.optimiser.state.clear()
        return max(10, round(60 * minutes / pace))

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
        if count() > 1:
            self._together()

    def _together(self) -> None:
        """Check that all processes have the same checkpoint, and copy the weights of the first process to all."""
        if (first := decided(lambda: self.step)) != self.step:
            raise EncoderError(
                f"this process has a checkpoint of step {self.step}, the first process has one of step {first}",
                hint="put the project on a disk that all machines share",
            )
        moments = (m for state in self.optimiser.state.values() for m in state.values() if m.ndim)
        same_everywhere([*self.model.state_dict().values(), *moments])
