"""Random views of a batch of images, as tensors, from a generator.

The defaults suit photographs and gray industrial images: crop, mirroring, brightness and contrast. Colors are shifted
only in color images. Images are not flipped upside down, because many objects have an upper side.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from activessl.encoders.training.sharing import Share


@dataclass(frozen=True)
class Augmentation:
    """The range of random changes of a view.

    Attributes:
        min_area: Smallest crop, as a fraction of the image's area, in (0, 1].
        stretch: Largest ratio of a crop's sides, >= 1.
        mirror: Whether half of the views are mirrored.
        light: Largest change of contrast and brightness, in [0, 1).
        colour: Largest additional change of each color, in [0, 1).
    """

    min_area: float = 0.4
    stretch: float = 4 / 3
    mirror: bool = True
    light: float = 0.3
    colour: float = 0.15

    def __call__(
        self, images: Float[Tensor, "b c s s"], generator: torch.Generator, share: Share | None = None
    ) -> Float[Tensor, "b c s s"]:
        """Make one random view of each image in [0, 1].

        Args:
            images: The images of this process.
            generator: Source of all random numbers.
            share: The part of the step's items that ``images`` holds; all items by default.

        Example:
            >>> images = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
            >>> views = Augmentation()(images, torch.Generator().manual_seed(1))
            >>> torch.equal(views, Augmentation()(images, torch.Generator().manual_seed(1)))
            True
        """
        b, c = images.shape[:2]
        share = share or Share(b)

        def uniform(low: float, high: float, *shape: int) -> Tensor:
            # drawn on the CPU for all processes: a seed gives the same views on every device, for any process count
            drawn = torch.rand(share.items, *shape, generator=generator) * (high - low) + low
            return drawn[share.mine].to(images.device)

        # a crop of random area and shape, at a random place
        area = uniform(self.min_area, 1.0)
        ratio = (uniform(-1.0, 1.0) * torch.log(torch.tensor(self.stretch))).exp()
        width, height = (area * ratio).sqrt().clamp(max=1.0), (area / ratio).sqrt().clamp(max=1.0)
        x, y = uniform(-1.0, 1.0) * (1 - width), uniform(-1.0, 1.0) * (1 - height)
        side = torch.where(uniform(0.0, 1.0) < 0.5, -1.0, 1.0) if self.mirror else torch.ones_like(x)
        zero = torch.zeros_like(x)
        matrix = torch.stack([width * side, zero, x, zero, height, y], dim=1).view(b, 2, 3)
        where = F.affine_grid(matrix, list(images.shape), align_corners=False)
        views = F.grid_sample(images, where, padding_mode="reflection", align_corners=False)

        # contrast about the view's mean, then brightness, then each color separately
        mean = views.mean((1, 2, 3), keepdim=True)
        views = (views - mean) * (1 + uniform(-self.light, self.light, 1, 1, 1)) + mean
        views = views * (1 + uniform(-self.light, self.light, 1, 1, 1))
        if c == 3:
            views = views * (1 + uniform(-self.colour, self.colour, 3, 1, 1))
        return views


#: Small changes only: a large crop may hide the differences between classes.
SLIGHT = Augmentation(min_area=0.7, light=0.2)
