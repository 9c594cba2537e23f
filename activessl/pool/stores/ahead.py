"""Read ahead: while an item is used, those that come after it are fetched."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from threading import Lock
from typing import Generic, TypeVar

from activessl.errors import PoolError

K = TypeVar("K", bound=Hashable)

#: What is fetched and was not asked for yet: things, and bytes.
MOST_AHEAD, MOST_BYTES = 64, 64_000_000


class Ahead(Generic[K]):
    """Fetches things before they are asked for, at most so many, and keeps none that was asked for.

    The reader tells what it will read next. Nothing is fetched before a second thing in a row was read, so that a
    single one costs nothing else.

    Args:
        fetch: Reads one thing; called in several threads.
        size: The size of a thing in bytes, about.
        threads: Things that are fetched at the same time.
    """

    def __init__(self, fetch: Callable[[K], bytes], size: Callable[[K], int], threads: int) -> None:
        self._fetch, self._size, self._threads = fetch, size, threads
        self._coming: OrderedDict[K, Future[bytes]] = OrderedDict()
        self._next: deque[K] = deque(maxlen=32)  # several threads may each read a part in order
        self._lock = Lock()
        self._pool: ThreadPoolExecutor | None = None

    def expect(self, now: K, following: Sequence[K]) -> None:
        """Take note that a thing is read now, and which will be read after it."""
        with self._lock:
            in_a_row = now in self._next or now in self._coming
            if following:
                self._next.append(following[0])
            if not in_a_row:
                return
            wanted = [one for one in following[:MOST_AHEAD] if one not in self._coming]
            budget = MOST_BYTES - sum(self._size(one) for one in self._coming)
            for one in wanted:
                budget -= self._size(one)
                while budget < 0 or len(self._coming) >= 2 * MOST_AHEAD:
                    # what nobody has come for is given up, but not what was just begun
                    oldest = next((key for key in self._coming if key not in following and key != now), None)
                    if oldest is None:
                        return
                    budget += self._size(oldest)
                    self._coming.pop(oldest).cancel()
                if self._pool is None:
                    self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="ahead")
                self._coming[one] = self._pool.submit(self._fetch, one)

    def take(self, one: K) -> bytes | None:
        """What was fetched ahead; None if it was not, or could not be: then it is read as if nothing had been."""
        with self._lock:
            future = self._coming.pop(one, None)
        if future is not None and not future.cancel():
            with suppress(PoolError):
                return future.result()
        return None
