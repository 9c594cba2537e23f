"""A proxy between activessl and a real server that does what networks and proxies do to requests."""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import numpy as np

#: What can become of a request:
#:   refuse   the connection ends, the server never hears of it
#:   lose     the server acts, the answer never comes
#:   repeat   the server hears it twice
#:   502      the proxy answers for a server that never heard of it
#:   504      the proxy answers for a server that acted
#:   slow     the answer comes late, but comes
#:   late     the answer never comes, and the server acts long after everybody gave up
#:   half     the answer breaks off in its middle
FAULTS = ("refuse", "lose", "repeat", "502", "504", "slow", "late", "half")

#: Headers that speak of one connection, not of the request.
_OURS = ("host", "connection", "content-length", "transfer-encoding", "accept-encoding", "date", "server")


class Proxy:
    """Use it with ``with Proxy(url, share=0.2, seed=0) as proxy`` and talk to ``proxy.url``.

    Args:
        target: The server's address.
        share: The share of requests that something happens to; can be changed at any time.
        seed: Which ones.
        late: Seconds after which a request that everybody gave up is carried out.
    """

    def __init__(self, target: str, *, share: float, seed: int, late: float = 3.0) -> None:
        parts = urlsplit(target)
        self.host, self.port = str(parts.hostname), int(parts.port or 80)
        self.share, self.late = share, late
        self.happened: Counter[str] = Counter()
        #: Called once, when a request whose path ends like this has been sent on and not yet been answered.
        self.strike: tuple[str, Callable[[], None]] | None = None
        self._rng = np.random.default_rng(seed)
        self._guard = threading.Lock()
        self._later: list[threading.Thread] = []
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> Proxy:
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self.settle()

    def settle(self) -> None:
        """Wait until no request is under way any more, those included that nobody waits for."""
        for thread in self._later:
            thread.join(30)

    def draw(self, method: str, path: str) -> str:
        """What becomes of a request."""
        with self._guard:
            if self._rng.random() >= self.share:
                return ""
            fault = str(self._rng.choice(FAULTS))
            if method == "GET" and fault in ("repeat", "late"):
                fault = "refuse"  # reading twice, or for nobody, changes nothing
            elif method != "GET":  # there are fewer of them: the rare ones first
                fault = min(("repeat", "late", fault), key=lambda name: (self.happened[name] > 1, name != fault))
            self.happened[fault] += 1
            self.happened[f"{fault} {method} {_kind(path)}"] += 1
            return fault

    def struck(self, path: str) -> Callable[[], None] | None:
        """What is to be done in the middle of this request, once."""
        with self._guard:
            if self.strike is None or not urlsplit(path).path.rstrip("/").endswith(self.strike[0]):
                return None
            _, do = self.strike
            self.strike = None
            return do

    def ask(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, list, bytes] | None:
        """The server's answer, or None if it gives none."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=60)
        do = self.struck(path)
        try:
            connection.request(method, path, body=body or None, headers=headers)
            if do is not None:
                time.sleep(0.05)  # it has begun to act
                do()
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()
        return answer.status, answer.getheaders(), content

    def ask_later(self, method: str, path: str, headers: dict[str, str], body: bytes) -> None:
        """Have the server act when nobody waits for it any more."""

        def act() -> None:
            time.sleep(self.late)
            self.ask(method, path, headers, body)

        thread = threading.Thread(target=act, daemon=True)
        self._later.append(thread)
        thread.start()


def _kind(path: str) -> str:
    """The path without its numbers and its query."""
    return "/".join("N" if part.isdigit() else part for part in urlsplit(path).path.split("/"))


def _handler(proxy: Proxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            return

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {k: v for k, v in self.headers.items() if k.lower() not in _OURS}
            headers |= {"Host": f"{proxy.host}:{proxy.port}", "Connection": "close"}
            request = (self.command, self.path, headers, body)
            fault = proxy.draw(self.command, self.path)
            if fault == "late":
                proxy.ask_later(*request)
            if fault in ("refuse", "late"):
                return self._hang_up()
            if fault == "502":
                return self._answer(502, [("Content-Type", "text/html")], b"<html>bad gateway</html>")
            if fault == "repeat":
                proxy.ask(*request)
            said = proxy.ask(*request)
            if said is None or fault == "lose":
                return self._hang_up()
            if fault == "504":
                return self._answer(504, [("Content-Type", "text/html")], b"<html>gateway timeout</html>")
            if fault == "slow":
                time.sleep(0.7)
            status, answered, content = said
            return self._answer(status, answered, content[: len(content) // 2] if fault == "half" else content)

        def _hang_up(self) -> None:
            self.close_connection = True
            self.connection.close()

        def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
            self.send_response_only(status)
            for name, value in headers:
                if name.lower() not in _OURS or name.lower() == "date":
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(content)
            self.close_connection = True

        do_GET = do_POST = do_PATCH = do_DELETE = _serve

    return Handler
