"""Parts of pictures by encoders that learn from the pool: activations of ``patches``, tokens of ``hybrid``.

Both are read before the averaging that makes one vector of a picture. The activations of ``patches`` are averaged over
cells of a few pixels and projected onto their leading directions.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from activessl.encoders.compute.device import encoding_device
from activessl.encoders.compute.side_by_side import computed, parts
from activessl.encoders.images import patches
from activessl.encoders.images.patches import PatchEncoder, at_once, normalised_patches
from activessl.encoders.images.pixels import principal_components
from activessl.encoders.images.regions import means_by_region
from activessl.encoders.images.tensors import sample_tensor
from activessl.encoders.parts.base import ItemParts, Stored, to_half
from activessl.encoders.parts.portable import AGAIN
from activessl.encoders.parts.registry import PartEntry
from activessl.encoders.pretrain import TrainedEncoder, pretrain
from activessl.encoders.registry import load_encoder
from activessl.encoders.store import find_fit, fingerprint_of, fit_key, read_encoder, save_encoder
from activessl.errors import EncoderError
from activessl.pool.pool import Pool
from activessl.pool.progress import OnProgress

#: Side of a cell in pixels, and the number of directions that are kept.
CELL, DIM = 4, 64
#: Pictures are not resized below this side: smaller cells see more detail than whole-picture vectors need.
_LARGEST = 128
#: Pictures whose cells decide the directions.
_SAMPLED = 400


@dataclass(frozen=True, eq=False)
class PatchParts:
    """Activations of ``patches`` averaged over cells of four pixels, projected: 131 kB an item at a side of 128."""

    encoder: PatchEncoder
    fingerprint: str
    mean: Tensor  # (k,)
    components: Tensor  # (k, d)
    name: str = "patches"
    flat: bool = False

    @property
    def dims(self) -> tuple[int, ...]:
        """One level."""
        return (self.components.shape[1],)

    @property
    def provenance(self) -> dict[str, Any]:
        """The origin of the encoder, and its cells."""
        return self.encoder.provenance | {"cell": CELL}

    def parts(self, pool: Pool, batch_size: int) -> Iterator[ItemParts]:
        """Yield the cells of the pool's pictures."""
        device = encoding_device()
        codes = self.encoder.codes.to(device)
        mean, components = self.mean.to(device), self.components.to(device)
        side = self.encoder.image.side

        def cells(images: Tensor) -> Tensor:
            return (_cells(images, codes, side) - mean) @ components

        most = at_once(self.encoder.codes, side)
        for batch in computed(self.encoder.image.batches(pool, batch_size), cells, most, device):
            for one in batch.numpy():
                yield ItemParts((to_half(one),))


def _cells(images: Tensor, codes: patches.Codes, side: int) -> Tensor:
    """The roots of mean activations over cells of a picture: (b, g, g, k)."""
    white = (normalised_patches(images.float() / 255, codes.field, codes.stride) - codes.mean) @ codes.whiten
    b, positions, _ = white.shape
    distance = torch.cdist(white.flatten(0, 1), codes.centroids, compute_mode="use_mm_for_euclid_dist")
    active = F.relu(distance.mean(1, keepdim=True) - distance)
    rows = round(positions**0.5)
    maps = active.view(b, rows, rows, -1).permute(0, 3, 1, 2)
    return means_by_region(maps, min(rows, math.ceil(side / CELL))).sqrt().permute(0, 2, 3, 1)


def fit(
    pool: Pool,
    *,
    folder: Path,
    seed: int = 0,
    minutes: float = 1.0,
    on_progress: OnProgress | None = None,
    side: int | None = None,
    dim: int = DIM,
) -> PatchParts:
    """Fit ``patches`` and the leading directions of its cells.

    Args:
        pool: Pictures.
        folder: Where encoders are kept.
        seed: Seed of the samples and of k-means.
        minutes: As for ``patches``.
        on_progress: Called with stage "train".
        side: The side to which pictures are resized; by default the pool's median, at most 128 pixels.
        dim: Number of directions.

    Raises:
        EncoderError: The pool holds no pictures.
    """
    if pool.modality != "image":
        raise EncoderError(f"encoder 'patches' reads images, not {pool.modality}", hint="use the encoder 'auto'")
    median = int(np.median([item.shape[:2] for item in pool.items]))
    side = side or max(8, min(_LARGEST, median))
    encoder = patches.fit(pool, folder=folder, seed=seed, minutes=minutes, on_progress=on_progress, side=side, views=0)
    key = fit_key("patch-parts", pool, of=encoder.fingerprint, dim=dim, seed=seed)
    found = find_fit(folder, key)
    if found is None:
        sample = sample_tensor(pool, encoder.image, limit=_SAMPLED, seed=seed)
        size = at_once(encoder.codes, side)
        with torch.inference_mode():
            cells = torch.cat([_cells(part, encoder.codes, side).flatten(0, 2) for part in parts(sample, size)])
        drawn = cells[torch.randperm(len(cells), generator=torch.Generator().manual_seed(seed))[:40_000]]
        mean, components = principal_components(drawn, dim)
        tensors = {"mean": mean.numpy(), "components": components.numpy()}
        config = {"of": encoder.fingerprint, "cell": CELL}
        found = save_encoder(folder, "patch-parts", config, tensors, encoder.provenance, key=key)
    return _load([folder / encoder.fingerprint, found], {})


@dataclass(frozen=True, eq=False)
class TokenParts:
    """The tokens of a small transformer that was trained on the pool."""

    encoder: TrainedEncoder
    name: str = "hybrid"
    flat: bool = False

    @property
    def dims(self) -> tuple[int, ...]:
        """One level."""
        return (self.encoder.vit.config.dim,)

    @property
    def fingerprint(self) -> str:
        """That of the transformer, and of what is read out."""
        return fingerprint_of("tokens", {"of": self.encoder.fingerprint}, {})

    @property
    def provenance(self) -> dict[str, Any]:
        """The origin of the transformer."""
        return self.encoder.provenance

    def parts(self, pool: Pool, batch_size: int) -> Iterator[ItemParts]:
        """Yield the tokens of the pool's pictures."""
        device = encoding_device()
        vit = self.encoder.vit.to(device)

        def tokens(pictures: Tensor) -> Tensor:
            found: Tensor = vit(self.encoder.patches(pictures))
            return found

        for batch in computed(self.encoder.image.batches(pool, batch_size), tokens, 32, device):
            grid = round(batch.shape[1] ** 0.5)
            for one in batch.numpy():
                yield ItemParts((to_half(one.reshape(grid, grid, -1)),))


def fit_tokens(
    pool: Pool,
    *,
    folder: Path,
    seed: int = 0,
    minutes: float = 1.0,
    on_progress: OnProgress | None = None,
    **settings: Any,
) -> TokenParts:
    """Train ``hybrid`` on the pool, by default with patches of four pixels, for fine parts.

    Raises:
        EncoderError: As ``pretrain``.
    """
    if pool.modality != "image":
        raise EncoderError(f"encoder 'hybrid' gives parts of images, not of {pool.modality}", hint="use 'auto'")
    settings = {"patch": CELL} | settings
    made = pretrain(pool, folder=folder, seed=seed, minutes=minutes, on_progress=on_progress, **settings)
    if not isinstance(made, TrainedEncoder):  # series only
        raise EncoderError("the transformer was trained on series", hint="use the encoder 'windows'")
    return TokenParts(made)


def _load(folders: Sequence[Path], _: Mapping[str, Any]) -> PatchParts:
    encoder = load_encoder(folders[0])
    note, arrays = read_encoder(folders[1])
    if not isinstance(encoder, PatchEncoder) or note["config"].get("of") != encoder.fingerprint:
        raise EncoderError(f"the encoders in {folders[0]} and {folders[1]} do not belong together", hint=AGAIN)
    return PatchParts(
        encoder, note["fingerprint"], torch.from_numpy(arrays["mean"]), torch.from_numpy(arrays["components"])
    )


def _load_tokens(folders: Sequence[Path], _: Mapping[str, Any]) -> TokenParts:
    encoder = load_encoder(folders[0])
    if not isinstance(encoder, TrainedEncoder):
        raise EncoderError(f"the encoder in {folders[0]} has no tokens of pictures", hint=AGAIN)
    return TokenParts(encoder)


PATCHES = PartEntry(
    fit=fit,
    modalities=("image",),
    summary="activations of k-means patches over cells of four pixels: no download",
    stored=lambda encoder: Stored((encoder.encoder.fingerprint, encoder.fingerprint)),
    load=_load,
)
HYBRID = PartEntry(
    fit=fit_tokens,
    modalities=("image",),
    summary="tokens of a small transformer that is trained on the pool",
    stored=lambda encoder: Stored((encoder.encoder.fingerprint,)),
    load=_load_tokens,
)
