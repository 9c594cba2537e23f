"""Processor time with bfloat16, ``torch.compile``, channels last and several processes, measured in turns.

OMP_NUM_THREADS=1 python tests/benchmarks/precision.py steps      # a step of training hybrid
OMP_NUM_THREADS=1 python tests/benchmarks/precision.py networks   # encoding by networks of common sizes
OMP_NUM_THREADS=1 python tests/benchmarks/precision.py patches    # encoding by k-means on patches
OMP_NUM_THREADS=1 python tests/benchmarks/precision.py neighbours --data DATA
OMP_NUM_THREADS=1 torchrun --nproc-per-node 2 tests/benchmarks/precision.py shared   # and without torchrun
"""

from __future__ import annotations

import argparse
import copy
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from activessl.encoders.compute.precision import computing
from activessl.encoders.compute.processes import count, rank
from activessl.encoders.images import patches
from activessl.encoders.images.adapt import last_weights
from activessl.encoders.images.augment import SLIGHT, Augmentation
from activessl.encoders.pretrain import OBJECTIVES, TrainedEncoder, pretrain
from activessl.encoders.training import hybrid
from activessl.encoders.training.material import ImageMaterial, pool_tokens
from activessl.encoders.training.objective import Recipe, TrainingRun
from activessl.encoders.training.schedule import Schedule
from activessl.encoders.training.vit import ViTConfig
from activessl.pool.sources import load_pool

CPU = torch.device("cpu")


def in_turns(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, np.ndarray]:
    """Processor seconds of each way in each round, after two rounds of warm-up."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds + 2):
        for name, way in ways.items():
            start = time.process_time()
            way()
            taken[name].append(time.process_time() - start)
    return {name: np.array(seconds[2:]) for name, seconds in taken.items()}


def tell(what: str, taken: dict[str, np.ndarray]) -> None:
    usual = next(iter(taken.values()))
    for name, seconds in taken.items():
        ratio = seconds / usual
        print(
            f"| {what} | {name} | {1e3 * np.median(seconds):.0f} | {np.median(ratio):.2f}"
            f" ({ratio.min():.2f} to {ratio.max():.2f}) |",
            flush=True,
        )


def run_of(objective: str, side: int, channels: int) -> TrainingRun:
    config = ViTConfig(side, channels, 4)
    images = torch.randint(0, 256, (1000, channels, side, side), dtype=torch.uint8)
    material = ImageMaterial.of(images, config, Augmentation(), CPU, SLIGHT)
    checkpoint = Path(tempfile.mkdtemp()) / "checkpoint"
    return TrainingRun(material, config, OBJECTIVES[objective], Recipe(), 0, checkpoint)


def steps() -> None:
    for side, channels in ((32, 3), (28, 1)):
        _step(side, channels)


def _step(side: int, channels: int) -> None:
    run = run_of("hybrid", side, channels)
    forwards = (run.model.encoder.forward, run.model.decoder.forward)
    compiled = tuple(map(torch.compile, forwards))

    def step(precision: str, used: tuple = forwards, run: TrainingRun = run) -> None:
        hybrid.training_precision = lambda device: precision
        run.model.encoder.forward, run.model.decoder.forward = used
        run.loop._one_step(0, Schedule(100))

    before, children = time.process_time(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    step("float32", compiled)
    took = time.process_time() - before + resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - children
    print(f"compiling took {took:.0f} s of processor time", flush=True)
    ways = {
        "float32": lambda: step("float32"),
        "bfloat16": lambda: step("bfloat16"),
        "compiled": lambda: step("float32", compiled),
    }
    tell(f"step of hybrid, {side} × {side} × {channels}", in_turns(ways, 10))


def networks() -> None:
    from transformers import ConvNextConfig, ConvNextModel, ViTModel
    from transformers import ViTConfig as Large

    small = Large(hidden_size=384, num_hidden_layers=12, num_attention_heads=6, intermediate_size=1536)
    for name, model in {
        "ViT-S/16": ViTModel(small, add_pooling_layer=False).eval(),
        "ConvNeXt-T": ConvNextModel(ConvNextConfig()).eval(),
    }.items():
        last = copy.deepcopy(model).to(memory_format=torch.channels_last)
        images = torch.rand(4, 3, 224, 224)

        def encode(precision: str, network: torch.nn.Module = model, images: torch.Tensor = images) -> torch.Tensor:
            with torch.inference_mode(), computing(precision, CPU):
                return network(pixel_values=images).last_hidden_state

        in_last = images.contiguous(memory_format=torch.channels_last)
        ways = {
            "float32": lambda encode=encode: encode("float32"),
            "bfloat16": lambda encode=encode: encode("bfloat16"),
            "channels last": lambda encode=encode, last=last, images=in_last: encode("float32", last, images),
        }
        tell(f"encode 4 by {name}", in_turns(ways, 8))

        learning = last_weights(model, 2)
        model.requires_grad_(False)
        for weight in learning.values():
            weight.requires_grad_(True)

        def adapt(precision: str, network: torch.nn.Module = model, images: torch.Tensor = images) -> None:
            with computing(precision, CPU):
                hidden = network(pixel_values=images).last_hidden_state
            hidden.float().square().mean().backward()

        ways = {name: lambda adapt=adapt, name=name: adapt(name) for name in ("float32", "bfloat16")}
        tell(f"forward and backward of 4, last two blocks of {name}", in_turns(ways, 8))


def of_patches() -> None:
    for side, channels, k in ((32, 3, 400), (32, 3, 1600), (28, 1, 400)):
        _patches(side, channels, k)


def _patches(side: int, channels: int, k: int) -> None:
    values = channels * 64
    mean, whiten, centroids = torch.zeros(values), torch.eye(values), torch.randn(k, values)
    codes = patches.Codes(8, 1, 4, mean, whiten, centroids)
    images = torch.randint(0, 256, (patches.at_once(codes, side), channels, side, side), dtype=torch.uint8)

    def encode() -> torch.Tensor:
        return patches.activations(images, codes)

    def in_new_arrays() -> torch.Tensor:
        cut = patches.normalised_patches(images.float() / 255, 8, 1)
        white = (cut.reshape(-1, values) - mean) @ whiten
        distance = torch.cdist(white, centroids, compute_mode="use_mm_for_euclid_dist")
        return pooled(F.relu(distance.mean(1, keepdim=True) - distance), len(images))

    def in_bfloat16() -> torch.Tensor:
        cut = patches.normalised_patches(images.float() / 255, 8, 1)
        white = (cut.reshape(-1, values) - mean) @ whiten
        product = (white.bfloat16() @ centroids.bfloat16().T).float()
        square = white.square().sum(1, keepdim=True) - 2 * product + centroids.square().sum(1)
        distance = square.clamp_min(0).sqrt()
        return pooled(F.relu(distance.mean(1, keepdim=True) - distance), len(images))

    with torch.inference_mode():
        ways = {"float32": in_new_arrays, "in place": encode, "bfloat16": in_bfloat16}
        tell(f"patches of {side} × {side} × {channels}, {k:,} centroids", in_turns(ways, 10))


def pooled(active: torch.Tensor, b: int) -> torch.Tensor:
    rows = round((len(active) / b) ** 0.5)
    return F.adaptive_avg_pool2d(active.view(b, rows, rows, -1).permute(0, 3, 1, 2), 4).flatten(1).sqrt()


def shared() -> None:
    for objective in OBJECTIVES:
        run = run_of(objective, 32, 3)
        taken = in_turns({objective: lambda run=run: run.loop._one_step(0, Schedule(100))}, 12)
        print(f"{objective}: process {rank()} of {count()}: {1e3 * np.median(taken[objective]):.0f} ms", flush=True)


def neighbours(data: Path) -> None:
    """Print the accuracy of 20 neighbours among 4,000 items, on 1,500 others, after 100 steps in each precision."""
    for name in ("fashion_mnist", "cifar10"):
        pool, rng = load_pool(data / f"{name}.npz"), np.random.default_rng(0)
        label = dict(zip(pool.ids, np.load(data / f"{name}.npz")["labels"], strict=True))
        few = pool.subset(pool.ids[row] for row in rng.permutation(len(pool))[:5500])
        labels, order = np.array([label[i] for i in few.ids]), rng.permutation(len(few))
        known, asked = order[:4000], order[4000:]
        learned = few.subset(few.ids[row] for row in sorted(known))
        for seed in range(3):
            for precision in ("float32", "bfloat16"):
                hybrid.training_precision = lambda device, precision=precision: precision
                encoder = pretrain(learned, folder=Path(tempfile.mkdtemp()), steps=100, seed=seed)
                assert isinstance(encoder, TrainedEncoder)
                for encoding in ("float32", "bfloat16"):
                    with computing(encoding, CPU):
                        vectors = np.concatenate(
                            [
                                (
                                    pool_tokens(encoder.vit, encoder.patches(batch), encoder.grid).float().numpy()
                                    - encoder.pca_mean.numpy()
                                )
                                @ encoder.pca.numpy()
                                for batch in encoder.image.batches(few, 256)
                            ]
                        )
                    right = _right(vectors, labels, known, asked)
                    print(f"| {name} | {seed} | {precision} | {encoding} | {right:.3f} |", flush=True)


def _right(vectors: np.ndarray, labels: np.ndarray, known: np.ndarray, asked: np.ndarray) -> float:
    rows = vectors - vectors[known].mean(0)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    near = np.argpartition(-rows[asked] @ rows[known].T, 20, axis=1)[:, :20]
    votes = np.apply_along_axis(np.bincount, 1, labels[known][near], minlength=labels.max() + 1)
    return float((votes.argmax(1) == labels[asked]).mean())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["steps", "networks", "patches", "neighbours", "shared"])
    parser.add_argument("--data", type=Path)
    given = parser.parse_args()
    torch.manual_seed(0)
    if given.what == "neighbours":
        neighbours(given.data)
    else:
        {"steps": steps, "networks": networks, "patches": of_patches, "shared": shared}[given.what]()
