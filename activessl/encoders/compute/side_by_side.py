"""Parts of batches worked on by threads side by side, in order, with two batches in work at a time.

Items are decoded so, since Pillow and NumPy let go of the interpreter while they work; and a processor computes so
where each part is small enough for one thread: threads that share every operation wait for the slowest of them after
each, and where the next batch is decoded beside them, one always is slow.
"""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import TypeVar

import torch
from torch import Tensor

from activessl.errors import EncoderError
from activessl.pool.pool import Pool

P = TypeVar("P")
R = TypeVar("R")

#: Items that a thread decodes before it takes the next ones: handing over costs about as much as a small picture.
_DECODED = 16

#: Threads that decode, at most, since more of them wait for each other in the interpreter; and threads for whose
#: parts memory is meant.
_MOST = 8

#: An item of fewer values is decoded mostly by the interpreter, where a second thread only waits.
_LARGE = 2**17


def in_order(
    batches: Iterable[Sequence[P]], work: Callable[[P], R], workers: int, begin: Callable[[], None] | None = None
) -> Iterator[list[R]]:
    """The results of each batch of parts, in their order; while one batch is in use, the next one is worked on.

    Args:
        batches: The parts of each.
        work: Called with each part, by any of the threads.
        workers: How many threads.
        begin: Called once by each of them, before its first part.

    Example:
        >>> list(in_order([[1, 2], [3]], lambda x: 10 * x, workers=2))
        [[10, 20], [30]]
    """
    coming: deque[list[Future[R]]] = deque()
    with ThreadPoolExecutor(workers, initializer=begin) as threads:
        try:
            for batch in batches:
                coming.append([threads.submit(work, part) for part in batch])
                if len(coming) > 1:
                    yield _done(coming)
            while coming:
                yield _done(coming)
        finally:  # of a reader that stopped, or a part that failed
            for one in (one for batch in coming for one in batch):
                one.cancel()


def _done(coming: deque[list[Future[R]]]) -> list[R]:
    found = [one.result() for one in coming[0]]  # still among those that come, to be called off if one fails
    coming.popleft()
    return found


def decoded(make: Callable[[range], Tensor], pool: Pool, batch_size: int) -> Iterator[Tensor]:
    """The items of a pool in their order as tensors of ``batch_size``, the last one shorter, the next one being made.

    Args:
        make: The tensor (b, …) of the items at a range of rows; called by several threads where items are large.
        pool: The items.
        batch_size: Items of a tensor.
    """
    large = max(math.prod(item.shape) for item in pool.items[:100]) > _LARGE
    batches = (range(len(pool))[start : start + batch_size] for start in range(0, len(pool), batch_size))
    pieces = ([rows[at : at + _DECODED] for at in range(0, len(rows), _DECODED)] for rows in batches)
    for made in in_order(pieces, make, workers=min(_MOST, processors()) if large else 1):
        yield torch.cat(made)


def computed(
    batches: Iterable[Tensor], compute: Callable[[Tensor], Tensor], most: int, device: torch.device
) -> Iterator[Tensor]:
    """What a function without a gradient makes of batches, on a device; results are on the processor.

    Args:
        batches: (b, …) each, on the processor.
        compute: A tensor (p, …) of any number of items on the device -> (p, …).
        most: Items that it is given at once, at most; where many threads compute, or memory is short, they are fewer.
        device: On a processor each part is computed by one thread, and a batch is shared among all that torch may use.

    Raises:
        EncoderError: The memory of the device does not suffice for one item.
    """

    @torch.inference_mode()  # of a thread, not of the program
    def part(items: Tensor) -> Tensor:
        return compute(items.to(device)).cpu()

    threads = torch.get_num_threads()
    if device.type != "cpu" or threads == 1 or not _settable():
        for batch in batches:
            found, most = _with_memory(part, batch, most)
            yield found
        return
    # memory should not grow with the threads
    most = max(1, most * _MOST // max(_MOST, threads))
    shared = (list(parts(batch, min(most, max(1, math.ceil(len(batch) / threads))))) for batch in batches)
    try:
        for made in in_order(shared, part, threads, _alone):
            torch.set_num_threads(threads)  # what one thread sets, all that begin later take over
            yield torch.cat(made)
    finally:
        torch.set_num_threads(threads)


def _with_memory(compute: Callable[[Tensor], Tensor], batch: Tensor, most: int) -> tuple[Tensor, int]:
    """A batch in parts, half as large wherever memory does not suffice, and how large they were in the end."""
    while True:
        try:
            return torch.cat([compute(items) for items in parts(batch, most)]), most
        except torch.OutOfMemoryError:
            if most == 1:
                raise EncoderError(
                    "the memory of the GPU does not suffice, not even for one item at a time",
                    hint="end what else uses it, or set CUDA_VISIBLE_DEVICES to nothing: the processor is used then",
                ) from None
            most = max(1, min(most, len(batch)) // 2)


def parts(rows: Tensor, size: int) -> Iterator[Tensor]:
    """A tensor in pieces of at most ``size`` rows, without copying."""
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def processors() -> int:
    """How many processors this program may use.

    Example:
        >>> 1 <= processors() <= (os.cpu_count() or 1)
        True
    """
    may = getattr(os, "sched_getaffinity", None)  # not on every system
    return len(may(0)) if may is not None else os.cpu_count() or 1


def _alone() -> None:
    torch.get_num_threads()  # a thread that has never asked would take over what others set later
    torch.set_num_threads(1)


@cache
def _settable() -> bool:
    # elsewhere the number of threads is one for the whole program, and fixed by the first operation
    return "backend: OpenMP" in torch.__config__.parallel_info()
