"""Threads that take turns at the borders of steps, in an order that a seed decides: the same seed, the same order.

A thread that comes to a border waits until it is let go on; one goes on at a time. Borders lie before and after each
write to the ledger, each reading of it, each lock that is taken or left, and each request to the labeling tool; never
inside a transaction, where the other thread would wait for the database, and not for us.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import activessl.project.folder as folder_module
from activessl.ledger.store import Ledger
from activessl_label_studio.client import Client

#: Seconds between two borders after which two threads are said to wait for each other.
HANGS_S = 60.0


class Hangs(AssertionError):
    """A thread did not come to a border: it waits for the other one."""


class Turns:
    """Lets one of several threads go on at a time."""

    def __init__(self, choose: Callable[[list[str], str], str]) -> None:
        self._choose = choose
        self._change = threading.Condition()
        self._at: dict[str, str] = {}  # the border at which each waiting thread stands
        self._running: str | None = None
        self._left: set[str] = set()
        self.borders: Counter[str] = Counter()
        self.order: list[str] = []
        self.errors: dict[str, BaseException] = {}

    def border(self, where: str) -> None:
        """Wait for the next turn, if this thread is one of those that take turns."""
        name = threading.current_thread().name
        with self._change:
            if name not in self._left:
                return
            self.borders[where] += 1
            self._at[name] = where
            if self._running == name:
                self._running = None
            self._change.notify_all()
            self._change.wait_for(lambda: self._running == name)

    def run(self, work: Mapping[str, Callable[[], None]]) -> None:
        """Run all to their end.

        Raises:
            Hangs: One waits for another.
        """

        def do(name: str, what: Callable[[], None]) -> None:
            self.border("start")
            try:
                what()
            except BaseException as error:
                self.errors[name] = error
            with self._change:
                self._left.discard(name)
                self._running = None
                self._change.notify_all()

        self._left = set(work)
        threads = [threading.Thread(target=do, args=one, name=one[0], daemon=True) for one in work.items()]
        for thread in threads:
            thread.start()
        last = ""
        with self._change:
            while self._left:
                if not self._change.wait_for(lambda: self._running is None and self._left <= self._at.keys(), HANGS_S):
                    raise Hangs(f"{self._running} does not come on after {self._at.get(self._running or '')}")
                if not self._left:
                    break
                last = self._choose(sorted(self._left), last)
                self.order.append(last)
                del self._at[last]
                self._running = last
                self._change.notify_all()
        for thread in threads:
            thread.join(HANGS_S)
        for error in self.errors.values():
            raise error

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Put the borders into place."""
        turns, append, last, locked = self, Ledger.append, Ledger.last, folder_module.locked
        send = Client._send

        def _append(ledger: Ledger, events: Any) -> int:
            turns.border("write")
            new = append(ledger, events)
            turns.border("written")
            return new

        def _last(ledger: Ledger) -> int:
            turns.border("read")
            return last(ledger)

        @contextmanager
        def _locked(folder: Any) -> Iterator[None]:
            turns.border("lock")
            with locked(folder):
                turns.border("locked")
                yield
                turns.border("unlock")
            turns.border("unlocked")

        def _send(client: Client, method: str, path: str, *rest: Any) -> Any:
            turns.border("request")
            answer = send(client, method, path, *rest)
            turns.border("answer")
            return answer

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Ledger, "append", _append)
            patch.setattr(Ledger, "last", _last)
            patch.setattr(folder_module, "locked", _locked)
            patch.setattr(Client, "_send", _send)
            yield


def at_random(seed: int) -> Callable[[list[str], str], str]:
    """Stay with the same thread for a while, whose length differs by seed: between one border and many."""
    rng = np.random.default_rng(seed)
    stay = float(rng.choice([0.0, 0.5, 0.8, 0.95]))

    def choose(names: list[str], last: str) -> str:
        return last if last in names and rng.random() < stay else str(rng.choice(names))

    return choose
