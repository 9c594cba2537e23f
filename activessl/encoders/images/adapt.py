"""Train a pretrained network further on the user's own pool, without labels.

The last blocks learn, at a small rate, to match two views of an image within a batch (``contrastive.py``); the blocks
before them stay unchanged. The result is kept only if the label-free figures of the vectors have not fallen: a pool can
be too small, or views can hide the differences between items.

Gururangan et al., Don't Stop Pretraining, ACL 2020 (arXiv:2004.10964), for the idea; Chen et al. 2020
(arXiv:2002.05709) for the loss.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from activessl.encoders.compute.processes import decided
from activessl.encoders.compute.side_by_side import parts
from activessl.encoders.health import health
from activessl.encoders.images.augment import Augmentation
from activessl.encoders.training.contrastive import Projector, ntxent
from activessl.encoders.training.loop import Loop, Pace
from activessl.encoders.training.sharing import Share
from activessl.pool.progress import OnProgress

#: The function from images (b, c, s, s) in [0, 1] to the network's vectors (b, d).
Forward = Callable[[Tensor], Tensor]

#: Largest fall of a figure before the result is discarded: the noise with 500 items, and a twentieth of the rank.
_AGREEMENT, _RANK = 0.005, 0.95
_TEMPERATURE = 0.2


@dataclass(frozen=True)
class Adaptation:
    """The settings for training a pretrained network further.

    Attributes:
        blocks: Number of last blocks that are trained, >= 1; the layers after them are trained too.
        lr: Largest learning rate; small, because the weights are already good.
        batch_size: Images in a step, each in two views.
        patience: As in training from scratch (``schedule.py``).
        checkpoint_seconds: Seconds between two checkpoints.
    """

    blocks: int = 2
    lr: float = 5e-5
    batch_size: int = 64
    patience: int = 5
    checkpoint_seconds: float = 30.0


@dataclass(frozen=True)
class Adapted:
    """The result of training a pretrained network further.

    Attributes:
        kept: Whether the trained weights are kept; if not, the network has its pretrained weights.
        why: The reason, as a sentence.
        steps: Number of steps.
        ended: The reason why the training ended.
        before: Label-free figures of the pretrained network.
        after: Label-free figures after training.
        weights: The trained weights by name; empty if they are not kept.
    """

    kept: bool
    why: str
    steps: int
    ended: str
    before: dict[str, float]
    after: dict[str, float]
    weights: dict[str, Tensor]

    def to_json(self) -> dict[str, Any]:
        """All but the weights, as JSON values."""
        told = ("kept", "why", "steps", "ended", "before", "after")
        return {name: getattr(self, name) for name in told}


def adapt(
    network: nn.Module,
    forward: Forward,
    images: Tensor,
    *,
    minutes: float,
    steps: int | None,
    how: Adaptation,
    seed: int,
    checkpoint: Path,
    on_progress: OnProgress | None = None,
) -> Adapted:
    """Train the last blocks of a network on images, and keep the result if label-free figures do not fall.

    Args:
        network: The network in evaluation mode, on its device; changed in place.
        forward: Computes the network's vectors, with gradients.
        images: (n, c, s, s) of uint8, n >= 2.
        minutes: Approximate training time.
        steps: The number of steps, instead of ``minutes``.
        how: Settings.
        seed: Seed of order, views and the projector.
        checkpoint: The file from which a killed training is resumed.
        on_progress: Called with stage "adapt".

    Raises:
        EncoderError: The loss is no longer finite, or a checkpoint cannot be written.
    """
    learning = last_weights(network, how.blocks)
    device = next(network.parameters()).device
    augment = Augmentation()

    def view(rows: Tensor, generator: torch.Generator, share: Share | None = None) -> Tensor:
        mine = rows if share is None else rows[share.mine]
        return augment(images[mine].to(device).float() / 255, generator, share)

    def figures() -> dict[str, float]:
        rows = torch.arange(0, len(images), max(1, math.ceil(len(images) / 500)))
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            a, b = (
                torch.cat([forward(view(part, generator)) for part in parts(rows, 32)]).float().cpu().numpy()
                for _ in range(2)
            )
        return {name: round(value, 4) for name, value in health(a, b).items()}

    before = decided(figures)
    as_it_came = {name: weight.detach().clone() for name, weight in learning.items()}
    with torch.no_grad():
        length = forward(images[:1].to(device).float() / 255).shape[1]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        projector = Projector(length).to(device)

    def loss(rows: Tensor, generator: torch.Generator, share: Share) -> Tensor:
        views = torch.cat([view(rows, generator, share) for _ in range(2)])
        every = share.gathered(forward(views).reshape(2, len(views) // 2, -1))  # (2, b, d)
        return ntxent(projector(every.flatten(0, 1)).unflatten(0, (2, len(rows))), _TEMPERATURE)

    # dropout stays off: the network remains in evaluation mode
    for weight in learning.values():
        weight.requires_grad_(True)
    held = nn.ModuleDict({"projector": projector, "network": _Held(learning)})
    pace = Pace(how.lr, 0.05, how.batch_size, how.patience, how.checkpoint_seconds)
    loop = Loop(held, loss, figures, len(images), pace, seed, checkpoint)
    loop.train(minutes, steps, on_progress, stage="adapt")
    for weight in learning.values():
        weight.requires_grad_(False)

    after = decided(figures)
    kept, why = no_worse(before, after)
    if not kept:
        with torch.no_grad():
            for name, weight in learning.items():
                weight.copy_(as_it_came[name])
    weights = {name: weight.detach().cpu().clone() for name, weight in learning.items()} if kept else {}
    return Adapted(kept, why, loop.step, loop.ended, before, after, weights)


def no_worse(before: Mapping[str, float], after: Mapping[str, float]) -> tuple[bool, str]:
    """Whether label-free figures have not fallen, and the reason as a sentence.

    Example:
        >>> before = {"neighbour_agreement": 0.5, "effective_rank": 9.0}
        >>> no_worse(before, {"neighbour_agreement": 0.6, "effective_rank": 8.0})
        (False, 'the effective rank fell from 9 to 8')
    """
    if after["effective_rank"] < before["effective_rank"] * _RANK:
        return False, f"the effective rank fell from {before['effective_rank']:.3g} to {after['effective_rank']:.3g}"
    name = "neighbour_agreement"
    if after[name] < before[name] - _AGREEMENT:
        return False, f"the neighbor agreement of two views fell from {before[name]:.3f} to {after[name]:.3f}"
    return True, (
        f"the neighbor agreement of two views is {after[name]:.3f}, before {before[name]:.3f}; "
        f"the effective rank is {after['effective_rank']:.3g}, before {before['effective_rank']:.3g}"
    )


def last_weights(network: nn.Module, blocks: int) -> dict[str, nn.Parameter]:
    """The weights of a network's last blocks and of the layers after them, by name.

    The blocks are the members of the outermost list of modules, such as the layers of a transformer or the stages of a
    convolutional network. If there is no such list, all weights are returned.
    """
    names = [name for name, module in network.named_modules() if isinstance(module, nn.ModuleList)]
    every = dict(network.named_parameters())
    if not names:
        return every
    outermost = min(names, key=lambda name: name.count("."))
    members = len(network.get_submodule(outermost))  # type: ignore[arg-type]
    last = tuple(f"{outermost}.{i}." for i in range(max(0, members - blocks), members))
    order = list(every)
    start = next((i for i, name in enumerate(order) if name.startswith(last)), 0)
    return {
        name: every[name] for name in order[start:] if not name.startswith(f"{outermost}.") or name.startswith(last)
    }


class _Held(nn.Module):
    """A module that holds some weights of another module, for an optimizer and a checkpoint of these weights only."""

    def __init__(self, weights: Mapping[str, nn.Parameter]) -> None:
        super().__init__()
        for name, weight in weights.items():
            self.register_parameter(name.replace(".", "/"), weight)
