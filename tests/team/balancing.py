"""One address before several workers: each connection goes to the next one that answers, as a reverse proxy does it."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import Counter
from collections.abc import Sequence


class Balancer:
    """Start it with ``with Balancer(ports) as url``."""

    def __init__(self, ports: Sequence[int]) -> None:
        self._ports, self._turn = list(ports), 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.taken: Counter[int] = Counter()
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self) -> Balancer:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                here, _ = self._listening.accept()
                for _ in self._ports:
                    port = self._ports[self._turn % len(self._ports)]
                    self._turn += 1
                    try:
                        there = socket.create_connection(("127.0.0.1", port))
                    except OSError:
                        continue  # this one is down
                    self.taken[port] += 1
                    for a, b in ((here, there), (there, here)):
                        threading.Thread(target=self._carry, args=(a, b), daemon=True).start()
                    break
                else:
                    here.close()

    def _carry(self, a: socket.socket, b: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while content := a.recv(1 << 16):
                b.sendall(content)
        for one in (a, b):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
