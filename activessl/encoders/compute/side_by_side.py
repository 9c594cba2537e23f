"""Process parts of batches in parallel threads and return them in order, with two batches in progress at a time.

Items are decoded in this way, because Pillow and NumPy release the interpreter lock while they work. The CPU also
computes in this way if each part is small enough for one thread: threads that share every operation wait for the
slowest thread after each operation, and one thread is always slow while the next batch is being decoded.
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

#: Items that a thread decodes in one task: starting a task costs about as much as decoding a small picture.
_DECODED = 16

#: Largest number of decoding threads, since more threads wait for the interpreter lock; also the number of threads
#: for which the sizes of parts are chosen.
_MOST = 8

#: Items with fewer values are decoded mostly under the interpreter lock, so a second thread does not help.
_LARGE = 2**17


def in_order(
    batches: Iterable[Sequence[P]], work: Callable[[P], R], workers: int, begin: Callable[[], None] | None = None
) -> Iterator[list[R]]:
    """Yield the results of each batch of parts in order; while one batch is in use, the next one is processed.

    Args:
        batches: The parts of each batch.
        work: Called with each part, in any of the threads.
        workers: Number of threads.
        begin: Called once in each thread, before its first part.

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
        finally:  # the reader stopped early, or a part failed
            for one in (one for batch in coming for one in batch):
                one.cancel()


def _done(coming: deque[list[Future[R]]]) -> list[R]:
    found = [one.result() for one in coming[0]]  # kept in the queue, to cancel all parts if one fails
    coming.popleft()
    return found


def decoded(make: Callable[[range], Tensor], pool: Pool, batch_size: int) -> Iterator[Tensor]:
    """Yield the items of a pool in order as tensors of ``batch_size``, the last one shorter; decode one batch ahead.

    Args:
        make: Returns the tensor (b, …) of the items at a range of rows; called in several threads if items are large.
        pool: The items.
        batch_size: Items in a tensor.
    """
    large = max(math.prod(item.shape) for item in pool.items[:100]) > _LARGE
    batches = (range(len(pool))[start : start + batch_size] for start in range(0, len(pool), batch_size))
    pieces = ([rows[at : at + _DECODED] for at in range(0, len(rows), _DECODED)] for rows in batches)
    for made in in_order(pieces, make, workers=min(_MOST, processors()) if large else 1):
        yield torch.cat(made)


def computed(
    batches: Iterable[Tensor], compute: Callable[[Tensor], Tensor], most: int, device: torch.device
) -> Iterator[Tensor]:
    """Yield the results of a function on batches, computed on a device without gradients; results are on the CPU.

    Args:
        batches: Tensors (b, …) on the CPU.
        compute: A tensor (p, …) of any number of items on the device -> (p, …).
        most: Largest number of items in a call; reduced if many threads compute or memory is short.
        device: On the CPU, each part is computed by one thread, and a batch is shared among all threads of torch.

    Raises:
        EncoderError: The memory of the device is too small for one item.
    """

    @torch.inference_mode()  # the mode is set per thread
    def part(items: Tensor) -> Tensor:
        return compute(items.to(device)).cpu()

    threads = torch.get_num_threads()
    if device.type != "cpu" or threads == 1 or not _settable():
        for batch in batches:
            found, most = _with_memory(part, batch, most)
            yield found
        return
    # memory must not grow with the number of threads
    most = max(1, most * _MOST // max(_MOST, threads))
    shared = (list(parts(batch, min(most, max(1, math.ceil(len(batch) / threads))))) for batch in batches)
    try:
        for made in in_order(shared, part, threads, _alone):
            torch.set_num_threads(threads)  # threads that start later inherit the number that one thread sets
            yield torch.cat(made)
    finally:
        torch.set_num_threads(threads)


def _with_memory(compute: Callable[[Tensor], Tensor], batch: Tensor, most: int) -> tuple[Tensor, int]:
    """Compute a batch in parts, halve the parts if memory is too small, and return also their final size."""
    while True:
        try:
            return torch.cat([compute(items) for items in parts(batch, most)]), most
        except torch.OutOfMemoryError:
            if most == 1:
                raise EncoderError(
                    "the GPU memory is too small to encode one item at a time",
                    hint="stop other programs that use the GPU, or set CUDA_VISIBLE_DEVICES= (empty) to use the CPU",
                ) from None
            most = max(1, min(most, len(batch)) // 2)


def parts(rows: Tensor, size: int) -> Iterator[Tensor]:
    """Yield a tensor in pieces of at most ``size`` rows, without copying."""
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def processors() -> int:
    """The number of CPU cores that this program may use.

    Example:
        >>> 1 <= processors() <= (os.cpu_count() or 1)
        True
    """
    may = getattr(os, "sched_getaffinity", None)  # not on every system
    return len(may(0)) if may is not None else os.cpu_count() or 1


def _alone() -> None:
    torch.get_num_threads()  # without this first call, a thread would inherit what others set later
    torch.set_num_threads(1)


@cache
def _settable() -> bool:
    # with other backends, the number of threads holds for the whole program and is fixed by the first operation
    return "backend: OpenMP" in torch.__config__.parallel_info()
