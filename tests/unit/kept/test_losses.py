"""Losses and first steps of training with fixed weights and random numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from activessl.encoders.images.augment import SLIGHT, Augmentation
from activessl.encoders.pretrain import pretrain
from activessl.encoders.training.contrastive import Projector, ntxent
from activessl.encoders.training.hybrid import Objective, Weights
from activessl.encoders.training.masked import Decoder, masked_loss, normaliser, random_keep, target_of
from activessl.encoders.training.masked import kept as visible
from activessl.encoders.training.material import ImageMaterial
from activessl.encoders.training.objective import Recipe, TrainingRun, both
from activessl.encoders.training.sharing import Share
from activessl.encoders.training.vit import Patches, ViTConfig
from activessl.pool.progress import Progress
from activessl.pool.sources import load_pool
from activessl.tuning.networks import network_of
from activessl.tuning.run import Recipe as TuningRecipe
from activessl.tuning.run import TuningRun

SHAPE = ViTConfig(side=8, channels=1, patch=2)


def numbers(*shape: int, seed: int = 0) -> Tensor:
    """Normal numbers that do not depend on torch's generator."""
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape).astype(np.float32))


def steady(module: nn.Module, seed: int = 1) -> nn.Module:
    """The module with weights that do not depend on torch's generator."""
    rng = np.random.default_rng(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.from_numpy(0.2 * rng.normal(size=tuple(parameter.shape))))
    return module


def masked() -> Any:
    patches, drawn = numbers(3, 16, 4), numbers(3, 16, 4, seed=1)
    there = torch.arange(16)[None] < torch.tensor([16, 9, 3])[:, None]
    order = torch.from_numpy(np.random.default_rng(2).random((3, 16)).astype(np.float32))
    keep = visible(order, 0.4)
    some = visible(order, 0.5, there)
    known = (numbers(3, 16, 4, seed=3) > 0.3) & there[:, :, None]
    return [
        keep,
        some,
        visible(order, 0.01),
        visible(order, 1.0, there),
        visible(order, 0.3, there),
        masked_loss(drawn, patches, keep),
        masked_loss(drawn, patches, some, known),
        masked_loss(drawn, patches, keep, torch.zeros_like(known)),
        masked_loss(drawn, patches, torch.arange(16).expand(3, 16)),
        target_of(patches[:1, :2]),
        [part[:1, :3] for part in normaliser(patches)],
        list(random_keep(2, 10, 0.5, torch.Generator().manual_seed(0)).shape),
    ]


def networks() -> Any:
    patches = numbers(3, 16, 4)
    there = torch.arange(16)[None] < torch.tensor([16, 9, 3])[:, None]
    order = torch.from_numpy(np.random.default_rng(2).random((3, 16)).astype(np.float32))
    keep = visible(order, 0.5, there)
    decoder = steady(Decoder(SHAPE))
    projector = steady(Projector(6))
    tokens = numbers(3, keep.shape[1], SHAPE.dim)
    shapes = {name: list(one.shape) for name, one in Projector(6).state_dict().items()}
    return [
        decoder(tokens, keep)[:, :2],
        decoder(tokens, keep, there)[:, :2],
        projector(numbers(5, 6))[:, :4],
        shapes,
        ntxent(numbers(3, 4, 6), 0.5),
        [[Share(11, rank, count).mine.indices(11) for rank in range(count)] for count in (1, 3)],
        Share(4).mean(torch.tensor(3.0), torch.tensor(2.0)),
        Share(4).mean(torch.tensor(3.0), torch.tensor(0.25)),
        both([Patches(patches), Patches(patches[:, :9], patches[:, :9] > 0)]).values.sum((2, 3)),
    ]


def objectives() -> Any:
    views = Patches(torch.stack([numbers(5, 16, 4), numbers(5, 16, 4, seed=1)]))
    told = []
    for weights in (
        Weights(),
        Weights(masked=0.0),
        Weights(0.5, 2.0, keep=0.25, temperature=0.7),
        Weights(contrastive=0.0),
    ):
        objective = steady(Objective(SHAPE, weights))
        parts = objective(views, torch.Generator().manual_seed(0))
        parts["total"].backward()
        slope = objective.encoder.embed.weight.grad
        told.append([{name: float(one.detach()) for name, one in parts.items()}, slope.norm(), objective.weights])
    return told


def pictures(count: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng(4).integers(0, 255, (count, 1, 8, 8), dtype=np.uint8))


def norms(tensors: dict[str, np.ndarray]) -> dict[str, float]:
    """One figure for each tensor that neither the order nor the sign of components changes."""
    return {name: float(np.linalg.norm(np.asarray(one, dtype=np.float64))) for name, one in tensors.items()}


def test_the_first_steps_of_pretraining_are_those_that_were_kept(kept: Callable[..., None], tmp_path: Path) -> None:
    material = ImageMaterial.of(pictures(30), SHAPE, Augmentation(), torch.device("cpu"), slight=SLIGHT)
    out: list[Any] = []
    for recipe, weights in (
        (Recipe(batch_size=10), Weights()),
        (Recipe(batch_size=16, grid=2, out=5, lr=2e-3), Weights(masked=0.0)),
    ):
        run = TrainingRun(material, SHAPE, weights, recipe, 3, tmp_path / f"run-{len(out)}")
        steady(run.model)
        run._embed_from_patches()
        told: list[Progress] = []
        run.loop.train(math.inf, 3, told.append)
        found = run.tensors()
        out += [[one.loss for one in told], norms(found), found["pca"].shape, sorted(run.health())]
    kept(out, 0.02)


def test_the_first_steps_of_fine_tuning_are_those_that_were_kept(kept: Callable[..., None], tmp_path: Path) -> None:
    np.savez(tmp_path / "pool.npz", images=pictures(40)[:, 0].numpy())
    pool = load_pool(tmp_path / "pool.npz")
    encoder = pretrain(pool, folder=tmp_path / "encoder", steps=1, batch_size=16, dim=16, depth=1, out=4)
    out: list[Any] = []
    usual = TuningRecipe(batch_size=8, unlabeled=6, checkpoint_seconds=1e6)
    for recipe, steps in (
        (usual, 12),
        (replace(usual, mixup=0.0, self_supervised=0.0, at_once=3), 6),
        (replace(usual, unlabeled=0, patience=0), 11),
    ):
        network = steady(network_of(encoder))
        images, labels = network.read(pool), np.arange(40) % 3 + 2
        run = TuningRun(network, images[:20], labels[:20], images[28:], recipe, 5, tmp_path / f"run-{len(out)}")
        steady(run.classifier, seed=2)
        run.start = [parameter.detach().clone() for parameter in run.state.now]
        run.state.restart(run.start)
        assert (run.seconds, run.step, run.total) == (0.0, 0, 0)
        told: list[Progress] = []
        best = run.train(steps=steps, held=(images[20:28], labels[20:28]), on_progress=told.append)
        out += [[one.loss for one in told], best, run.best_loss, run.looks, run.step, run.epoch_steps]
        out += [run.logits(images[:4]), run.classes, run.centre.norm()]
    kept(out, 5e-3)


EXAMPLES: dict[str, Callable[[], Any]] = {one.__name__: one for one in (masked, networks, objectives)}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_losses_are_those_that_were_kept(name: str, kept: Callable[..., None]) -> None:
    kept(EXAMPLES[name](), 1e-3)
