"""Reconstruct the hidden parts of items, to show what masked training has learned.

The encoder sees some patches; the decoder that was trained with it reconstructs the others (He et al. 2022,
arXiv:2111.06377, figure 2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from activessl.encoders.base import Encoder
from activessl.encoders.pretrain import TrainedEncoder
from activessl.encoders.series.patches import SPAN, uncut
from activessl.encoders.series.rocket import read_series
from activessl.encoders.series.transformer import SeriesTransformer
from activessl.encoders.training.masked import Decoder, normaliser, random_keep
from activessl.encoders.training.vit import ViT, unpatchify
from activessl.pool.pool import Pool

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """An item with hidden parts, and their reconstruction.

    Attributes:
        id: The item's id.
        item: A picture (s, s, c) of uint8 as the encoder sees it, or a series (c, t) with NaN for missing values.
        hidden: (s, s) or (t,) True where the item was hidden from the encoder.
        drawn: The shape of ``item``, with the decoder's values at hidden places. Elsewhere a picture is unchanged, and
            a series is NaN.
    """

    id: str
    item: Array
    hidden: Array
    drawn: Array


def reconstruct(encoder: Encoder, pool: Pool, ids: Sequence[str], *, seed: int = 0) -> tuple[Reconstruction, ...]:
    """Hide the same share of patches as in training, and reconstruct them.

    Args:
        encoder: Any encoder; only transformers with a decoder can reconstruct.
        pool: The pool with the items.
        ids: The ids of the items.
        seed: Seed of the hidden patches.

    Returns:
        A reconstruction for each item; empty if the encoder has no decoder.

    Raises:
        PoolError: An item cannot be read.
    """
    rows = [pool.row(item) for item in ids]
    generator = torch.Generator().manual_seed(seed)
    if isinstance(encoder, TrainedEncoder) and encoder.decoder is not None and rows:
        return _pictures(encoder, encoder.decoder, pool.subset(ids), generator)
    if isinstance(encoder, SeriesTransformer) and encoder.decoder is not None:
        return tuple(_series(encoder, encoder.decoder, pool, row, generator) for row in rows)
    return ()


def _pictures(
    encoder: TrainedEncoder, decoder: Decoder, pool: Pool, generator: torch.Generator
) -> tuple[Reconstruction, ...]:
    pictures = torch.cat(list(encoder.image.batches(pool, 64)))  # (b, c, s, s) of uint8
    patches = encoder.patches(pictures)
    keep = random_keep(len(patches), patches.shape[1], _share(encoder), generator)
    drawn, hidden = _draw(encoder.vit, decoder, patches, keep)

    # the loss compares patches of mean 0 and variance 1: mean and variance come from the original patch
    mean, spread = normaliser(patches)
    patches = torch.where(hidden[:, :, None], drawn * spread + mean, patches)

    c = pictures.shape[1]
    values = unpatchify(patches, c) * encoder.std.view(-1, 1, 1) + encoder.mean.view(-1, 1, 1)
    pixels = (values * 255).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)
    where = unpatchify(hidden[:, :, None].expand(-1, -1, patches.shape[2]), c)[:, 0]
    shown = pictures.permute(0, 2, 3, 1)
    turned = -1 if pool.modality == "audio" else 1  # high frequencies at the top
    return tuple(
        Reconstruction(item, *(part.numpy()[::turned] for part in parts))
        for item, *parts in zip(pool.ids, shown, where, pixels, strict=True)
    )


def _series(
    encoder: SeriesTransformer, decoder: Decoder, pool: Pool, row: int, generator: torch.Generator
) -> Reconstruction:
    c, span = encoder.shape.channels, SPAN * encoder.shape.patch
    (series,) = read_series(pool, [row], axes=encoder.axes)
    item = series[:, :span]  # only the beginning of a long series
    patches = encoder.patches([item])
    there = patches.there
    keep = random_keep(1, patches.values.shape[1], _share(encoder), generator, there)
    drawn, hidden = _draw(encoder.vit, decoder, patches.entry, keep, there)

    values = uncut(drawn, c)[0] * encoder.std[:, None] + encoder.mean[:, None]
    where = hidden[0].repeat_interleave(encoder.shape.patch)
    made = values.masked_fill(~where, torch.nan)[:, : item.shape[1]]
    return Reconstruction(pool.ids[row], item, where[: item.shape[1]].numpy(), made.numpy())


@torch.inference_mode()
def _draw(
    vit: ViT, decoder: Decoder, entry: Tensor, keep: Tensor, there: Tensor | None = None
) -> tuple[Float[Tensor, "b n p"], Bool[Tensor, "b n"]]:
    drawn: Tensor = decoder(vit(entry, keep, there), keep, there)
    hidden = torch.ones(entry.shape[:2], dtype=torch.bool).scatter(1, keep, False)
    return drawn, hidden


def _share(encoder: TrainedEncoder | SeriesTransformer) -> float:
    return float(encoder.provenance["weights"]["keep"])
