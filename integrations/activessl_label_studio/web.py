"""``Service`` over HTTP, with FastAPI: the optional extra ``serve``."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from activessl.errors import ConfigError
from activessl_label_studio.live.desk import Desk
from activessl_label_studio.live.routes import add_live
from activessl_label_studio.service import Service

if TYPE_CHECKING:
    import uvicorn
    from fastapi import FastAPI

__all__ = ["make_app", "make_server", "run_server"]

#: The largest body: a webhook has a task and its answers, a prediction request has the tasks of a screen.
_BYTES = 16_000_000
#: Seconds for the headers of a request, and for its body: who sends half of it holds a connection no longer.
_HEADERS_S, _BODY_S = 10.0, 30.0
#: Connections at once; further ones are answered with 503, so that the process never lacks descriptors.
_CONNECTIONS = 512

_MISSING = "activessl serve needs FastAPI and uvicorn, which are not installed"
_INSTALL = "run: pip install 'activessl[serve]'"


def make_app(service: Service, desk: Desk | None = None) -> FastAPI:
    """Make the web application. The caller starts and stops the worker.

    Args:
        service: Answers Label Studio.
        desk: Answers people who look at the live page; None without one.

    Raises:
        ConfigError: FastAPI is not installed.
    """
    try:
        from fastapi import FastAPI, Request
        from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse
        from starlette.concurrency import run_in_threadpool
    except ImportError:
        raise ConfigError(_MISSING, hint=_INSTALL) from None

    app = FastAPI(title="activessl", docs_url=None, redoc_url=None, openapi_url=None)

    def answer(said: tuple[int, dict[str, Any]]) -> JSONResponse:
        return JSONResponse(said[1], status_code=said[0])

    async def read(request: Request) -> bytes | None:
        """Return the body, or None if it is too large."""
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > _BYTES:
                return None
        return bytes(body)

    async def posted(request: Request) -> JSONResponse:
        if not service.allows(request.headers):
            return answer(service.refuse())
        try:
            body = await asyncio.wait_for(read(request), _BODY_S)
        except TimeoutError:
            return answer((408, {"detail": f"the body did not come within {_BODY_S:g} s"}))
        if body is None:
            return answer((413, {"detail": f"the body has more than {_BYTES:,} bytes"}))
        path = request.url.path
        if path == "/webhook":
            return answer(service.webhook(body))
        if path == "/setup":
            return answer(service.setup())
        # slow, because it computes on the whole pool: not in the event loop that answers webhooks
        return answer(await run_in_threadpool(service.predict, body))

    async def looked(request: Request) -> JSONResponse:
        return answer(service.versions() if request.url.path == "/versions" else service.health())

    async def home(request: Request) -> JSONResponse | HTMLResponse:
        """Answer Label Studio, and browsers: both ask for the address itself."""
        if desk is None or "text/html" not in request.headers.get("accept", ""):
            return answer(service.health())
        reply = await run_in_threadpool(desk.home, request.headers.get("cookie", ""))
        return HTMLResponse(reply.body, status_code=reply.status, headers=dict(reply.headers))

    async def metrics(request: Request) -> PlainTextResponse | JSONResponse:
        if not service.allows(request.headers):
            return answer(service.refuse())
        return PlainTextResponse(service.metrics(), media_type="text/plain; version=0.0.4")

    async def gone(_: Request) -> JSONResponse:
        return answer((410, {"detail": "this path belongs to an older protocol"}))

    for path in ("/webhook", "/setup", "/predict"):
        app.add_route(path, posted, methods=["POST"])
    for path in ("/health", "/versions"):
        app.add_route(path, looked, methods=["GET"])
    app.add_route("/", home, methods=["GET"])
    if desk is not None:
        add_live(app, desk)
    app.add_route("/metrics", metrics, methods=["GET"])
    app.add_route("/job_status", gone, methods=["GET", "POST"])
    return app


def run_server(service: Service, host: str, port: int, desk: Desk | None = None) -> None:
    """Start the worker, and answer requests until interrupted.

    Raises:
        ConfigError: uvicorn is not installed.
    """
    server = make_server(service, host, port, desk)
    service.worker.start()
    try:
        server.run()
    finally:
        service.worker.stop()


def make_server(service: Service, host: str, port: int, desk: Desk | None = None) -> uvicorn.Server:
    """Return the server, which is not started; before it ends, it ends the streams of open live pages.

    Raises:
        ConfigError: uvicorn is not installed.
    """
    app = make_app(service, desk)
    try:
        import uvicorn
    except ImportError:
        raise ConfigError(_MISSING, hint=_INSTALL) from None

    class Server(uvicorn.Server):
        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            if desk is not None:
                desk.close()  # or uvicorn waits for streams that have no end, and then cancels them with a traceback
            await super().shutdown(sockets)

    clocks = _Clocks()
    config = uvicorn.Config(
        clocks.watched(app),
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        limit_concurrency=_CONNECTIONS,
        timeout_graceful_shutdown=5,  # a request that never ends must not hold up the end
    )
    config.load()
    config.http_protocol_class = clocks.timed(config.http_protocol_class)
    return Server(config)


class _Clocks:
    """Closes connections whose headers do not come: uvicorn waits for them without a limit."""

    def __init__(self) -> None:
        self._running: dict[Any, tuple[asyncio.BaseTransport, asyncio.TimerHandle | None]] = {}

    def timed(self, protocol: Any) -> Any:
        """Return a protocol of uvicorn that starts a clock with each connection."""
        clocks = self

        class Timed(protocol):  # type: ignore[misc]
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                super().connection_made(transport)
                clocks.start(_name(transport), transport)

            def connection_lost(self, error: Exception | None) -> None:
                clocks.end(_name(self.transport))
                super().connection_lost(error)

        return Timed

    def watched(self, app: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        """Return the application, which stops the clock while it answers a request."""

        async def answer(scope: Any, receive: Any, send: Any) -> None:
            name = tuple(scope["client"] or ()) if scope["type"] == "http" else ()
            self._stop(name)
            try:
                await app(scope, receive, send)
            finally:
                if name in self._running:
                    self.start(name, self._running[name][0])

        return answer

    def start(self, name: Any, transport: asyncio.BaseTransport) -> None:
        """Start, or restart, the clock of a connection."""
        self._stop(name)
        abort = getattr(transport, "abort", transport.close)
        self._running[name] = transport, asyncio.get_running_loop().call_later(_HEADERS_S, abort)

    def end(self, name: Any) -> None:
        """Forget a connection."""
        self._stop(name)
        self._running.pop(name, None)

    def _stop(self, name: Any) -> None:
        transport, clock = self._running.get(name, (None, None))
        if transport is not None and clock is not None:
            clock.cancel()
            self._running[name] = transport, None


def _name(transport: asyncio.BaseTransport) -> tuple[Any, ...]:
    """The address of the other side, as a request has it."""
    return tuple((transport.get_extra_info("peername") or ())[:2])
