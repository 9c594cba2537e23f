"""Several processes that train one encoder: the rank of this process, and decisions of the first process for all.

``torchrun`` starts the processes and sets the rank of each in its environment. Without ``torchrun`` there is one
process, and these functions cost nothing.

All processes run the same steps of the program, so that they meet at every synchronization. Only the first process
writes. It decides whatever depends on a clock, a folder or a figure, and sends the decision to the others.
"""

from __future__ import annotations

import atexit
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from typing import Any, TypeVar

from activessl.errors import EncoderError

T = TypeVar("T")

#: How long the others wait while the first process embeds a pool; the end of a process is noticed at once.
_WAITS = timedelta(days=7)

_NEEDED = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


def count() -> int:
    """The number of processes; 1 unless ``torchrun`` or a similar launcher started them."""
    return int(os.environ["WORLD_SIZE"]) if all(name in os.environ for name in _NEEDED) else 1


def rank() -> int:
    """The rank of this process, from 0."""
    return int(os.environ["RANK"]) if count() > 1 else 0


def rank_here() -> int:
    """The rank of this process on this machine, from 0: the number of its GPU."""
    return int(os.environ.get("LOCAL_RANK", os.environ["RANK"])) if count() > 1 else 0


def leads() -> bool:
    """Whether this is the first process, which decides, writes and prints."""
    return rank() == 0


def decided(make: Callable[[], T]) -> T:
    """Call ``make`` in the first process and return its JSON value in all processes; the others wait for it.

    Raises:
        EncoderError: Another process has ended.

    Example:
        >>> decided(lambda: {"steps": 12})
        {'steps': 12}
    """
    if count() == 1:
        return make()
    import torch
    import torch.distributed as dist

    group = joined()
    made = bytearray(json.dumps(make()).encode() if leads() else b"")
    with with_the_others():
        length = torch.tensor([len(made)])
        dist.broadcast(length, 0, group=group)
        said = torch.frombuffer(made, dtype=torch.uint8) if leads() else torch.empty(int(length), dtype=torch.uint8)
        dist.broadcast(said, 0, group=group)
    told: T = json.loads(bytes(said.tolist()))
    return told


def own_gpu() -> int | None:
    """The number of the GPU of this process alone; None if the machine has no GPU.

    Raises:
        EncoderError: There are more processes on this machine than GPUs.
    """
    import torch

    if not torch.cuda.is_available():
        return None
    gpus = torch.cuda.device_count()
    if rank_here() >= gpus:
        raise EncoderError(
            f"process {rank_here()} of this machine has no GPU: the number of GPUs is {gpus}",
            hint=f"set the number of processes on this machine to {gpus}, one for each GPU",
        )
    return rank_here()


@cache
def joined() -> Any:
    """Join the other processes, and return the group for decisions; gradients are summed in another group.

    Raises:
        EncoderError: The other processes cannot be reached.
    """
    import torch
    import torch.distributed as dist

    gpu = own_gpu()
    with with_the_others():
        if not dist.is_initialized():
            if gpu is not None:
                torch.cuda.set_device(gpu)
            dist.init_process_group("gloo" if gpu is None else "nccl")
            atexit.register(dist.destroy_process_group)
        return dist.new_group(backend="gloo", timeout=_WAITS)


@contextmanager
def with_the_others() -> Iterator[None]:
    """Turn a communication error into an ``EncoderError``: another process has ended or cannot be reached."""
    try:
        yield
    except RuntimeError as error:
        raise EncoderError(
            f"another of the {count()} processes has ended or cannot be reached",
            hint="find the process that ended first and its error, then run the same command again to resume",
        ) from error
