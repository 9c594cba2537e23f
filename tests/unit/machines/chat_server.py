"""A chat server over real HTTP that answers as OpenAI's protocol says, or misbehaves as told."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from math import log
from typing import Any


class ChatServer:
    """Knows the class of a text by a word in it, prefers its first class whatever the text is, and counts requests."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.seen: list[dict[str, Any]] = []
        self.keys: set[str | None] = set()
        self.logprobs = True
        self.model = "tiny"
        self.statuses: list[tuple[int, dict[str, str]]] = []  # answered first, one per request
        self.answer: Any = None  # instead of an answer
        self.about: dict[str, Any] = {"id": "tiny", "meta": {"size": 1}}
        self.slow: dict[str, float] = {}  # seconds before the answer about a text that has this in it
        self.broken: str | None = None  # the connection ends within the answer about a text that has this in it
        self.delay = 0.0  # seconds before each answer
        self.lock = threading.Lock()
        self.url = ""

    def reply(self, body: dict[str, Any]) -> Any:
        content = body["messages"][-1]["content"]
        text = content if isinstance(content, str) else content[0]["text"]
        head, _, item = text.partition("\nItem:\n")
        lines = head.split("Classes:\n")[1].split("\n")
        word = {line.partition(": ")[2] or line: line.partition(": ")[0] for line in lines}
        with self.lock:
            self.asked[item] += 1
            self.seen.append(body)
        time.sleep(self.delay + sum(seconds for word, seconds in self.slow.items() if word in item))
        if self.answer is not None:
            return self.answer
        right = next((name for name in word if name.casefold() in item.casefold()), None)
        favourite = sorted(word)[0]
        shares = {name: 0.1 + 0.3 * (name == right) + 0.6 * (name == favourite) for name in word}
        best = max(shares, key=lambda name: shares[name])
        choice: dict[str, Any] = {
            "index": 0,
            "message": {"role": "assistant", "content": word[right or best]},
            "finish_reason": "stop",
        }
        if self.logprobs:
            top = [{"token": word[name][:3], "logprob": log(share)} for name, share in shares.items()]
            choice["logprobs"] = {"content": [{**top[0], "top_logprobs": top}]}
        usage = {"prompt_tokens": 40, "completion_tokens": 1, "total_tokens": 41}
        return {"id": "x", "object": "chat.completion", "model": self.model, "choices": [choice], "usage": usage}


@contextmanager
def chat_server() -> Iterator[ChatServer]:
    state = ChatServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            return

        def do_GET(self) -> None:
            state.keys.add(self.headers.get("Authorization"))
            self._send(200, {"object": "list", "data": [state.about]})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with state.lock:
                status, headers = state.statuses.pop(0) if state.statuses else (200, {})
            if status != 200:
                self._send(status, {"error": {"message": "no"}}, headers)
            else:
                item = body["messages"][-1]["content"].partition("\nItem:\n")[2]
                self._send(200, state.reply(body), broken=state.broken is not None and state.broken in item)

        def _send(
            self, status: int, value: Any, headers: dict[str, str] | None = None, *, broken: bool = False
        ) -> None:
            raw = value if isinstance(value, bytes) else json.dumps(value).encode()
            self.send_response(status)
            for name, text in (headers or {}).items():
                self.send_header(name, text)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            with suppress(ConnectionError):  # a client that was killed, or waits no longer
                self.wfile.write(raw[: len(raw) // 2] if broken else raw)
            self.close_connection = self.close_connection or broken

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
