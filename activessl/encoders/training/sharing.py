"""A step of training, shared by several processes, that ends where one process with the whole batch would end.

Each process takes a part of a step's items through the network. So that nothing but the order of sums differs from one
process,

* what is random is drawn for all items of the step by each process, from the same generator, and each takes its part:
  numbers cost little, and views of images are made of the part alone;
* items are compared with those of all processes, not of one: their vectors are gathered, with gradients;
* losses are scaled so that their mean over the processes, and with it the mean of their gradients, is that of the
  whole step, however many items each process has.

Chen et al. 2020 (arXiv:2002.05709) gather the negatives of all devices likewise, and normalise over all of them.
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
    """The part of a step's items that a process takes; all of them unless there are several processes.

    Attributes:
        items: Of the step.
        rank: Which process.
        count: Of how many.

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
                f"{count()} processes for a step of {items} items", hint=f"start {items} of them, or fewer"
            )
        return cls(items, rank(), count())

    @property
    def mine(self) -> slice:
        """Which of the items."""
        return slice(self.items * self.rank // self.count, self.items * (self.rank + 1) // self.count)

    def gathered(self, mine: Float[Tensor, "v m d"]) -> Float[Tensor, "v b d"]:
        """Vectors of v views of this process's items -> those of all items of the step, gradients included.

        The gradient is right if all processes go on to the same loss, and the mean of their gradients is taken.
        """
        if self.count == 1:
            return mine
        whole: Tensor = _Gathered.apply(mine, self)  # type: ignore[no-untyped-call]
        return whole

    def mean(self, total: Float[Tensor, ""], weight: Float[Tensor, ""]) -> Float[Tensor, ""]:
        """A mean over all items of the step, of each process's sum and weight; at least a weight of 1.

        The mean over the processes of what is returned is that value, and its gradient that value's.
        """
        if self.count == 1:
            return total / weight.clamp_min(1.0)
        return self.count * total / _summed(weight.detach().clone()).clamp_min(1.0)


class _Gathered(torch.autograd.Function):
    """Each process's part set into zeros, and the sum of that: parts may be of unequal length."""

    @staticmethod
    def forward(ctx: Any, mine: Tensor, share: Share) -> Tensor:
        ctx.share = share
        whole = mine.new_zeros(mine.shape[0], share.items, *mine.shape[2:])
        whole[:, share.mine] = mine
        return _summed(whole)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        # all processes have the same gradient, of the same loss; times their number, since the mean is taken later
        return gradients[0][:, ctx.share.mine] * ctx.share.count, None


def average(gradients: Iterable[Tensor], loss: Float[Tensor, ""]) -> float:
    """Replace gradients by their mean over the processes, and return that of the losses.

    All in one sum, since the networks are small: sending each as soon as it is known would save less than it costs.
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
    """Give all processes the first one's values: elsewhere another processor or library may have rounded otherwise."""
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
