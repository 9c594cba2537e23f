"""Several processes that train one encoder: which of them this is, and what the first of them decides for all.

``torchrun`` starts them and says in the environment of each which one it is. Without that, nothing here costs anything
and everything is done by the one process there is.

All of them take the same steps of the program, so that each finds the others where it waits for them. The first one
alone writes; whatever depends on a clock, a folder or a figure is its decision, and the others are told.
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

#: How long the others wait while the first one embeds a pool; one that has ended is noticed at once.
_WAITS = timedelta(days=7)

_NEEDED = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


def count() -> int:
    """How many processes there are; 1 unless ``torchrun`` or its like started them."""
    return int(os.environ["WORLD_SIZE"]) if all(name in os.environ for name in _NEEDED) else 1


def rank() -> int:
    """Which of them this one is, from 0."""
    return int(os.environ["RANK"]) if count() > 1 else 0


def rank_here() -> int:
    """Which of those on this machine it is, from 0: the number of its GPU."""
    return int(os.environ.get("LOCAL_RANK", os.environ["RANK"])) if count() > 1 else 0


def leads() -> bool:
    """Whether this is the first process: the one that decides, writes and prints."""
    return rank() == 0


def decided(make: Callable[[], T]) -> T:
    """What the first process makes, in all of them; JSON values. The others wait for it, however long it takes.

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
    """The number of the GPU that this process has for itself; None where the machine has none.

    Raises:
        EncoderError: There are more processes on this machine than GPUs.
    """
    import torch

    if not torch.cuda.is_available():
        return None
    gpus = torch.cuda.device_count()
    if rank_here() >= gpus:
        raise EncoderError(
            f"process {rank_here()} of this machine has no GPU: there are {gpus}",
            hint=f"start {gpus} processes on this machine, each has one",
        )
    return rank_here()


@cache
def joined() -> Any:
    """Meet the other processes; the group in which they talk, as apart from sums of gradients.

    Raises:
        EncoderError: They are not found.
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
    """Say in two lines that another process has ended, or was never there."""
    try:
        yield
    except RuntimeError as error:
        raise EncoderError(
            f"another of the {count()} processes has ended, or cannot be reached",
            hint="see which of them ended first and why, then run the same command again: it goes on where it stopped",
        ) from error
