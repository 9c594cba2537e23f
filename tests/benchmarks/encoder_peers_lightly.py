"""Train lightly's SimCLR or MAE with the transformer of activessl; needs lightly, timm and jaxtyping.

Started by ``encoder_peers.py``: reads ``items.npz`` (``pool`` and ``test`` as (n, c, s, s) of uint8, ``shape`` of the
transformer as JSON) and writes ``vectors.npz`` in the same folder. Transforms, losses, masks, heads and decoder are
lightly's, combined as in its documentation for small images; the transformer, the optimizer and the read-out are those
of activessl.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from lightly.loss import NTXentLoss
from lightly.models import utils
from lightly.models.modules.heads import SimCLRProjectionHead
from lightly.models.modules.masked_vision_transformer_decoder_timm import MaskedVisionTransformerDecoderTIMM
from lightly.transforms import MAETransform, SimCLRTransform
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from activessl.encoders.images.pixels import principal_components
from activessl.encoders.training.material import normalise, pool_tokens
from activessl.encoders.training.vit import ViT, ViTConfig, patchify

BATCH = 256


class SimCLR(nn.Module):
    """Transformer, mean token, projection head, NT-Xent at lightly's default temperature."""

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        self.encoder = ViT(config)
        self.head = SimCLRProjectionHead(config.dim, 256, 128)
        self.criterion = NTXentLoss()

    def forward(self, views: list[Tensor]) -> Tensor:
        """The loss of two views of a batch."""
        patch = self.encoder.config.patch
        rows = [self.head(self.encoder(patchify(view, patch)).mean(1)) for view in views]
        loss: Tensor = self.criterion(*rows)
        return loss


class MAE(nn.Module):
    """Transformer on a quarter of the patches, lightly's decoder on all, squared error on the masked patches."""

    def __init__(self, config: ViTConfig, decoder_dim: int = 32) -> None:
        super().__init__()
        self.encoder = ViT(config)
        self.tokens = config.grid**2
        self.embed = nn.Linear(config.dim, decoder_dim)
        self.decoder = MaskedVisionTransformerDecoderTIMM(
            num_patches=self.tokens, embed_dim=decoder_dim, depth=1, num_heads=2, num_prefix_tokens=0
        )
        self.predict = nn.Linear(decoder_dim, config.patch_dim)

    def forward(self, views: list[Tensor]) -> Tensor:
        """The loss of one view of a batch."""
        patches = patchify(views[0], self.encoder.config.patch)
        keep, masked = utils.random_token_mask((len(patches), self.tokens), mask_ratio=0.75, mask_class_token=True)
        seen = self.embed(self.encoder(patches, keep))
        every = utils.repeat_token(self.decoder.mask_token, (len(patches), self.tokens))
        every = utils.set_at_index(every, keep, seen.type_as(every))
        drawn = self.predict(utils.get_at_index(self.decoder(every), masked))
        target = utils.get_at_index(patches, masked)
        return nn.functional.mse_loss(drawn, utils.normalize_mean_var(target, dim=-1))


class Views(Dataset[list[Tensor]]):
    """The views of each picture."""

    def __init__(self, pictures: list[Image.Image], transform: Callable[..., list[Tensor]]) -> None:
        self.pictures, self.transform = pictures, transform

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, row: int) -> list[Tensor]:
        return self.transform(self.pictures[row])


def batches(views: Views, seed: int, workers: int) -> Iterator[list[Tensor]]:
    """Yield batches of views, epoch after epoch, made by ``workers`` processes, or by this one if 0."""

    def rows() -> Iterator[list[int]]:
        rng = np.random.default_rng(seed)
        while True:  # without a pause between epochs, so that no worker waits
            order = rng.permutation(len(views))
            yield from (order[start : start + BATCH].tolist() for start in range(0, len(order) - BATCH + 1, BATCH))

    pinned = workers > 0 and torch.cuda.is_available()
    return iter(DataLoader(views, batch_sampler=rows(), num_workers=workers, pin_memory=pinned))  # type: ignore[arg-type]


def train(
    method: str, config: ViTConfig, pictures: list[Image.Image], mean: Tensor, std: Tensor, given: argparse.Namespace
) -> tuple[ViT, int, float]:
    """Train; return the transformer, the number of steps, and the seconds."""
    normal = {"mean": mean.tolist(), "std": std.tolist()}
    if method == "simclr":
        transform = SimCLRTransform(input_size=config.side, cj_strength=0.5, gaussian_blur=0.0, normalize=normal)
    else:
        transform = MAETransform(input_size=config.side, normalize=normal)

    device = torch.device("cuda" if given.clock == "wall" and torch.cuda.is_available() else "cpu")
    workers = (os.cpu_count() or 1) if given.clock == "wall" else 0
    now = time.perf_counter if given.clock == "wall" else time.process_time
    pool = Views(pictures, transform)

    def build() -> tuple[nn.Module, torch.optim.Optimizer]:
        torch.manual_seed(given.seed)
        model = (SimCLR(config) if method == "simclr" else MAE(config)).to(device)
        return model, torch.optim.AdamW(model.parameters(), lr=given.lr, betas=(0.9, 0.95), weight_decay=0.05)

    def one_step(model: nn.Module, optimiser: torch.optim.Optimizer, views: list[Tensor]) -> None:
        ready = [view.to(device, non_blocking=True) for view in views]
        with torch.autocast("cuda", torch.bfloat16, enabled=device.type == "cuda"):
            loss = model(ready)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        if device.type == "cuda":
            torch.cuda.synchronize()

    # measure how many steps fit, then start again
    model, optimiser = build()
    stream = batches(pool, given.seed, workers)
    tried = 12 + 5 * workers  # more than workers prepare in advance
    for _ in range(1 + 2 * workers):
        one_step(model, optimiser, next(stream))
    started = now()
    for _ in range(tried):
        one_step(model, optimiser, next(stream))
    total = max(10, round(60 * given.minutes * tried / (now() - started)))

    model, optimiser = build()
    stream = batches(pool, given.seed, workers)
    started = now()
    model.train()
    for step in range(total):
        warm = max(1, total // 10)
        rate = (step + 1) / warm if step < warm else 0.5 * (1 + math.cos(math.pi * (step - warm) / (total - warm + 1)))
        for group in optimiser.param_groups:
            group["lr"] = given.lr * min(1.0, rate)
        one_step(model, optimiser, next(stream))
    return model.cpu().encoder.eval(), total, now() - started


def main() -> None:
    """Train, and write the vectors."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--method", choices=("simclr", "mae"), required=True)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--clock", choices=("processor", "wall"), default="processor")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    if given.clock == "processor":
        torch.set_num_threads(1)
    with np.load(given.folder / "items.npz", allow_pickle=False) as found:
        pool, test = torch.from_numpy(found["pool"]), torch.from_numpy(found["test"])
        config = ViTConfig(**json.loads(str(found["shape"])))
    values = pool[::8].float() / 255
    mean, std = values.mean((0, 2, 3)), values.std((0, 2, 3))
    pictures = [Image.fromarray(np.ascontiguousarray(x.permute(1, 2, 0).numpy().squeeze())) for x in pool]
    vit, steps, seconds = train(given.method, config, pictures, mean, std, given)

    def tokens(images: Tensor, grid: int) -> Tensor:
        ready = (patchify(normalise(x.float() / 255, mean, std), config.patch) for x in images.split(256))
        return torch.cat([pool_tokens(vit, patches, grid) for patches in ready])

    # the read-out of activessl's encoders, and the mean token only
    centre, directions = principal_components(tokens(pool[:: max(1, len(pool) // 5000)], 4), 128)
    every = torch.cat([pool, test])
    out = {"grid": ((tokens(every, 4) - centre) @ directions).numpy(), "mean": tokens(every, 1).numpy()}
    np.savez(given.folder / "vectors.npz", steps=steps, seconds=seconds, **out)


if __name__ == "__main__":
    main()
