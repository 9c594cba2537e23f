"""A training step that several processes share, with the same result as one process with the whole batch.

Each process passes a part of a step's items through the network. Only the order of sums differs from one process,
because

* every process draws the random numbers of all items of the step from the same generator and uses its part: random
  numbers are cheap, and views are made of the part only;
* items are compared with the items of all processes: their vectors are gathered, with gradients;
* losses are scaled so that their mean over the processes, and the mean of their gradients, equals that of the whole
  step, for any number of items per process.

Chen et al. 2020 (arXiv:2002.05709) also gather the negatives of all devices, and normalize over all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from activessl.encoders.compute.processes import count, joined, rank, with_the_others
from activessl.errors import EncoderError


@dataclass(frozen=True)
class Share:
    """The part of a step's items that a process takes; all items if there is one process.

    Attributes:
        items: Number of items in the step.
        rank: Rank of the process.
        count: Number of processes.

    Example:
        >>> [Share(10, rank, 4).mine for rank in range(4)]
        [slice(0, 2, None), slice(2, 5, None), slice(5, 7, None), slice(7, 10, None)]
    """

    items: int
    rank: int = 0
    count: int = 1

    @classmethod
    def of(cls, items: int) -> Share:
        """The part of this process.

        Raises:
            EncoderError: There are more processes than items.
        """
        if count() > items:
            raise EncoderError(
                f"{count()} processes cannot share a step of {items} items", hint=f"start at most {items} processes"
            )
        return cls(items, rank(), count())

    @property
    def mine(self) -> slice:
        """The positions of the part among the step's items."""
        return slice(self.items * self.rank // self.count, self.items * (self.rank + 1) // self.count)

    def gathered(self, mine: Float[Tensor, "v m d"]) -> Float[Tensor, "v b d"]:
        """Gather the vectors of v views of all items of the step from the processes' parts, with gradients.

        The gradient is correct if all processes compute the same loss and the mean of their gradients is taken.
        """
        if self.count == 1:
            return mine
        whole: Tensor = _Gathered.apply(mine, self)  # type: ignore[no-untyped-call]
        return whole

    def mean(self, total: Float[Tensor, ""], weight: Float[Tensor, ""]) -> Float[Tensor, ""]:
        """Compute the mean over all items of the step from each process's sum and weight; a total weight below 1 is 1.

        The mean of the returned values over the processes is that mean, and so is the mean of their gradients.
        """
        if self.count == 1:
            return total / weight.clamp_min(1.0)
        return self.count * total / _summed(weight.detach().clone()).clamp_min(1.0)


class _Gathered(torch.autograd.Function):
    """Sum over the processes of each part padded with zeros: parts may have unequal lengths."""

    @staticmethod
    def forward(ctx: Any, mine: Tensor, share: Share) -> Tensor:
        ctx.share = share
        whole = mine.new_zeros(mine.shape[0], share.items, *mine.shape[2:])
        whole[:, share.mine] = mine
        return _summed(whole)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        # all processes have the same gradient of the same loss; times their number, because the mean is taken later
        return gradients[0][:, ctx.share.mine] * ctx.share.count, None


def average(gradients: Iterable[Tensor], loss: Float[Tensor, ""]) -> float:
    """Replace gradients by their mean over the processes, and return the mean of the losses.

    One sum for all, because the networks are small: sending each gradient as soon as it is known would cost more.
    """
    if count() == 1:
        return float(loss.detach())
    every = list(gradients)
    flat = _summed(torch.cat([one.flatten() for one in [*every, loss.detach()]])) / count()
    *parts, mean = torch.split(flat, [one.numel() for one in [*every, loss]])
    for gradient, part in zip(every, parts, strict=True):
        gradient.copy_(part.view_as(gradient))
    return float(mean)


def same_everywhere(tensors: Sequence[Tensor]) -> None:
    """Copy the first process's values to all processes: another processor or library may round differently."""
    if count() == 1:
        return
    import torch.distributed as dist

    joined()
    with with_the_others(), torch.no_grad():
        for tensor in tensors:
            dist.broadcast(tensor, 0)


def _summed(tensor: Tensor) -> Tensor:
    import torch.distributed as dist

    joined()
    with with_the_others():
        dist.all_reduce(tensor)
    return tensor
