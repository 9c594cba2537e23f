"""Requests that wait at the same time are answered together, in one thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

__all__ = ["Together"]

Said = tuple[int, dict[str, Any]]

#: Requests that are answered together: few enough that the first does not wait for long.
_AT_ONCE = 16


class Together:
    """Answers requests in one thread, all that wait at once.

    Not in the event loop, which answers webhooks meanwhile; and not in a thread each, because threads that compute take
    turns with the event loop: with forty of them it came to its turn every 0.2 s.

    Args:
        work: Answers several bodies, in their order.
    """

    def __init__(self, work: Callable[[Sequence[bytes]], list[Said]]) -> None:
        self._work = work
        self._waiting: list[tuple[bytes, asyncio.Future[Said]]] = []
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="activessl predict")
        self._turn: asyncio.Task[None] | None = None

    async def ask(self, body: bytes) -> Said:
        """Wait for the answer to one body."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Said] = loop.create_future()
        self._waiting.append((body, answer))
        if self._turn is None or self._turn.done():
            self._turn = loop.create_task(self._answer_all(loop))
        return await answer

    async def _answer_all(self, loop: asyncio.AbstractEventLoop) -> None:
        while self._waiting:
            now, self._waiting = self._waiting[:_AT_ONCE], self._waiting[_AT_ONCE:]
            try:
                said = await loop.run_in_executor(self._thread, self._work, [body for body, _ in now])
            except Exception as error:  # noqa: BLE001 - each that waits gets the error, and the next are answered
                for _, answer in now:
                    if not answer.done():
                        answer.set_exception(error)
                continue
            for (_, answer), one in zip(now, said, strict=True):
                if not answer.done():  # who asked may have gone
                    answer.set_result(one)
