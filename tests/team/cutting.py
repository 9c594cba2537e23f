"""A road to a database that is cut at a chosen message: before it arrives, or after it was carried out and before the
answer is back. As a restart of a pool of connections does, all connections are cut at once."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import Literal

When = Literal["before", "after"]


class Road:
    """Start it with ``with Road(port) as road``; ``road.port`` leads to the database at ``port``."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self._guard = threading.Lock()
        self._open: list[socket.socket] = []
        self.messages, self.cut_at, self.when = 0, 0, "before"
        self.cuts = 0

    def __enter__(self) -> Road:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.close()
        self.cut()

    def count(self, cut_at: int = 0, when: When = "before") -> None:
        """Count messages from now on, and cut at one of them."""
        self.messages, self.cut_at, self.when, self.cuts = 0, cut_at, when, 0

    def cut(self) -> None:
        with self._guard:
            for one in self._open:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
                one.close()
            self._open.clear()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                here, _ = self._listening.accept()
                there = socket.create_connection(("127.0.0.1", self._to))
                for one in (here, there):
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with self._guard:
                    self._open += [here, there]
                threading.Thread(target=self._ask, args=(here, there), daemon=True).start()
                threading.Thread(target=self._answer, args=(there, here), daemon=True).start()

    def _ask(self, here: socket.socket, there: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while content := here.recv(1 << 20):
                self.messages += 1
                if self.messages == self.cut_at:
                    self.cuts += 1
                    if self.when == "after":
                        self.blocked = True
                        there.sendall(content)
                        time.sleep(0.1)  # the database carries it out; its answer is not passed on
                    self.cut()
                    self.blocked = False
                    return
                there.sendall(content)
        self._end(here, there)

    def _end(self, *both: socket.socket) -> None:
        for one in both:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        with self._guard:
            self._open = [one for one in self._open if one not in both]

    blocked = False

    def _answer(self, there: socket.socket, here: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while content := there.recv(1 << 20):
                if not self.blocked:
                    here.sendall(content)
        self._end(here, there)
