"""Random views of a batch of time series, as tensors, from a generator.

A view crops a series, changes its speed, amplitude and noise, and drops channels: changes by a sensor or its wearer
that keep the class. Missing values stay missing. No series is reversed in time or flipped in sign.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from activessl.encoders.training.sharing import Share


@dataclass(frozen=True)
class SeriesViews:
    """The range of random changes of a view.

    Attributes:
        shortest: Shortest crop, as a fraction of the length, in (0, 1].
        speed: Largest ratio by which time is stretched or compressed, >= 1.
        loudness: Standard deviation of the logarithm of each channel's factor.
        noise: Standard deviation of the noise, in standard deviations of the pool's channels.
        drop: Probability that a channel is dropped, if there are several; at least one channel stays.
    """

    shortest: float = 0.6
    speed: float = 1.2
    loudness: float = 0.2
    noise: float = 0.1
    drop: float = 0.1

    def __call__(
        self,
        series: Float[Tensor, "b c t"],
        lengths: Int[Tensor, " s"],
        generator: torch.Generator,
        longest: int | None = None,
        share: Share | None = None,
    ) -> Float[Tensor, "b c w"]:
        """Make one random view of each series.

        Args:
            series: The standardized series of this process; NaN for missing values and after the end.
            lengths: Length of each item of the step.
            generator: Source of all random numbers.
            longest: Largest length of a view.
            share: The part of the step's items that ``series`` holds; all items by default.

        Returns:
            Views, NaN for missing values and after the end.

        Example:
            >>> series = torch.arange(12.0).view(1, 1, 12)
            >>> view = SeriesViews()(series, torch.tensor([12]), torch.Generator().manual_seed(0))
            >>> bool(view.isfinite().any()), view.shape[2] <= 12 * 1.2
            (True, True)
        """
        _, c, t = series.shape
        share = share or Share(len(series))
        mine, every = share.mine, share.items

        def uniform(low: float, high: float) -> Tensor:
            # drawn on the CPU for all processes: a seed gives the same views on every device, for any process count
            return torch.rand(every, generator=generator) * (high - low) + low

        # a window of random length, read at a random speed
        window = (lengths * uniform(self.shortest, 1.0)).clamp_min(1.0)
        speed = (uniform(-1.0, 1.0) * torch.log(torch.tensor(self.speed))).exp()
        steps = (window / speed).round().clamp_min(1.0)
        if longest is not None:
            steps = steps.clamp_max(float(longest))
        covered = (steps - 1) * speed
        start = uniform(0.0, 1.0) * (lengths - 1 - covered).clamp_min(0.0)

        # linear interpolation between two values; NaN if one of them is missing
        width = int(steps.max())  # of the whole step: all processes must hide the same number of patches
        start, speed, steps, lengths = start[mine], speed[mine], steps[mine], lengths[mine]
        at = start[:, None] + torch.arange(width) * speed[:, None]  # (b, w)
        inside = (torch.arange(at.shape[1]) < steps[:, None]) & (at <= lengths[:, None] - 1)
        inside[:, 0] = True
        at = at.clamp(0, t - 1)
        left = at.floor().long().to(series.device)[:, None].expand(-1, c, -1)
        beyond = (at - at.floor()).to(series.device)[:, None]
        before = series.gather(2, left)
        behind = torch.where(beyond > 0, series.gather(2, (left + 1).clamp_max(t - 1)), before)
        view = before * (1 - beyond) + behind * beyond
        view = view.masked_fill(~inside.to(series.device)[:, None], torch.nan)

        # scale each channel, add noise, and drop some channels
        louder = (torch.randn(every, c, 1, generator=generator)[mine] * self.loudness).exp()
        noise = torch.randn(every, c, width, generator=generator)[mine] * self.noise
        view = view * louder.to(view.device) + noise.to(view.device)
        if c > 1 and self.drop > 0:
            score = torch.rand(every, c, generator=generator)[mine]
            gone = (score < self.drop) & (score < score.amax(1, keepdim=True))
            view = view.masked_fill(gone.to(view.device)[:, :, None], torch.nan)
        return view
