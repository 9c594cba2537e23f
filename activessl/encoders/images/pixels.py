"""Raw pixels and their principal components: the baseline that every encoder should exceed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float

from activessl.encoders.images.tensors import ImageInput, choose_input, sample_tensor
from activessl.encoders.registry import EncoderEntry
from activessl.encoders.store import find_fit, fit_key, read_encoder, save_encoder
from activessl.pool.pool import Pool
from activessl.pool.progress import OnProgress


@dataclass(frozen=True, eq=False)
class PixelEncoder:
    """Resizes an image, subtracts the mean image and projects onto the leading principal components."""

    fingerprint: str
    provenance: dict[str, Any]
    image: ImageInput
    mean: torch.Tensor  # (p,)
    components: torch.Tensor  # (p, d)
    name: str = "pixels"

    @property
    def dim(self) -> int:
        """Number of components."""
        return self.components.shape[1]

    def batches(self, pool: Pool, batch_size: int) -> Iterator[Float[np.ndarray, "b d"]]:
        """Yield the projections of the pool's images."""
        for batch in self.image.batches(pool, batch_size):
            yield ((batch.flatten(1).float() / 255 - self.mean) @ self.components).numpy()


def principal_components(values: torch.Tensor, d: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Compute the mean (p,) and the leading directions (p, min(d, p, n)) of values (n, p); each sign is fixed.

    Example:
        >>> mean, directions = principal_components(torch.tensor([[0.0, 0.0], [2.0, 2.0]]), 1)
        >>> mean.tolist(), (directions[:, 0] * 100).round().tolist()
        ([1.0, 1.0], [71.0, 71.0])
    """
    mean = values.mean(0)
    centred = (values - mean).double()
    n, p = centred.shape
    d = min(d, n, p)

    # the smaller of the two Gram matrices is enough; eigh sorts in ascending order
    if p <= n:
        directions = torch.linalg.eigh(centred.T @ centred)[1].flip(1)[:, :d]
    else:
        directions = centred.T @ torch.linalg.eigh(centred @ centred.T)[1].flip(1)[:, :d]
    directions = F.normalize(directions, dim=0).float().contiguous()
    largest = directions.abs().argmax(0)
    return mean, directions * torch.sign(directions[largest, torch.arange(directions.shape[1])])


def fit(
    pool: Pool,
    *,
    folder: Path,
    seed: int = 0,
    minutes: float = 0.0,  # noqa: ARG001  of the protocol: takes seconds
    on_progress: OnProgress | None = None,  # noqa: ARG001
    dim: int = 64,
    side: int | None = None,
) -> PixelEncoder:
    """Find the principal components of a pool of images.

    Args:
        pool: Images.
        folder: Where encoders are kept.
        seed: Seed of the sample of at most 5,000 images.
        minutes: Unused.
        on_progress: Unused.
        dim: Number of components, >= 1.
        side: The side to which images are resized; by default the pool's median, at most 32.
    """
    key = fit_key("pixels", pool, seed=seed, dim=dim, side=side)
    if (found := find_fit(folder, key)) is not None:
        return load(found)
    image = choose_input(pool, side=side, seed=seed)
    if side is None and image.side > 32:
        image = choose_input(pool, side=32, seed=seed)
    values = sample_tensor(pool, image, limit=5_000, seed=seed).flatten(1).float() / 255
    mean, components = principal_components(values, dim)
    tensors = {"mean": mean.numpy(), "components": components.numpy()}
    provenance = {"objective": "principal components of pixels", "images": len(values), "seed": seed}
    return load(save_encoder(folder, "pixels", image.to_json(), tensors, provenance, key=key))


def load(folder: Path) -> PixelEncoder:
    """Read the encoder back from its folder."""
    note, tensors = read_encoder(folder)
    return PixelEncoder(
        note["fingerprint"],
        note["provenance"],
        ImageInput(**note["config"]),
        torch.from_numpy(tensors["mean"]),
        torch.from_numpy(tensors["components"]),
    )


ENTRY = EncoderEntry(fit=fit, load=load, modalities=("image",), summary="raw pixels through PCA: the weakest baseline")
