"""Random views of a batch of time series, as tensors, from a generator.

A crop, a change of speed, of loudness and of noise, a channel left out: what a sensor and its wearer change without
changing what happens. What is missing stays missing, and nothing is turned round in time or upside down.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from activessl.encoders.training.sharing import Share


@dataclass(frozen=True)
class SeriesViews:
    """How much views may differ.

    Attributes:
        shortest: Shortest crop, as a fraction of the length, in (0, 1].
        speed: Largest ratio by which time is stretched or squeezed, >= 1.
        loudness: Standard deviation of the logarithm of each channel's factor.
        noise: Standard deviation of the noise, in those of the pool's channels.
        drop: Probability that a channel is left out, where there are several; one is always left.
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
        """One random view of each series.

        Args:
            series: Those of this process, standardised; NaN where a value is missing and behind the end.
            lengths: Of each of the step's items.
            generator: Decides.
            longest: Bound on the length of a view.
            share: Which of the step's items the series are; all of them by default.

        Returns:
            Views, NaN where a value is missing and behind the end.

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
            # drawn on the CPU and for all processes, so that a seed means the same on every device and for any number
            return torch.rand(every, generator=generator) * (high - low) + low

        # a window of random length, read at a random speed
        window = (lengths * uniform(self.shortest, 1.0)).clamp_min(1.0)
        speed = (uniform(-1.0, 1.0) * torch.log(torch.tensor(self.speed))).exp()
        steps = (window / speed).round().clamp_min(1.0)
        if longest is not None:
            steps = steps.clamp_max(float(longest))
        covered = (steps - 1) * speed
        start = uniform(0.0, 1.0) * (lengths - 1 - covered).clamp_min(0.0)

        # between two values lies their mean by distance; beside a missing one, nothing
        width = int(steps.max())  # of the whole step: processes that hide patches hide as many
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

        # each channel louder or softer, noise on all, and some channels unheard
        louder = (torch.randn(every, c, 1, generator=generator)[mine] * self.loudness).exp()
        noise = torch.randn(every, c, width, generator=generator)[mine] * self.noise
        view = view * louder.to(view.device) + noise.to(view.device)
        if c > 1 and self.drop > 0:
            score = torch.rand(every, c, generator=generator)[mine]
            gone = (score < self.drop) & (score < score.amax(1, keepdim=True))
            view = view.masked_fill(gone.to(view.device)[:, :, None], torch.nan)
        return view
