"""Parts of time series: short windows, each with the shares of fixed convolutions above their biases, and its levels.

The convolutions are those of the encoder ``rocket``; here they are counted within each window instead of over the whole
series. Dempster, Schmidt & Webb, MiniRocket, KDD 2021 (arXiv:2012.08791).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from activessl.encoders.images.pixels import principal_components
from activessl.encoders.parts.base import ItemParts, Stored, to_half
from activessl.encoders.parts.registry import PartEntry
from activessl.encoders.series.convolutions import Rocket, Series, convolve, learn, stack
from activessl.encoders.store import find_fit, fit_key, read_encoder, save_encoder
from activessl.errors import EncoderError
from activessl.pool.axes import Axes
from activessl.pool.pool import Pool
from activessl.pool.progress import OnProgress, tell

#: Windows of a series of usual length, and the steps that kernels are chosen for, in windows.
WINDOWS, REACH = 128, 6
_SAMPLED = 200


@dataclass(frozen=True, eq=False)
class WindowEncoder:
    """Shares of convolutions above biases within windows, projected: 128 bytes a window."""

    fingerprint: str
    provenance: dict[str, Any]
    rocket: Rocket
    step: int
    mean: Tensor  # (f,)
    components: Tensor  # (f, d)
    axes: Axes
    name: str = "windows"
    flat: bool = True

    @property
    def dims(self) -> tuple[int, ...]:
        """One level."""
        return (self.components.shape[1],)

    def parts(self, pool: Pool, batch_size: int) -> Iterator[ItemParts]:  # noqa: ARG002  one series at a time
        """Yield the windows of the pool's series.

        Raises:
            EncoderError: A series has another number of channels.
        """
        pool = pool.ordered(self.axes)
        for row in range(len(pool)):
            series = _read(pool, row, len(self.rocket.mean))
            with torch.inference_mode():
                found = (_features(series, self.rocket, self.step) - self.mean) @ self.components
            starts = np.arange(0, series.shape[1], self.step)
            bounds = np.stack([starts, np.minimum(starts + self.step, series.shape[1])], axis=1)
            yield ItemParts((to_half(found.numpy())[None],), bounds)


def _features(series: Series, rocket: Rocket, step: int) -> Float[Tensor, "w f"]:
    """For each window: the share of its positions above each bias, and the mean and spread of its values."""
    values, missing, lengths = stack_whole(series, rocket)
    found = []
    for i, dilation in enumerate(rocket.dilations):
        out = convolve(values, missing, lengths, dilation, rocket.channels[i], first=2)[0]  # every position counts
        above = (out[:, None] > rocket.biases[i][:, :, None]).float().flatten(0, 1)  # (84 b, t)
        # a window and half of each neighbor: what happens at its edge is seen from both sides
        found.append(_means(above, step))
    raw = values[0]
    found += [4 * _means(raw, step), 4 * (_means(raw**2, step) - _means(raw, step) ** 2).clamp_min(0).sqrt()]
    return torch.cat(found).T


def _means(rows: Float[Tensor, "f t"], step: int) -> Float[Tensor, "f w"]:
    windows = -(-rows.shape[1] // step)
    reach = step // 2
    padded = F.pad(rows[None], (reach, reach + windows * step - rows.shape[1]), mode="replicate")
    return F.avg_pool1d(padded, step + 2 * reach, stride=step)[0][:, :windows]


def stack_whole(series: Series, rocket: Rocket) -> tuple[Tensor, Tensor, Tensor]:
    """As ``stack``, but time steps that are missing at both ends are kept: windows need their place."""
    kept = np.where(np.isnan(series).all(axis=0), rocket.mean.numpy()[:, None], series)
    return stack([kept], rocket.mean, rocket.std)


def _read(pool: Pool, row: int, channels: int) -> Series:
    series = np.asarray(cast("np.ndarray[Any, Any]", pool.read(row)), dtype=np.float32)
    if len(series) != channels:
        raise EncoderError(
            f"series {pool.ids[row]} has {len(series)} channels, the other series have {channels}",
            hint="remove this series, or give all series the same channels",
        )
    return series


def fit(
    pool: Pool,
    *,
    folder: Path,
    seed: int = 0,
    minutes: float = 0.0,  # noqa: ARG001  of the protocol: takes seconds
    on_progress: OnProgress | None = None,
    step: int | None = None,
    features: int = 840,
    dim: int = 64,
) -> WindowEncoder:
    """Learn biases and leading directions from windows of at most 200 series.

    Args:
        pool: Series of one number of channels.
        folder: Where encoders are kept.
        seed: Seed of the sample and of the channels.
        minutes: Unused.
        on_progress: Called with stage "train".
        step: Samples in a window; by default about 128 windows in a series of median length.
        features: Approximate number of features before the projection.
        dim: Number of directions.

    Raises:
        EncoderError: The pool holds no series, or the series have different numbers of channels.
    """
    if pool.modality != "series":
        raise EncoderError(f"encoder 'windows' reads series, not {pool.modality}", hint="use the encoder 'auto'")
    step = step or max(1, round(float(np.median([item.shape[1] for item in pool.items])) / WINDOWS))
    key = fit_key("windows", pool, seed=seed, step=step, features=features, dim=dim)
    if (found := find_fit(folder, key)) is not None:
        return load(found)
    rng = np.random.default_rng(seed)
    rows = sorted(rng.permutation(len(pool))[:_SAMPLED].tolist())
    axes = pool.axes if pool.axes.count else Axes(pool.axes.channels, pool.items[0].shape[0])
    ordered = pool.ordered(axes)
    sample = [_read(ordered, row, axes.count) for row in rows]

    # pieces of a few windows: kernels as long as a whole series would see nothing of a window
    long = max(32, REACH * step)
    pieces = []
    for series in sample:
        for start in rng.integers(0, max(1, series.shape[1] - long + 1), 4):
            piece = series[:, start : start + long]
            if piece.shape[1] > 9 and not np.isnan(piece).all():
                pieces.append(piece)
    if not pieces:
        raise EncoderError("no series has 10 known values in a row", hint="give longer series")
    rocket = learn(pieces, features=features, rng=rng)
    tell(on_progress, "train", 1, 2)
    with torch.inference_mode():
        seen = torch.cat([_features(series, rocket, step) for series in sample])
    drawn = seen[torch.from_numpy(rng.permutation(len(seen))[:40_000])]
    mean, components = principal_components(drawn, dim)
    tell(on_progress, "train", 2, 2)
    tensors = {
        "mean": rocket.mean,
        "std": rocket.std,
        "channels": rocket.channels.to(torch.uint8),
        "biases": rocket.biases,
        "levels": rocket.levels,
        "pca_mean": mean,
        "pca": components,
    }
    provenance = {
        "objective": "fixed convolutions within windows",
        "source": "Dempster, Schmidt & Webb 2021, arXiv:2012.08791",
        "samples in a window": step,
        "seed": seed,
    }
    config = {"dilations": rocket.dilations, "step": step} | axes.to_json()
    arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
    return load(save_encoder(folder, "windows", config, arrays, provenance, key=key))


def load(folder: Path) -> WindowEncoder:
    """Read the encoder back from its folder."""
    note, arrays = read_encoder(folder)
    t = {name: torch.from_numpy(array) for name, array in arrays.items()}
    config = note["config"]
    rocket = Rocket(t["mean"], t["std"], tuple(config["dilations"]), t["channels"].bool(), t["biases"], t["levels"])
    axes = Axes.of_json(config, len(rocket.mean))
    return WindowEncoder(
        note["fingerprint"], note["provenance"], rocket, int(config["step"]), t["pca_mean"], t["pca"], axes
    )


ENTRY = PartEntry(
    fit=fit,
    modalities=("series",),
    summary="fixed convolutions counted within short windows: no gradients",
    stored=lambda encoder: Stored((encoder.fingerprint,)),
    load=lambda folders, _: load(folders[0]),
)
