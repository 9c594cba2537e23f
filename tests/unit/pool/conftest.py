"""A web server of this process, with the faults that servers have."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from activessl.pool.stores import store


@dataclass
class Web:
    """A server of the files of a folder.

    Attributes:
        folder: Its files.
        url: Its address.
        asked: The paths that were asked for, with their queries.
        failing: So many answers are 503, by path.
        denied: Paths that are 403.
        sent: Answers instead of files: status and headers, by path.
        ranges: Whether parts of files are sent.
        down: Whether every connection is closed without an answer.
    """

    folder: Path
    url: str = ""
    asked: list[str] = field(default_factory=list)
    failing: dict[str, int] = field(default_factory=dict)
    denied: set[str] = field(default_factory=set)
    sent: dict[str, tuple[int, dict[str, str]]] = field(default_factory=dict)
    ranges: bool = True
    down: bool = False


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    folder = tmp_path / "web"
    folder.mkdir()
    made = Web(folder)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            made.asked.append(self.path)
            path = unquote(urlsplit(self.path).path).lstrip("/")
            if made.down:
                self.close_connection = True
                return
            if made.failing.get(path, 0) > 0:
                made.failing[path] -= 1
                self._send(503, b"")
            elif path in made.denied:
                self._send(403, b"secret=word")
            elif path in made.sent:
                status, headers = made.sent[path]
                self._send(status, b"", headers)
            elif (made.folder / path).is_dir():
                names = sorted(one.name + "/" * one.is_dir() for one in (made.folder / path).iterdir())
                page = "".join(f'<a href="{name}">{name}</a>' for name in names)
                self._send(200, page.encode(), {"Content-Type": "text/html"})
            elif not (made.folder / path).is_file():
                self._send(404, b"")
            else:
                content = (made.folder / path).read_bytes()
                headers = {"ETag": str((made.folder / path).stat().st_mtime_ns)}
                asked = self.headers.get("Range")
                if asked and made.ranges:
                    first, _, last = asked.removeprefix("bytes=").partition("-")
                    part = content[int(first) : int(last or len(content) - 1) + 1]
                    end = int(first) + len(part) - 1
                    self._send(206, part, headers | {"Content-Range": f"bytes {first}-{end}/{len(content)}"})
                else:
                    self._send(200, content, headers)

        def _send(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def log_message(self, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *args: object) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    monkeypatch.setattr(store, "PAUSE_S", 0.001)
    yield made
    server.shutdown()
    server.server_close()
